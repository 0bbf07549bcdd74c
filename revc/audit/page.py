"""An audit as one HTML page without links: a table, and plots of its series."""

from collections.abc import Sequence

from revc.audit import cycle, ledger, valves
from revc.audit.finding import Finding
from revc.report import charts, html

_CAPTIONS = {
    ledger.NAME: "bits a meter", valves.NAME: "bits that the slot shares with",
    "coder gap to Shannon": "bits a meter and side",
    "coder gap to constriction": "bits of what both coded",
}  # fmt: skip


def page(title: str, findings: Sequence[Finding]) -> str:
    """Return the HTML of a page: a table of all findings, and plots of those with a series."""
    failed = sum(one.met is False for one in findings)
    verdict = f"{failed} failed" if failed else "nothing failed"
    heading = ("diagnostic", "found", "bound", "", "detail")
    figures = [html.section(one.name, _figures(one)) for one in findings if one.series]
    found = html.table(heading, map(_row, findings))
    return html.page(title, [found, *figures], f"{len(findings)} diagnostics, {verdict}.")


def word(finding: Finding) -> str:
    """Return what became of a diagnostic."""
    return {True: "passed", False: "failed", None: "not applicable"}[finding.met]


def amount(finding: Finding) -> str:
    """Return a finding's number with its unit."""
    return "" if finding.value is None else f"{finding.value:.4g} {finding.unit}"


def _row(one: Finding) -> tuple[html.Cell, ...]:
    kind = {True: "good", False: "bad", None: "none"}[one.met]
    return one.name, amount(one), one.target, (word(one), kind), one.detail


def _figures(one: Finding) -> str:
    if one.labels:
        return charts.bars(_CAPTIONS.get(one.name, ""), one.series, one.labels)
    draw = _boundaries if one.name == cycle.NAME else charts.histogram
    return "".join(draw(name, values) for name, values in one.series.items() if len(values))


def _boundaries(name: str, agree: Sequence[float]) -> str:
    """Draw whether the hash of each boundary was met again."""
    return charts.strip(f"{name}: boundaries from the end to the start", agree)
