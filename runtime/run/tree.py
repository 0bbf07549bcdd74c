"""Where the segments and nets of a model stand in its module tree."""

from collections.abc import Mapping, Sequence

from torch import nn

from revc.runtime.interface import Interface
from revc.runtime.run.segment import Graphs, Segment
from revc.runtime.segment_plan import SegmentPlan

NETS = "nets"
OTHERS = "stretches"

Paths = tuple[tuple[str, ...], ...]


def grow(root: nn.Module, at: Interface, nets: Sequence[nn.Module], graphs: Graphs) -> Paths:
    """Add the nets and segments of a program below `root`; return the segments' paths.

    The module that stands above the nets of one turn, or of one call, is the segment itself, so
    that nets keep their names, ``nets.<instance>``. Segments without such a place stand apart.

    Returns:
        For each segment of the interface its path, or a path a turn.
    """
    root.add_module(NETS, nn.Module())
    homes: dict[str, Segment] = {}
    others, live, found = nn.Module(), {slot.name for slot in at.takes}, []
    above = {name[:end] for name in at.nets for end, sign in enumerate(name) if sign == "."}
    for number, plan in enumerate(at.segments):
        paths = []
        wanted = _homes(plan)
        for turn, home in enumerate(wanted):
            segment = Segment(plan, graphs, live)
            if home not in homes and home in above:
                homes[home] = segment
                paths.append(f"{NETS}.{home}")
            else:
                name = f"segment_{number}" + (f"_{turn}" if len(wanted) > 1 else "")
                others.add_module(name, segment)
                paths.append(f"{OTHERS}.{name}")
        found.append(tuple(paths))
        live = (live - set(plan.takes)) | set(plan.gives)
    for name, net in zip(at.nets, nets, strict=True):
        _place(root.get_submodule(NETS), name, net, homes)
    if others._modules:
        root.add_module(OTHERS, others)
    return tuple(found)


def _homes(plan: SegmentPlan) -> list[str]:
    """Return the path of each of a plan's segments below the nets, whether nets are there or not.

    That of a stretch of statements is no path: its name has a space.
    """
    if plan.loop and len(plan.rows) > 1:
        return [f"{plan.name}.{turn}" for turn in range(len(plan.rows))]
    return [plan.name]


def _place(root: nn.Module, name: str, module: nn.Module, homes: Mapping[str, nn.Module]) -> None:
    """Add a module below `root` under a dotted name; `homes` stand where they belong on the way."""
    *path, last = name.split(".")
    for depth, part in enumerate(path, 1):
        if part not in root._modules:
            root.add_module(part, homes.get(".".join(path[:depth])) or nn.Module())
        root = root.get_submodule(part)
    root.add_module(last, module)
