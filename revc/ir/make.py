"""Make nodes without validating them, as the passes do: what they put in is typed already.

Validators are made when they are first needed, which takes longer than to lint a spec. The verifier
checks what the passes make, and a test validates it.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, ParamSpec, TypeVar

from pydantic import BaseModel

from revc.errors import InternalError

P = ParamSpec("P")
T = TypeVar("T")


def make(cls: Callable[P, T], /, *_: P.args, **fields: P.kwargs) -> T:
    """Return ``cls(**fields)`` without validation; defaults hold, and mypy checks the fields.

    As `model_construct`, but faster: nodes have neither aliases nor private fields.

    Raises:
        InternalError: a field without a default is missing.
    """
    kind: Any = cls
    known, required = _fields(kind)
    if not required <= fields.keys():
        raise InternalError(f"{kind.__name__} is made without {sorted(required - fields.keys())}")
    node = kind.__new__(kind)
    put = object.__setattr__
    put(node, "__dict__", known | fields)
    put(node, "__pydantic_fields_set__", set(fields))
    put(node, "__pydantic_extra__", None)
    put(node, "__pydantic_private__", None)
    made: T = node
    return made


@cache
def _fields(kind: type[BaseModel]) -> tuple[dict[str, Any], frozenset[str]]:
    """Return the fields of a class in order, with their defaults, and which have none."""
    fields = kind.model_fields
    required = frozenset(name for name, field in fields.items() if field.is_required())
    return {name: field.get_default() for name, field in fields.items()}, required
