"""What a picture says of nets, values and statements, in few words."""

import re
from collections.abc import Iterable
from textwrap import wrap

from revc.ir.expr import Expr, NetCall, walk
from revc.ir.net_kinds import signature_of
from revc.ir.nets import Builtin, Hole, NetSlot
from revc.ir.program import Block
from revc.ir.text import Named, expr_text, setting_text

WIDE = 44


def shown(block: Block) -> Named:
    """Return the names of a block's nets as the author wrote them: ``attention``, ``Tok``."""
    return lambda slot: _name(block.nets[slot])


def _name(slot: NetSlot) -> str:
    last = slot.name.rpartition(".")[2]
    source = slot.source
    if isinstance(source, Builtin) and re.fullmatch(rf"{source.name}_\d+", last):
        return source.name
    return source.name if isinstance(source, Hole) else last


def value_lines(value: Expr, block: Block, before: str = "") -> tuple[list[str], list[str]]:
    """Return a value as lines of code, and notes on the settings of the nets in it."""
    return broken(before + expr_text(value, shown(block))), notes_on((value,), block)


def notes_on(values: Iterable[Expr], block: Block) -> list[str]:
    """Return notes on the nets of some values, the outermost first."""
    called = [n for value in values for n in walk(value) if isinstance(n, NetCall)]
    notes = dict.fromkeys(filter(None, (_note(node, block) for node in reversed(called))))
    return [line for note in notes for line in broken(note)]


def broken(text: str) -> list[str]:
    """Return text in lines of a box's width."""
    held = text.replace(" = ", "\0=\0")  # an option and its value stay on one line
    lines = wrap(held, WIDE, subsequent_indent="  ", break_long_words=False)
    return [line.replace("\0", " ") for line in lines] or [""]


def _note(call: NetCall, block: Block) -> str:
    slot = block.nets[call.slot]
    if not isinstance(slot.source, Builtin):
        return ""
    name, source = _name(slot), slot.source
    settings = _unusual(source, str(call.shape[-1]) if call.shape else "")
    if source.tied is not None:
        settings.append(f"tied = {_name(block.nets[source.tied])}")
    made = f"{name} = {source.name}" if name != source.name else name
    if name == source.name and not settings:
        return ""
    return f"{made}: {', '.join(settings)}" if settings else made


def _unusual(source: Builtin, size: str) -> list[str]:
    """Return the settings that are not the signature's defaults."""
    defaults = {option.name: option.default for option in signature_of(source).options}
    found = []
    for name, value in source.settings.items():
        default = defaults.get(name)
        if default is not None:
            usual = {
                "value": default.value,
                "none": None,
                "target": value,
                "option": source.settings.get(str(default.value)),
            }[default.kind]
            if setting_text(usual) == setting_text(value):
                continue
        found.append(name if value is True else f"{name} = {setting_text(value)}")
    return found
