"""The graphs of a whole program for torch.compile, which takes forward and backward pass as one.

Segments are what a run in eager mode executes one by one; here they are stretches of one graph,
each with its checksums.
"""

from typing import TYPE_CHECKING, Any

import torch
from torch.fx import GraphModule, Node

from revc.codegen.body import Body
from revc.codegen.forward import Forward
from revc.codegen.interface import emits_of, free_sizes
from revc.codegen.options import Needs, Options
from revc.codegen.pull import Pull
from revc.codegen.segments import Cut, segments_of
from revc.codegen.statements import repeat
from revc.ir.instructions import Repeat
from revc.ir.live_types import typed
from revc.ir.program import Block, Program
from revc.ir.types import Lattice, RegType
from revc.runtime import traced
from revc.runtime.state import boundary, drift

if TYPE_CHECKING:
    from revc.codegen.library import Library

aten = torch.ops.aten


def is_exact(program: Program) -> bool:
    """Say whether the whole state is held in integers, so that a rebuild is bit for bit."""
    steps = typed(program.model)
    envs = [before for _, before, _ in steps] + [after for _, _, after in steps]
    return all(kind.numerics.kind != "float32" for env in envs for kind in env.values())


class _Root(Body):
    """A whole program's graphs take every free size of its interface, and mark their state."""

    exact: bool

    def marks(self) -> Node:
        """Emit what the registers are known by again: checksums, or sketches of float state."""
        registers = [self.state[name] for name in sorted(self.types)]
        if self.exact:
            return checksum_row(self, registers)
        return self.tape.call(drift.row, self.device, *registers)

    def size_names(self) -> tuple[str, ...]:
        """Return the free sizes of the interface."""
        return free_sizes(self.block)


class RootForward(_Root, Forward):
    """The forward graph: takes floats, gives views, emits, raw state, checksums and the trail."""

    def __init__(self, block: Block, library: "Library", options: Options, exact: bool) -> None:
        super().__init__(block, library, options)
        self.exact = exact
        self.checks: list[Node] = []
        self.trail: list[Node] = []

    def build(self) -> GraphModule:
        """Lower the program and return the graph."""
        for register in self.block.takes:
            node = self.state[register.name]
            self.state[register.name] = self.entering(node, register.type)
        enter_givens(self)
        for cut in segments_of(self.block):
            self._segment(cut)
        raw = [self.state[r.name] for r in self.block.gives]
        views = [self.leaving(node, r.type) for node, r in zip(raw, self.block.gives, strict=True)]
        emits = [self.emitted[name] for name in emits_of(self.block)]
        self.graph.output((*views, *emits, *raw, *self.checks, *self.trail))
        return self.finished(self.block.name)

    def entering(self, node: Node, kind: RegType) -> Node:
        """Return raw state of the graph's own for a tensor of the caller."""
        if isinstance(kind.numerics, Lattice):
            bits, width = kind.numerics.fraction_bits, kind.numerics.width
            return self.tape.call(boundary.encode, node, bits, width)
        return self.tape.call(boundary.own, node)

    def leaving(self, node: Node, kind: RegType) -> Node:
        """Return what the caller sees of a register."""
        if isinstance(kind.numerics, Lattice):
            return self.tape.call(boundary.view, node, kind.numerics.fraction_bits, self.dtype)
        return node

    def _segment(self, cut: Cut) -> None:
        steps = cut.steps
        if isinstance(steps[0], Repeat) and cut.count is not None and self.exact:
            with self.marking(steps[0]):
                self._checked_repeat(steps[0])
            return
        self.checks.append(self.marks())
        for step in steps:
            self.step(step)
        self.trail.append(self.tape.call(aten.unsqueeze.default, self.health, 0))

    def _checked_repeat(self, step: Repeat) -> None:
        """Emit a loop that checks every turn."""
        others = [name for name in sorted(self.types) if name not in step.registers]
        if others:
            step = carry(step, [(name, self.types[name]) for name in others])
        out, count = repeat.loop(self, step, checked=True)
        self.checks.append(self.tape.item(out, count))
        self.trail.append(self.tape.item(out, count + 1))


class RootPull(_Root, Pull):
    """The VJP graph: takes raw state, cotangents and checksums; gives cotangents and mismatches.

    Of float state it takes no sketches: it gives those of the way back.
    """

    def __init__(
        self, block: Block, needs: Needs, library: "Library", options: Options, exact: bool
    ) -> None:
        super().__init__(block, needs, library, options)
        self.exact = exact
        count = len(segments_of(block)) if exact else 0  # sketches are compared outside
        self.checks = self.names.all(f"check_{index}" for index in range(count))
        self.wrong: list[Node] = []

    def build(self) -> GraphModule:
        """Lower the program backwards and return the graph."""
        self._own()
        enter_givens(self)
        steps = typed(self.block)
        for index, cut in reversed(list(enumerate(segments_of(self.block)))):
            taken = [steps.pop() for _ in cut.steps]
            step = cut.steps[0]
            if isinstance(step, Repeat) and cut.count is not None and self.exact:
                with self.marking(step):
                    self._checked_repeat(step, self.checks[index], taken[0])
                continue
            for step, before, after in taken:
                self.step(step, before, after)
            row = self.marks()
            if self.exact:
                row = self.tape.call(boundary.mismatches, row, self.checks[index])
            self.wrong.append(row)
        cots = [self.cots[r.name] for r in self.block.takes]
        self.graph.output((*cots, *self.other_cotangents(), *reversed(self.wrong)))
        return self.finished(f"{self.block.name}_vjp")

    def _own(self) -> None:
        """Copy state and cotangents, which the graph changes, away from the caller's."""
        for name, node in self.cots.items():
            self.cots[name] = self.tape.call(boundary.own, node)
        names = list(self.state)
        if not names:
            return
        anchor = next(iter(self.cots.values()))
        copies = self.tape.call(
            torch.ops.revc.anchor.default, [self.state[name] for name in names], anchor
        )
        for index, name in enumerate(names):
            self.state[name] = self.tape.item(copies, index)

    def _checked_repeat(self, step: Repeat, checks: Node, typed_step: Any) -> None:
        """Emit a VJP loop that checks every turn."""
        _, before, after = typed_step
        self.types = after
        others = [name for name in sorted(after) if name not in step.registers]
        if others:
            step = carry(step, [(name, after[name]) for name in others])
        out, count = repeat.pull_loop(self, step, checks)
        self.wrong.append(self.tape.item(out, count))
        self.types = before


def carry(step: Repeat, others: list[tuple[str, RegType]]) -> Repeat:
    """Return the repeat with live registers that its body leaves alone carried along.

    They are then under the checksums of every turn too.
    """
    from revc.ir.program import Register

    extra = tuple(Register(span=step.span, name=name, type=kind) for name, kind in others)
    givens = {register.name for register in step.body.givens}
    extra = tuple(register for register in extra if register.name not in givens)
    body = step.body.model_copy(
        update={"takes": step.body.takes + extra, "gives": step.body.gives + extra}
    )
    registers = step.registers + tuple(register.name for register in extra)
    return step.model_copy(update={"body": body, "registers": registers})


def checksum_row(body: Body, registers: list[Node]) -> Node:
    """Emit the checksums of registers."""
    return body.tape.call(traced.checksum, *registers)


def enter_givens(body: Body) -> None:
    """Encode the givens that the spec holds on a lattice."""
    for register in body.block.givens:
        kind = register.type.numerics
        if isinstance(kind, Lattice):
            node = body.givens[register.name]
            body.givens[register.name] = body.tape.call(
                boundary.encode, node, kind.fraction_bits, kind.width
            )
