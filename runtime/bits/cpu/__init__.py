"""The numba back end: one thread, any CPU."""

from revc.runtime.bits.cpu.backend import CpuBackend

__all__ = ["CpuBackend"]
