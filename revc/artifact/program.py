"""A typed program as JSON that can be read: each block once, calls by its name."""

import json
from collections.abc import Sequence
from typing import Any

from revc.ir.instructions import BlockCall, Instruction, Repeat
from revc.ir.program import Block, Program

_WIDTH = 100


def json_text(value: Any) -> str:
    """Return plain data as JSON, on one line wherever it fits; the outermost is broken."""
    return _text(value, 0)[1]


def _text(value: Any, depth: int) -> tuple[str | None, str]:
    """Return a value on one line, None if that is too long wherever it stands, and as it is set.

    A value is laid out behind `depth` blanks.
    """
    if not isinstance(value, dict | list | tuple) or not value:
        flat = _atom(value)
        return flat, flat
    if isinstance(value, dict):
        opening, closing, names = "{", "}", [f"{_atom(name)}: " for name in value]
        inner = [_text(item, depth + 2) for item in value.values()]
    else:
        opening, closing, names = "[", "]", [""] * len(value)
        inner = [_text(item, depth + 2) for item in value]
    short = _flat(opening, closing, names, [flat for flat, _ in inner])
    if depth and short is not None and depth + len(short) <= _WIDTH:
        return short, short
    margin = " " * (depth + 2)
    lines = [f"{margin}{name}{text}" for name, (_, text) in zip(names, inner, strict=True)]
    return short, "\n".join([opening, ",\n".join(lines), f"{' ' * depth}{closing}"])


def _flat(
    opening: str, closing: str, names: Sequence[str], items: Sequence[str | None]
) -> str | None:
    if sum(_WIDTH if item is None else len(item) for item in items) >= _WIDTH:
        return None
    inside = ", ".join([f"{name}{item}" for name, item in zip(names, items, strict=True)])
    return f"{opening}{inside}{closing}"


_encoded = json.JSONEncoder().encode


def _atom(value: Any) -> str:
    return str(value) if type(value) is int else _encoded(value)


def program_json(program: Program) -> dict[str, Any]:
    """Return the program as plain data, its blocks under `blocks`."""
    blocks = _Blocks()
    model = blocks.block(program.model)
    rest = program.model_dump(mode="json", exclude={"model"})
    return {**rest, "model": model, "blocks": blocks.found}


class _Blocks:
    """The blocks that calls name; equal names belong to different blocks and are numbered."""

    def __init__(self) -> None:
        self.found: dict[str, Any] = {}
        self._names: dict[int, str] = {}
        self._taken: set[str] = set()

    def block(self, block: Block) -> dict[str, Any]:
        """Return a block as data."""
        face = block.model_dump(mode="json", exclude={"body"})
        return {**face, "body": [self._step(step) for step in block.body]}

    def _step(self, step: Instruction) -> dict[str, Any]:
        data = step.model_dump(mode="json", exclude={"block", "body"})
        if isinstance(step, BlockCall):
            data["block"] = self._name(step.block)
        elif isinstance(step, Repeat):
            data["body"] = self.block(step.body)
        return data

    def _name(self, block: Block) -> str:
        if id(block) not in self._names:
            name, count = block.name, 1
            while name in self._taken:
                count += 1
                name = f"{block.name}_{count}"
            self._names[id(block)] = name
            self._taken.add(name)
            self.found[name] = self.block(block)
        return self._names[id(block)]
