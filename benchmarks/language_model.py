"""A reversible language model with valves beside an ordinary transformer of the same size.

    python -m benchmarks.language_model [--small | --full] [--device cuda] [--json [FILE]]
    python -m benchmarks.language_model --memory     # the full size's memory, on the CPU
    python -m benchmarks.language_model --setting wide --only time    # and its step times

`--small` runs on two CPU cores in some seven minutes; `--full` wants a GPU, and what it has trained
is kept, so that it goes on where it was interrupted. The text is fetched: see lm_data.py.
"""

import argparse
import os
import sys
from pathlib import Path

if not __package__:  # run by its path: the repository root is where `benchmarks` is found
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import torch
from rich.console import Console

from benchmarks import lm_groups
from benchmarks.lm_data import FOLDER, DataError, corpus
from benchmarks.lm_groups import Job
from benchmarks.lm_setting import SETTINGS
from benchmarks.rows import Row, as_json, print_table

GROUPS = {
    "sizes": lm_groups.sizes,
    "memory": lm_groups.memory,
    "time": lm_groups.step_time,
    "quality": lm_groups.quality,
}


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    made = argparse.ArgumentParser(prog="language_model", description=__doc__.splitlines()[0])
    size = made.add_mutually_exclusive_group()
    size.add_argument("--small", action="store_true", help="the setting for two CPU cores")
    size.add_argument("--full", action="store_true", help="the setting for a GPU")
    size.add_argument("--memory", action="store_true", help="the full size's memory alone")
    size.add_argument("--setting", choices=SETTINGS, help="another setting")
    made.add_argument("--device", help="cpu or cuda; cuda where there is one")
    made.add_argument("--only", help=f"groups: {','.join(GROUPS)}")
    made.add_argument("--fresh", action="store_true", help="train again what was kept")
    made.add_argument(
        "--json", nargs="?", const="-", metavar="FILE", help="an array, to FILE or standard output"
    )
    return made


def job(given: argparse.Namespace) -> Job:
    """Return what is to be measured."""
    cuda = torch.cuda.is_available()
    if given.memory:
        return Job("full", given.device or "cpu")
    large = given.full or (cuda and not given.small)
    setting = given.setting or ("full" if large else "small")
    device = given.device or ("cuda" if cuda and setting != "small" else "cpu")
    kept = FOLDER / "figures" if setting == "full" else None
    trainers = min(2, os.cpu_count() or 1) if setting == "small" and device == "cpu" else 1
    return Job(setting, device, kept, trainers=trainers)


def main(arguments: list[str] | None = None) -> None:
    """Measure and report."""
    given = parser().parse_args(arguments)
    todo = job(given)
    names = (given.only or ("sizes,memory" if given.memory else ",".join(GROUPS))).split(",")
    if unknown := set(names) - set(GROUPS):
        parser().error(f"no such group: {', '.join(sorted(unknown))}")
    if "quality" in names:
        _prepare(todo, given.fresh)
    log = Console(stderr=True)
    rows: list[Row] = []
    for name in names:
        for row in GROUPS[name](todo):
            log.print(
                f"{row.name}: {row.value} {row.unit} {row.note}",
                style="dim",
                markup=False,
                soft_wrap=True,
            )
            rows.append(row)
    if given.json != "-":
        print_table(f"Language model, {todo.setting}, {todo.device}", rows)
    if given.json == "-":
        print(as_json(rows))
    elif given.json:
        Path(given.json).write_text(as_json(rows))


def _prepare(todo: Job, fresh: bool) -> None:
    """Fetch and tokenise the text before anything is measured; forget what was kept if asked."""
    try:
        corpus(todo.at.labels)
    except DataError as error:
        sys.exit(str(error))
    if fresh and todo.folder is not None:
        for kept in todo.folder.glob(f"{todo.setting}-{todo.device}-*.json"):
            kept.unlink()


if __name__ == "__main__":
    main()
