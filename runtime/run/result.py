"""What a model returns: a named tuple of what the caller sees, which keeps the run behind it.

A result that PyTorch or its users build anew from its tensors (``out._replace``,
``type(out)(*out)``, ``tree_map``, a full backward hook, ``detach``) finds its run again: the
storage of each tensor that a run gave knows the run. Values that were changed or replaced count as
they are, all others with their raw state.
"""

from collections import namedtuple
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from revc.errors import BindError
from revc.runtime.metered.key_costs import books_of
from revc.runtime.metered.session import session_of
from revc.runtime.run.holder import Holder, Ran, mark, origin_of

if TYPE_CHECKING:
    from revc.runtime.metered.books import Books


def holder_of(result: Any) -> Holder:
    """Return what holds the run of a result.

    Raises:
        BindError: the result was built from copies of a run's tensors, and none leads back to it.
    """
    found: Holder | None = result.__dict__.get("_holder")
    if found is None:
        raise BindError(
            f"this {type(result).__name__} has lost its run: it was made by {_maker(result)} from "
            "tensors that are copies of the run's. Keep the one that the model returned, or pass "
            "values by name: model.inverse(name = ..)"
        )
    return found


def _written(result: Any) -> dict[str, Tensor]:
    """What each meter wrote to the tape: differentiable code lengths, [B] in bits."""
    return result.run.side("put")


def _drawn(result: Any) -> dict[str, Tensor]:
    """What each meter drew from the reservoir: differentiable code lengths, [B] in bits."""
    return result.run.side("draw")


def _ledger(result: Any) -> "Books":
    """What each meter wrote, drew and erased: exact, int64 [B] in 2**-20 bit.

    Raises:
        BindError: the program exchanges no bits and its nets drew no keys, or the result was
            copied without them.
    """
    ran = result.run
    if ran.keys is not None and ran.keys.known:
        return ran.keys.books
    if ran.charge is not None:
        return books_of(ran.charge)
    if not ran.rows:
        raise BindError("this program exchanges no bits: there is no ledger")
    if ran.session is None and ran.ticket is None:
        raise BindError("this result was copied without its bits, and so without its ledger")
    session = session_of(ran.ticket) if ran.session is None else ran.session
    return session.books


def _state(result: Any) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """The raw registers and the givens, each a tuple: float32 cannot hold every int32."""
    return result.run.raw, result.run.givens


def _run(result: Any) -> Ran:
    """What the run left; raises what `holder_of` and `Holder.ran` do."""
    return holder_of(result).ran


def _maker(result: Any) -> str:
    name = type(result).__name__
    return str(result.__dict__.get("_made", f"type(out)(..), that is {name}(..),"))


def _new(cls: type, *values: Any, **named: Any) -> Any:
    """Make a result of tensors, which lead back to their run if they are a run's own."""
    result = cls._plain(*values, **named)  # type: ignore[attr-defined]
    if not torch.compiler.is_compiling():
        _find_run(result)
    return result


def _find_run(result: Any) -> None:
    for value in result:
        origin = origin_of(value)
        if origin is not None and origin.holder is not None:
            result._holder = origin.holder
            return


def _make(cls: type, values: Iterable[Any]) -> Any:
    """Make a result of an iterable, as `namedtuple` does."""
    return cls(*values)


def _replace(result: Any, /, **changed: Any) -> Any:
    """Return a result of the same run with some values replaced, which count as they are."""
    again = type(result)(**{**result._asdict(), **changed})
    if "_holder" in result.__dict__:
        again._holder = result.__dict__["_holder"]
    return again


def _detach(result: Any) -> Any:
    """Return a result of the same run whose tensors are detached."""
    return _replace(result, **{name: v.detach() for name, v in result._asdict().items()})


def _compiled(result: Any) -> bool:
    """Whether torch.compile's code made the result."""
    return result.run.mode is None


def _field(index: int) -> property:
    """Return a field of a named tuple: torch 2.12 does not trace those of Python."""
    return property(lambda result: result[index], doc=f"Alias for field number {index}.")


@cache
def result_class(name: str, fields: tuple[str, ...]) -> type:
    """Return the result class of a program: a named tuple and a pytree, with `run` and `state`."""
    base = namedtuple(name, fields)  # type: ignore[misc]
    plain = classmethod(lambda cls, *values, **named: base.__new__(cls, *values, **named))
    own = {
        "__reduce__": _reduce, "__doc__": f"The result of {name}.", "__new__": _new,
        "_plain": plain, "_make": classmethod(_make), "_replace": _replace,
    }  # fmt: skip
    more = {
        "written": property(_written), "drawn": property(_drawn), "ledger": property(_ledger),
        "state": property(_state), "run": property(_run), "compiled": property(_compiled),
        "detach": _detach,
    }  # fmt: skip
    own |= {field: _field(index) for index, field in enumerate(fields)}
    cls = type(name, (base,), own | {k: v for k, v in more.items() if k not in fields})
    pytree.register_pytree_node(
        cls, _flatten, _unflatten, serialized_type_name=f"revc.{name}.{'.'.join(fields)}"
    )
    return cls


def make_result(
    cls: type, values: Sequence[Tensor], ran: Ran, known: bool = True, held: bool = False
) -> Any:
    """Return a result; where `known`, the storages of its values know the run from now on.

    `held` says that they also keep it alive, as a plain tensor must.
    """
    result = cls._plain(*values)  # type: ignore[attr-defined]
    result._holder = Holder(ran)
    if known:
        mark(result._holder, cls._fields, values, held)  # type: ignore[attr-defined]
    return result


_BITS = ("lengths", "ticket", "charge")
"""Tensors of a run's bits, which it has or has not."""


def _flatten(result: Any) -> tuple[list[Any], Any]:
    holder = result.__dict__.get("_holder")
    if holder is not None and holder.ran.mode is None:  # a compiler sees the state too
        ran = holder.ran
        rest = {name: getattr(ran, name) for name in _BITS if getattr(ran, name) is not None}
        bare = ran._replace(raw=(), givens=(), **dict.fromkeys(_BITS))
        context = (type(result), len(ran.raw), len(ran.givens), bare, tuple(rest))
        return [*result, *ran.raw, *ran.givens, *rest.values()], context
    return list(result), (type(result), holder)


def _unflatten(children: Iterable[Any], context: Any) -> Any:
    items = list(children)
    if len(context) == 2:
        cls, holder = context
        result = cls._plain(*items)
        if holder is not None:
            result._holder = holder
        return result
    cls, raws, givens, bare, named = context
    bits = {name: items.pop() for name in reversed(named)}
    values = items[: len(items) - raws - givens]
    rest = items[len(values) :]
    ran = bare._replace(raw=tuple(rest[:raws]), givens=tuple(rest[raws:]), **bits)
    return make_result(cls, values, ran, known=False)


def _reduce(result: Any) -> tuple[Any, ...]:
    name, fields = type(result).__name__, result._fields
    holder = result.__dict__.get("_holder")
    ran = None
    if holder is not None:  # bits stay behind: `compress` is what saves them
        ran = tuple(holder.ran._replace(session=None, ticket=None, keys=None, charge=None))
    return _rebuild, (name, fields, tuple(result), ran)


def _rebuild(name: str, fields: tuple[str, ...], values: Any, ran: Any) -> Any:
    cls = result_class(name, fields)
    if ran is None:
        return cls(*values)
    return make_result(cls, values, Ran(*ran))
