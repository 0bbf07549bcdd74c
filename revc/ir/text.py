"""The intermediate form as text: expressions, places, settings and single instructions.

Needs no torch: `revc compile --emit ir`, `revc show` and the comments of an artifact's code use it.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Any

from revc.ir import instructions as ir
from revc.ir.dims import Dim
from revc.ir.expr import At, Elementwise, Expr, NetCall, Number, Place, Read, Slice
from revc.ir.nets import Builtin, Hole, NetSlot, Replaced
from revc.ir.program import Register

Named = Callable[[int], str]
_OPERATORS = {"add": ("+", 1), "sub": ("-", 1), "mul": ("*", 2), "div": ("/", 2)}
_UNARY, _ATOM = 3, 4


def expr_text(value: Expr, net: Named) -> str:
    """Return an expression as the language writes it; `net` names the slots."""
    return _expr(value, net)[0]


def place_text(place: Place) -> str:
    """Return ``a`` or ``a[.., :64]``; leading whole axes are two dots."""
    items = [_index(item) for item in place.index]
    if not any(item != ":" for item in items):
        return place.name
    skipped = next(i for i, item in enumerate(items) if item != ":")
    if skipped > 1:
        items = ["..", *items[skipped:]]
    return f"{place.name}[{', '.join(items)}]"


def setting_text(value: Any) -> str:
    """Return a setting: numbers, words, dims and shapes."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return f"[{', '.join(setting_text(item) for item in value)}]"
    return number_text(value) if isinstance(value, float) else str(value)


def settings_text(settings: dict[str, Any]) -> str:
    """Return ``heads = 4, causal = true``."""
    return ", ".join(f"{name} = {setting_text(value)}" for name, value in settings.items())


def number_text(value: float | Dim) -> str:
    """Return a number with no more digits than it has."""
    if isinstance(value, Dim):
        return str(value)
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def source_text(slot: NetSlot, slots: Sequence[NetSlot] = ()) -> str:
    """Return what a net slot is: ``mlp(width = 512, act = gelu)``, a torch class or a hole."""
    source = slot.source
    if isinstance(source, Hole):
        return f"bound from Python as {source.name}"
    if isinstance(source, Builtin):
        settings = settings_text(source.settings)
        if source.tied is not None:
            tied = slots[source.tied].name if slots else str(source.tied)
            settings = ", ".join(filter(None, (settings, f"tied = {tied}")))
        return f"{source.name}({settings})"
    if isinstance(source, Replaced):
        return f"a module in place of {source.builtin.name}"
    args = [*(setting_text(arg) for arg in source.args), settings_text(source.kwargs)]
    return f'torch "{source.target}"({", ".join(filter(None, args))})'


def step_text(step: ir.Instruction, net: Named) -> str:
    """Return an instruction on one line; a repeat without its body."""
    undo = "undo " if getattr(step, "undo", False) and step.kind != "call" else ""
    return undo + _STEPS[step.kind](step, net)


def by_name(slots: Sequence[NetSlot]) -> Named:
    """Return the slots' own names, unique in their block."""
    return lambda slot: slots[slot].name


def registers_text(registers: Iterable[Register]) -> str:
    """Return ``a, b: lattice(Q12.20)[B, T, 64]``."""
    return grouped((register.name, str(register.type)) for register in registers)


def grouped(named: Iterable[tuple[str, str]]) -> str:
    """Return ``a, b: T, c: U``: neighbours of one type share it."""
    groups = groupby(named, key=lambda pair: pair[1])
    return ", ".join(f"{', '.join(name for name, _ in pairs)}: {kind}" for kind, pairs in groups)


# --- expressions ---------------------------------------------------------------------------------


def _expr(value: Expr, net: Named) -> tuple[str, int]:
    match value:
        case Number():
            text = number_text(value.value)
            return text, 1 if " " in text else 3 if text.startswith(
                "-"
            ) else 2 if "/" in text else 4
        case Read():
            return place_text(value.place), _ATOM
        case NetCall():
            return f"{net(value.slot)}({_listed(value.args, net)})", _ATOM
        case Elementwise(function="neg"):
            return f"-{_at_level(value.args[0], _UNARY, net)}", _UNARY
        case Elementwise(function=function) if function in _OPERATORS:
            sign, level = _OPERATORS[function]
            left = _at_level(value.args[0], level, net)
            return f"{left} {sign} {_at_level(value.args[1], level + 1, net)}", level
        case Elementwise():
            return f"{value.function}({_listed(value.args, net)})", _ATOM


def _number(text: str) -> tuple[str, int]:
    if " " in text:
        return text, 1
    if text.startswith("-"):
        return text, _UNARY
    return text, 2 if "/" in text or "*" in text else _ATOM


def _at_level(value: Expr, level: int, net: Named) -> str:
    text, own = _expr(value, net)
    return text if own >= level else f"({text})"


def _listed(values: Iterable[Expr], net: Named) -> str:
    return ", ".join(expr_text(value, net) for value in values)


def _index(item: Slice | At) -> str:
    if isinstance(item, At):
        return str(item.position)
    lo = "" if item.lo.integer == 0 else str(item.lo)
    return f"{lo}:{'' if item.hi is None else item.hi}"


# --- instructions --------------------------------------------------------------------------------


def _names(names: Iterable[str]) -> str:
    return ", ".join(names)


def distribution_text(by: ir.Distribution, net: Named) -> str:
    """Return what a coder codes by: ``logistic(linear(b), step = 0.0625), residue = carry``."""
    settings = {k: v for k, v in by.settings.items() if v is not None}
    inside = ", ".join(filter(None, (_listed(by.params, net), settings_text(settings))))
    policy = f"drop({by.drop_bits})" if by.residue == "drop" else by.residue
    return f"{by.family}({inside}), residue = {policy}"


def _metered(step: Any) -> str:
    meter = f" as {step.meter}" if step.meter else ""
    return meter + (f" on {step.stack}" if step.stack else "")


def _coded(step: Any, net: Named) -> str:
    target = step.target if isinstance(step.target, str) else place_text(step.target)
    return f"{step.kind} {target} by {distribution_text(step.by, net)}{_metered(step)}"


def _scale(step: ir.Scale, net: Named) -> str:
    span = f"[{number_text(step.lo)}, {number_text(step.hi)}]"
    factor = expr_text(step.factor, net)
    return f"scale {place_text(step.target)} by {factor} in {span}{_metered(step)}"


def _call(step: ir.BlockCall, net: Named) -> str:
    args = [*step.args, *(place_text(place) for place in step.givens)]
    text = f"{step.label}: {'uncall ' if step.undo else ''}{step.block.name}({_names(args)})"
    if step.results != step.args:
        text += f" -> {_names(step.results)}"
    return text


def _repeat(step: ir.Repeat, net: Named) -> str:
    words = " reversed" if step.reversed else ""
    words += f" as {step.index}" if step.index else ""
    words += " share" if step.share else ""
    return f"{step.label}: repeat {step.count}{words} over {_names(step.registers) or 'nothing'}"


def _map_text(step: Any, names: Named) -> str:
    if step.matrix is not None:
        return expr_text(step.matrix, names)
    return f"{step.family}({settings_text(step.settings)})"


_STEPS: dict[str, Callable[[Any, Named], str]] = {
    "add": lambda s, n: (
        f"{place_text(s.target)} {'+' if s.sign > 0 else '-'}= {expr_text(s.value, n)}"
    ),
    "negate": lambda s, n: f"negate {place_text(s.target)}",
    "swap": lambda s, n: f"swap {s.left}, {s.right}",
    "split": lambda s, n: f"split {s.source} -> {_names(s.parts)} along {s.axis}",
    "join": lambda s, n: f"join {_names(s.parts)} -> {s.target} along {s.axis}",
    "permute": lambda s, n: f"permute {s.target} by ({_names(map(str, s.order))})",
    "reshape": lambda s, n: f"reshape {s.target} to [{_names(map(str, s.after))}]",
    "squeeze": lambda s, n: f"squeeze {s.target} by {s.factor}",
    "alloc": lambda s, n: f"alloc {s.name} = {expr_text(s.value, n)}",
    "free": lambda s, n: f"free {s.name} = {expr_text(s.value, n)}",
    "forget": lambda s, n: f"forget {s.name}",
    "recall": lambda s, n: f"recall {s.name}",
    "let": lambda s, n: f"let {s.name} = {expr_text(s.value, n)}",
    "emit": lambda s, n: f"emit {s.name} = {expr_text(s.value, n)}",
    "call": _call,
    "repeat": _repeat,
    "put": _coded,
    "draw": _coded,
    "valve": _coded,
    "scale": _scale,
    "mix": lambda s, n: f"mix {place_text(s.target)} by {_map_text(s, n)}",
    "apply": lambda s, n: (
        f"apply {place_text(s.target)} by {s.bijection}({settings_text(s.settings)})"
    ),
}
