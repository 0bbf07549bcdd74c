"""Streams interleaved by warp: tapes of bytes and 16-bit floats for a GPU."""

__all__: list[str] = []
