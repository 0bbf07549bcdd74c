"""Meters: the named places where bits are exchanged, and the budgets that bound them (M501)."""

from collections.abc import Iterator
from dataclasses import dataclass

from revc.grammar import ast
from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.passes.modules import Module
from revc.passes.rules.m501_budget_unmetered import unmetered
from revc.passes.rules.m506_drop_unbudgeted import unbudgeted
from revc.passes.rules.s002_unknown_name import unknown_name

_METERED = (ast.Put, ast.Draw, ast.Valve, ast.Scale)


@dataclass(frozen=True, slots=True)
class Meter:
    """One metered statement: which kind it is, its name, and the model that reaches it."""

    kind: str
    name: str | None
    model: str
    span: Span
    drops: bool = False


def meters(main: Module) -> Iterator[Meter]:
    """Yield the metered statements of the main file's models, also in the blocks that they call."""
    for item in main.file.items:
        if isinstance(item, ast.ModelDecl):
            yield from _within(main, item, item.name, set())


def _within(
    module: Module, decl: ast.ModelDecl | ast.BlockDecl, model: str, seen: set[int]
) -> Iterator[Meter]:
    if id(decl) in seen:
        return
    seen.add(id(decl))
    for node in ast.walk(decl.body):
        if isinstance(node, _METERED):
            yield Meter(node.kind, node.meter, model, node.span, _drops(node))
        elif isinstance(node, ast.BlockCall):
            found = module.find(node.block)
            if found is not None and found[0] is not None and isinstance(found[1], ast.BlockDecl):
                yield from _within(found[0], found[1], model, seen)


def _drops(node: ast.Node) -> bool:
    by = getattr(node, "by", None)
    if not isinstance(by, ast.Call):
        return False
    given = {arg.name: arg.value for arg in by.args}
    policy = given.get("residue")
    return isinstance(policy, ast.Call) and policy.func == "drop"


def unbudgeted_drops(main: Module) -> Iterator[Diagnostic]:
    """Yield a finding for each `drop` whose meter no budget on net or put bounds."""
    bounded = [
        target.id.rpartition(".")
        for item in main.items(ast.BudgetDecl)
        for target in _targets(item)
        if getattr(item, "meter", None) in ("net", "put")
    ]
    for meter in meters(main):
        if meter.drops and not any(
            name == meter.name and model in ("", meter.model) for model, _, name in bounded
        ):
            yield unbudgeted(meter.name or meter.kind, meter.span)


def budget_findings(main: Module) -> Iterator[Diagnostic]:
    """Yield a finding for each meter without a budget, and each budget of an unknown meter."""
    known = list(meters(main))
    targets = [t for item in main.items(ast.BudgetDecl) for t in _targets(item)]
    names = sorted({f"{meter.model}.{meter.name}" for meter in known if meter.name})
    covered: set[Meter] = set()
    for target in targets:
        model, _, name = target.id.rpartition(".")
        covers = {m for m in known if m.name == name and model in ("", m.model)}
        covered |= covers
        if not covers:
            yield unknown_name("meter", target.id, target.span, names)
    for meter in known:
        if meter not in covered and not meter.drops:
            yield unmetered(meter.kind, meter.name, meter.span)
    yield from unbudgeted_drops(main)


def _targets(item: ast.Node) -> tuple[ast.Name, ...]:
    assert isinstance(item, ast.BudgetDecl)
    return item.targets
