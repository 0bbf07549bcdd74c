"""Which rule's findings are repaired by what; files are imported when one is to be repaired."""

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any

from revc.grammar.diagnostics import Diagnostic, Fix
from revc.passes.modules import Module
from revc.passes.repairs.source import Source

Repair = Callable[[Source, Diagnostic], Fix | None]

REPAIRS = {
    "B203": "sequenced.sequenced",
    "L109": "moved.moved",
    "M501": "budgeted.budgeted",
    "P703": "removed.pair",
    "Q301": "residues.kept",
    "S003": "options.given",
    "S005": "sizes.rounded",
    "Y803": "removed.comment",
}


def repaired(finding: Diagnostic, file: Module) -> Diagnostic:
    """Return a finding with its repair, where one is known and it is one of `file`."""
    place = REPAIRS.get(finding.code)
    if place is None or finding.fix is not None or finding.span.file != file.file.span.file:
        return finding
    module, _, name = place.partition(".")
    repair: Any = getattr(import_module(f"revc.passes.repairs.{module}"), name)
    return replace(finding, fix=repair(Source(file.file, file.text), finding))
