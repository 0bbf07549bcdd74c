"""`revc invert`: the inverse of a spec's models, as a spec.

Blocks, nets and dims stay as they are. A model's inputs and outputs change places, and so do its
statements (see `revc.passes.transform.inverse_statements`); givens stay givens.
"""

from collections.abc import Iterator
from fractions import Fraction
from functools import reduce
from pathlib import Path

from revc.errors import BindError
from revc.grammar import ast
from revc.grammar.diagnostics import SpecError
from revc.grammar.span import Span
from revc.ir.dims import Dim
from revc.ir.instructions import Forget, Free, Put, Reshape, forgets
from revc.ir.program import Block, Register
from revc.ir.types import Label, Lattice, Numerics, RegType
from revc.passes.elaborate.scope.names import number
from revc.passes.elaborate.specialise import elaborate_root
from revc.passes.inverse_allows import print_allowed
from revc.passes.modules import Module, nowhere, statements
from revc.passes.recursion_limit import recursion_limit
from revc.passes.rules.base import hint
from revc.passes.rules.l111_forget_undone import forget_undone
from revc.passes.rules.m507_drop_undone import drop_undone, drops
from revc.passes.rules.report import Reported
from revc.passes.rules.s002_unknown_name import RULE as UNKNOWN
from revc.passes.sources import Text
from revc.passes.spec import Spec
from revc.passes.transform.inverse_calls import calls_of
from revc.passes.transform.inverse_statements import Reader, inverse_body
from revc.unforeseen import ours


def invert(source: str | Path | Text, *, model: str | None = None) -> str:
    """Return the spec, as source, whose models undo those of `source`.

    It compiles as any spec does, and its models load the same `state_dict`.

    Args:
        source: a path to a `.rev` file, or source text, perhaps with the folder that it is in.
        model: the model to invert; left out, all of the file are.

    Raises:
        SpecError: the spec is wrong, has no model, or a model has a valve that drops residues.
        UnsupportedError: a model has a statement that cannot be compiled yet.
        BindError: there is no such model.
    """
    spec = Spec(source)
    with recursion_limit(), ours(lambda: spec.main.file.span.file):
        return _invert_spec(spec, source, model)


def _invert_spec(spec: Spec, source: str | Path | Text, model: str | None) -> str:
    file = spec.tree
    models = {decl.name: decl for decl in spec.models}
    if not models:
        at = nowhere(file.span.file)
        raise SpecError([UNKNOWN.at(at, "no model in this file: there is nothing to invert")])
    if model is not None and model not in models:
        raise BindError(f"no model `{model}`{hint(model, models)}")
    chosen = models if model is None else {model: models[model]}
    items: list[ast.Item] = []
    inverted: set[int] = set()
    for item in file.items:
        if isinstance(item, ast.ModelDecl) and item.name in chosen:
            item = _invert(spec, item)
            inverted.update(id(one) for one in statements(item.body))
        items.append(item)
    inverse = file.replace(items=tuple(items))
    return print_allowed(spec, source, inverse, inverted)


def _invert(spec: Spec, decl: ast.ModelDecl) -> ast.ModelDecl:
    declared = spec.declared(decl.name)
    block = _with_names(spec, decl) or declared.block
    if forgotten := [one.span for one in block.own() if isinstance(one, Forget)]:
        raise SpecError([forget_undone(f"`{decl.name}`, which forgets,", at) for at in forgotten])
    if forgets(block):
        raise SpecError([forget_undone(f"`{decl.name}`, which calls what forgets,", decl.span)])
    if lost := [drop_undone(s.meter, s.step.span) for s in drops(block) if not s.undone]:
        raise SpecError(lost)
    state = spec.numerics
    taken = {node.id for node in ast.walk(decl) if isinstance(node, ast.Name)}
    taken.update(register.name for one in block.walk() for register in (*one.takes, *one.gives))
    reader = Reader(_builtin(spec.main), dict(_types(block, state)), calls_of(block), taken)
    reader = reader.among(n for n in spec.main.items(ast.NetDecl) if isinstance(n, ast.NetDecl))
    body = inverse_body(decl.body, reader)
    return decl.replace(**_interface(decl, block, state), body=body)


def _builtin(main: Module) -> frozenset[str]:
    return frozenset(name for name, module in main.imports.items() if module is None)


def _with_names(spec: Spec, decl: ast.ModelDecl) -> Block | None:
    """Return a model's block with its dims by name, so that types print as `[B, T, d]`.

    None where the spec needs the values of its dims.
    """
    elaboration = spec.elaboration()
    findings, dims = elaboration.findings, elaboration.names(spec.main)
    for item in spec.main.items(ast.DimDecl):
        assert isinstance(item, ast.DimDecl)
        for entry in item.entries:
            if entry.value is None or isinstance(entry.value, ast.Num):
                dims[entry.name] = Dim.of(entry.name)
            else:
                try:
                    dims[entry.name] = number(entry.value, dims, findings)
                except Reported:
                    return None
    built = elaborate_root(elaboration, spec.main, decl)
    return built.block if built is not None and not findings.denied else None


# --- the interface ------------------------------------------------------------------------------


def _interface(decl: ast.ModelDecl, block: Block, state: Numerics) -> dict[str, object]:
    """Return the parameters and results of the inverse: those of the model, exchanged."""
    if decl.results is None and _same(block.takes, block.gives):
        return {}
    params = ast.typed(decl.params)
    declared = {param.name: param for param in ast.typed(decl.results or ())}
    gives = [declared.get(r.name) or _param(r, state) for r in block.gives]
    takes = [param for param in params if not param.given]
    givens = [param for param in params if param.given]
    results = _grouped(takes) if takes else None
    return {"params": (*_grouped(gives), *givens), "results": results}


def _same(takes: tuple[Register, ...], gives: tuple[Register, ...]) -> bool:
    return [(r.name, r.type) for r in takes] == [(r.name, r.type) for r in gives]


def _param(register: Register, state: Numerics) -> ast.Param:
    kind = _type(register.type, state, register.span)
    return ast.Param(span=register.span, name=register.name, type=kind, given=False)


def _grouped(params: list[ast.Param]) -> tuple[ast.Param, ...]:
    """Leave out the types that the next parameter's holds for, as in `a, b: T`."""
    result: list[ast.Param] = []
    held: ast.Type | None = None
    for param in reversed(params):
        same = held is not None and param.type is not None and param.type.same(held)
        result.insert(0, param.replace(type=None) if same else param)
        held = param.type
    return tuple(result)


# --- types as source ----------------------------------------------------------------------------


def _types(block: Block, state: Numerics) -> Iterator[tuple[tuple[Span, str], ast.Type]]:
    """Yield the types that the inverse of a statement must name."""
    for step in block.own():
        match step:
            case Free():
                yield (step.span, step.name), _type(step.type, state, step.span)
            case Put():
                yield (step.span, step.target), _type(step.type, state, step.span)
            case Reshape():
                kind = RegType(numerics=state, shape=step.before)
                yield (step.span, step.target), _type(kind, state, step.span)


def _type(kind: RegType, state: Numerics, span: Span) -> ast.Type:
    numerics = None if kind.numerics == state else _numerics(kind.numerics, span)
    dims = tuple(dim_expr(dim, span) for dim in kind.shape)
    return ast.Type(span=span, numerics=numerics, dims=dims)


def _numerics(kind: Numerics, span: Span) -> ast.Numerics:
    make_node = ast.Numerics
    match kind:
        case Lattice():
            whole, fraction = kind.integer_bits, kind.fraction_bits
            return make_node(span=span, kind="lattice", integer_bits=whole, fraction_bits=fraction)
        case Label():
            return make_node(span=span, kind="label", size=dim_expr(kind.size, span))
    return make_node(span=span, kind="float32")


def dim_expr(dim: Dim, span: Span) -> ast.Expr:
    """Return a dim as an expression: a sum of products, ``2*c``, ``d/2``."""
    total: ast.Expr | None = None
    for monomial, factor in dim.terms:
        term = _term(monomial, abs(factor), span)
        if total is None:
            negative = ast.Neg(span=span, operand=term)
            total = term if factor > 0 else negative
        else:
            total = _binary("+" if factor > 0 else "-", total, term, span)
    return total if total is not None else _num(0, span)


def _term(monomial: tuple[str, ...], factor: Fraction, span: Span) -> ast.Expr:
    parts: list[ast.Expr] = [ast.Name(span=span, id=name) for name in monomial]
    if factor.numerator != 1 or not parts:
        parts.insert(0, _num(factor.numerator, span))
    product = reduce(lambda one, two: _binary("*", one, two, span), parts)
    if factor.denominator == 1:
        return product
    return _binary("/", product, _num(factor.denominator, span), span)


def _binary(op: ast.Operator, left: ast.Expr, right: ast.Expr, span: Span) -> ast.Expr:
    return ast.Binary(span=span, op=op, left=left, right=right)


def _num(value: int, span: Span) -> ast.Num:
    return ast.Num(span=span, value=value, text=str(value))
