"""What a model returns: a named tuple of float views that carries the raw state along."""

from collections import namedtuple
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from torch import Tensor
from torch.utils import _pytree as pytree


@cache
def result_class(name: str, fields: tuple[str, ...]) -> type:
    """Return the result class of a program: a pytree, with `fields` and an attribute `state`.

    `state` is (raw registers, givens), each a tuple of tensors: what `inverse` needs. Float views
    would not do, since float32 cannot hold every int32.
    """
    base = namedtuple(name, fields)  # type: ignore[misc]
    cls = type(name, (base,), {"__reduce__": _reduce, "__doc__": f"The result of {name}."})
    pytree.register_pytree_node(
        cls, _flatten, _unflatten, serialized_type_name=f"revc.{name}.{'.'.join(fields)}"
    )
    return cls


def make_result(
    cls: type,
    values: Sequence[Tensor],
    raw: Sequence[Tensor],
    givens: Sequence[Tensor],
    compiled: bool = False,
) -> Any:
    """Return a result that holds `values` and carries the state.

    `compiled` says that torch.compile's code made it, whose nets round differently.
    """
    result = cls(*values)
    result.state = (tuple(raw), tuple(givens))
    result.compiled = compiled
    return result


def _flatten(result: Any) -> tuple[list[Any], Any]:
    raw, givens = result.state
    context = (type(result), len(raw), len(givens), result.compiled)
    return [*result, *raw, *givens], context


def _unflatten(children: Iterable[Any], context: Any) -> Any:
    cls, raws, givens, compiled = context
    items = list(children)
    values = items[: len(items) - raws - givens]
    rest = items[len(values) :]
    return make_result(cls, values, rest[:raws], rest[raws:], compiled)


def _reduce(result: Any) -> tuple[Any, ...]:
    name, fields = type(result).__name__, result._fields
    return _rebuild, (name, fields, tuple(result), *result.state, result.compiled)


def _rebuild(
    name: str, fields: tuple[str, ...], values: Any, raw: Any, givens: Any, compiled: bool
) -> Any:
    return make_result(result_class(name, fields), values, raw, givens, compiled)
