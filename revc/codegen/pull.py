"""A block's VJP graph: rebuild each input and pull the cotangents back, in one pass.

Each increment is evaluated once. Its value takes the state one step back; its VJP, from the same
evaluation, takes the cotangents.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.fx import GraphModule, Node

from revc.codegen.body import Options, brought_nets
from revc.codegen.expressions import Cotangents, int_value
from revc.codegen.forward import Forward, used_slots, view_shape
from revc.codegen.gather import Gathering
from revc.codegen.interface import emits_of
from revc.codegen.live_types import typed
from revc.codegen.registers import Registers
from revc.codegen.reuse import finish
from revc.codegen.statements.apply import pull_apply
from revc.codegen.statements.mix import pull_mix
from revc.codegen.statements.put_draw import pull_exchange
from revc.codegen.statements.scale import pull_scale
from revc.codegen.statements.valve import pull_valve
from revc.codegen.tape import Tape
from revc.ir.expr import Expr, Place, slots
from revc.ir.instructions import Apply, BlockCall, Mix, Repeat, Scale, Valve
from revc.ir.instructions.metered import Coded
from revc.ir.instructions.moves import Move
from revc.ir.nets import Builtin
from revc.ir.program import Block
from revc.ir.types import Label, Lattice, RegType
from revc.runtime import cotangents, lattice, traced

if TYPE_CHECKING:
    from revc.codegen.library import Library

aten = torch.ops.aten
Puller = Callable[[Node], None]


@dataclass(frozen=True)
class Needs:
    """Which givens and which net slots of a block want cotangents."""

    givens: tuple[bool, ...]
    nets: tuple[bool, ...]


class Pull(Gathering):
    """Lowers the instructions of a block last to first; `state` runs from output to input."""

    def __init__(self, block: Block, needs: Needs, library: "Library", options: Options) -> None:
        super(Forward, self).__init__(block, library, options)
        self.needs = needs
        registers = self.names.all(r.name for r in block.gives)
        cots = self.names.all(f"d_{r.name}" for r in block.gives)
        givens = self.names.all(r.name for r in block.givens)
        self.givens = dict(zip((r.name for r in block.givens), givens, strict=True))
        self.given_cots: dict[str, Node | None] = {}
        for register, wanted in zip(block.givens, needs.givens, strict=True):
            node = self.names.placeholder(f"d_{register.name}")
            self.given_cots[register.name] = node if wanted else None
        emits = emits_of(block)
        self.emit_cots = dict(zip(emits, self.names.all(f"d_{n}" for n in emits), strict=True))
        self.open_tail()
        self.cots = Registers(self.tape, self.size)
        self.state.update({r.name: n for r, n in zip(block.gives, registers, strict=True)})
        self.cots.update({r.name: n for r, n in zip(block.gives, cots, strict=True)})
        self.params: dict[int, Any] = {}
        self.emitted: dict[str, Node] = {}
        self.let_values: dict[str, tuple[Tape, Any, Node]] = {}
        self.pending = {s.name: s for s in block.body if s.kind == "let"}

    def build(self) -> GraphModule:
        """Lower the body backwards and return the graph."""
        self.run()
        state = [self.state[r.name] for r in self.block.takes]
        cots = [self.cots[r.name] for r in self.block.takes]
        givens = [self.given_cots[r.name] for r in self.block.givens]
        nets = [self.net_cotangents(slot) for slot in range(len(self.block.nets))]
        self.graph.output((*state, *cots, *givens, *nets, self.health))
        return finish(self.modules, self.graph, f"{self.block.name}_vjp")

    def run(self) -> None:
        """Lower the body, last instruction first."""
        for step, before, after in reversed(typed(self.block)):
            self.types = after
            with self.marking(step):
                step.pull(self)
            self.types = before

    def held(self) -> dict[str, Node]:
        """Return the nodes of what has a name at this point, cotangents included."""
        return {**super().held(), **{f"d_{name}": node for name, node in self.cots.items()}}

    def wants_net(self, slot: int) -> bool:
        """Say whether the parameters of a net want cotangents."""
        return self.needs.nets[slot]

    def whole(self, name: str) -> tuple[Node, Any]:
        """Return a value as `Forward` does; a let is evaluated when its last use asks for it."""
        if name in self.pending and name not in self.givens:
            self._evaluate_let(name)
        return super().whole(name)

    # --- increments ------------------------------------------------------------------------------

    def pull_add(self, target: Place, sign: int, value: Expr) -> None:
        """Take the state back, and the target's cotangent through the increment."""
        cut = self.cut_places(target, value)
        if cut is None:
            self._pull_piece(target, sign, value, self.raw(target)[0], self._cot(target), None)
            return
        views, reads = self.pieces(target, value, cut)
        cots = self.cut(self._cot(target))
        changed = []
        for index, (view, cot, read) in enumerate(zip(views, cots, reads, strict=True)):
            node, found = self._evaluate(target, sign, value, view, cot, read)
            changed.append(node)
            self._spread(found, index, cut)
        if self.options.traced:
            self._write(target, self.tape.call(aten.cat.default, changed, 0))

    def _pull_piece(
        self, target: Place, sign: int, value: Expr, view: Node, cot: Node, read: Any
    ) -> None:
        changed, found = self._evaluate(target, sign, value, view, cot, read)
        if self.options.traced:
            self._write(target, changed)
        self.gather(found)

    def _spread(self, found: Cotangents, index: int, cut: frozenset[str]) -> None:
        """Gather one piece's cotangents: those of reads that were cut go to their piece."""
        piece = (index, self.options.chunks)
        for place, part in found.reads:
            is_cut = place.model_dump_json() in cut
            self.add_cotangent(place, part, piece if is_cut else None)
        self.gather(Cotangents([], found.params, found.nets))

    def _evaluate(
        self, target: Place, sign: int, value: Expr, view: Node, cot: Node, read: Any
    ) -> tuple[Node, Cotangents]:
        """Evaluate once; return the rebuilt view of the target and the leaves' cotangents."""
        if self.options.traced and not brought_nets(value, self.block):
            region = self.library.region(value, self)
            node, residuals = region.primal(self, read)
            changed = self._retract(target, sign, node, view)
            return changed, region.pull(self, read, residuals, self._signed(cot, sign))
        tape = self.new_tape()
        emitter = self.emitter(tape, read)
        emitter.wanted = self.wanted
        node = emitter.emit(value)
        changed = self._retract(target, sign, self.tensor(node), view)
        if not isinstance(node, Node) or node.meta.get("number"):
            return changed, Cotangents([], {}, {})
        cot = self._signed(cot, sign)
        if self._is_broadcast(target, value):
            cot = self.tape.call(cotangents.reduce_like, cot, node)
        return changed, emitter.cotangents(tape.pullback(node, cot))

    def _is_broadcast(self, target: Place, value: Expr) -> bool:
        return value.shape != view_shape(self.types[target.name], target)

    def _signed(self, cot: Node, sign: int) -> Node:
        return cot if sign > 0 else self.tape.call(aten.neg.default, cot)

    def _retract(self, target: Place, sign: int, value: Node, view: Node) -> Node:
        numerics = self.types[target.name].numerics
        if isinstance(numerics, Label):
            size = int_value(self.tape, numerics.size, self.size)
            return self.effect(lattice.add_label_, view, value, -sign, size)
        if not isinstance(numerics, Lattice):
            function = aten.sub.Tensor if self.options.traced else aten.sub_.Tensor
            return self.effect(function, view, value, alpha=sign)
        bits = numerics.fraction_bits
        if self.options.traced:
            return self.tape.call(traced.retract, view, value, sign, bits)
        return self.effect(lattice.add_, view, value, -sign, bits)

    def pull_negate(self, target: Place) -> None:
        """Negate the state and its cotangent."""
        self.negate(target)
        if self.options.traced:
            part = self.tape.call(aten.neg.default, self._cot(target))
            self._write_cot(target, part)
        else:
            self.effect(aten.neg_.default, self._cot(target))

    def pull_move(self, step: Move) -> None:
        """Move state and cotangents back."""
        inverse = step.inverse()
        inverse.lower(self)
        state, self.state = self.state, self.cots
        inverse.lower(self)
        self.state = state

    # --- reads -----------------------------------------------------------------------------------

    def _evaluate_let(self, name: str) -> None:
        tape = self.new_tape()
        emitter = self.emitter(tape)
        emitter.wanted = self.wanted
        value = self.pending[name].value
        node = emitter.emit(value)
        self.givens[name] = self.tensor(node)
        self.given_types[name] = RegType(numerics=_float(), shape=value.shape)
        self.let_values[name] = (tape, emitter, node)
        self.given_cots[name] = self.tape.call(cotangents.zeros_for, self.givens[name])

    def pull_let(self, name: str, _value: Expr) -> None:
        """Pull the let's gathered cotangent through its value."""
        if name not in self.let_values:
            return
        tape, emitter, node = self.let_values.pop(name)
        cot = self.given_cots.pop(name)
        if isinstance(node, Node) and not node.meta.get("number") and cot is not None:
            self.gather(emitter.cotangents(tape.pullback(node, cot)))

    def pull_emit(self, name: str, value: Expr) -> None:
        """Pull the caller's cotangent through an emitted value."""
        _, pull = self.evaluation(value)
        pull(self.emit_cots[name])

    def evaluation(self, value: Expr) -> tuple[Node, Puller]:
        """Evaluate; return the value and what pulls a cotangent of it back to its leaves."""
        if self.options.traced and not brought_nets(value, self.block):
            region = self.library.region(value, self)
            out, residuals = region.primal(self, None)
            return out, lambda cot: self.gather(region.pull(self, None, residuals, cot))
        tape = self.new_tape()
        emitter = self.emitter(tape)
        emitter.wanted = self.wanted
        node = emitter.emit(value)
        if not isinstance(node, Node) or node.meta.get("number"):
            return self.tensor(node), lambda _: None
        return node, lambda cot: self.gather(emitter.cotangents(tape.pullback(node, cot)))

    # --- bits ------------------------------------------------------------------------------------

    def pull_exchange(self, step: Coded) -> None:
        """Pop what was pushed, or push what was popped."""
        pull_exchange(self, step)

    def pull_valve(self, step: Valve) -> None:
        """Undo a valve."""
        pull_valve(self, step)

    def pull_scale(self, step: Scale) -> None:
        """Divide what was multiplied."""
        pull_scale(self, step)

    def pull_apply(self, step: Apply) -> None:
        """Undo a bijection."""
        pull_apply(self, step)

    def pull_mix(self, step: Mix) -> None:
        """Multiply by the inverse."""
        pull_mix(self, step)

    # --- registers -------------------------------------------------------------------------------

    def pull_alloc(self, name: str, kind: RegType, value: Expr) -> None:
        """Check the rebuilt value; its cotangent goes to what the value read."""
        self.checked(self.state.pop(name), kind, value)
        cot = self.cots.pop(name)
        tape = self.new_tape()
        emitter = self.emitter(tape)
        emitter.wanted = self.wanted
        node = emitter.emit(value)
        if isinstance(node, Node) and slots(value):
            cot = self.tape.call(cotangents.reduce_like, cot, node)
            self.gather(emitter.cotangents(tape.pullback(node, cot)))

    def pull_free(self, name: str, kind: RegType, value: Expr) -> None:
        """Make the register again, with a cotangent of zero."""
        self.state[name] = self.filled(kind, value)
        self.cots[name] = self.tape.call(cotangents.zeros_for, self.state[name])

    # --- structure -------------------------------------------------------------------------------

    def pull_call(self, step: BlockCall) -> None:
        """Call a block's VJP graph."""
        callee = self.library.oriented(step.block, step.undo)
        names = [place.name for place in step.givens]
        needs = Needs(
            tuple(self.has_cotangent(name) for name in names),
            tuple(self.needs.nets[slot] for slot in step.nets),
        )
        name = self.module(f"{step.block.name}_vjp", self.library.vjp(callee, needs, self.options))
        args: list[Any] = self._taken(step.results)
        args += [self.raw(place)[0] for place in step.givens]
        args += [self._given_cot(place) for place in step.givens]
        args += [self.emit_cots[emit] for emit in emits_of(callee)]
        args += [self.nets[slot] for slot in step.nets]
        args += [*self.sizes_for(callee), *self.tail(callee)]
        self._give(name, args, step.args, step.givens, step.nets)

    def pull_repeat(self, step: Repeat) -> None:
        """Call a loop over the body's VJP graph."""
        self.pull_loop(step, None)

    def pull_loop(self, step: Repeat, checks: Node | None) -> tuple[Node, int]:
        """Call a VJP loop, one that compares with `checks` if there are any.

        Returns its result's node and how many of its items are taken.
        """
        used = used_slots(step)
        givens = tuple(Place(span=step.span, name=given) for given in step.givens)
        nets = tuple(
            any(self.needs.nets[row[i]] for row in step.nets) for i in range(len(step.body.nets))
        )
        needs = Needs(tuple(self.has_cotangent(name) for name in step.givens), nets)
        loop = self.library.vjp_loop(step, needs, self.options, checked=checks is not None)
        name = self.module(f"{step.label}_vjp", loop)
        args: list[Any] = [int_value(self.tape, step.count, self.size)]
        args += self._taken(step.registers) + [self.whole(given)[0] for given in step.givens]
        args += [self._given_cot(place) for place in givens]
        args += [self.emit_cots[emit] for emit in emits_of(step.body)]
        args += [self.nets[slot] for slot in used]
        args += [*self.sizes_for(step.body, step.index), *self.tail(step.body)]
        args += [] if checks is None else [checks]
        return self._give(name, args, step.registers, givens, used)

    def has_cotangent(self, name: str) -> bool:
        """Say whether a value that is passed as a given has a cotangent here."""
        if name in self.pending and name not in self.givens:
            self._evaluate_let(name)
        return name in self.cots or self.given_cots.get(name) is not None

    def _taken(self, names: tuple[str, ...]) -> list[Node]:
        return [self.state.pop(n) for n in names] + [self.cots.pop(n) for n in names]

    def _give(
        self,
        name: str,
        args: list[Any],
        registers: tuple[str, ...],
        givens: tuple[Place, ...],
        nets: Any,
    ) -> tuple[Node, int]:
        out = self.graph.call_module(name, tuple(args))
        count = 2 * len(registers) + len(givens) + len(nets) + 1
        items = iter(range(count))
        take = lambda: self.tape.item(out, next(items))  # noqa: E731
        self.state.update({register: take() for register in registers})
        self.cots.update({register: take() for register in registers})
        for place in givens:
            self._return_given(place, take())
        for slot in nets:
            node = take()
            if self.needs.nets[slot]:
                self.gather(Cotangents([], {}, {slot: node}))
        self.health = take()
        return out, count


def _float() -> Any:
    from revc.ir.types import Float

    return Float()


__all__ = ["Builtin", "Needs", "Pull", "Puller"]
