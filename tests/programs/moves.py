"""Random statements in pairs: a register changes its form, and later changes it back."""

from collections.abc import Callable

from tests.programs.expressions import Writer
from tests.programs.kinds import Kind, Size, shape_text
from tests.programs.scope import NetRule, Scope

Inside = Callable[[Scope, int], None]


def cut(scope: Scope, inside: Inside) -> bool:
    """`split` and `join`, in that order; at the open end of a model the join may be missing."""
    spec, options = scope.spec, []
    for name in scope.writable():
        for axis, size in enumerate(scope.live[name].shape[1:], 1):
            options += [(name, axis, n) for n in (2, 4) if size.divides_by(n)]
    if not options:
        return False
    name, axis, count = spec.rng.choice(options)
    kind = scope.live.pop(name)
    scope.write(name)
    parts = [spec.fresh(name[0]) for _ in range(count)]
    shape = (*kind.shape[:axis], kind.shape[axis].over(count), *kind.shape[axis + 1 :])
    along = "" if axis == len(shape) - 1 and spec.chance(0.7) else f" along {axis}"
    names = ", ".join(parts)
    opening, closing = f"split {name} -> {names}", f"join {names} -> {name}"
    if spec.chance(0.3):
        opening, closing = f"undo join {names} -> {name}", f"undo split {name} -> {names}"
    scope.add(opening + along)
    scope.live.update(dict.fromkeys(parts, kind.shaped(shape)))
    if scope.open and spec.chance(0.3):
        return True
    kept(scope, inside, spec.rng.randint(1, 3))
    scope.add(closing + along)
    scope.write(*parts)
    for part in parts:
        del scope.live[part]
    scope.live[name] = kind
    scope.write(name)
    return True


def turned(scope: Scope, inside: Inside) -> bool:
    """`permute`, `reshape` or `squeeze`, and its opposite."""
    makers = [_permuted, _squeezed] + ([] if scope.reversed_text else [_reshaped])
    scope.spec.rng.shuffle(makers)
    for maker in makers:
        for name in scope.writable():
            found = maker(scope, name)
            if found is None:
                continue
            opening, closing, shape = found
            before = scope.live[name]
            scope.add(opening)
            scope.write(name)
            scope.live[name] = before.shaped(shape)
            if scope.open and scope.spec.chance(0.3):
                return True
            kept(scope, inside, scope.spec.rng.randint(1, 2))
            scope.add(closing)
            scope.write(name)
            scope.live[name] = before
            return True
    return False


def kept(scope: Scope, inside: Inside, count: int) -> None:
    """Add statements that leave the registers and their types as they are."""
    before, scope.open = scope.open, False
    inside(scope, count)
    scope.open = before


def _permuted(scope: Scope, name: str) -> tuple[str, str, tuple[Size, ...]] | None:
    shape = scope.live[name].shape
    if len(shape) < 3:
        return None
    order = [0, *scope.spec.rng.sample(range(1, len(shape)), len(shape) - 1)]
    back = [order.index(axis) for axis in range(len(order))]
    text = f"permute {name} by ({', '.join(map(str, order))})"
    closing = f"permute {name} by ({', '.join(map(str, back))})"
    if scope.spec.chance(0.5):
        closing = f"undo {text}"
    return text, closing, tuple(shape[axis] for axis in order)


def _reshaped(scope: Scope, name: str) -> tuple[str, str, tuple[Size, ...]] | None:
    shape = scope.live[name].shape
    forms = []
    if len(shape) > 2:
        forms.append((shape[0], *shape[1:-2], shape[-2] * shape[-1]))
    if shape[-1].bound and shape[-1].divides_by(2) and len(shape) < 4:
        forms.append((*shape[:-1], shape[-1].over(2), Size(2)))
    if not forms:
        return None
    after = scope.spec.rng.choice(forms)
    return f"reshape {name} to {shape_text(after)}", f"reshape {name} to {shape_text(shape)}", after


def _squeezed(scope: Scope, name: str) -> tuple[str, str, tuple[Size, ...]] | None:
    shape = scope.live[name].shape
    if len(shape) != 4:
        return None
    b, c, h, w = shape
    if h.bound and w.bound and h.divides_by(2) and w.divides_by(2):
        after = (b, c * 4, h.over(2), w.over(2))
        return f"squeeze {name} by 2", f"undo squeeze {name} by 2", after
    if c.divides_by(4):
        after = (b, c.over(4), h * 2, w * 2)
        return f"undo squeeze {name} by 2", f"squeeze {name} by 2", after
    return None


def allocated(scope: Scope, inside: Inside) -> bool:
    """`alloc` and `free`: the register is only read between, or computed and uncomputed."""
    spec = scope.spec
    shape = spec.rng.choice(spec.shapes)
    kind = Kind(spec.numerics, shape)
    name, (start, reads) = spec.fresh("z"), _start(scope, kind)
    scope.add(f"alloc {name}: {spec.type_text(kind)} = {start}")
    scope.live[name] = kind
    if scope.open and spec.chance(0.4):
        return True
    computed = _computed(scope, name, kind) if spec.chance(0.5) else None
    held = frozenset({name}) | (computed[1] if computed else frozenset())
    held |= scope.sources(reads)
    if computed:
        scope.add(f"{name} += {computed[0]}")
    with scope.holding(held):
        first = len(scope.lines)
        kept(scope, inside, spec.rng.randint(1, 2))
    if computed:
        scope.add(f"{name} -= {computed[0]}")
    as_free = not scope.reversed_text and not spec.floats and spec.chance(0.7)
    # A loop or a call that reads a register ends what lint can prove of it.
    as_free &= not any("repeat" in line or "Block" in line for line in scope.lines[first:])
    as_free &= not any(label in line for line in scope.lines[first:] for label in scope.called)
    free = f"free {name} = {start}"
    scope.add(free if as_free else f"undo alloc {name}: {spec.type_text(kind)} = {start}")
    del scope.live[name]
    scope.write(name)
    return True


def forgotten(scope: Scope) -> bool:
    """A register that takes the place of one that is forgotten."""
    spec, names = scope.spec, scope.writable()
    if not scope.open or not names:
        return False
    name = spec.rng.choice(names)
    kind, new = scope.live[name], spec.fresh("n")
    if kind.label:
        return False
    scope.add(f"alloc {new}: {spec.type_text(kind)} = {_start(scope, kind)[0]}")
    scope.add(f"forget {name}")
    scope.write(name)
    del scope.live[name]
    scope.live[new] = kind
    return True


def _start(scope: Scope, kind: Kind) -> tuple[str, frozenset[str]]:
    """Return the value that a register begins with, and what that reads."""
    spec, writer = scope.spec, Writer(scope)
    if spec.chance(0.6):
        return spec.rng.choice(("0", "0", "0.5", "-1.25")), frozenset()
    found = writer.reads(lambda shape: shape == kind.shape)
    net = kind.shape[-1].bound and len(kind.shape) > 1 and spec.chance(0.5)
    if net and found:  # declared: called anew where the register ends, it is the same net
        name = spec.fresh("F")
        scope.add(f"net {name} = {spec.rng.choice(('linear()', 'mlp(width = 3)', 'norm()'))}")
        scope.nets[name] = NetRule((kind.shape,), kind.shape)
        return f"{name}({writer.pick(found)[0]})", frozenset(writer.read)
    value = writer.value(kind.shape, 1, nets=False)
    return (value, frozenset(writer.read)) if value else ("0", frozenset())


def _computed(scope: Scope, name: str, kind: Kind) -> tuple[str, frozenset[str]] | None:
    """Return an increment without nets and the registers that it reads."""
    writer = Writer(scope)
    writer.known.pop(name, None)
    value = writer.value(kind.shape, 1, nets=False)
    if value is None:
        return None
    return value, scope.sources(frozenset(writer.read))
