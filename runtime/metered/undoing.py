"""Undoing a run in eager mode, by the bits that it left."""

from typing import Any

from revc.errors import ReconstructionError
from revc.runtime.bits.errors import BitsError
from revc.runtime.metered.session import Session


class undoing:
    """``with undoing(session, exact):`` undo a run, check where that leads, and restore it.

    Raises:
        ReconstructionError: a stack does not come back, or could not be read: what is undone is
            not what was done.
    """

    def __init__(self, session: Session | None, exact: bool) -> None:
        self.session, self.exact = session, exact

    def __enter__(self) -> None:
        if self.session is not None:
            self.kept = self.session.turn_back()

    def __exit__(self, kind: Any, error: BaseException | None, _trace: Any) -> None:
        if self.session is None:
            return
        try:
            if error is None and self.exact:
                self.session.check_start()
        finally:
            self.session.come_forth(self.kept)
        if isinstance(error, BitsError):
            raise ReconstructionError(
                f"the run could not be undone with the bits that it left: {error}. Other "
                "parameters, another state or another batch than its own were used"
            ) from error
