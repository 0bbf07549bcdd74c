"""A typed program as JSON that can be read: each block once, calls by its name."""

import json
from typing import Any

from revc.grammar.layout import Doc, Form, bracket, lay_out, text
from revc.ir.instructions import Instruction
from revc.ir.program import Block, Program

_FORM = Form(100, "  ")


def json_text(value: Any) -> str:
    """Return plain data as JSON: a list or an object on one line wherever it fits."""
    return lay_out(_doc(value), 0, _FORM)


def _doc(value: Any) -> Doc:
    if isinstance(value, dict):
        items = [text(f"{json.dumps(key)}: ", _doc(part)) for key, part in value.items()]
        return bracket("{}", items, comma=False)
    if isinstance(value, list):
        return bracket("[]", map(_doc, value), comma=False)
    return text(json.dumps(value))


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
        for inner in step.inner():
            if inner in step.called():
                data["block"] = self._name(inner)
            else:
                data["body"] = self.block(inner)
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
