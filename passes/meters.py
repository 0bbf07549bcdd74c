"""Meters: the named places where bits are exchanged, and the budgets that bound them."""

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
_DROPOUT = "dropout"


@dataclass(frozen=True, slots=True)
class Meter:
    """One metered statement: which kind it is, its name, and the model that reaches it.

    The masks of a block are booked under ``dropout``, a kind of its own.
    """

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
    if _masks(module, decl.body, set()):
        yield Meter(_DROPOUT, _DROPOUT, model, decl.span)


def _masks(module: Module, node: object, seen: set[int]) -> bool:
    """Say whether a body calls the built-in dropout, or names a file's net that does."""
    for one in ast.walk(node):
        name = one.func if isinstance(one, ast.Call) else getattr(one, "id", "")
        if name == _DROPOUT and module.imports.get(name, module) is None:
            return True
        home, decl = module.find(name) or (None, None)
        if home is not None and isinstance(decl, ast.NetDecl) and id(decl) not in seen:
            seen.add(id(decl))
            if _masks(home, decl.value, seen):
                return True
    return False


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
        target
        for item in main.items(ast.BudgetDecl)
        for target in _targets(item)
        if getattr(item, "meter", None) in ("net", "put")
    ]
    for meter in meters(main):
        if meter.drops and not any(_covers(target, meter) for target in bounded):
            yield unbudgeted(meter.name or meter.kind, meter.span)


def budget_errors(main: Module) -> Iterator[Diagnostic]:
    """Yield a finding for each budget of an unknown meter, and each drop that none bounds."""
    known = list(meters(main))
    names = sorted({f"{meter.model}.{meter.name}" for meter in known if meter.name})
    for item in main.items(ast.BudgetDecl):
        for target in _targets(item):
            if not any(_covers(target, meter) for meter in known):
                yield unknown_name("meter", target.id, target.span, names)
    yield from unbudgeted_drops(main)


def without_budget(main: Module) -> Iterator[Diagnostic]:
    """Yield a finding for each meter that no budget bounds; a dropout costs what its rate says."""
    targets = [t for item in main.items(ast.BudgetDecl) for t in _targets(item)]
    for meter in meters(main):
        bounded = any(_covers(target, meter) for target in targets)
        if not (bounded or meter.drops or meter.kind == _DROPOUT):
            yield unmetered(meter.kind, meter.name, meter.span)


def _covers(target: ast.Name, meter: Meter) -> bool:
    model, _, name = target.id.rpartition(".")
    return name == meter.name and model in ("", meter.model)


def _targets(item: ast.Node) -> tuple[ast.Name, ...]:
    assert isinstance(item, ast.BudgetDecl)
    return item.targets
