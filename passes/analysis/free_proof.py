"""Is the value that `free` claims really there? Follow what each register holds.

The walk keeps a symbolic value for each register (see `symbolic`) and for each stack. Computing and
uncomputing cancel: what was added is subtracted, what was called is uncalled, a loop is undone by
its `undo`; but bits come back only from a stack that is as it was, and residues that were dropped
do not.
"""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass

from revc.ir.expr import Place
from revc.ir.instructions import (
    Add,
    Alloc,
    BlockCall,
    Emit,
    Forget,
    Free,
    Instruction,
    Join,
    Let,
    Negate,
    Permute,
    Repeat,
    Reshape,
    Split,
    Squeeze,
    Swap,
)  # fmt: skip
from revc.ir.instructions.metered import Coded
from revc.ir.memo import per_node
from revc.ir.program import Block
from revc.passes.analysis.free_witness import witness
from revc.passes.analysis.sameness import loop_keys, step_keys
from revc.passes.analysis.stacks import loses, touched
from revc.passes.analysis.symbolic import Value, Values, place_key

MOST_WITNESSES = 10  # that are searched for in one body


@dataclass(frozen=True, slots=True)
class Unproved:
    """A `free` whose claim does not follow, with inputs that break it when some were found."""

    step: Free
    witness: str | None


@per_node
def unproved_frees(block: Block) -> tuple[Unproved, ...]:
    """Return the `free` instructions of a block's own body whose claim is not proved."""
    if not any(isinstance(step, Free) for step in block.body):
        return ()
    return tuple(_Walk(block).unproved())


@per_node
def has_unproved(block: Block) -> bool:
    """Say whether a claim is not proved in a block or in those that it calls."""
    inner = {id(one): one for step in block.body for one in step.inner()}
    return bool(unproved_frees(block)) or any(has_unproved(one) for one in inner.values())


class _Walk:
    """What the registers and stacks of a block hold between two of its statements."""

    def __init__(self, block: Block) -> None:
        self.block = block
        self.values = Values()
        self.held: dict[str, Value] = {
            r.name: self.values.make("in", (), r.name) for r in (*block.takes, *block.givens)
        }
        self.stacks: dict[str, Value] = {}

    def unproved(self) -> Iterator[Unproved]:
        """Yield the claims that do not follow, each with a witness where one is found."""
        searched = 0
        for step in self.block.body:
            if isinstance(step, Free):
                claimed = self.values.of_expr(step.value, self.held)
                off = self.values.add(self.held[step.name], claimed, -1)
                if not off.is_zero:
                    searched += 1
                    yield Unproved(step, witness(off) if searched <= MOST_WITNESSES else None)
            self.step(step)

    def step(self, step: Instruction) -> None:
        """Update what the registers hold."""
        held, values = self.held, self.values
        match step:
            case Add():
                grown = values.of_expr(step.value, held)
                name = step.target.name
                held[name] = values.add(held[name], self._padded(step.target, grown), step.sign)
            case Negate() if not step.target.index:
                name = step.target.name
                held[name] = values.add(values.add(held[name], held[name], -1), held[name], -1)
            case Alloc() | Let():
                held[step.name] = values.of_expr(step.value, held)
            case Free() | Forget():
                del held[step.name]
            case Swap():
                held[step.left], held[step.right] = held[step.right], held[step.left]
            case Split():
                self._cut(step)
            case Join():
                self._joined(step)
            case Permute() | Reshape() | Squeeze():
                self._reordered(step)
            case BlockCall() | Repeat():
                self._run(step)
            case Emit():
                pass
            case _:
                self._exchange(step)

    def _padded(self, place: Place, value: Value) -> Value:
        """Return the value with 0 around it that adds to a whole register what is added to a slice.

        Adding to a slice adds this to the whole, element by element.
        """
        if not place.index or value.is_zero:
            return value
        return self.values.make("at", (value,), place_key(place))

    # --- moves ----------------------------------------------------------------------------------

    def _cut(self, step: Split) -> None:
        whole, count = self.held.pop(step.source), len(step.parts)
        if whole.uniform:
            self.held.update(dict.fromkeys(step.parts, whole))
            return
        there, back = ("split", step.axis, count), ("join", step.axis, count)
        parts = self.values.mapped(there, back, (whole,), count)
        self.held.update(zip(step.parts, parts, strict=True))

    def _joined(self, step: Join) -> None:
        parts, count = tuple(self.held.pop(name) for name in step.parts), len(step.parts)
        there, back = ("join", step.axis, count), ("split", step.axis, count)
        if parts[0].uniform and len({part.digest for part in parts}) == 1:
            self.held[step.target] = parts[0]
        else:
            (self.held[step.target],) = self.values.mapped(there, back, parts, 1)

    def _reordered(self, step: Permute | Reshape | Squeeze) -> None:
        value = self.held[step.target]
        if not value.uniform:
            there, back = _move(step), _move(step.inverse())
            (self.held[step.target],) = self.values.mapped(there, back, (value,), 1)

    # --- bijections -----------------------------------------------------------------------------

    def _run(self, step: BlockCall | Repeat) -> None:
        """Run a block: results that undo what another run made are what that one was given."""
        read = list(step.passed())
        if isinstance(step, BlockCall):
            there, back = step_keys(step)
            names, results = step.args, step.results
        else:
            there, back = loop_keys(step)
            changed = {place.name for one in step.body.body for place in one.targets()}
            names = results = tuple(name for name in step.registers if name in changed)
            rest = (name for name in step.registers if name not in changed)
            read += (Place(span=step.span, name=name) for name in rest)
        seen = tuple((self.values.at(at, self.held).digest, place_key(at)) for at in read)
        self._bijection(step, (there, seen), (back, seen), names, results)

    def _exchange(self, step: Instruction) -> None:
        """Run a statement that maps its targets, by what it reads, and exchanges bits, or not."""
        reads = tuple(self.values.of_expr(value, self.held).digest for value in step.values())
        there, back = step_keys(step)
        names = tuple(dict.fromkeys(place.name for place in step.targets()))
        before = tuple(name for name in names if name in self.held)
        coded = isinstance(step, Coded)  # takes its register, or makes it
        after = tuple(name for name in names if not (coded and name in before))
        self._bijection(step, (there, reads), (back, reads), before, after)

    def _bijection(
        self,
        step: Instruction,
        key: Hashable,
        inverse: Hashable,
        names: tuple[str, ...],
        results: tuple[str, ...],
    ) -> None:
        stacks = touched(step)
        if loses(step):  # what undoes it does not bring back what was given
            key = inverse = ("lost", len(self.values))
        given = (*(self.held.pop(name) for name in names), *(self._stack(s) for s in stacks))
        made = self.values.mapped(key, inverse, given, len(results) + len(stacks))
        self.held.update(zip(results, made[: len(results)], strict=True))
        self.stacks.update(zip(stacks, made[len(results) :], strict=True))

    def _stack(self, name: str) -> Value:
        return self.stacks.get(name) or self.values.make("stack", (), name)


def _move(step: Permute | Reshape | Squeeze) -> Hashable:
    match step:
        case Permute():
            return "permute", step.order
        case Reshape():
            return "reshape", tuple(map(str, step.before)), tuple(map(str, step.after))
        case Squeeze():
            return "squeeze", step.factor, step.undo
