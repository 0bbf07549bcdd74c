"""A whole stack as one flat buffer, and back.

Little-endian: lanes u32, sequences u32, low u8, flags u8 (1: debts follow), 0 u16, seed u64, then
for N = sequences * lanes lanes: heads N x 6 bytes, words held N x u32, debts N x u64 if flagged,
then the words u16, lane after lane, each from the floor up.

The buffer has no digest: any word may stand in it. What is read is a stack that `pack` packs into
these very bytes, or an error; and nothing is allocated before the bytes that it needs are there.
"""

from __future__ import annotations

import struct

import numpy as np
import torch
from torch import Tensor

from revc.runtime.bits.backends import Backend
from revc.runtime.bits.constants import Mode
from revc.runtime.bits.errors import DamagedTapeError, FloorError, LaneError, MemoryLimitError
from revc.runtime.bits.state import LaneState, blank

_HEAD = struct.Struct("<IIBBHQ")
_LANE = 6 + 4
"""Bytes of a lane without debt: its head, and how many words it holds."""
_MOST_DEBT = 1 << 38
"""Words that a sequence owes stay below: the sizes of stacks end soon after."""
FACTOR, LEAST = 64, 1 << 26
"""Without a bound a stack may take so many bytes for each of the buffer's, and so many at least."""


def pack(state: LaneState, below: list[Tensor] | None = None) -> Tensor:
    """Flat buffer uint8 [bytes] on the CPU; ``below`` are spilled blocks int16 [rows, N]."""
    fill = state.fill.cpu()
    held = int(fill.max()) if fill.numel() else 0
    memory = state.words[1 : held + 1].cpu().numpy().view(np.uint16)
    parts = [block.numpy().view(np.uint16) for block in below or []]
    spilled = sum(part.shape[0] for part in parts)
    words = np.concatenate([*parts, memory]) if parts else memory
    fills = fill.numpy() + spilled
    if fills.size and int(fills.max()) >= 1 << 32:
        raise LaneError("a lane of 2**32 words and more has no flat buffer: use more lanes")
    debts = state.debt.cpu().numpy()
    present = np.arange(words.shape[0])[None, :] < fills[:, None]
    heads = state.heads.cpu().numpy().astype("<u8").view(np.uint8).reshape(-1, 8)[:, :6]
    owing = bool(debts.any())
    head = _HEAD.pack(state.lanes, state.sequences, state.mode.low, int(owing), 0, state.seed)
    body = [head, heads.tobytes(), fills.astype("<u4").tobytes()]
    body += [debts.astype("<u8").tobytes()] if owing else []
    body.append(words.T[present].astype("<u2").tobytes())
    return torch.frombuffer(bytearray(b"".join(body)), dtype=torch.uint8)


def memory_bound(given: int | None, size: int) -> int:
    """The bytes that what `size` bytes hold may take: those `given`, or by their number."""
    return max(LEAST, FACTOR * size) if given is None else given


def as_bytes(data: bytes) -> Tensor:
    """A tensor uint8 [bytes] of some bytes, which may be none."""
    return torch.from_numpy(np.frombuffer(bytearray(data), dtype=np.uint8))


class Cursor:
    """Reads a buffer front to back; DamagedTapeError when it is too short."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    @property
    def left(self) -> int:
        """Bytes not yet taken."""
        return len(self.data) - self.at

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes."""
        if self.left < count:
            raise DamagedTapeError("a flat tape ends too early")
        self.at += count
        return self.data[self.at - count : self.at]

    def array(self, dtype: str, count: int) -> np.ndarray:
        """The next ``count`` numbers."""
        size = np.dtype(dtype).itemsize
        return np.frombuffer(self.take(size * count), dtype=dtype)


def unpack(
    flat: Tensor, backend: Backend, device: torch.device, below: Tensor | None = None,
    memory: int | None = None,
) -> LaneState:  # fmt: skip
    """The state that ``pack`` packed; DamagedTapeError or FloorError if it cannot be one.

    ``below`` are words int16 [rows * N] that belong under those of the buffer. A state of more than
    ``memory`` bytes is a MemoryLimitError; see ``memory_bound``.
    """
    if flat.dtype != torch.uint8 or flat.dim() != 1:
        raise DamagedTapeError(f"a flat tape is uint8 [bytes], not {flat.dtype} {list(flat.shape)}")
    cursor = Cursor(flat.cpu().contiguous().numpy().tobytes())
    lanes, sequences, low, flags, zero, seed = _HEAD.unpack(cursor.take(_HEAD.size))
    if low not in {m.low for m in Mode} or flags > 1 or zero or lanes < 1 or seed >= 1 << 63:
        raise DamagedTapeError("a flat tape has an impossible head")
    count = lanes * sequences
    if count * (_LANE + 8 * flags) > cursor.left:
        raise DamagedTapeError("a flat tape ends too early: it has fewer lanes than it says")
    state = blank(sequences, lanes, seed, Mode(low), torch.device("cpu"))
    heads = np.frombuffer(cursor.take(6 * count), dtype=np.uint8).reshape(count, 6)
    padded = np.zeros((count, 8), np.uint8)
    padded[:, :6] = heads
    state.heads = torch.from_numpy(padded.view("<u8").reshape(count).astype(np.int64))
    state.fill = torch.from_numpy(cursor.array("<u4", count).astype(np.int64))
    if flags:
        state.debt = owed(cursor.array("<u8", count), lanes)
    words = cursor.array("<u2", int(state.fill.sum()))
    if cursor.left:
        raise DamagedTapeError("a flat tape has bytes left over")
    under = 0 if below is None else -(-below.numel() // max(1, count))
    rows = int(state.fill.max()) if count else 0
    read = len(cursor.data) + (0 if below is None else 2 * below.numel())
    check_memory(2 * count * (rows + under), memory_bound(memory, read))
    state.words = spread(words, state.fill.numpy())
    if below is not None:
        raise_by(state, below)
    return checked(move(state, device), backend)


def owed(debts: np.ndarray, lanes: int) -> Tensor:
    """Debts from a buffer, int64; DamagedTapeError if no stack can have them."""
    sums = debts.reshape(-1, lanes).astype(np.float64).sum(-1)
    if not debts.any() or bool((sums >= _MOST_DEBT).any()):
        raise DamagedTapeError("a flat tape has debts that no stack has")
    return torch.from_numpy(debts.astype(np.int64))


def check_memory(needed: int, allowed: int) -> None:
    """MemoryLimitError if more bytes are needed than are allowed."""
    if needed > allowed:
        raise MemoryLimitError(
            f"what these bytes hold takes {needed} bytes of memory, and {allowed} are allowed: if "
            "they are trusted, pass memory = .. to allow more"
        )


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
    out = np.zeros((rows + 4, fill.size), np.uint16)
    first = np.cumsum(fill) - fill
    row = np.arange(1, words.size + 1) - np.repeat(first, fill)
    out[row, np.repeat(np.arange(fill.size), fill)] = words
    return torch.from_numpy(out.view(np.int16))


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
    owing = (state.debt > 0) & (state.fill > 0)
    if bool(owing.any()):
        last = backend.floor_words(state, (state.debt - 1).clamp(min=0))
        bottom = state.words[1].long() & 0xFFFF
        if bool((owing & (last == bottom)).any()):
            raise FloorError("a word at the floor equals the word last borrowed there")
    return state
