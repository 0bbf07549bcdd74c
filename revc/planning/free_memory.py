"""What a device has free for a training step, for plans with ``memory="auto"``.

On CUDA it is what the driver has free and what torch's allocator has cached; on the CPU, what Linux
says is available, and no more than the control groups of this process leave it. Of that a share is
left to others (`MARGIN`), and so are gradients that the first step is still to make: what a plan
bounds does not count them.
"""

from collections.abc import Iterator
from pathlib import Path

import torch

from revc.errors import ScheduleError
from revc.runtime.model import ReversibleModel

MARGIN = 16
"""One part in so many of what is free is left: for fragments of the allocator, and for others."""
_SYSTEM = Path("/")


def free_for(model: ReversibleModel) -> int:
    """Return the bytes that a step of a model may hold on the device that its parameters are on.

    Raises:
        ScheduleError: the system does not say what is free.
    """
    first = next(model.parameters(), None)
    device = torch.device("cpu") if first is None else first.device
    free = free_on(device)
    missing = sum(p.nbytes for p in model.parameters() if p.requires_grad and p.grad is None)
    return max(0, free - free // MARGIN - missing)


def free_on(device: torch.device, root: Path = _SYSTEM) -> int:
    """Return the bytes that are free on a device.

    Raises:
        ScheduleError: nothing says it.
    """
    if device.type == "cuda":
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + cached
    if device.type != "cpu":
        raise ScheduleError(f"what is free on {device} is not known here: say the budget in bytes")
    available = _available(root / "proc/meminfo")
    return min([available, *_left_by_groups(root)])


def _available(path: Path) -> int:
    """Return what Linux says can be taken without swapping."""
    for line in _text(path).splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    raise ScheduleError("this system does not say what memory is free: say the budget in bytes")


def _left_by_groups(root: Path) -> Iterator[int]:
    """Yield what each control group that this process is in leaves, of version 2 or 1."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, inside = line.split(":", 2)
        if controllers == "":
            base, most, used = "sys/fs/cgroup", "memory.max", "memory.current"
        elif "memory" in controllers.split(","):
            base = "sys/fs/cgroup/memory"
            most, used = "memory.limit_in_bytes", "memory.usage_in_bytes"
        else:
            continue
        top = root / base
        # In a container the path may be the host's: then the group's own files stand at the top.
        folders = [top.joinpath(*Path(inside).parts[1:]), top]
        for folder in {one for first in folders for one in _up(first, top)}:
            limit, now = _number(folder / most), _number(folder / used)
            if limit is not None and now is not None:
                yield max(0, limit - now + _reclaimable(folder / "memory.stat"))


def _up(folder: Path, top: Path) -> Iterator[Path]:
    """Yield a folder and those above it, up to the top."""
    yield folder
    while folder != top and top in folder.parents:
        folder = folder.parent
        yield folder


def _reclaimable(path: Path) -> int:
    """Return the bytes of cached files that a group counts as used, and gives up when asked."""
    fields = dict(line.split(maxsplit=1) for line in _text(path).splitlines() if " " in line)
    return int(fields.get("inactive_file", fields.get("total_inactive_file", "0")))


def _number(path: Path) -> int | None:
    """Return the number in a file; None where there is no file, or no limit in it."""
    text = _text(path).strip()
    return int(text) if text.isdecimal() else None


def _text(path: Path) -> str:
    """Return a file's text, nothing where there is no such file or it may not be read."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
