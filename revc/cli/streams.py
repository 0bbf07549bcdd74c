"""Standard output without tracebacks: what it cannot encode, and what it cannot write."""

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from revc.errors import OutputError


class Output(io.TextIOWrapper):
    """A text stream whose failures are the user's to know: a full disk, or a reader that left."""

    def write(self, text: str) -> int:
        """Write text.

        Raises:
            OutputError: it cannot be written.
            SystemExit: nobody reads any more, as in ``revc lint specs | head -1``.
        """
        try:
            return super().write(text)
        except OSError as error:
            raise self._failed(error) from error

    def flush(self) -> None:
        """Write what is held back; raises as `write` does."""
        try:
            super().flush()
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> OutputError | SystemExit:
        # What the buffers still hold is written as the process ends: then it must not fail again.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)
        if error.errno == errno.EPIPE:
            return SystemExit(1)
        return OutputError(f"cannot write standard output: {error.strerror or error}")


@contextmanager
def whole_output() -> Iterator[None]:
    """Write standard output to its end; what its encoding lacks is escaped.

    Raises:
        OutputError: it cannot be written.
    """
    out = sys.stdout
    if not isinstance(out, io.TextIOWrapper) or isinstance(out, Output):
        yield
        return
    sys.stdout = Output(
        out.buffer, out.encoding, "backslashreplace", line_buffering=out.line_buffering
    )
    try:
        yield
    finally:
        sys.stdout.flush()


def in_colour(stream: TextIO) -> bool:
    """Say whether a stream shows colours: a terminal that can, and whose user wants them.

    As https://no-color.org has it, ``NO_COLOR`` with any value but the empty one says no.
    """
    wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return wanted and stream.isatty()
