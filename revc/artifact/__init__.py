"""Compiled artifacts: a program's graphs, nets and description, written as a Python package."""
