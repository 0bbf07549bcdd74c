"""A bug of ours as text: what went wrong, at which place of which file, and how it came there."""

import sys

from revc.errors import InternalError

BUG = 3
"""The exit code of a bug of ours; 1 is for findings and errors of the user's, 2 for wrong use."""


def print_bug(error: InternalError) -> None:
    """Print a bug to standard error: the way that it came, and one line that says what it is."""
    import traceback  # slow to import, and never needed if all is well

    traceback.print_exception(error)
    where = " ".join(getattr(error, "__notes__", ()))
    print(f"internal error, a bug in revc {where}: {error}", file=sys.stderr)
