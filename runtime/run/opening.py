"""How a run comes to its bits: by a session, which moves none where there are no data."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from torch import Tensor

from revc.runtime.metered.session import Session
from revc.runtime.metered.still import StillSession
from revc.runtime.run.guard import readable
from revc.runtime.run.modes import RunMode
from revc.runtime.run.snapshots import note

if TYPE_CHECKING:
    from revc.runtime.model import ReversibleModel
    from revc.runtime.run.run import Run


def open_bits(model: "ReversibleModel", mode: RunMode, values: Iterable[Tensor] = ()) -> Session:
    """Open the session of a run on `values`; fake and meta tensors have no bits to move."""
    note(0, "opening", ())
    if all(readable(value) for value in values):
        how = (mode.device, model.training, mode.options, mode.sizes)
        session = model.stacks.open(mode.examples, *how)
    else:
        plan = model.interface.plan
        session = StillSession(plan, mode.examples, mode.device, mode.options)
    note(0, "opened", ())
    return session


def number_of(run: "Run") -> int:
    """Return the number that a run's random bits depend on, drawn now if nothing has drawn it."""
    if run.session is not None and run.session.number is not None:
        return run.session.number
    seed = run.mode.options.seed
    return run.model.bits.number() if seed is None else seed
