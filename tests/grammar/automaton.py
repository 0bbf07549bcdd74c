"""Ways to every state of the parser: for each state, the shortest tokens that lead there."""

from collections import deque
from functools import cache

from lark import Lark

from revc.grammar.table import table
from revc.grammar.table_build import GRAMMAR

Symbols = tuple[str, ...]


@cache
def lark() -> Lark:
    text = GRAMMAR.read_text(encoding="utf-8")
    return Lark(text, parser="lalr", lexer="contextual", maybe_placeholders=True)


@cache
def shortest() -> dict[str, Symbols]:
    """Return the shortest terminals of each symbol."""
    found: dict[str, Symbols] = {}
    for state in table().actions:
        found.update({symbol: (symbol,) for symbol in state if symbol.isupper()})
    changed = True
    while changed:
        changed = False
        for rule in lark().rules:
            parts = [found.get(symbol.name) for symbol in rule.expansion]
            if None in parts:
                continue
            tokens = tuple(token for part in parts if part is not None for token in part)
            name = str(rule.origin.name)
            if name not in found or len(tokens) < len(found[name]):
                found[name], changed = tokens, True
    return found


@cache
def ways() -> dict[int, Symbols]:
    """Return for each state the terminals of a shortest way there."""
    found: dict[int, Symbols] = {0: ()}
    queue = deque([0])
    while queue:
        state = queue.popleft()
        for symbol, target in table().actions[state].items():
            if target >= 0 and target not in found:
                found[target] = found[state] + shortest()[symbol]
                queue.append(target)
    return found


def spelt(kind: str) -> str:
    """Return a text for a terminal."""
    texts = {kind: text for text, kind in (table().marks | table().words).items()}
    samples = {"NAME": "x", "NUMBER": "1", "STRING": '"s"', "QFORMAT": "Q1.2", "_NL": "\n"}
    return samples.get(kind) or texts.get(kind, "")
