"""Diagnostic 3, by what the coder codes: its distributions beside what the graph's numbers mean.

The gaps compare bits under the coder's own distribution; one that is not the spec's would pass
them. So each is compared with a reading of its parameters of its own, as docs/metered.md has it.
"""

import torch
from torch import Tensor

from revc.audit.finding import Finding, nothing
from revc.audit.subject import Subject
from revc.audit.watch import Call
from revc.runtime.bits.dist import Categorical, Mixture
from revc.runtime.bits.dist.base import Distribution
from revc.runtime.bits.dist.window import Window
from revc.runtime.metered.coding import Coding

NAME = "coded distributions"
BOUND = 1e-3


def check(subject: Subject) -> Finding:
    """Return how far a distribution is from its parameters, at most: in scales, logs and nats."""
    worst: dict[str, float] = {}
    for call in subject.run().calls:
        for one in (e for booking in call.bookings for e in booking.coded):
            gap = _gap(call, one.distribution)
            if gap is not None:
                worst[call.site.meter] = max(worst.get(call.site.meter, 0.0), gap)
    if not worst:
        return nothing(NAME, "nothing is coded by a distribution with parameters")
    detail = "; ".join(f"{meter}: off by {gap:.2g}" for meter, gap in worst.items())
    value = max(worst.values())
    return Finding(NAME, value, "scale", f"<= {BOUND:g}", value <= BOUND, detail)


def _gap(call: Call, by: Distribution) -> float | None:
    """Return how far one is off, None for what has no parameters or is tempered."""
    if call.params is None or type(by).__module__.endswith("tempered"):
        return None
    params = call.params.detach().double()
    if isinstance(by, Categorical):
        return _most(by.logits.double() - params)
    if not isinstance(by, Window | Mixture):
        return None
    coding = call.site.coding
    logits, loc, scale = _meant(params, coding)
    coded_loc, loc = (_held(t.double(), coding) for t in (by.loc, loc))
    coded_scale, scale = (_held_scale(t.double(), coding) for t in (by.scale, scale))
    gaps = [_most((coded_loc - loc) / scale), _most(torch.log(coded_scale / scale))]
    if logits is not None and isinstance(by, Mixture):
        gaps.append(_most(by.logits.double().softmax(-1) - logits.softmax(-1)))
    return max(gaps)


def _meant(params: Tensor, coding: Coding) -> tuple[Tensor | None, Tensor, Tensor]:
    """Return the logits, locations and scales that parameters stand for, float64."""
    if coding.family != "logistic_mixture":
        loc, raw = params.chunk(2, -1)
        return None, loc, coding.step / 2 + torch.nn.functional.softplus(raw)
    k = coding.components
    logits, loc, raw = params.unflatten(-1, (3, k, -1)).mT.unbind(-3)
    spread = coding.step * (torch.arange(k, dtype=loc.dtype, device=loc.device) - (k - 1) / 2)
    return logits, loc + spread, coding.step / 2 + torch.nn.functional.softplus(raw)


def _held(loc: Tensor, coding: Coding) -> Tensor:
    """Return a location as a draw keeps it, within the inner half of a lattice."""
    if coding.kind != "lattice":
        return loc
    half = 2.0 ** (coding.width - 2 - coding.fraction)
    return loc.clamp(-half, half)


def _held_scale(scale: Tensor, coding: Coding) -> Tensor:
    if coding.kind != "lattice":
        return scale
    return scale.clamp(max=max(2.0 ** (coding.width - 6 - coding.fraction), coding.step / 2))


def _most(gaps: Tensor) -> float:
    return float(gaps.detach().abs().max()) if gaps.numel() else 0.0
