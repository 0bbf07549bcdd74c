"""The head's loss by chunks beside PyTorch's own, and what it builds."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from revc.errors import ReconstructionError
from revc.planning.meter import trace
from revc.retrofitting.loss import IGNORED, Source, next_token_loss
from revc.runtime.nets.cross_entropy import cross_entropy

WIDTH, VOCABULARY = 8, 50


def case(bias: bool = False) -> tuple[Tensor, Tensor, nn.Linear]:
    torch.manual_seed(0)
    hidden = torch.randn(2, 9, WIDTH, requires_grad=True)
    labels = torch.randint(0, VOCABULARY, (2, 9))
    labels[0, :3] = IGNORED
    return hidden, labels, nn.Linear(WIDTH, VOCABULARY, bias=bias)


def plain(hidden: Tensor, labels: Tensor, head: nn.Linear, **how: str) -> Tensor:
    logits = head(hidden[:, :-1]).flatten(0, 1)
    return functional.cross_entropy(logits, labels[:, 1:].flatten(), **how)  # type: ignore


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("chunk", [1, 4, 100])
def test_value_and_gradients(bias: bool, chunk: int) -> None:
    hidden, labels, head = case(bias)
    leaves = [hidden, *head.parameters()]
    mine = next_token_loss(hidden, labels, head, chunk)
    wanted = plain(hidden, labels, head)
    torch.testing.assert_close(mine, wanted)
    for one, other in zip(
        torch.autograd.grad(mine, leaves), torch.autograd.grad(wanted, leaves), strict=True
    ):
        torch.testing.assert_close(one, other)


def test_a_sum_over_a_count() -> None:
    hidden, labels, head = case()
    mine = next_token_loss(hidden, labels, head, 4, count=torch.tensor(40))
    torch.testing.assert_close(mine, plain(hidden, labels, head, reduction="sum") / 40)


def test_no_token_counts() -> None:
    hidden, labels, head = case()
    loss = next_token_loss(hidden, labels.fill_(IGNORED), head, 4)
    assert loss.isnan()
    loss.backward()
    assert hidden.grad is not None
    assert not hidden.grad.any()


def test_a_frozen_table_costs_no_gradient() -> None:
    torch.manual_seed(0)
    head = nn.Linear(WIDTH, 4096, bias=False).requires_grad_(False)
    hidden = torch.randn(1, 9, WIDTH, requires_grad=True)
    labels = torch.randint(0, 4096, (1, 9))
    table = 4 * head.weight.numel()

    def step() -> None:
        next_token_loss(hidden, labels, head, 2).backward()

    assert trace(step).peak < table
    head.requires_grad_(True)
    step()
    assert trace(step).peak < 2.5 * table  # its gradient, and nothing else as large but that sum


def test_the_function_under_autograd_has_the_same_bits_and_the_gradients() -> None:
    hidden, labels, head = case(bias=True)
    x, targets = hidden.flatten(0, 1), labels.flatten().clamp(min=0)
    leaves = [hidden, *head.parameters()]
    mine = cross_entropy(x, targets, head.weight, head.bias, 4)
    with torch.no_grad():
        assert torch.equal(mine, cross_entropy(x, targets, head.weight, head.bias, 4))
    wanted = functional.cross_entropy(head(x), targets)
    for one, other in zip(
        torch.autograd.grad(mine, leaves), torch.autograd.grad(wanted, leaves), strict=True
    ):
        torch.testing.assert_close(one, other)


def test_an_infinite_logit_of_another_is_an_infinite_loss() -> None:
    hidden, _, head = case(bias=True)
    with torch.no_grad():
        head.bias[3] = torch.inf
        zeros = torch.zeros(18, dtype=torch.int64)
        found = cross_entropy(hidden.flatten(0, 1), zeros, head.weight, head.bias, 4)
    assert found == torch.inf


def test_hidden_states_that_can_be_had_again_are_not_kept() -> None:
    torch.manual_seed(0)
    head, norm = nn.Linear(WIDTH, VOCABULARY), nn.LayerNorm(WIDTH)
    x, labels = torch.randn(2, 400, WIDTH), torch.randint(0, VOCABULARY, (2, 400))
    x.requires_grad_()
    labels[0, :3] = IGNORED
    leaves = [x, *norm.parameters(), *head.parameters()]

    def loss(again: bool) -> Tensor:
        source = Source(x, norm) if again else None
        return next_token_loss(norm(x), labels, head, 8, source=source)

    pairs = (torch.autograd.grad(loss(again), leaves) for again in (True, False))
    assert all(map(torch.equal, *pairs))
    spared = trace(lambda: loss(False)).kept - trace(lambda: loss(True)).kept
    assert spared >= 4 * x.numel() * 0.98


def test_a_norm_that_changes_is_found() -> None:
    hidden, labels, head = case()
    shift = torch.zeros(WIDTH)
    loss = next_token_loss(hidden + shift, labels, head, 4, source=Source(hidden, shift.add))
    shift += 1
    with pytest.raises(ReconstructionError, match="the norm behind the layers has changed"):
        loss.backward()
