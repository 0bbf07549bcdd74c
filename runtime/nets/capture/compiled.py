"""Captured modules where torch.compile traces a run: graphs that it compiles once.

The forward pass and the rebuild call the same region, so both have the same bits however it is
fused. Nets of one model whose graphs are alike share their regions.
"""

import itertools
import weakref
from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

from revc.errors import BindError
from revc.runtime import settled
from revc.runtime.known_models import known
from revc.runtime.nets.capture.cache import process_settings
from revc.runtime.nets.capture.questions import SPACES, Question, ask, questions
from revc.runtime.nets.capture.refusal import Refusal
from revc.runtime.nets.capture.regions import Code, Form, Pair, Regions, paired
from revc.runtime.nets.capture.trace import Joint, Sample, trace
from revc.runtime.nets.leaf import Coded, Leaf
from revc.runtime.open_sizes import hint, is_open, named
from revc.runtime.shown import show, shown
from revc.runtime.state.lattice import decode


class InRegion(NamedTuple):
    """What the VJP of one evaluation takes: the key of its regions, and what `back` does."""

    pair: str
    values: tuple[Tensor | int, ...]
    inputs: tuple[Tensor | Coded, ...]
    wanted: tuple[bool, ...]


class Pairs:
    """Regions as attributes, by key: a compiler looks up an attribute when it asks for it."""


PAIRS = Pairs()
"""The regions of all models that live."""

_numbers = itertools.count(1)

_found: dict[Hashable, tuple[Any, str | Refusal]] = {}

_regions: dict[str, Regions] = {}
"""The regions of each model, by its code."""


def asked(code: str, name: str) -> tuple[Question, ...]:
    """Return the numbers, strings and flags that a net's code may ask for."""
    return questions(space_of(code, name), known(code).nets.get_submodule(name))


def space_of(code: str, name: str) -> str:
    """Return the key of what a net's code asks; a compiler wants it without dots."""
    return f"{code} {name.replace('.', '/')}"


def key_of(
    code: str,
    name: str,
    cast: torch.dtype | None,
    wanted: tuple[bool, ...],
    codes: tuple[Code | None, ...],
) -> str:
    """Return the key of a net's regions for the inputs shown; nothing if it is called as it is.

    `wanted` says whose gradients are, `codes` how those are decoded that are lattice state.

    Raises:
        BindError: it must be captured and cannot be, or is called and draws random numbers.
    """
    model, inputs = known(code), shown(len(wanted))
    module = model.nets.get_submodule(name)
    forms = tuple(map(_form, inputs)), wanted, codes
    key = code, name, cast, forms, _world(inputs), *map(_flags, module.parameters())
    call = _Call(module, cast, inputs, wanted, codes)
    try:
        settings = _settings(model, name, module)
    except Refusal as refusal:
        return _called(model, name, call.uncaptured(str(refusal)))
    devices = (x.device for x in inputs)
    now = settings, process_settings(next(devices, torch.device("cpu")))
    if key not in _found or _found[key][0] != now:
        if not any(one[0] == code for one in _found):  # type: ignore[index]
            weakref.finalize(model, _forget, code)
        _found[key] = now, _made(code, call)
    _, found = _found[key]
    return _called(model, name, found) if isinstance(found, Refusal) else found


def _settings(model: Any, name: str, module: nn.Module) -> Any:
    if model.capture == "never":
        raise Refusal("the model captures none")
    return model.looks[name].settings(module)


def _called(model: Any, name: str, why: Refusal) -> str:
    """Return no key, for a net that is called as it is.

    Raises:
        BindError: it must be captured, or would draw other numbers when its input is rebuilt.
    """
    if model.capture == "require":
        raise BindError(f"net {name!r} is not captured, as the model requires: {why}")
    if why.draws:
        raise BindError(
            f"net {name!r} draws random numbers and is called as it is ({why}), which compiled "
            'code would not draw again: run this model in eager mode, with `rng = "replay"`'
        )
    return ""


# What torch.compiler.assume_constant_result does, which imports all of Dynamo to do it.
asked._dynamo_marked_constant = True  # type: ignore[attr-defined]
key_of._dynamo_marked_constant = True  # type: ignore[attr-defined]


def region_of(leaf: Leaf, wanted: tuple[bool, ...], inputs: tuple[Tensor | Coded, ...]) -> str:
    """Return the key of the regions of a net, where a compiler traces; nothing if it has none."""
    if not leaf.code:
        return ""
    codes = tuple([x[1:] if isinstance(x, Coded) else None for x in inputs])
    if leaf.capture != "never":
        # What is asked here is guarded: where it is another, this is traced anew.
        ask(space_of(leaf.code, leaf.name), asked(leaf.code, leaf.name))
    for x in inputs:
        show(x.raw if isinstance(x, Coded) else x)
    return key_of(leaf.code, leaf.name, leaf.cast, wanted, codes)


def _form(x: Tensor) -> Hashable:
    return named(x.shape), named(x.stride()), x.dtype, x.device


_worlds: "weakref.WeakKeyDictionary[Any, int]" = weakref.WeakKeyDictionary()


def _mode(inputs: Sequence[Tensor]) -> FakeTensorMode:
    """Return the mode in which a net is traced: that of the compiler if it leaves sizes open.

    It then guards what the net's code asks of those.
    """
    is_static = not any(map(is_open, inputs))
    fake = next((x for x in inputs if isinstance(x, FakeTensor)), None)
    return FakeTensorMode() if is_static or fake is None else fake.fake_mode


def _world(inputs: Sequence[Tensor]) -> int:
    """Return a number for what symbols mean, which another trace of a compiler gives others."""
    env = _mode(inputs).shape_env
    return 0 if env is None else _worlds.setdefault(env, next(_numbers))


def run(
    leaf: Leaf, key: str, wanted: tuple[bool, ...], inputs: tuple[Tensor | Coded, ...], place: str
) -> Any:
    """Return the output and what pulls it back."""
    found: Pair = getattr(PAIRS, key)
    held = [one.rows(leaf.module)[one.name] for one in found.others]
    given = [*leaf.params, *held, *[x.raw if isinstance(x, Coded) else x for x in inputs]]
    if found.draws:
        assert leaf.traced is not None  # a run that a compiler traces has its keys
        given.append(leaf.traced.draw(leaf.name, place))
    out, *kept = found.front(*given)
    sizes = [given[index].shape[axis] for index, axis in found.sizes]
    values = (*[given[index] for index in found.direct], *kept, *sizes)
    return out, InRegion(key, values, inputs, wanted)


def pull(leaf: Leaf, handle: InRegion, cotangent: Tensor) -> tuple[Any, ...]:
    """Return the cotangents of the parameters, as a tuple, and of each input."""
    regions: Pair = getattr(PAIRS, handle.pair)
    found: list[Tensor] = []
    if regions.back is not None and regions.cotangent is not None:
        found = [*regions.back(*handle.values, like(cotangent, regions.cotangent))]
    rest = [found.pop(0) if gives else None for gives in regions.gives]
    count = len(leaf.params)
    by_inputs = [
        _zeros(x) if w and grad is None else grad
        for x, w, grad in zip(handle.inputs, handle.wanted, rest[count:], strict=True)
    ]
    return (tuple(rest[:count]), *by_inputs)


def _zeros(x: Tensor | Coded) -> Tensor:
    if isinstance(x, Coded):
        return torch.zeros_like(x.raw, dtype=x.dtype)
    return torch.zeros_like(x)


def like(cotangent: Tensor, form: Form) -> Tensor:
    """Return a copy of a cotangent with dtype and strides as they were traced."""
    back = [form.axes.index(axis) for axis in range(len(form.axes))]
    dense = cotangent.to(form.dtype).permute(form.axes).clone(memory_format=torch.contiguous_format)
    return dense.permute(back)


def _flags(value: Tensor) -> Hashable:
    return tuple(value.shape), value.dtype, value.device, value.requires_grad


def _forget(code: str) -> None:
    _regions.pop(code, None)
    settled.forget(code)
    for key in [one for one in _found if one[0] == code]:  # type: ignore[index]
        found = _found.pop(key)[1]
        if isinstance(found, str):
            vars(PAIRS).pop(found, None)
    for key in [one for one in vars(SPACES) if one.rpartition(" ")[0] == code]:
        delattr(SPACES, key)


class _Call(NamedTuple):
    """A call of a net where a compiler traces it, with what that knows of its inputs."""

    module: nn.Module
    cast: torch.dtype | None
    inputs: list[Tensor]
    wanted: tuple[bool, ...]
    codes: tuple[Code | None, ...]

    def joint(self) -> Joint:
        """Return the net's graph, where sizes are open if the compiler leaves them so.

        Raises:
            Refusal: there is none.
            UnspecializeRestartAnalysis: it settles sizes, which is Dynamo's to catch.
        """
        mode = _mode(self.inputs)
        try:
            found = trace(self.module, self._sample(mode))
        except Refusal:
            settled.check()
            if mode.shape_env is not None and self._is_traced_settled():
                settled.settle(self.inputs)
            raise
        settled.check()
        return found

    def uncaptured(self, why: str) -> Refusal:
        """Return why a module is called, and whether it draws, which a trace of it shows."""
        try:
            joint = trace(self.module, self._sample(FakeTensorMode()))
        except Refusal as refusal:
            return Refusal(why, refusal.draws)
        return Refusal(why, bool(joint.random))

    def wants(self) -> tuple[bool, ...]:
        """Return whose gradients are wanted, of parameters and inputs."""
        return (*(x.requires_grad for x in self.module.parameters()), *self.wanted)

    def _is_traced_settled(self) -> bool:
        try:
            trace(self.module, self._sample(FakeTensorMode()))
        except Refusal:
            return False
        return True

    def _sample(self, mode: FakeTensorMode) -> Sample:
        made = []
        for x, wants, code in zip(self.inputs, self.wanted, self.codes, strict=True):
            with mode:
                raw = _empty(x, is_settled=mode.shape_env is None)
                own = raw if code is None else _empty(decode(raw, *code))
            made.append(own.requires_grad_(wants))
        return Sample([*self.module.parameters()], made, self.cast, mode)


def _empty(x: Tensor, is_settled: bool = False) -> Tensor:
    """Return a tensor in the form of another, with numbers for open sizes if they are settled."""
    shape, stride = list(x.shape), list(x.stride())
    if is_settled:
        shape, stride = [*map(hint, shape)], [*map(hint, stride)]
    return torch.empty_strided(shape, stride, dtype=x.dtype, device=x.device)


def _made(code: str, call: _Call) -> str | Refusal:
    """Make a net's regions; return their key, or else why there are none."""
    try:
        joint = call.joint()
    except Refusal as refusal:
        return refusal
    key = f"pair_{next(_numbers)}"
    regions = _regions.setdefault(code, Regions())
    setattr(PAIRS, key, paired(joint, call.wants(), call.codes, regions))
    return key
