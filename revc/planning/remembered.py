"""What operators gave for fake tensors of some forms, so that it need not be found out again.

`FakeTensorMode` takes a quarter of a millisecond for an operator, most of it to find what it may
reuse. A step of a model calls the same few hundred operators on the same few forms tens of
thousands of times; here each is asked once, and its results are made of their forms after that.
"""

from collections.abc import Hashable, Iterable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor, in_kernel_invocation_manager

LIMIT = 20_000
"""How many answers are kept; when there are more, all are forgotten."""

_PLAIN = (bool, int, float, str, type(None), torch.dtype, torch.device, torch.layout,
          torch.memory_format)  # fmt: skip


class _UnusualError(Exception):
    """A call whose results its arguments' forms may not say all about."""


class Form(NamedTuple):
    """All that operators without numbers see of a strided tensor."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int
    dtype: torch.dtype
    device: torch.device


class Result(NamedTuple):
    """A result: of its form, fresh, or a view of the argument at `of`, or that argument itself."""

    form: Form
    of: int | None = None
    itself: bool = False


class Answer(NamedTuple):
    """What a call gave: its result or results, and how many operations it counts."""

    results: tuple[Result | None, ...]
    kind: type
    operations: int


class Asked(NamedTuple):
    """A call of an operator: its form, and the tensors among its arguments in order."""

    key: Hashable
    tensors: list[Tensor]


_ANSWERS: dict[Hashable, Answer] = {}


def asked(func: Any, args: Any, kwargs: Any) -> Asked | None:
    """Return the form of a call, or None where its results may depend on something else.

    Only ATen's operators on strided fake tensors that no constant stands behind are asked by form.
    """
    if func.namespace != "aten":
        return None
    tensors: list[Tensor] = []
    try:
        key = (func, _forms(args, tensors), _forms(kwargs.items(), tensors))
    except _UnusualError:
        return None
    return Asked(key, tensors) if tensors else None


def recalled(call: Asked) -> Answer | None:
    """Return what a call of that form gave before."""
    return _ANSWERS.get(call.key)


def remember(call: Asked, func: Any, args: Any, kwargs: Any, out: Any, operations: int) -> None:
    """Keep what a call gave, unless its results say more than their forms."""
    again = asked(func, args, kwargs)
    if again is None or again.key != call.key:
        return  # it changed what an argument is
    kind = type(out)
    outs: Sequence[Any] = out if kind in (tuple, list) else (out,)
    try:
        results = tuple(_results(outs, call.tensors))
    except _UnusualError:
        return
    if len(_ANSWERS) >= LIMIT:
        _ANSWERS.clear()
    _ANSWERS[call.key] = Answer(results, kind, operations)


def answered(answer: Answer, tensors: Sequence[Tensor]) -> Any:
    """Return results as the call would give them for these arguments."""
    made = [None if one is None else _made(one, tensors) for one in answer.results]
    return answer.kind(made) if answer.kind in (tuple, list) else made[0]


def _forms(values: Iterable[Any], tensors: list[Tensor]) -> tuple[Hashable, ...]:
    found: list[Hashable] = []
    for value in values:
        kind = type(value)
        if kind in _PLAIN:
            found.append((kind, value))  # 1, 1.0 and True are equal
        elif isinstance(value, Tensor):
            tensors.append(value)
            found.append(_form(value))
        elif kind in (list, tuple):
            found.append(_forms(value, tensors))
        else:
            raise _UnusualError
    return tuple(found)


def _form(value: Tensor) -> Form:
    if (
        not isinstance(value, FakeTensor) or value.constant is not None
        or value.layout is not torch.strided or value.is_conj() or value.is_neg()
    ):  # fmt: skip
        raise _UnusualError
    shape, stride = tuple(value.shape), value.stride()
    return Form(shape, stride, int(value.storage_offset()), value.dtype, value.fake_device)


def _results(outs: Iterable[Any], tensors: Sequence[Tensor]) -> Iterable[Result | None]:
    owners = {one.untyped_storage()._cdata: at for at, one in reversed([*enumerate(tensors)])}
    for out in outs:
        if out is None:
            yield None
            continue
        if not isinstance(out, Tensor):
            raise _UnusualError
        form = _form(out)
        storage = out.untyped_storage()
        same = next((at for at, one in enumerate(tensors) if one is out), None)
        of = owners.setdefault(storage._cdata, -1) if same is None else same
        if of == -1:
            if form.offset or storage.nbytes() != _span(form) * out.element_size():
                raise _UnusualError
            owners[storage._cdata] = -2  # another result of the same storage is unusual
        elif of == -2:
            raise _UnusualError
        yield Result(form, None if of == -1 else of, same is not None)


def _span(form: Form) -> int:
    """Return how many elements a storage has at least."""
    if 0 in form.shape:
        return 0
    return 1 + sum((size - 1) * step for size, step in zip(form.shape, form.stride, strict=True))


def _made(result: Result, tensors: Sequence[Tensor]) -> Tensor:
    if result.of is not None and result.itself:
        return tensors[result.of]
    mode = tensors[0].fake_mode  # type: ignore[attr-defined]
    shape, stride, offset, dtype, device = result.form
    with in_kernel_invocation_manager(mode):
        made = torch.empty_strided(
            shape if result.of is None else (0,), stride if result.of is None else (1,),
            dtype=dtype, device="meta",
        )  # fmt: skip
        if result.of is not None:
            made.set_(tensors[result.of].untyped_storage(), offset, shape, stride)
    return FakeTensor(mode, made, device)
