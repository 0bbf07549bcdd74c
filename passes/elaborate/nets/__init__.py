"""Nets of a body: their declarations, calls, options and slots."""
