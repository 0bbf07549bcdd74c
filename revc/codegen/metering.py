"""What a program's metered statements are called, and how each codes its values."""

from collections.abc import Iterator

from revc.codegen.live_types import typed
from revc.ir import program as ir
from revc.ir.dims import Dim
from revc.ir.instructions import Apply, BlockCall, Instruction, Mix, Repeat
from revc.ir.instructions.base import Env
from revc.ir.instructions.metered import Coded, Distribution, Metered, Valve
from revc.ir.program import Block, Program
from revc.ir.types import Label, Lattice, Numerics
from revc.passes.analysis.sites import ONE, metered
from revc.runtime.metered.coding import Coding
from revc.runtime.metered.plan import Budget, Plan, Row, Stack
from revc.runtime.sizes import Polynomial


def exchanges(step: Instruction, env: Env) -> bool:
    """Say whether a statement, with the types `env` before it, moves bits to or from a stack."""
    if isinstance(step, Metered):
        return not (step.kind == "scale" and _is_float(step.target.name, env))
    if isinstance(step, Apply):
        return not _is_float(step.target.name, env)
    return isinstance(step, Mix) and step.family == "lu" and not _is_float(step.target.name, env)


def _is_float(name: str, env: Env) -> bool:
    return env[name].numerics.kind == "float32"


def uses_bits(block: Block, known: dict[int, tuple[Block, bool]]) -> bool:
    """Say whether a block, or what it calls, exchanges bits; `known` keeps what was found."""
    if id(block) not in known:
        found = any(_uses(step, env, known) for step, env, _ in typed(block))
        known[id(block)] = (block, found)  # the block is kept, so that its id stays its own
    return known[id(block)][1]


def _uses(step: Instruction, env: Env, known: dict[int, tuple[Block, bool]]) -> bool:
    if isinstance(step, BlockCall):
        return uses_bits(step.block, known)
    if isinstance(step, Repeat):
        return uses_bits(step.body, known)
    return exchanges(step, env)


def account(step: Metered | Mix | Apply) -> Row:
    """Return the meter and the side that a statement is booked under."""
    if isinstance(step, Metered):
        return step.account, step.side
    return step.kind, "put"


def rows_of(block: Block) -> tuple[Row, ...]:
    """Return the rows of a program's code lengths, in program order, each once."""
    return tuple(dict.fromkeys(account(step) for step in metered_steps(block, {})))


def plan_of(program: Program) -> Plan:
    """Return what the runtime needs to know of a program's bits."""
    steps = list(metered_steps(program.model, {}))
    rewrites = any(not isinstance(step, Coded | Valve) for step in steps)
    rewrites = rewrites or _undoes(program.model, {})
    valves = tuple(dict.fromkeys(s.account for s in steps if isinstance(s, Valve)))
    stacks = tuple(Stack(s.name, s.kind, s.seed, s.bits) for s in program.stacks)
    budgets = tuple(_budget(budget, program.model) for budget in program.budgets)
    return Plan(rows_of(program.model), stacks, budgets, valves, rewrites)


def _undoes(block: Block, known: dict[int, Block]) -> bool:
    """Say whether a program itself undoes something: its stacks then go down and up in one run."""
    if id(block) in known:
        return False
    known[id(block)] = block
    for step in block.body:
        inner = step.block if isinstance(step, BlockCall) else None
        inner = step.body if isinstance(step, Repeat) else inner
        if getattr(step, "undo", False) or (inner is not None and _undoes(inner, known)):
            return True
    return False


def _budget(budget: ir.Budget, model: Block) -> Budget:
    names = tuple(dict.fromkeys(target.rpartition(".")[2] for target in budget.targets))
    found = [site for site in metered(model) if site.meter in names]
    turns = ((s.per_step or ONE) if "step" in budget.units else s.turns for s in found)
    occurrences = polynomial(sum(turns, Dim.of(0)))
    return Budget(budget.meter, names, budget.bound, budget.units, occurrences)


def polynomial(dim: Dim) -> Polynomial:
    """Return a dim as the plain data that the runtime evaluates."""
    return tuple((float(factor), names) for names, factor in dim.terms)


def metered_steps(block: Block, seen: dict[int, Block]) -> Iterator[Metered | Mix | Apply]:
    """Yield the statements that exchange bits, each distinct block's once."""
    if id(block) in seen:
        return
    seen[id(block)] = block
    for step, env, _ in typed(block):
        if isinstance(step, BlockCall):
            yield from metered_steps(step.block, seen)
        elif isinstance(step, Repeat):
            yield from metered_steps(step.body, seen)
        elif isinstance(step, Metered | Mix | Apply) and exchanges(step, env):
            yield step


def coding_of(numerics: Numerics, by: Distribution | None = None) -> Coding:
    """Return how values of a register are coded by a distribution, if there is one."""
    fraction, width, size = 0, 0, 0
    if isinstance(numerics, Lattice):
        fraction, width = numerics.fraction_bits, numerics.width
    if isinstance(numerics, Label):
        size = numerics.size.integer or 0
    if by is None:
        return Coding("none", numerics.kind, fraction, width, size=size)
    settings = by.settings
    return Coding(
        by.family,
        numerics.kind,
        fraction,
        width,
        step=float(settings.get("step") or 1),
        components=int(settings.get("components") or 1),
        size=int(settings.get("n") or size),
        p=float(settings.get("p") or 0),
        residue=by.residue,
        drop=by.drop_bits,
    )
