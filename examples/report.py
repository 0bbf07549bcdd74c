"""The demo's report: one HTML file that needs nothing else, readable in dark and light."""

from collections.abc import Sequence
from html import escape

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #59636e; --rule: #d8dde3;
  --page: #ffffff; --c1: #0b62d6; --c2: #c2410c; --c3: #5b7a12; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaee; --soft: #98a3ae; --rule: #323a42;
  --page: #14181c; --c1: #6ea8ff; --c2: #ff9d5c; --c3: #a8cf4d; } }
body { margin: 2rem auto; max-width: 52rem; padding: 0 1rem; background: var(--page);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2.5rem; }
p { color: var(--soft); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .35rem .75rem; border-bottom: 1px solid var(--rule); }
th { color: var(--soft); font-weight: 600; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
svg { width: 100%; height: auto; display: block; }
svg text { fill: var(--soft); font-size: 12px; }
.grid { stroke: var(--rule); }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.line.c1 { stroke: var(--c1); } .line.c2 { stroke: var(--c2); } .line.c3 { stroke: var(--c3); }
.legend { display: flex; gap: 1.25rem; flex-wrap: wrap; font-size: .85rem; margin: .5rem 0; }
.key i { display: inline-block; width: .8rem; height: .8rem; border-radius: 2px;
  margin-right: .4rem; vertical-align: -1px; }
i.c1 { background: var(--c1); } i.c2 { background: var(--c2); } i.c3 { background: var(--c3); }
.graph { overflow-x: auto; } .graph svg { width: auto; max-width: 100%; }
"""


def table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return an HTML table; the first column is its rows' names."""
    top = "".join(f"<th>{escape(cell)}</th>" for cell in heading)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def page(title: str, lead: str, sections: Sequence[tuple[str, str]]) -> str:
    """Return the page: a title, a sentence, and sections of (heading, HTML)."""
    parts = [f"<h2>{escape(heading)}</h2>\n{content}" for heading, content in sections]
    return (
        "<!doctype html>\n"
        f'<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>{STYLE}</style></head><body>\n"
        f"<h1>{escape(title)}</h1>\n<p>{escape(lead)}</p>\n" + "\n".join(parts) + "</body></html>\n"
    )
