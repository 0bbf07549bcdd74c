"""A typed program as JSON that can be read: each block once, calls by its name."""

import json
from typing import Any

from revc.grammar.layout import Doc, Form, bracket, lay_out, text
from revc.grammar.record import plain
from revc.ir.instructions import Instruction
from revc.ir.program import Block, Program

_FORM = Form(100, "  ")
_FEW = 16  # parts of what may fit on one line: more are not tried


def json_text(value: Any) -> str:
    """Return plain data as JSON: a list or an object on one line wherever it fits."""
    return lay_out(_doc(value, 0, 0), 0, _FORM)


def _doc(value: Any, indent: int, ahead: int) -> Doc:
    """Return plain data laid out; what stands behind it on its line takes `ahead` columns."""
    if not isinstance(value, dict | list) or (indent and len(value) <= _FEW):
        flat = json.dumps(value)
        if not isinstance(value, dict | list) or indent + ahead + len(flat) < _FORM.width:
            return text(flat)
    inner = indent + len(_FORM.step)
    if isinstance(value, dict):
        keys = {key: f"{json.dumps(key)}: " for key in value}
        items = [text(k, _doc(value[key], inner, len(k))) for key, k in keys.items()]
        return bracket("{}", items, comma=False)
    return bracket("[]", [_doc(part, inner, 0) for part in value], comma=False)


def program_json(program: Program) -> dict[str, Any]:
    """Return the program as plain data, its blocks under `blocks`."""
    blocks = _Blocks()
    model = blocks.block(program.model)
    rest = plain(program, ("model",))
    return {**rest, "model": model, "blocks": blocks.found}


class _Blocks:
    """The blocks that calls name; equal names belong to different blocks and are numbered."""

    def __init__(self) -> None:
        self.found: dict[str, Any] = {}
        self._names: dict[int, str] = {}
        self._taken: set[str] = set()

    def block(self, block: Block) -> dict[str, Any]:
        """Return a block as data."""
        face = plain(block, ("body",))
        return {**face, "body": [self._step(step) for step in block.body]}

    def _step(self, step: Instruction) -> dict[str, Any]:
        data = plain(step, ("block", "body"))
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
