"""The oracle of `tests.model.reference`, for statements that exchange bits.

Random values are taken from the run under test; what they mean for gradients is written down anew:
a fresh value is location + scale * noise with the noise held fixed, straight through the rounding;
code lengths are those of `revc.runtime.bits.dist`, differentiated by autograd.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from revc.ir import instructions as i
from revc.ir.types import Label, Lattice
from revc.runtime.bits.dist import Categorical, Gaussian, Logistic, Mixture
from revc.runtime.metered import exchange, valve
from revc.runtime.state.factoring import permutation
from tests.model.reference import Reference

LEAST, MOST = 2.0**-10, 64.0


@contextmanager
def recorded() -> Iterator[list[Tensor]]:
    """Record every value that is drawn or taken, in the order of the run."""
    found: list[Tensor] = []
    with pytest.MonkeyPatch.context() as patch:
        for module, name in ((valve, "valve"), (valve, "unvalve"), (exchange, "take")):
            patch.setattr(module, name, _recording(getattr(module, name), found))
        yield found


def _recording(function: Any, found: list[Tensor]) -> Any:
    def run(*args: Any) -> Tensor:
        value: Tensor = function(*args)
        found.append(value.clone())
        return value

    return run


class MeteredReference(Reference):
    """Runs a program with the values that `recorded` found."""

    def __init__(self, program: Any, nets: Any, drawn: list[Tensor]) -> None:
        super().__init__(program, nets)
        self.drawn = iter(drawn)
        self.lengths: dict[tuple[str, str], Tensor] = {}

    def _step(self, step, block, env, givens, slots, sizes, emits, types) -> None:
        value = lambda x: self._value(x, block, env, givens, slots, sizes)  # noqa: E731
        match step:
            case i.Put() | i.Draw():
                params = [value(p) for p in step.by.params]
                raw = self._raw(step.type.numerics) if step.takes else env.pop(step.target)
                found = self._drawn(step.by, params, raw) if step.takes else raw
                self._count(step, step.by, step.type.numerics, params, found)
                if step.takes:
                    env[step.target] = found
            case i.Valve():
                at, numerics = self._index(step.target, sizes), types[step.target.name].numerics
                params, old = [value(p) for p in step.by.params], env[step.target.name][at]
                fresh = self._drawn(step.by, params, self._raw(numerics))
                coded = fresh if step.undo else old
                self._count(step, step.by, numerics, params, coded)
                self._replace(env, step.target.name, at, fresh)
            case i.Scale():
                at = self._index(step.target, sizes)
                factor = torch.as_tensor(value(step.factor), dtype=torch.float64)
                held = factor.clamp(max(step.lo, LEAST), min(step.hi, MOST))
                gate = held + (torch.round(held * 1024) / 1024 - held).detach()
                old = env[step.target.name][at]
                self._replace(env, step.target.name, at, old / gate if step.undo else old * gate)
                bits = -torch.log2(gate).expand(old.shape).flatten(1).sum(-1)
                self._add(step, -bits if step.undo else bits)
            case i.Apply():
                at = self._index(step.target, sizes)
                old = env[step.target.name][at]
                fresh = old / (1 - old.abs()) if step.undo else functional.softsign(old)
                self._replace(env, step.target.name, at, fresh)
                bits = (2 * torch.log2(1 + (fresh if step.undo else old).abs())).flatten(1).sum(-1)
                self._add(step, -bits if step.undo else bits)
            case i.Mix():
                at = self._index(step.target, sizes)
                old = env[step.target.name][at]
                n = old.shape[-1]
                if step.matrix is None:
                    matrix = torch.eye(n, dtype=torch.float64)[
                        permutation(n, step.settings["seed"])
                    ]
                else:
                    matrix = self.nets[slots[step.matrix.slot]].matrix()
                used = torch.linalg.inv(matrix) if step.undo else matrix
                self._replace(env, step.target.name, at, old @ used.mT)
                if step.family == "lu":
                    bits = -torch.linalg.slogdet(used)[1] / math.log(2) * old[0, ..., 0].numel()
                    self._add(step, bits.expand(old.shape[0]))
            case _:
                super()._step(step, block, env, givens, slots, sizes, emits, types)

    def _replace(self, env: Any, name: str, at: Any, fresh: Tensor) -> None:
        whole = env[name].clone()
        whole[at] = fresh.to(whole.dtype)
        env[name] = whole

    def _raw(self, numerics: Any) -> Tensor:
        raw = next(self.drawn)
        return raw.double() * 2.0**-numerics.fraction_bits if isinstance(numerics, Lattice) else raw

    def _model(self, by: Any, params: list[Tensor], shape: torch.Size) -> Any:
        if by.family == "softmax":
            return Categorical(params[0])
        step, n = float(by.settings["step"]), shape[-1]
        if by.family == "logistic_mixture":
            k = by.settings["components"]
            rows = params[0].unflatten(-1, (3 * k, n)).transpose(-1, -2)
            logits, loc, s = rows.split(k, -1)
            loc = loc + step * (torch.arange(k, dtype=torch.float64) - (k - 1) / 2)
            parts = (logits, loc, step / 2 + functional.softplus(s))
            return Mixture(*(p.expand(*shape, k) for p in parts), step)
        loc, s = params[0].split(n, -1)
        kind = Gaussian if by.family == "gaussian" else Logistic
        return kind(loc.expand(shape), (step / 2 + functional.softplus(s)).expand(shape), step)

    def _drawn(self, by: Any, params: list[Tensor], raw: Tensor) -> Tensor:
        if by.family in ("softmax", "uniform", "dropout"):
            return raw.detach()
        model, step = self._model(by, params, raw.shape), float(by.settings["step"])
        index = torch.round(raw / step) * step
        if isinstance(model, Mixture):
            return raw.detach() + self._implicit(model, index.detach())
        noise = ((index - model.loc) / model.scale).detach()
        smooth = model.loc + model.scale * noise
        return raw.detach() + smooth - smooth.detach()

    def _implicit(self, model: Mixture, value: Tensor) -> Tensor:
        """Return a zero whose gradient is that of a value at a fixed quantile of a mixture."""
        z = (value[..., None] - model.loc) / model.scale
        weights = torch.softmax(model.logits, -1)
        density = (weights * torch.sigmoid(z) * torch.sigmoid(-z) / model.scale).sum(-1)
        below = -(weights * torch.sigmoid(z)).sum(-1) / density.detach()
        return below - below.detach()

    def _count(self, step: Any, by: Any, numerics: Any, params: Any, value: Tensor) -> None:
        if by.family == "dropout":
            p = by.settings["p"]
            keep = torch.tensor([-math.log2(p), -math.log2(1 - p)], dtype=torch.float64)
            bits = keep[value]
        elif isinstance(numerics, Label):
            bits = self._model(by, params, value.shape).code_length(value)
        else:
            unit = float(by.settings["step"])
            index = value / unit
            index = index + (torch.floor(index + 0.5) - index).detach()
            bits = self._model(by, params, value.shape).code_length(index)
            if by.residue == "write":
                bits = bits + torch.log2(torch.tensor(unit * 2.0**numerics.fraction_bits))
        total = bits.flatten(1).sum(-1)
        self._add(step, -total if step.undo else total)

    def _add(self, step: Any, bits: Tensor) -> None:
        row = (getattr(step, "account", step.kind), getattr(step, "side", "put"))
        self.lengths[row] = self.lengths.get(row, 0) + bits
