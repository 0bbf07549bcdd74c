"""An audit as one HTML page without links: a table, and plots of its series."""

from collections.abc import Sequence
from html import escape

from revc.audit import cycle, ledger, plots, valves
from revc.audit.finding import Finding

_STYLE = """
:root { color-scheme: light dark; --good: #1a7f37; --bad: #cf222e; --none: #6e7781; --k0: #2563eb;
--k1: #d97706; --k2: #7c3aed; --k3: #6e7781 }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100% } td, th { text-align: left; padding: .35rem .6rem;
border-bottom: 1px solid #8884; vertical-align: top } .met { color: var(--good) }
.failed { color: var(--bad); font-weight: 600 } .none { color: var(--none) }
figure { margin: 1.5rem 0 } figcaption { margin-bottom: .3rem } text { font: 12px system-ui;
fill: currentColor } .k0 { fill: var(--k0) } .k1 { fill: var(--k1) } .k2 { fill: var(--k2) }
.k3 { fill: var(--k3) } .key { border-left: .8em solid; padding-left: .4em; margin-left: .8em }
.key.k0 { border-color: var(--k0) } .key.k1 { border-color: var(--k1) }
.key.k2 { border-color: var(--k2) } .key.k3 { border-color: var(--k3) }
.agree { fill: var(--good) } .differ { fill: var(--bad) }
"""
_CAPTIONS = {
    ledger.NAME: "bits a meter", valves.NAME: "bits that the slot shares with",
    "coder gap to Shannon": "bits a meter and side",
    "coder gap to constriction": "bits of what both coded",
}  # fmt: skip


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
    if one.labels:
        parts = [plots.groups(_CAPTIONS.get(one.name, ""), one.series, one.labels)]
    else:
        draw = plots.strip if one.name == cycle.NAME else plots.histogram
        parts = [draw(name, values) for name, values in one.series.items() if len(values)]
    return f"<h2>{escape(one.name)}</h2>" + "".join(parts)
