"""Places that share no element: a statement may read one and change the other (L108, L109)."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revc.grammar.span import Span
from revc.ir.dims import Dim
from revc.ir.expr import At, AxisIndex, Place, Slice
from revc.passes.analysis.shapes import apart
from revc.passes.lint import lint

HEAD = "dim B, c = 8\nstate lattice(Q12.20)\n"
AT = Span("<test>", 1, 1, 1, 1)
SIZE = 8

CLEAN = {
    "a let of the other half": ("let v = tanh(a[.., :4])\na[.., 4:] += b[.., 4:]\nb[.., :4] += v"),
    "a let that a loop leaves alone": (
        "let v = tanh(a[.., :4])\nrepeat 2 as j { a[.., j + 4] += b[.., j + 4] }\nb[.., :4] += v"
    ),
    "mirrored in one half": "repeat 4 as i { a[.., i] += tanh(a[.., 7 - i]) }",
    "mirrored, never the same": "repeat 8 as i { a[.., i] += tanh(a[.., 7 - i]) }",
    "of loops in loops": "repeat 2 as i { repeat 2 as j { a[.., i] += a[.., j + 2] } }",
}
FOUND = {
    "a let of the same half": (
        "let v = tanh(a[.., :4])\na[.., 3:] += b[.., 3:]\nb[.., :4] += v",
        "L109",
    ),
    "a let that a loop changes": (
        "let v = tanh(a[.., :4])\nrepeat 2 as j { a[.., j + 3] += b[.., j] }\nb[.., :4] += v",
        "L109",
    ),
    "mirrored on itself": ("repeat 7 as i { a[.., i] += tanh(a[.., 6 - i]) }", "L108"),
}


@pytest.mark.parametrize("name", CLEAN)
def test_places_that_are_apart(name: str) -> None:
    assert lint(f"{HEAD}model M(a, b: [B, c]) {{\n{CLEAN[name]}\n}}\n").findings == ()


@pytest.mark.parametrize("name", FOUND)
def test_places_that_may_meet(name: str) -> None:
    body, code = FOUND[name]
    found = lint(f"{HEAD}model M(a, b: [B, c]) {{\n{body}\n}}\n").findings
    assert {finding.code for finding in found} == {code}


small = st.integers(-2, 2)
bounds = st.tuples(small, small, st.integers(-3, SIZE)).map(
    lambda t: Dim.of("i") * t[0] + Dim.of("j") * t[1] + t[2]
)
entries = st.one_of(
    bounds.map(lambda at: At(span=AT, position=at)),
    st.tuples(bounds, bounds).map(lambda t: Slice(span=AT, lo=t[0], hi=t[1])),
)


def elements(index: AxisIndex, values: dict[str, Dim | int]) -> set[int]:
    """Return the positions of an index in one turn, of any axis that is long enough."""
    if isinstance(index, At):
        position = index.position.substitute(values).integer
        assert position is not None
        return {position}
    assert index.hi is not None
    lo, hi = (dim.substitute(values).integer for dim in (index.lo, index.hi))
    assert lo is not None
    assert hi is not None
    return set(range(lo, hi))


@settings(max_examples=400, deadline=None)
@given(entries, entries, st.integers(1, 5), st.integers(1, 5))
def test_apart_places_meet_in_no_turn(one: AxisIndex, two: AxisIndex, n: int, m: int) -> None:
    places = (Place(span=AT, name="a", index=(index,)) for index in (one, two))
    if not apart(*places, {"i": Dim.of(n), "j": Dim.of(m)}):
        return
    for i, j in itertools.product(range(n), range(m)):
        values: dict[str, Dim | int] = {"i": i, "j": j}
        assert not elements(one, values) & elements(two, values)
