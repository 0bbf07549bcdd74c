"""Statements that exchange bits: how values are coded, and what that costs."""
