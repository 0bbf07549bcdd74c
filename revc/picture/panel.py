"""What a picture of a block shows: lanes, and rows that act on them. It knows nothing of pixels."""

from dataclasses import dataclass, field
from typing import Literal

Flow = Literal["in", "out", "both", "none"]
Sort = Literal["state", "given", "let"]


@dataclass
class Row:
    """One statement.

    `mark` is a sign on lane `target`; `reads` are the lanes with a tap; `lines` and `notes` stand
    in a box, or with `plain` beside the lanes; `flow` is the way between box and lane. `pill` names
    what is behind the box (a tape, a reservoir, the caller), `bits` the way to it. `before` and
    `after` are the lanes by name; `moves` lead from lane to lane; `spans` are the lanes under the
    box of what is `called`.
    """

    step: str
    before: dict[str, int]
    after: dict[str, int] = field(default_factory=dict)
    mark: str = ""
    target: int | None = None
    reads: tuple[int, ...] = ()
    lines: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    plain: bool = False
    flow: Flow = "none"
    pill: str = ""
    bits: Flow = "none"
    moves: tuple[tuple[int, int], ...] = ()
    spans: tuple[int, ...] = ()
    called: str = ""
    depth: int = 0


@dataclass
class Panel:
    """A block's picture: its lanes' sorts by column, and its rows."""

    title: str
    subtitle: list[str]
    name: str
    sorts: dict[int, Sort]
    start: dict[str, int]
    rows: list[Row]
    end: dict[str, int]
