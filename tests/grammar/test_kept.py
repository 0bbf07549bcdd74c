"""What was kept of a text changes nothing of what a later text says."""

import random
from collections.abc import Iterator

import pytest

from revc.grammar import ast
from revc.grammar.kept import Kept
from revc.grammar.parser import parse
from revc.passes.recursion_limit import recursion_limit
from tests.lsp.corpus import GOOD, TEXTS

_BITS = [
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "\n",
    "#",
    '"',
    "let ",
    "+=",
    ",",
    "a",
    "7",
    " ",
    "\n\n",
    "$",
]


def edits(text: str, seed: int, count: int) -> Iterator[str]:
    """Yield texts that come of one another by what keys, cuts and pastes do."""
    chance = random.Random(seed)
    for _ in range(count):
        at = chance.randrange(len(text) + 1)
        match chance.randrange(6):
            case 0:
                text = text[:at] + chance.choice(_BITS) + text[at:]
            case 1:
                text = text[:at] + text[at + chance.randrange(1, 4) :]
            case 2:
                lines = text.split("\n")
                lines.insert(chance.randrange(len(lines)), chance.choice(lines))
                text = "\n".join(lines)
            case 3:
                lines = text.split("\n")
                del lines[chance.randrange(len(lines))]
                text = "\n".join(lines) or "\n"
            case _:
                text = text[:at] + chance.choice("abxyz019 ") + text[at:]
        yield text


@pytest.mark.parametrize("name", GOOD)
def test_a_text_says_what_it_says_whatever_was_kept(name: str) -> None:
    good = parse(GOOD[name], "a.rev")
    for seed in range(3):
        kept = Kept()
        for text in edits(GOOD[name], seed, 10):
            assert parse(GOOD[name], "a.rev", kept) == good
            assert parse(text, "a.rev", kept) == parse(text, "a.rev")


def test_texts_that_follow_one_another_say_what_they_say() -> None:
    kept = Kept()
    for text in [*TEXTS.values(), *reversed(TEXTS.values())]:
        found, fresh = parse(text, "a.rev", kept), parse(text, "a.rev")
        with recursion_limit():  # some nest as deep as may be, and are compared by recursion
            assert found == fresh


def test_what_stands_still_is_the_same_node() -> None:
    kept = Kept()
    text = "block A(a: [B]) {\n  negate a\n}\n\nblock C(a: [B]) {\n  negate a\n  negate a\n}\n"
    before = parse(text, "a.rev", kept).file.items
    after = parse(text.replace("negate a\n}\n\n", "negate  a\n}\n\n"), "a.rev", kept).file.items
    assert after[1] is before[1]
    assert after[0] is not before[0]
    changed = parse(text.replace("negate a\n  negate", "negate a  # c\n  negate "), "a.rev", kept)
    last, earlier = changed.file.items[1], before[1]
    assert isinstance(last, ast.BlockDecl)
    assert isinstance(earlier, ast.BlockDecl)
    assert last.body[0] is earlier.body[0]
    assert last.body[1] is not earlier.body[1]
