"""Diagnostic 5, the drift of a rebuild: in units in the last place for float state, else none."""

import torch
from torch import Tensor

from revc.audit.finding import Finding, nothing
from revc.audit.subject import Subject
from revc.runtime.lattice import encode

NAME = "reconstruction drift"
ULPS = 2.0**12
"""How far the median element of float state may be off."""


def check(subject: Subject) -> Finding:
    """Return how far the inverse's inputs are from those given."""
    slots = subject.model.interface.takes
    if not slots:
        return nothing(NAME, "the model takes no state")
    watched = subject.run()
    back = subject.model.inverse(watched.out)
    back = back if isinstance(back, tuple) else (back,)
    off = []
    for slot, value in zip(slots, back, strict=True):
        given = subject.inputs[slot.name]
        if slot.kind == "float32":
            off.append(_ulps(value, given))
        elif slot.kind == "lattice":
            bits, width = slot.fraction_bits, slot.width
            raw = encode(given, bits, width).double() - encode(value, bits, width).double()
            off.append(raw.abs().flatten())
        else:
            off.append((value != given).double().flatten())
    every = torch.cat(off)
    worst, middle = float(every.max()), float(every.median())
    if subject.model.interface.exact:
        detail = f"{every.numel()} elements, each compared as integers"
        return Finding(NAME, worst, "lattice units", "= 0", worst == 0, detail)
    detail = f"at most {worst:g}, {int((every > ULPS).sum())} of {every.numel()} above the bound"
    return Finding(NAME, middle, "ULP (median)", f"<= {ULPS:g}", middle <= ULPS, detail,
                   {"ulps": every.clamp(max=1e9).tolist()[:4096]})  # fmt: skip


def _ulps(found: Tensor, wanted: Tensor) -> Tensor:
    """Return distances in units in the last place of `wanted`, float64, flat."""
    plain = wanted.detach().float()
    unit = torch.nextafter(plain.abs(), torch.full_like(plain, torch.inf)) - plain.abs()
    return ((found.double() - plain.double()).abs() / unit.double()).flatten()
