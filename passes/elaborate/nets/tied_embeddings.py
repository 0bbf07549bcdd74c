"""Nets that share an embedding's table: its rows are their outputs.

A tied net may stand before the embedding's first call, as it does in an inverse program. Its call
then tells the width of the table; the embedding's own types come with its own call.
"""

from revc.grammar import ast
from revc.ir.dims import Dim
from revc.ir.nets import Builtin
from revc.ir.types import Label, RegType
from revc.passes.elaborate.nets.slots import Draft, Given
from revc.passes.elaborate.scope.scope import Scope
from revc.passes.rules.s004_shape_mismatch import mismatch


def tied_size(
    scope: Scope, call: ast.Call, given: Given, slot: int, own: Dim | None
) -> dict[str, int | Dim]:
    """Return `out` for a net that is tied: as many as the table has rows. Empty for any other.

    Raises:
        Reported: the table has another width than the `own` of what the net reads, or `out` is
            given and is not its number of rows.
    """
    source = scope.slots.drafts[slot].source
    if not isinstance(source, Builtin) or source.tied is None:
        return {}
    draft = scope.slots.drafts[source.tied]
    table = draft.source
    assert isinstance(table, Builtin)
    rows, width = table.settings.get("size"), table.settings.get("out")
    if width is not None and own is not None and own != _dim(width):
        text = f"`{call.func}` reads {own} numbers, but the tied embedding has rows of {width}"
        raise scope.findings.reject(mismatch(call.span, text))
    if "out" in given and _dim(given["out"]) != _dim(rows):
        text = f"out = {given['out']}, but the tied embedding has {rows} rows"
        raise scope.findings.reject(mismatch(call.span, text))
    assert isinstance(rows, int | Dim)
    if draft.output is None and own is not None:
        _imply(draft, table, rows, own)
    return {"out": rows}


def _imply(draft: Draft, table: Builtin, rows: int | Dim, width: Dim) -> None:
    """Give an embedding that was not called yet the types of one on a single label."""
    out = width if width.integer is None else width.integer
    draft.source = table.replace(settings={**table.settings, "out": out})
    draft.inputs = (RegType(numerics=Label(size=Dim.of(rows)), shape=()),)
    draft.output = (width,)


def is_implied(inputs: tuple[RegType, ...] | None) -> bool:
    """Say whether these are the types that a tie gave: no register is a single label."""
    return inputs is not None and len(inputs) == 1 and inputs[0].shape == ()


def _dim(setting: object) -> Dim:
    assert isinstance(setting, int | Dim)
    return Dim.of(setting)
