"""Meters: the named places where bits are exchanged, and the budgets that bound them."""

from collections.abc import Iterator
from dataclasses import dataclass

from revc.grammar import ast
from revc.grammar.span import Span
from revc.passes.modules import Module, statements

_METERED = (ast.Put, ast.Draw, ast.Valve, ast.Scale)
DROPOUT = "dropout"


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
    for node in statements(decl.body):
        if isinstance(node, _METERED):
            yield Meter(node.kind, node.meter, model, node.span, _drops(node))
        elif isinstance(node, ast.BlockCall):
            found = module.find(node.block)
            if found is not None and found[0] is not None and isinstance(found[1], ast.BlockDecl):
                yield from _within(found[0], found[1], model, seen)
    if _may_mask(module, set()) and _masks(module, decl.body, set()):
        yield Meter(DROPOUT, DROPOUT, model, decl.span)


def _may_mask(module: Module, seen: set[int]) -> bool:
    """Say whether a file, or one that it uses, imports the built-in dropout."""
    seen.add(id(module))
    if module.imports.get(DROPOUT, module) is None:
        return True
    used = [one for one in module.imports.values() if one is not None and id(one) not in seen]
    return any(_may_mask(one, seen) for one in used)


def _masks(module: Module, node: object, seen: set[int]) -> bool:
    """Say whether a body calls the built-in dropout, or names a file's net that does."""
    for one in ast.walk(node):
        name = one.func if isinstance(one, ast.Call) else getattr(one, "id", "")
        if name == DROPOUT and module.imports.get(name, module) is None:
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


def covers(target: ast.Name, meter: Meter) -> bool:
    """Say whether a budget's target is a meter."""
    model, _, name = target.id.rpartition(".")
    return name == meter.name and model in ("", meter.model)


def budget_targets(main: Module, *kinds: str) -> list[ast.Name]:
    """Return the targets of a file's budgets, of those on some kinds of meters if any are given."""
    return [
        target
        for item in main.items(ast.BudgetDecl)
        if isinstance(item, ast.BudgetDecl) and (not kinds or item.meter in kinds)
        for target in item.targets
    ]
