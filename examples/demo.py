"""Compile a byte language model, train it on Python's own source, compare memory and time.

python examples/demo.py [--seconds 60] [--quick] [--out build/demo.html]
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if not __package__:  # run by its path: the repository root is where `examples` is found
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import torch
from rich.console import Console
from rich.table import Table

import revc
from benchmarks.worker import ROOT, measure
from examples import arms
from examples.arms import ARMS, SPEC, Loss
from examples.corpus import standard_library
from examples.training import History, bar, evaluate, train
from revc.errors import RevcError
from revc.report.charts import Line, line_chart, thin
from revc.report.html import page, scroll, section, table

MIB = 2**20
AGREE = 1e-4  # nats; arms with the same weights differ by rounding only


class ArmsDisagreeError(Exception):
    """Arms with the same weights have different losses: one of them is another network."""


@dataclass(frozen=True)
class Result:
    """All that the demo found."""

    history: History
    before: float
    after: float
    traces: dict[str, dict[str, Any]]
    times: dict[str, float]
    rebuilt: bool


def lint() -> None:
    """Lint the spec as the command line does; findings end the demo."""
    command = [str(Path(sys.executable).with_name("revc")), "lint", str(SPEC)]
    subprocess.run(command, check=True)


def compare(model: torch.nn.Module, rounds: int) -> tuple[dict[str, Any], dict[str, float]]:
    """Return each arm's memory trace and median step time, from the same weights."""
    with tempfile.TemporaryDirectory() as folder:
        weights = str(Path(folder) / "weights.pt")
        torch.save(model.state_dict(), weights)
        traces = {arm: measure(arms.memory, arm=arm, weights=weights) for arm in ARMS}
        times = measure(arms.step_seconds, weights=weights, rounds=rounds)
    losses = [trace["loss"] for trace in traces.values()]
    if max(losses) - min(losses) > AGREE:
        raise ArmsDisagreeError(f"losses in nats: {dict(zip(ARMS, losses, strict=True))}")
    return traces, {arm: statistics.median(each) for arm, each in times.items()}


def rebuilds(model: torch.nn.Module) -> bool:
    """Return whether the inverse leads back to the model's start, bit for bit."""
    tokens, targets = arms.first_batch()
    try:
        model.inverse(model(tokens, targets))  # type: ignore[operator]
    except RevcError:
        return False
    return True


def run(seconds: float, quick: bool, console: Console) -> Result:
    """Lint, compile, compare, train and check."""
    lint()
    torch.manual_seed(0)
    model = revc.compile(SPEC)
    loss, corpus = Loss(model), standard_library()
    with console.status("measuring the three arms"):
        traces, times = compare(model, rounds=1 if quick else 15)
    batches = 2 if quick else 8
    before = evaluate(loss, corpus.held_out, batches)
    with bar() as progress:
        history = train(loss, corpus, seconds, progress)
    after = evaluate(loss, corpus.held_out, batches)
    return Result(history, before, after, traces, times, rebuilds(model))


def figures(result: Result) -> tuple[list[str], list[list[str]]]:
    """Return the heading and the rows of the one table."""
    others = len(ARMS) - 1
    peaks = [result.traces[arm]["peak"] / MIB for arm in ARMS]
    return ["", *ARMS], [
        ["loss at the start, bits/byte", f"{result.before:.3f}", *["the same"] * others],
        ["loss at the end, bits/byte", f"{result.after:.3f}", *["not trained"] * others],
        ["peak activation memory, MiB", *(f"{peak:.1f}" for peak in peaks)],
        ["step time, ms", *(f"{1e3 * result.times[arm]:.0f}" for arm in ARMS)],
        ["input rebuilt bit for bit", "yes" if result.rebuilt else "NO", *["-"] * others],
    ]


def html(result: Result, graph: str) -> str:
    """Return the report."""
    history = result.history
    curve = Line("revc", *thin(history.seconds, history.smoothed()), slot=1)
    held = []
    for slot, arm in enumerate(ARMS, 1):
        found = result.traces[arm]
        x, y = thin(found["seconds"], found["held"])
        # As a share of each arm's own step: the meter slows the arms down unevenly.
        share = [100 * s / found["seconds"][-1] for s in x]
        held.append(Line(arm, share, [n / MIB for n in y], slot))
    loss = line_chart([curve], "seconds", "bits per byte, mean of 20 steps")
    memory = line_chart(held, "% of the step", "MiB of activations")
    sections = [
        section("What was found", table(*figures(result), numbers=True)),
        section("Loss", loss),
        section("Memory over one step", memory),
        section("The model", scroll(graph)),
    ]
    about = f"{SPEC.name}, trained on the source of Python's standard library."
    return page("revc: a language model trained without stored activations", sections, about)


def print_table(result: Result, console: Console) -> None:
    """Print the one table."""
    heading, rows = figures(result)
    shown = Table()
    for i, name in enumerate(heading):
        shown.add_column(name, justify="right" if i else "left")
    for row in rows:
        shown.add_row(*row)
    console.print(shown)


def main(arguments: list[str] | None = None) -> None:
    """Run the demo."""
    parser = argparse.ArgumentParser(prog="demo", description="Train a small language model.")
    parser.add_argument("--seconds", type=float, help="training time; 60, or 5 with --quick")
    parser.add_argument("--quick", action="store_true", help="few repetitions, short training")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "demo.html", help="the report")
    given = parser.parse_args(arguments)
    torch.set_num_threads(2)
    console = Console()
    seconds = given.seconds if given.seconds is not None else 5.0 if given.quick else 60.0
    result = run(seconds, given.quick, console)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(html(result, revc.show(SPEC)))
    print_table(result, console)
    console.print(f"report: {given.out}", highlight=False)


if __name__ == "__main__":
    main()
