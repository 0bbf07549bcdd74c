"""The abstract chain: what the planner knows of a model."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from revc.passes.schedule.units import MOST_BYTES

MOST_SEGMENTS = 4096
"""With so many segments of at most `MOST_BYTES`, sums of sizes stay below 2^62."""

Size = Annotated[int, Field(ge=0, le=MOST_BYTES)]
Time = Annotated[float, Field(ge=0, le=1e15, allow_inf_nan=False)]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class Segment(BaseModel):
    """One segment: x_i = f_i(x_{i-1}).

    Attributes:
        name: what tables and errors call it; no two of a chain are called alike.
        kind: whether x_{i-1} can be rebuilt from x_i.
        t_fwd: time of the forward pass.
        t_inv: what a backward pass with INVERT takes longer than one with SAVE; `invertible` needs
            it, otherwise it is not looked at.
        t_bwd: time of the backward pass; it changes no optimum.
        out_bytes: the size of x_i, and of its gradient.
        resid_bytes: what autograd saves, x_{i-1} and x_i not counted.
        peak_bytes: workspace while the segment itself runs, forwards or backwards.
        tape_bytes: what INVERT keeps.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: Name
    kind: Literal["opaque", "invertible"]
    t_fwd: Time
    t_inv: Time | None = None
    t_bwd: Time
    out_bytes: Size
    resid_bytes: Size
    peak_bytes: Size
    tape_bytes: Size = 0

    @model_validator(mode="after")
    def _has_inverse(self) -> Self:
        if self.kind == "invertible" and self.t_inv is None:
            raise ValueError("an invertible segment needs t_inv")
        return self


class Chain(BaseModel):
    """Segments 1 to n, whose input x_0 has `input_bytes`; see docs/schedule.md.

    Attributes:
        name: what tables call it.
        input_bytes: the size of x_0.
        segments: segments 1 to n, in order.
        offload_bandwidth: bytes a unit of time between device and host; without it no OFFLOAD.
        skips: pairs (i, j): segment j reads x_i too, for i < j - 1.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: Name
    input_bytes: Size
    segments: Annotated[tuple[Segment, ...], Field(min_length=1, max_length=MOST_SEGMENTS)]
    offload_bandwidth: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    skips: tuple[tuple[int, int], ...] = ()

    @field_validator("segments", "skips", mode="before")
    @classmethod
    def _lists_are_tuples(cls, given: Any) -> Any:
        """Take the arrays that JSON has."""
        return _tuples(given) if isinstance(given, list) else given

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for problem in (*_named_twice(self), *_wrong_skips(self)):
            raise ValueError(problem)
        return self

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes of x_0 to x_n."""
        return (self.input_bytes, *(one.out_bytes for one in self.segments))

    @property
    def plain_time(self) -> float:
        """The time of a step that saves everything."""
        return sum(one.t_fwd + one.t_bwd for one in self.segments)

    def text(self) -> str:
        """Return the chain as JSON, which `read.parse` takes back."""
        return self.model_dump_json(indent=1, exclude_defaults=True)


def _tuples(given: list[Any]) -> tuple[Any, ...]:
    return tuple(tuple(one) if isinstance(one, list) else one for one in given)


def _named_twice(chain: Chain) -> Iterator[str]:
    seen: dict[str, int] = {}
    for number, segment in enumerate(chain.segments, 1):
        if segment.name in seen:
            yield f"segments {seen[segment.name]} and {number} are both called {segment.name!r}"
        seen[segment.name] = number


def _wrong_skips(chain: Chain) -> Iterator[str]:
    count, seen = len(chain.segments), set()
    for i, j in chain.skips:
        if not 0 <= i < j - 1 < count:
            yield f"skip [{i}, {j}]: segment j reads x_i for 0 <= i < j - 1 and j <= {count}"
        if (i, j) in seen:
            yield f"skip [{i}, {j}] is given twice"
        seen.add((i, j))
