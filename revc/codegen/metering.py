"""What the runtime needs to know of a program's bits: its sites, stacks and budgets."""

from collections.abc import Iterator

from revc.ir import program as ir
from revc.ir.dims import Dim
from revc.ir.instructions import Apply, Instruction, Mix
from revc.ir.instructions.base import Env
from revc.ir.instructions.metered import Coded, Distribution, Metered, Scale, Valve
from revc.ir.live_types import typed, typed_at_any_depth
from revc.ir.memo import per_node
from revc.ir.program import Block, Program
from revc.ir.types import Label, Lattice, Numerics
from revc.passes.analysis.sites import ONE, metered
from revc.runtime.metered.coding import Coding
from revc.runtime.metered.plan import RESERVOIR, TAPE, Budget, Plan, Row, Site, Stack
from revc.runtime.sizes import Polynomial

Exchanging = Coded | Valve | Scale | Mix | Apply
"""The statements that may move bits; `exchanges` says which do."""


def exchanges(step: Instruction, env: Env) -> bool:
    """Say whether a statement, with the types `env` before it, moves bits to or from a stack."""
    if isinstance(step, Metered):
        return not (step.kind == "scale" and _is_float(step.target.name, env))
    if isinstance(step, Apply):
        return not _is_float(step.target.name, env)
    return isinstance(step, Mix) and step.family == "lu" and not _is_float(step.target.name, env)


def _is_float(name: str, env: Env) -> bool:
    return env[name].numerics.kind == "float32"


@per_node
def uses_bits(block: Block) -> bool:
    """Say whether a block, or one in it, exchanges bits."""
    return any(
        exchanges(step, env) or any(map(uses_bits, step.inner())) for step, env, _ in typed(block)
    )


def plan_of(program: Program) -> Plan:
    """Return what the runtime needs to know of a program's bits."""
    sites = sites_of(program.model)
    rewrites = any(site.kind not in ("put", "draw", "valve") for site in sites)
    # What undoes something itself has its stacks go down and up in one run.
    rewrites = rewrites or any(getattr(s, "undo", False) for s in program.model.instructions())
    stacks = tuple(Stack(s.name, s.kind, s.seed, s.bits) for s in program.stacks)
    budgets = tuple(_budget(budget, program.model) for budget in program.budgets)
    return Plan(sites, stacks, budgets, rewrites)


# --- sites ---------------------------------------------------------------------------------------


def sites_of(block: Block) -> tuple[Site, ...]:
    """Return what is known of a program's statements that exchange bits, each distinct one once.

    They stand in program order; rows of code lengths are numbered as their meters first come.
    """
    rows: list[Row] = []
    found = [site_of(step, env, rows) for step, env in _metered_steps(block)]
    return tuple(dict.fromkeys(found))


def site_of(step: Exchanging, env: Env, rows: list[Row]) -> Site:
    """Return what is known of a statement with the types `env` around it.

    Its row is that of its account in `rows`, which gets one if it has none.
    """
    account: Row = (step.account, step.side) if isinstance(step, Metered) else (step.kind, "put")
    if account not in rows:
        rows.append(account)
    meant = RESERVOIR if account[1] == "draw" else TAPE
    stack = (step.stack if isinstance(step, Metered) else None) or meant
    kind = step.type if isinstance(step, Coded) else env[step.target.name]
    by = step.by if isinstance(step, Coded | Valve) else None
    name = str(step.kind)  # type: ignore[union-attr]  # of the classes that are no base
    return Site(name, *account, stack, rows.index(account), _coding(kind.numerics, by))


def _metered_steps(block: Block) -> Iterator[tuple[Exchanging, Env]]:
    """Yield the statements that exchange bits, each distinct block's once."""
    for step, env, _ in typed_at_any_depth(block):
        if isinstance(step, Exchanging) and exchanges(step, env):
            yield step, env


def _coding(numerics: Numerics, by: Distribution | None) -> Coding:
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


# --- the rest of the plan ------------------------------------------------------------------------


def _budget(budget: ir.Budget, model: Block) -> Budget:
    names = tuple(dict.fromkeys(target.rpartition(".")[2] for target in budget.targets))
    found = [site for site in metered(model) if site.meter in names]
    turns = ((s.per_step or ONE) if "step" in budget.units else s.turns for s in found)
    occurrences = polynomial(sum(turns, Dim.of(0)))
    return Budget(budget.meter, names, budget.bound, budget.units, occurrences)


def polynomial(dim: Dim) -> Polynomial:
    """Return a dim as the plain data that the runtime evaluates."""
    return tuple((factor.numerator, factor.denominator, names) for names, factor in dim.terms)
