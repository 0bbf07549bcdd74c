"""M508: a budget of memory that no schedule of a model keeps."""

from collections.abc import Callable, Iterator

from revc.errors import ScheduleError
from revc.grammar.diagnostics import Diagnostic
from revc.ir.program import Program
from revc.passes.analysis.dims_needed import needed
from revc.passes.rules.base import Page, Rule
from revc.passes.schedule.units import show_bytes

RULE = Rule(
    "M508",
    "memory-infeasible",
    "deny",
    Page(
        what="A `budget memory` below what a training step of the model holds under any schedule, "
        "where all sizes are bound.",
        why="Saving less and computing more again has an end: some segment's own pass holds the "
        "state, its cotangents and what its nets work on. The finding names that segment and the "
        "least budget. To know it a step is run without its numbers, which needs torch; compiling "
        "makes the plan itself. What stacks of bits hold depends on the numbers and is not "
        "counted, which the finding says: where bits are exchanged, a plan that measures may "
        "refuse a budget that this lets pass.",
        bad="""
use std.nets: mlp
dim B = 64, c = 256
state lattice(Q12.20)
model M(a, b: [B, c]) {
  repeat 4 {
    a += mlp(b, width = 4*c)
    b += mlp(a, width = 4*c)
  }
}
budget memory <= 64 KiB
""",
        good="""
use std.nets: mlp
dim B = 64, c = 256
state lattice(Q12.20)
model M(a, b: [B, c]) {
  repeat 4 {
    a += mlp(b, width = 4*c)
    b += mlp(a, width = 4*c)
  }
}
budget memory <= 4 MiB
""",
        source="docs/schedule.md, within a budget",
        when="probe",
    ),
)

Least = Callable[[Program], tuple[int, str] | None]
"""Returns the least bytes that a schedule of a program needs and the segment that sets them; None
where that cannot be told. See `revc.planning.least`."""


def check(program: Program, least: Least | None) -> Iterator[Diagnostic]:
    """Yield a finding where a model whose sizes are bound cannot keep its budget of memory."""
    bound = program.memory
    if bound is None or least is None or program.free or any(True for _ in needed(program)):
        return
    try:
        found = least(program)
    except ScheduleError as error:
        yield RULE.at(bound.span, f"{program.model.name}: {error}")
        return
    if found is not None and found[0] > bound.size:
        text = (
            f"{program.model.name} holds at least {show_bytes(found[0])} under any schedule, which "
            f"{found[1]} sets: the budget is {show_bytes(bound.size)}"
        )
        yield RULE.at(bound.span, text)
