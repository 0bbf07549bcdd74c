"""What lint proves of a `free` is true: programs run on integers, for many inputs."""

import math
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from revc.grammar.span import Span
from revc.ir.dims import Dim
from revc.ir.expr import Elementwise, Expr, Number, Place, Read
from revc.ir.instructions import Add, Alloc, Free, Instruction, Negate, Swap
from revc.ir.program import Block, Register
from revc.ir.types import Lattice, RegType
from revc.passes.analysis.closed_form import evaluate
from revc.passes.analysis.free_proof import unproved_frees

AT = Span("<test>", 1, 1, 1, 1)
BITS = 8
KIND = RegType(numerics=Lattice(integer_bits=24, fraction_bits=BITS), shape=(Dim.of("B"),))
NAMES = ("a", "b", "t", "s")


def place(name: str) -> Place:
    return Place(span=AT, name=name)


def read(name: str) -> Expr:
    return Read(span=AT, place=place(name), shape=KIND.shape)


def value(name: str, kind: str) -> Expr:
    if kind == "plain":
        return read(name)
    if kind == "twice":
        args = (Number(span=AT, value=2.0), read(name))
        return Elementwise(span=AT, function="mul", args=args, shape=KIND.shape)
    return Elementwise(span=AT, function="tanh", args=(read(name),), shape=KIND.shape)


adds = st.tuples(
    st.permutations(NAMES), st.sampled_from(["plain", "twice", "tanh"]), st.sampled_from([1, -1])
).map(lambda t: Add(span=AT, target=place(t[0][0]), sign=t[2], value=value(t[0][1], t[1])))
steps = st.one_of(
    adds,
    adds,
    st.sampled_from(NAMES).map(lambda n: Negate(span=AT, target=place(n))),
    st.permutations(NAMES).map(lambda n: Swap(span=AT, left=n[0], right=n[1])),
)


def block(middle: list[Instruction]) -> Block:
    zero = Number(span=AT, value=0.0)
    begin = [Alloc(span=AT, name=n, type=KIND, value=zero) for n in ("t", "s")]
    end = [Free(span=AT, name=n, type=KIND, value=zero) for n in ("s", "t")]
    registers = tuple(Register(span=AT, name=n, type=KIND) for n in ("a", "b"))
    return Block(
        span=AT, name="M", takes=registers, gives=registers, givens=(), turns=(), nets=(),
        body=(*begin, *middle, *end),
    )  # fmt: skip


def run(middle: list[Instruction], a: int, b: int) -> dict[str, int]:
    """Run the steps on raw integers, as a lattice does: rounded increments, exact adds."""
    held = {"a": a, "b": b, "t": 0, "s": 0}
    for step in middle:
        match step:
            case Add():
                floats = {name: raw / 2**BITS for name, raw in held.items()}
                held[step.target.name] += step.sign * round(evaluate(step.value, floats) * 2**BITS)
            case Negate():
                held[step.target.name] *= -1
            case Swap():
                held[step.left], held[step.right] = held[step.right], held[step.left]
    return held


@st.composite
def programs(draw: st.DrawFn) -> list[Instruction]:
    """Draw steps followed by the inverses of some of them: some programs uncompute, some do not."""
    first = draw(st.lists(steps, max_size=5))
    undone = [step.inverse() for step in reversed(first)]
    skipped = draw(st.sampled_from([0, 0, 1]))
    return [*first, *undone[skipped:]]


@settings(max_examples=200, deadline=None)
@given(programs())
def test_a_proved_free_holds(middle: list[Instruction]) -> None:
    open_claims = {found.step.name for found in unproved_frees(block(middle))}
    draw = random.Random(0)
    for _ in range(5):
        held = run(middle, draw.randint(-999, 999), draw.randint(-999, 999))
        assert all(held[name] == 0 for name in {"s", "t"} - open_claims)


@settings(max_examples=200, deadline=None)
@given(st.lists(steps, max_size=5))
def test_computing_and_uncomputing_is_always_proved(first: list[Instruction]) -> None:
    middle = [*first, *(step.inverse() for step in reversed(first))]
    assert not list(unproved_frees(block(middle)))


@settings(max_examples=200, deadline=None)
@given(programs())
def test_a_witness_breaks_its_claim(middle: list[Instruction]) -> None:
    for found in unproved_frees(block(middle)):
        if found.witness is None or found.witness == "any":
            continue
        pairs = dict(pair.split(" = ") for pair in found.witness.split(", "))
        raws = {name: round(float(number) * 2**BITS) for name, number in pairs.items()}
        held = run(middle, raws.get("a", 0), raws.get("b", 0))
        assert not math.isclose(held[found.step.name] / 2**BITS, 0, abs_tol=1e-9)
