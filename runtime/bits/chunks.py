"""The bytes of a tape file: a header and a chain of checked chunks.

All numbers are little-endian.

    file   = MAGIC, version u16, 0 u16, length u32, header (JSON, deflated), digest [16], chunk*
    chunk  = kind [4], length u64, payload, digest [16], length u64

A digest is BLAKE2b-128 over the digest before it and all bytes of the header or chunk up to
itself, so that no accident alters, drops, doubles or moves a chunk unnoticed. It has no key: who
changes a file on purpose can write the digests anew, so whatever is read is checked as well. The
length stands at both ends so that a file can be read from its end. A whole file closes with an
``END `` chunk.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO

from revc.runtime.bits import header as headers
from revc.runtime.bits.deflated import deflate, inflate
from revc.runtime.bits.errors import ContainerError, DamagedTapeError, TruncatedTapeError
from revc.runtime.bits.header import Fields

MAGIC = b"\x89REVTAPE"
VERSION = 2
DIGEST = 16
_FILE = struct.Struct("<8sHHI")
_HEAD = struct.Struct("<4sQ")
_TAIL = struct.Struct("<Q")
OVERHEAD = _HEAD.size + DIGEST + _TAIL.size

ROWS, TOPS, FLAT, END = b"ROWS", b"TOPS", b"FLAT", b"END "
KINDS = (ROWS, TOPS, FLAT, END)


@dataclass(frozen=True)
class Chunk:
    """One checked chunk and where it lies."""

    kind: bytes
    payload: bytes
    digest: bytes
    offset: int

    @property
    def end(self) -> int:
        """Offset of the byte after the chunk."""
        return self.offset + OVERHEAD + len(self.payload)


def digest(*parts: bytes) -> bytes:
    """BLAKE2b-128 of the parts joined."""
    state = blake2b(digest_size=DIGEST)
    for part in parts:
        state.update(part)
    return state.digest()


def write_header(file: BinaryIO, header: Mapping[str, Any]) -> bytes:
    """Write the start of a file; gives its digest."""
    body = deflate(headers.encode(header))
    start = _FILE.pack(MAGIC, VERSION, 0, len(body)) + body
    file.write(start + digest(start))
    return digest(start)


def write_chunk(file: BinaryIO, kind: bytes, payload: bytes, before: bytes) -> bytes:
    """Write one chunk that follows the digest ``before``; gives its own digest."""
    head = _HEAD.pack(kind, len(payload))
    own = digest(before, head, payload)
    file.write(head)
    file.write(payload)
    file.write(own + _TAIL.pack(len(payload)))
    return own


def open_to_read(path: str | Path) -> BinaryIO:
    """A file to read; ContainerError if there is none."""
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise ContainerError(f"cannot read {path}: {error.strerror or error}") from error


def take(file: BinaryIO, count: int, what: str) -> bytes:
    """Read exactly ``count`` bytes."""
    data = file.read(count)
    if len(data) < count:
        raise TruncatedTapeError(f"the file ends within {what}")
    return data


def read_header(file: BinaryIO, size: int) -> tuple[Fields, bytes]:
    """Read and check the start of a file of ``size`` bytes; gives the header and its digest."""
    start = take(file, _FILE.size, "the file header")
    magic, version, zero, length = _FILE.unpack(start)
    if magic != MAGIC:
        raise DamagedTapeError("this is not a tape file: wrong magic number")
    if version != VERSION or zero:
        raise DamagedTapeError(f"tape format version {version} is not {VERSION}")
    if length > size - _FILE.size - DIGEST:
        raise TruncatedTapeError("the file ends within its header")
    if length > headers.LONGEST:
        raise DamagedTapeError(f"a header of {length} bytes is none of ours")
    body = take(file, length, "the header")
    own = take(file, DIGEST, "the header's digest")
    if own != digest(start + body):
        raise DamagedTapeError("the header does not match its digest")
    return headers.decode(inflate(body)), own


def read_chunk(file: BinaryIO, size: int, before: bytes) -> Chunk:
    """Read and check the chunk at the file's position, which follows the digest ``before``."""
    offset = file.tell()
    head = take(file, _HEAD.size, "a chunk's head")
    kind, length = _HEAD.unpack(head)
    if kind not in KINDS:
        raise DamagedTapeError(f"unknown chunk {kind!r} at byte {offset}")
    if length > size - offset - OVERHEAD:
        raise TruncatedTapeError(f"the chunk at byte {offset} reaches past the end of the file")
    payload = take(file, length, "a chunk")
    own = take(file, DIGEST, "a chunk's digest")
    tail = take(file, _TAIL.size, "a chunk's tail")
    if own != digest(before, head, payload):
        raise DamagedTapeError(f"the chunk at byte {offset} does not match its digest")
    if _TAIL.unpack(tail)[0] != length:
        raise DamagedTapeError(f"the chunk at byte {offset} has two different lengths")
    return Chunk(kind, payload, own, offset)


def read_last(file: BinaryIO, end: int, first: int) -> Chunk:
    """Read and check the chunk that ends at byte ``end``; chunks begin at byte ``first``."""
    if end - first < OVERHEAD:
        raise TruncatedTapeError("no chunk is left to read")
    file.seek(end - _TAIL.size)
    (length,) = _TAIL.unpack(take(file, _TAIL.size, "a chunk's tail"))
    offset = end - OVERHEAD - length
    if offset < first:
        raise DamagedTapeError(f"the chunk that ends at byte {end} has an impossible length")
    before = digest_before(file, offset, first)
    file.seek(offset)
    return read_chunk(file, end, before)


def digest_before(file: BinaryIO, offset: int, first: int) -> bytes:
    """The digest that the chunk at ``offset`` follows: the header's, or the last chunk's."""
    file.seek(offset - DIGEST - (_TAIL.size if offset > first else 0))
    return take(file, DIGEST, "a digest")
