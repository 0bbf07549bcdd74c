"""Schedules for models: what a step holds at each moment, and which actions fit a budget."""
