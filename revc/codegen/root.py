"""The graphs of a whole program for torch.compile, which takes forward and backward pass as one.

Segments are what a run in eager mode executes one by one; here they are stretches of one graph,
each with its checksums, and with the values within its nets that a schedule keeps: where some are,
both graphs take, in front of the health, where they are put.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch.fx import GraphModule, Node

from revc.codegen.body import Body
from revc.codegen.forward import Forward
from revc.codegen.holds import Holds, Key
from revc.codegen.interface import emits_of, free_sizes
from revc.codegen.options import Needs, Options, Turns, Value
from revc.codegen.pull import Pull
from revc.codegen.segments import Cut, Typed, segments_of
from revc.codegen.statements import repeat
from revc.ir.instructions import Repeat
from revc.ir.live_types import typed
from revc.ir.program import Block, Program
from revc.ir.types import Lattice, RegType
from revc.runtime import keeping, traced
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
    holding: tuple[Turns, ...]

    def open(self, exact: bool, holding: tuple[Turns, ...]) -> None:
        """Note how the state is known again, and what is kept of each segment."""
        self.exact, self.holding = exact, holding

    def begin(self, cut: Cut, turns: Turns) -> None:
        """Go on to a segment, of which its values are kept."""
        row = cut.rows[0] if cut.count is None else ()
        keep = frozenset((row[slot], name) for slot, name in turns[0]) if row else frozenset()
        self.options, self.holds = replace(self.options, keep=keep), Holds(self.block, keep)

    def turns(self, turns: Turns) -> list[Options]:
        """Return the options of a loop's turns."""
        return [replace(self.options, keep=keep) for keep in turns]

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

    def __init__(
        self, block: Block, library: "Library", options: Options, exact: bool,
        holding: tuple[Turns, ...],
    ) -> None:  # fmt: skip
        super().__init__(block, library, holding_any(options, holding))
        self.open(exact, holding)
        self.checks: list[Node] = []
        self.trail: list[Node] = []
        self.frames: list[tuple[Key, ...]] = []

    def build(self) -> GraphModule:
        """Lower the program and return the graph."""
        for register in self.block.takes:
            node = self.state[register.name]
            self.state[register.name] = self.entering(node, register.type)
        enter_givens(self)
        for cut, turns in zip(segments_of(self.block), self.holding, strict=True):
            self.begin(cut, turns)
            self._segment(cut, turns)
            self._put()
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

    def _segment(self, cut: Cut, turns: Turns) -> None:
        step = cut.steps[0]
        if isinstance(step, Repeat) and cut.count is not None and self.exact:
            with self.marking(step):
                self._checked_repeat(step, turns)
            return
        self.checks.append(self.marks())
        if isinstance(step, Repeat) and cut.count is not None:
            with self.marking(step):
                repeat.loop(self, step, self.turns(turns), checked=False)
            step.step(self.types)
        else:
            self._steps(cut)
        self.trail.append(self.tape.call(aten.unsqueeze.default, self.health, 0))

    def _steps(self, cut: Cut) -> None:
        for step in cut.steps:
            with self.holds.of(step):
                self.step(step)

    def _put(self) -> None:
        """Keep what a segment's own statements hold; callees have put theirs."""
        keys = self.holds.order()
        self.frames.append(keys)
        if keys:
            self.effect(keeping.put, self.kept, *(self.holds.nodes[key] for key in keys))

    def _checked_repeat(self, step: Repeat, turns: Turns) -> None:
        """Emit a loop that checks every turn."""
        others = [name for name in sorted(self.types) if name not in step.registers]
        if others:
            step = carry(step, [(name, self.types[name]) for name in others])
        out, count = repeat.loop(self, step, self.turns(turns), checked=True)
        self.checks.append(self.tape.item(out, count))
        self.trail.append(self.tape.item(out, count + 1))


class RootPull(_Root, Pull):
    """The VJP graph: takes raw state, cotangents and checksums; gives cotangents and mismatches.

    Of float state it takes no sketches: it gives those of the way back. `frames` are the keys of
    what the forward graph put of each segment's own statements.
    """

    def __init__(
        self, block: Block, needs: Needs, library: "Library", options: Options, exact: bool,
        holding: tuple[Turns, ...], frames: Sequence[tuple[Key, ...]],
    ) -> None:  # fmt: skip
        self.frames = frames
        super().__init__(block, needs, library, holding_any(options, holding))
        self.open(exact, holding)
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
            self.begin(cut, self.holding[index])
            self._take_frame(self.frames[index])
            self._segment(cut, index, taken)
        cots = [self.cots[r.name] for r in self.block.takes]
        self.graph.output((*cots, *self.other_cotangents(), *reversed(self.wrong)))
        return self.finished(f"{self.block.name}_vjp")

    def _take(self) -> None:
        """Take nothing yet: segments take their own."""

    def _take_frame(self, keys: tuple[Key, ...]) -> None:
        """Take what a segment's own statements kept."""
        self.holds.taken = True
        if keys:
            frame = self.effect(keeping.take, self.kept)
            frame.meta["results"] = len(keys)
            items = [self.tape.item(frame, index) for index in range(len(keys))]
            self.holds.nodes.update(zip(keys, items, strict=True))

    def _segment(self, cut: Cut, index: int, taken: list[Typed]) -> None:
        step, turns = cut.steps[0], self.holding[index]
        if isinstance(step, Repeat) and cut.count is not None:
            if self.exact:
                with self.marking(step):
                    self._checked_repeat(step, turns, self.checks[index], taken[0])
                return
            self._repeat(step, turns, taken[0])
        else:
            for one, before, after in taken:
                with self.holds.of(one):
                    self.step(one, before, after)
        row = self.marks()
        if self.exact:
            row = self.tape.call(boundary.mismatches, row, self.checks[index])
        self.wrong.append(row)

    def _repeat(self, step: Repeat, turns: Turns, typed_step: Typed) -> None:
        """Emit a VJP loop that checks nothing."""
        _, before, after = typed_step
        self.types = after
        with self.marking(step):
            repeat.pull_loop(self, step, self.turns(turns), None)
        self.types = before

    def _own(self) -> None:
        """Copy state and cotangents, which the graph changes, away from the caller's."""
        for name, node in self.cots.items():
            self.cots[name] = self.tape.call(boundary.own, node)
        names = list(self.state)
        if not names:
            return
        anchor = next(iter(self.cots.values()))
        copies = self.tape.call(
            torch.ops.revc.own_state.default, [self.state[name] for name in names], anchor
        )
        for index, name in enumerate(names):
            self.state[name] = self.tape.item(copies, index)

    def _checked_repeat(self, step: Repeat, turns: Turns, checks: Node, typed_step: Typed) -> None:
        """Emit a VJP loop that checks every turn."""
        _, before, after = typed_step
        self.types = after
        others = [name for name in sorted(after) if name not in step.registers]
        if others:
            step = carry(step, [(name, after[name]) for name in others])
        out, count = repeat.pull_loop(self, step, self.turns(turns), checks)
        self.wrong.append(self.tape.item(out, count))
        self.types = before


def holding_any(options: Options, holding: tuple[Turns, ...]) -> Options:
    """Return the options of a root graph, which takes where values are kept if some are."""
    return replace(options, keep=frozenset[Value]().union(*(k for turns in holding for k in turns)))


def carry(step: Repeat, others: list[tuple[str, RegType]]) -> Repeat:
    """Return the repeat with live registers that its body leaves alone carried along.

    They are then under the checksums of every turn too.
    """
    from revc.ir.program import Register

    extra = tuple(Register(span=step.span, name=name, type=kind) for name, kind in others)
    givens = {register.name for register in step.body.givens}
    extra = tuple(register for register in extra if register.name not in givens)
    body = step.body.replace(takes=step.body.takes + extra, gives=step.body.gives + extra)
    registers = step.registers + tuple(register.name for register in extra)
    return step.replace(body=body, registers=registers)


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
