"""Diagnostic 5, the drift of a rebuild: in units in the last place for float state, else none."""

import torch
from torch import Tensor

from revc.audit.finding import Finding, nothing
from revc.audit.subject import Subject
from revc.errors import RevcError
from revc.runtime.interface import Slot
from revc.runtime.state.lattice import encode

NAME = "reconstruction drift"


def check(subject: Subject) -> Finding:
    """Return how far the inverse's inputs are from those given."""
    slots = subject.model.interface.takes
    if not slots:
        return nothing(NAME, "the model takes no state")
    if forgets := subject.model.interface.forgets:
        return nothing(NAME, f"the model forgets {forgets}: it has no inverse")
    watched = subject.run()
    try:
        back = subject.model.inverse(watched.out)
    except RevcError as error:
        return Finding(NAME, None, "", "", False, f"the inverse stopped by: {error}")
    back = back if isinstance(back, tuple) else (back,)
    pairs = [(slot, value, subject.inputs[slot.name])
             for slot, value in zip(slots, back, strict=True)]  # fmt: skip
    if subject.model.interface.exact:
        return _exact(torch.cat([_units(*pair) for pair in pairs]))
    floats = [(value, given) for slot, value, given in pairs if slot.kind == "float32"]
    others = [_units(*pair) for pair in pairs if pair[0].kind != "float32"]
    return _float(subject, floats, int(sum(int((o > 0).sum()) for o in others)))


def _exact(off: Tensor) -> Finding:
    worst = float(off.max()) if len(off) else 0.0
    detail = f"{off.numel()} elements, each compared as integers; {int((off > 0).sum())} are off"
    return Finding(NAME, worst, "lattice units", "= 0", worst == 0, detail)


def _float(subject: Subject, pairs: list[tuple[Tensor, Tensor]], broken: int) -> Finding:
    """Bound the median in units of each element, and the largest in units of its register.

    An element near zero has tiny units of its own, and may be off by many of them without harm.
    """
    own = torch.cat([ulps(*pair) for pair in pairs])
    shared = torch.cat([ulps(value, given, _size(given)) for value, given in pairs])
    middle, most, worst = float(own.median()), float(own.max()), float(shared.max())
    met = middle <= subject.ulps and worst <= subject.ulps and not broken  # none holds for NaN
    detail = (
        f"median {middle:.3g} and at most {most:.3g} ULP of each element; at most {worst:.3g} ULP "
        f"of its register's root mean square; {broken} elements of other registers differ"
    )
    series = {"ULP of each element": own.nan_to_num(1e9).clamp(max=1e9).tolist()[:4096]}
    bound = f"<= {subject.ulps:g}"
    return Finding(NAME, max(middle, worst), "ULP", bound, met, detail, series)


def _units(slot: Slot, value: Tensor, given: Tensor) -> Tensor:
    """Return distances of integers, float64, flat."""
    if slot.kind != "lattice":
        return (value != given).double().flatten()
    bits, width = slot.fraction_bits, slot.width
    raw = encode(given, bits, width).double() - encode(value, bits, width).double()
    return raw.abs().flatten()


def _size(given: Tensor) -> Tensor:
    size = given.detach().double().square().mean().sqrt().float()
    return size.expand(given.shape)


def ulps(found: Tensor, wanted: Tensor, at: Tensor | None = None) -> Tensor:
    """Return distances in units in the last place of `wanted` (or of `at`), float64, flat."""
    plain = (wanted if at is None else at).detach().float().abs()
    unit = torch.nextafter(plain, torch.full_like(plain, torch.inf)) - plain
    return ((found.double() - wanted.double()).abs() / unit.double()).flatten().detach()
