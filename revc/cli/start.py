"""Where the command starts: `revc lint` goes by a short way, and typer reads all else."""

import atexit
import gc
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from revc.cli.bugs import BUG, print_bug
from revc.cli.streams import whole_output
from revc.errors import InternalError, RevcError
from revc.grammar.diagnostics import SpecError
from revc.unforeseen import ours


def start() -> None:
    """Run the command line and exit."""
    with exits(), whole_output(), exits():  # the outer is for output that failed at its end
        if sys.argv[1:2] in (["lint"], ["compile"]):
            _keep_all()
        if sys.argv[1:2] == ["lint"]:
            _lint(sys.argv[2:])
        from revc.cli.app import app

        app()


def _lint(args: Sequence[str]) -> None:
    """Lint and exit, if these arguments need no typer."""
    from revc.cli.request import quick, with_settings

    request = quick(args)
    if request is not None:
        from revc.cli.checking import check

        sys.exit(check(with_settings(request)))


def _keep_all() -> None:
    """Look for no cycles that nobody holds: what these commands make, they need to their end.

    Graphs are nothing but cycles; looking takes a third of the time that a long spec takes, now and
    when the process ends.
    """
    gc.disable()
    atexit.register(_spare_all)


def _spare_all() -> None:
    """Let what is left at the end of the process be; Triton would list all of its own as leaked."""
    if "triton" not in sys.modules:
        gc.freeze()


@contextmanager
def exits() -> Iterator[None]:
    """Turn errors of the user's into exit code 1, and bugs of ours into `BUG`."""
    try:
        with ours(lambda: f"revc {' '.join(sys.argv[1:])}"):
            yield
    except SpecError as error:
        from revc.cli.render import print_findings, texts_of

        print_findings(error.diagnostics, texts=texts_of(error.diagnostics))
        sys.exit(1)
    except RevcError as error:
        from revc.cli.settings import SettingsError

        print(f"error: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, SettingsError) else 1)
    except InternalError as error:
        print_bug(error)
        sys.exit(BUG)
