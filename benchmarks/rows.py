"""What a benchmark reports: rows of name, value, unit and target, as a table or as JSON."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Row:
    """One figure; `value` is None where it could not be measured, and `note` then says why.

    A `target` is the most that the value may be, or with `least` the least.
    """

    name: str
    value: float | None
    unit: str
    target: float | None = None
    note: str = ""
    least: bool = False

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""
        if self.target is None:
            return None
        if self.value is None:
            return False
        return self.value >= self.target if self.least else self.value <= self.target


def as_json(rows: Iterable[Row]) -> str:
    """Return the array of {name, value, unit, target, met}, and note where there is one."""
    array = [{**asdict(row), "met": row.met} for row in rows]
    for entry in array:
        del entry["least"]
        if not entry["note"]:
            del entry["note"]
    return json.dumps(array, indent=1)


def print_table(title: str, rows: Iterable[Row], console: Console | None = None) -> None:
    """Print the rows as one table, and below it what could not be measured."""
    console = console or Console()
    table = Table(title=title, title_justify="left")
    for heading in ("what", "value", "unit", "target", "met"):
        table.add_column(heading, justify="right" if heading == "value" else "left")
    words = {None: "", True: "yes", False: "[red]no[/red]"}
    failed = []
    for row in rows:
        target = "" if row.target is None else f"{'>=' if row.least else '<='} {number(row.target)}"
        table.add_row(row.name, number(row.value), row.unit, target, words[row.met])
        failed += [row] if row.note else []
    console.print(table)
    for row in failed:
        console.print(f"{row.name}: {row.note}", style="dim", markup=False, highlight=False)


def number(value: float | None) -> str:
    """Return a figure in at most four digits, whole numbers as they are."""
    if value is None:
        return "-"
    if float(value).is_integer() and abs(value) < 1e9:
        return f"{int(value)}"
    return f"{value:.4g}" if abs(value) < 100 else f"{value:.1f}"
