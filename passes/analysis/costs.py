"""What a metered statement must and may cost, in mean bits an element, from its form alone.

A logistic's scale is at least half a step, so its likeliest symbol has probability at most 0.462
(1.11 bits), a Gaussian's 0.683 (0.55 bits). The mean length of what is drawn by its own softmax is
at most log2 K. A scale's factor is a whole number of 1/1024.
"""

import math

from revc.ir.instructions import Draw, Put, Scale, Valve
from revc.ir.instructions.metered import Distribution, Metered
from revc.ir.types import Label, Lattice, Numerics
from revc.passes.analysis.sites import MeterSite

INF = math.inf
LEAST = {"logistic": 1.11, "logistic_mixture": 1.11, "gaussian": 0.55}
NOTHING = (0.0, 0.0)

_GATES = 1 << 10
_TABLE = 1 << 16

Bounds = tuple[float, float]


def cost(site: MeterSite, meter: str, throttled: bool = False) -> Bounds:
    """Return the least and the most mean bits an element that a site moves at a meter.

    With `throttled` a valve may draw by less entropy than its distribution has. The net of what a
    token bucket keeps counts as the bucket does: it loses only what a budget covers.
    """
    if meter == "net":
        bounds = _net(site)
    else:
        bounds = _written(site) if meter == "put" else _drawn(site, throttled)
    return (0.0 - bounds[1], 0.0 - bounds[0]) if site.undone else bounds


def losing(step: Metered) -> bool:
    """Say whether a bound on net is kept by what a statement loses, and not by what it moves."""
    return isinstance(step, Valve) or (isinstance(step, Put) and step.by.residue == "drop")


def _net(site: MeterSite) -> Bounds:
    if losing(site.step):
        return 0.0, INF
    written, drawn = _written(site), _drawn(site, False)
    return written[0] - drawn[1], written[1] - drawn[0]


def _written(site: MeterSite) -> Bounds:
    """Return what goes to the tape as the statement runs forwards."""
    step = site.step
    if isinstance(step, Scale):
        return _scaling(step) if isinstance(site.numerics, Lattice) else NOTHING
    if not isinstance(step, Put | Valve):
        return NOTHING
    least, most = _symbols(step.by, site.numerics, own=False)
    residue = _residue(step.by, site.numerics)
    kept = step.by.residue == "drop" and isinstance(step, Valve)  # the budget may refuse to drop
    return least + (0.0 if kept else residue), most + residue


def _drawn(site: MeterSite, throttled: bool) -> Bounds:
    """Return what comes out of the reservoir as the statement runs forwards."""
    step = site.step
    if not isinstance(step, Draw | Valve):
        return NOTHING
    least, most = _symbols(step.by, site.numerics, own=not site.undone)
    if throttled and isinstance(step, Valve):
        least = 0.0
    residue = _residue(step.by, site.numerics) if step.by.residue == "write" else 0.0
    return least + residue, most + residue


def _symbols(by: Distribution, numerics: Numerics, own: bool) -> Bounds:
    """Return the length of a symbol; the mean one where its own distribution draws it (`own`)."""
    if by.family == "uniform":
        n = by.settings["n"]
        assert isinstance(n, int)
        return math.log2(n), math.log2(n)
    if by.family == "dropout":
        return _mask(by, own)
    if by.family == "softmax":
        size = numerics.size.integer if isinstance(numerics, Label) else None
        return 0.0, math.log2(size) if size and own else INF
    return LEAST[by.family], INF


def _mask(by: Distribution, own: bool) -> Bounds:
    rate = by.settings["p"]
    assert isinstance(rate, float)
    p = min(max(round(rate * _TABLE), 1), _TABLE - 1) / _TABLE  # as the coder's table has it
    lengths = -math.log2(p), -math.log2(1 - p)
    if own:
        mean = p * lengths[0] + (1 - p) * lengths[1]
        return mean, mean
    return min(lengths), max(lengths)


def _scaling(step: Scale) -> Bounds:
    """Return -log2 of the greatest and of the least factor that the range rounds to."""
    least, most = math.ceil(step.lo * _GATES), math.floor(step.hi * _GATES)
    if least > most:
        least = most = round((step.lo + step.hi) / 2 * _GATES)
    bits = [0.0 - math.log2(max(1, gates) / _GATES) for gates in (most, least)]
    return bits[0], bits[1]


def _residue(by: Distribution, numerics: Numerics) -> float:
    """Return the bits of a residue that leaves the state: it does by `write` and by `drop`."""
    step = by.settings.get("step")
    if by.residue not in ("write", "drop") or not isinstance(numerics, Lattice) or not step:
        return 0.0
    return math.log2(float(step) * 2.0**numerics.fraction_bits)
