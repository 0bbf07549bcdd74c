"""A small archive, what it is made of, and archives of choice."""

import io
import struct
from typing import Any

import torch

import revc
from revc.runtime.bits import chunks
from revc.runtime.bits.chunks import read_chunk, read_header, write_chunk
from revc.runtime.bits.deflated import deflate
from revc.runtime.model import ReversibleModel

SPEC = """
use std.nets: linear
dim B, d = 6
state lattice(Q12.20)
model N(a, b: [B, d], given c: float32[B, d]) -> (a: [B, d]) {
  a += linear(b, c)
  put b by logistic(linear(a), step = 1/64) as code
}
"""
KEY = b"k" * 32


def small() -> tuple[ReversibleModel, tuple[torch.Tensor, ...]]:
    torch.manual_seed(0)
    return revc.compile(SPEC), tuple(torch.randn(3, 3, 6))


def packed(key: bytes | None = None) -> tuple[ReversibleModel, torch.Tensor, bytes]:
    model, (a, b, c) = small()
    return model, c, model.compress(a, b, c, key=key)


def taken(data: bytes) -> tuple[dict[str, Any], bytes]:
    """The header and the body of an archive."""
    file = io.BytesIO(data)
    header, digest = read_header(file, len(data))
    return header.values, read_chunk(file, len(data), digest).payload


def archive(header: bytes, body: bytes, kind: bytes = chunks.FLAT, end: bytes = b"") -> bytes:
    """An archive with sound digests around a header, not yet deflated, and a body of choice."""
    packed = deflate(header)
    start = struct.pack("<8sHHI", chunks.MAGIC, chunks.VERSION, 0, len(packed)) + packed
    file, digest = io.BytesIO(), chunks.digest(start)
    file.write(start + digest)
    digest = write_chunk(file, kind, body, digest)
    write_chunk(file, chunks.END, end, digest)
    return file.getvalue()
