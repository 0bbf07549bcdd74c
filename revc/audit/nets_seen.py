"""What would become of a spec's nets in eager mode: made, and traced on inputs without numbers.

Nets are imported as compiling would, and nothing is computed. A size that is free is 4, unless it
is given: which of them a net has seldom decides whether it can be captured.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from revc.audit.generators import generators_kept
from revc.audit.probe import ERRORS, input_of
from revc.codegen.compile import imported_with
from revc.codegen.imports import may_import
from revc.errors import BindError
from revc.grammar import ast
from revc.ir.nets import Builtin, NetSlot, TorchClass
from revc.passes.spec import Spec
from revc.runtime.nets.binding import import_net
from revc.runtime.nets.capture.cache import capture
from revc.runtime.nets.capture.report import NetReport, report
from revc.runtime.nets.capture.trace import Sample


def nets_seen(
    source: str | Path, sizes: Mapping[str, int] | None = None, allowed: Sequence[str] | None = None
) -> list[tuple[NetReport, int]]:
    """Return what would become of the nets of a spec's models, those alike once, with their number.

    Args:
        source: a path to a `.rev` file, or source text.
        sizes: values of free sizes.
        allowed: modules that nets may come from, any with None.

    Raises:
        SpecError: the spec does not parse or check.
    """
    roots = Spec(source).accepted().roots
    models = [built.block for built in roots if isinstance(built.decl, ast.ModelDecl)]
    known: dict[object, NetReport] = {}
    found: Counter[NetReport] = Counter()
    for slot in (slot for block in models for slot in block.nets):
        key = slot.span, repr(slot.source), tuple(map(str, slot.inputs))
        if key not in known:
            known[key] = _seen(slot, sizes or {}, allowed)
        found[known[key]] += 1
    return list(found.items())


def _seen(slot: NetSlot, sizes: Mapping[str, int], allowed: Sequence[str] | None) -> NetReport:
    name = slot.name.rpartition(".")[2]
    if isinstance(slot.source, Builtin):
        return NetReport(name, "built in")
    if not isinstance(slot.source, TorchClass):
        return NetReport(name, "not run", "it is bound in Python: `model.nets_report()` tells")
    if not may_import(slot.source.target, allowed):
        return NetReport(name, "not run", f"{slot.source.target} may not be imported")
    return _traced(slot, slot.source, name, sizes)


def _traced(slot: NetSlot, source: TorchClass, name: str, sizes: Mapping[str, int]) -> NetReport:
    args, kwargs = imported_with(source)
    with generators_kept():
        try:
            net = import_net(slot.name, source.target, args, kwargs)
            made = [input_of(kind, sizes) for kind in slot.inputs]
            inputs = [x.requires_grad_() if x.is_floating_point() else x for x in made]
            with torch.enable_grad():
                capture(net, Sample(tuple(net.parameters()), inputs, None))
        except BindError as error:
            return NetReport(name, "not run", str(error))
        except ERRORS as error:
            return NetReport(name, "not run", f"{type(error).__name__}: {error}".splitlines()[0])
    return report(name, net, builtin=False, capture="auto")


def table(rows: Sequence[tuple[NetReport, int]]) -> str:
    """Return rows as text: a net a line, how it runs, what a call draws, and why it is called."""
    if not rows:
        return "no nets\n"
    width = max(len(_title(*row)) for row in rows)
    return "".join(f"{_title(*row):<{width}}  {_told(row[0])}\n" for row in rows)


def _title(row: NetReport, count: int) -> str:
    return row.name if count == 1 else f"{row.name} x {count}"


def _told(row: NetReport) -> str:
    bits = f", draws {row.bits} bits a call" if row.bits else ""
    return f"{row.how}{bits}" + (f": {row.why}" if row.why else "")
