"""The verifier finds every kind of breach: each mutation of a good program is caught."""

from collections.abc import Callable
from typing import Any

import pytest

from revc.errors import InternalError
from revc.ir.dims import Dim
from revc.ir.nets import Builtin
from revc.ir.program import Program
from revc.passes.spec import build
from revc.passes.transform.verify import verify
from tests.passes.specs import HEAD

SPEC = f"""{HEAD}
block Layer<F>(a, b: [B, T, c], given u: [B, T, c]) {{
  a += F(b) + u
  b[.., :4] += mlp(a, width = 4, out = 4)
}}
model M(given tokens: label(V)[B, T], given u: [B, T, c]) -> (x: [B, T, d]) {{
  net G = norm()
  net Tok = embedding(V)
  alloc x: [B, T, d] = 0
  x += Tok(tokens)
  split x -> a, b
  repeat 2 {{ Layer<G>(a, b, u) }}
  Layer<G>(a, b, u)
  join a, b -> x
  emit y = linear(x, tied = Tok)
}}
"""

Mutation = Callable[[Any], Any]


def put(node: Any, path: list[Any], change: Mutation) -> Any:
    """Return `node` with what is at `path` changed."""
    if not path:
        return change(node)
    key, *rest = path
    if isinstance(node, tuple):
        return (*node[:key], put(node[key], rest, change), *node[key + 1 :])
    return node.replace(**{key: put(getattr(node, key), rest, change)})


def position(program: Program, kind: str) -> int:
    return next(k for k, step in enumerate(program.model.body) if step.kind == kind)


MUTATIONS: dict[str, tuple[str, list[Any], Mutation]] = {
    "a slot that is not there": ("add", ["value", "slot"], lambda _: 99),
    "an argument too few": ("add", ["value", "args"], lambda _: ()),
    "a read of nothing": ("add", ["value", "args", 0, "place", "name"], lambda _: "nobody"),
    "a read of another shape": ("add", ["value", "args", 0, "shape"], lambda s: s[:1]),
    "a change of nothing": ("add", ["target", "name"], lambda _: "nobody"),
    "a split of nothing": ("split", ["source"], lambda _: "nobody"),
    "a part with another name": ("split", ["parts"], lambda _: ("a", "z")),
    "a join along another axis": ("join", ["axis"], lambda _: 1),
    "a call with another register": ("call", ["args"], lambda _: ("a", "nobody")),
    "a call with another net": ("call", ["nets", 1], lambda _: 0),
    "a call with a net too few": ("call", ["nets"], lambda nets: nets[:1]),
    "a call without its given": ("call", ["givens"], lambda _: ()),
    "a call with another given": ("call", ["givens", 0, "name"], lambda _: "tokens"),
    "results with another name": ("call", ["results"], lambda _: ("b", "z")),
    "a turn too few": ("repeat", ["nets"], lambda rows: rows[:1]),
    "a turn with another net": ("repeat", ["nets", 1, 1], lambda _: 0),
    "a body that changes types": (
        "repeat", ["body", "takes", 0, "type", "shape"], lambda s: s[:1]
    ),
    "a loop without its given": ("repeat", ["givens"], lambda _: ("tokens",)),
    "an index too short": (
        "call", ["block", "body", 1, "target", "index"], lambda index: index[:2]
    ),
    "operands that do not fit": (
        "call", ["block", "body", 0, "value", "args", 1, "shape"], lambda _: (Dim.of(3),)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_is_caught(name: str) -> None:
    kind, path, change = MUTATIONS[name]
    program = build(SPEC)
    at = ["model", "body", position(program, kind), *path]
    broken = put(program, at, change)
    with pytest.raises(InternalError):
        verify(broken)


def test_a_step_left_out_is_caught() -> None:
    program = build(SPEC)
    with pytest.raises(InternalError, match="ends with"):
        verify(put(program, ["model", "body"], lambda body: body[:-2]))


def test_the_original_passes() -> None:
    verify(build(SPEC))


def test_a_tie_to_another_net_is_caught() -> None:
    program = build(SPEC)
    names = [slot.name for slot in program.model.nets]
    tied = ["model", "nets", names.index("linear_0"), "source", "tied"]
    with pytest.raises(InternalError, match="tied to"):
        verify(put(program, tied, lambda _: names.index("G")))


def test_two_slots_of_one_name_are_caught() -> None:
    program = build(SPEC)
    with pytest.raises(InternalError, match="named twice"):
        verify(put(program, ["model", "nets", 1, "name"], lambda _: program.model.nets[0].name))


def test_a_slot_with_another_source_is_caught() -> None:
    program = build(SPEC)
    names = [slot.name for slot in program.model.nets]
    other = ["model", "nets", names.index("G"), "source"]
    with pytest.raises(InternalError, match="G is"):
        verify(put(program, other, lambda _: Builtin(name="linear", settings={"out": 8})))
