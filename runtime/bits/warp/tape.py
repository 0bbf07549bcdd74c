"""Tapes of streams interleaved by warp: bytes and 16-bit floats by a fixed table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from revc.runtime.bits.errors import LaneError, ParameterError, SymbolError
from revc.runtime.bits.warp import kernels
from revc.runtime.bits.warp.table import LOW, SCALE_BITS, WarpTable

LANES = 32
GROUP = 4
STEPS = 128
"""Symbols of a lane that make up for the bits of its head: some 15 of them are lost."""
FULL = 96
"""Streams that fill a multiprocessor: 48 warps of 40 registers a thread, with two each."""
FLOATS = (torch.bfloat16, torch.float16)


@dataclass(frozen=True)
class Launch:
    """How kernels run; no choice changes a tape.

    A program has ``warps`` warps, each with ``chains`` streams (1 or 2) whose steps take turns.
    ``shared`` puts tables into shared memory, codes ``copies`` (1 or 16) times. ``assembly`` uses
    PTX, which ``shared`` needs. ``registers`` is the most that a thread may take, or None.
    """

    warps: int = 16
    chains: int = 2
    shared: bool = True
    assembly: bool = True
    copies: int = 16
    registers: int | None = 40

    @property
    def streams(self) -> int:
        """Streams of a program."""
        return self.warps * self.chains


@dataclass(frozen=True)
class Record:
    """What was pushed at once: its shape and dtype, the raw part of floats, the words before."""

    shape: torch.Size
    dtype: torch.dtype
    raw: Tensor | None
    bound: int


def streams_for(
    symbols: int, device: torch.device | str, launch: Launch, most: int = FULL, steps: int = STEPS
) -> int:
    """Streams for so many symbols, a multiple of ``launch.streams``.

    At most ``most`` for each multiprocessor of the device, one of which stands for a CPU, and so
    few that a lane has ``steps`` symbols, unless that leaves less than one program.
    """
    place, processors = torch.device(device), 1
    if place.type == "cuda":
        processors = torch.cuda.get_device_properties(place).multi_processor_count
    wanted = min(processors * most, symbols // (LANES * steps))
    return max(1, wanted // launch.streams) * launch.streams


class WarpTape:
    """A tape of ``streams`` streams: what was pushed comes back, the last first.

    It has no floor to draw from, unlike ``BitStack``: more cannot be popped than was pushed.

    Args:
        streams: streams of 32 lanes, a multiple of ``launch.streams``.
        device: CUDA, or the CPU under Triton's interpreter.
        launch: how kernels run.

    Raises:
        LaneError: ``streams`` is no such number.
    """

    def __init__(
        self, streams: int, device: torch.device | str = "cuda", launch: Launch | None = None
    ) -> None:
        self.launch = launch or Launch()
        if streams < 1 or streams % self.launch.streams:
            raise LaneError(f"{streams} streams are no multiple of {self.launch.streams}")
        self.streams = streams
        self.heads = torch.full((streams * LANES,), 1 << LOW, dtype=torch.int32, device=device)
        self.tops = torch.zeros(streams, dtype=torch.int32, device=device)
        self.words = torch.empty((streams, 0), dtype=torch.int16, device=device)
        self.fault = torch.zeros(1, dtype=torch.int32, device=device)
        self.records: list[Record] = []
        self.bound = 0

    def reserve(self, symbols: int) -> int:
        """Make room for a push of so many symbols; gives a bound on the words of any stream."""
        steps = -(-symbols // (self.streams * LANES * GROUP)) * GROUP
        bound = self.bound + steps * LANES * SCALE_BITS // 16 + LANES
        if bound > self.words.shape[1]:
            room = max(bound, self.words.shape[1] * 3 // 2)
            words = self.words.new_empty((self.streams, room))
            words[:, : self.words.shape[1]] = self.words
            self.words = words
        return bound

    def push(self, symbols: Tensor, table: WarpTable) -> None:
        """Push uint8 symbols, or bfloat16 or float16 values, of any shape.

        Of a float the table codes bits 7 to 14, which are its exponent or that and more; the other
        eight go to the tape as they are.

        Raises:
            SymbolError: symbols of another dtype, or more than 2**31 - 1.
            LaneError: symbols or table on another device.
        """
        floats = symbols.dtype in FLOATS
        if not (floats or symbols.dtype == torch.uint8) or symbols.numel() >= 1 << 31:
            raise SymbolError(f"a warp tape takes bytes or 16-bit floats, not {symbols.dtype}")
        self.check_device(symbols.device, table)
        data = symbols.contiguous()
        data = data.view(torch.int16) if floats else data
        bound = self.reserve(data.numel())
        groups = -(-data.numel() // GROUP) if floats else 0
        raw = self.heads.new_empty(groups) if floats else None
        self.run(kernels.push, data, raw, table.codes, self.fault, COPIES=self.launch.copies)
        self.records.append(Record(symbols.shape, symbols.dtype, raw, self.bound))
        self.bound = bound

    def pop(self, table: WarpTable) -> Tensor:
        """Undo the last ``push``, which was by ``table``: its symbols.

        Raises:
            ParameterError: nothing is left.
            LaneError: the table is on another device.
        """
        if not self.records:
            raise ParameterError("nothing is left on this tape")
        self.check_device(self.heads.device, table)
        record = self.records.pop()
        out = torch.empty(record.shape, dtype=record.dtype, device=self.heads.device)
        data = out if record.raw is None else out.view(torch.int16)
        self.run(kernels.pop, data, record.raw, table.points)
        self.bound = record.bound
        return out

    def check_device(self, device: torch.device, table: WarpTable) -> None:
        """LaneError unless all is on the tape's device."""
        if not device == table.codes.device == self.heads.device:
            raise LaneError(f"the tape is on {self.heads.device}, data or table are not")

    def run(
        self,
        kernel: Any,
        data: Tensor,
        raw: Tensor | None,
        table: Tensor,
        *more: Tensor,
        **how: int,
    ) -> None:
        """Launch a kernel over all of ``data``."""
        if data.numel() == 0:
            return
        launch = self.launch
        full = data.numel() // (self.streams * LANES * GROUP)
        options = {"maxnreg": launch.registers} if launch.registers else {}
        with torch.cuda.device_of(self.heads):
            kernel[(self.streams // launch.streams,)](
                self.words, self.heads, self.tops, data, self.heads if raw is None else raw, table,
                *more, full, data.numel(), self.streams, self.words.shape[1],
                WARPS=launch.warps, CHAINS=launch.chains, FLOATS=raw is not None,
                SHARED=launch.shared, ASM=launch.assembly,
                num_warps=launch.warps, **options, **how,
            )  # fmt: skip

    def bits(self) -> int:
        """Bits that the tape holds: words, heads and tops of 32 bits each, and raw parts."""
        raw = sum(r.raw.numel() for r in self.records if r.raw is not None)
        return 16 * int(self.tops.long().sum()) + 32 * (self.streams * (LANES + 1) + raw)

    def verify(self) -> None:
        """Wait for the device, and raise what it found.

        Raises:
            SymbolError: a symbol had no code; the tape is of no more use.
        """
        if int(self.fault):
            raise SymbolError("a symbol has no code in its table")
