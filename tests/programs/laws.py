"""The laws that every program obeys, on what the public interface of revc gives."""

import copy
import importlib
import itertools
import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from revc.artifact.package import package
from revc.errors import BindError, ReconstructionError
from revc.grammar.diagnostics import SpecError
from revc.passes.invert import invert
from revc.passes.lint import lint
from revc.passes.spec import build
from revc.runtime.run.guard import NonFiniteError
from tests.metered.oracle import recorded
from tests.model.laws import gradients
from tests.programs.case import Case, leaf_names, lengths, objective, pulled, traced_once
from tests.programs.compare import agree, close, close_gradient, same
from tests.programs.exclusions import known
from tests.programs.oracle import OffLattice, Oracle, squashes
from tests.schedule import actions

_numbers = itertools.count()  # a name is never used again: torch remembers modules by name


class Skipped(Exception):
    """A law says nothing of this program; the reason is the text."""


def tolerances(case: Case) -> tuple[float, float]:
    """Return how near values and gradients are to the oracle's."""
    program = case.program
    if "lu()" in program.source:
        return 3e-2, 1e-1  # its factors are rounded to n/1024
    if program.inexact and not program.floats:
        return 2e-3, 2e-2
    if not list(case.model.parameters()):
        return 2e-5, 1e-3  # without nets there is no dtype but float32 to compute in
    if program.floats and program.bits:
        return 1e-5, 2e-2  # a tape keeps float32; half a step from two indices is rebuilt at either
    if program.floats and ("alloc" in program.source or "draw" in program.source):
        return 1e-5, 1e-3  # what is allocated or drawn is float32 beside inputs of float64
    return (1e-7, 1e-4) if program.floats else (1e-8, 1e-6)


# --- the laws ------------------------------------------------------------------------------------


def checks(case: Case) -> None:
    """A spec lints clean and compiles."""
    result = lint(case.program.source)
    denied = [
        f"{f.code} line {f.span.line}: {f.message}" for f in result.findings if f.level == "deny"
    ]
    assert not denied, "; ".join(denied)
    case.compiled()


def inverts(case: Case) -> None:
    """The inverse of a run is its input, bit for bit but for float state; again and again."""
    if case.program.forgets:
        refused(case, lambda out: case.model.inverse(out))
        return
    off = 0.0
    for dtype in dict.fromkeys((case.program.dtype, torch.float32)):
        model = case.model if dtype == case.program.dtype else case.compiled().to(dtype)
        values = case.program.values(dtype)
        out = case.run(model, values)
        near = max(NEAR, off * _MORE_ROUNDING, _strays(case, model, [*values.values(), *out]))
        for _ in range(2):
            off = returned(case, model, out, values, near)
        held = pulled(case, model)[0] if model is case.model else None
        if held is not None:
            returned(case, model, held, values, near)


def refused(case: Case, call: Callable[[Any], Any]) -> None:
    """Check that something is refused for what the program forgets."""
    with pytest.raises(BindError, match="forgets"):
        call(case.run(case.model, case.program.values(case.program.dtype)))


NEAR = 2e-3  # what the inverse of float state may be off by
_MORE_ROUNDING = 2.0**32  # float32, 29 bits of mantissa shorter, may stray that much farther


def _strays(case: Case, model: nn.Module, values: Iterable[Tensor]) -> float:
    """Return what float state that goes through a tape may be off by: see `model.drift`."""
    norms = [float(v.detach().double().norm()) for v in values]
    return model.drift * max(norms) if case.program.floats and case.program.bits else 0.0


def returned(
    case: Case, model: nn.Module, out: Any, values: Mapping[str, Tensor], near: float = NEAR
) -> float:
    """Check that a result's inverse is `values`; return how far float state is off."""
    off, back = 0.0, model.inverse(out)
    back = back if isinstance(back, tuple) else (back,)
    for name, value in zip(case.takes, back, strict=True):
        if case.program.floats:
            close(value, values[name], near, f"the inverse's {name}")
            off = max(off, float((value.double() - values[name].double()).abs().max()))
        else:
            same(value.double(), values[name].double(), f"the inverse's {name}")
    return off


def differentiates(case: Case) -> None:
    """Results, emits, code lengths and all gradients are those of plain autograd."""
    blown_up = case.program.floats and case.program.bits and "undo apply" in case.program.source
    if case.program.coarse or blown_up:
        raise Skipped("rounding of an inexact step is too coarse to compare")
    with recorded() as drawn, squashes() as squashed:
        out, mine = pulled(case, case.model)
    inputs = case.inputs()
    twin = copy.deepcopy(case.model).double()
    wide = {
        n: x.detach().double().requires_grad_() if x.requires_grad else x for n, x in inputs.items()
    }
    oracle = Oracle(case.ir, twin, drawn, squashed)
    try:
        wanted = oracle(**wide)
    except OffLattice as error:
        raise Skipped(str(error)) from error
    near, steep = tolerances(case)
    made = [value.isfinite().all() for value in (*wanted.values(), *oracle.lengths.values())]
    if case.program.floats and not all(made):
        raise Skipped("float state from a tape is beyond what the oracle computes with")
    assert set(wanted) == set(out._fields)
    for name, value in out._asdict().items():
        close(value, wanted[name], near, name)
    rows = lengths(out)
    assert set(oracle.lengths) == set(rows)
    for row, bits in rows.items():
        close(bits, oracle.lengths[row], max(near, 1e-5) * 10, f"code length {row}")
    leaves = [x for x in wide.values() if x.requires_grad]
    leaves += [p for p in twin.parameters() if p.requires_grad]
    total = objective(wanted, oracle.lengths)
    theirs = (
        gradients(total, leaves) if total.requires_grad else [torch.zeros_like(x) for x in leaves]
    )
    for name, one, other in zip(leaf_names(case, inputs), mine, theirs, strict=True):
        close_gradient(one, other, steep, f"gradient of {name}")


def schedules(case: Case) -> None:
    """Whatever a run keeps, its results are the same; float state's gradients up to rounding."""
    out, mine = pulled(case, case.model)
    tolerance = tolerances(case)[1] if case.program.floats else 0.0
    steps = case.model.steps(case.model.interface.measure(case.inputs()))
    plans = [step.segment.plan for step in steps]
    try:
        for schedule in actions.schedules(plans, 4, case.program.seed) if steps else ():
            case.model.schedule = schedule
            again, theirs = pulled(case, case.model)
            agree(case, out, again, mine, theirs, tolerance)
    finally:
        case.model.schedule = "invert"


def packages(case: Case) -> None:
    """The written package gives the same results and gradients, bit for bit."""
    with written(case) as module:
        loaded = module.load(case.program.nets(case.holes)).to(case.program.dtype)
        assert list(loaded.state_dict()) == list(case.model.state_dict())
        loaded.load_state_dict(case.model.state_dict())
        (one, mine), (other, theirs) = pulled(case, case.model), pulled(case, loaded)
        agree(case, one, other, mine, theirs, 0.0)
        if case.program.forgets:
            return
        values = case.program.values(case.program.dtype)
        returned(case, loaded, case.run(loaded, values), values)


@contextmanager
def written(case: Case) -> Iterator[Any]:
    """Write a program's package, import it, and forget it again."""
    folder, name = tempfile.mkdtemp(), f"random_program_{next(_numbers)}"
    try:
        package(case.program.source, Path(folder) / name, chunks=case.program.chunks)
        sys.path.insert(0, folder)
        yield importlib.import_module(name)
    finally:
        if folder in sys.path:
            sys.path.remove(folder)
        for module in [m for m in sys.modules if m == name or m.startswith(f"{name}.")]:
            del sys.modules[module]
        shutil.rmtree(folder)


def inverts_as_source(case: Case) -> None:
    """The inverted source compiles and loads the same weights; without bits it undoes the run."""
    try:
        text = invert(case.program.source)
    except SpecError as error:
        codes = {found.code for found in error.diagnostics}
        if case.program.forgets and codes == {"L111"}:
            return
        if codes == {"M507"}:
            raise Skipped("a valve that drops residues is not undone by a program") from error
        raise
    assert not lint(text).denied, f"the inverse is refused:\n{text}"
    build(invert(text), nets=None)
    inverse = case.compiled(text).to(case.program.dtype)
    assert sorted(inverse.state_dict()) == sorted(case.model.state_dict())
    inverse.load_state_dict(case.model.state_dict())
    values = case.program.values(case.program.dtype)
    out = case.run(case.model, values)
    given = {name: x for name, x in values.items() if name not in case.takes}
    state = {name: getattr(out, name).detach() for name in case.gives}
    if "softsign" in case.program.source:
        raise Skipped("undone with other bits, softsign takes values that it never gave")
    try:
        back = case.run(inverse, {**given, **state})
    except NonFiniteError as error:
        if case.bits and "freed register" in str(error):
            raise Skipped("undone with other bits, a register does not end as it began") from error
        raise
    again = inverse.inverse(back)
    again = again if isinstance(again, tuple) else (again,)
    if case.program.floats:
        return
    for register, value in zip(build(text, nets=None).model.takes, again, strict=True):
        name = register.name
        same(value.double(), state[name].double(), f"{name} through the inverse and back")
    if case.bits:
        return
    exact = bool(list(case.model.parameters()))  # float32 results do not hold all of an int32
    for name in case.takes:
        if exact:
            same(getattr(back, name).double(), values[name].double(), name)
    for name in set(out._fields) - set(case.gives):
        if exact:
            same(getattr(back, name), getattr(out, name), f"emit {name} of the inverse")


def compiles(case: Case) -> None:
    """Compiled by torch the program gives the eager gradients."""
    if case.holes and case.program.seed % 4 in (1, 2):
        raise Skipped("parameters in submodules of a brought net are refused under torch.compile")
    if case.program.forgets:
        raise Skipped("what forgets is not compiled whole")
    torch._dynamo.reset()
    try:
        is_open = case.program.seed % 2 == 0
        call = torch.compile(case.model, backend="aot_eager", dynamic=is_open)
        with traced_once():
            one, mine = pulled(case, case.model, call)
        other, theirs = pulled(case, case.model)
        agree(case, one, other, mine, theirs, 1e-3 if case.program.floats else 1e-6)
    finally:
        torch._dynamo.reset()


def survives(case: Case) -> None:
    """Lint has findings for what is wrong with a spec, and never falls over it."""
    lines = case.program.source.split("\n")
    draw = random.Random(case.program.seed)
    for at in draw.sample(range(len(lines)), min(4, len(lines))):
        if not lines[at].endswith("{") and lines[at].strip() != "}":
            lint("\n".join(lines[:at] + lines[at + 1 :]))


def check(case: Case, law: str) -> None:
    """Check one law.

    Raises:
        Skipped: it says nothing of this program, or the program meets a failing that is known.
    """
    try:
        LAWS[law](case)
    except Skipped:
        raise
    except ReconstructionError as error:
        if not (case.program.floats and case.program.bits):
            raise
        raise Skipped("float state strayed over a quantiser's step, loudly") from error
    except Exception as error:
        name = known(error, case.program.left_out)
        if name is None:
            raise
        raise Skipped(name) from error


LAWS: dict[str, Callable[[Case], None]] = {
    "checks": checks, "inverse": inverts, "gradient": differentiates, "package": packages,
    "inverted": inverts_as_source, "compile": compiles, "mutants": survives,
    "schedule": schedules,
}  # fmt: skip
