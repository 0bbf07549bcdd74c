"""What a compiled program says of itself: its inputs, outputs, sizes, nets and segments.

Plain data, so that an artifact can hold it as JSON and run without the compiler.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from revc.errors import BindError
from revc.runtime.chunks import Chunks
from revc.runtime.metered.plan import NO_BITS, Plan
from revc.runtime.plain import frozen
from revc.runtime.schedule import INVERT, Action, Schedule
from revc.runtime.segment_plan import SegmentPlan
from revc.runtime.sizes import Need, Polynomial, evaluate


@dataclass(frozen=True)
class Slot:
    """A register or given: its name, how it is held, and its shape as polynomials in the sizes.

    `kind` is lattice, float32 or label; `fraction_bits` and `width` describe a lattice, `classes`
    is the number of a label's values. `given` says that it is only read.
    """

    name: str
    kind: str
    fraction_bits: int
    width: int
    shape: tuple[Polynomial, ...]
    text: str
    classes: Polynomial = ()
    given: bool = False


@dataclass(frozen=True)
class Interface:
    """A program's interface; `order` is the order of its parameters as the author wrote them.

    `builtin[i]` says whether net i is one of `std.nets`. `needs` are what the program needs of its
    free sizes besides shapes that fit. `schedule` is what a model starts with.
    """

    name: str
    takes: tuple[Slot, ...]
    gives: tuple[Slot, ...]
    givens: tuple[Slot, ...]
    order: tuple[str, ...]
    emits: tuple[str, ...]
    sizes: tuple[str, ...]
    nets: tuple[str, ...]
    builtin: tuple[bool, ...]
    segments: tuple[SegmentPlan, ...]
    exact: bool
    chunks: Chunks
    program_hash: str
    plan: Plan = NO_BITS
    needs: tuple[Need, ...] = ()
    schedule: Schedule = (INVERT,)

    def to_json(self) -> dict[str, Any]:
        """Return the interface as plain JSON data."""
        return {**asdict(self), "plan": self.plan.to_json()}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "Interface":
        """Return the interface that `to_json` gave."""
        values = {name: frozen(value) for name, value in data.items() if name != "plan"}
        values["plan"] = Plan.from_json(data["plan"])
        values["chunks"] = Chunks(*values["chunks"])
        for name in ("takes", "gives", "givens"):
            values[name] = tuple(Slot(**slot) for slot in values[name])
        values["needs"] = tuple(Need(**need) for need in values["needs"])
        values["schedule"] = tuple(
            Action(action["kind"], tuple(action["values"])) for action in values["schedule"]
        )
        values["segments"] = tuple(SegmentPlan(**segment) for segment in values["segments"])
        return Interface(**values)

    @property
    def entries(self) -> tuple[Slot, ...]:
        """What comes in: registers, then givens."""
        return (*self.takes, *self.givens)

    @property
    def forgets(self) -> str:
        """What is forgotten last, and where: how far a way back from the end gets. Empty if all."""
        return next((s.forgets[-1] for s in reversed(self.segments) if s.forgets), "")

    def check_reversible(self, call: str) -> None:
        """Refuse what needs the program to be a bijection.

        Raises:
            BindError: it forgets; says where.
        """
        if self.forgets:
            raise BindError(
                f"{call}: {self.name} forgets {self.forgets}, and reversibility ends there"
            )

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Tensor]:
        """Match arguments to the program's parameters by position and name.

        Raises:
            BindError: too many, too few, unknown or repeated arguments, or no tensor.
        """
        if len(args) > len(self.order):
            raise BindError(f"{self.name} takes {len(self.order)} inputs, got {len(args)}")
        values = dict(zip(self.order, args, strict=False))
        for name, value in kwargs.items():
            if name not in self.order or name in values:
                raise BindError(f"{self.name} takes {', '.join(self.order)}; {name!r} does not fit")
            values[name] = value
        if missing := [name for name in self.order if name not in values]:
            raise BindError(f"{self.name} needs {', '.join(missing)}")
        for name, value in values.items():
            if not isinstance(value, Tensor):
                raise BindError(f"{name} is a {type(value).__name__}, not a tensor")
        return values

    def measure(self, values: Mapping[str, Tensor]) -> dict[str, int]:
        """Return the free sizes that the inputs' shapes bind, having checked shapes and dtypes.

        Raises:
            BindError: an input has another rank, size or kind of dtype than the spec says.
        """
        slots = [slot for slot in self.entries if slot.name in values]
        return self.fit(slots, values)

    def fit(self, slots: Sequence[Slot], values: Mapping[str, Tensor]) -> dict[str, int]:
        """Return the free sizes that the shapes of some slots' values bind; see `measure`.

        Raises:
            BindError: a value has another rank, size or kind of dtype than the spec says, no shape
                binds a size, or there are more chunks than examples.
        """
        sizes = self.bound(slots, values, {})
        if missing := [name for name in self.sizes if name not in sizes]:
            raise BindError(f"no input's shape gives {', '.join(missing)}")
        self.meet(sizes)
        self.check_batch(self.examples(sizes, values))
        return sizes

    def check_batch(self, examples: int) -> None:
        """Check that a batch can be run in pieces.

        Raises:
            BindError: there are fewer examples.
        """
        count = self.chunks.batch
        if examples < count:
            raise BindError(f"{count} chunks of a batch of {examples}: some would be empty")

    def bound(
        self, slots: Sequence[Slot], values: Mapping[str, Tensor], known: Mapping[str, int]
    ) -> dict[str, int]:
        """Return `known` sizes and those that the shapes of some slots' values bind.

        Raises:
            BindError: a value does not fit its slot, the others, or what is known.
        """
        sizes = dict(known)
        for slot in slots:
            value = values[slot.name]
            _check_kind(slot, value)
            if value.dim() != len(slot.shape):
                raise BindError(f"{slot.name} is {tuple(value.shape)}, the spec says {slot.text}")
            if value.numel() == 0:
                raise BindError(f"{slot.name} is {tuple(value.shape)}: there is nothing in it")
            _bind_sizes(slot, value, sizes)
        for slot in slots:
            self._check_sizes(slot, values[slot.name], sizes)
        return sizes

    def meet(self, sizes: Mapping[str, int]) -> None:
        """Check what the program needs of its free sizes.

        Raises:
            BindError: a size does not divide, an index lies outside of its axis, or a loop has
                fewer than no turns.
        """
        for need in self.needs:
            if not need.met(sizes):
                raise BindError(f"{self.name}, {need.told(sizes)}")

    def asked(self, values: Mapping[str, Tensor]) -> frozenset[str]:
        """Return the givens whose gradients somebody may ask for."""
        if not torch.is_grad_enabled():
            return frozenset()
        names = (slot.name for slot in self.givens)
        return frozenset(name for name in names if values[name].requires_grad)

    def examples(self, sizes: Mapping[str, int], values: Mapping[str, Tensor]) -> int:
        """Return the number of examples: axis 0 of the state, or of what is given if there is none.

        A given may come first among the inputs, and need not have an axis of examples.
        """
        for slot in (*self.takes, *self.gives):
            if slot.shape:
                return round(evaluate(slot.shape[0], sizes) or 1)
        shapes = [values[slot.name].shape for slot in self.givens if slot.name in values]
        return int(shapes[0][0]) if shapes and shapes[0] else 1

    def batch_sizes(self, examples: int) -> dict[str, int]:
        """Return the free size that the number of examples binds, if axis 0 is one."""
        first = self.takes[0].shape[0] if self.takes and self.takes[0].shape else ()
        names = [name for *_, names in first for name in names]
        return {names[0]: examples} if len(names) == 1 else {}

    def sizes_from(self, raw: Sequence[Tensor], givens: Sequence[Tensor]) -> dict[str, int]:
        """Return the free sizes that the shapes of results and givens bind."""
        sizes: dict[str, int] = {}
        for slot, value in zip((*self.gives, *self.givens), (*raw, *givens), strict=True):
            _bind_sizes(slot, value, sizes)
        return sizes

    def _check_sizes(self, slot: Slot, value: Tensor, sizes: Mapping[str, int]) -> None:
        for axis, wanted in enumerate(slot.shape):
            expected = evaluate(wanted, sizes)
            if expected is not None and value.shape[axis] != expected:
                raise BindError(
                    f"{slot.name} has size {value.shape[axis]} on axis {axis}, "
                    f"the spec says {slot.text}, that is {expected}"
                )


_FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
_WHOLE = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)


_TWO = ((2, 1, ()),)
"""The number of labels that booleans may stand for."""


def _bind_sizes(slot: Slot, value: Tensor, sizes: dict[str, int]) -> None:
    for size, wanted in zip(value.shape, slot.shape, strict=True):
        if len(wanted) == 1:
            above, below, names = wanted[0]
            if above == below == 1 and len(names) == 1:
                sizes.setdefault(names[0], int(size))


def _check_kind(slot: Slot, value: Tensor) -> None:
    if slot.kind == "label":
        if value.dtype not in _WHOLE and not (value.dtype == torch.bool and slot.classes == _TWO):
            raise BindError(f"{slot.name} is {value.dtype}; labels are integers, best int64")
    elif not (value.dtype in _FLOATS or (slot.kind == "lattice" and value.dtype in _WHOLE)):
        raise BindError(f"{slot.name} is {value.dtype}; the spec says {slot.text}: pass floats")
