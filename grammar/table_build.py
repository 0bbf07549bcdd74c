"""Build the parser's table with Lark: ``python -m revc.grammar.table_build``.

To be run when rev.lark changed. Nothing that reads a spec imports this. The table is in a private
place of Lark's parser, which is looked at here alone.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lark import Lark
from lark.grammar import Rule as LarkRule
from lark.lexer import PatternStr
from lark.parsers.lalr_analysis import Shift

from revc.grammar.table import FILE, Rule, Table

GRAMMAR = Path(__file__).with_name("rev.lark")


def build(grammar: str) -> Table:
    """Return the LALR(1) table of `grammar`, its states numbered in an order of their own.

    Raises:
        lark.exceptions.GrammarError: the grammar is wrong or has a reduce/reduce conflict.
    """
    lark = Lark(grammar, parser="lalr", lexer="contextual", maybe_placeholders=True, debug=True)
    raw: Any = lark.parser.parser._parse_table
    order = _number(raw)
    rules = {rule: at for at, rule in enumerate(lark.rules)}
    texts = {t.name: t.pattern for t in lark.terminals}
    words = {p.value: n for n, p in texts.items() if _is_word(p)}
    actions = tuple(_actions(raw.states[state], order, rules) for state in order)
    return Table(
        actions=actions,
        rules=tuple(_rule(rule) for rule in lark.rules),
        end=order[raw.end_states["start"]],
        kernels=tuple(_kernel(state) for state in order),
        patterns={n: p.to_regexp() for n, p in texts.items() if not isinstance(p, PatternStr)},
        marks={
            p.value: n for n, p in texts.items() if isinstance(p, PatternStr) and not _is_word(p)
        },
        words=words,
        reserved=frozenset(_reserved(actions, words)),
    )


def _is_word(pattern: Any) -> bool:
    return isinstance(pattern, PatternStr) and pattern.value.isalnum()


def _number(raw: Any) -> dict[Any, int]:
    """Number the states breadth first by symbol, which does not depend on hashing."""
    order = {raw.start_states["start"]: 0}
    queue = list(order)
    for state in queue:
        for _, target in _shifts(raw.states[state]):
            if target not in order:
                order[target] = len(order)
                queue.append(target)
    return order


def _shifts(actions: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for symbol, (action, target) in sorted(actions.items(), key=lambda item: item[0]):
        if action is Shift:
            yield symbol, target


def _actions(raw: dict[str, Any], order: Any, rules: dict[LarkRule, int]) -> dict[str, int]:
    return {
        symbol: order[target] if action is Shift else -1 - rules[target]
        for symbol, (action, target) in sorted(raw.items(), key=lambda item: item[0])
    }


def _kernel(state: Any) -> tuple[str, ...]:
    """Name the rules in progress, without the helpers that Lark makes for repetitions."""
    begun = (item.rule.origin.name for item in state if item.index and not item.is_satisfied)
    return tuple(sorted({str(name) for name in begun if not name.startswith(("$", "__"))}))


def _rule(rule: LarkRule) -> Rule:
    keep: list[tuple[int, bool, int]] = []
    gaps = _gaps(rule)
    absent = 0
    for at, symbol in enumerate(rule.expansion):
        absent += gaps[at]
        if symbol.is_term and getattr(symbol, "filter_out", False):
            continue
        keep.append((at, not symbol.is_term and symbol.name.startswith("_"), absent))
        absent = 0
    origin = str(rule.origin.name)
    return Rule(
        origin=origin,
        name=str(rule.alias or origin),
        size=len(rule.expansion),
        keep=tuple(keep),
        nones=absent + gaps[-1],
        splice=origin.startswith("_"),
        passes=rule.options.expand1 and not rule.alias and len(keep) == 1,
    )


def _gaps(rule: LarkRule) -> list[int]:
    """Count the absent optional parts before each symbol of the expansion, and behind the last."""
    marks = "".join(str(int(absent)) for absent in rule.options.empty_indices)
    if not marks:
        return [0] * (len(rule.expansion) + 1)
    return [len(ones) for ones in marks.split("0")]


def _reserved(actions: tuple[dict[str, int], ...], words: dict[str, str]) -> Iterator[str]:
    starts = [a for a in actions if "item" in a or "stmt" in a]
    for word, name in words.items():
        if name in ("TRUE", "FALSE") or any(name in state for state in starts):
            yield word


def as_text(table: Table) -> str:
    """Return what rev.table.json says of a table: JSON, with a line for each rule and state."""
    fields = asdict(table) | {"reserved": sorted(table.reserved)}
    return "{\n" + ",\n".join(f"{_json(n)}: {_lines(v)}" for n, v in fields.items()) + "\n}\n"


def _lines(value: Any) -> str:
    if isinstance(value, int):
        return _json(value)
    if isinstance(value, dict):
        parts = [f"{_json(name)}: {_json(part)}" for name, part in value.items()]
        return "{\n" + ",\n".join(parts) + "\n}"
    return "[\n" + ",\n".join(map(_json, value)) + "\n]"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    FILE.write_text(as_text(build(GRAMMAR.read_text(encoding="utf-8"))), encoding="utf-8")
