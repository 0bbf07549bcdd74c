"""The groups of figures that benchmarks/training.py reports, with their targets."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks import compiling, front, measures
from benchmarks import exactness as exact
from benchmarks.arms import BASELINES
from benchmarks.nets import STREAM
from benchmarks.peers import PEERS
from benchmarks.reversible import EXACT, REVC
from benchmarks.rows import Row
from benchmarks.worker import MeasurementError, measure

LATTICE = [name for name, settings in REVC.items() if settings.state == EXACT]
FLOAT, EXACT_ARM = "revc float", "revc lattice"
PEAK_TARGETS = {
    "revc float": 16.1,
    "revc lattice": 18.1,
    "revc float, torch nets": 14.1,
    "revc lattice, torch nets": 16.1,
    "revc float, chunks=4": 11,
    "revc lattice, chunks=4": 11,
}


@dataclass(frozen=True)
class Plan:
    """How much is measured: the depths, the depth where one will do, and the repetitions."""

    depths: tuple[int, ...] = (6, 24, 48)
    depth: int = 24
    rounds: int = 15


def row(
    name: str,
    unit: str,
    function: Callable[..., float],
    target: float | None = None,
    per: float = 1,
    **arguments: Any,
) -> Row:
    """Measure one figure; where that fails the row says why."""
    try:
        return Row(name, measure(function, **arguments) / per, unit, target)
    except MeasurementError as error:
        return Row(name, None, unit, target, note=str(error))


def memory(plan: Plan) -> Iterator[Row]:
    """The peak of each arm at each depth, and whether revc's grows with depth."""
    for arm in (*BASELINES, *PEERS, *REVC):
        target = PEAK_TARGETS.get(arm)
        peaks = []
        for layers in plan.depths:
            name = f"peak, {arm}, L={layers}"
            found = row(name, "S", measures.peak, target, per=STREAM, arm=arm, layers=layers)
            yield found
            peaks += [found.value] if found.value is not None else []
        if arm in REVC and len(peaks) == len(plan.depths):
            growth = (max(peaks) - min(peaks)) * STREAM
            yield Row(f"peak's change with depth, {arm}", growth, "bytes", 0)


def work(plan: Plan) -> Iterator[Row]:
    """Counted floating-point operations as a multiple of plain autograd's."""
    plain = measure(measures.flops, arm="plain", layers=plan.depth)
    for arm in ("checkpoint", *PEERS, *REVC):
        target = 1.33 if arm in REVC else None
        name = f"FLOPs, {arm}, L={plan.depth}"
        yield row(name, "x plain", measures.flops, target, per=plain, arm=arm, layers=plan.depth)


def eager_time(plan: Plan) -> Iterator[Row]:
    """Step times as ratios, each the median over rounds in which the arms take turns."""
    arms = ["plain", "checkpoint", "revtorch", *REVC]
    times = measure(measures.step_seconds, arms=arms, layers=plan.depth, rounds=plan.rounds)
    for arm in arms[1:]:
        yield _ratio(times, arm, "plain", None, plan)
    for arm in (FLOAT, EXACT_ARM):
        yield _ratio(times, arm, "revtorch", 1.0, plan)
    yield _ratio(times, EXACT_ARM, FLOAT, 1.05, plan)


def _ratio(
    times: dict[str, list[float]], arm: str, base: str, target: float | None, plan: Plan
) -> Row:
    value = measures.ratio(times, arm, base)
    return Row(f"step time, {arm}, L={plan.depth}", value, f"x {base}", target)


def exactness(plan: Plan) -> Iterator[Row]:
    """How many input elements do not come back bit for bit."""
    for arm in LATTICE:
        for layers in plan.depths:
            for variant, how in measures.VARIANTS.items():
                name = f"input elements not rebuilt, {arm}, L={layers}{variant}"
                yield row(name, "elements", exact.rebuilt, 0, arm=arm, layers=layers, **how)


def gradients(plan: Plan) -> Iterator[Row]:
    """The largest relative error of a weight's gradient, against plain autograd."""
    for variant, how in measures.VARIANTS.items():
        allowed = row(
            f"gradient error, autograd itself{variant}",
            "relative",
            exact.error_of_autograd,
            layers=plan.depth,
            **how,
        )
        yield allowed
        limit = None if allowed.value is None else 2 * allowed.value
        for arm in LATTICE:
            name = f"gradient error, {arm}{variant}"
            yield row(
                name, "relative", exact.error_of_exact, limit, arm=arm, layers=plan.depth, **how
            )
        for arm in PEERS:
            name = f"gradient error, {arm}{variant}"
            yield row(name, "relative", exact.error_of_peer, arm=arm, layers=plan.depth, **how)


def compilation(plan: Plan) -> Iterator[Row]:
    """torch.compile with fullgraph: whether, how long, and the step time it gives."""
    few, many = min(plan.depths), max(plan.depths)
    for arm in (EXACT_ARM, FLOAT):
        both = [
            row(f"compile time, {arm}, L={n}", "s", compiling.compile_seconds, arm=arm, layers=n)
            for n in (few, many)
        ]
        yield from both
        if all(found.value is not None for found in both):
            growth = both[1].value / both[0].value  # type: ignore[operator]
            yield Row(f"compile time, {arm}, L={many} / L={few}", growth, "ratio", 1.5)
    for arm in PEERS:
        yield row(f"compile time, {arm}, L=2", "s", compiling.compile_seconds, arm=arm, layers=2)
    name = f"steps with a wrong rebuild, compiled {EXACT_ARM}, L={few}"
    yield row(name, "of 3", compiling.wrong_rebuilds, 0, arm=EXACT_ARM, layers=few)
    yield _compiled_time(few, plan.rounds)


def _compiled_time(layers: int, rounds: int, blocks: bool = False) -> Row:
    arms = ["checkpoint", EXACT_ARM]
    name = f"compiled step time, {EXACT_ARM}, L={layers}" + (", by blocks" if blocks else "")
    unit, target = "x compiled checkpoint", 1.10
    try:
        times = measure(
            compiling.step_seconds, arms=arms, layers=layers, rounds=rounds, blocks=blocks
        )
    except MeasurementError as error:
        return Row(name, None, unit, target, note=str(error))
    return Row(name, measures.ratio(times, EXACT_ARM, "checkpoint"), unit, target)


def segments(plan: Plan) -> Iterator[Row]:
    """What is done segment by segment: gradients that are added to, and compilation."""
    few, many = min(plan.depths), max(plan.depths)
    for arm in (FLOAT, EXACT_ARM):
        for layers in (few, many):
            name = f"second micro-batch, {arm}, L={layers}"
            unit = "x first + a layer's gradients"
            yield row(name, unit, measures.excess, 1.05, arm=arm, layers=layers)
    arm, how = EXACT_ARM, {"blocks": True}
    both = [
        row(f"compile time by blocks, {arm}, L={n}", "s", compiling.compile_seconds,
            arm=arm, layers=n, **how)
        for n in (few, many)
    ]  # fmt: skip
    yield from both
    if all(found.value is not None for found in both):
        growth = both[1].value / both[0].value  # type: ignore[operator]
        yield Row(f"compile time by blocks, {arm}, L={many} / L={few}", growth, "ratio", 1.2)
    yield _compiled_time(few, plan.rounds, blocks=True)


def front_end(_: Plan) -> Iterator[Row]:
    """Lint from a cold start, the compilation of a long spec, and its package."""
    yield row("lint of the language model, cold start", "s", front.lint_seconds, 0.3)
    yield row("program of a 1000-block spec", "s", front.build_seconds, 3.0)
    yield row("compilation of a 1000-block spec", "s", front.compile_seconds, 5.0)
    yield row("package of 1000 blocks that differ", "s of CPU", front.package_seconds, 20.0)
