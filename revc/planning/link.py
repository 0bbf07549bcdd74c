"""How fast copies between a device and its host are, in the operations that plans count."""

from dataclasses import dataclass
from math import isfinite

from revc.errors import ScheduleError
from revc.passes.schedule.units import parse_bytes


@dataclass(frozen=True)
class Link:
    """The way to the host and back.

    Attributes:
        bandwidth: bytes a second, either way.
        flops: floating-point operations that the device does in a second.
    """

    bandwidth: float
    flops: float

    def operations(self, size: int) -> float:
        """Return what the device could do while so many bytes go to the host and come back.

        Copies are taken to overlap with nothing: what they cost at most.
        """
        return 2 * size * self.flops / self.bandwidth


def link_of(offload: float | str | None, flops: float | None) -> Link | None:
    """Return the link that options say, None if they say nothing.

    Args:
        offload: bytes a second, or as ``12GB/s``.
        flops: operations a second of the device.

    Raises:
        ScheduleError: one is missing or no rate.
    """
    if offload is None and flops is None:
        return None
    if offload is None or flops is None:
        raise ScheduleError(
            "offloading is weighed against computing again: say both, as in --offload 12GB/s for "
            "copies and --flops 1e12 for operations a second"
        )
    if isinstance(offload, str):
        offload = parse_bytes(offload.strip().removesuffix("/s"))
    for name, value in (("offload", offload), ("flops", flops)):
        if not isfinite(value) or value <= 0:
            raise ScheduleError(f"{name} = {value}: want a rate above zero")
    return Link(offload, flops)
