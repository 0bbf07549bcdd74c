"""`revc lint --watch`: lint again whenever a file that was read changes."""

import gc
import os
import sys
import time
from collections.abc import Callable, Iterable

from revc.cli.checking import shown
from revc.cli.files import expanded
from revc.cli.request import Request

PAUSE = 0.3  # seconds between two looks at the files
Stamps = dict[str, tuple[int, int]]


def watch(request: Request, wait: Callable[[], bool] | None = None) -> int:
    """Lint, and again after each change of a file that was linted or used; ends with Ctrl-C.

    Args:
        request: what is linted.
        wait: waits for the next look at the files; False ends the watch.

    Returns:
        the exit code of the last run.
    """
    gc.enable()  # the command turns it off, since it ends soon
    wait = wait or _pause
    code, files = shown(request)
    known = stamps(request, files)
    while wait():
        now = stamps(request, files)
        if now != known:
            print(f"\n--- {time.strftime('%H:%M:%S')}", flush=True)
            code, files = shown(request)
            known = stamps(request, files)
        sys.stdout.flush()
    return code


def _pause() -> bool:
    try:
        time.sleep(PAUSE)
    except KeyboardInterrupt:
        return False
    return True


def stamps(request: Request, files: Iterable[str]) -> Stamps:
    """Return when the files of a request, and others that it read, were changed, and their sizes.

    What is not there has no stamp.
    """
    found: Stamps = {}
    for file in (*expanded(request.specs, request.exclude), *files):
        try:
            seen = os.stat(file)
        except (OSError, ValueError):
            continue
        found[file] = seen.st_mtime_ns, seen.st_size
    return found
