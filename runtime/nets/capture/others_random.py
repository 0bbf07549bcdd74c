"""Random numbers that no graph shows: those of Python and numpy, which a trace would freeze."""

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from revc.runtime.nets.capture.refusal import Refusal


@contextmanager
def unmoved() -> Iterator[None]:
    """Leave the generators of Python and numpy as they are.

    Raises:
        Refusal: what ran drew from one.
    """
    numpy: Any = sys.modules.get("numpy.random")
    before, beside = random.getstate(), None if numpy is None else numpy.get_state(legacy=False)
    try:
        yield
    finally:
        moved = random.getstate() != before
        random.setstate(before)
        if numpy is not None:
            moved = moved or not _same(numpy.get_state(legacy=False), beside)
            numpy.set_state(beside)
    if moved:
        raise Refusal("it draws from the generators of Python or numpy", draws=True)


def _same(one: Any, other: Any) -> bool:
    return repr(_plain(one)) == repr(_plain(other))


def _plain(state: Any) -> Any:
    inner = state["state"]
    return inner["key"].tobytes(), inner["pos"], state["has_gauss"]
