"""Budgets and stacks of a file: meters, targets and units; memory; seeds and sizes."""

from revc.grammar import ast
from revc.ir.program import Budget, MemoryBound, StackDecl
from revc.passes.analysis.arguments import Formals
from revc.passes.elaborate.arguments import matched
from revc.passes.elaborate.elaboration import Elaboration
from revc.passes.elaborate.scope.names import number
from revc.passes.rules.report import Reported
from revc.passes.rules.s003_unknown_argument import bad_argument
from revc.passes.schedule.units import MOST_BYTES, UNIT_BYTES

UNITS = ("token", "step", "example", "element", "valve")


def budgets(elaboration: Elaboration) -> tuple[Budget, ...]:
    """Return the budgets of the main file; findings for those that are wrong."""
    found = []
    for item in elaboration.main.file.items:
        if isinstance(item, ast.BudgetDecl):
            try:
                found.append(_budget(elaboration, item))
            except Reported:
                continue
    return tuple(found)


def _budget(elaboration: Elaboration, item: ast.BudgetDecl) -> Budget:
    findings = elaboration.findings
    if item.meter is None:
        raise Reported  # M503, which looks at the file
    for unit in item.units:
        if unit not in UNITS:
            text = f"is bits per {', '.join(UNITS)}, not `{unit}`"
            raise findings.reject(bad_argument("a budget", text, item.span))
    bound = number(item.bound, elaboration.names(elaboration.main), findings).constant
    if bound is None or bound < 0:
        text = "is a number of at least 0, and its dims are bound"
        raise findings.reject(bad_argument("a budget", text, item.bound.span))
    targets = tuple(name.id for name in item.targets)
    return Budget(
        span=item.span,
        meter=item.meter,
        targets=targets,
        bound=float(bound),
        units=item.units,
    )


def memory_bound(elaboration: Elaboration) -> MemoryBound | None:
    """Return the budget of memory of the main file; findings for one that is wrong or a second."""
    found: list[MemoryBound] = []
    for item in elaboration.main.file.items:
        if not isinstance(item, ast.MemoryBudget):
            continue
        if found:
            text = f"has one bound on memory a file: line {found[0].span.line} says it"
            elaboration.findings.add(bad_argument("a budget", text, item.span))
            continue
        try:
            found.append(_memory(elaboration, item))
        except Reported:
            continue
    return found[0] if found else None


def _memory(elaboration: Elaboration, item: ast.MemoryBudget) -> MemoryBound:
    findings = elaboration.findings
    if (unit := UNIT_BYTES.get(item.unit)) is None:
        text = f"of memory is in {', '.join(filter(None, UNIT_BYTES))}, not `{item.unit}`"
        raise findings.reject(bad_argument("a budget", text, item.span))
    bound = number(item.bound, elaboration.names(elaboration.main), findings).constant
    if bound is None or not 0 <= bound * unit <= MOST_BYTES:
        text = "of memory is a number from 0 to 256 TiB, and its dims are bound"
        raise findings.reject(bad_argument("a budget", text, item.bound.span))
    return MemoryBound(span=item.span, size=int(bound * unit))


def stacks(elaboration: Elaboration) -> tuple[StackDecl, ...]:
    """Return the tapes and reservoirs of the main file; findings for those that are wrong."""
    found = []
    for item in elaboration.main.file.items:
        if isinstance(item, ast.TapeDecl):
            found.append(StackDecl(span=item.span, name=item.name, kind="tape"))
        elif isinstance(item, ast.ReservoirDecl):
            try:
                found.append(_reservoir(elaboration, item))
            except Reported:
                continue
    return tuple(found)


def _reservoir(elaboration: Elaboration, item: ast.ReservoirDecl) -> StackDecl:
    findings, values = elaboration.findings, dict[str, int]()
    takes = Formals("reservoir", (), ("seed", "bits"))
    for name, arg in matched(findings, item.args, takes).given.items():
        known = number(arg.value, elaboration.names(elaboration.main), findings).integer
        if known is None or not 0 <= known < 1 << 31:
            text = f"takes a whole number from 0 to 2**31 - 1 for `{name}`"
            raise findings.reject(bad_argument("reservoir", text, arg.span))
        values[name] = known
    return StackDecl(
        span=item.span,
        name=item.name,
        kind="reservoir",
        seed=values.get("seed"),
        bits=values.get("bits"),
    )
