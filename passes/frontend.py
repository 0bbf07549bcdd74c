"""From a spec to a program: parse, resolve, elaborate, and run the passes."""

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from pathlib import Path

from revc.errors import BindError
from revc.grammar import ast
from revc.grammar.diagnostics import SpecError, UnsupportedError
from revc.grammar.source import read
from revc.ir.nets import Hole
from revc.ir.program import Program
from revc.passes.elaborate.blocks import Blocks, Specialised
from revc.passes.elaborate.budgets import budgets
from revc.passes.modules import Loader, Module, nowhere
from revc.passes.pipeline import run_pipeline
from revc.passes.report import Findings
from revc.passes.rules.s002_unknown_name import RULE as UNKNOWN
from revc.passes.sized import free_dims


def build(
    source: str | Path,
    *,
    model: str | None = None,
    dims: Mapping[str, int] = {},
    nets: Collection[str] = (),
) -> Program:
    """Return the checked program of one model.

    Args:
        source: a path, or the text of a spec (anything with a newline or a brace).
        model: the model's name; may be left out when the file has one.
        dims: values for dims of the file, over those that it gives.
        nets: the names of nets without a body that Python will bind.

    Raises:
        SpecError: the spec is wrong; every finding at level deny is in it.
        UnsupportedError: the spec is right, but has statements that cannot be compiled yet.
        BindError: there is no such model, dim or net.
    """
    findings = Findings()
    blocks = open_spec(source, findings, dims)
    _refuse(findings)
    decl = _model(blocks.main, model)
    built = blocks.alone(blocks.main, decl)
    _refuse(findings)
    assert built is not None
    program = _program(blocks, built)
    _bound(program, nets)
    if blocks.refused:
        raise UnsupportedError(blocks.refused.values())
    return run_pipeline(program)


def open_spec(source: str | Path, findings: Findings, dims: Mapping[str, int] = {}) -> Blocks:
    """Parse a spec and the files that it uses, ready to elaborate its blocks.

    Raises:
        SpecError: the file cannot be read.
        BindError: `dims` has a dim that the file does not declare.
    """
    text, file, beside = _text(source)
    loader = Loader(findings, beside)
    blocks = Blocks(findings, loader.load(text, file), dict(dims))
    known = blocks.names(blocks.main)
    for name in dims:
        if name not in known and not findings.denied:
            raise BindError(f"no dim `{name}`{_hint(name, known)}")
    return blocks


def _text(source: str | Path) -> tuple[str, str, Path | None]:
    """Return the text, the name for messages, and the folder that `use` looks in."""
    if isinstance(source, str) and ("\n" in source or "{" in source):
        return source, "<string>", None
    path = Path(source)
    return read(path), str(source), path.parent


def _model(main: Module, name: str | None) -> ast.ModelDecl:
    models = {d.name: d for d in main.decls.values() if isinstance(d, ast.ModelDecl)}
    if name is not None:
        if name not in models:
            raise BindError(f"no model `{name}`{_hint(name, models)}")
        return models[name]
    if not models:
        at = nowhere(main.file.span.file)
        raise SpecError([UNKNOWN.at(at, "no model in this file: there is nothing to compile")])
    if len(models) > 1:
        raise BindError(f"the file has several models: say which of {', '.join(models)}")
    return next(iter(models.values()))


def _hint(name: str, known: Collection[str]) -> str:
    close = get_close_matches(name, list(known), n=1)
    return f"; did you mean `{close[0]}`?" if close else ""


def _program(blocks: Blocks, built: Specialised) -> Program:
    names = blocks.names(blocks.main)
    bound = {name: dim.integer for name, dim in names.items() if dim.integer is not None}
    return Program(
        model=built.block,
        dims=bound,
        free=free_dims(built.block),
        budgets=budgets(blocks),
    )


def _refuse(findings: Findings) -> None:
    denied = [d for d in findings.all if d.level == "deny"]
    if denied:
        raise SpecError(denied)


def _bound(program: Program, nets: Collection[str]) -> None:
    """Check that Python binds every net without a body, and no other."""
    holes = {slot.source.name: slot for slot in program.model.nets if isinstance(slot.source, Hole)}
    for name in nets:
        if name not in holes:
            raise BindError(f"no net `{name}` without a body{_hint(name, holes)}")
    missing = [name for name in holes if name not in nets]
    if missing:
        at = holes[missing[0]].span
        raise BindError(
            f"{at.file}:{at.line}:{at.column}: net `{missing[0]}` has no body: "
            f'bind it with nets={{"{missing[0]}": ...}}'
        )
