"""The laws that every program obeys, on what the public interface of revc gives."""

import copy
import importlib
import itertools
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import revc
from revc.codegen.package import package
from revc.ir.nets import Hole
from revc.passes.frontend import build
from revc.passes.invert import invert_spec
from revc.passes.lint import lint
from tests.metered.oracle import recorded
from tests.model.laws import gradients, randomize
from tests.programs.generate import Program
from tests.programs.oracle import OffLattice, Oracle

_numbers = itertools.count()


class Skipped(Exception):
    """A law says nothing of this program; the reason is the text."""


class Case:
    """A program with what several laws ask of it, each made once."""

    def __init__(self, program: Program) -> None:
        self.program = program

    @cached_property
    def ir(self) -> Any:
        return build(self.program.source, nets=None)

    @cached_property
    def holes(self) -> frozenset[str]:
        slots = self.ir.model.nets
        return frozenset(s.source.name for s in slots if isinstance(s.source, Hole))

    def compiled(self, source: str | None = None) -> nn.Module:
        torch.manual_seed(self.program.seed)
        nets = self.program.nets(self.holes)
        source = self.program.source if source is None else source
        return revc.compile(source, nets=nets, chunks=self.program.chunks)

    @cached_property
    def model(self) -> nn.Module:
        """The model, with weights that all matter."""
        model = self.compiled().to(self.program.dtype)
        randomize(model)
        return model

    @property
    def takes(self) -> list[str]:
        return [register.name for register in self.ir.model.takes]

    @property
    def gives(self) -> list[str]:
        return [register.name for register in self.ir.model.gives]

    @property
    def bits(self) -> bool:
        """Whether a run exchanged bits."""
        out = self.run(self.model, self.program.values(self.program.dtype))
        return bool(out.written or out.drawn)

    def run(self, model: nn.Module, values: Mapping[str, Tensor]) -> Any:
        """Run a model with the random bits of its first run."""
        model.bits.seed = 0
        return model(**values)

    def inputs(self) -> dict[str, Tensor]:
        """Return fresh inputs that want gradients."""
        values = self.program.values(self.program.dtype)
        return {n: x.requires_grad_() if x.is_floating_point() else x for n, x in values.items()}


# --- what is compared ----------------------------------------------------------------------------


def lengths(out: Any) -> dict[tuple[str, str], Tensor]:
    """Return a run's code lengths by meter and side."""
    rows = {(name, "put"): bits for name, bits in out.written.items()}
    return rows | {(name, "draw"): bits for name, bits in out.drawn.items()}


def objective(views: Mapping[str, Tensor], rows: Mapping[tuple[str, str], Tensor]) -> Tensor:
    """Return a scalar in which every number of results, emits and code lengths has a weight."""
    made = torch.Generator().manual_seed(5)
    total = torch.zeros((), dtype=torch.float64)
    for value in [*(views[n] for n in sorted(views)), *(rows[r] * 0.1 for r in sorted(rows))]:
        if value.is_floating_point():
            weights = torch.randn(value.shape, generator=made, dtype=torch.float64)
            total = total + (value.double() * weights).sum()
    return total


def pulled(case: Case, model: nn.Module, call: Callable[..., Any] | None = None) -> Any:
    """Return a run, its inputs' and its parameters' gradients."""
    inputs = case.inputs()
    model.bits.seed = 0
    out = (model if call is None else call)(**inputs)
    leaves = [x for x in inputs.values() if x.requires_grad]
    leaves += [p for p in model.parameters() if p.requires_grad]
    total = objective(out._asdict(), lengths(out))
    found = gradients(total, leaves) if total.requires_grad else [torch.zeros_like(x) for x in leaves]
    return out, found


def same(one: Tensor, other: Tensor, what: str) -> None:
    """Check that two tensors agree in every bit."""
    assert one.shape == other.shape and one.dtype == other.dtype, f"{what}: {one.shape} {other.shape}"
    off = (one != other) & ~(one.isnan() & other.isnan())
    assert not bool(off.any()), f"{what} differs by {float((one.double() - other.double()).abs().max()):g}"


def close(one: Tensor, other: Tensor, tolerance: float, what: str) -> None:
    torch.testing.assert_close(
        one.double(), other.double(), atol=tolerance, rtol=tolerance,
        msg=lambda text: f"{what}: {text}",
    )  # fmt: skip


def tolerances(case: Case) -> tuple[float, float]:
    """Return how near values and gradients are to the oracle's."""
    program = case.program
    if "lu()" in program.source:
        return 3e-2, 1e-1  # its factors are rounded to n/1024
    if program.dtype == torch.float32:
        return 1e-4, 2e-2
    if program.inexact and not program.floats:
        return 2e-3, 2e-2
    if not list(case.model.parameters()):
        return 2e-5, 1e-3  # without nets there is no dtype but float32 to compute in
    return (1e-7, 1e-4) if program.floats else (1e-8, 1e-6)


# --- the laws ------------------------------------------------------------------------------------


def checks(case: Case) -> None:
    """A spec lints clean and compiles."""
    result = lint(case.program.source)
    denied = [f"{f.code} line {f.span.line}: {f.message}" for f in result.findings if f.level == "deny"]
    assert not denied, "; ".join(denied)
    case.compiled()


def inverts(case: Case) -> None:
    """The inverse of a run is its input, bit for bit but for float state; again and again."""
    for dtype in dict.fromkeys((case.program.dtype, torch.float32)):
        model = case.model if dtype == case.program.dtype else case.compiled().to(dtype)
        values = case.program.values(dtype)
        out = case.run(model, values)
        for _ in range(2):
            returned(case, model, out, values)
        held = pulled(case, model)[0] if model is case.model else None
        if held is not None:
            returned(case, model, held, values)


def returned(case: Case, model: nn.Module, out: Any, values: Mapping[str, Tensor]) -> None:
    back = model.inverse(out)
    back = back if isinstance(back, tuple) else (back,)
    for name, value in zip(case.takes, back, strict=True):
        if case.program.floats:
            close(value, values[name], 2e-3, f"the inverse's {name}")
        else:
            same(value.double(), values[name].double(), f"the inverse's {name}")


def differentiates(case: Case) -> None:
    """Results, emits, code lengths and all gradients are those of plain autograd."""
    if case.program.coarse:
        raise Skipped("rounding of an inexact step is too coarse to compare")
    with recorded() as drawn:
        out, mine = pulled(case, case.model)
    inputs = case.inputs()
    twin = copy.deepcopy(case.model).double()
    wide = {n: x.detach().double().requires_grad_() if x.requires_grad else x for n, x in inputs.items()}
    oracle = Oracle(case.ir, twin, drawn)
    try:
        wanted = oracle(**wide)
    except OffLattice as error:
        raise Skipped(str(error)) from error
    near, steep = tolerances(case)
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
    theirs = gradients(total, leaves) if total.requires_grad else [torch.zeros_like(x) for x in leaves]
    for name, one, other in zip(leaf_names(case, inputs), mine, theirs, strict=True):
        close(one, other, steep, f"gradient of {name}")


def leaf_names(case: Case, inputs: Mapping[str, Tensor]) -> list[str]:
    names = [n for n, x in inputs.items() if x.requires_grad]
    return names + [n for n, p in case.model.named_parameters() if p.requires_grad]


def packages(case: Case) -> None:
    """The written package gives the same results and gradients, bit for bit."""
    with written(case) as module:
        loaded = module.load(case.program.nets(case.holes)).to(case.program.dtype)
        assert list(loaded.state_dict()) == list(case.model.state_dict())
        loaded.load_state_dict(case.model.state_dict())
        (one, mine), (other, theirs) = pulled(case, case.model), pulled(case, loaded)
        agree(case, one, other, mine, theirs, 0.0)
        values = case.program.values(case.program.dtype)
        returned(case, loaded, case.run(loaded, values), values)


def agree(
    case: Case, one: Any, other: Any, mine: list[Tensor], theirs: list[Tensor], tolerance: float
) -> None:
    """Check that two runs of one program have the same results, lengths and gradients."""
    assert one._fields == other._fields
    pairs = [(name, getattr(one, name), getattr(other, name)) for name in one._fields]
    rows, others = lengths(one), lengths(other)
    assert set(rows) == set(others)
    pairs += [(f"code length {row}", rows[row], others[row]) for row in rows]
    names = leaf_names(case, case.inputs())
    pairs += [(f"gradient of {n}", a, b) for n, a, b in zip(names, mine, theirs, strict=True)]
    for what, left, right in pairs:
        if tolerance:
            close(left, right, tolerance, what)
        else:
            same(left, right, what)


@contextmanager
def written(case: Case):
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
    text = invert_spec(case.program.source)
    assert not lint(text).denied, f"the inverse is refused:\n{text}"
    build(invert_spec(text), nets=None)
    inverse = case.compiled(text).to(case.program.dtype)
    assert sorted(inverse.state_dict()) == sorted(case.model.state_dict())
    inverse.load_state_dict(case.model.state_dict())
    values = case.program.values(case.program.dtype)
    out = case.run(case.model, values)
    given = {name: x for name, x in values.items() if name not in case.takes}
    state = {name: getattr(out, name).detach() for name in case.gives}
    if "softsign" in case.program.source:
        raise Skipped("undone with other bits, softsign takes values that it never gave")
    back = case.run(inverse, {**given, **state})
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
    torch._dynamo.reset()
    try:
        call = torch.compile(case.model, backend="aot_eager", dynamic=False)
        one, mine = pulled(case, case.model, call)
        other, theirs = pulled(case, case.model)
        agree(case, one, other, mine, theirs, 1e-3 if case.program.floats else 1e-6)
    finally:
        torch._dynamo.reset()


LAWS: dict[str, Callable[[Case], None]] = {
    "checks": checks, "inverse": inverts, "gradient": differentiates, "package": packages,
    "inverted": inverts_as_source, "compile": compiles,
}  # fmt: skip
