"""Spilling to a file, and reading back what a killed process left in it.

The file is a chain of checked chunks (see ``chunks``): ``ROWS`` hold blocks of rows from the floor
up, ``TOPS`` the flat buffer of what was in memory above the rows before it. So a file that ends
anywhere holds a whole stack as it was at its last whole ``TOPS`` chunk. A thread writes and reads
ahead; ``take`` cuts the file back. What fails once, in the thread or out of it, is a `SpillError`
from then on: a stack with a hole in it is not read back.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from revc.runtime.bits.chunkfile import ChunkFile
from revc.runtime.bits.chunks import ROWS, TOPS, Chunk, open_to_read, read_chunk, read_header
from revc.runtime.bits.copies import Copies, copies_for
from revc.runtime.bits.errors import (
    ContainerError,
    DamagedTapeError,
    LaneError,
    SpillError,
    TruncatedTapeError,
)
from revc.runtime.bits.flat import as_bytes
from revc.runtime.bits.stack import BitStack

T = TypeVar("T")


class FileSpill:
    """Blocks of ``block`` rows in a file at ``path``, which is overwritten.

    ``header`` is kept in the file. With ``marks`` the rest of the stack is written at the end of
    every operation that spilled, so that the stack as it was then can be recovered from the file
    whenever the process is killed.

    Raises:
        LaneError: a block of fewer than 2 rows.
        OutputError: the file cannot be written.
        SpillError: later, at any call: the disk is full, bytes do not come back as they were
            written, or this is a forked child, which has no thread to write and shares the file
            with its parent.
    """

    def __init__(
        self, path: str | Path, header: Mapping[str, Any] | None = None, block: int = 1024,
        marks: bool = True,
    ) -> None:  # fmt: skip
        if block < 2:
            raise LaneError(f"a block has at least 2 rows, not {block}")
        self.block = block
        self.marks = marks
        self.path = path
        self._file = ChunkFile(path, header or {})
        self._process = os.getpid()
        self._failure = ""
        self._count = 0
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="tape-spill")
        self._pending: list[Future[None]] = []
        self._ahead: Future[Chunk] | None = None
        self._copies: Copies[Any] | None = None

    @property
    def rows(self) -> int:
        """How many rows it holds, a multiple of ``block``."""
        return self._count * self.block

    def put(self, rows: Tensor) -> None:
        """Append a block int16 [block, N]; the caller may overwrite its memory at once."""
        self._forget_ahead()
        self._count += 1
        copies = self._copies = self._copies or copies_for(rows.device)
        parcel = copies.out(rows)
        self._submit(lambda: self._write(ROWS, copies.on_host(parcel)))

    def mark(self, snapshot: Callable[[], Tensor]) -> None:
        """Record the rest of the stack, if ``marks`` are wanted."""
        if self.marks:
            rest = snapshot()
            self._submit(lambda: self._write(TOPS, rest))

    def take(self, device: torch.device) -> Tensor:
        """Remove the last block and give it as int16 [block, N] on ``device``.

        Raises:
            IndexError: there is none.
            DamagedTapeError: the file was changed meanwhile.
        """
        if not self._count:
            raise IndexError("take from an empty store")
        chunk = (self._ahead or self._later(lambda: self._file.take(ROWS))).result()
        self._ahead = None
        self._count -= 1
        if self._count:
            self._ahead = self._later(lambda: self._file.take(ROWS))
        return self._rows(chunk).to(device)

    def blocks(self) -> list[Tensor]:
        """All blocks from the floor up, on the CPU, without removing them."""
        self._forget_ahead()
        self.flush()
        chunks = self._later(self._file.chunks).result()
        return [self._rows(chunk) for chunk in chunks if chunk.kind == ROWS]

    def flush(self) -> None:
        """Wait until all that was put is in the file; raises what went wrong on the way."""
        self._check()
        pending, self._pending = self._pending, []
        for future in pending:
            future.result()

    def close(self) -> None:
        """Write what is left to write and close the file, which stays where it is.

        What has failed is told by those who needed it; a forked child leaves the file alone.
        """
        if self._process != os.getpid():
            return
        try:
            if not self._failure:
                self._forget_ahead()
                self.flush()
        finally:
            self._worker.shutdown()
            self._file.close()

    def _rows(self, chunk: Chunk) -> Tensor:
        return as_bytes(chunk.payload).view(torch.int16).reshape(self.block, -1)

    def _submit(self, job: Callable[[], None]) -> None:
        for done in [f for f in self._pending if f.done()]:
            self._pending.remove(done)
            done.result()
        self._pending.append(self._later(job))

    def _later(self, job: Callable[[], T]) -> Future[T]:
        """Let the thread do a job when it has done all that came before."""
        self._check()
        return self._worker.submit(self._done, job)

    def _done(self, job: Callable[[], T]) -> T:
        """Do a job in the thread; nothing is done after one that failed."""
        if self._failure:
            raise SpillError(self._failure)
        try:
            return job()
        except (OSError, ContainerError) as error:
            what = error.strerror if isinstance(error, OSError) else error
            self._failure = (
                f"the spill file {self.path} fails: {what or error}. The tape that streamed to it "
                "is lost: the run that wrote it cannot be undone, and others are not touched"
            )
            raise SpillError(self._failure) from error

    def _check(self) -> None:
        if self._failure:
            raise SpillError(self._failure)
        if self._process != os.getpid():
            raise SpillError(
                f"the spill file {self.path} belongs to the process that forked this one: a run "
                "whose tape streams to a file is undone where it was made"
            )

    def _write(self, kind: bytes, data: Tensor) -> None:
        self._file.append(kind, data.numpy().tobytes())

    def _forget_ahead(self) -> None:
        """Put a block that was read ahead back where it was."""
        if self._ahead is not None:
            self._check()
            ahead, self._ahead = self._ahead, None
            chunk = ahead.result()
            self._submit(lambda: self._file.restore(chunk))


def recover(
    path: str | Path, device: torch.device | str = "cpu", memory: int | None = None
) -> BitStack:
    """The stack at the last whole mark of a spill file, however the file ends.

    ``memory`` bounds what it takes, as for ``BitStack.load``. Raises TruncatedTapeError when no
    mark is whole, DamagedTapeError when what the mark says does not fit the rows below it.
    """
    with open_to_read(path) as file:
        size = file.seek(0, 2)
        file.seek(0)
        _, digest = read_header(file, size)
        rows: list[bytes] = []
        mark: tuple[int, bytes] | None = None
        while True:
            try:
                chunk = read_chunk(file, size, digest)
            except (TruncatedTapeError, DamagedTapeError):
                break
            digest = chunk.digest
            if chunk.kind == ROWS:
                rows.append(chunk.payload)
            elif chunk.kind == TOPS:
                mark = len(rows), chunk.payload
    if mark is None:
        raise TruncatedTapeError("the spill file has no whole mark to recover from")
    return rebuild(rows[: mark[0]], mark[1], device, memory)


def rebuild(
    rows: list[bytes], tops: bytes, device: torch.device | str, memory: int | None = None
) -> BitStack:
    """A stack from the blocks below and the flat buffer of the rest."""
    if any(len(block) % 2 for block in rows):
        raise DamagedTapeError("the rows of a spill file do not fit its lanes")
    words = as_bytes(b"".join(rows)).view(torch.int16) if rows else None
    return BitStack.load(as_bytes(tops), device, below=words, memory=memory)
