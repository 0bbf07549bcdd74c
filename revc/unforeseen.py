"""What nothing foresaw, told as a bug of ours with the place that was being worked on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from revc.errors import InternalError, RevcError


@contextmanager
def ours(where: Callable[[], str]) -> Iterator[None]:
    """Say of what goes wrong unforeseen that it is a bug of ours, and what revc was at.

    Args:
        where: returns the file, or the place in it, that was being worked on.

    Raises:
        InternalError: something else than a user's error was raised; it is the cause.
    """
    try:
        yield
    except (RevcError, InternalError) as error:
        if isinstance(error, InternalError) and not hasattr(error, "__notes__"):
            error.add_note(f"at {where()}")
        raise
    except Exception as error:
        # The one place that takes any error, since what was not foreseen has no class: it goes on
        # as a bug of ours, with its cause.
        bug = InternalError(f"{type(error).__name__}: {error}")
        bug.add_note(f"at {where()}")
        raise bug from error
