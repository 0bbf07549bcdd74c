"""Room for recursion: the passes walk trees that the grammar lets nest 200 deep."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

FRAMES = 10_000


@contextmanager
def recursion_limit() -> Iterator[None]:
    """Raise the interpreter's recursion limit while a spec is elaborated.

    Bodies nest `DEPTH` deep and expressions 200, a few frames each: more than the limit of 1000,
    and bounded. Frames of Python code take no C stack.
    """
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, FRAMES))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
