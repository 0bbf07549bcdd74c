"""A whole warp tape as one flat buffer, and back.

Little-endian: streams u32, records u32; heads u32 and tops u32 of the streams; for each record,
from the first push on, its kind u8 (0 bytes, 1 bfloat16, 2 float16), dimensions u8, 0 u16, shape
u64 each, frequencies u16 [256], and the raw part of floats u32 for each group; then the words u16,
stream after stream, each from the floor up. Like the flat buffer of a stack it has no digest.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from revc.runtime.bits.errors import DamagedTapeError, MemoryLimitError, ParameterError
from revc.runtime.bits.flat import Cursor, as_bytes, memory_bound
from revc.runtime.bits.warp.launch import Streams
from revc.runtime.bits.warp.patterns import rest_of
from revc.runtime.bits.warp.table import ALPHABET, GROUP, GUARD, LANES, LOW, WarpTable

_HEAD, _RECORD = struct.Struct("<II"), struct.Struct("<BBH")
KINDS = (torch.uint8, torch.bfloat16, torch.float16)


@dataclass(frozen=True)
class Record:
    """What was pushed at once, and by which table; ``bound`` is what streams may hold before it."""

    shape: torch.Size
    dtype: torch.dtype
    table: WarpTable
    raw: Tensor | None
    bound: int

    def moved(self, device: torch.device, bound: int) -> Record:
        """The same on another device, above other records."""
        raw = None if self.raw is None else self.raw.to(device)
        return replace(self, table=self.table.to(device), raw=raw, bound=bound)


def pack(state: Streams, records: Sequence[Record]) -> Tensor:
    """Flat buffer uint8 [bytes] on the CPU."""
    tops = state.tops.cpu().numpy()
    words = state.words[:, GUARD : GUARD + int(tops.max())].cpu().numpy().view(np.uint16)
    present = np.arange(words.shape[1])[None, :] < tops[:, None]
    body = [_HEAD.pack(state.count, len(records))]
    body += [state.heads.cpu().numpy().astype("<u4").tobytes(), tops.astype("<u4").tobytes()]
    for record in records:
        shape = np.asarray(record.shape, "<u8")
        body.append(_RECORD.pack(KINDS.index(record.dtype), shape.size, 0) + shape.tobytes())
        body.append(record.table.freq.numpy().astype("<u2").tobytes())
        if record.raw is not None:
            body.append(record.raw.cpu().numpy().astype("<i4").tobytes())
    return as_bytes(b"".join([*body, words[present].astype("<u2").tobytes()]))


Parts = tuple[int, Tensor, Tensor, Tensor, list[Record]]


def unpack(flat: Tensor, memory: int | None) -> Parts:
    """(streams, heads int32, tops int32, words int16 [streams, most], records) of a buffer.

    Raises:
        DamagedTapeError: they cannot be those of a tape.
        MemoryLimitError: words or symbols take more than ``memory`` bytes.
    """
    if flat.dtype != torch.uint8 or flat.dim() != 1:
        raise DamagedTapeError(f"a flat tape is uint8 [bytes], not {flat.dtype} {list(flat.shape)}")
    cursor = Cursor(flat.cpu().contiguous().numpy().tobytes())
    streams, count = _HEAD.unpack(cursor.take(_HEAD.size))
    if streams < 1:
        raise DamagedTapeError("a warp tape has at least one stream")
    heads = cursor.array("<u4", streams * LANES).astype(np.int64)
    if ((heads < 1 << LOW) | (heads >= 1 << (LOW + 16))).any():
        raise DamagedTapeError("a head of a warp tape is out of range")
    tops = cursor.array("<u4", streams).astype(np.int64)
    records = [read_record(cursor) for _ in range(count)]
    words = cursor.array("<u2", int(tops.sum()))
    if cursor.left:
        raise DamagedTapeError("a flat tape has bytes left over")
    most = int(tops.max())
    bound = memory_bound(memory, len(cursor.data))
    symbols = sum(r.shape.numel() * r.dtype.itemsize for r in records)
    if 2 * streams * (GUARD + most) + symbols > bound:
        raise MemoryLimitError(f"a warp tape takes more than {bound} bytes")
    present = np.arange(most)[None, :] < tops[:, None]
    rows = np.zeros((streams, most), np.uint16)
    rows[present] = words
    parts = (heads.astype(np.int32), tops.astype(np.int32), rows.view(np.int16))
    return streams, *(torch.from_numpy(part) for part in parts), records


def read_record(cursor: Cursor) -> Record:
    """The next record; its bound is not known yet."""
    kind, dimensions, zero = _RECORD.unpack(cursor.take(_RECORD.size))
    if kind >= len(KINDS) or zero:
        raise DamagedTapeError("a record of a warp tape has an impossible head")
    shape = [int(size) for size in cursor.array("<u8", dimensions)]
    elements = math.prod(shape)
    if elements >= 1 << 31 or any(size >= 1 << 31 for size in shape):
        raise DamagedTapeError("a record of a warp tape has an impossible shape")
    try:
        table = WarpTable(torch.from_numpy(cursor.array("<u2", ALPHABET).astype(np.int64)))
    except ParameterError as error:
        raise DamagedTapeError(f"a record of a warp tape has no table: {error}") from error
    raw = None
    if kind:
        raw = torch.from_numpy(cursor.array("<i4", -(-elements // GROUP)).astype(np.int32))
        if bool(rest_of(raw).reshape(-1)[elements:].any()):
            raise DamagedTapeError("the raw part of a warp tape goes beyond its end")
    return Record(torch.Size(shape), KINDS[kind], table, raw, 0)
