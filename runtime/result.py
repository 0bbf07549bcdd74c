"""What a model returns: a named tuple of float views that carries the raw state along."""

from collections import namedtuple
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple

from torch import Tensor
from torch.utils import _pytree as pytree

from revc.errors import BindError
from revc.runtime.metered.books import Books
from revc.runtime.metered.plan import Row
from revc.runtime.metered.session import Session, session_of
from revc.runtime.modes import Mode


class Ran(NamedTuple):
    """What a run leaves beside its results.

    Code lengths [rows, B] (None without any) and their rows; its session, if it ran eagerly and
    exchanged bits; its mode, if it ran eagerly; the checksums of its inputs, where state is exact;
    its ticket, which owns the session, if compiled code ran it.
    """

    lengths: Tensor | None = None
    rows: tuple[Row, ...] = ()
    session: Session | None = None
    mode: Mode | None = None
    check: Tensor | None = None
    ticket: Tensor | None = None

    @property
    def books(self) -> Books:
        """The exact books of the run.

        Raises:
            BindError: it exchanged no bits, or the result was copied without them.
        """
        if not self.rows:
            raise BindError("this program exchanges no bits: there is no ledger")
        if self.session is not None:
            return self.session.books
        if self.ticket is not None:
            return session_of(self.ticket).books
        raise BindError("this result was copied without its bits, and so without its ledger")

    def side(self, side: str) -> dict[str, Tensor]:
        """Return the code lengths of one side by meter, [B] each, in bits."""
        if self.lengths is None:
            return {}
        return {name: self.lengths[i] for i, (name, at) in enumerate(self.rows) if at == side}


NO_BITS = Ran()


def _written(result: Any) -> dict[str, Tensor]:
    """What each meter wrote to the tape: differentiable code lengths, [B] in bits."""
    return result.run.side("put")


def _drawn(result: Any) -> dict[str, Tensor]:
    """What each meter drew from the reservoir: differentiable code lengths, [B] in bits."""
    return result.run.side("draw")


def _ledger(result: Any) -> Books:
    """What each meter wrote, drew and erased: exact, int64 [B] in 2**-32 bit."""
    return result.run.books


_ACCOUNTS = {"written": _written, "drawn": _drawn, "ledger": _ledger}


@cache
def result_class(name: str, fields: tuple[str, ...]) -> type:
    """Return the result class of a program: a pytree, with `fields` and an attribute `state`.

    `state` is (raw registers, givens), each a tuple of tensors: what `inverse` needs. Float views
    would not do, since float32 cannot hold every int32.
    """
    base = namedtuple(name, fields)  # type: ignore[misc]
    own = {"__reduce__": _reduce, "__doc__": f"The result of {name}."}
    accounts = {name: property(get) for name, get in _ACCOUNTS.items()}
    cls = type(name, (base,), own | {k: v for k, v in accounts.items() if k not in fields})
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
    run: Ran = NO_BITS,
) -> Any:
    """Return a result that holds `values` and carries the state.

    `compiled` says that torch.compile's code made it, whose nets round differently.
    """
    result = cls(*values)
    result.state = (tuple(raw), tuple(givens))
    result.compiled = compiled
    result.run = run
    return result


def _flatten(result: Any) -> tuple[list[Any], Any]:
    raw, givens = result.state
    run = result.run
    context = (type(result), len(raw), len(givens), result.compiled, run._replace(lengths=None))
    return [*result, *raw, *givens, *([] if run.lengths is None else [run.lengths])], context


def _unflatten(children: Iterable[Any], context: Any) -> Any:
    cls, raws, givens, compiled, run = context
    items = list(children)
    run = run._replace(lengths=items.pop() if run.rows else None)
    values = items[: len(items) - raws - givens]
    rest = items[len(values) :]
    return make_result(cls, values, rest[:raws], rest[raws:], compiled, run)


def _reduce(result: Any) -> tuple[Any, ...]:
    name, fields = type(result).__name__, result._fields
    # Bits stay behind: `compress` is what saves them.
    run = result.run._replace(session=None, ticket=None)
    return _rebuild, (name, fields, tuple(result), *result.state, result.compiled, tuple(run))


def _rebuild(
    name: str, fields: tuple[str, ...], values: Any, raw: Any, givens: Any, compiled: bool,
    run: Any = (),
) -> Any:  # fmt: skip
    return make_result(result_class(name, fields), values, raw, givens, compiled, Ran(*run))
