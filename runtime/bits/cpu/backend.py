"""Hands tensors to the numba kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from revc.runtime.bits.cpu import floats, mixture, prf, single, size, table, uniform
from revc.runtime.bits.state import LaneState

KERNELS: dict[str, Any] = {
    "push_table": table.push_table,
    "pop_table": table.pop_table,
    "push_rows": table.push_rows,
    "pop_rows": table.pop_rows,
    "push_uniform": uniform.push_uniform,
    "pop_uniform": uniform.pop_uniform,
    "push_floats": floats.push_floats,
    "pop_floats": floats.pop_floats,
    "scale": uniform.scale,
    "unscale": uniform.unscale,
    "push_single": single.push_single,
    "pop_single": single.pop_single,
    "push_mixture": mixture.push_mixture,
    "pop_mixture": mixture.pop_mixture,
}


def view(argument: Tensor | int) -> Any:
    """A tensor's memory as a numpy array; numbers pass."""
    return argument.numpy() if isinstance(argument, Tensor) else argument


class CpuBackend:
    """Runs kernels on CPU tensors; see ``table`` for the conventions."""

    name = "numba"

    def run(
        self, kernel: str, state: LaneState, first: int, last: int, *arguments: Tensor | int
    ) -> None:
        """Run ``kernel`` over steps ``first .. last - 1``, changing ``state`` in place."""
        KERNELS[kernel](
            state.words.numpy().view(np.uint16),
            state.heads.numpy(),
            state.fill.numpy(),
            state.debt.numpy(),
            state.seed,
            state.mode.low,
            state.lanes,
            first,
            last,
            *(view(a) for a in arguments),
        )

    def first_heads(self, state: LaneState) -> None:
        """Set the heads of an untouched stack."""
        prf.first_heads(state.heads.numpy(), state.seed, state.mode.low)

    def floor_words(self, state: LaneState, index: Tensor) -> Tensor:
        """Word number ``index[lane]`` below the floor of each lane, int64 [N]."""
        out = index.clone()
        prf.floor_words(out.numpy(), state.seed)
        return out

    def sizes(self, state: LaneState, spilled: int) -> Tensor:
        """Size of every sequence, int64 [sequences], in 2**-20 bit."""
        out = state.heads.new_empty(state.sequences)
        size.sizes(
            state.heads.numpy(),
            state.fill.numpy(),
            state.debt.numpy(),
            spilled,
            size.LOGARITHMS,
            out.numpy(),
        )
        return out
