"""Tape files: write a stack, read it back, and refuse whatever is not exactly what was written.

The header names the program and the shapes that the tape is for, next to the stack's geometry. The
bytes are those of ``chunks``: ``FLAT`` chunks hold the flat buffer of ``flat`` in pieces, then an
``END `` chunk says how many pieces and bytes there were.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from revc.errors import OutputError
from revc.runtime.bits.chunks import (
    END,
    FLAT,
    Chunk,
    open_to_read,
    read_chunk,
    read_header,
    write_chunk,
    write_header,
)
from revc.runtime.bits.errors import DamagedTapeError, TapeMismatchError, TruncatedTapeError
from revc.runtime.bits.flat import as_bytes
from revc.runtime.bits.header import Fields
from revc.runtime.bits.stack import BitStack

PIECE = 1 << 22
"""Bytes of a chunk."""
_COUNTS = struct.Struct("<QQ")
Shapes = Mapping[str, Sequence[int]]


def describe(stack: BitStack, program: str, shapes: Shapes | None) -> dict[str, Any]:
    """The header of a tape file for ``stack``."""
    return {
        "program": program,
        "shapes": {name: list(shape) for name, shape in (shapes or {}).items()},
        "sequences": stack.sequences,
        "lanes": stack.lanes,
        "mode": stack.mode.name,
        "seed": stack.seed,
    }


class TapeWriter:
    """Writes a tape file piece by piece; without ``close`` the file stays recognisably cut off."""

    def __init__(self, file: BinaryIO, header: Mapping[str, Any]) -> None:
        self.file = file
        self.digest = write_header(file, dict(header))
        self.chunks = self.bytes = 0

    def write(self, payload: bytes) -> None:
        """Append one chunk of the flat buffer."""
        self.digest = write_chunk(self.file, FLAT, payload, self.digest)
        self.chunks += 1
        self.bytes += len(payload)

    def close(self) -> None:
        """Write the closing chunk; the file itself stays open."""
        counts = _COUNTS.pack(self.chunks, self.bytes)
        self.digest = write_chunk(self.file, END, counts, self.digest)
        self.file.flush()


class TapeReader:
    """Reads a tape file piece by piece; every piece is checked before it is handed out.

    Raises:
        TruncatedTapeError: the file ends within its header.
        DamagedTapeError: it is no tape file, or of another version.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.size = file.seek(0, 2)
        file.seek(0)
        self.header, self.digest = read_header(file, self.size)

    def chunks(self) -> Iterator[Chunk]:
        """The checked chunks up to the closing one, which must end the file.

        Raises:
            TruncatedTapeError: the file ends before its closing chunk.
            DamagedTapeError: a chunk fails its checksum, or the closing one does not fit the rest.
        """
        seen = total = 0
        while True:
            if self.file.tell() == self.size:
                raise TruncatedTapeError("the tape file has no closing chunk: it was cut off")
            chunk = read_chunk(self.file, self.size, self.digest)
            self.digest = chunk.digest
            if chunk.kind == END:
                break
            seen, total = seen + 1, total + len(chunk.payload)
            yield chunk
        if chunk.payload != _COUNTS.pack(seen, total):
            raise DamagedTapeError("the closing chunk counts other chunks than there are")
        if self.file.tell() != self.size:
            raise DamagedTapeError("bytes follow the closing chunk")

    def flat(self) -> Tensor:
        """The flat buffer, uint8 [bytes] on the CPU, for ``BitStack.load``.

        Raises:
            TruncatedTapeError: as ``chunks`` does.
            DamagedTapeError: as ``chunks`` does, or for a chunk of another kind.
        """
        pieces = []
        for chunk in self.chunks():
            if chunk.kind != FLAT:
                raise DamagedTapeError(f"a {chunk.kind!r} chunk does not belong in a tape file")
            pieces.append(chunk.payload)
        return as_bytes(b"".join(pieces))


def save(stack: BitStack, path: str | Path, program: str = "", shapes: Shapes | None = None) -> int:
    """Write ``stack`` to a tape file; gives its size in bytes. OutputError if it cannot be written.

    ``program`` is a hash or name of what the tape is for, ``shapes`` the shapes of its values.
    """
    data = stack.export().numpy().tobytes()
    try:
        with Path(path).open("wb") as file:
            writer = TapeWriter(file, describe(stack, program, shapes))
            for start in range(0, len(data), PIECE):
                writer.write(data[start : start + PIECE])
            writer.close()
            return file.tell()
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error


def check_header(header: Fields, wanted: Mapping[str, Any]) -> None:
    """Check that the header says what is wanted.

    Raises:
        TapeMismatchError: it says something else.
    """
    for key, value in wanted.items():
        if header.values[key] != value:
            found = json.dumps(header.values[key])
            raise TapeMismatchError(f"the tape's {key} is {found}, want {json.dumps(value)}")


def load(
    path: str | Path, program: str | None = None, shapes: Shapes | None = None,
    device: torch.device | str = "cpu", memory: int | None = None,
) -> BitStack:  # fmt: skip
    """Read a tape file; ``memory`` bounds what its stack takes, as for ``BitStack.load``.

    It never returns a stack that differs from the one written, but by somebody's intention, which
    no digest finds.

    Raises:
        ContainerError: the file cannot be read.
        TruncatedTapeError: it ends too early.
        DamagedTapeError: bytes fail their checksum, or say what nobody wrote.
        TapeMismatchError: it is of another ``program`` or other ``shapes``, where these are given.
        FloorError: its stack is one that no pushes lead to.
        MemoryLimitError: its stack takes more than ``memory`` allows.
    """
    with open_to_read(path) as file:
        reader = TapeReader(file)
        reader.header.only(tuple(describe(BitStack(0, 1), "", None)))
        if program is not None:
            check_header(reader.header, {"program": program})
        if shapes is not None:
            wanted = {name: list(shape) for name, shape in shapes.items()}
            check_header(reader.header, {"shapes": wanted})
        stack = BitStack.load(reader.flat(), device, memory=memory)
    own = describe(stack, "", None)
    check_header(reader.header, {key: own[key] for key in ("sequences", "lanes", "mode", "seed")})
    return stack
