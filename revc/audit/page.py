"""An audit as one HTML page without links: a table, and a bar or a strip for each series."""

from collections.abc import Sequence
from html import escape

from revc.audit.finding import Finding

_STYLE = """
:root { color-scheme: light dark; --good: #1a7f37; --bad: #cf222e; --none: #6e7781; --bar: #2563eb }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100% } td, th { text-align: left; padding: .35rem .6rem;
border-bottom: 1px solid #8884; vertical-align: top } .met { color: var(--good) }
.failed { color: var(--bad); font-weight: 600 } .none { color: var(--none) }
figure { margin: 1.5rem 0 } figcaption { margin-bottom: .3rem } text { font: 12px system-ui;
fill: currentColor } .bar { fill: var(--bar) }
.agree { fill: var(--good) } .differ { fill: var(--bad) }
"""
_WIDTH = 720


def page(title: str, findings: Sequence[Finding]) -> str:
    """Return the page."""
    rows = "\n".join(_row(one) for one in findings)
    figures = "\n".join(_figures(one) for one in findings if one.series)
    failed = sum(one.met is False for one in findings)
    verdict = f"{failed} failed" if failed else "nothing failed"
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>
<style>{_STYLE}</style></head><body>
<h1>{escape(title)}</h1><p>{len(findings)} diagnostics, {verdict}.</p>
<table><thead><tr><th>diagnostic</th><th>found</th><th>bound</th><th></th><th>detail</th></tr></thead>
<tbody>
{rows}
</tbody></table>
{figures}
</body></html>
"""


def word(finding: Finding) -> str:
    """Return what became of a diagnostic."""
    return {True: "passed", False: "failed", None: "not applicable"}[finding.met]


def amount(finding: Finding) -> str:
    """Return a finding's number with its unit."""
    return "" if finding.value is None else f"{finding.value:.4g} {finding.unit}"


def _row(one: Finding) -> str:
    kind = {True: "met", False: "failed", None: "none"}[one.met]
    cells = (one.name, amount(one), one.target)
    plain = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    return f'<tr>{plain}<td class="{kind}">{word(one)}</td><td>{escape(one.detail)}</td></tr>'


def _figures(one: Finding) -> str:
    draw = _strip if one.name == "bit cycle" else _bars
    parts = [draw(name, values) for name, values in one.series.items() if len(values)]
    return f"<h2>{escape(one.name)}</h2>" + "".join(parts)


def _strip(name: str, agree: Sequence[float]) -> str:
    """Draw one cell a boundary: whether its hash was met again."""
    width = min(24.0, _WIDTH / len(agree))
    cells = "".join(
        f'<rect x="{i * width:.1f}" y="0" width="{max(width - 1, 0.5):.1f}" height="18" '
        f'class="{"agree" if good else "differ"}"/>'
        for i, good in enumerate(agree)
    )
    return _figure(f"{name}: boundaries from the end to the start", cells, 18)


def _bars(name: str, values: Sequence[float]) -> str:
    """Draw one bar a number; of many, a histogram."""
    if len(values) > 48:
        values = _histogram(values)
        name = f"{name}: histogram of its size, from 0 to the largest"
    top = max((abs(v) for v in values), default=0.0) or 1.0
    width = _WIDTH / len(values)
    bars = "".join(
        f'<rect class="bar" x="{i * width:.1f}" y="{100 - 100 * abs(v) / top:.1f}" '
        f'width="{max(width - 2, 0.5):.1f}" height="{100 * abs(v) / top:.1f}"/>'
        f'<text x="{i * width:.1f}" y="116">{v:.4g}</text>'
        for i, v in enumerate(values)
    )
    return _figure(name, bars, 122)


def _histogram(values: Sequence[float]) -> list[float]:
    top = max(values) or 1.0
    counts = [0.0] * 24
    for value in values:
        counts[min(23, int(24 * value / top))] += 1
    return counts


def _figure(caption: str, body: str, height: int) -> str:
    return (
        f"<figure><figcaption>{escape(caption)}</figcaption>"
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(caption)}">'
        f"{body}</svg></figure>"
    )
