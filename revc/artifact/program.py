"""A typed program as JSON that can be read: each block once, calls by its name."""

import json
from typing import Any

from revc.ir.instructions import BlockCall, Instruction, Repeat
from revc.ir.program import Block, Program

_WIDTH = 100


def json_text(value: Any, depth: int = 0) -> str:
    """Return plain data as JSON, on one line wherever it fits."""
    flat = json.dumps(value)
    if (depth and depth + len(flat) <= _WIDTH) or not isinstance(value, dict | list) or not value:
        return flat
    margin = " " * (depth + 2)
    if isinstance(value, dict):
        items = [f"{json.dumps(k)}: {json_text(v, depth + 2)}" for k, v in value.items()]
    else:
        items = [json_text(item, depth + 2) for item in value]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    inside = f",\n{margin}".join(items)
    return f"{opening}\n{margin}{inside}\n{' ' * depth}{closing}"


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
