"""A block's graphs that keep: lowered forward with tapes that record, then pulled from the same.

The joint graph evaluates each expression once, forward, and pulls the cotangents of all statements
in reverse order from these evaluations; no state is rebuilt. `split` cuts it in two at the border.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch.fx import Node

from revc.codegen.expressions import Emitter
from revc.codegen.forward import Forward
from revc.codegen.gather import Gathering
from revc.codegen.interface import emits_of
from revc.codegen.options import Asked, Options, Wants
from revc.codegen.registers import Registers
from revc.codegen.split import Border, Saved, split
from revc.codegen.statements.table import record
from revc.codegen.tape import Tape
from revc.codegen.targets.base import Pieces
from revc.ir.expr import Place
from revc.ir.instructions import Env, Instruction
from revc.ir.program import Block
from revc.ir.types import Numerics
from revc.runtime import cotangents

if TYPE_CHECKING:
    from revc.codegen.library import Library

aten = torch.ops.aten
Pulling = Callable[[], None]


class Record(Forward, Gathering):
    """Lowers a block forward, noting what pulls each statement's cotangents; then emits that.

    `active` are the registers, givens and lets to which cotangents flow, as in autograd: those that
    the caller wants, and what was computed from them or from nets that want cotangents. `fixed` are
    the givens and lets that hold the same until the backward pass.
    """

    def __init__(
        self,
        block: Block,
        wants: Wants,
        library: "Library",
        options: Options,
        asked: Asked = None,
    ) -> None:
        super().__init__(block, library, options, asked)
        self.wants = wants
        takes = zip(block.takes, wants.takes, strict=True)
        givens = zip(block.givens, wants.givens, strict=True)
        self.active = {r.name for r, wanted in (*takes, *givens) if wanted}
        fixed = zip(block.givens, wants.fixed, strict=True)
        self.fixed = {r.name for r, is_fixed in fixed if is_fixed}
        self.cots = Registers(self.tape, self.size)
        self.given_cots = Registers(self.tape, self.size)
        self.emit_cots: dict[str, Node] = {}
        self.params: dict[int, Any] = {}
        self.lets: dict[str, Node] = {}
        self._notes: list[tuple[Instruction, Env, Env, frozenset[str], Pulling | None]] = []

    def saved(self) -> Saved:
        """Lower the body and return its two graphs."""
        self.run()
        block, emits = self.block, emits_of(self.block)
        front = frozenset(self.graph.nodes)
        state = tuple(self.state[r.name] for r in block.gives)
        emitted = [self.emitted[name] for name in emits]
        outcome = (*state, *emitted, self.health)
        active = tuple(r.name in self.active for r in block.gives)
        d_gives = self.names.all(f"d_{r.name}" for r in block.gives)
        d_givens = self.names.all(f"d_{r.name}" for r in block.givens)
        d_emits = self.names.all(f"d_{name}" for name in emits)
        self._open(d_gives, d_givens, dict(zip(emits, d_emits, strict=True)))
        self._pull()
        givens = tuple(self.givens[r.name] for r in block.givens)
        border = Border(
            front=front,
            outcome=outcome,
            state=state,
            givens=givens,
            fixed=frozenset(
                n for n, is_fixed in zip(givens, self.wants.fixed, strict=True) if is_fixed
            ),
            takes=(*d_gives, *givens, *d_givens, *d_emits),
            tail=(*self.nets, *self.sizes.values(), self.dtype, self.low, self.device),
            found=tuple(self._found()),
            active=active,
            wanted=self.wants.givens,
        )
        return split(self.graph, self.modules, block.name, border)

    def step(self, step: Instruction) -> None:
        """Lower one instruction, and note what pulls its cotangents."""
        before, active = dict(self.types), frozenset(self.active)
        with self.marking(step):
            pull = record(self, step)
        step.step(self.types)
        self._notes.append((step, before, dict(self.types), active, pull))

    def _open(self, gives: list[Node], givens: list[Node], emits: dict[str, Node]) -> None:
        """Begin the way back with the cotangents that come in."""
        names = [r.name for r in self.block.gives]
        self.cots.update({n: d for n, d in zip(names, gives, strict=True) if n in self.active})
        wanted = zip(self.block.givens, givens, self.wants.givens, strict=True)
        self.given_cots.update({r.name: node for r, node, want in wanted if want})
        self.emit_cots = emits

    def _pull(self) -> None:
        """Emit the pulls, last instruction first."""
        for step, before, after, active, pull in reversed(self._notes):
            self.types = after
            if pull is not None:
                with self.marking(step):
                    pull()
            self.types = before
            for name in [n for n in self.cots if n not in active]:
                del self.cots[name]

    def _found(self) -> list[Any]:
        """Return the cotangents of registers, givens and nets; None where nobody wants them."""
        takes = [self.cots.get(r.name) for r in self.block.takes]
        givens = [self.given_cots.get(r.name) for r in self.block.givens]
        return [*takes, *givens, *(self.net_cotangents(i) for i in range(len(self.block.nets)))]

    # --- what wants cotangents -------------------------------------------------------------------

    def activate(self, *names: str) -> None:
        """Say that cotangents flow to what these names stand for from here on."""
        self.active.update(names)

    def wants_net(self, slot: int) -> bool:
        """Say whether the parameters of a net want cotangents."""
        return self.wants.nets[slot]

    def wanted(self, leaf: Place | int) -> bool:
        """Say whether a leaf of an expression wants a cotangent, where the program stands now."""
        return self.wants_net(leaf) if isinstance(leaf, int) else leaf.name in self.active

    def cots_with(self, name: str) -> Registers | None:
        """Return the cotangents that hold a name's; that of a let begins where it is first used."""
        if name in self.lets and name not in self.given_cots:
            self.given_cots[name] = self.tape.call(cotangents.zeros_for, self.lets[name])
        return super().cots_with(name)

    # --- reads -----------------------------------------------------------------------------------

    def emitter(self, tape: Tape, pieces: Pieces | None = None) -> Emitter:
        """Return an emitter whose reads of labels are nodes of their own time: labels change."""
        made = super().emitter(tape, pieces)
        held = made.raw

        def raw(place: Place) -> tuple[Node, Numerics]:
            node, numerics = held(place)
            return (self.now(node) if numerics.kind == "label" else node), numerics

        made.raw = raw
        return made

    def now(self, node: Node) -> Node:
        """Return a node that stands for what a register holds here, and not for what it will."""
        return self.tape.call(aten.alias.default, node)
