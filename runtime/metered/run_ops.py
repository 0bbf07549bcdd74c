"""Where a compiled run begins and ends, as operators.

A compiled graph holds nothing but tensors. A run is two of them: its *token*, which every exchange
counts up (see `ops`), and its *ticket*, which owns the session: it lives exactly as long as the
memory of the ticket, and whoever may undo the run (autograd, a result) holds that. Nothing changes
a ticket, so a compiler has no reason to copy it. Each half of a step has a token of its own.
"""

import itertools

import torch
from torch import Tensor
from torch.library import custom_op

from revc.runtime.findings import Findings
from revc.runtime.metered.bits import bits_of
from revc.runtime.metered.key_costs import book, cost
from revc.runtime.metered.session import Options, Session, session_of


class _Owner(bytearray):
    """The memory of a ticket, which keeps the session alive."""

    session: Session


def ticket_of(session: Session) -> Tensor:
    """Return a ticket, int64 [1] on the CPU: the session's number, in memory that owns it."""
    memory = _Owner(8)
    memory.session = session
    ticket = torch.frombuffer(memory, dtype=torch.int64)
    return ticket.fill_(session.serial)


_runs = itertools.count()


def new_run() -> int:
    """Return a number for a run of a graph: a compiler takes two equal calls for one."""
    return next(_runs)


# What torch.compiler.assume_constant_result does, which imports all of Dynamo to do it.
new_run._dynamo_marked_constant = True  # type: ignore[attr-defined]


@custom_op("revc::open_run", mutates_args=())
def open_run(
    key: str, examples: int, device: torch.device, training: bool, sizes: list[int], run: int
) -> tuple[Tensor, Tensor]:
    """Open the session of a compiled run; return its token, int64 [2], and ticket, int64 [1].

    `run` is a number that no other run of the graph has: see `new_run`.
    """
    session = bits_of(key).open(examples, device, training, Options(), sizes)
    return session.token.clone(), ticket_of(session)


@custom_op("revc::finish_run", mutates_args=("token",))
def finish_run(token: Tensor, ticket: Tensor, keys: int, device: torch.device) -> Tensor:
    """End the forward pass of a run, which drew `keys`; return a 0-dim zero, which must be used.

    The compiler drops what nothing depends on. The ticket is here to live until now.
    """
    session, found = session_of(ticket), Findings()
    session.report_faults(found)
    found.settle()
    if keys:
        book(session.books, cost(keys, session.sequences, session.device))
    session.finish()
    token[1] += 1
    return torch.zeros((), device=device)


@custom_op("revc::turn_back", mutates_args=())
def turn_back(ticket: Tensor, cotangent: Tensor) -> Tensor:
    """Start to undo a run; return the token of the backward half.

    `cotangent` keeps that in the backward half of a joint graph.
    """
    session = session_of(ticket)
    session.turn_back()
    return session.token.clone()


@custom_op("revc::come_forth", mutates_args=("token",))
def come_forth(token: Tensor, ticket: Tensor, exact: bool, device: torch.device) -> Tensor:
    """End the undoing of a run, having checked that it came back to its start.

    Returns a 0-dim zero, which must be used, as that of `finish_run`.

    Raises:
        ReconstructionError: it did not, though the state is `exact`.
    """
    session = session_of(ticket)
    try:
        if exact:
            found = Findings()
            session.report_faults(found)
            session.report_start(found)
            found.settle()
    finally:
        if session.undoing is not None:
            session.come_forth(session.undoing)
    token[1] += 1
    return torch.zeros((), device=device)


@open_run.register_fake
def _(
    key: str, examples: int, device: torch.device, training: bool, sizes: list[int], run: int
) -> tuple[Tensor, Tensor]:
    return torch.empty(2, dtype=torch.int64, device="cpu"), torch.empty(
        1, dtype=torch.int64, device="cpu"
    )


@finish_run.register_fake
def _(token: Tensor, ticket: Tensor, keys: int, device: torch.device) -> Tensor:
    return torch.empty((), device=device)


@turn_back.register_fake
def _(ticket: Tensor, cotangent: Tensor) -> Tensor:
    return torch.empty(2, dtype=torch.int64, device="cpu")


@come_forth.register_fake
def _(token: Tensor, ticket: Tensor, exact: bool, device: torch.device) -> Tensor:
    return torch.empty((), device=device)
