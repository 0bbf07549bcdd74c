"""The nets of an artifact: how each instance is made, as Python code."""

from typing import Any

from revc.artifact.layout import INDENT, call, docstring, listed, quoted, statement, tupled
from revc.codegen.builtins import module_class
from revc.codegen.compile import imported_with
from revc.grammar.layout import Doc, text
from revc.ir.net_kinds import arguments_of
from revc.ir.nets import Builtin, Hole, NetSlot, TorchClass
from revc.ir.program import Block


def nets_text(model: Block) -> str:
    """Return the file that makes the net instances of a model."""
    about = f"The nets of {model.name}."
    imports = _imports(model.nets)
    lines = [*docstring(about, 0), *([""] if imports else []), *imports, "", ""]
    lines.append("def make_nets(binder):")
    lines += docstring("Return the net instances by name, in program order.", 1)
    if not model.nets:
        return "\n".join([*lines, f"{INDENT}return {{}}", ""])
    lines.append(f"{INDENT}return {{")
    for slot in model.nets:
        lines += statement(f"{quoted(slot.name)}: ", _made(slot), 2, ",")
    return "\n".join([*lines, f"{INDENT}}}", ""])


def _imports(slots: tuple[NetSlot, ...]) -> list[str]:
    lines = []
    kinds = {module_class(slot).__name__ for slot in slots if isinstance(slot.source, Builtin)}
    if kinds:
        lines.append(f"from revc.runtime.nets import {', '.join(sorted(kinds))}")
    if any(isinstance(slot.source, TorchClass) for slot in slots):
        lines.append("from revc.runtime.nets.binding import import_net")
    return lines


def _made(slot: NetSlot) -> Doc:
    source = slot.source
    if isinstance(source, Hole):
        return text(f"binder.bind({quoted(source.name)})")
    if isinstance(source, TorchClass):
        args, kwargs = imported_with(source)
        pairs = [f"{constant(key)}: {constant(value)}" for key, value in kwargs.items()]
        named = f"{{{', '.join(pairs)}}}"
        head = [quoted(slot.name), quoted(source.target), constant(args), named]
        return call("import_net", map(text, head))
    items = [f"{name}={constant(value)}" for name, value in arguments_of(slot).items()]
    return call(module_class(slot).__name__, map(text, items))


def constant(value: Any) -> str:
    """Return a setting as code: a number, a word, or a tuple of such."""
    if isinstance(value, tuple | list):
        items = [text(constant(item)) for item in value]
        return (tupled(items) if isinstance(value, tuple) else listed(items)).flat
    if isinstance(value, str):
        return quoted(value)
    return repr(value)
