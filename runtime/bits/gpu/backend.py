"""Launches the Triton kernels; importing this module needs the extra ``revc[gpu]``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import triton  # type: ignore[import-untyped,import-not-found,unused-ignore]
from torch import Tensor

from revc.runtime.bits.constants import WORD_BITS
from revc.runtime.bits.gpu import floats, floor, mixture, rows, single, size, table, uniform
from revc.runtime.bits.log2 import log2_table
from revc.runtime.bits.state import LaneState

Arguments = list[Any]
Kernel = tuple[Any, Callable[..., Arguments], dict[str, Any]]


def as_given(*arguments: Tensor | int) -> Arguments:
    """Arguments that a kernel takes as they are."""
    return list(arguments)


def packed(symbols: Tensor, start: Tensor, freq: Tensor, extra: Tensor, *widths: int) -> Arguments:
    """Tables go as one int32 an entry, start | (freq - 1) << 16; widths are options."""
    return [symbols, (start | ((freq - 1) << 16)).to(torch.int32), extra]


def with_width(symbols: Tensor, cdf: Tensor, row: Tensor) -> Arguments:
    """Rows need the length of one."""
    return [symbols, cdf, cdf.shape[1], row]


def with_stride(symbols: Tensor, n: Tensor, *rest: int) -> Arguments:
    """Bases need to know whether they are shared."""
    return [symbols, n, int(n.numel() > 1), *rest]


KERNELS: dict[str, Kernel] = {
    "push_table": (table.push_table, packed, {"FULL": True}),
    "pop_table": (table.pop_table, packed, {"FULL": True}),
    "push_rows": (rows.push_rows, with_width, {}),
    "pop_rows": (rows.pop_rows, with_width, {}),
    "push_uniform": (uniform.push_uniform, with_stride, {}),
    "pop_uniform": (uniform.pop_uniform, with_stride, {}),
    "push_floats": (floats.push_floats, packed, {"FULL": True, "WIDTHS": True}),
    "pop_floats": (floats.pop_floats, packed, {"FULL": True, "WIDTHS": True}),
    "scale": (uniform.scale, with_stride, {}),
    "unscale": (uniform.unscale, with_stride, {}),
    "push_single": (single.push_single, as_given, {}),
    "pop_single": (single.pop_single, as_given, {}),
    "push_mixture": (mixture.push_mixture, as_given, {"PARTS": True}),
    "pop_mixture": (mixture.pop_mixture, as_given, {"PARTS": True}),
}


def constants_of(options: dict[str, Any], arguments: tuple[Any, ...]) -> dict[str, Any]:
    """Compile-time constants of a kernel, some of which its arguments decide."""
    constants = {k: v for k, v in options.items() if k not in ("FULL", "WIDTHS", "PARTS")}
    if options.get("PARTS"):
        constants["C"] = arguments[2].shape[2]
    if options.get("WIDTHS"):
        constants["EXPONENT"], constants["MANTISSA"] = arguments[-2:]
    return constants


FEW = 1 << 17
"""Lanes, at most, that programs of half the size take: a card has room for all of those at once."""


class TritonBackend:
    """Runs kernels on CUDA tensors, or on CPU ones under Triton's interpreter."""

    name = "triton"
    block = 64
    """Lanes of a program: two to each thread of one warp, which can vote without a barrier."""

    def run(
        self, kernel: str, state: LaneState, first: int, last: int, *arguments: Tensor | int
    ) -> None:
        """Run ``kernel`` over steps ``first .. last - 1``, changing ``state`` in place."""
        symbols = arguments[0]
        if not isinstance(symbols, Tensor):
            raise TypeError("the first argument of a kernel is its symbols")
        if symbols.numel() == 0 or last <= first:
            return
        function, prepare, options = KERNELS[kernel]
        given, constants = prepare(*arguments), constants_of(options, arguments)
        if options.get("FULL"):
            given.append(symbols.shape[1] // state.lanes)
        with torch.cuda.device_of(state.heads):  # Triton launches on the current device
            block = self.block if state.count > FEW or state.heads.is_cpu else self.block // 2
            function[(triton.cdiv(state.count, block),)](
                state.words, state.heads, state.fill, state.debt, state.key, state.count,
                state.lanes, symbols.shape[1], first, last, *given,
                LOW=state.mode.low, BLOCK=block, num_warps=1,
                enable_fp_fusion=False, **constants,
            )  # fmt: skip

    def grid(self, count: int) -> tuple[int]:
        """Programs for ``count`` lanes."""
        return (triton.cdiv(count, self.block),)

    def first_heads(self, state: LaneState) -> None:
        """Set the heads of an untouched stack."""
        low = state.mode.low
        state.heads.fill_(1 << low)
        for i in range(low // WORD_BITS):
            index = torch.full_like(state.heads, i)
            self._words(state, index, 1)
            state.heads |= index << (WORD_BITS * i)

    def floor_words(self, state: LaneState, index: Tensor) -> Tensor:
        """Word number ``index[lane]`` below the floor of each lane, int64 [N]."""
        out = index.clone()
        self._words(state, out, 0)
        return out

    def _words(self, state: LaneState, index: Tensor, stream: int) -> None:
        if not state.count:
            return
        with torch.cuda.device_of(index):
            floor.floor_words[self.grid(state.count)](
                index, state.key, state.count, STREAM=stream, BLOCK=self.block,
                enable_fp_fusion=False,
            )  # fmt: skip

    def sizes(self, state: LaneState, spilled: int) -> Tensor:
        """Size of every sequence, int64 [sequences], in 2**-20 bit."""
        out = torch.empty(state.sequences, dtype=torch.int64, device=state.heads.device)
        if not state.sequences:
            return out
        with torch.cuda.device_of(out):
            size.sizes[(state.sequences,)](
                state.heads, state.fill, state.debt, log2_table(out.device), out, state.lanes,
                spilled, BLOCK=min(512, triton.next_power_of_2(state.lanes)), num_warps=1,
                enable_fp_fusion=False,
            )  # fmt: skip
        return out
