"""Random syntax trees, of everything that the language has."""

from typing import Any

from hypothesis import strategies as st

from revc.grammar import ast
from revc.grammar.span import Span
from revc.grammar.table import table

SPAN = Span("<tree>", 1, 1, 1, 1)

words = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,5}", fullmatch=True).filter(
    lambda word: word not in table().words
)
names = words.map(lambda word: ast.Name(span=SPAN, id=word))
paths = st.lists(words, min_size=1, max_size=3).map(
    lambda parts: ast.Name(span=SPAN, id=".".join(parts))
)
targets = st.from_regex(r"[a-z.]{1,8}:[A-Z][a-z]{0,5}", fullmatch=True)


def node(cls: type[ast.Node], **fields: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for nodes of `cls`; fields are strategies, or values as they are."""
    drawn = {k: v if isinstance(v, st.SearchStrategy) else st.just(v) for k, v in fields.items()}
    return st.builds(cls, span=st.just(SPAN), **drawn)


def some(items: st.SearchStrategy[Any], least: int = 0, most: int = 3) -> st.SearchStrategy[Any]:
    """Return a strategy for tuples."""
    return st.lists(items, min_size=least, max_size=most).map(tuple)


def maybe(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return a strategy for items or None."""
    return st.none() | items


@st.composite
def numbers(draw: st.DrawFn) -> ast.Num:
    """Draw a number in one of its spellings."""
    whole, fraction = draw(st.integers(0, 99)), draw(st.integers(0, 9))
    text = draw(st.sampled_from([f"{whole}", f"{whole}.{fraction}", f"{whole}e-2", f"{whole}E3"]))
    return ast.Num(span=SPAN, value=int(text) if text.isdigit() else float(text), text=text)


leaves = st.one_of(
    names,
    numbers(),
    node(ast.Bool, value=st.booleans()),
    node(ast.Str, value=st.text("abc# {}()", max_size=5)),
)


def arguments(values: st.SearchStrategy[Any], least: int = 0) -> st.SearchStrategy[Any]:
    """Return a strategy for arguments; reserved words may name them."""
    named = words | st.sampled_from(sorted(table().reserved))
    return some(node(ast.Arg, name=maybe(named), value=values), least)


def axes(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return a strategy for the entries of a slice."""
    entry = st.one_of(
        node(ast.Dots),
        node(ast.Range, lo=maybe(values), hi=maybe(values)),
        node(ast.At, value=values),
    )
    return some(entry, 1)


def _grown(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        node(ast.Neg, operand=values),
        node(ast.Binary, op=st.sampled_from("+-*/"), left=values, right=values),
        node(ast.Call, func=words, func_span=SPAN, args=arguments(values)),
        node(ast.ListExpr, items=some(values), bracket=st.sampled_from("[(")),
        node(ast.Index, base=names, items=axes(values)),
    )


exprs = st.recursive(leaves, _grown, max_leaves=8)
places = names | node(ast.Index, base=names, items=axes(leaves))
torches = node(ast.Torch, target=targets, args=arguments(leaves))
numerics = st.one_of(
    node(
        ast.Numerics,
        kind="lattice",
        integer_bits=st.integers(0, 64),
        fraction_bits=st.integers(0, 64),
    ),
    node(ast.Numerics, kind="float32"),
    node(ast.Numerics, kind="label", size=exprs),
)
types = node(ast.Type, numerics=maybe(numerics), dims=some(exprs))
params = some(node(ast.Param, name=words, type=maybe(types), given=st.booleans()))
tags: dict[str, Any] = {"meter": maybe(words), "stack": maybe(words)}
nets = st.one_of(
    node(
        ast.NetDecl,
        name=words,
        params=params | st.none(),
        result=st.none(),
        separable=(),
        value=maybe(exprs | torches),
    ),
    node(
        ast.NetDecl,
        name=words,
        params=params,
        result=types,
        separable=st.just(()) | st.lists(words, min_size=1, max_size=2).map(tuple),
        value=maybe(exprs | torches),
    ),
)


@st.composite
def scales(draw: st.DrawFn) -> ast.Scale:
    """Draw a scale with both bounds or none."""
    bounds = draw(st.none() | st.tuples(exprs, exprs)) or (None, None)
    drawn = node(ast.Scale, target=places, factor=exprs, lo=bounds[0], hi=bounds[1], **tags)
    scale: ast.Scale = draw(drawn)
    return scale


simple = st.one_of(
    node(ast.Update, target=places, op=st.sampled_from(["+=", "-="]), value=exprs),
    node(ast.Simultaneous, targets=some(places, 1), values=some(exprs, 1)),
    node(ast.Residual, target=places, net=exprs),
    node(ast.Negate, target=places),
    scales(),
    node(ast.Mix, target=places, by=exprs),
    node(ast.Apply, target=places, by=exprs),
    node(ast.Swap, left=names, right=names),
    node(ast.Split, source=names, parts=some(names, 1), axis=maybe(exprs)),
    node(ast.Join, parts=some(names, 1), target=names, axis=maybe(exprs)),
    node(ast.Permute, target=names, order=some(exprs)),
    node(ast.Reshape, target=names, dims=some(exprs)),
    node(ast.Squeeze, target=names, factor=exprs),
    node(ast.Alloc, names=some(names, 1), type=types, value=exprs),
    node(ast.Free, names=some(names, 1), value=exprs),
    node(ast.Put, target=names, type=maybe(types), by=exprs, **tags),
    node(ast.Draw, target=names, type=types, by=exprs, **tags),
    node(ast.Valve, target=places, by=exprs, **tags),
    node(
        ast.BlockCall,
        label=maybe(words),
        uncall=st.booleans(),
        block=words,
        block_span=SPAN,
        generics=arguments(exprs),
        args=arguments(exprs),
    ),
    node(ast.Let, name=words, value=exprs),
    node(ast.Emit, name=words, value=exprs),
    nets,
)


def _held(statements: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    loop = node(
        ast.Repeat,
        label=maybe(words),
        count=exprs,
        index=maybe(words),
        reversed=st.booleans(),
        share=st.booleans(),
        body=some(statements),
    )
    return loop | node(ast.Undo, statement=statements)


statements = st.recursive(simple, _held, max_leaves=4)
signatures = node(
    ast.SignatureDecl,
    name=words,
    name_span=SPAN,
    slots=some(
        st.one_of(
            node(
                ast.Slot,
                name=words,
                many=st.booleans(),
                label=st.booleans(),
                pattern=some(words | st.just("..")),
                default=maybe(leaves),
            ),
            node(
                ast.Slot,
                name=words,
                many=st.booleans(),
                kinds=some(words, 1),
                default=maybe(leaves),
            ),
        )
    ),
    result=some(words | st.sampled_from(["..", "H/stride", ".. - along"])),
    separable=some(words),
    random=maybe(words),
    torch=torches,
)
items = st.one_of(
    node(ast.Use, module=paths.map(lambda path: path.id), names=some(names, 1)),
    node(
        ast.DimDecl,
        entries=some(node(ast.DimEntry, name=words, value=maybe(exprs)), 1),
    ),
    node(ast.StateDecl, numerics=numerics),
    nets,
    node(
        ast.BlockDecl,
        name=words,
        name_span=SPAN,
        generics=some(node(ast.Generic, name=words, default=maybe(exprs))),
        params=params,
        results=maybe(params),
        body=some(statements),
    ),
    node(
        ast.ModelDecl,
        name=words,
        name_span=SPAN,
        params=params,
        results=maybe(params),
        body=some(statements),
    ),
    node(
        ast.BudgetDecl,
        meter=st.sampled_from([None, "put", "draw", "net"]),
        targets=some(paths, 1),
        bound=exprs,
        units=some(words | st.just("valve")),
    ),
    node(ast.MemoryBudget, bound=exprs, unit=words),
    node(ast.ReservoirDecl, name=words, args=arguments(exprs)),
    node(ast.TapeDecl, name=words),
    node(ast.BijectionDecl, name=words, forward=torches, inverse=targets),
    signatures,
)
files = node(ast.File, items=some(items, 1))
