"""Results that are made of remembered forms are those that fake tensors give."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils._pytree import tree_leaves

from revc.planning import held, remembered
from revc.planning.held import Held
from revc.planning.step import fake_step
from tests.planner import test_metered as metered
from tests.planner import test_models as models

Call = Callable[..., Any]
CALLS: dict[str, Call] = {
    "fresh": lambda a, _b: a.T @ a,
    "view": lambda a, _b: a[1:, ::2].T,
    "another dtype": lambda a, _b: a.view(torch.int32),
    "in place": lambda a, _b: a.mul_(2),
    "out": lambda a, b: torch.add(a, 1, out=b),
    "several": lambda a, _b: torch.ops.aten.native_layer_norm(a, [8], None, None, 1e-5),
    "views": lambda a, _b: a.split([3, 5], 1),
    "list": lambda a, b: torch.stack([a, b, a]),
    "strides": lambda a, _b: torch.empty_strided((4, 8), (1, 4)).add_(a),
    "resized": lambda a, b: torch.add(a[:2], 1, out=b.resize_(0)),
    "copied": lambda a, _b: a.to(torch.float64),
    "empty": lambda a, _b: a[:0].clone(),
    "no results": lambda a, b: torch._foreach_add_([a, b], 1),
    "unlike integers and floats": lambda a, _b: (a.int() * 2, a.int() * 2.0, a.int() * True),
}


def forms(values: Any) -> list[Any]:
    """Return what can be seen of tensors, and which of them share storages."""
    found = [v for v in tree_leaves(values) if isinstance(v, Tensor)]
    seen: dict[int, int] = {}
    return [
        (tuple(v.shape), v.stride(), v.storage_offset(), v.dtype, v.device, v.requires_grad,
         v.untyped_storage().nbytes(), seen.setdefault(v.untyped_storage()._cdata, len(seen)))
        for v in found
    ]  # fmt: skip


def pairs(mode: FakeTensorMode) -> tuple[Tensor, Tensor]:
    with mode:
        return torch.empty(4, 8), torch.empty(4, 8)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_a_call_gives_what_it_gave(call: Call) -> None:
    seen = []
    for _ in range(3):
        given = pairs(mode := FakeTensorMode())
        with mode:
            wanted = forms([call(*given), given])
        given = pairs(mode := FakeTensorMode())
        with mode, Held() as counts:
            out = call(*given)
            assert forms([out, given]) == wanted
        seen.append((counts.peak, counts.operations, counts.now))
        assert all(isinstance(v, FakeTensor) for v in tree_leaves(out) if v is not None)
    assert seen == seen[:1] * 3


def test_every_answer_is_what_is_given_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step asks by form; whatever is recalled is asked of the fake tensors too."""
    recalled = 0

    def remember(call: Any, func: Any, args: Any, kwargs: Any, out: Any, counted: int) -> None:
        nonlocal recalled
        known = remembered.recalled(call)
        if known is not None:
            recalled += 1
            assert forms([remembered.answered(known, call.tensors), call.tensors]) == forms(
                [out, call.tensors]
            ), func
            assert known.operations == counted, func
        remembered.remember(call, func, args, kwargs, out, counted)

    monkeypatch.setattr(held, "recalled", lambda _: None)
    monkeypatch.setattr(held, "remember", remember)
    for name in models.MODELS:
        model, values = models.made(name)
        fake_step(model, values, "invert")
    assert recalled > 1000


@pytest.mark.parametrize("name", metered.MODELS)
def test_a_step_is_the_same_without_memory(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, values = metered.made(name)
    step = fake_step(model, values, "invert")
    monkeypatch.setattr(held, "asked", lambda *_: None)
    assert fake_step(model, values, "invert") == step
