"""Structural keys: equal exactly where nodes are equal but for the place where they stand."""

import pickle
from typing import Any

import pytest

from revc.errors import InternalError
from revc.grammar.span import Span
from revc.ir import keys
from revc.ir.dims import Dim
from revc.ir.expr import Number, Place
from revc.ir.keys import code_key, key
from revc.ir.memo import per_node
from revc.ir.program import Block
from revc.ir.types import IRNode
from revc.passes.spec import build
from tests.ir.specs import NESTED

HERE, THERE = Span("a.rev", 1, 1, 1, 2), Span("a.rev", 7, 1, 7, 2)


def called(name: str) -> Block:
    return next(block for block in build(NESTED).model.walk() if block.name == name)


def test_a_key_leaves_out_the_place_in_the_file() -> None:
    one, two = Place(span=HERE, name="a"), Place(span=THERE, name="a")
    assert one != two
    assert key(one) == key(two) != key(Place(span=HERE, name="b"))


@pytest.mark.parametrize(
    ("one", "two"), [(0.0, -0.0), (1.0, Dim.of(1)), (2.0, 3.0), (Dim.of("T"), Dim.of("B"))]
)
def test_numbers_that_make_other_code_have_other_keys(one: float | Dim, two: float | Dim) -> None:
    assert key(Number(span=HERE, value=one)) != key(Number(span=HERE, value=two))


def test_two_readings_of_a_spec_have_equal_keys() -> None:
    assert key(build(NESTED)) == key(build(NESTED))


def test_equal_blocks_of_different_names_have_one_code() -> None:
    assert key(called("Inner")) != key(called("Same"))
    assert code_key(called("Inner")) == code_key(called("Same")) != code_key(called("Wider"))


def test_copies_find_out_for_themselves() -> None:
    place = Place(span=HERE, name="a")
    known = key(place)
    assert key(place.replace(name="b")) != known
    assert key(pickle.loads(pickle.dumps(place))) == known


def test_what_is_found_out_of_a_node_is_found_once() -> None:
    asked: list[str] = []

    @per_node
    def shout(place: Place) -> str:
        asked.append(place.name)
        return place.name.upper()

    place = Place(span=HERE, name="a")
    assert [shout(place), shout(place)] == ["A", "A"]
    assert asked == ["a"]


def test_a_node_that_holds_something_else_is_a_bug() -> None:
    with pytest.raises(InternalError, match="object"):
        key(Place(span=HERE, name=object()))  # type: ignore[arg-type]


def test_a_shared_block_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[IRNode] = []
    digest = keys.digest

    def counted(node: IRNode, *args: Any) -> bytes:
        read.append(node)
        return digest(node, *args)

    monkeypatch.setattr(keys, "digest", counted)
    model = build(NESTED).model
    code_key(model)
    assert len(read) == len({id(node) for node in read})
    before = len(read)
    code_key(model)
    assert len(read) == before
