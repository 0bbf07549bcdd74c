"""Shapes against a built-in net's patterns: which axis is which, and what comes out."""

from collections.abc import Mapping

from revc.grammar import ast
from revc.grammar.signatures import Input, Signature
from revc.ir.dims import Dim
from revc.ir.nets import Setting
from revc.ir.types import Label, RegType, Shape, shape_text
from revc.passes.elaborate.nets.slots import Given
from revc.passes.elaborate.scope.scope import Scope
from revc.passes.rules.s003_unknown_argument import bad_argument
from revc.passes.rules.s004_shape_mismatch import mismatch
from revc.passes.rules.s005_odd_split import odd_split
from revc.passes.rules.s007_numeric_mix import numeric_mix

Axes = dict[str, Shape]


def match_inputs(
    scope: Scope, call: ast.Call, signature: Signature, types: tuple[RegType, ...]
) -> Axes:
    """Return what each name of the patterns stands for; `..` for the leading axes, `n` for a sum.

    Raises:
        Reported: the number of arguments, a rank, an axis or a numerics does not fit.
    """
    axes: Axes = {}
    for pattern, kinds in _assign(scope, call, signature, types):
        total: dict[str, Dim] = {}
        for kind in kinds:
            _numerics(scope, call, signature, pattern, kind)
            for name, dims in _bind(scope, call, signature, pattern, kind).items():
                if name == "n" and pattern.many:
                    total["n"] = total.get("n", Dim()) + dims[0]
                elif axes.setdefault(name, dims) != dims:
                    one, two = shape_text(axes[name]), shape_text(dims)
                    text = f"the arguments of `{call.func}` differ: {one} and {two}"
                    raise scope.findings.reject(mismatch(call.span, text))
        axes.update({name: (dim,) for name, dim in total.items()})
    return axes


def _assign(
    scope: Scope, call: ast.Call, signature: Signature, types: tuple[RegType, ...]
) -> list[tuple[Input, tuple[RegType, ...]]]:
    """Give each input its argument, and the last one, when it is `many`, all that remain."""
    inputs = signature.inputs
    many = bool(inputs) and inputs[-1].many
    if len(types) < len(inputs) or (len(types) > len(inputs) and not many):
        names = ", ".join(i.name + (".." if i.many else "") for i in inputs)
        wanted = f"reads {names}" if inputs else "reads nothing"
        text = f"{wanted}, but {len(types)} values are given"
        raise scope.findings.reject(bad_argument(call.func, text, call.span))
    if not inputs:
        return []
    cut = len(inputs) - 1
    single = [(one, (kind,)) for one, kind in zip(inputs[:cut], types, strict=False)]
    return [*single, (inputs[-1], types[cut:])]


def _numerics(
    scope: Scope, call: ast.Call, signature: Signature, pattern: Input, kind: RegType
) -> None:
    label = isinstance(kind.numerics, Label)
    if label and not pattern.label:
        text = f"`{call.func}` reads numbers, not a {kind.numerics}: use `embedding`"
        raise scope.findings.reject(numeric_mix(call.span, text))
    if pattern.label and not label:
        text = f"`{call.func}` reads labels for `{pattern.name}`, not {kind.numerics}"
        raise scope.findings.reject(numeric_mix(call.span, text))


def _bind(
    scope: Scope, call: ast.Call, signature: Signature, pattern: Input, kind: RegType
) -> Axes:
    names = [name for name in pattern.shape if name != ".."]
    lead = len(kind.shape) - len(names)
    if lead < 0 or (lead > 0 and ".." not in pattern.shape):
        text = f"`{call.func}` reads [{', '.join(pattern.shape)}], not {shape_text(kind.shape)}"
        raise scope.findings.reject(mismatch(call.span, text))
    axes: Axes = {name: (dim,) for name, dim in zip(names, kind.shape[lead:], strict=True)}
    return {"..": kind.shape[:lead], **axes} if ".." in pattern.shape else axes


def result_shape(
    scope: Scope, call: ast.Call, signature: Signature, axes: Mapping[str, Shape], settings: Given
) -> Shape:
    """Return the shape of a built-in net's output.

    Raises:
        Reported: an axis is not divided evenly, or by a number that is not known.
    """
    shape: list[Dim] = []
    for name in signature.result:
        if name in axes:
            shape += axes[name]
        elif name.startswith(".. - "):
            gone = _numbers(settings[name.removeprefix(".. - ")])
            shape += [dim for axis, dim in enumerate(axes[".."]) if axis not in gone]
        elif "/" in name:
            shape.append(_divided(scope, call, name, axes, settings))
        else:
            setting = settings[name]
            shape += setting if isinstance(setting, tuple) else [Dim.of(_known(setting))]
    return tuple(shape)


def _divided(
    scope: Scope, call: ast.Call, entry: str, axes: Mapping[str, Shape], settings: Given
) -> Dim:
    """Return an axis of the result that an option divides: `H/stride`."""
    name, _, option = entry.partition("/")
    (whole,), by = axes[name], Dim.of(_known(settings[option]))
    if by.constant is None:
        text = f"takes a number for `{option}`, and {by} is not bound"
        raise scope.findings.reject(bad_argument(call.func, text, call.span))
    found = whole / by
    if found.constant is not None and found.integer is None:
        raise scope.findings.reject(odd_split(whole, f"{option} = {by}", call.span))
    return found


def counted_axes(
    scope: Scope, call: ast.Call, signature: Signature, axes: Mapping[str, Shape], settings: Given
) -> Given:
    """Return the settings with every option that names axes counted from 0.

    Raises:
        Reported: one is not of the input, is the example's, or is named twice.
    """
    counted = dict(settings)
    for option in signature.options:
        if option.kind == "axes":
            shape = axes[".."]
            given = [axis + len(shape) * (axis < 0) for axis in _numbers(settings[option.name])]
            if any(not 0 < axis < len(shape) for axis in given) or len(set(given)) < len(given):
                text = (
                    f"axes of {shape_text(shape)} from 1 on are needed, each once: 0 is the example"
                )
                raise scope.findings.reject(mismatch(call.span, text))
            counted[option.name] = tuple(Dim.of(axis) for axis in sorted(given))
    return counted


def _numbers(setting: Setting) -> tuple[int, ...]:
    """Return the axes that an option names."""
    assert isinstance(setting, tuple)
    found = [dim.integer for dim in setting]
    return tuple(axis for axis in found if axis is not None)


def _known(setting: Setting) -> int | Dim:
    assert isinstance(setting, int | Dim)
    return setting
