"""What the weights of checksums are made of, for operators and for kernels."""

COLUMNS = 1024
"""Words that are summed by one row of weights before rows are."""

MULTIPLIER = 0x9E3779B1
"""Odd, and small enough that no weight overflows: compilers fold weights in unbounded integers."""
