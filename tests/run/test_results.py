"""Results keep their run through what PyTorch and its users do to them."""

import copy
import gc
import pickle
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._pytree import tree_map

import revc
from revc.errors import BindError, ReconstructionError
from revc.runtime.model import ReversibleModel
from tests.model import specs
from tests.model.made import make, pair

VALVE = specs.HEAD + (
    "model Net(a, b: [B, T, d]) -> (a, b: [B, T, d]) {\n  a += linear(b)\n"
    "  valve a[.., :4] by logistic(linear(b), step = 1/16) as va\n}"
)
PIXELS = "specs/pixels.rev"


def on_lattice(x: Tensor) -> Tensor:
    return torch.round(x.detach() * 2**20) / 2**20


REBUILT: dict[str, Callable[[Any], Any]] = {
    "type(out)(*out)": lambda o: type(o)(*o),
    "float": lambda o: type(o)(*[t.float() for t in o]),
    "_make": lambda o: type(o)._make(iter(o)),
    "tree_map": lambda o: tree_map(lambda t: t, o),
    "_replace": lambda o: o._replace(a=o.a),
    "detach": lambda o: o.detach(),
    "detached": lambda o: type(o)(*[t.detach() for t in o]),
}


@pytest.mark.parametrize("source", [specs.LAYERS, VALVE], ids=["lattice", "bits"])
@pytest.mark.parametrize("way", REBUILT.values(), ids=REBUILT.keys())
def test_a_rebuilt_result_has_its_run(source: str, way: Callable[[Any], Any]) -> None:
    model, (a, b) = make(source), pair()
    out = way(model(a, b))
    back = model.inverse(out)
    assert torch.equal(back[0], on_lattice(a))
    assert list(out.written) == (["va"] if source is VALVE else [])
    if source is VALVE:
        assert out.ledger.meters == ("va",)


@pytest.mark.parametrize("source", [specs.LAYERS, VALVE], ids=["lattice", "bits"])
def test_a_full_backward_hook_on_the_model(source: str) -> None:
    model, (a, b) = make(source), pair()
    model.register_full_backward_hook(lambda *_: None)
    out = model(a, b)
    assert torch.equal(model.inverse(out)[0], on_lattice(a))
    out.a.sum().backward()
    assert a.grad is not None


def test_a_result_of_copies_says_what_it_lost() -> None:
    model = make()
    with torch.no_grad():
        lost = (lambda o: type(o)(*[t.clone() for t in o]))(model(*pair()))
    with pytest.raises(BindError, match=r"lost its run.*Net\(\.\.\).*copies"):
        model.inverse(lost)


def test_replaced_and_edited_values_count_as_they_are() -> None:
    model, (a, b) = make(), pair(grad=False)
    out, other = model(a, b), model(b, a)
    mixed = model.inverse(out._replace(a=other.a))
    again = model(*mixed)
    assert torch.equal(again.a, other.a)
    assert torch.equal(again.b, out.b)
    out.a.mul_(0.5)
    edited = model(*model.inverse(out))
    torch.testing.assert_close(edited.a, out.a, atol=2e-6, rtol=0)


def test_swapped_values_are_not_taken_for_each_other() -> None:
    model, (a, b) = make(), pair(grad=False)
    out = model(a, b)
    again = model(*model.inverse(out._replace(a=out.b, b=out.a)))
    assert torch.equal(again.a, out.b)
    assert torch.equal(again.b, out.a)


def test_any_values_are_inverted_by_name() -> None:
    model, (a, b) = make(), pair(grad=False)
    first, second = model(a, b), model(b, a)
    half = model.inverse(a=(first.a + second.a) / 2, b=(first.b + second.b) / 2)
    out = model(*half)
    torch.testing.assert_close(out.a, (first.a + second.a) / 2, atol=2e-6, rtol=0)
    mixed, named = model.inverse(first, b=second.b), model.inverse(a=first.a, b=second.b)
    assert all(torch.equal(one, other) for one, other in zip(mixed, named, strict=True))
    again = model(*mixed)
    torch.testing.assert_close(again.a, first.a, atol=2e-6, rtol=0)
    torch.testing.assert_close(again.b, second.b, atol=2e-6, rtol=0)


def test_values_by_name_are_checked() -> None:
    model, (a, b) = make(), pair(grad=False)
    cases: dict[str, dict[str, Any]] = {
        "needs b": {"a": a}, "'c' does not fit": {"a": a, "b": b, "c": b},
        "the spec says": {"a": a[0], "b": b}, "not a tensor": {"a": 1.0, "b": b},
    }  # fmt: skip
    for message, values in cases.items():
        with pytest.raises(BindError, match=message):
            model.inverse(**values)


def test_what_a_tape_would_hold_is_drawn() -> None:
    model, (a, b) = make(VALVE), pair(grad=False)
    out = model(a, b)
    with pytest.raises(BindError, match="changed since the run"):
        model.inverse(out._replace(a=out.a + 1))
    torch.manual_seed(1)
    drawn = model.inverse(a=out.a, b=out.b)
    torch.manual_seed(1)
    assert all(
        torch.equal(x, y) for x, y in zip(model.inverse(a=out.a, b=out.b), drawn, strict=True)
    )
    assert torch.equal(drawn[1], on_lattice(b)), "the valve reads b and leaves it"


def test_plain_values_are_pickled_and_copied() -> None:
    model, (a, b) = make(), pair(grad=False)
    with torch.no_grad():
        out = model(a, b)
    for again in (pickle.loads(pickle.dumps(out)), copy.deepcopy(out)):
        assert torch.equal(again.a, out.a)
        assert torch.equal(model.inverse(again)[0], on_lattice(a))


def test_a_loss_does_not_hold_the_state() -> None:
    model, (a, b) = make(), pair()
    out = model(a, b)
    holder, loss = weakref.ref(out._holder), out.a.sum()
    node = out.a.grad_fn.next_functions[0][0]
    del out
    gc.collect()
    assert holder() is None
    assert node.run.final is not None, "the graph needs it"
    loss.backward()
    assert node.run.final is None


def test_a_changed_parameter_is_noticed_by_the_inverse() -> None:
    model = make()
    out = model(*pair(grad=False))
    with torch.no_grad():
        next(model.parameters()).mul_(1.5)
    with pytest.raises(ReconstructionError, match="does not come back"):
        model.inverse(out)


def test_members_can_be_listed() -> None:
    import inspect

    model = make()
    assert {"segments", "inverse", "bits"} <= {name for name, _ in inspect.getmembers(model)}


@pytest.mark.parametrize("source", [specs.LAYERS, specs.LANGUAGE, VALVE])
def test_shapes_are_computed_without_data(source: str) -> None:
    model = make(source)
    names = model.interface.order
    label = source is specs.LANGUAGE
    real = torch.zeros(3, 5, dtype=torch.int64) if label else torch.zeros(3, 5, 8)
    wanted = [t.shape for t in model(*[real] * len(names))]
    with FakeTensorMode(allow_non_fake_inputs=True):
        fake = torch.zeros(real.shape, dtype=real.dtype)
        assert [t.shape for t in model(*[fake] * len(names))] == wanted
    meta = make(source).to("meta")
    out = meta(*[real.to("meta")] * len(names))
    assert [t.shape for t in out] == wanted


def test_bits_are_not_coded_without_data() -> None:
    model = make(VALVE)
    names = model.interface.order
    with FakeTensorMode(allow_non_fake_inputs=True):
        fake = [torch.zeros(3, 5, 8)] * len(names)
        assert model(*fake).ledger.meters
        with pytest.raises(BindError, match=r"is a fake tensor, and bits of .* are asked for"):
            model.compress(*fake)
    with pytest.raises(BindError, match=r"is a meta tensor, and bits of .* are asked for"):
        model.compress(*[torch.zeros(3, 5, 8, device="meta")] * len(names))


REFUSED: dict[str, tuple[Callable[[ReversibleModel, Tensor], Any], str]] = {
    "grad": (lambda m, x: torch.func.grad(lambda a: m(a, a).a.sum())(x), "torch.func"),
    "vmap": (lambda m, x: torch.func.vmap(lambda a: m(a, a).a)(x[None]), "torch.func"),
    "jvp": (lambda m, x: torch.func.jvp(lambda a: m(a, a).a, (x,), (x,)), "torch.func|tangent"),
    "trace": (lambda m, x: torch.jit.trace(m, (x, x)), r"torch\.jit"),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(("call", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_transforms_are_refused_in_our_words(call: Any, message: str) -> None:
    with pytest.raises(BindError, match=message):
        call(make(), pair(grad=False)[0])


def test_pixels_decode_from_nothing_but_their_bytes() -> None:
    codec = revc.compile(PIXELS).eval()
    x = torch.randint(0, 17, (2, 1, 8, 8))
    assert torch.equal(codec.decompress(codec.compress(x)), x)
