"""`revc.compile`: from a spec to a reversible torch module."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from torch import nn

from revc.codegen import builtins
from revc.codegen.graphs import CompiledGraphs
from revc.codegen.holds import offered
from revc.codegen.imports import check_imports, located
from revc.codegen.interface import emits_of, free_sizes, sizes_of
from revc.codegen.metering import plan_of, polynomial
from revc.codegen.pieces import sequences_of
from revc.codegen.segments import Cut, changed
from revc.codegen.supported import refuse_unsupported
from revc.errors import BindError, InternalError
from revc.grammar.record import plain
from revc.ir.dims import Dim
from revc.ir.instructions import Forget
from revc.ir.nets import Builtin, NetSlot, Replaced, TorchClass
from revc.ir.program import Block, Program, Register
from revc.ir.schedule import Action
from revc.ir.types import Label, Lattice
from revc.passes.analysis.size_needs import SizeNeed, size_needs
from revc.passes.spec import build
from revc.runtime import schedule as schedules
from revc.runtime.chunks import WHOLE, Chunks, chunks_of
from revc.runtime.interface import Interface, Slot
from revc.runtime.model import ReversibleModel
from revc.runtime.nets.binding import Binder, Net, check_state, import_net
from revc.runtime.nets.leaf import Capture, Rng
from revc.runtime.schedule import Wish
from revc.runtime.segment_plan import SegmentPlan
from revc.runtime.sizes import Need, Polynomial


def compile(
    source: str | Path,
    *,
    model: str | None = None,
    dims: Mapping[str, int] | None = None,
    nets: Mapping[str, Net] | None = None,
    chunks: int | tuple[int, int] = 1,
    plain: bool = False,
    allow_import: Iterable[str] | None = None,
    schedule: Wish = "invert",
    capture: Capture = "auto",
    rng: Rng = "refuse",
) -> ReversibleModel:
    """Compile a spec into a module that trains without storing activations.

    A spec is code: ``torch "module:Class"(..)`` imports a module and calls a class of it. Of a spec
    that is not trusted, say with `allow_import` what it may import.

    Args:
        source: a path to a `.rev` file, or source text.
        model: which of the file's models; may be left out when there is one.
        dims: sizes that the spec leaves free, or other values for those that it binds.
        nets: for each net without a body: a module, a factory called once an instance, or a list
            with one module an instance, in program order.
        chunks: pieces along the batch in which separable nets run, in every direction, or pieces
            along the batch and, of each, along the sequence: ``(4, 2)``, or ``(1, 8)`` where there
            is one example. What is held while they run is divided by their number.
        plain: return the one result as a tensor, and not in a named tuple, so that the model fits
            where torch's own layers do (`nn.Sequential`).
        schedule: what a run keeps of each segment until its backward pass: an action for each that
            it passes (a turn of a loop is one), or one for all. `invert` keeps nothing and rebuilds
            the segment's input, `save` keeps what autograd would and evaluates nothing again. See
            `ReversibleModel.schedule`.
        capture: whether nets that are brought are traced once and then run as graphs, which takes
            less memory: where they can be, "never", or always ("require"). See `nets_report`.
        rng: what becomes of nets that draw from torch's generators and are not captured: "refuse",
            or "replay", which saves the states of the generators and restores them when such a net
            runs again. A net that is captured draws from a key, which is charged.
        allow_import: modules that nets may come from, with all below them: ``["torch.nn"]``; none
            with ``[]``, any with None.

    Returns:
        A module; see `ReversibleModel`. Its parameters start from torch's random generator.

    Raises:
        SpecError: the spec does not parse or check; carries located diagnostics.
        UnsupportedError: it uses a statement that cannot be compiled yet.
        BindError: `nets`, `chunks`, `plain`, `schedule`, `capture` or `rng` do not fit the
            program, or a net comes from where none may.
    """
    pieces = chunks_of(chunks)
    given = dict(nets or {})
    program = build(source, model=model, dims=dims or {}, nets=given.keys())
    check_imports(program, allow_import)
    refuse_unsupported(program)
    modules = make_nets(program, given)
    found = assemble(scheduled(program, schedule), modules, pieces, plain)
    found.capture, found.rng = check_capture(capture), check_rng(rng)
    return found


def scheduled(program: Program, wish: Wish) -> Program:
    """Return a program with another schedule.

    Raises:
        BindError: the wish names no action.
    """
    wanted = schedules.schedule_of(wish)
    actions = tuple(Action(kind=action.kind, values=action.values) for action in wanted)
    return program.replace(schedule=actions)


def check_capture(wish: Capture) -> Capture:
    """Check how nets are captured, and return it.

    Raises:
        BindError: there is no such way.
    """
    known = get_args(Capture)
    if wish not in known:
        raise BindError(f"capture = {wish!r}: it is one of {', '.join(map(repr, known))}")
    return wish


def check_rng(wish: Rng) -> Rng:
    """Check what becomes of random nets, and return it.

    Raises:
        BindError: there is no such way.
    """
    known = get_args(Rng)
    if wish not in known:
        raise BindError(f"rng = {wish!r}: it is one of {', '.join(map(repr, known))}")
    return wish


def assemble(
    program: Program, modules: Sequence[nn.Module], chunks: Chunks = WHOLE, plain: bool = False
) -> ReversibleModel:
    """Return the module of a program whose net instances are `modules`."""
    graphs = CompiledGraphs(program, chunks)
    return ReversibleModel(interface_of(graphs), modules, graphs, plain)


def interface_of(graphs: CompiledGraphs) -> Interface:
    """Return what the runtime needs to know of a program.

    Raises:
        BindError: its schedule does not fit it.
    """
    program, block = graphs.program, graphs.program.model
    order = sorted((*block.takes, *block.givens), key=lambda r: (r.span.line, r.span.column))
    made = Interface(
        name=block.name,
        takes=tuple(_slot(r) for r in block.takes),
        gives=tuple(_slot(r) for r in block.gives),
        givens=tuple(_slot(r, given=True) for r in block.givens),
        order=tuple(register.name for register in order),
        emits=emits_of(block),
        sizes=free_sizes(block),
        nets=tuple(slot.name for slot in block.nets),
        builtin=tuple(isinstance(slot.source, Builtin) for slot in block.nets),
        segments=tuple(
            _segment(cut, graph, graphs)
            for cut, graph in zip(graphs.cuts, graphs.keys, strict=True)
        ),
        exact=graphs.exact,
        chunks=graphs.chunks,
        program_hash=program_hash(program),
        plan=plan_of(program),
        needs=(*map(_need, size_needs(program.model)), *_cut_needs(block, graphs.chunks)),
        schedule=tuple(schedules.Action(one.kind, one.values) for one in program.schedule),
    )
    schedules.check(made, made.schedule)
    return made


def _segment(cut: Cut, graph: str, graphs: CompiledGraphs) -> SegmentPlan:
    nets = graphs.program.model.nets
    registers = zip((*cut.takes, *cut.gives), (*cut.block.takes, *cut.block.gives), strict=True)
    givens = zip(cut.givens, cut.block.givens, strict=True)
    kinds = {name: register.type.numerics.kind for name, register in (*registers, *givens)}
    return SegmentPlan(
        name=cut.name,
        graph=graph,
        takes=cut.takes,
        gives=cut.gives,
        givens=cut.givens,
        emits=tuple(cut.prefix + name for name in emits_of(cut.block)),
        sizes=(*sizes_of(cut.block), *cut.block.turns),
        rows=tuple(tuple(nets[slot].name for slot in row) for row in cut.rows),
        turns=None if cut.count is None else polynomial(cut.count),
        index=cut.index,
        backwards=cut.backwards,
        metered=graphs.library.metered(cut.block),
        forgets=forgotten(cut.block),
        changes=tuple(
            name
            for name, one in zip(cut.takes, cut.block.takes, strict=True)
            if one.name in changed(cut.block) or name not in cut.gives
        ),
        labels=tuple(sorted(name for name, kind in kinds.items() if kind == "label")),
        values=tuple(f"{cut.block.nets[slot].name}.{name}" for slot, name in offered(cut.block)),
    )


def forgotten(block: Block) -> tuple[str, ...]:
    """Return what a block forgets, and where."""
    steps = (step for step in block.instructions() if isinstance(step, Forget))
    return tuple(f"`{step.name}` on line {step.span.line}" for step in steps)


def _need(need: SizeNeed) -> Need:
    turns = tuple(polynomial(count) for count in need.turns)
    return Need(need.kind, polynomial(need.value), turns, f"line {need.span.line}: {need.text}")


def _cut_needs(model: Block, chunks: Chunks) -> list[Need]:
    """Return what pieces along the sequence need: that none is empty."""
    count, found = chunks.sequence, dict[Polynomial, Need]()
    for size, span in sequences_of(model, chunks):
        value = polynomial(size - count)
        text = f"line {span.line}: {count} chunks of {size} along the sequence: some would be empty"
        found.setdefault(value, Need("least", value, (), text))
    return [*found.values()]


def program_hash(program: Program) -> str:
    """Return the SHA-256 of what the program does: without places, schedule, budget of memory."""
    done = json.dumps(plain(program, ("schedule", "memory")), separators=(",", ":"))
    return hashlib.sha256(done.encode()).hexdigest()


def _slot(register: Register, given: bool = False) -> Slot:
    kind = register.type.numerics
    bits, width = (kind.fraction_bits, kind.width) if isinstance(kind, Lattice) else (0, 0)
    shape = tuple(polynomial(dim) for dim in register.type.shape)
    classes = polynomial(kind.size) if isinstance(kind, Label) else ()
    return Slot(register.name, kind.kind, bits, width, shape, str(register.type), classes, given)


# --- nets ----------------------------------------------------------------------------------------


def make_nets(program: Program, given: Mapping[str, Net]) -> list[nn.Module]:
    """Make or bind the module of every net instance, in program order.

    Raises:
        BindError: a net is missing, of the wrong kind, or there are too few of it.
    """
    binder = Binder(given)
    modules = [_make(slot, binder) for slot in program.model.nets]
    binder.finish()
    for slot, module in zip(program.model.nets, modules, strict=True):
        check_state(located(slot), module)
    return modules


def _make(slot: NetSlot, binder: Binder) -> nn.Module:
    source = slot.source
    if isinstance(source, Builtin):
        return builtins.make(slot)
    if isinstance(source, TorchClass):
        args, kwargs = imported_with(source)
        return import_net(located(slot), source.target, args, kwargs)
    if isinstance(source, Replaced):
        raise InternalError(f"{slot.name}: a spec has no replaced net")
    return binder.bind(source.name)


def imported_with(source: TorchClass) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments of a torch class as plain Python values."""
    args = tuple(_plain(value) for value in source.args)
    return args, {key: _plain(value) for key, value in source.kwargs.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Dim):
        return value.integer
    return tuple(_plain(item) for item in value) if isinstance(value, tuple) else value
