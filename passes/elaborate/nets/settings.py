"""The options of a built-in net: which arguments are given, what the others default to."""

from collections.abc import Mapping

from revc.grammar import ast
from revc.grammar.diagnostics import Diagnostic
from revc.grammar.habits import WORDS
from revc.grammar.signatures import Option, Signature
from revc.grammar.span import Span
from revc.ir.dims import Dim
from revc.ir.net_kinds import kind_of
from revc.ir.nets import Setting
from revc.ir.types import Shape
from revc.passes.analysis.arguments import of_builtin
from revc.passes.elaborate.arguments import matched
from revc.passes.elaborate.nets.lookup import net_named
from revc.passes.elaborate.nets.slots import Given, Net
from revc.passes.elaborate.scope.names import number, size
from revc.passes.elaborate.scope.scope import Scope
from revc.passes.rules.base import nearest
from revc.passes.rules.s003_unknown_argument import (
    bad_argument,
    missing_argument,
)
from revc.passes.rules.s005_odd_split import odd_split


def sort_args(
    scope: Scope,
    signature: Signature,
    args: tuple[ast.Arg, ...],
    leading: tuple[str, ...] | None = None,
) -> tuple[dict[str, ast.Arg], list[ast.Expr]]:
    """Tell options from inputs: leading options and inputs by position, the others by name.

    `leading` are the options that go by position, the signature's unless others are said.

    Raises:
        Reported: an argument is unknown or given twice.
    """
    given, rest = matched(scope.findings, args, of_builtin(signature, leading))[:2]
    options = {name: arg for name, arg in given.items() if signature.option(name) is not None}
    inputs = [given[one.name] for one in signature.inputs if one.name in given]
    return options, [arg.value for arg in (*rest, *inputs)]


def given_settings(
    scope: Scope, signature: Signature, options: Mapping[str, ast.Arg]
) -> tuple[Given, Net | None]:
    """Return the values of the options that a call gives, and the net that it is tied to.

    Raises:
        Reported: a value is of the wrong kind.
    """
    settings: Given = {}
    tied = None
    for name, arg in options.items():
        option = signature.option(name)
        assert option is not None
        if option.kind == "net":
            tied = _net(scope, signature, arg)
        else:
            settings[name] = _setting(scope, signature, option, arg.value)
    return settings, tied


def _net(scope: Scope, signature: Signature, arg: ast.Arg) -> Net:
    if not isinstance(arg.value, ast.Name):
        raise scope.findings.reject(
            bad_argument(signature.name, "is tied to a net's name", arg.span)
        )
    net = net_named(scope, arg.value.id, arg.value.span)
    source = scope.slots.drafts[net.uses[0]].source if net.uses else None
    kind = kind_of(source)
    if net.body is not None or kind is None or not kind.lends:
        text = f"is tied to an embedding, which `{net.name}` is not"
        if net.open:
            text = f"is tied to an embedding, and `{net.name}` may be any net"
        raise scope.findings.reject(bad_argument(signature.name, text, arg.span))
    return net


def _setting(scope: Scope, signature: Signature, option: Option, expr: ast.Expr) -> Setting:
    findings = scope.findings
    if option.kind in ("int", "number") and isinstance(expr, ast.Name):
        findings.demand(_holds_state(scope, signature, option, expr))
    match option.kind, expr:
        case "int", _:
            value = size(expr, scope.names, findings, least=0)
            if value.integer is not None and value.integer < 1:
                text = f"takes a whole number of at least 1 for `{option.name}`, not {value}"
                raise findings.reject(bad_argument(signature.name, text, expr.span))
            same_each_turn(scope, signature.name, value, expr.span)
            return value if value.integer is None else value.integer
        case "number", _:
            amount = number(expr, scope.names, findings)
            same_each_turn(scope, signature.name, amount, expr.span)
            fixed = amount.constant
            return amount if fixed is None else float(fixed)
        case "bool", ast.Bool():
            return expr.value
        case "axes", _:
            return _axes(scope, signature, option, expr)
        case "dims", ast.ListExpr():
            return tuple(size(item, scope.names, findings) for item in expr.items)
        case "choice", ast.Name() if expr.id in option.choices:
            return expr.id
    wanted = " or ".join(option.choices) or _KINDS[option.kind]
    text = f"takes {wanted} for `{option.name}`"
    raise findings.reject(bad_argument(signature.name, text, expr.span, _meant(option, expr)))


def _meant(option: Option, expr: ast.Expr) -> str | None:
    """Return what may have been meant by a word that an option does not take; None if unknown."""
    if isinstance(expr, ast.Str) and expr.value in option.choices:
        return f"words stand without quotes: `{expr.value}`"
    word = expr.id if isinstance(expr, ast.Name) else ""
    close = nearest(word, option.choices)
    return f"did you mean `{close}`?" if close else WORDS.get(word)


def _holds_state(
    scope: Scope, signature: Signature, option: Option, expr: ast.Name
) -> Diagnostic | None:
    """Return the finding for what holds values and stands where an option is a number."""
    if expr.id in scope.names or not scope.regs.knows(expr.id):
        return None
    text = f"takes a number for `{option.name}`, and `{expr.id}` holds values"
    first = ", ".join(signature.leading)
    help = f"`{first}` comes before what is read: `{signature.name}({first}, {expr.id})`"
    return bad_argument(signature.name, text, expr.span, help if first else None)


def _axes(scope: Scope, signature: Signature, option: Option, expr: ast.Expr) -> Setting:
    """Return the axes that an option names, as the text has them: one, or several in ()."""
    several = isinstance(expr, ast.ListExpr) and expr.bracket == "("
    items = expr.items if isinstance(expr, ast.ListExpr) and several else (expr,)
    found = tuple(number(item, scope.names, scope.findings) for item in items)
    if not found or any(dim.integer is None for dim in found):
        text = f"takes an axis, or several as in (1, 2), for `{option.name}`"
        raise scope.findings.reject(bad_argument(signature.name, text, expr.span))
    return found


def same_each_turn(scope: Scope, name: str, value: Dim, span: Span) -> None:
    """Check that a size or number of a net or a block does not depend on a turn.

    Raises:
        Reported: it does, and what is made of it cannot change from turn to turn.
    """
    if value.names & scope.turns.keys():
        text = f"is one for all turns: {value} changes from turn to turn"
        raise scope.findings.reject(bad_argument(name, text, span))


_KINDS = {"bool": "true or false", "dims": "a list of sizes"}


def completed(
    scope: Scope, call: ast.Call, signature: Signature, given: Given, axis: Dim | None
) -> Given:
    """Return every option of the net in the order of its signature, defaults filled in.

    `axis` is what a default of `target` stands for.

    Raises:
        Reported: an option without a default is missing.
    """
    settings: Given = {}
    for option in signature.options:
        default = option.default
        if option.kind == "net":
            continue
        if option.name in given:
            settings[option.name] = given[option.name]
        elif default is None or (default.kind == "target" and axis is None):
            raise scope.findings.reject(missing_argument(signature.name, option.name, call.span))
        elif default.kind == "target":
            assert axis is not None
            settings[option.name] = axis if axis.integer is None else axis.integer
        elif default.kind == "option":
            settings[option.name] = settings[str(default.value)]
        else:
            settings[option.name] = default.value
    _sensible(scope, call, signature.name, settings)
    return settings


def _sensible(scope: Scope, call: ast.Call, name: str, settings: Given) -> None:
    """Check what a net's signature cannot say of its options."""
    heads, shared = settings.get("heads"), settings.get("kv_heads")
    if isinstance(heads, int) and isinstance(shared, int) and (shared < 1 or heads % shared):
        raise scope.findings.reject(
            odd_split(f"heads = {heads}", f"kv_heads = {shared}", call.span)
        )
    for option in ("p", "dropout"):
        rate = settings.get(option, 0)
        if not (isinstance(rate, int | float) and 0 <= rate < 1):
            text = f"takes a number of at least 0 and below 1 for `{option}`"
            raise scope.findings.reject(bad_argument(name, text, call.span))
    eps = settings.get("eps", 1)
    if not (isinstance(eps, int | float) and eps > 0):
        text = "takes a number above 0 for `eps`: a row of equal numbers is divided by its root"
        raise scope.findings.reject(bad_argument(name, text, call.span))
    kernel, strided = settings.get("kernel"), settings.get("stride") not in (None, 1)
    if isinstance(kernel, int) and kernel % 2 == 0:
        if not strided:
            text = f"takes an odd `kernel`, not {kernel}"
            raise scope.findings.reject(bad_argument(name, text, call.span))
        if settings.get("layers", 1) != 1:
            text = f"takes an odd `kernel`, not {kernel}, for the layers behind the first"
            raise scope.findings.reject(bad_argument(name, text, call.span))


def check_width(
    scope: Scope, call: ast.Call, name: str, settings: Given, width: Dim | None
) -> None:
    """Check that heads, or groups, divide what a net reads; heads evenly where positions rotate.

    Raises:
        Reported: they do not.
    """
    known, groups = width.integer if width is not None else None, settings.get("groups")
    if isinstance(groups, int) and known is not None and known % groups:
        raise scope.findings.reject(odd_split(known, f"groups = {groups}", call.span))
    heads = settings.get("heads")
    if name != "attention" or not isinstance(heads, int) or known is None:
        return
    if heads < 1 or known % heads:
        raise scope.findings.reject(odd_split(known, f"heads = {heads}", call.span))
    if settings.get("rotary") and (known // heads) % 2:
        raise scope.findings.reject(
            odd_split(f"a head of {known // heads}", "2 (rotary)", call.span)
        )


def target_axis(signature: Signature, expected: Shape | None, own: Dim | None) -> Dim | None:
    """Return what an option's default of `target` is: the target's axis, else the input's own."""
    if expected is not None and len(expected) >= -signature.axis:
        return expected[signature.axis]
    return own
