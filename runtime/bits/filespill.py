"""Spilling to a file, and reading back what a killed process left in it.

The file is a chain of checked chunks (see ``chunks``): ``ROWS`` hold blocks of rows from the floor
up, ``TOPS`` the flat buffer of what was in memory above the rows before it. So a file that ends
anywhere holds a whole stack as it was at its last whole ``TOPS`` chunk. A thread writes and reads
ahead; ``take`` cuts the file back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from revc.errors import OutputError
from revc.runtime.bits.chunks import (
    ROWS,
    TOPS,
    Chunk,
    digest_before,
    read_chunk,
    read_header,
    read_last,
    write_chunk,
    write_header,
)
from revc.runtime.bits.errors import DamagedTapeError, LaneError, TruncatedTapeError
from revc.runtime.bits.stack import BitStack


class ChunkFile:
    """A file of chunks used as a stack. What was taken stays in it until something is appended."""

    def __init__(self, path: str | Path, header: Mapping[str, Any]) -> None:
        try:
            self.file = Path(path).open("w+b")  # noqa: SIM115
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
        self.digest = write_header(self.file, dict(header))
        self.file.flush()
        self.first = self.end = self.file.tell()

    def append(self, kind: bytes, payload: bytes) -> None:
        """Write a chunk after the last one."""
        self.file.truncate(self.end)
        self.file.seek(self.end)
        self.digest = write_chunk(self.file, kind, payload, self.digest)
        self.file.flush()
        self.end = self.file.tell()

    def take(self, kind: bytes) -> Chunk:
        """Give the last chunk of a kind; it and all above it count as removed."""
        while True:
            chunk = read_last(self.file, self.end, self.first)
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
        return found


class FileSpill:
    """Blocks of ``block`` rows in a file at ``path``, which is overwritten.

    ``header`` is kept in the file. With ``marks`` the rest of the stack is written at the end of
    every operation that spilled, so that the stack as it was then can be recovered from the file
    whenever the process is killed.

    Raises:
        LaneError: a block of fewer than 2 rows.
        OutputError: the file cannot be written.
    """

    def __init__(
        self, path: str | Path, header: Mapping[str, Any] | None = None, block: int = 1024,
        marks: bool = True,
    ) -> None:  # fmt: skip
        if block < 2:
            raise LaneError(f"a block has at least 2 rows, not {block}")
        self.block = block
        self.marks = marks
        self._file = ChunkFile(path, header or {})
        self._count = 0
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="tape-spill")
        self._pending: list[Future[None]] = []
        self._ahead: Future[Chunk] | None = None

    @property
    def rows(self) -> int:
        """How many rows it holds, a multiple of ``block``."""
        return self._count * self.block

    def put(self, rows: Tensor) -> None:
        """Append a block int16 [block, N]; the caller may overwrite its memory at once."""
        self._forget_ahead()
        self._count += 1
        host, ready = to_host(rows)
        self._submit(lambda: self._write(ROWS, host, ready))

    def mark(self, snapshot: Callable[[], Tensor]) -> None:
        """Record the rest of the stack, if ``marks`` are wanted."""
        if self.marks:
            rest = snapshot()
            self._submit(lambda: self._write(TOPS, rest, None))

    def take(self, device: torch.device) -> Tensor:
        """Remove the last block and give it as int16 [block, N] on ``device``.

        Raises:
            IndexError: there is none.
            DamagedTapeError: the file was changed meanwhile.
        """
        if not self._count:
            raise IndexError("take from an empty store")
        chunk = (self._ahead or self._worker.submit(self._file.take, ROWS)).result()
        self._count -= 1
        self._ahead = self._worker.submit(self._file.take, ROWS) if self._count else None
        return self._rows(chunk).to(device)

    def blocks(self) -> list[Tensor]:
        """All blocks from the floor up, on the CPU, without removing them."""
        self._forget_ahead()
        self.flush()
        return [self._rows(chunk) for chunk in self._file.chunks() if chunk.kind == ROWS]

    def flush(self) -> None:
        """Wait until all that was put is in the file; raises what went wrong on the way."""
        pending, self._pending = self._pending, []
        for future in pending:
            future.result()

    def close(self) -> None:
        """Write what is left to write and close the file, which stays where it is."""
        self._forget_ahead()
        self.flush()
        self._worker.shutdown()
        self._file.file.close()

    def _rows(self, chunk: Chunk) -> Tensor:
        flat = torch.frombuffer(bytearray(chunk.payload), dtype=torch.int16)
        return flat.reshape(self.block, -1)

    def _submit(self, job: Callable[[], None]) -> None:
        for done in [f for f in self._pending if f.done()]:
            done.result()
            self._pending.remove(done)
        self._pending.append(self._worker.submit(job))

    def _write(self, kind: bytes, data: Tensor, ready: torch.cuda.Event | None) -> None:
        if ready:
            ready.synchronize()
        self._file.append(kind, data.numpy().tobytes())

    def _forget_ahead(self) -> None:
        """Put a block that was read ahead back where it was."""
        if self._ahead is not None:
            chunk = self._ahead.result()
            self._ahead = None
            self._submit(lambda: self._file.restore(chunk))


def to_host(rows: Tensor) -> tuple[Tensor, torch.cuda.Event | None]:
    """A copy of ``rows`` in host memory, and when it will be there."""
    if rows.device.type != "cuda":
        return rows.clone(), None
    host = torch.empty(rows.shape, dtype=rows.dtype, pin_memory=True)
    host.copy_(rows, non_blocking=True)
    ready = torch.cuda.Event()
    ready.record()
    return host, ready


def recover(path: str | Path, device: torch.device | str = "cpu") -> BitStack:
    """The stack at the last whole mark of a spill file, however the file ends.

    Raises TruncatedTapeError when not one mark is whole, DamagedTapeError when what the mark says
    does not fit the rows below it.
    """
    with Path(path).open("rb") as file:
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
    return rebuild(rows[: mark[0]], mark[1], device)


def rebuild(rows: list[bytes], tops: bytes, device: torch.device | str) -> BitStack:
    """A stack from the blocks below and the flat buffer of the rest."""
    words = torch.frombuffer(bytearray(b"".join(rows)), dtype=torch.int16) if rows else None
    flat = torch.frombuffer(bytearray(tops), dtype=torch.uint8)
    return BitStack.load(flat, device, below=words)
