"""The meaning of a program in plain torch, with its bits, differentiated by plain autograd.

It walks the program that the front end builds, holds every activation, and rounds to the lattice
straight through. Random values are those that the run under test drew; code lengths and what they
and the values that are drawn give to gradients are written down anew, after docs/metered.md.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from revc.codegen.root import is_exact
from revc.ir import expr as e
from revc.ir import instructions as i
from revc.ir.types import Label, Lattice
from revc.runtime.metered import scaling
from tests.model.reference import Reference
from tests.programs.matrices import MATRICES, permutation

LN2 = math.log(2.0)
GATE = 1024
KINKED = ("relu", "abs")
NEAR_KINK = 4  # lattice steps, more than a scaling by 0.45 or a mix leaves a value off by


class OffLattice(Exception):
    """A value left its lattice, where it wraps in the run and not here."""


@contextmanager
def squashes() -> Iterator[list[Tensor]]:
    """Record what softsign is applied to, in the order of the run; undone, what it gives."""
    found: list[Tensor] = []

    def squash(session: Any, raw: Tensor, site: Any, undo: bool) -> Tensor:
        before = raw.clone()
        result: Tensor = right(session, raw, site, undo)
        found.append(result.clone() if undo else before)
        return result

    with pytest.MonkeyPatch.context() as patch:
        right = scaling.squash
        patch.setattr(scaling, "squash", squash)
        yield found


class Oracle(Reference):
    """Runs a program on floats with the values that a run drew; `lengths` by (meter, side).

    `squashed` are the raw values that the run applied softsign to, or got by undoing it.
    """

    def __init__(
        self, program: Any, model: nn.Module, drawn: list[Tensor], squashed: list[Tensor]
    ) -> None:
        nets = [model.get_submodule(f"nets.{slot.name}") for slot in program.model.nets]
        super().__init__(program, nets)
        self.exact = is_exact(program)
        self.drawn, self.squashed = iter(drawn), iter(squashed)
        self.lengths: dict[tuple[str, str], Tensor] = {}

    def _step(self, step, block, env, givens, slots, sizes, emits, types) -> None:
        value = lambda x: self._value(x, block, env, givens, slots, sizes)  # noqa: E731
        match step:
            case i.Add() if isinstance(types[step.target.name].numerics, Label):
                at, size = self._index(step.target, sizes), types[step.target.name].numerics.size
                added = torch.as_tensor(value(step.value)).round().long()
                grown = env[step.target.name][at] + step.sign * added
                self._replace(env, step.target.name, at, grown % size.integer)
            case i.Put() | i.Draw():
                self._coded(step, [value(p) for p in step.by.params], env)
            case i.Valve():
                at = self._index(step.target, sizes)
                self._valve(step, [value(p) for p in step.by.params], env, at, types)
            case i.Scale():
                at = self._index(step.target, sizes)
                factor = torch.as_tensor(value(step.factor), dtype=torch.float64)
                exact = isinstance(types[step.target.name].numerics, Lattice)
                self._scale(step, factor, env, at, exact)
            case i.Apply():
                at = self._index(step.target, sizes)
                old = env[step.target.name][at]
                fresh = old / (1 - old.abs()) if step.undo else functional.softsign(old)
                self._replace(env, step.target.name, at, fresh)
                squashed = fresh if step.undo else old
                if isinstance(types[step.target.name].numerics, Lattice):
                    unit = 2.0 ** -types[step.target.name].numerics.fraction_bits
                    side = self._side(squashed, unit)
                    self._book(step, 2 * torch.log2(1 + side * squashed))
            case i.Mix():
                at = self._index(step.target, sizes)
                exact = isinstance(types[step.target.name].numerics, Lattice)
                self._mix(step, env, at, slots, exact)
            case _:
                super()._step(step, block, env, givens, slots, sizes, emits, types)
        self._fits(step, env, types)

    def _value(self, x, block, env, givens, slots, sizes) -> Any:
        if not self.exact and isinstance(x, e.Elementwise) and x.function in KINKED:
            at = self._value(x.args[0], block, env, givens, slots, sizes)
            if (at.abs() < 1e-9).any():
                raise OffLattice(f"float state lies at the kink of {x.function}")
        found = super()._value(x, block, env, givens, slots, sizes)
        # A number on its own would become a float32, and lose digits before it meets its partner.
        return found if isinstance(found, Tensor) else torch.tensor(found, dtype=torch.float64)

    def _side(self, value: Tensor, unit: float) -> Tensor:
        """Return the signs of what softsign squashes: near zero, those that the run had there.

        Steps that the run rounds, and the oracle does not, leave state lattice steps of `unit`
        apart, and the slope of log2(1 + |x|) has another sign on either side of zero, none on it.
        """
        near = value.abs() < NEAR_KINK * unit
        return torch.where(near, next(self.squashed).sign(), value.sign()).detach()

    def _fits(self, step: Any, env: Any, types: Any) -> None:
        for at in step.targets():
            kind, value = types.get(at.name), env.get(at.name)
            if kind is None or value is None or not isinstance(kind.numerics, Lattice):
                continue
            limit = 2.0 ** (kind.numerics.integer_bits - 1)
            if value.numel() and not float(value.detach().abs().max()) < 0.95 * limit:
                raise OffLattice("a register comes near the end of its lattice")

    def _replace(self, env: Any, name: str, at: Any, fresh: Tensor) -> None:
        whole = env[name].clone()
        whole[at] = fresh.to(whole.dtype)
        env[name] = whole

    # --- bits --------------------------------------------------------------------------------

    def _coded(self, step: Any, params: list[Tensor], env: Any) -> None:
        numerics = step.type.numerics
        if step.takes:
            env[step.target] = value = self._fresh(step.by, params, numerics)
        else:
            value = env.pop(step.target)
        self._book(step, code_length(step.by, params, numerics, value))

    def _valve(self, step: Any, params: list[Tensor], env: Any, at: Any, types: Any) -> None:
        numerics = types[step.target.name].numerics
        old, fresh = env[step.target.name][at], self._fresh(step.by, params, numerics)
        coded = fresh if step.undo else old
        self._book(step, code_length(step.by, params, numerics, coded))
        self._replace(env, step.target.name, at, fresh)

    def _fresh(self, by: Any, params: list[Tensor], numerics: Any) -> Tensor:
        """Return the next value that was drawn, with what it passes on to its parameters."""
        raw = next(self.drawn)
        if isinstance(numerics, Label):
            return raw
        value = raw.double() * 2.0 ** -getattr(numerics, "fraction_bits", 0)
        step = float(by.settings["step"])
        index = split(value, numerics, step)
        logits, loc, scale = parameters(by, params[0], value.shape)
        if logits is None:
            noise = ((index - loc) / scale).detach()
            smooth = loc + scale * noise
        else:
            smooth = at_quantile(index, logits, loc, scale)
        return value + (smooth - smooth.detach())

    def _scale(self, step: Any, factor: Tensor, env: Any, at: Any, exact: bool) -> None:
        held = factor.clamp(max(step.lo, 1 / GATE), min(step.hi, 64.0))
        gate = held + ((held * GATE).round().clamp(min=1) / GATE - held).detach()
        old = env[step.target.name][at]
        by = gate if exact else held
        self._replace(env, step.target.name, at, old / by if step.undo else old * by)
        if exact:  # floats need no tape
            self._book(step, -torch.log2(gate).expand(old.shape))

    def _mix(self, step: Any, env: Any, at: Any, slots: Any, exact: bool) -> None:
        old = env[step.target.name][at]
        if step.matrix is None:
            matrix = permutation(old.shape[-1], step.settings["seed"])
        else:
            weight = self.nets[slots[step.matrix.slot]].weight.double()
            matrix = MATRICES[step.family](weight)
        used = torch.linalg.inv(matrix) if step.undo else matrix
        self._replace(env, step.target.name, at, old @ used.mT)
        if step.family == "lu" and exact:
            each = -torch.linalg.slogdet(matrix)[1] / LN2
            self._book(step, each.expand(old.shape[:-1])[..., None])

    def _book(self, step: Any, bits: Tensor) -> None:
        """Add code lengths [B, ..] to the row of a step, less what is undone."""
        row = (getattr(step, "account", step.kind), getattr(step, "side", "put"))
        total = bits.reshape(bits.shape[0], -1).sum(-1) * (-1 if step.undo else 1)
        self.lengths[row] = self.lengths.get(row, 0) + total


# --- distributions -----------------------------------------------------------------------------


def split(value: Tensor, numerics: Any, step: float) -> Tensor:
    """Return the multiple of `step` that a value is coded as, straight through.

    Halves go up on a lattice, whose values are first made exact: a step straight through may be
    off in the last place.
    """
    if isinstance(numerics, Lattice):
        scale = 2.0**numerics.fraction_bits
        nearest = torch.floor(torch.round(value * scale) / (scale * step) + 0.5)
    else:
        nearest = torch.round(value / step)
        if ((value / step - nearest).abs() > 0.5 - 1e-6).any():
            raise OffLattice("a value of float state lies half a step from two indices")
    return value + (nearest * step - value).detach()


def parameters(by: Any, params: Tensor, shape: torch.Size) -> tuple[Tensor | None, Tensor, Tensor]:
    """Return logits (None without), locations and scales, a mixture's components behind."""
    step, n, params = float(by.settings["step"]), shape[-1], params.double()
    if by.family != "logistic_mixture":
        loc, s = params.split(n, -1)
        return None, loc.expand(shape), (step / 2 + functional.softplus(s)).expand(shape)
    k = by.settings["components"]
    logits, loc, s = params.unflatten(-1, (3, k, n)).transpose(-1, -2).unbind(-3)
    loc = loc + step * (torch.arange(k, dtype=torch.float64) - (k - 1) / 2)
    found = (logits, loc, step / 2 + functional.softplus(s))
    return tuple(part.expand(*shape, k) for part in found)  # type: ignore[return-value]


def at_quantile(index: Tensor, logits: Tensor, loc: Tensor, scale: Tensor) -> Tensor:
    """Return what moves as a mixture's value at a fixed quantile: d value = - d CDF / density.

    Of the masses on both sides, whose slopes add up to nothing, it takes the lesser: far out the
    greater is 1 in float64, and rounding of its slopes over the density is all that is left. So
    is that of 1 - sigmoid, which the slope of a sigmoid has, and that of its logarithm has not.
    """
    z = (index[..., None] - loc) / scale
    weights = torch.softmax(logits, -1)
    left, right = functional.logsigmoid(z).exp(), functional.logsigmoid(-z).exp()
    below, above = (weights * left).sum(-1), (weights * right).sum(-1)
    density = (weights * left * right / scale).sum(-1)
    return torch.where(below < above, -below, above) / density.detach()


def code_length(by: Any, params: list[Tensor], numerics: Any, value: Tensor) -> Tensor:
    """Return -log2 of the mass of a value's bin, or of a label."""
    if by.family == "uniform":
        return torch.full(value.shape, math.log2(by.settings["n"]), dtype=torch.float64)
    if by.family == "dropout":
        p = by.settings["p"]
        return torch.tensor([-math.log2(p), -math.log2(1 - p)], dtype=torch.float64)[value]
    if by.family == "softmax":
        logits = params[0].double().expand(*value.shape, -1)
        return -logits.log_softmax(-1).gather(-1, value[..., None])[..., 0] / LN2
    step = float(by.settings["step"])
    logits, loc, scale = parameters(by, params[0], value.shape)
    index = split(value, numerics, step)
    if logits is None:
        bits = -_log_mass(by.family, (index - loc) / scale, step / 2 / scale) / LN2
    else:
        each = _log_mass("logistic", (index[..., None] - loc) / scale, step / 2 / scale)
        bits = -torch.logsumexp(logits.log_softmax(-1) + each, -1) / LN2
    if by.residue == "write" and isinstance(numerics, Lattice):
        bits = bits + math.log2(step * 2.0**numerics.fraction_bits)
    return bits


def _log_mass(family: str, z: Tensor, half: Tensor) -> Tensor:
    """Return log of the mass of [z - half, z + half], on the side where it is well conditioned."""
    z = -z.abs()
    high, low = z + half, z - half
    log_cdf = torch.special.log_ndtr if family == "gaussian" else functional.logsigmoid
    top, bottom = log_cdf(high), log_cdf(low)
    return top + torch.log(-torch.expm1(bottom - top))
