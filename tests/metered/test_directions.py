"""One program, all directions: scores, bytes, samples."""

import pytest
import torch

import revc
from revc.errors import BindError
from revc.runtime.bits.errors import (
    ContainerError,
    DamagedTapeError,
    SymbolError,
    TapeMismatchError,
)
from revc.runtime.metered.session import Options
from revc.runtime.model import ReversibleModel


def digits() -> tuple[ReversibleModel, torch.Tensor]:
    torch.manual_seed(0)
    return revc.compile("specs/digits.rev"), torch.randint(0, 17, (6, 1, 8, 8)).float()


def classifier() -> tuple[ReversibleModel, torch.Tensor]:
    torch.manual_seed(0)
    return revc.compile("specs/classify.rev"), torch.randn(6, 64)


def test_a_codec_loses_nothing() -> None:
    model, image = digits()
    data = model.compress(image)
    assert torch.equal(model.decompress(data), image)
    assert model.compress(image) == data, "the same image, the same bytes"


def test_bytes_and_predicted_bits_agree() -> None:
    model, image = digits()
    image = torch.randint(0, 4, (512, 1, 8, 8)).float()
    data = model.compress(image)
    written = float(model(image).ledger.bits("written").sum())
    assert abs(written / float(model.score(image).detach().sum()) - 1) < 0.01
    assert 0 <= len(data) - written / 8 < 700, "the rest is the header"


def test_a_score_is_the_code_length_and_differentiable() -> None:
    model, image = digits()
    bits = model.score(image)
    assert bits.shape == (6,)
    bits.mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_given_labels_score_as_cross_entropy() -> None:
    model, image = classifier()
    labels = torch.arange(6)
    bits = model.score(image, out=labels)
    given = model.run({"image": image}, Options(given={"out": [labels]}))
    assert not given.ledger.bits("drawn").any(), "nothing is drawn where values are given"
    bits.sum().backward()
    twin, _ = classifier()
    z = twin(image).z
    head = twin.nets.get_submodule("linear_1")
    wanted = torch.nn.functional.cross_entropy(head(z), labels, reduction="none") / torch.log(
        torch.tensor(2.0)
    )
    torch.testing.assert_close(bits, wanted, atol=1e-5, rtol=1e-5)
    wanted.sum().backward()
    for one, other in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, atol=1e-5, rtol=1e-4)


def test_predictions_are_drawn_and_repeat_with_their_seed() -> None:
    model, image = classifier()
    torch.manual_seed(5)
    first = model(image).y
    assert not torch.equal(torch.stack([model(image).y for _ in range(4)]), first.expand(4, 6))
    torch.manual_seed(5)
    assert torch.equal(model(image).y, first)
    model.bits.seed = 3
    assert torch.equal(model(image).y, model(image).y)


def test_samples_come_back_through_the_model() -> None:
    model, _ = digits()
    sample = model.sample(4, seed=3)
    assert torch.equal(model.sample(4, seed=3), sample)
    assert not torch.equal(model.sample(4, seed=4), sample)
    assert sample.shape == (4, 1, 8, 8)
    assert sample.abs().max() < 1000, "no escapes"
    assert torch.equal(model.decompress(model.compress(sample)), sample)


@pytest.mark.parametrize("at", [0.1, 0.5, 0.9])
def test_damaged_bytes_are_refused(at: float) -> None:
    model, image = digits()
    data = bytearray(model.compress(image))
    data[int(len(data) * at)] ^= 4
    with pytest.raises((ContainerError, ValueError)):
        model.decompress(bytes(data))


def test_cut_bytes_are_refused() -> None:
    model, image = digits()
    data = model.compress(image)
    for length in (0, 10, len(data) // 2, len(data) - 1):
        with pytest.raises(ContainerError):
            model.decompress(data[:length])
    with pytest.raises(DamagedTapeError):
        model.decompress(data + b"x")


def test_another_models_bytes_are_refused() -> None:
    model, image = digits()
    data = model.compress(image)
    with torch.no_grad():
        next(iter(model.parameters())).view(-1)[0] += 1e-3
    with pytest.raises(TapeMismatchError, match="another set of weights"):
        model.decompress(data)
    other, _ = classifier()
    with pytest.raises(TapeMismatchError, match="another program"):
        other.decompress(data, torch.zeros(6, 64))


def test_what_cannot_be_done_is_said() -> None:
    model, image = classifier()
    with pytest.raises(BindError, match="cannot be sampled"):
        model.sample(3)
    with pytest.raises(SymbolError, match="label below 10"):
        model.score(image, out=torch.full((6,), 10))
    with pytest.raises(SymbolError, match=r"out is \[6\]"):
        model.score(image, out=torch.zeros(5, dtype=torch.int64))
    plain = revc.compile(
        "dim B, d = 4\nstate lattice(Q12.20)\nmodel N(a: [B, d]) -> (a: [B, d]) { negate a }"
    )
    for call in (plain.score, plain.compress):
        with pytest.raises(BindError, match="exchanges no bits"):
            call(torch.zeros(2, 4))
    codec, _ = digits()
    with pytest.raises(BindError, match="at least one sample"):
        codec.sample(0)
    with pytest.raises(BindError, match="exchanges no bits"):
        plain(torch.zeros(2, 4)).ledger  # noqa: B018


def test_leftover_state_is_packed_with_the_bits() -> None:
    spec = """
use std.nets: linear
dim B, d = 6
state lattice(Q12.20)
model N(a, b: [B, d], given c: float32[B, d]) -> (a: [B, d]) {
  a += linear(b, c)
  put b by logistic(linear(a), step = 1/64) as code
}
"""
    torch.manual_seed(0)
    model = revc.compile(spec)
    a, b, c = torch.randn(3, 6), torch.randn(3, 6), torch.randn(3, 6)
    data = model.compress(a, b, c)
    back = model.decompress(data, c)
    again = model.decompress(data, c=c)
    for value, twin, was in zip(back, again, (a, b), strict=True):
        assert torch.equal(value, twin)
        torch.testing.assert_close(value, was, atol=1e-6, rtol=0)
    with pytest.raises(TapeMismatchError, match="another set of givens"):
        model.decompress(data, c + 1)
    with pytest.raises(BindError, match="is given c"):
        model.decompress(data)


EXCHANGES = """
use std.nets: linear, parameter
dim B, d = 6
state lattice(Q12.20)
tape log
model M(a, b: [B, d]) -> (a, b: [B, d]) {
  valve a by logistic(linear(b), step = 1/16) as va
  draw e: [B, d] by logistic(linear(a), step = 1/16) as noise
  b += e
  put e by logistic(linear(a), step = 1/16) as back on log
}
"""


def test_what_touches_several_stacks_comes_back_from_bytes() -> None:
    torch.manual_seed(0)
    model = revc.compile(EXCHANGES)
    start = model.inverse(model(*torch.randn(2, 5, 6)))
    for value, was in zip(model.decompress(model.compress(*start)), start, strict=True):
        assert torch.equal(value, was)


@pytest.mark.parametrize(("lattice", "step"), [("Q16.0", "1"), ("Q12.4", "1/4"), ("Q12.4", "3/4")])
@pytest.mark.parametrize("family", ["logistic(p", "gaussian(p", "logistic_mixture(p, components=2"])
def test_the_ends_of_a_lattice_come_back(lattice: str, step: str, family: str) -> None:
    size = 24 if "mixture" in family else 8
    model = revc.compile(
        "use std.nets: parameter\ndim B\n"
        f"state lattice({lattice})\n"
        f"model M(x: [B, 4]) {{\n put x by {family.replace('p', f'parameter([{size}])', 1)}, "
        f"step = {step}) as code\n}}"
    )
    whole, fraction = (int(part) for part in lattice[1:].split("."))
    low, high = -(2.0 ** (whole - 1)), 2.0 ** (whole - 1) - 2.0**-fraction
    x = torch.tensor([[low, high, 0.0, 1.0], [low + 1, high - 1, low, high]])
    assert torch.equal(model.decompress(model.compress(x)), x)
    model(x)
    model.score(x).sum().backward()


def test_throttles_and_drops_are_no_part_of_a_sample() -> None:
    for residue in ("carry", "drop(16)"):
        model = revc.compile(
            "use std.nets: linear, parameter\ndim B, d = 6\nstate lattice(Q12.20)\n"
            "model M(a, b: [B, d]) {\n"
            f"valve a by logistic(linear(b), step = 1/16, residue = {residue}) as va\n"
            "put a by logistic(linear(b), step = 1/16) as ca\n"
            "put b by logistic(parameter([12]), step = 1/16) as cb\n}\n"
            "budget net(M.va) <= 1000 bits/example\n"
        )
        model.throttle["va"] = 0.5
        a, b = model.sample(4, seed=3)
        assert bool(a.isfinite().all() and b.isfinite().all())
    with pytest.raises(BindError, match="2\\*\\*31"):
        model.sample(1, seed=-1)


def test_every_value_given_must_be_used() -> None:
    model, image = classifier()
    label = torch.arange(6)
    with pytest.raises(BindError, match="drawn 1 times, and 2 values"):
        model.score(image, out=[label, label])


def test_each_result_has_its_own_ledger() -> None:
    model, image = digits()
    first, second = model(image), model(image[:2])
    written = first.ledger.bits("written")
    model.inverse(first)
    model.decompress(model.compress(image))
    assert torch.equal(first.ledger.bits("written"), written)
    assert first.ledger.sequences == 6
    assert second.ledger.sequences == 2
