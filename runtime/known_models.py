"""Models by key, for what a compiler asks of them that it cannot trace."""

import itertools
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from revc.runtime.model import ReversibleModel

_models: "weakref.WeakValueDictionary[str, ReversibleModel]" = weakref.WeakValueDictionary()
_numbers = itertools.count(1)


def register(model: "ReversibleModel") -> str:
    """Make a model known; return the key that the compiler asks by."""
    key = f"graphs {next(_numbers)}"
    _models[key] = model
    return key


def known(key: str) -> "ReversibleModel":
    """Return the model with a key."""
    return _models[key]
