"""Where the segments and nets of a model stand in its module tree."""

from typing import TYPE_CHECKING

from torch import nn

from revc.runtime.interface import Interface, SegmentPlan
from revc.runtime.run.segment import Graphs, Segment

if TYPE_CHECKING:
    from revc.runtime.model import ReversibleModel

OTHERS = "stretches"


def place(root: nn.Module, name: str, module: nn.Module) -> None:
    """Add a module below `root` under a dotted name."""
    *path, last = name.split(".")
    for part in path:
        if part not in root._modules:
            root.add_module(part, nn.Module())
        root = root.get_submodule(part)
    root.add_module(last, module)


def place_segments(
    model: "ReversibleModel", at: Interface, graphs: Graphs
) -> tuple[tuple[str, ...], ...]:
    """Add the segments of a program to the model's tree; return their paths, by plan and turn.

    The module that stands above the nets of one turn, or of one call, is the segment itself, so
    that nets keep their names. Segments without such a place stand apart.
    """
    others = nn.Module()
    live = {slot.name for slot in at.takes}
    found = []
    for number, plan in enumerate(at.segments):
        paths = []
        for home in _homes(plan):
            segment = Segment(plan, graphs, live)
            if home is not None and _is_free(model.nets, at, home):
                place(model.nets, home, segment)
                paths.append(f"nets.{home}")
            else:
                name = f"segment_{number}" + (f"_{len(paths)}" if len(_homes(plan)) > 1 else "")
                others.add_module(name, segment)
                paths.append(f"{OTHERS}.{name}")
        found.append(tuple(paths))
        live = (live - set(plan.takes)) | set(plan.gives)
    if len(others._modules):
        model.add_module(OTHERS, others)
    return tuple(found)


def _homes(plan: SegmentPlan) -> list[str | None]:
    """Return the path of each of a plan's segments below the nets, None where it has none."""
    if not plan.loop:
        return [plan.name if " " not in plan.name else None]
    if len(plan.rows) > 1:
        return [f"{plan.name}.{turn}" for turn in range(len(plan.rows))]
    return [plan.name]


def _is_free(nets: nn.Module, at: Interface, home: str) -> bool:
    """Say whether some net lies below a path, and no other segment stands there."""
    if not any(name.startswith(f"{home}.") for name in at.nets):
        return False
    for part in home.split("."):
        if part not in nets._modules:
            return True
        nets = nets.get_submodule(part)
    return False
