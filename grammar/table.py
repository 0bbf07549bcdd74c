"""The parser's table, read from rev.table.json; table_build.py makes that file from rev.lark.

The file ships, so that no spec is read with Lark: importing it and building the table take 0.4 s,
reading the file takes a few ms. A test builds the table again and compares the texts.
"""

import json
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

END = "$END"
FILE = Path(__file__).with_name("rev.table.json")


@dataclass(frozen=True)
class Rule:
    """How to reduce: take `size` values, keep some of them, hand them to action `name`.

    `keep` has one entry a kept value: its index, whether it is a list to splice, and how many
    absent optional parts come before it; `nones` counts those behind the last. A rule with
    ``passes`` hands on its only value unchanged.
    """

    origin: str
    name: str
    size: int
    keep: tuple[tuple[int, bool, int], ...]
    nones: int
    splice: bool
    passes: bool

    @cached_property
    def is_unit(self) -> bool:
        """Whether it makes nothing of its one value: the value then only goes by another name."""
        return self.passes and self.size == 1

    @cached_property
    def plain(self) -> tuple[int, ...]:
        """The indices of the kept values, where `keep` says no more than these; else none."""
        bare = not self.nones and not any(splice or absent for _, splice, absent in self.keep)
        return tuple(at for at, *_ in self.keep) if bare else ()


@dataclass(frozen=True, slots=True)
class Table:
    """An LALR(1) table and the terminals that it reads.

    `actions[state][symbol]` is a state to go to when it is 0 or more, else rule ``-1 - action``.
    `kernels[state]` names the rules of which a part was read there, and a part is still to come.
    """

    actions: tuple[dict[str, int], ...]
    rules: tuple[Rule, ...]
    end: int
    kernels: tuple[tuple[str, ...], ...]
    patterns: dict[str, str]
    marks: dict[str, str]
    words: dict[str, str]
    reserved: frozenset[str]


@cache
def table() -> Table:
    """Return the table of the language's grammar."""
    raw = json.loads(FILE.read_text(encoding="utf-8"))
    return Table(
        actions=tuple(raw["actions"]),
        rules=tuple(map(_rule, raw["rules"])),
        end=raw["end"],
        kernels=tuple(map(tuple, raw["kernels"])),
        patterns=raw["patterns"],
        marks=raw["marks"],
        words=raw["words"],
        reserved=frozenset(raw["reserved"]),
    )


def _rule(raw: dict[str, Any]) -> Rule:
    return Rule(**{**raw, "keep": tuple(map(tuple, raw["keep"]))})
