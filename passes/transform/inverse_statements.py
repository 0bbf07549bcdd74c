"""The inverse of a body of statements, as statements: what `revc invert` prints.

The inverse takes the statements from the last to the first and writes each one's opposite. Names of
nets and calls are counted in the order of the text, which the inverse turns around; so those that
the original leaves to be counted are written out, and the inverse has the same parameter names.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from revc.grammar import ast
from revc.grammar.span import Span
from revc.passes.transform.hoist import hoist
from revc.passes.transform.inverse_calls import Passed, inverse_call

Types = Mapping[tuple[Span, str], ast.Type]


@dataclass(frozen=True)
class Reader:
    """What the text alone does not tell: which names are built-in nets, what registers held.

    `types` has the type of a register that a statement takes away or reshapes, by the statement's
    place and the register's name; `calls` has what is called, by the call's place. `taken` are the
    names that a new register may not have. `masking` are the nets that draw masks: an update by one
    of them is undone with the masks that it drew, which `-=` would draw anew.
    """

    builtin: frozenset[str]
    types: Types
    calls: Mapping[Span, Passed]
    taken: set[str]
    masking: frozenset[str] = frozenset({"dropout"})

    def among(self, nets: Iterable[ast.NetDecl]) -> "Reader":
        """Return the reader of a body that also declares `nets`."""
        masking = self.masking
        for net in nets:
            if net.value is not None and masks(net.value, masking):
                masking |= {net.name}
        return replace(self, masking=masking)


def masks(node: ast.Node, masking: frozenset[str]) -> bool:
    """Say whether an expression draws a mask, by itself or in a net that it calls."""
    return any(isinstance(one, ast.Call) and one.func in masking for one in ast.walk(node))


def inverse_body(body: Sequence[ast.Stmt], reader: Reader) -> tuple[ast.Stmt, ...]:
    """Return the statements that undo `body`."""
    nets, rest = hoist(body, reader.builtin)
    reader = reader.among(nets)
    steps = _labelled(rest)
    lets = {step.name: step for step in steps if isinstance(step, ast.Let)}
    result: list[ast.Stmt] = [*nets]
    calls, defined = _calls(steps), dict[str, bool]()
    for step in reversed(steps):
        names = [step.name] if isinstance(step, ast.Let) else _names(step)
        result += _due(names, lets)
        if not isinstance(step, ast.Let):
            result += (_defined(one, calls, defined) for one in inverse(step, reader))
    return tuple(result)


def _names(node: ast.Node) -> list[str]:
    return [inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)]


def _due(names: Sequence[str], lets: dict[str, ast.Let]) -> Iterator[ast.Stmt]:
    """Yield the `let` statements that `names` need and that are not written yet."""
    for name in names:
        step = lets.pop(name, None)
        if step is not None:
            yield from _due(_names(step.value), lets)
            yield step


# --- names --------------------------------------------------------------------------------------


def _labelled(body: Sequence[ast.Stmt]) -> list[ast.Stmt]:
    """Write out the names of calls and loops that would be counted in another order."""
    stems = Counter(stem for step in body if (stem := _stem(step)) is not None)
    taken = {label for step in body if (label := _label(step)) is not None}
    labels = [step.label for step in body if isinstance(step, ast.BlockCall) and step.label]
    counts: Counter[str] = Counter()
    result = []
    for step in body:
        stem = _stem(step)
        if stem is not None and stem not in labels:
            name = _next(stem, counts, taken)
            if stems[stem] > 1:
                step = _with_label(step, name)
        result.append(step)
    return result


def _next(stem: str, counts: Counter[str], taken: set[str]) -> str:
    while True:
        name = f"{stem}_{counts[stem]}"
        counts[stem] += 1
        if name not in taken:
            return name


def _bare(step: ast.Stmt) -> ast.Stmt:
    while isinstance(step, ast.Undo):
        step = step.statement
    return step


def _stem(step: ast.Stmt) -> str | None:
    """Return what an unlabelled call or loop is counted under."""
    inner = _bare(step)
    if isinstance(inner, ast.BlockCall) and inner.label is None:
        return inner.block
    return "repeat" if isinstance(inner, ast.Repeat) and inner.label is None else None


def _label(step: ast.Stmt) -> str | None:
    inner = _bare(step)
    if isinstance(inner, ast.NetDecl):
        return inner.name
    return inner.label if isinstance(inner, ast.BlockCall | ast.Repeat) else None


def _with_label(step: ast.Stmt, name: str) -> ast.Stmt:
    if isinstance(step, ast.Undo):
        return step.replace(statement=_with_label(step.statement, name))
    return step.replace(label=name)


def _defined(
    step: ast.Stmt, calls: Mapping[str, tuple[ast.BlockCall, bool]], defined: dict[str, bool]
) -> ast.Stmt:
    """Let the first call by a label define it, and the later ones refer to it.

    `calls` are the original's calls that have a label, and whether each runs its block backwards;
    `defined` says that of the labels which the inverse has defined. `uncall label` is the opposite
    of the call that the label names, whichever way that went.
    """
    if not isinstance(step, ast.BlockCall):
        return step
    label = step.label if step.label is not None else step.block
    if label not in calls:
        return step
    source, undo = calls[label]
    backwards = step.uncall if step.label is not None else step.uncall != undo
    if label in defined:
        uncall = backwards != defined[label]
        changed = {"label": None, "block": label, "generics": (), "uncall": uncall}
        return step.replace(**changed)
    defined[label] = backwards
    known = {"label": label, "block": source.block, "generics": source.generics}
    return step.replace(**known, uncall=backwards)


def _calls(steps: Sequence[ast.Stmt]) -> dict[str, tuple[ast.BlockCall, bool]]:
    """Return the calls that have a label, and whether each runs its block backwards."""
    found = {}
    for step in steps:
        call = _bare(step)
        if isinstance(call, ast.BlockCall) and call.label is not None:
            found[call.label] = call, call.uncall != _is_undone(step)
    return found


def _is_undone(step: ast.Stmt) -> bool:
    undone = False
    while isinstance(step, ast.Undo):
        step, undone = step.statement, not undone
    return undone


# --- statements ---------------------------------------------------------------------------------


def inverse(step: ast.Stmt, reader: Reader) -> list[ast.Stmt]:
    """Return the statements that undo one statement."""
    match step:
        case ast.Undo() | ast.BlockCall() if isinstance(call := _bare(step), ast.BlockCall):
            once = call.replace(uncall=call.uncall != _is_undone(step))
            return inverse_call(once, reader.calls.get(call.span), reader.taken)
        case ast.Undo():
            return _again(step.statement)
        case ast.Update() if masks(step.value, reader.masking):
            return [_undo(step)]
        case ast.Update():
            return [step.replace(op="-=" if step.op == "+=" else "+=")]
        case ast.Negate() | ast.Swap() | ast.Emit() | ast.Let() | ast.NetDecl():
            return [step]
        case ast.Split():
            return [ast.Join(span=step.span, parts=step.parts, target=step.source, axis=step.axis)]
        case ast.Join():
            return [ast.Split(span=step.span, source=step.target, parts=step.parts, axis=step.axis)]
        case ast.Permute():
            return [_permute(step)]
        case ast.Repeat():
            body = inverse_body(step.body, reader)
            return [step.replace(body=body, reversed=not step.reversed)]
        case ast.Alloc():
            names = tuple(reversed(step.names))
            return [_undo(step.replace(names=names))]
    return _by_type(step, reader)


def _by_type(step: ast.Stmt, reader: Reader) -> list[ast.Stmt]:
    """Invert a statement whose opposite names a type; `undo` stands where that is not known."""
    match step:
        case ast.Put():
            kind = reader.types.get((step.span, step.target.id))
            return [_undo(step.replace(type=kind))]
        case ast.Reshape():
            kind = reader.types.get((step.span, step.target.id))
            if kind is not None:
                return [step.replace(dims=kind.dims)]
        case ast.Free():
            kinds = [reader.types.get((step.span, name.id)) for name in step.names]
            known = [kind for kind in kinds if kind is not None]
            if len(known) == len(step.names):
                pairs = zip(reversed(step.names), reversed(known), strict=True)
                return [_alloc(step, name, kind) for name, kind in pairs]
    return [_undo(step)]


def _again(step: ast.Stmt) -> list[ast.Stmt]:
    """Return the statement that was undone, as it is written when it is not."""
    if isinstance(step, ast.Put):
        step = step.replace(type=None)
    if isinstance(step, ast.Alloc):
        step = step.replace(names=tuple(reversed(step.names)))
    return [step]


def _undo(step: ast.Stmt) -> ast.Undo:
    return ast.Undo(span=step.span, statement=step)


def _alloc(step: ast.Free, name: ast.Name, kind: ast.Type) -> ast.Alloc:
    return ast.Alloc(span=step.span, names=(name,), type=kind, value=step.value)


def _permute(step: ast.Permute) -> ast.Stmt:
    """Return the inverse order where it is written in numbers, else `undo permute`."""
    order = [item.value for item in step.order if isinstance(item, ast.Num)]
    if sorted(order) != list(range(len(step.order))):
        return _undo(step)
    back = (order.index(axis) for axis in range(len(order)))
    items = tuple(ast.Num(span=step.span, value=b, text=str(b)) for b in back)
    return step.replace(order=items)
