"""Streams interleaved by warp: tapes of bytes and 16-bit floats for a GPU."""

from revc.runtime.bits.warp.table import WarpTable
from revc.runtime.bits.warp.tape import WarpTape, streams_for

__all__ = ["WarpTable", "WarpTape", "streams_for"]
