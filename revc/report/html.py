"""One HTML file that needs nothing else, readable in dark and light."""

from collections.abc import Iterable, Sequence
from html import escape

from revc.report.style import CHART, PAGE, PALETTE

Cell = str | tuple[str, str]


def page(title: str, body: Iterable[str], lead: str = "") -> str:
    """Return the page: its title, a sentence about it, and parts that are markup."""
    intro = [f'<p class="lead">{escape(lead)}</p>'] if lead else []
    parts = [f"<h1>{escape(title)}</h1>", *intro, *body]
    return (
        "<!doctype html>\n"
        f'<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>{PALETTE}{CHART}{PAGE}</style></head><body>\n" + "\n".join(parts) + "\n"
        "</body></html>\n"
    )


def section(heading: str, content: str) -> str:
    """Return markup under a heading."""
    return f"<h2>{escape(heading)}</h2>\n{content}"


def scroll(content: str) -> str:
    """Return markup that may be wider than the page."""
    return f'<div class="scroll">\n{content}</div>'


def table(heading: Sequence[str], rows: Iterable[Sequence[Cell]], numbers: bool = False) -> str:
    """Return a table whose first column names its rows.

    Args:
        heading: the columns' names.
        rows: the cells of each row; a cell is a text, or a text with its CSS class.
        numbers: the other columns are numbers, set to the right.
    """
    kind = ' class="numbers"' if numbers else ""
    top = "".join(f"<th>{escape(cell)}</th>" for cell in heading)
    body = "\n".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    head = f"<table{kind}><thead><tr>{top}</tr></thead>"
    return f"{head}\n<tbody>\n{body}\n</tbody></table>"


def _cell(cell: Cell) -> str:
    if isinstance(cell, str):
        return f"<td>{escape(cell)}</td>"
    text, kind = cell
    return f'<td class="{escape(kind)}">{escape(text)}</td>'
