"""Shapes against a built-in net's patterns: which axis is which, and what comes out."""

from collections.abc import Mapping

from revc.grammar import ast
from revc.grammar.signatures import Input, Signature
from revc.ir.dims import Dim
from revc.ir.types import Label, RegType, Shape, shape_text
from revc.passes.elaborate.nets.slots import Given
from revc.passes.elaborate.scope.scope import Scope
from revc.passes.rules.s003_unknown_argument import bad_argument
from revc.passes.rules.s004_shape_mismatch import mismatch
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


def result_shape(signature: Signature, axes: Mapping[str, Shape], settings: Given) -> Shape:
    """Return the shape of a built-in net's output."""
    shape: list[Dim] = []
    for name in signature.result:
        if name in axes:
            shape += axes[name]
            continue
        setting = settings[name]
        if isinstance(setting, tuple):
            shape += setting
        else:
            assert isinstance(setting, int | Dim)
            shape.append(Dim.of(setting))
    return tuple(shape)
