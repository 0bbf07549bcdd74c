"""Plans of a model whose whole step torch.compile compiles, beside torch's own partitioner.

    python -m benchmarks.schedule_compiled [--json] [--layers 6] [--budgets 3] [--shares 1,0.5,0]

As benchmarks/schedule_models.py, for `revc.plan(.., compiled=True)` and torch's Inductor. A plan is
measured as it is made; at the budgets between both ends what Dynamo knows is forgotten besides, and
its step is compiled and measured again. The peer is plain autograd, compiled, with a share of what
its activations take for the partitioner to keep (benchmarks/partitioner.py): at each share a plan
is given the peak that the peer was measured at. S is one stream, 1 MiB. Takes minutes: each
schedule is compiled anew.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

import torch

import revc
from benchmarks.nets import Size
from benchmarks.partitioner import partitioned
from benchmarks.rows import Row, as_json, print_table
from benchmarks.schedule_models import STREAM, built, made, operations, step
from revc.passes.schedule.segments import TooLittleError
from revc.planning.course import compiled_peak
from revc.planning.plan import Planned
from revc.runtime.schedule import INVERT, KEEP


def rows(layers: int, count: int, shares: Sequence[float]) -> Iterator[Row]:
    """The peaks of both ends, plans at the peaks of peers, and at budgets between the ends."""
    peers = [partition(layers, share) for share in shares]
    _, model, values = made("revc lattice", Size(layers))
    torch._dynamo.reset()
    least, most = (compiled_peak(model, values, (way,) * layers) for way in (INVERT, KEEP))
    yield Row("every segment inverts, peak", least / STREAM, "S")
    yield Row("every segment is saved, peak", most / STREAM, "S")
    known = None
    for share, (peak, work) in zip(shares, peers, strict=True):
        name = f"partitioner, budget {share:g}"
        yield Row(f"{name}, peak", peak / STREAM, "S")
        yield Row(f"{name}, operations", work, "x plain")
        try:
            known = revc.plan(model, memory=peak, inputs=values, known=known, compiled=True)
        except TooLittleError as error:
            yield Row(f"at the peak of {name}", None, "x plain", work, note=str(error))
            continue
        yield Row(f"at the peak of {name}, peak", known.peak / peak, "of it", 1.0)
        yield Row(f"at the peak of {name}, operations", ratio(known), "x plain", work)
    rises, last = 0, most
    for index in reversed(range(count)):
        share = (index + 1) / (count + 1)
        memory = least + round((most - least) * share)
        known = planned = revc.plan(model, memory=memory, inputs=values, known=known, compiled=True)
        torch._dynamo.reset()
        found = compiled_peak(model, values, planned.schedule)
        rises, last = rises + (found > last), found
        name = f"{memory / STREAM:.1f} S"
        yield Row(f"budget {name}, predicted", planned.peak / STREAM, "S")
        yield Row(f"budget {name}, measured", found / memory, "of it", 1.0)
        yield Row(
            f"budget {name}, prediction off by", 100 * abs(planned.peak / found - 1), "%", 3.0
        )
        yield Row(f"budget {name}, operations", ratio(planned), "x plain")
    yield Row(f"{count} budgets, peaks that rise as they fall", rises, "budgets", 0)


def partition(layers: int, share: float) -> tuple[int, float]:
    """Return the peak in bytes and the operations, as a multiple of plain's, of the peer."""
    work = operations(built("plain", Size(layers)))
    peak, counted = partitioned(built("plain", Size(layers)), share, step)
    return peak, counted / work


def ratio(planned: Planned) -> float:
    """Return the operations of a plan's step as a multiple of those of one that saves all."""
    return 1 + planned.flops / planned.costs.flops


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print an array of rows")
    parser.add_argument("--layers", type=int, default=6, help="of the network (6)")
    parser.add_argument("--budgets", type=int, default=3, help="between least and most (3)")
    parser.add_argument("--shares", default="1,0.5,0", help="of the partitioner's budget (1,0.5,0)")
    options = parser.parse_args()
    shares = [float(part) for part in options.shares.split(",") if part]
    found = []
    for row in rows(options.layers, options.budgets, shares):
        found.append(row)
        if not options.json:
            print(f"{row.name}: {row.value} {row.unit} {row.note}", flush=True)
    if options.json:
        print(as_json(found))
    else:
        print_table(f"plans of a compiled model, L = {options.layers}", found)


if __name__ == "__main__":
    main()
