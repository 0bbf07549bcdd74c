"""``repeat`` where a run keeps what the backward pass needs: each turn's residuals, in order."""

from typing import Any

from torch import nn

from revc.runtime import cotangents
from revc.runtime.loop import Layout, turned
from revc.runtime.ports import take


class KeepLoop(nn.Module):
    """Runs a body that keeps over its turns; returns what `Loop` does, and the residuals, last."""

    def __init__(self, body: nn.Module, layout: Layout) -> None:
        super().__init__()
        self.body, self.layout = body, layout

    def forward(self, count: int, *args: Any) -> tuple[Any, ...]:
        """Run all turns."""
        kept: list[Any] = []

        def body(*values: Any) -> tuple[Any, ...]:
            *out, residuals = self.body(*values)
            kept.append(residuals)
            return tuple(out)

        values = iter(args)
        del args
        return (*turned(lambda _: body, self.layout, count, values), tuple(kept))


class PullLoop(nn.Module):
    """Pulls cotangents through the turns, last of the forward pass first.

    Takes residuals (a list a turn), cotangents.., givens.., their cotangents.., stacked emit
    cotangents.., nets.., sizes.., dtype, low, device; returns cotangents.., given cotangents..,
    net cotangents...
    """

    def __init__(self, body: nn.Module, layout: Layout) -> None:
        super().__init__()
        self.body, self.layout = body, layout

    def forward(self, count: int, kept: Any, *args: Any) -> tuple[Any, ...]:
        """Run all turns."""
        at, values = self.layout, iter(args)
        cots, givens, given_cots, emit_cots, nets, sizes = (
            take(values, n)
            for n in (at.registers, at.givens, at.givens, at.emits, at.nets, at.sizes)
        )
        mode = list(values)
        del args
        found: list[Any] = [None] * at.nets
        order = at.turns(count)
        for position in reversed(range(count)):
            turn = order[position]
            row, extra = [nets[i] for i in at.row(turn)], at.with_turn(sizes, turn)
            pulled = [cot[turn] for cot in emit_cots]
            args = (kept[position], *cots, *givens, *given_cots, *pulled, *row, *extra, *mode)
            parts = iter(self.body(*args))
            cots, given_cots, by_net = (take(parts, n) for n in (at.registers, at.givens, len(row)))
            for slot, part in zip(at.row(turn), by_net, strict=True):
                found[slot] = cotangents.add(found[slot], part)
        return (*cots, *given_cots, *found)
