"""The session of a run without numbers, on fake or meta tensors: its exchanges move no bits."""

import torch

from revc.runtime.findings import Findings
from revc.runtime.metered.books import Books
from revc.runtime.metered.plan import Plan
from revc.runtime.metered.session import Options, Session
from revc.runtime.metered.undoing import Undoing


class StillSession(Session):
    """A session whose stacks nobody needs: what runs has shapes alone, and books that stay empty.

    The operators that exchange bits have fake forms, which give tensors of the right shapes and
    look up no session.
    """

    def __init__(self, plan: Plan, sequences: int, device: torch.device, options: Options) -> None:
        self.plan, self.device, self.options = plan, device, options
        self.sequences = sequences
        self.stacks, self.charged, self.taken = {}, {}, {}
        self.books = Books(sequences, device, plan.names)
        self.undoing = None
        # A tensor without numbers, as those beside it: nobody looks a session up by it.
        place = "meta" if device.type == "meta" else "cpu"
        self.token = torch.zeros(2, dtype=torch.int64, device=place)

    def turn_back(self) -> Undoing:
        """Start to undo the run, of which there is nothing to keep."""
        self.undoing = Undoing({}, {}, {})
        return self.undoing

    def come_forth(self, undoing: Undoing) -> None:
        """End an undoing."""
        self.undoing = None

    def report_faults(self, found: Findings) -> None:
        """Find nothing: no bits moved."""

    def report_start(self, found: Findings) -> None:
        """Find nothing: no bits moved."""

    def finish(self) -> None:
        """End a forward run."""
