"""The segments of a model, and what a run keeps of each until its backward pass."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from revc.runtime.interface import Interface
from revc.runtime.run.kept_bytes import Kept, kept_bytes
from revc.runtime.run.run import Step
from revc.runtime.run.tree import Paths
from revc.runtime.schedule import Schedule, Wish, check, schedule_of


class Scheduled(nn.Module):
    """A model of segments, each of which has an action in the model's schedule."""

    interface: Interface
    _paths: Paths
    _schedule: Schedule
    spelled: str
    """The schedule as it is written, by which compiled code knows it again."""

    @property
    def segments(self) -> list[nn.Module]:
        """The segments of a run in program order; a shared repeat is one, whatever its turns."""
        return [self.get_submodule(path) for paths in self._paths for path in paths]

    def steps(self, sizes: Mapping[str, int]) -> tuple[Step, ...]:
        """Return the segments that a run passes, in order, turn by turn.

        `sizes` has the free sizes by name, as `Interface.measure` finds them from inputs.
        """
        found: list[Step] = []
        for plan, paths in zip(self.interface.segments, self._paths, strict=True):
            turns = range(plan.count(sizes))
            parts: list[Any] = [self.get_submodule(path) for path in paths]
            for turn in reversed(turns) if plan.backwards else turns:
                found.append(Step(parts[turn] if len(parts) > 1 else parts[0], turn))
        return tuple(found)

    @property
    def schedule(self) -> Schedule:
        """What a run keeps of each segment until its backward pass, settable.

        An action for each segment that a run passes (a turn of a loop is one), in order, or one for
        all: ``model.schedule = "save"``, ``["invert", "save", ..]``. Results are the same, bit for
        bit; what differs is memory and time.

        Raises:
            BindError: as it is set: it names no action, has another length than the program has
                segments, or saves one that exchanges bits. Where sizes decide how many there are, a
                run raises that.
        """
        return self._schedule

    @schedule.setter
    def schedule(self, wish: Wish) -> None:
        schedule = schedule_of(wish)
        check(self.interface, schedule)
        self.follow(schedule)

    def follow(self, schedule: Schedule) -> None:
        """Take a schedule that fits."""
        self._schedule, self.spelled = schedule, ",".join(map(str, schedule))

    def kept_bytes(self, *args: Tensor, **kwargs: Tensor) -> list[Kept]:
        """Return what a run on such inputs keeps of each segment until its backward pass, in bytes.

        Takes what `forward` takes, computes nothing, and is exact: each storage counts once, in the
        segment that first keeps it; inputs, results and parameters do not count. Which inputs and
        parameters require gradients matters, and so does `schedule`.

        Raises:
            BindError: the inputs do not fit the program.
        """
        return kept_bytes(self, self.interface.bind(args, kwargs))
