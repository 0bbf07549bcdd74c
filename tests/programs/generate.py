"""Random `.rev` programs, valid by construction, each from a seed."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from tests.programs import calls, metered, moves, statements
from tests.programs.exclusions import EXCLUSIONS
from tests.programs.kinds import Kind, Shape, Size, shape_text
from tests.programs.modules import MODULES
from tests.programs.scope import Scope, Spec

USES = (
    "use std.nets: attention, mlp, norm, linear, embedding, gate, conv, parameter, cross_entropy, "
    "dropout, group_norm, mean, pool"
)
PLAIN: dict[Callable[..., bool], float] = {
    statements.update: 8, statements.shifted: 0.5, statements.label_update: 1.5,
    statements.negate: 1, statements.swap: 1, statements.let: 2, statements.emit: 1.5,
    statements.tied: 0.7, statements.declare: 2, calls.call: 4,
}  # fmt: skip
BITS: dict[Callable[..., bool], float] = {
    metered.valve: 2, metered.label_valve: 1, metered.scale: 1.5,
}  # fmt: skip
NESTED: dict[Callable[..., bool], float] = {
    moves.cut: 1, moves.turned: 1, moves.allocated: 1, calls.repeat: 2.5,
    calls.opened: 0.6,
}  # fmt: skip


@dataclass(frozen=True)
class Input:
    """An input of a program: its type, with the sizes that its free dims have here."""

    kind: str
    labels: int
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Program:
    """A spec's source and what it takes: inputs by name, modules for its holes, options.

    `inexact` says that it has a step whose lattice form is near the formula, not that rounded;
    `coarse` that such a step runs on a lattice where near is far.
    """

    seed: int
    source: str
    inputs: Mapping[str, Input]
    holes: Mapping[str, int]
    chunks: int = 1
    inexact: bool = False
    coarse: bool = False
    floats: bool = False
    bits: bool = False
    left_out: frozenset[str] = frozenset()

    @property
    def forgets(self) -> bool:
        """Whether it has no inverse."""
        return "  forget " in self.source

    dtype: ClassVar[torch.dtype] = torch.float64  # what the nets compute in for most laws

    def values(self, dtype: torch.dtype = torch.float64) -> dict[str, Tensor]:
        """Return inputs that lie on every lattice: multiples of 1/256."""
        made = torch.Generator().manual_seed(self.seed)
        found: dict[str, Tensor] = {}
        for name, at in self.inputs.items():
            if at.labels:
                found[name] = torch.randint(at.labels, at.shape, generator=made)
            else:
                noise = torch.randn(at.shape, generator=made, dtype=torch.float64)
                found[name] = (torch.round(noise * 100) / 256).to(dtype)
        return found

    def nets(self, names: frozenset[str]) -> dict[str, Callable[[], nn.Module]]:
        """Return a factory for each hole of `names`."""
        return {
            n: MODULES[self.seed % len(MODULES)](w) for n, w in self.holes.items() if n in names
        }


def program(seed: int, left_out: frozenset[str] = frozenset(EXCLUSIONS)) -> Program:
    """Return the program of a seed, without what the exclusions of `left_out` name."""
    rng = random.Random(seed)
    spec = _spec(rng, left_out)
    kinds = _kinds(spec)
    for _ in range(rng.choice((0, 1, 1, 2))):
        calls.block(lambda: Scope(spec, {}), _body, kinds)
    scope, params = _interface(spec, kinds)
    before = dict(scope.live)
    inputs = {n: _input(spec, k) for n, k in {**scope.live, **scope.givens}.items()}
    _body(scope, rng.randint(2, 7))
    if not scope.lines:
        statements.negate(scope)
    results = ""
    if list(scope.live.items()) != list(before.items()) or rng.random() < 0.5:
        results = (
            " -> (" + ", ".join(f"{n}: {spec.type_text(k)}" for n, k in scope.live.items()) + ")"
        )
    model = [f"model Net({', '.join(params)}){results} {{", *scope.lines, "}"]
    source = "\n".join([*_head(spec), *spec.header, *model, *spec.footer]) + "\n"
    coarse = spec.inexact and any("Q8.8" in line for line in source.split("\n"))
    holes = {name: width for name, width in spec.holes.items() if f"net {name}(" in source}
    chunks = rng.choice((1, 1, 2, spec.sizes["B"]))
    return Program(
        seed, source, inputs, holes, chunks, spec.inexact, coarse, spec.floats, spec.bits, left_out
    )


def _spec(rng: random.Random, left_out: frozenset[str]) -> Spec:
    numerics = rng.choice(
        ["lattice(Q12.20)"] * 6
        + ["lattice(Q16.16)", "lattice(Q8.24)", "lattice(Q8.8)", "lattice(Q24.40)"]
        + ["lattice(Q32.32)", "float32", "float32"]
    )
    sizes = {"B": rng.choice((2, 3))}
    batch, width = Size(1, ("B",)), rng.choice((2, 4, 4, 6, 8))
    if rng.random() < 0.2:
        side = rng.choice((2, 4))
        shapes: list[Shape] = [(batch, Size(rng.choice((2, 4))), Size(side), Size(4))]
    else:
        length = Size(rng.choice((2, 3, 4)))
        if rng.random() < 0.4:
            sizes["T"] = length.coefficient
            length = Size(1, ("T",))
        shapes = [(batch, length, Size(width))]
        if rng.random() < 0.5:
            shapes.append((batch, Size(width)))
    spec = Spec(rng, numerics, sizes, shapes, bits=rng.random() < 0.6, left_out=left_out)
    if spec.bits:
        spec.tapes = [f"tape{i}" for i in range(rng.choice((0, 0, 1, 2)))]
        spec.reservoirs = [f"pool{i}" for i in range(rng.choice((0, 0, 1)))]
    return spec


def _kinds(spec: Spec) -> list[Kind]:
    """Return the types that registers of a program have: mostly one, so that they fit together."""
    kinds = [Kind(spec.numerics, shape) for shape in spec.shapes] * 2
    if not spec.floats:
        if spec.chance(0.2):
            other = spec.rng.choice(("lattice(Q8.8)", "lattice(Q24.40)", "lattice(Q12.20)"))
            kinds.append(Kind(other, spec.shapes[0]))
        if spec.chance(0.4):
            kinds.append(Kind(f"label({spec.rng.choice((2, 5, 7))})", spec.shapes[0][:-1]))
    return kinds


def _interface(spec: Spec, kinds: list[Kind]) -> tuple[Scope, list[str]]:
    """Return the model's scope and its parameters, in any order."""
    rng, live, givens, params = spec.rng, {}, {}, []
    first = rng.choice([k for k in kinds if not k.label])
    for kind in [first] * rng.choice((1, 2, 2)) + [
        rng.choice(kinds) for _ in range(rng.choice((0, 1, 2)))
    ]:
        live[spec.fresh("s")] = kind
    for _ in range(rng.choice((0, 0, 1, 1, 2))):
        givens[spec.fresh("g")] = _given(spec)
    if "T" in spec.sizes and not any(
        "T" in str(k.shape[1]) for k in [*live.values(), *givens.values()] if len(k.shape) > 1
    ):
        givens[spec.fresh("g")] = Kind("float32", spec.shapes[0])  # something must tell T
    for name, kind in live.items():
        params.append(f"{name}: {spec.type_text(kind)}")
    for name, kind in givens.items():
        params.append(f"given {name}: {spec.type_text(kind)}")
    if rng.random() < 0.3:
        rng.shuffle(params)
    return Scope(spec, live, givens, forward=True, open=True), params


def _given(spec: Spec) -> Kind:
    shape = spec.rng.choice(spec.shapes)
    numerics = spec.rng.choice(
        ["float32", "float32", "label(5)"] + [spec.numerics] * (not spec.floats)
    )
    return Kind(numerics, shape[:-1] if numerics.startswith("label") else shape)


def _input(spec: Spec, kind: Kind) -> Input:
    return Input(kind.numerics, kind.label, tuple(size.value(spec.sizes) for size in kind.shape))


def _head(spec: Spec) -> list[str]:
    lines = [USES, f"dim {', '.join(spec.sizes)}", f"state {spec.numerics}"]
    lines += [f"tape {name}" for name in spec.tapes]
    lines += [f"reservoir {name}(seed = {i + 3})" for i, name in enumerate(spec.reservoirs)]
    return lines


def _body(scope: Scope, count: int) -> None:
    """Add some statements to a scope, of any sort that fits."""
    spec = scope.spec
    weights = {**PLAIN, **NESTED, metered.mix: 1.0, moves.forgotten: 0.3}
    if spec.bits:
        weights |= {**BITS, metered.coded: 1.5, metered.apply: 0.7}
    made, tries = 0, 0
    while made < count and tries < 8 * count:
        tries += 1
        (maker,) = spec.rng.choices(list(weights), list(weights.values()))
        nested = maker in NESTED or maker in (metered.coded, metered.apply)
        made += maker(scope, _body) if nested else maker(scope)


__all__ = ["Input", "Program", "program", "shape_text"]
