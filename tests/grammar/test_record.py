"""What records are: immutable, told apart by class and fields, with defaults."""

import copy
import pickle
from typing import Any, ClassVar

import pytest

from revc.grammar.record import Record, plain
from revc.grammar.span import Span
from tests.fitting import misfits


class Point(Record):
    x: int
    y: int = 0
    span: Span | None = None
    sides: ClassVar[int] = 2


class Deep(Point):
    y: int = 7
    below: tuple[Point, ...] = ()


class Other(Record):
    x: int
    y: int = 0
    span: Span | None = None


def test_fields_are_those_of_the_class_and_of_its_bases() -> None:
    assert Point.fields == ("x", "y", "span")
    assert Deep.fields == ("x", "y", "span", "below")
    assert Deep.contents == ("x", "y", "below")
    assert (Deep(x=1).y, Point(x=1).y) == (7, 0)


@pytest.mark.parametrize("given", [{}, {"y": 1}, {"x": 1, "z": 2}, {"y": 1, "z": 2}])
def test_what_does_not_fit_the_fields_is_refused(given: dict[str, int]) -> None:
    with pytest.raises(TypeError, match="Point is made with"):
        Point(**given)


def test_a_record_stays_as_it_is() -> None:
    point = Point(x=1)
    with pytest.raises(AttributeError, match="frozen"):
        point.x = 2  # type: ignore[misc]
    with pytest.raises(AttributeError, match="frozen"):
        del point.x
    other = point.replace(x=2)
    assert (point.x, other.x, other.y) == (1, 2, 0)
    with pytest.raises(TypeError, match="with z, which it has not"):
        point.replace(z=3)


def test_equal_are_those_of_one_class_with_equal_fields() -> None:
    assert Point(x=1) == Point(x=1, y=0)
    assert hash(Point(x=1)) == hash(Point(x=1, y=0))
    assert Point(x=1) != Point(x=1, y=2)
    assert Point(x=1) != Point(x=1, span=Span("a", 1, 1, 1, 2))
    assert Point(x=1) != Other(x=1)
    assert len({Point(x=1), Point(x=1), Other(x=1)}) == 2


@pytest.mark.parametrize("end", [Point(x=2), Point(x=1, y=1), Other(x=1)])
def test_what_nests_deep_is_compared_too(end: Any) -> None:
    def nested(inner: Any) -> Any:
        for _ in range(5_000):
            inner = Deep(x=1, below=(Point(x=3), inner))
        return inner

    one, same, other = nested(Point(x=1)), nested(Point(x=1)), nested(end)
    assert one == same
    assert one != other
    assert one != one.replace(below=one.below[1:])


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda p: pickle.loads(pickle.dumps(p))]
)
def test_copies_are_equal_and_frozen(again) -> None:
    made = again(Deep(x=1, below=(Point(x=2),)))
    assert made == Deep(x=1, below=(Point(x=2),))
    with pytest.raises(AttributeError):
        made.x = 3


def test_plain_data_have_no_places() -> None:
    whole = Deep(x=1, span=Span("a", 1, 1, 1, 2), below=(Point(x=2),))
    assert plain(whole) == {"x": 1, "y": 7, "below": [{"x": 2, "y": 0}]}
    assert plain(whole, ("below",)) == {"x": 1, "y": 7}
    assert repr(Point(x=2, span=Span("a", 1, 1, 1, 2))) == "Point(x=2, y=0)"


def test_misfits_are_seen() -> None:
    wrong = Deep(x="1", y=True, below=[Point(x=1)])  # type: ignore[arg-type]
    assert misfits(wrong) == ["x", "y", "below"]
    assert misfits(Deep(x=1, below=(Point(x=1),))) == []
    assert misfits(Deep(x=1, below=(Other(x=1),))) == ["below"]  # type: ignore[arg-type]
