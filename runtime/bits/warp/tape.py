"""Tapes of streams interleaved by warp: bytes and 16-bit floats by fixed tables."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from revc.runtime.bits.backends import BackendName, default_backend
from revc.runtime.bits.errors import BackendError, DamagedTapeError, LaneError, SymbolError
from revc.runtime.bits.warp import cpu, flat, patterns
from revc.runtime.bits.warp.flat import Record
from revc.runtime.bits.warp.launch import Launch, Streams, launch_for, processors
from revc.runtime.bits.warp.patterns import FLOATS
from revc.runtime.bits.warp.table import GROUP, GUARD, LANES, LOW, WarpTable

STEPS = 128
"""Symbols of a lane that make up for the bits of its head: some 15 of them are lost."""
FULL = 96
"""Streams that fill a multiprocessor: 48 warps of 40 registers a thread, with two each."""
_WORST = 13
"""Bits of a symbol, at most: 12, and what rounding adds where a head is low (log2(9/8) bit)."""
_ROOM = 1 << 32
"""Words that all streams have room for stay below: kernels number them by 32 bits."""


def streams_for(
    symbols: int, device: torch.device | str, most: int = FULL, steps: int = STEPS, unit: int = 32
) -> int:
    """Streams for a tape of so many symbols, a multiple of ``unit``.

    At most ``most`` for each multiprocessor (a CPU counts as one), and so few that a lane has
    ``steps`` symbols, unless that leaves none.
    """
    wanted = min(processors(torch.device(device)) * most, symbols // (LANES * steps))
    return max(1, wanted // unit) * unit


class WarpTape:
    """A tape of ``streams`` streams of 32 lanes: what was pushed comes back, the last first.

    It has no floor to draw from, unlike a ``BitStack``: no more comes back than was pushed. It is
    for data that leave the device, or wait there: bytes, and bfloat16 or float16 values, of which
    the table codes bits 7 to 14 (the exponent, or that and more) and the rest is kept as it is.

    Args:
        streams: any number, which is part of the tape; ``streams_for`` gives one that is fast.
        device: where the tape, and all that is pushed, lives.
        backend: ``"numba"`` or ``"triton"``; by default what fits the device.
        way: how Triton's kernels run, which changes no tape; ``streams`` is a multiple of its own.

    Raises:
        LaneError: ``streams`` is no such number.
        BackendError: the back end cannot run here.
    """

    def __init__(
        self, streams: int, device: torch.device | str = "cpu",
        backend: BackendName | None = None, way: Launch | None = None,
    ) -> None:  # fmt: skip
        self.device = torch.empty(0, device=device).device
        self.backend = backend or default_backend(self.device)
        if self.backend == "numba" and self.device.type != "cpu":
            raise BackendError("back end 'numba' works on CPU tensors")
        self.way = way or launch_for(streams, self.device)
        if streams < 1 or streams % self.way.streams:
            raise LaneError(f"{streams} streams are no multiple of {self.way.streams}")
        heads = torch.full((streams * LANES,), 1 << LOW, dtype=torch.int32, device=device)
        tops = torch.zeros(streams, dtype=torch.int32, device=device)
        words = torch.zeros((streams, GUARD), dtype=torch.int16, device=device)
        fault = torch.zeros(2, dtype=torch.int32, device=device)
        self.state = Streams(words, heads, tops, fault)
        self.records: list[Record] = []
        self.bound = 0

    @property
    def streams(self) -> int:
        """Streams of the tape."""
        return self.state.count

    def bound_after(self, symbols: int) -> int:
        """What a stream may hold, in words, once so many symbols more are pushed."""
        steps = -(-symbols // (self.streams * LANES * GROUP)) * GROUP
        return self.bound + steps * LANES * _WORST // 16 + LANES

    def reserve(self, symbols: int) -> None:
        """Make room for a push of so many symbols, so that it need not grow.

        Raises:
            LaneError: the streams cannot hold so many; more of them can, or a second tape.
        """
        wanted, room = GUARD + self.bound_after(symbols), self.state.words.shape[1]
        if wanted <= room:
            return
        if wanted * self.streams >= _ROOM:
            raise LaneError(
                f"a warp tape has room for {_ROOM} words, and {symbols} more may not fit"
            )
        more = min(max(wanted, room * 3 // 2), (_ROOM - 1) // self.streams)
        words = self.state.words.new_empty((self.streams, more))
        words[:, :room] = self.state.words
        self.state.words = words

    def push(self, symbols: Tensor, table: WarpTable) -> None:
        """Push uint8 symbols, or bfloat16 or float16 values, of any shape.

        Raises:
            SymbolError: symbols of another dtype, 2**31 of them or more; or, on the CPU, one that
                has no code, where nothing has moved. On a device `verify` raises that.
            LaneError: symbols or table on another device, or no room.
        """
        floats = symbols.dtype in FLOATS
        if not (floats or symbols.dtype == torch.uint8) or symbols.numel() >= 1 << 31:
            raise SymbolError(f"a warp tape takes bytes or 16-bit floats, not {symbols.dtype}")
        if not symbols.device == table.codes.device == self.device:
            raise LaneError(f"the tape is on {self.device}, the symbols or their table are not")
        data = symbols.contiguous().view(-1)
        if data.data_ptr() % 8:  # a part of another tensor: kernels read eight bytes at once
            data = data.clone()
        data = data.view(torch.int16) if floats else data
        self.reserve(data.numel())
        raw = None
        if floats:
            raw = self.state.heads.new_empty(-(-data.numel() // GROUP))
        if data.numel():
            (self._push_here if self.backend == "numba" else self._push_there)(data, raw, table)
        self.records.append(Record(symbols.shape, symbols.dtype, table, raw, self.bound))
        self.bound = self.bound_after(data.numel())

    def pop(self) -> Tensor:
        """Undo the last ``push``: its symbols.

        Raises:
            LaneError: nothing is left.
        """
        if not self.records:
            raise LaneError("nothing is left on this tape")
        record = self.records.pop()
        out = torch.empty(record.shape, dtype=record.dtype, device=self.device)
        data = out.view(-1) if record.raw is None else out.view(-1).view(torch.int16)
        if data.numel():
            pop = self._pop_here if self.backend == "numba" else self._pop_there
            pop(data, record.raw, record.table)
        self.bound = record.bound
        return out

    def _push_there(self, data: Tensor, raw: Tensor | None, table: WarpTable) -> None:
        from revc.runtime.bits.warp import gpu  # Triton is imported where there is a device

        gpu.push(self.state, self.way, data, raw, table)

    def _pop_there(self, data: Tensor, raw: Tensor | None, table: WarpTable) -> None:
        from revc.runtime.bits.warp import gpu

        gpu.pop(self.state, self.way, data, raw, table)

    def _push_here(self, data: Tensor, raw: Tensor | None, table: WarpTable) -> None:
        coded = data if raw is None else patterns.coded(data)
        if bool((table.freq[coded.long()] == 0).any()):
            raise SymbolError("a symbol has no code in its table")
        if raw is not None:
            raw.copy_(patterns.packed(data))
        cpu.push(
            *self._arrays(), coded.numpy(), patterns.order(raw is not None),
            table.start.numpy(), table.freq.numpy(),
        )  # fmt: skip

    def _pop_here(self, data: Tensor, raw: Tensor | None, table: WarpTable) -> None:
        coded = torch.empty(data.numel(), dtype=torch.uint8) if raw is not None else data
        points = table.points.numpy().view(np.uint32)
        order = patterns.order(raw is not None)
        self.state.fault[1] |= cpu.pop(*self._arrays(), coded.numpy(), order, points)
        if raw is not None:
            data.copy_(patterns.joined(coded, raw))

    def _arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        state = self.state
        return state.words.numpy().view(np.uint16), state.heads.numpy(), state.tops.numpy()

    def export(self) -> Tensor:
        """The whole tape as one flat uint8 [bytes] CPU tensor; see ``warp.flat`` for the layout.

        Raises:
            SymbolError: as `verify`; so a DamagedTapeError.
        """
        self.verify()
        return flat.pack(self.state, self.records)

    @classmethod
    def load(
        cls, data: Tensor, device: torch.device | str = "cpu",
        backend: BackendName | None = None, memory: int | None = None,
    ) -> WarpTape:  # fmt: skip
        """The tape that ``export`` gave.

        Args:
            data: uint8 [bytes].
            device: where the tape shall live.
            backend: as of a new tape.
            memory: bytes that words and symbols may take; by default 64 for each byte that is
                read, and 64 MiB at least.

        Raises:
            DamagedTapeError: the bytes are no tape. Words are not vouched for: `verify` says, once
                all has come back, whether pushes can have left them.
            MemoryLimitError: it takes more than ``memory``.
            BackendError: the back end cannot run here.
        """
        streams, heads, tops, words, records = flat.unpack(data, memory)
        made = cls(streams, device, backend)
        for record in records:
            made.records.append(record.moved(made.device, made.bound))
            made.bound = made.bound_after(record.shape.numel())
        if streams and int(tops.max()) > made.bound:
            raise DamagedTapeError("a warp tape has more words than what was pushed can leave")
        room = torch.zeros((streams, GUARD + int(tops.max())), dtype=torch.int16)
        room[:, GUARD:] = words
        state = made.state
        state.words, state.heads, state.tops = (t.to(made.device) for t in (room, heads, tops))
        return made

    def bits(self) -> int:
        """Bits that the tape holds: words, heads and tops of 32 bits each, and raw parts."""
        raw = sum(r.raw.numel() for r in self.records if r.raw is not None)
        return 16 * int(self.state.tops.long().sum()) + 32 * (self.streams * (LANES + 1) + raw)

    def untouched(self) -> bool:
        """Whether the streams are as they were when made."""
        return bool((self.state.heads == 1 << LOW).all()) and not bool(self.state.tops.any())

    def verify(self) -> None:
        """Wait for the device, and raise what it found.

        Raises:
            SymbolError: a symbol had no code; the tape is of no more use.
            DamagedTapeError: the tape came from bytes that no pushes leave: words ran out, or all
                has come back and the streams are not as they were.
        """
        no_code, short = self.state.fault.tolist()
        if no_code:
            raise SymbolError("a symbol has no code in its table")
        if short or not (self.records or self.untouched()):
            raise DamagedTapeError("a warp tape does not come back to where it began")
