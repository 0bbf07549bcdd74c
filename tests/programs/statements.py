"""Random statements that move no bits. Each function adds lines to a scope, or says False."""

from tests.programs.expressions import Target, Writer, _within, positions
from tests.programs.kinds import Kind, Shape, Size, shape_text
from tests.programs.scope import NetRule, Scope


def target(scope: Scope, name: str, sliced: bool = True) -> Target:
    """Return a register as the target of a statement, or a slice of it."""
    shape, rng = scope.live[name].shape, scope.spec.rng
    whole = Target(name, name, shape)
    if not sliced or len(shape) < 2 or not scope.spec.chance(0.3):
        return whole
    options = []
    last = shape[-1]
    if last.bound and last.coefficient > 1:
        k = rng.randint(1, last.coefficient - 1)
        low = (f"{name}[.., :{k}]", (*shape[:-1], Size(k)))
        high = (f"{name}[.., {k}:]", (*shape[:-1], Size(last.coefficient - k)))
        options += [Target(low[0], name, low[1], (high,)), Target(high[0], name, high[1], (low,))]
    if len(shape) > 2:
        options += [
            Target(f"{name}[:, {at}]", name, (shape[0], *shape[2:]))
            for turn, count in scope.turns
            if _within(count, shape[1])
            for at in positions(turn, count, shape[1])
        ] * 3
        if shape[1].bound and shape[1].coefficient > 1:
            cut = (shape[0], Size(shape[1].coefficient - 1), *shape[2:])
            options.append(Target(f"{name}[:, 1:]", name, cut))
    return rng.choice(options) if options else whole


def numbers(scope: Scope) -> list[str]:
    """Return the writable registers that hold numbers."""
    return [name for name in scope.writable() if not scope.live[name].label]


def undone(scope: Scope, line: str) -> str:
    return f"undo {line}" if scope.spec.chance(0.15) else line


def update(scope: Scope) -> bool:
    names = numbers(scope)
    if not names:
        return False
    at = target(scope, scope.spec.rng.choice(names))
    value = Writer(scope, at, masks=True).value(at.shape, scope.spec.rng.randint(0, 2))
    if value is None:
        return False
    scope.add(undone(scope, f"{at.text} {scope.spec.rng.choice(('+=', '+=', '-='))} {value}"))
    scope.write(at.name)
    return True


def shifted(scope: Scope) -> bool:
    """One position of axis 1 reads the one before it: sizes that are differences."""
    names = [n for n in numbers(scope) if len(scope.live[n].shape) == 3]
    others = {n: kind for n, kind in scope.readable().items() if not kind.label}
    pairs = [
        (a, b) for a in names for b, kind in others.items()
        if kind.shape == scope.live[a].shape and a not in scope.sources(frozenset({b}))
    ]  # fmt: skip
    if not pairs:
        return False
    name, other = scope.spec.rng.choice(pairs)
    scope.add(f"{name}[:, 1:] += tanh({other}[:, :-1])")
    scope.write(name)
    return True


def label_update(scope: Scope) -> bool:
    labels = [name for name in scope.writable() if scope.live[name].label]
    if not labels:
        return False
    name = scope.spec.rng.choice(labels)
    kind = scope.live[name]
    others = [n for n, k in scope.readable().items() if n != name and k == kind]
    value = scope.spec.rng.choice([*others, "1", "2"])
    scope.add(undone(scope, f"{name} {scope.spec.rng.choice(('+=', '-='))} {value}"))
    scope.write(name)
    return True


def negate(scope: Scope) -> bool:
    names = scope.writable()  # labels too: modulo their number
    if not names:
        return False
    at = target(scope, scope.spec.rng.choice(names))
    scope.add(undone(scope, f"negate {at.text}"))
    scope.write(at.name)
    return True


def swap(scope: Scope) -> bool:
    names = scope.writable()
    pairs = [(a, b) for a in names for b in names if a < b and scope.live[a] == scope.live[b]]
    if not pairs:
        return False
    one, two = scope.spec.rng.choice(pairs)
    scope.add(undone(scope, f"swap {one}, {two}"))
    scope.write(one, two)
    return True


def let(scope: Scope) -> bool:
    kinds = [kind for kind in scope.readable().values() if not kind.label]
    if not kinds:
        return False
    shape = scope.spec.rng.choice(kinds).shape
    writer = Writer(scope)
    value = writer.value(shape, scope.spec.rng.randint(0, 2))
    if value is None or not writer.read:  # parameters alone need not have the shape
        return False
    name = scope.spec.fresh("v")
    scope.add(f"let {name} = {value}")
    scope.lets[name] = (shape, scope.sources(frozenset(writer.read)))
    return True


def emit(scope: Scope) -> bool:
    kinds = [kind for kind in scope.readable().values() if not kind.label]
    if not scope.may_emit or not kinds:
        return False
    shape = scope.spec.rng.choice(kinds).shape
    value = Writer(scope).value(shape, scope.spec.rng.randint(0, 1))
    if scope.spec.chance(0.3):
        value = _loss(scope) or value
    if value is None:
        return False
    scope.add(f"emit {scope.spec.fresh('e')} = {value}")
    return True


def _loss(scope: Scope) -> str | None:
    writer = Writer(scope)
    labels = writer.reads(lambda s: len(s) > 0, label=True)
    if not labels:
        return None
    text, shape = writer.pick(labels)
    count = writer.known[text.split("[")[0]].label
    read = writer.argument(shape)
    chunk = scope.spec.rng.choice(("", ", chunk = 2", ", chunk = 3"))
    return None if read is None else f"cross_entropy({read[0]}, {text}, out = {count}{chunk})"


def tied(scope: Scope) -> bool:
    """An embedding whose table is also the weight of what is emitted."""
    writer = Writer(scope)
    labels = [(n, k) for n, k in writer.known.items() if k.label]
    pairs = [
        (n, k, a) for n, k in labels for a in numbers(scope)
        if scope.live[a].shape[:-1] == k.shape and scope.live[a].shape[-1].bound
    ]  # fmt: skip
    if not pairs or not scope.may_emit:
        return False
    name, kind, state = scope.spec.rng.choice(pairs)
    net = scope.spec.fresh("Tok")
    scope.add(f"net {net} = embedding({kind.label})")
    scope.add(f"{state} += {net}({name})")
    scope.write(state)
    if scope.spec.chance(0.5):
        form = f"linear({state}, out = {kind.label}, bias = false, tied = {net})"
    else:
        form = f"cross_entropy({state}, {name}, out = {kind.label}, tied = {net})"
    scope.add(f"emit {scope.spec.fresh('e')} = {form}")
    return True


# --- declared nets -----------------------------------------------------------------------------

BUILTIN = (
    "linear()", "linear(bias = false)", "mlp(width = 3)", "mlp(width = 4, act = swiglu)", "norm()",
    "norm(kind = rms)", "gate()",
)  # fmt: skip


def declare(scope: Scope) -> bool:
    """Declare a net and read it at once: a net that is never called has no types."""
    pairs = [
        (a, b) for a in numbers(scope) for b, kind in scope.readable().items()
        if not kind.label and kind.shape == scope.live[a].shape and kind.shape[-1].bound
        and a not in scope.sources(frozenset({b})) and len(kind.shape) > 1
    ]  # fmt: skip
    if not pairs:
        return False
    name, other = scope.spec.rng.choice(pairs)
    shape = scope.live[name].shape
    at_top = scope.spec.chance(0.25)
    net = scope.spec.fresh("F")
    text = declaration(scope, net, shape)
    if text is None:
        return False
    if at_top:
        scope.spec.header.append(text)
        scope.spec.nets[net] = NetRule((shape,), shape)
    else:
        scope.add(text)
        scope.nets[net] = NetRule((shape,), shape)
    scope.add(f"{name} += {net}({other})")
    scope.write(name)
    if scope.spec.chance(0.4):
        scope.add(f"{name} -= 0.5 * {net}({other})")
    return True


def declaration(scope: Scope, net: str, shape: Shape) -> str | None:
    """Return the declaration of a net from `shape` to itself."""
    rng, width = scope.spec.rng, shape[-1].coefficient
    head = f"net {net}(x: float32{shape_text(shape)}) -> {shape_text(shape)}"
    form = rng.choice(("builtin", "composite", "composite", "hole", "torch"))
    if form == "builtin":
        return f"net {net} = {rng.choice(BUILTIN)}"
    if form == "hole":
        scope.spec.holes[net] = width
        return head
    if form == "torch":
        return f'{head} = torch "torch.nn:Linear"({width}, {width})'
    inner = Scope(scope.spec, {}, {"x": Kind("float32", shape)})
    writer = Writer(inner, sliced=False)  # a slice of a parameter asks for a plain argument
    value = writer.value(shape, 2)
    return f"{head} = {value}" if value is not None and writer.read else None
