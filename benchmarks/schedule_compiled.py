"""Plans of a model whose whole step torch.compile compiles: predicted and measured peaks, and work.

    python -m benchmarks.schedule_compiled [--json] [--layers 6] [--budgets 3]

As benchmarks/schedule_models.py, for `revc.plan(.., compiled=True)` and torch's Inductor. A plan is
measured as it is made; here what Dynamo knows is forgotten, and its step is compiled and measured
again. S is one stream, 1 MiB. Takes minutes: each schedule is compiled anew.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import torch

import revc
from benchmarks.nets import Size
from benchmarks.rows import Row, as_json, print_table
from benchmarks.schedule_models import STREAM, made
from revc.planning.compiled import compiled_peak
from revc.runtime.schedule import INVERT, KEEP


def rows(layers: int, count: int) -> Iterator[Row]:
    """The peaks of both ends, and plans at budgets between them, from the largest to the least."""
    _, model, values = made("revc lattice", Size(layers))
    least, most = (compiled_peak(model, values, (way,) * layers) for way in (INVERT, KEEP))
    yield Row("every segment inverts, peak", least / STREAM, "S")
    yield Row("every segment is saved, peak", most / STREAM, "S")
    known, rises, last = None, 0, most
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
        ratio = 1 + planned.flops / planned.costs.flops
        yield Row(f"budget {name}, operations", ratio, "x plain")
    yield Row(f"{count} budgets, peaks that rise as they fall", rises, "budgets", 0)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print an array of rows")
    parser.add_argument("--layers", type=int, default=6, help="of the network (6)")
    parser.add_argument("--budgets", type=int, default=3, help="between least and most (3)")
    options = parser.parse_args()
    found = list(rows(options.layers, options.budgets))
    if options.json:
        print(as_json(found))
    else:
        print_table(f"plans of a compiled model, L = {options.layers}", found)


if __name__ == "__main__":
    main()
