"""Launches the Triton kernels of warp tapes; needs the extra ``revc[gpu]``."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from revc.runtime.bits.warp import kernels
from revc.runtime.bits.warp.launch import Launch, Streams
from revc.runtime.bits.warp.table import GROUP, LANES, WarpTable


def push(
    state: Streams, launch: Launch, data: Tensor, raw: Tensor | None, table: WarpTable
) -> None:
    """Push ``data``, uint8 or int16 [elements]; the raw part of floats goes to ``raw``."""
    run(kernels.push, state, launch, data, raw, table.codes, COPIES=launch.copies)


def pop(state: Streams, launch: Launch, data: Tensor, raw: Tensor | None, table: WarpTable) -> None:
    """Undo ``push`` into ``data``."""
    run(kernels.pop, state, launch, data, raw, table.points, AHEAD=launch.ahead)


def run(
    kernel: Any, state: Streams, launch: Launch, data: Tensor, raw: Tensor | None, table: Tensor,
    **how: int,
) -> None:  # fmt: skip
    """Launch a kernel over all of ``data``."""
    full = data.numel() // (state.count * LANES * GROUP)
    options = {"maxnreg": launch.registers} if launch.registers else {}
    with torch.cuda.device_of(state.heads):
        kernel[(state.count // launch.streams,)](
            state.words, state.heads, state.tops, data, state.heads if raw is None else raw, table,
            state.fault, full, data.numel(), state.count, state.words.shape[1],
            WARPS=launch.warps, CHAINS=launch.chains, FLOATS=raw is not None,
            SHARED=launch.shared, ASM=launch.assembly, num_warps=launch.warps,
            enable_fp_fusion=False, **options, **how,
        )  # fmt: skip
