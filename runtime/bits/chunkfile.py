"""A file of checked chunks used as a stack; see ``chunks`` for its bytes."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from revc.errors import OutputError
from revc.runtime.bits.chunks import (
    Chunk,
    digest_before,
    read_chunk,
    read_header,
    read_last,
    write_chunk,
    write_header,
)
from revc.runtime.bits.errors import DamagedTapeError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class WholeFile(io.FileIO):
    """A file whose writes are whole or raise, without a buffer that a forked child writes again."""

    def write(self, data: ReadableBuffer, /) -> int:
        """Write all of ``data``."""
        view, done = memoryview(data), 0
        while done < len(view):
            done += super().write(view[done:])
        return done


class ChunkFile:
    """A file of chunks used as a stack. What was taken stays in it until something is appended."""

    def __init__(self, path: str | Path, header: Mapping[str, Any]) -> None:
        try:
            self.file = WholeFile(path, "w+")
            self.digest = self._begin(header)
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
        self.first = self.end = self.file.tell()

    def _begin(self, header: Mapping[str, Any]) -> bytes:
        """Write the header; a file that cannot take it is closed."""
        try:
            return write_header(self.file, header)
        except OSError:
            self.file.close()
            raise

    def append(self, kind: bytes, payload: bytes) -> None:
        """Write a chunk after the last one."""
        self.file.truncate(self.end)
        self.file.seek(self.end)
        self.digest = write_chunk(self.file, kind, payload, self.digest)
        self.end = self.file.tell()

    def take(self, kind: bytes) -> Chunk:
        """Give the last chunk of a kind; it and all above it count as removed.

        The digest of the last chunk is known here, and it covers those below: what is given is what
        was appended, whoever has written to the file since. DamagedTapeError if it is not.
        """
        while True:
            chunk = read_last(self.file, self.end, self.first)
            if chunk.digest != self.digest:
                raise DamagedTapeError(f"the chunk at byte {chunk.offset} was written by another")
            self.end = chunk.offset
            self.digest = digest_before(self.file, self.end, self.first)
            if chunk.kind == kind:
                return chunk

    def restore(self, chunk: Chunk) -> None:
        """Undo ``take`` of the last chunk, if nothing was appended since."""
        self.end, self.digest = chunk.end, chunk.digest

    def chunks(self) -> list[Chunk]:
        """All chunks from the first on."""
        self.file.seek(0)
        _, digest = read_header(self.file, self.end)
        found = []
        while self.file.tell() < self.end:
            found.append(read_chunk(self.file, self.end, digest))
            digest = found[-1].digest
        if digest != self.digest:
            raise DamagedTapeError("the chunks of the file were written by another")
        return found

    def close(self) -> None:
        """Close the file, which stays where it is."""
        self.file.close()
