"""Distributions: what `put`, `draw` and `valve` code by."""

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Literal, NamedTuple, cast

from revc.grammar import ast
from revc.ir.dims import Dim
from revc.ir.expr import Expr
from revc.ir.instructions import Distribution
from revc.ir.types import Label, Lattice, RegType, Shape, shape_text
from revc.passes.analysis.arguments import Formals
from revc.passes.elaborate.arguments import matched
from revc.passes.elaborate.expressions import value
from revc.passes.elaborate.scope.names import number
from revc.passes.elaborate.scope.scope import Scope
from revc.passes.elaborate.statements.dropouts import no_dropout
from revc.passes.elaborate.statements.updates import check_exact
from revc.passes.rules.q301_non_injective_quantizer import quantiser_loss
from revc.passes.rules.q307_step_off_lattice import off_lattice
from revc.passes.rules.s002_unknown_name import unknown_name
from revc.passes.rules.s003_unknown_argument import (
    bad_argument,
    missing_argument,
)
from revc.passes.rules.s004_shape_mismatch import mismatch, too_narrow
from revc.passes.rules.s007_numeric_mix import numeric_mix

Residue = Literal["carry", "write", "drop", "none"]
Setting = int | float | str | None


class Family(NamedTuple):
    """A family: whether it reads parameters, its settings with defaults, what it can code.

    `each` numbers an element: the parameters' last axis is that many times the target's. None is
    for the label families, whose parameters have an axis more than the target.
    """

    each: int | None
    settings: dict[str, Setting]
    labels: bool


_NEEDED = "needed"
MOST = {"softmax": 1 << 20, "uniform": 1 << 31}
"""How many symbols the entropy coder's tables tell apart."""

FAMILIES = {
    "uniform": Family(0, {"n": _NEEDED}, True),
    "softmax": Family(None, {}, True),
    "logistic": Family(2, {"step": 1}, False),
    "logistic_mixture": Family(3, {"components": _NEEDED, "step": 1}, False),
    "gaussian": Family(2, {"step": 1}, False),
    "dropout": Family(0, {"p": _NEEDED}, True),
}


def distribution(scope: Scope, node: ast.Expr, kind: RegType, residue: Residue) -> Distribution:
    """Return the distribution of a value of type `kind`; `residue` is the statement's default.

    Raises:
        Reported: no such family, or its arguments do not fit.
    """
    if not isinstance(node, ast.Call):
        text = f"is one of {', '.join(FAMILIES)}"
        raise scope.findings.reject(bad_argument("a distribution", text, node.span))
    family = FAMILIES.get(node.func)
    if family is None:
        what = unknown_name("distribution", node.func, node.func_span, FAMILIES)
        raise scope.findings.reject(what)
    _codes(scope, node, family, kind)
    given, rest, _ = matched(scope.findings, node.args, _takes(node.func, family))
    named = {name: arg.value for name, arg in given.items()}
    settings = _settings(scope, node, family, named)
    _fits_labels(scope, node, settings, kind)
    params = _params(scope, node, family, rest, _wanted(scope, node, family, settings, kind), kind)
    policy, bits = _residue(scope, named.get("residue"), kind, residue)
    _check_step(scope, node, kind, settings, policy, bits)
    return Distribution(
        family=cast(Any, node.func),
        params=params,
        settings=settings,
        residue=policy,
        drop_bits=bits,
    )


def _check_step(
    scope: Scope, node: ast.Call, kind: RegType, settings: dict[str, Setting], policy: Residue,
    bits: int,
) -> None:  # fmt: skip
    """Check that a lattice's integers hold the split into index and residue."""
    step = settings.get("step")
    if not isinstance(kind.numerics, Lattice) or not isinstance(step, int | float):
        return
    scope.findings.demand(off_lattice(step, kind.numerics, node.span))
    unit = step * 2.0**kind.numerics.fraction_bits
    if policy == "drop" and bits < math.log2(unit):
        text = (
            f"drop({bits}) would charge less than it loses: a residue of {unit:g} units has "
            f"{math.ceil(math.log2(unit))} bits"
        )
        raise scope.findings.reject(bad_argument("residue", text, node.span))
    loss = quantiser_loss(kind.numerics, step, node.span) if policy == "none" else None
    if loss is not None:
        scope.findings.add(loss)


def _codes(scope: Scope, node: ast.Call, family: Family, kind: RegType) -> None:
    if isinstance(kind.numerics, Label) != family.labels:
        wanted = "labels" if family.labels else "a lattice"
        text = f"`{node.func}` codes {wanted}, not {kind.numerics}"
        raise scope.findings.reject(numeric_mix(node.span, text))


def _fits_labels(scope: Scope, node: ast.Call, settings: dict[str, Setting], kind: RegType) -> None:
    """Check that a family codes as many labels, and one without parameters no others."""
    if not isinstance(kind.numerics, Label):
        return
    codes, size = settings.get("n", 2), kind.numerics.size.integer
    most = MOST.get(node.func, size)
    if size is not None and most is not None and size > most:
        text = f"`{node.func}` codes at most {most} labels, not {kind.numerics}"
        raise scope.findings.reject(mismatch(node.span, text))
    if node.func not in ("uniform", "dropout"):
        return
    if size is not None and size != codes:
        text = f"`{node.func}` codes the labels below {codes}, not those of {kind.numerics}"
        raise scope.findings.reject(mismatch(node.span, text))


def _takes(name: str, family: Family) -> Formals:
    """Return what a family takes: the values that it reads, or else its one setting, come first."""
    settings = tuple(family.settings)
    if family.each == 0:
        return Formals(name, settings[:1], (*settings[1:], "residue"))
    return Formals(name, (), (*settings, "residue"), spread=True)


def _settings(
    scope: Scope, node: ast.Call, family: Family, named: dict[str, ast.Expr]
) -> dict[str, Setting]:
    settings: dict[str, Setting] = {}
    for name, default in family.settings.items():
        if name not in named and default == _NEEDED:
            raise scope.findings.reject(missing_argument(node.func, name, node.span))
        given = named.get(name)
        settings[name] = default if given is None else _constant(scope, node.func, name, given)
    return settings


def _constant(scope: Scope, func: str, name: str, node: ast.Expr) -> int | float:
    known = number(node, scope.names, scope.findings).constant
    if func == "dropout" and known is not None and 0 < known < 1:
        return float(known)
    if known is None or known <= 0 or (name != "step" and known.denominator != 1):
        if name == "p":
            text = "takes a number between 0 and 1 for `p`"
            raise scope.findings.reject(bad_argument(func, text, node.span))
        kind = "number" if name == "step" else "whole number"
        text = f"takes a {kind} above 0 for `{name}`"
        raise scope.findings.reject(bad_argument(func, text, node.span))
    return int(known) if known.denominator == 1 else float(known)


def _params(
    scope: Scope, node: ast.Call, family: Family, read: Sequence[ast.Arg], wanted: Shape,
    kind: RegType,
) -> tuple[Expr, ...]:  # fmt: skip
    if family.each == 0:
        return ()
    if len(read) != 1:
        raise scope.findings.reject(bad_argument(node.func, "reads one value", node.span))
    params = value(scope, read[0].value, wanted)
    no_dropout(scope, params)
    says = f"the code of a {kind.numerics} reads float state"
    check_exact(scope, read[0].value.span, params, kind.numerics, says)
    says = f"`{node.func}` needs {{want}} for {shape_text(kind.shape)}, but is given {{have}}"
    scope.findings.demand(too_narrow(params.shape, wanted, says, read[0].value.span))
    return (params,)


def _wanted(
    scope: Scope, node: ast.Call, family: Family, settings: dict[str, Setting], kind: RegType
) -> Shape:
    """Return the shape of a family's parameters for a value of type `kind`."""
    if family.each == 0:
        return ()
    if family.each is None:
        assert isinstance(kind.numerics, Label)
        return (*kind.shape, kind.numerics.size)
    if len(kind.shape) < 2:
        text = f"`{node.func}` codes values with an axis beside the example's"
        raise scope.findings.reject(mismatch(node.span, f"{text}, not {shape_text(kind.shape)}"))
    components = settings.get("components", 1)
    assert isinstance(components, int)
    return (*kind.shape[:-1], kind.shape[-1] * Dim.of(family.each * components))


def _residue(
    scope: Scope, node: ast.Expr | None, kind: RegType, default: Residue
) -> tuple[Residue, int]:
    """Return the residue policy, and the bits that `drop(m)` gives up."""
    label = isinstance(kind.numerics, Label)
    if label and node is not None:
        text = f"is for what a step leaves: a {kind.numerics} has none"
        raise scope.findings.reject(bad_argument("residue", text, node.span))
    match node:
        case None:
            return ("none" if label else default), 0
        case ast.Name(id="carry"):
            return "carry", 0
        case ast.Name(id="write"):
            return "write", 0
        case ast.Name(id="none"):
            return "none", 0
        case ast.Call(func="drop", args=(only,)):
            bits = number(only.value, scope.names, scope.findings).constant
            if bits is not None and bits.denominator == 1 and bits >= Fraction(0):
                return "drop", int(bits)
    text = "is carry, write or drop(m)"
    raise scope.findings.reject(bad_argument("residue", text, node.span))
