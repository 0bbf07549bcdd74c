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

from revc.errors import BindError
from revc.runtime.known_models import known
from revc.runtime.nets.capture.cache import process_settings
from revc.runtime.nets.capture.questions import SPACES, Question, ask, questions
from revc.runtime.nets.capture.refusal import Refusal
from revc.runtime.nets.capture.regions import Form, Pair, Regions, paired
from revc.runtime.nets.capture.trace import Sample, trace
from revc.runtime.nets.leaf import Coded, Leaf
from revc.runtime.state.lattice import decode


class InRegion(NamedTuple):
    """What the VJP of one evaluation takes: the key of its regions, and what `back` does."""

    pair: str
    values: tuple[Tensor, ...]
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
    code: str, name: str, cast: torch.dtype | None, forms: tuple[tuple[Any, ...], ...]
) -> str:
    """Return the key of a net's regions for such inputs; nothing if it is called as it is.

    Raises:
        BindError: it must be captured and cannot be, or is called and draws random numbers.
    """
    model = known(code)
    module = model.nets.get_submodule(name)
    key = code, name, cast, forms, *map(_flags, module.parameters())
    inputs = [Form(*one) for one in forms]
    try:
        settings = _settings(model, name, module)
    except Refusal as refusal:
        return _called(model, name, _uncaptured(module, cast, inputs, str(refusal)))
    now = settings, process_settings(forms[0][3] if forms else torch.device("cpu"))
    if key not in _found or _found[key][0] != now:
        if not any(one[0] == code for one in _found):  # type: ignore[index]
            weakref.finalize(model, _forget, code)
        _found[key] = now, _made(code, name, module, cast, inputs)
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


def _uncaptured(
    module: nn.Module, cast: torch.dtype | None, forms: Sequence[Form], why: str
) -> Refusal:
    """Return why a module is called, and whether it draws, which a trace of it shows."""
    try:
        joint = trace(module, Sample([*module.parameters()], [*map(_sample, forms)], cast))
    except Refusal as refusal:
        return Refusal(why, refusal.draws)
    return Refusal(why, bool(joint.random))


# What torch.compiler.assume_constant_result does, which imports all of Dynamo to do it.
asked._dynamo_marked_constant = True  # type: ignore[attr-defined]
key_of._dynamo_marked_constant = True  # type: ignore[attr-defined]


def region_of(leaf: Leaf, wanted: tuple[bool, ...], inputs: tuple[Tensor | Coded, ...]) -> str:
    """Return the key of the regions of a net, where a compiler traces; nothing if it has none."""
    if not leaf.code:
        return ""
    forms = tuple(_form(x, w) for x, w in zip(inputs, wanted, strict=True))
    if leaf.capture != "never":
        # What is asked here is guarded: where it is another, this is traced anew.
        ask(space_of(leaf.code, leaf.name), asked(leaf.code, leaf.name))
    return key_of(leaf.code, leaf.name, leaf.cast, forms)


def _form(value: Tensor | Coded, wants: bool) -> tuple[Any, ...]:
    """Return the fields of an input's `Form`."""
    x, code = (value.raw, value[1:]) if isinstance(value, Coded) else (value, None)
    return _fixed(x.shape), _fixed(x.stride()), x.dtype, x.device, wants, code


def _fixed(sizes: Sequence[int]) -> tuple[int, ...]:
    """Return sizes that are no symbols."""
    return tuple([len(range(size)) for size in sizes])


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
    values = (*[given[index] for index in found.direct], *kept)
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
    """Return a cotangent with shape, dtype and strides as they were traced."""
    out = torch.empty_strided(form.shape, form.stride, dtype=form.dtype, device=cotangent.device)
    return out.copy_(cotangent)


def _flags(value: Tensor) -> Hashable:
    return tuple(value.shape), value.dtype, value.device, value.requires_grad


def _forget(code: str) -> None:
    _regions.pop(code, None)
    for key in [one for one in _found if one[0] == code]:  # type: ignore[index]
        found = _found.pop(key)[1]
        if isinstance(found, str):
            vars(PAIRS).pop(found, None)
    for key in [one for one in vars(SPACES) if one.rpartition(" ")[0] == code]:
        delattr(SPACES, key)


def _made(
    code: str, name: str, module: nn.Module, cast: torch.dtype | None, forms: Sequence[Form]
) -> str | Refusal:
    """Make a net's regions; return their key, or else why there are none."""
    inputs = [_sample(form) for form in forms]
    try:
        joint = trace(module, Sample([*module.parameters()], inputs, cast))
    except Refusal as refusal:
        return refusal
    key = f"pair_{next(_numbers)}"
    wants = [x.requires_grad for x in (*module.parameters(), *inputs)]
    regions = _regions.setdefault(code, Regions())
    setattr(PAIRS, key, paired(joint, wants, [form.code for form in forms], regions))
    return key


def _sample(form: Form) -> Tensor:
    """Return a tensor like what the net takes of an input."""
    like = torch.empty_strided(form.shape, form.stride, dtype=form.dtype, device="meta")
    if form.code is not None:
        like = decode(like, *form.code)
    x = torch.empty_strided(like.shape, like.stride(), dtype=like.dtype, device=form.device)
    return x.requires_grad_(form.wants)
