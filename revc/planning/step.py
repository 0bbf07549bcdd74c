"""A training step without its numbers: what it holds at each segment, exactly, and its FLOPs.

The step is run with fake tensors, whose storages have sizes and no memory, and the storages that
are alive are counted as they come and go. Nothing is computed, so that any budget can be asked for
on any machine. What kernels allocate inside themselves is not seen: see `workspace`.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeCopyMode, FakeTensorMode

from revc.planning.exchanges import ENDS, Moves
from revc.planning.held import Held
from revc.runtime.model import ReversibleModel
from revc.runtime.run.snapshots import watched
from revc.runtime.schedule import Schedule, Wish, expand, schedule_of
from revc.runtime.segment_plan import SegmentPlan


@dataclass
class Moment:
    """What a step holds in one segment's forward or backward pass, in bytes that it made itself.

    Attributes:
        before: as it begins.
        peak: at most.
        after: as it ends.
        state: the bytes of all registers in front of it.
        flops: floating-point operations of matrix products and attention, as torch counts them.
        host: bytes that go to the host, and come back for the backward pass.
        reached: at most until the state behind the segment is there, if its pass wants that.
    """

    before: int
    peak: int = 0
    after: int = 0
    state: int = 0
    flops: int = 0
    host: int = 0
    reached: int = 0


@dataclass(frozen=True)
class Step:
    """A training step: its moments by position and whether they lie on the way back.

    The position behind the last segment is the loss's.
    """

    moments: Mapping[tuple[int, bool], Moment]

    @property
    def peak(self) -> int:
        """The most bytes that it holds beside parameters, their gradients and its inputs."""
        return max((one.peak for one in self.moments.values()), default=0)

    @property
    def flops(self) -> int:
        """Its floating-point operations."""
        return sum(one.flops for one in self.moments.values())

    @property
    def host(self) -> int:
        """The bytes that it keeps on the host."""
        return sum(one.host for one in self.moments.values())


class Passed(NamedTuple):
    """A segment that a run passes: its name, its plan, and whether it runs nets as modules."""

    name: str
    plan: SegmentPlan
    modules: bool


class Steps:
    """Steps of a model without numbers, on inputs like `values`: each schedule's is counted once.

    The inputs are not read. A step is the forward pass, the sum of the float results, and the
    backward pass, with gradients of the parameters that exist and are added to. Where bits are
    exchanged, the sum of the code lengths belongs to the loss, and `moves` are what a run was seen
    to hold of them. The model counts as it is now: what is changed of it later is not seen.

    Attributes:
        passed: the segments that a step passes, turn by turn.

    Raises:
        BindError: the inputs do not fit.
    """

    def __init__(
        self, model: ReversibleModel, values: Mapping[str, Tensor], moves: Moves = ()
    ) -> None:
        self._mode = FakeTensorMode(allow_non_fake_inputs=True)
        with FakeCopyMode(self._mode):
            self._twin = copy.deepcopy(model)
        self._values = {name: self._mode.from_tensor(value) for name, value in values.items()}
        self._moves = moves
        self._counted: dict[Schedule, Step] = {}
        at = model.interface
        self.passed = tuple(
            Passed(one.name, one.segment.plan, one.segment.runs_modules(self._twin, one.turn))
            for one in self._twin.steps(at.measure(values))
        )

    def __call__(self, wish: Wish) -> Step:
        """Return the step under a schedule.

        Raises:
            BindError: the schedule does not fit.
        """
        at, plans = self._twin.interface, [one.plan for one in self.passed]
        schedule = expand(at, schedule_of(wish), plans)
        if schedule not in self._counted:
            self._twin.schedule = schedule
            with self._mode:
                self._counted[schedule] = counted_step(self._twin, self._values, self._moves)
        return self._counted[schedule]


def fake_step(
    model: ReversibleModel, values: Mapping[str, Tensor], schedule: Wish, moves: Moves = ()
) -> Step:
    """Return one step of a model under a schedule; see `Steps`.

    Raises:
        BindError: the inputs or the schedule do not fit.
    """
    return Steps(model, values, moves)(schedule)


def counted_step(model: ReversibleModel, values: Mapping[str, Tensor], moves: Moves = ()) -> Step:
    """Run a step and return what it holds; gradients are left as they were found, or zero."""
    for leaf in (*model.parameters(), *values.values()):
        if leaf.requires_grad and leaf.grad is None:
            leaf.grad = torch.zeros_like(leaf)
    held = Held(moves)
    recorder = _Recorder(held)
    with held, watched(recorder.note), torch.enable_grad():
        train(model, values)
        recorder.close()
    return Step(recorder.moments)


def train(model: ReversibleModel, values: Mapping[str, Tensor]) -> None:
    """Run a forward pass and the backward pass of the sum of its float results and code lengths."""
    out = model(**values)
    lengths = None if isinstance(out, Tensor) else out.run.lengths
    shown = [out] if isinstance(out, Tensor) else [*out]
    shown += [] if lengths is None else [lengths]
    pull([v for v in shown if v.is_floating_point() and v.requires_grad])


def pull(values: Sequence[Tensor]) -> None:
    """Run the backward pass of a loss of some values, whose gradients are ones of their sizes."""
    torch.autograd.backward([_Loss.apply(value) for value in values])


class _Loss(torch.autograd.Function):
    """A number whose gradient is one of the value's size, as a loss makes it, gone once it is used.

    That of a sum is a number that is expanded, of which some kernels make copies of their own.
    """

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        """Return a zero; nothing of the value is kept."""
        ctx.like = value.shape, value.dtype, value.device
        return torch.zeros((), dtype=value.dtype, device=value.device)

    @staticmethod
    def backward(ctx: Any, _gradient: Any) -> Tensor:
        """Return ones."""
        shape, dtype, device = ctx.like
        return torch.ones(shape, dtype=dtype, device=device)


@dataclass
class _Recorder:
    """Cuts a step into moments where segments begin and end."""

    held: Held
    moments: dict[tuple[int, bool], Moment] = field(default_factory=dict)
    _at: tuple[int, bool] = (0, False)
    _flops: int = 0

    def note(self, position: int, what: str, values: Sequence[Any]) -> None:
        """Go on to another moment where a segment begins, on either way, or ends."""
        if what in ENDS:
            self.held.move()
        if what == "host":
            self._moment().host += sum(value.nbytes for value in values)
        if what == "reached":
            self._moment().reached = self.held.peak
        if what not in ("begin", "end", "back"):
            return
        self.close()
        self._at = (position + (what == "end"), what == "back")
        if what != "back":
            self._moment().state = sum(value.untyped_storage().nbytes() for value in values)

    def close(self) -> None:
        """End the moment that is."""
        held, flops, one = self.held, self.held.flops, self._moment()
        one.peak, one.after = max(one.peak, held.peak), held.now
        one.flops += flops - self._flops
        held.peak, self._flops = held.now, flops

    def _moment(self) -> Moment:
        return self.moments.setdefault(self._at, Moment(self.held.now))
