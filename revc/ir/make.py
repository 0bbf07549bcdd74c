"""Make nodes without validating them, as the passes do: what they put in is typed already.

Validators are made when they are first needed, which takes longer than to lint a spec. The verifier
checks what the passes make, and a test validates it.
"""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def make(cls: Callable[P, T], /, *_: P.args, **fields: P.kwargs) -> T:
    """Return ``cls(**fields)`` without validation; defaults hold, and mypy checks the fields."""
    construct: Callable[..., Any] = cls.model_construct  # type: ignore[attr-defined]
    return construct(**fields)
