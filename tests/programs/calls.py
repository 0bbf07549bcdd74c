"""Random block calls and loops."""

from collections.abc import Callable
from dataclasses import replace

from tests.programs.expressions import Writer
from tests.programs.kinds import Kind, Size, shape_text
from tests.programs.moves import kept
from tests.programs.scope import BlockRule, NetRule, Scope
from tests.programs.statements import declaration

Inside = Callable[[Scope, int], None]


def repeat(scope: Scope, inside: Inside) -> bool:
    """A loop; `undo` of one is written from its text alone, which rules out some statements."""
    spec = scope.spec
    if scope.depth > 3 or (scope.depth == 3 and not spec.chance(0.4)):
        return False
    count: Size = Size(spec.rng.choice((1, 2, 2, 3)))
    share = spec.chance(0.3)
    free = [s for s in spec.sizes if s != "B"]
    if free and spec.chance(0.3):
        count, share = Size(1, (spec.rng.choice(free),)), True
    index = spec.fresh("t") if spec.chance(0.5) else None
    undo = spec.chance(0.15)
    label = f"{spec.fresh('loop')}: " if spec.chance(0.2) and not undo else ""
    turns = (*scope.turns, (index, count)) if index else scope.turns
    inner = scope.turn(
        turns=turns, reversed_text=scope.reversed_text or undo, forward=scope.forward and not undo
    )
    inside(inner, spec.rng.randint(1, 3))
    if not inner.lines:
        return False
    words = " reversed" * spec.chance(0.25) + (f" as {index}" if index else "") + " share" * share
    scope.add(f"{'undo ' if undo else ''}{label}repeat {count}{words} {{")
    scope.lines += inner.lines
    scope.add("}")
    scope.write(*inner.written)
    return True


def call(scope: Scope) -> bool:
    """A call, its inverse, a named call, or another of one that was named."""
    spec = scope.spec
    rules = [r for r in spec.blocks if not (r.emits and (r.used or not scope.may_emit))]
    names = [*scope.called] * 2 + [r.name for r in rules]
    spec.rng.shuffle(names)
    for name in names:
        rule = scope.called.get(name) or next(r for r in rules if r.name == name)
        if rule.emits and (rule.used or not scope.may_emit):
            continue
        args = _arguments(scope, rule)
        if args is not None:
            return _called(scope, rule, name, args)
    return False


def _called(scope: Scope, rule: BlockRule, name: str, args: tuple[list[str], list[str]]) -> bool:
    spec, (state, givens) = scope.spec, args
    rule.used = True
    generics = "" if name in scope.called else _generics(scope, rule)
    label = ""
    if name not in scope.called and spec.chance(0.4):
        label = spec.fresh("h")
        known = scope.readable()
        kinds = [
            known[_base(n)].shaped(kind.shape) for n, kind in zip(givens, rule.givens, strict=True)
        ]
        scope.called[label] = replace(rule, givens=tuple(kinds), exact=True)
    uncall = "uncall " if spec.chance(0.35) else ""
    undo = "undo " if not label and spec.chance(0.1) else ""
    text = f"{uncall}{name}{generics}({', '.join([*state, *givens])})"
    scope.add(undo + (f"{label}: " if label else "") + text)
    scope.write(*state)
    return True


def opened(scope: Scope, inside: Inside) -> bool:
    """A block that gives other registers than it takes, called and, mostly, called back."""
    spec = scope.spec
    names = [n for n in scope.writable() if scope.live[n].shape[-1].divides_by(2)]
    names = [n for n in names if len(scope.live[n].shape) > 1]
    if not scope.open or not names:
        return False
    name, block, whole = spec.rng.choice(names), spec.fresh("Block"), spec.fresh("x")
    kind = scope.live.pop(name)
    half = kind.shaped((*kind.shape[:-1], kind.shape[-1].over(2)))
    parts = [spec.fresh("p"), spec.fresh("q")]
    inner = Scope(spec, dict.fromkeys(parts, half), may_emit=False)
    inner.add(f"split {whole} -> {', '.join(parts)}")
    inside(inner, 1)
    gives = ", ".join(f"{part}: {spec.type_text(half)}" for part in parts)
    head = f"block {block}({whole}: {spec.type_text(kind)}) -> ({gives}) {{"
    spec.header += [head, *inner.lines, "}"]
    scope.add(f"{block}({name})")
    scope.write(name)
    scope.live.update(dict.fromkeys(parts, half))
    if spec.chance(0.3):
        return True
    kept(scope, inside, spec.rng.randint(1, 2))
    scope.add(f"uncall {block}({', '.join(parts)})")
    scope.write(*parts)
    for part in parts:
        del scope.live[part]
    scope.live[whole] = kind
    return True


def _arguments(scope: Scope, rule: BlockRule) -> tuple[list[str], list[str]] | None:
    state: list[str] = []
    for kind in rule.state:
        found = [n for n in scope.writable() if scope.live[n] == kind and n not in state]
        if not found:
            return None
        state.append(scope.spec.rng.choice(found))
    givens: list[str] = []
    for kind in rule.givens:
        found = _reads(scope, kind, rule.exact, state)
        if not found:
            return None
        givens.append(scope.spec.rng.choice(found))
    return state, givens


def _reads(scope: Scope, kind: Kind, exact: bool, state: list[str]) -> list[str]:
    """Return what may be passed as a given: values, and slices, that are no part of the state."""
    known = scope.readable()
    return [
        text for text, shape in Writer(scope).reads(kind.shape.__eq__, bool(kind.label))
        if (not exact or known[_base(text)].shaped(shape) == kind)
        and not scope.sources(frozenset({_base(text)})) & set(state)
    ]  # fmt: skip


def _base(text: str) -> str:
    return text.split("[")[0]


def _generics(scope: Scope, rule: BlockRule) -> str:
    spec, items = scope.spec, []
    if rule.generic is not None:
        shape = rule.generic
        nets = {**spec.nets, **scope.nets}
        known = [n for n, net in nets.items() if net == NetRule((shape,), shape)]
        name = spec.rng.choice(known) if known and spec.chance(0.6) else None
        if name is None:
            name, text = spec.fresh("F"), None
            while text is None:
                text = declaration(scope, name, shape)
            scope.add(text)
            scope.nets[name] = NetRule((shape,), shape)
        items.append(name)
    if rule.number and spec.chance(0.6):
        items.append(f"h = {spec.rng.choice(('0.5', '1/4', '2'))}")
    return f"<{', '.join(items)}>" if items else ""


def _given_text(kind: Kind) -> str:
    """Return a given's type without its numerics: it takes those of what is passed."""
    return (kind.numerics if kind.label else "") + shape_text(kind.shape)


def block(scope_of: Callable[..., Scope], inside: Inside, kinds: list[Kind]) -> None:
    """Add a block to the file of a spec."""
    scope = scope_of()
    spec, rng = scope.spec, scope.spec.rng
    first = rng.choice([k for k in kinds if not k.label])
    state = (first, first) if spec.chance(0.7) else (first, rng.choice(kinds))
    givens = tuple(rng.sample(kinds, 1)) if spec.chance(0.35) else ()
    rule = BlockRule(spec.fresh("Block"), state, givens)
    scope.live = {spec.fresh("a"): kind for kind in state}
    scope.givens = {spec.fresh("u"): kind for kind in givens}
    generics = []
    if spec.chance(0.4) and first.shape[-1].bound and len(first.shape) > 1:
        net = spec.fresh("G")
        rule.generic = first.shape
        scope.nets[net] = NetRule((first.shape,), first.shape)
        generics.append(net)
        one, other = list(scope.live)[:2]
        if state[0] == state[1]:
            scope.add(f"{one} += tanh({net}({other}))")
        else:
            scope.lines.clear()
            generics.clear()
            scope.nets.clear()
            rule.generic = None
    if spec.chance(0.3):
        generics.append("h = 1")
        scope.numbers.append("h")
        rule.number = True
    scope.may_emit = rule.emits = spec.chance(0.15)
    params = [f"{n}: {spec.type_text(k)}" for n, k in scope.live.items()]
    params += [f"given {n}: {_given_text(k)}" for n, k in scope.givens.items()]
    inside(scope, rng.randint(1, 3))
    head = f"<{', '.join(generics)}>" if generics else ""
    lines = [f"block {rule.name}{head}({', '.join(params)}) {{", *scope.lines, "}"]
    spec.header += lines
    spec.blocks.append(rule)
