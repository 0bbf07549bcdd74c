"""Random statements that exchange bits with the tape and the reservoir, and maps."""

from collections.abc import Callable

from tests.programs.expressions import Target, Writer
from tests.programs.kinds import LATTICES, Kind, Size
from tests.programs.moves import kept
from tests.programs.scope import Scope
from tests.programs.statements import numbers, target

Inside = Callable[[Scope, int], None]
STEPS = ("1/16", "1/4", "1/8", "3/16", "1")


def tags(scope: Scope, stem: str, stacks: list[str]) -> str:
    """Return `as m on t`, or some of it; meters are often shared."""
    rng = scope.spec.rng
    text = rng.choice(("", f" as {stem}", f" as {stem}", f" as {scope.spec.fresh(stem)}"))
    return f"{text} on {rng.choice(stacks)}" if stacks and scope.spec.chance(0.4) else text


def coded_by(scope: Scope, at: Target, kind: Kind, residues: tuple[str, ...] = ()) -> str | None:
    """Return a distribution for the values of a place; None if nothing can tell its parameters."""
    if kind.label:
        return _label_code(scope, at, kind)
    width = at.shape[-1]
    if not width.bound or len(at.shape) < 2 or kind.width == 64:
        return None
    family, each, more = scope.spec.rng.choice(
        (("logistic", 2, ""), ("gaussian", 2, ""), ("logistic_mixture", 6, ", components = 2"),
         ("logistic_mixture", 9, ", components = 3"))
    )  # fmt: skip
    params = _params(scope, at, width.coefficient * each)
    if params is None:
        return None
    residue = scope.spec.rng.choice(("", *(f", residue = {r}" for r in residues)))
    return f"{family}({params}{more}, step = {scope.spec.rng.choice(STEPS)}{residue})"


def _params(scope: Scope, at: Target, count: int) -> str | None:
    writer = Writer(scope, at)
    arg = writer.argument(at.shape[:-1])
    if arg is None or scope.spec.chance(0.2):
        return f"parameter([{count}], init = 0.5)"
    form = scope.spec.rng.choice(("linear({0}, out = {1})", "mlp({0}, width = 3, out = {1})"))
    return form.format(arg[0], count)


def _label_code(scope: Scope, at: Target, kind: Kind) -> str:
    if scope.spec.chance(0.3):
        return f"uniform({kind.label})"
    arg = Writer(scope, at).argument(at.shape)
    if arg is None:
        return f"softmax(parameter([{kind.label}], init = 0.5))"
    return f"softmax(linear({arg[0]}, out = {kind.label}))"


def valve(scope: Scope) -> bool:
    names = numbers(scope)
    if not names:
        return False
    at = target(scope, scope.spec.rng.choice(names))
    kind = scope.live[at.name]
    by = coded_by(scope, at, kind, ("carry", "write"))
    if by is None:
        return False
    meter = tags(scope, "va", scope.spec.tapes)
    dropping = scope.forward and kind.lattice and not scope.turns and "residue" not in by
    if dropping and scope.spec.chance(0.4):
        by, meter = _dropped(scope, by, kind)
    line = f"valve {at.text} by {by}{meter}"
    undone = "drop(" not in by  # an undone valve is refused a drop
    return _metered(scope, line, at.name, undone)


def _dropped(scope: Scope, by: str, kind: Kind) -> tuple[str, str]:
    """Return a code that may lose residues, under the budget that this asks for, and its meter."""
    meter = scope.spec.fresh("vd")
    bits = LATTICES[kind.numerics][1]  # a step of at most 1 has no more
    scope.spec.footer.append(f"budget net(Net.{meter}) <= 1000 bits/example")
    return f"{by[:-1]}, residue = drop({bits}))", f" as {meter}"


def label_valve(scope: Scope) -> bool:
    names = [name for name in scope.writable() if scope.live[name].label]
    if not names:
        return False
    at = target(scope, scope.spec.rng.choice(names), sliced=False)
    by = _label_code(scope, at, scope.live[at.name])
    return _metered(scope, f"valve {at.text} by {by}{tags(scope, 'vl', scope.spec.tapes)}", at.name)


def scale(scope: Scope) -> bool:
    names = [n for n in numbers(scope) if scope.live[n].width < 64]
    if not names:
        return False
    at = target(scope, scope.spec.rng.choice(names))
    inner = Writer(scope, at).value(at.shape, 1)
    forms = ["{} in [1/4, 2]"] if inner is None else [
        "sigmoid({}) in [1/8, 1]", "exp(tanh({})) in [1/4, 4]", "softplus({}) in [1/2, 2]",
        "sigmoid({}) in [0.45, 0.55]",
    ]  # fmt: skip
    factor = scope.spec.rng.choice(forms).format(inner or scope.spec.rng.choice(("0.7", "1.5")))
    scope.spec.inexact = True
    return _metered(
        scope, f"scale {at.text} by {factor}{tags(scope, 'f', scope.spec.tapes)}", at.name
    )


def apply(scope: Scope, inside: Inside) -> bool:
    """Softsign, whose inverse takes what is between -1 and 1: here what it gave before."""
    names = [n for n in numbers(scope) if scope.live[n].width < 64]
    if not names:
        return False
    at = target(scope, scope.spec.rng.choice(names))
    scope.spec.inexact = True
    scope.add(f"apply {at.text} by softsign()")
    scope.write(at.name)
    if scope.forward and scope.spec.chance(0.5):
        return True
    with scope.holding(frozenset({at.name})):
        kept(scope, inside, 1)
    scope.add(f"undo apply {at.text} by softsign()")
    scope.write(at.name)
    return True


def mix(scope: Scope) -> bool:
    names = [n for n in numbers(scope) if scope.live[n].shape[-1].bound]
    names = [n for n in names if len(scope.live[n].shape) > 1]
    if not names:
        return False
    spec = scope.spec
    at = target(scope, spec.rng.choice(names))
    if len(at.shape) < 2:
        return False
    families = ["permutation(3)", "permutation(seed = 1)", "permutation()"]
    families += ["orthogonal()", "householder(2)", "householder(k = 1)"]
    if spec.bits and scope.live[at.name].width < 64:
        families.append("lu()")
    family = spec.rng.choice(families)
    if not family.startswith("permutation"):
        spec.inexact = True
        if spec.chance(0.3):
            name = spec.fresh("M")
            scope.add(f"net {name} = {family}")
            family = name
    return _metered(scope, f"mix {at.text} by {family}", at.name)


def _metered(scope: Scope, line: str, name: str, undone: bool = True) -> bool:
    scope.add(f"undo {line}" if undone and scope.spec.chance(0.2) else line)
    scope.write(name)
    return True


def coded(scope: Scope, inside: Inside) -> bool:
    """A register that comes from a stack, and one that goes to a stack."""
    spec = scope.spec
    if scope.open and spec.chance(0.35) and len(scope.writable()) > 1:
        return _put(scope, spec.rng.choice(scope.writable()))
    kind = _new_kind(scope)
    name = spec.fresh("k" if kind.label else "y")
    at = Target(name, name, kind.shape)
    by = coded_by(scope, at, kind)
    if by is None:
        return False
    text = spec.type_text(kind)
    if scope.reversed_text or spec.chance(0.7):
        scope.add(f"draw {name}: {text} by {by}{tags(scope, 'dr', spec.reservoirs)}")
    else:
        scope.add(f"undo put {name}: {text} by {by}{tags(scope, 'pu', spec.tapes)}")
    scope.live[name] = kind
    scope.write(name)
    if scope.open and spec.chance(0.4):
        return True
    kept(scope, inside, spec.rng.randint(1, 2))
    return _put(scope, name)


def _put(scope: Scope, name: str) -> bool:
    spec, kind = scope.spec, scope.live[name]
    by = coded_by(scope, Target(name, name, kind.shape), kind)
    if by is None and scope.open:
        return False
    if by is None:  # its leading axes read nothing that is left: a learned code always fits
        by = f"logistic(parameter([{kind.shape[-1].coefficient * 2}]), step = 1/16)"
    if spec.chance(0.3) or scope.reversed_text:
        text = spec.type_text(kind)
        scope.add(f"undo draw {name}: {text} by {by}{tags(scope, 'dr', spec.reservoirs)}")
    else:
        scope.add(f"put {name} by {by}{tags(scope, 'pu', spec.tapes)}")
    del scope.live[name]
    scope.write(name)
    return True


def _new_kind(scope: Scope) -> Kind:
    spec = scope.spec
    shape = spec.rng.choice(spec.shapes)
    if not spec.floats and spec.chance(0.4) and len(shape) > 1:
        return Kind(f"label({spec.rng.choice((2, 5, 7))})", shape[:-1])
    return Kind(spec.numerics, (*shape[:-1], Size(spec.rng.choice((2, 4)))))
