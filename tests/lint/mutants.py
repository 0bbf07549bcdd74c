"""Broken specs: random edits of good ones, the same for each seed."""

import random
import re

TOKEN = re.compile(r'"[^"\n]*"|[A-Za-z_][A-Za-z0-9_]*|[0-9.]+|[^\sA-Za-z0-9_]|\n')
WORDS = [
    "a", "b", "x", "t", "0", "1", "3", "-", "B", "T", "c", "d", "norm", "mlp", "F", "Layer", "swap",
    "join", "split", "alloc", "free", "undo", "uncall", "repeat", "share", "let", "emit", "given",
    "state", "[..]", "[.., :1]", "[B, T]", "label(V)", "float32", "=", "+=", "negate", "2*", "/3",
]  # fmt: skip


def mutant(text: str, seed: int) -> str:
    """Return `text` with one to three edits: tokens or lines dropped, doubled, moved, replaced."""
    draw = random.Random(seed)
    for _ in range(draw.randint(1, 3)):
        text = draw.choice(
            [_drop, _double, _replace, _borrow, _drop_line, _double_line, _swap_lines]
        )(text, draw)
    return text


def _tokens(text: str) -> list[re.Match[str]]:
    return [match for match in TOKEN.finditer(text) if match.group() != "\n"]


def _edit(text: str, match: re.Match[str], new: str) -> str:
    return text[: match.start()] + new + text[match.end() :]


def _drop(text: str, draw: random.Random) -> str:
    return _edit(text, draw.choice(_tokens(text)), "")


def _double(text: str, draw: random.Random) -> str:
    match = draw.choice(_tokens(text))
    return _edit(text, match, f"{match.group()} {match.group()}")


def _replace(text: str, draw: random.Random) -> str:
    return _edit(text, draw.choice(_tokens(text)), draw.choice(WORDS))


def _borrow(text: str, draw: random.Random) -> str:
    tokens = _tokens(text)
    return _edit(text, draw.choice(tokens), draw.choice(tokens).group())


def _drop_line(text: str, draw: random.Random) -> str:
    lines = text.split("\n")
    del lines[draw.randrange(len(lines))]
    return "\n".join(lines)


def _double_line(text: str, draw: random.Random) -> str:
    lines = text.split("\n")
    at = draw.randrange(len(lines))
    return "\n".join([*lines[: at + 1], *lines[at:]])


def _swap_lines(text: str, draw: random.Random) -> str:
    lines = text.split("\n")
    one, two = draw.randrange(len(lines)), draw.randrange(len(lines))
    lines[one], lines[two] = lines[two], lines[one]
    return "\n".join(lines)
