"""What a run leaves behind its results, and how a tensor leads back to it."""

import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from torch import Tensor

from revc.runtime.metered.plan import Row
from revc.runtime.run import guard

if TYPE_CHECKING:
    from revc.runtime.metered.session import Session
    from revc.runtime.nets.keys import Keys
    from revc.runtime.run.lent import Lent
    from revc.runtime.run.modes import RunMode


class Ran(NamedTuple):
    """What a run leaves beside what the caller sees.

    Raw results and givens; code lengths [rows, B] (None without any) and their rows; its session,
    or what owns it (a ticket) in compiled code, if it exchanged bits; its mode (None if
    torch.compile's code made it, whose nets round differently); the checksums of its inputs, where
    state is exact; the keys that its nets drew, or what they cost (int64 [B] in 2**-20 bit) in
    compiled code without a session.
    """

    raw: tuple[Tensor, ...]
    givens: tuple[Tensor, ...]
    lengths: Tensor | None = None
    rows: tuple[Row, ...] = ()
    session: "Session | None" = None
    mode: "RunMode | None" = None
    check: Tensor | None = None
    ticket: Tensor | None = None
    keys: "Keys | None" = None
    charge: Tensor | None = None

    def side(self, side: str) -> dict[str, Tensor]:
        """Return the code lengths of one side by meter, [B] each, in bits."""
        if self.lengths is None:
            return {}
        return {name: self.lengths[i] for i, (name, at) in enumerate(self.rows) if at == side}


class Origin:
    """The run that a tensor comes from, and how the tensor was then: kept by its storage.

    The run is not kept alive, or a loss would hold on to a whole state, unless `held` says so.
    """

    def __init__(self, holder: "Holder", field: str, value: Tensor, held: bool = False) -> None:
        self._holder = weakref.ref(holder)
        # A run that holds this very storage must not be held by it: they would never go.
        self._kept = holder if held and not holder.holds(value) else None
        self.field, self.version = field, _version(value)
        self.form = _form(value)

    @property
    def holder(self) -> "Holder | None":
        """What holds the run, None if it is gone."""
        return self._holder()

    def is_untouched(self, value: Tensor) -> bool:
        """Say whether a tensor on this storage is what the run gave."""
        return _form(value) == self.form and _version(value) == self.version


class Holder:
    """Holds what a run leaves, for all results that are built of its tensors."""

    def __init__(self, ran: Ran) -> None:
        # Torch 2.11 cannot give back what `_replace` makes in traced code.
        self._raw, self._rest = list(ran.raw), Ran((), *ran[1:])
        self._lent: Lent | None = None

    @property
    def ran(self) -> Ran:
        """What the run leaves.

        Raises:
            BindError: a backward pass has the raw results, and has not ended, or failed.
            ReconstructionError: it had them, and a net changed since.
        """
        if self._lent is not None:
            self._raw += self._lent.given_back()
            self._lent = None
        return self._rest._replace(raw=tuple(self._raw))

    def lend(self, lent: "Lent") -> None:
        """Let go of the raw results, which `lent` gives back when they are asked for."""
        self._raw.clear()
        self._lent = lent

    def holds(self, value: Tensor) -> bool:
        """Say whether a raw result lies in a tensor's storage."""
        return any(_storage(raw) is _storage(value) for raw in self._raw)


def origin_of(value: Any) -> Origin | None:
    """Return where a tensor comes from, if a run gave its storage."""
    if not isinstance(value, Tensor) or not guard.readable(value):
        return None
    return getattr(_storage(value), "_revc_origin", None)


def mark(holder: Holder, names: Sequence[str], values: Sequence[Tensor], held: bool) -> None:
    """Let the storages of what a run gave know the run; `held` says that they keep it alive."""
    for name, value in zip(names, values, strict=True):
        if guard.readable(value):
            _storage(value)._revc_origin = Origin(holder, name, value, held)


def _storage(value: Tensor) -> Any:
    return value.untyped_storage()


def _form(value: Tensor) -> Any:
    return value.dtype, value.shape, value.stride(), value.storage_offset()


def _version(value: Tensor) -> int:
    return 0 if value.is_inference() else value._version
