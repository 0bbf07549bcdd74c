"""An oracle: the meaning of a program in plain torch, differentiated by plain autograd.

It shares nothing with code generation or with the runtime's graphs: it walks the program, holds
every activation, and rounds to the lattice with a straight-through gradient.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from revc.ir import expr as e
from revc.ir import instructions as i
from revc.ir.dims import Dim
from revc.ir.nets import Builtin
from revc.ir.program import Block, Program
from revc.ir.types import Label, Lattice, RegType

FUNCTIONS = {
    "neg": torch.neg,
    "softplus": functional.softplus,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "softsign": functional.softsign,
}
BINARY = {"add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div}


def on_lattice(value: Tensor, kind: RegType) -> Tensor:
    """Round to the lattice, straight through."""
    if not isinstance(kind.numerics, Lattice):
        return value
    scale = 2.0**kind.numerics.fraction_bits
    return value + (torch.round(value * scale) / scale - value).detach()


class Reference:
    """Runs a program on float tensors; `nets` are the compiled model's own modules, in order."""

    def __init__(self, program: Program, nets: list[nn.Module]) -> None:
        self.program, self.nets = program, nets

    def __call__(self, **inputs: Tensor) -> dict[str, Tensor]:
        block = self.program.model
        env = {r.name: on_lattice(inputs[r.name], r.type) for r in block.takes}
        givens = {r.name: on_lattice(inputs[r.name], r.type) for r in block.givens}
        sizes = self._sizes(inputs)
        emits: dict[str, Tensor] = {}
        self._run(block, env, givens, list(range(len(block.nets))), sizes, emits)
        return {r.name: env[r.name] for r in block.gives} | emits

    def _sizes(self, inputs: dict[str, Tensor]) -> dict[str, int]:
        block, sizes = self.program.model, {}
        for register in (*block.takes, *block.givens):
            for size, dim in zip(inputs[register.name].shape, register.type.shape, strict=True):
                if len(dim.terms) == 1 and len(dim.names) == 1 and dim.terms[0][1] == 1:
                    sizes.setdefault(next(iter(dim.names)), size)
        return sizes

    def _run(
        self, block: Block, env: Any, givens: Any, slots: list[int], sizes: Any, emits: Any
    ) -> None:
        types = {r.name: r.type for r in block.takes}
        for step in block.body:
            self._step(step, block, env, givens, slots, sizes, emits, types)
            step.step(types)

    def _step(self, step, block, env, givens, slots, sizes, emits, types) -> None:
        value = lambda x: self._value(x, block, env, givens, slots, sizes)  # noqa: E731
        match step:
            case i.Add():
                kind = types[step.target.name]
                part = env[step.target.name][self._index(step.target, sizes)]
                grown = part + step.sign * on_lattice(torch.as_tensor(value(step.value)), kind)
                if isinstance(kind.numerics, Label):
                    grown = torch.remainder(
                        part + step.sign * value(step.value).round().long(),
                        kind.numerics.size.integer,
                    )
                whole = env[step.target.name].clone()
                whole[self._index(step.target, sizes)] = grown
                env[step.target.name] = whole
            case i.Negate():
                whole = env[step.target.name].clone()
                at = self._index(step.target, sizes)
                kind = types[step.target.name].numerics
                whole[at] = -whole[at]
                if isinstance(kind, Label):
                    whole[at] = torch.remainder(whole[at], kind.size.integer)
                env[step.target.name] = whole
            case i.Swap():
                env[step.left], env[step.right] = env[step.right], env[step.left]
            case i.Split():
                parts = env.pop(step.source).chunk(len(step.parts), step.axis)
                env.update(zip(step.parts, parts, strict=True))
            case i.Join():
                env[step.target] = torch.cat([env.pop(n) for n in step.parts], step.axis)
            case i.Permute():
                env[step.target] = env[step.target].permute(step.order)
            case i.Reshape():
                shape = [self._dim(d, sizes) for d in step.after]
                env[step.target] = env[step.target].reshape(shape)
            case i.Squeeze():
                move = functional.pixel_shuffle if step.undo else functional.pixel_unshuffle
                env[step.target] = move(env[step.target], step.factor)
            case i.Alloc():
                shape = [self._dim(d, sizes) for d in step.type.shape]
                start = torch.as_tensor(value(step.value), dtype=torch.float64)
                env[step.name] = on_lattice(start, step.type).expand(shape)
            case i.Free() | i.Forget():
                del env[step.name]
            case i.Let():
                givens[step.name] = value(step.value)
            case i.Emit():
                emits[step.name] = value(step.value)
            case i.BlockCall():
                self._call(step, env, givens, slots, sizes, emits)
            case i.Repeat():
                self._repeat(step, env, givens, slots, sizes, emits)
            case _:
                raise NotImplementedError(step.kind)

    def _call(self, step, env, givens, slots, sizes, emits) -> None:
        callee = step.block.inverse() if step.undo else step.block
        inner = {r.name: env.pop(n) for r, n in zip(callee.takes, step.args, strict=True)}
        known = env | givens | dict(zip(step.args, inner.values(), strict=True))
        given = {
            r.name: known[p.name][self._index(p, sizes)]
            for r, p in zip(callee.givens, step.givens, strict=True)
        }
        bound = self._bind(callee, {**inner, **given}, sizes)
        self._run(callee, inner, given, [slots[n] for n in step.nets], bound, emits)
        env.update({n: inner[r.name] for n, r in zip(step.results, callee.gives, strict=True)})

    def _bind(self, _callee: Block, _values: Any, sizes: Any) -> Any:
        return sizes

    def _repeat(self, step, env, givens, slots, sizes, emits) -> None:
        count = int(self._dim(step.count, sizes))
        order = reversed(range(count)) if step.reversed else range(count)
        stacked: dict[str, dict[int, Tensor]] = {}
        for turn in order:
            row = step.nets[turn] if len(step.nets) > 1 else step.nets[0] if step.nets else ()
            inner = {n: env[n] for n in step.registers}
            given = {n: (env | givens)[n] for n in step.givens}
            here = sizes | ({step.index: turn} if step.index else {})
            own: dict[str, Tensor] = {}
            self._run(step.body, inner, given, [slots[n] for n in row], here, own)
            env.update(inner)
            for name, emitted in own.items():
                stacked.setdefault(name, {})[turn] = emitted
        for name, turns in stacked.items():
            emits[name] = torch.stack([turns[t] for t in sorted(turns)])

    def _value(self, x, block, env, givens, slots, sizes) -> Any:
        match x:
            case e.Number():
                return self._dim(x.value, sizes) if isinstance(x.value, Dim) else x.value
            case e.Read():
                known = env[x.place.name] if x.place.name in env else givens[x.place.name]
                return known[self._index(x.place, sizes)] if x.place.index else known
            case e.Elementwise():
                args = [self._value(a, block, env, givens, slots, sizes) for a in x.args]
                function = (
                    BINARY.get(x.function)
                    or FUNCTIONS.get(x.function)
                    or getattr(torch, x.function)
                )
                return function(*[torch.as_tensor(a) for a in args])
            case e.NetCall():
                args = [self._value(a, block, env, givens, slots, sizes) for a in x.args]
                return self._net(block.nets[x.slot], slots, x.slot, args)

    def _net(self, slot, slots, index, args) -> Tensor:
        module = self.nets[slots[index]]
        source = slot.source
        if not isinstance(source, Builtin):
            out = module(*args)
            return out[0] if isinstance(out, tuple) else out
        extra = {}
        if source.tied is not None:
            extra["tied"] = self.nets[slots[source.tied]].weight
        if source.name in ("cross_entropy", "embedding", "parameter"):
            return module(*args, **extra)
        axis = 1 if source.name == "conv" else -1
        return module(torch.cat(args, axis), **extra)

    def _dim(self, dim: Dim, sizes: Any) -> Any:
        total = sum(
            factor * torch.tensor([sizes[n] for n in names], dtype=torch.int64).prod().item()
            for names, factor in dim.terms
        )
        return int(total) if total == int(total) else float(total)

    def _index(self, place: e.Place, sizes: Any) -> Any:
        if not place.index:
            return ...
        return tuple(
            int(self._dim(item.position, sizes))
            if isinstance(item, e.At)
            else slice(
                int(self._dim(item.lo, sizes)),
                None if item.hi is None else int(self._dim(item.hi, sizes)),
            )
            for item in place.index
        )
