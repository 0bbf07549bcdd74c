"""From a spec to a program: parse, resolve, elaborate, and run the passes."""

from collections.abc import Collection, Mapping
from pathlib import Path

from revc.errors import BindError
from revc.grammar import ast
from revc.grammar.diagnostics import SpecError, UnsupportedError
from revc.ir.make import make
from revc.ir.nets import Hole
from revc.ir.program import Program
from revc.passes.allow import apply_allows
from revc.passes.charged import random_nets
from revc.passes.depth import deep
from revc.passes.elaborate.blocks import Blocks
from revc.passes.elaborate.bodies import Specialised
from revc.passes.elaborate.budgets import budgets, stacks
from revc.passes.feasible import findings as infeasible
from revc.passes.feasible import own_budgets
from revc.passes.meters import budget_errors
from revc.passes.modules import Loader, Module, nowhere
from revc.passes.opening import open_spec
from revc.passes.pipeline import run_pipeline
from revc.passes.report import Findings
from revc.passes.rules.base import hint
from revc.passes.rules.registry import rule
from revc.passes.rules.s002_unknown_name import RULE as UNKNOWN
from revc.passes.sized import free_dims


def build(
    source: str | Path,
    *,
    model: str | None = None,
    dims: Mapping[str, int] = {},
    nets: Collection[str] | None = (),
) -> Program:
    """Return the checked program of one model.

    Args:
        source: a path, or the text of a spec (anything with a newline or a brace).
        model: the model's name; may be left out when the file has one.
        dims: values for dims of the file, over those that it gives.
        nets: the names of nets without a body that Python will bind; None leaves them unbound.

    Raises:
        SpecError: the spec is wrong; every finding at level deny is in it.
        UnsupportedError: the spec is right, but has statements that cannot be compiled yet.
        BindError: there is no such model, dim or net.
    """
    with deep():
        return _build(source, model, dims, nets)


def _build(
    source: str | Path, model: str | None, dims: Mapping[str, int], nets: Collection[str] | None
) -> Program:
    findings = Findings()
    blocks, loader = open_spec(source, findings, dims)
    refuse(findings, loader)
    built = blocks.alone(blocks.main, _model(blocks.main, model))
    if built is not None:
        for finding in random_nets(built.block.nets):
            findings.add(finding)
    budgets(blocks)
    for finding in budget_errors(blocks.main):
        findings.add(finding)
    stacks(blocks)
    refuse(findings, loader)
    assert built is not None
    program = _program(blocks, built)
    for finding in infeasible(program.model, program.budgets, program.stacks):
        findings.add(finding)
    refuse(findings, loader)
    if nets is not None:
        _bound(program, nets)
    if blocks.refused:
        raise UnsupportedError(blocks.refused.values())
    return run_pipeline(program)


def _model(main: Module, name: str | None) -> ast.ModelDecl:
    models = {d.name: d for d in main.decls.values() if isinstance(d, ast.ModelDecl)}
    if name is not None:
        if name not in models:
            raise BindError(f"no model `{name}`{hint(name, models)}")
        return models[name]
    if not models:
        at = nowhere(main.file.span.file)
        raise SpecError([UNKNOWN.at(at, "no model in this file: there is nothing to compile")])
    if len(models) > 1:
        raise BindError(f"the file has several models: say which of {', '.join(models)}")
    return next(iter(models.values()))


def _program(blocks: Blocks, built: Specialised) -> Program:
    names = blocks.names(blocks.main)
    bound = {name: dim.integer for name, dim in names.items() if dim.integer is not None}
    return make(
        Program,
        model=built.block,
        dims=bound,
        free=free_dims(built.block),
        budgets=own_budgets(built.decl.name, built.block, budgets(blocks)),
        stacks=stacks(blocks),
    )


def refuse(findings: Findings, loader: Loader) -> None:
    """Stop at what is denied; a comment allows only what leaves the program its meaning.

    Raises:
        SpecError: something is.
    """
    denied = [d for d in findings.all if d.level == "deny"]
    waivable = [d for d in denied if rule(d.code).waivable]
    kept, _ = apply_allows(waivable, loader.modules)
    left = [d for d in denied if d not in waivable or d in kept]
    if left:
        raise SpecError(left)


def _bound(program: Program, nets: Collection[str]) -> None:
    """Check that Python binds every net without a body, and no other."""
    holes = {slot.source.name: slot for slot in program.model.nets if isinstance(slot.source, Hole)}
    for name in nets:
        if name not in holes:
            raise BindError(f"no net `{name}` without a body{hint(name, holes)}")
    missing = [name for name in holes if name not in nets]
    if missing:
        at = holes[missing[0]].span
        raise BindError(
            f"{at.file}:{at.line}:{at.column}: net `{missing[0]}` has no body: "
            f'bind it with nets={{"{missing[0]}": ...}}'
        )
