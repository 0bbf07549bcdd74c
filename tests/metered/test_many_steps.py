"""Very many valve steps: the books equal the stacks to the last unit, and nothing else grows.

The suite takes some thousands of steps; ``python -m tests.metered.test_many_steps 100000`` as many
as it is told.
"""

import gc
import sys
from pathlib import Path

import torch

import revc
from revc.runtime.bits.constants import UNIT
from revc.runtime.metered import valve as valves
from revc.runtime.metered.session import Session
from revc.runtime.model import ReversibleModel

SPEC = """
use std.nets: parameter
dim B, d = 8
state lattice(Q12.20)
model Net(a: [B, d]) -> (a: [B, d]) {
  valve a by logistic(parameter([16]), step = 1/16) as va
}
"""
LANES = 2
ACCOUNTS = ("written", "drawn")


def opened() -> tuple[ReversibleModel, Session, torch.Tensor]:
    torch.manual_seed(0)
    model = revc.compile(SPEC)
    model.bits.seed, model.bits.lanes = 1, LANES
    out = model(torch.randn(3, 8))
    return model, out.run.session, out.run.raw[0].clone()


def check_books(session: Session) -> None:
    """What was booked is what the stacks changed by."""
    for name, account in (("tape", session.books.written), ("reservoir", session.books.drawn)):
        fresh = type(session.stacks[name])(3, LANES, session.stacks[name].seed)
        change = session.stacks[name].size() - fresh.size()
        booked = account.total()
        assert torch.equal(change if name == "tape" else -change, booked)


def resident() -> int:
    """Bytes of the process in memory; 0 where nothing tells."""
    told = Path("/proc/self/statm")
    return int(told.read_text().split()[1]) * 4096 if told.exists() else 0


def steps(count: int, blocks: int = 3) -> list[int]:
    """Take valve steps forth and back; return the growth of memory a block, less the stacks'."""
    _, session, raw = opened()
    (site,) = session.plan.sites
    params, start = torch.zeros(3, 16), raw.clone()
    begun = {name: stack.digest() for name, stack in session.stacks.items()}
    known = {name: getattr(session.books, name).total().clone() for name in ACCOUNTS}
    growth = []
    for _ in range(blocks):
        before, held = resident(), _held(session)
        for _ in range(count // blocks):
            raw = valves.valve(session, raw, params, site)
        gc.collect()
        growth.append(resident() - before - (_held(session) - held))
        check_books(session)
    undoing = session.turn_back()
    for _ in range(count // blocks * blocks):
        raw = valves.unvalve(session, raw, params, site)
    assert torch.equal(raw, start)
    assert {name: stack.digest() for name, stack in session.stacks.items()} == begun
    for name in ACCOUNTS:
        forth = getattr(session.books, name).total() - known[name]
        assert int(forth.abs().sum()) / UNIT / count > 1
        assert torch.equal(getattr(session.back_books, name).total(), -forth)
    session.come_forth(undoing)
    check_books(session)
    return growth


def _held(session: Session) -> int:
    return sum(stack.engine.state.words.nbytes for stack in session.stacks.values())


def test_books_equal_stacks_and_memory_is_flat_over_many_steps() -> None:
    growth = steps(900)
    assert max(growth[1:]) < 4 << 20, growth


if __name__ == "__main__":
    taken = int(sys.argv[1])
    growth = [f"{grown / 2**20:.2f}" for grown in steps(taken)]
    print(f"{taken} steps forth and back: the books equal the stacks")
    print("memory beside the stacks grew by", *growth, "MiB")
