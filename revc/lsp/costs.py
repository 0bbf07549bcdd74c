"""What a metered statement moves, as text."""

from revc.ir.instructions import Draw, Put, Scale, Valve
from revc.passes.analysis.costs import INF, Bounds, cost
from revc.passes.analysis.sites import MeterSite

_WAYS: dict[type, tuple[str, ...]] = {
    Put: ("put",), Draw: ("draw",), Valve: ("put", "draw"), Scale: ("put",)
}  # fmt: skip


def cost_text(site: MeterSite) -> str:
    """Return the mean bits an element of a statement, as ``put 1.11.. bits``."""
    ways = _WAYS[type(site.step)]
    return ", ".join(f"{way} {_bounds(cost(site, way))}" for way in ways) + " an element"


def _bounds(bounds: Bounds) -> str:
    least, most = bounds
    if least == most:
        return f"{least:.3g} bits"
    high = "" if most == INF else f"{most:.3g}"
    low = "" if least == -INF else f"{least:.3g}"
    return f"{low}..{high} bits"
