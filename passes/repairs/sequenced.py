"""`a, b <- ..` (B203), one update after the other.

`a, b <- b, a` is a swap. Else each value has to be its register and something added: what is added
is kept, less what it reads of the register itself, since no update may. That is another map, one
that has an inverse.
"""

from collections.abc import Sequence

from revc.grammar import ast
from revc.grammar.diagnostics import Diagnostic, Fix
from revc.grammar.printer import print_expr
from revc.passes.repairs.source import Source

Term = tuple[int, ast.Expr]


def sequenced(source: Source, finding: Diagnostic) -> Fix | None:
    """Return the repair, None if the values are of another form."""
    home = source.home(finding.span)
    statement = home[0][home[1]] if home is not None else None
    if not isinstance(statement, ast.Simultaneous):
        return None
    names = [_name(target) for target in statement.targets]
    values = [_name(value) for value in statement.values]
    if len(names) == 2 and names == values[::-1] and None not in names:
        return Fix((source.edit(statement.span, f"swap {names[0]}, {names[1]}"),), safe=True)
    updates = [_update(*pair) for pair in zip(statement.targets, statement.values, strict=True)]
    if None in updates:
        return None
    return Fix((source.edit(statement.span, "\n".join(one for one in updates if one)),))


def _update(target: ast.Place, value: ast.Expr) -> str | None:
    """Return the update that a value makes of its register, None if it makes none."""
    name = _name(target)
    terms = _terms(value)
    own = [term for term in terms if term[0] > 0 and name is not None and _name(term[1]) == name]
    if len(own) != 1 or name is None:
        return None
    kept = [(sign, _without(term, name)) for sign, term in terms if (sign, term) != own[0]]
    rest = [(sign, term) for sign, term in kept if term is not None]
    if len(rest) != len(kept) or not rest:
        return None
    if len(rest) == 1:
        return f"{name} {'+=' if rest[0][0] > 0 else '-='} {print_expr(rest[0][1])}"
    return f"{name} += {print_expr(_sum(rest))}"


def _name(node: ast.Expr) -> str | None:
    return node.id if isinstance(node, ast.Name) else None


def _terms(node: ast.Expr, sign: int = 1) -> list[Term]:
    """Return the terms of a sum, each with its sign."""
    match node:
        case ast.Binary(op="+" | "-"):
            right = sign if node.op == "+" else -sign
            return _terms(node.left, sign) + _terms(node.right, right)
        case ast.Neg():
            return _terms(node.operand, -sign)
    return [(sign, node)]


def _sum(terms: Sequence[Term]) -> ast.Expr:
    """Return terms as a sum."""
    (sign, whole), *rest = terms
    if sign < 0:
        whole = ast.Neg(span=whole.span, operand=whole)
    for sign, term in rest:
        op: ast.Operator = "+" if sign > 0 else "-"
        whole = ast.Binary(span=whole.span, op=op, left=whole, right=term)
    return whole


def _without(node: ast.Expr, name: str) -> ast.Expr | None:
    """Return an expression in which sums lack a name; None if it stands elsewhere, or alone."""
    if all(getattr(one, "id", None) != name for one in ast.walk(node)):
        return node
    terms = _terms(node)
    if len(terms) > 1:
        kept = [(s, _without(term, name)) for s, term in terms if _name(term) != name]
        whole = [(s, term) for s, term in kept if term is not None]
        return _sum(whole) if whole and len(whole) == len(kept) else None
    sign, alone = terms[0]
    if sign < 0:
        inside = _without(alone, name)
        return None if inside is None else _sum([(-1, inside)])
    if not isinstance(alone, ast.Call):
        return None
    values = [_without(arg.value, name) for arg in alone.args]
    if None in values:
        return None
    pairs = zip(alone.args, values, strict=True)
    args = tuple(arg.replace(value=new) for arg, new in pairs)
    return alone.replace(args=args)
