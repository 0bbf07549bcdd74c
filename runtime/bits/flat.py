"""A whole stack as one flat buffer, and back.

Little-endian: lanes u32, sequences u32, low u8, flags u8 (1: debts follow), 0 u16, seed u64, then
for N = sequences * lanes lanes: heads N x 6 bytes, words held N x u32, debts N x u64 if flagged,
then the words u16, lane after lane, each from the floor up.
"""

from __future__ import annotations

import struct

import numpy as np
import torch
from torch import Tensor

from revc.runtime.bits.backends import Backend
from revc.runtime.bits.constants import Mode
from revc.runtime.bits.errors import DamagedTapeError, FloorError
from revc.runtime.bits.state import LaneState, blank

_HEAD = struct.Struct("<IIBBHQ")


def pack(state: LaneState, below: list[Tensor] | None = None) -> Tensor:
    """Flat buffer uint8 [bytes] on the CPU; ``below`` are spilled blocks int16 [rows, N]."""
    fill = state.fill.cpu()
    held = int(fill.max()) if fill.numel() else 0
    memory = state.words[1 : held + 1].cpu().numpy().view(np.uint16)
    parts = [block.numpy().view(np.uint16) for block in below or []]
    spilled = sum(part.shape[0] for part in parts)
    words = np.concatenate([*parts, memory]) if parts else memory
    fills = fill.numpy() + spilled
    debts = state.debt.cpu().numpy()
    present = np.arange(words.shape[0])[None, :] < fills[:, None]
    heads = state.heads.cpu().numpy().astype("<u8").view(np.uint8).reshape(-1, 8)[:, :6]
    owing = bool(debts.any())
    head = _HEAD.pack(state.lanes, state.sequences, state.mode.low, int(owing), 0, state.seed)
    body = [head, heads.tobytes(), fills.astype("<u4").tobytes()]
    body += [debts.astype("<u8").tobytes()] if owing else []
    body.append(words.T[present].astype("<u2").tobytes())
    return torch.frombuffer(bytearray(b"".join(body)), dtype=torch.uint8)


class Cursor:
    """Reads a buffer front to back; DamagedTapeError when it is too short."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes."""
        piece = self.data[self.at : self.at + count]
        if len(piece) < count:
            raise DamagedTapeError("a flat tape ends too early")
        self.at += count
        return piece

    def array(self, dtype: str, count: int) -> np.ndarray:
        """The next ``count`` numbers as int64."""
        size = np.dtype(dtype).itemsize
        return np.frombuffer(self.take(size * count), dtype=dtype).astype(np.int64)


def unpack(
    flat: Tensor, backend: Backend, device: torch.device, below: Tensor | None = None
) -> LaneState:
    """The state that ``pack`` packed; DamagedTapeError or FloorError if it cannot be one.

    ``below`` are words int16 [rows * N] that belong under those of the buffer.
    """
    if flat.dtype != torch.uint8 or flat.dim() != 1:
        raise DamagedTapeError(f"a flat tape is uint8 [bytes], not {flat.dtype} {list(flat.shape)}")
    cursor = Cursor(flat.cpu().contiguous().numpy().tobytes())
    lanes, sequences, low, flags, zero, seed = _HEAD.unpack(cursor.take(_HEAD.size))
    if low not in {m.low for m in Mode} or flags > 1 or zero or lanes < 1 or seed >= 1 << 63:
        raise DamagedTapeError("a flat tape has an impossible head")
    count = lanes * sequences
    state = blank(sequences, lanes, seed, Mode(low), torch.device("cpu"))
    heads = np.frombuffer(cursor.take(6 * count), dtype=np.uint8).reshape(count, 6)
    padded = np.zeros((count, 8), np.uint8)
    padded[:, :6] = heads
    state.heads = torch.from_numpy(padded.view("<u8").reshape(count).astype(np.int64))
    state.fill = torch.from_numpy(cursor.array("<u4", count))
    if flags & 1:
        state.debt = torch.from_numpy(cursor.array("<u8", count))
    words = cursor.array("<u2", int(state.fill.sum()))
    if cursor.at != len(cursor.data):
        raise DamagedTapeError("a flat tape has bytes left over")
    state.words = spread(words, state.fill.numpy())
    if below is not None:
        raise_by(state, below)
    return checked(move(state, device), backend)


def raise_by(state: LaneState, below: Tensor) -> None:
    """Put full rows under the words of a state."""
    if below.numel() % max(1, state.count):
        raise DamagedTapeError("the rows of a spill file do not fit its lanes")
    rows = below.reshape(-1, max(1, state.count))
    state.words = torch.cat([state.words[:1], rows, state.words[1:]])
    state.fill += rows.shape[0]


def spread(words: np.ndarray, fill: np.ndarray) -> Tensor:
    """Words lane after lane to rows [capacity, N], scratch row and spare rows included."""
    rows = int(fill.max()) if fill.size else 0
    out = np.zeros((fill.size, rows + 4), np.uint16)
    inside = np.arange(rows + 4)[None, :] - 1
    out[(inside >= 0) & (inside < fill[:, None])] = words
    return torch.from_numpy(np.ascontiguousarray(out.T).view(np.int16))


def move(state: LaneState, device: torch.device) -> LaneState:
    """The state on another device."""
    words, heads = state.words.to(device), state.heads.to(device)
    fill, debt = state.fill.to(device), state.debt.to(device)
    return LaneState(words, heads, fill, debt, state.sequences, state.lanes, state.seed, state.mode)


def checked(state: LaneState, backend: Backend) -> LaneState:
    """Refuse heads out of range and words that a push would have turned into repaid debt."""
    low = state.mode.low
    if bool(((state.heads < 1 << low) | (state.heads >= 1 << (low + 16))).any()):
        raise DamagedTapeError("a flat tape has a head out of range")
    if bool((state.debt < 0).any()):
        raise DamagedTapeError("a flat tape has a negative debt")
    owing = (state.debt > 0) & (state.fill > 0)
    if bool(owing.any()):
        last = backend.floor_words(state, (state.debt - 1).clamp(min=0))
        bottom = state.words[1].long() & 0xFFFF
        if bool((owing & (last == bottom)).any()):
            raise FloorError("a word at the floor equals the word last borrowed there")
    return state
