"""The head's loss by chunks beside PyTorch's own, and what it builds."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from revc.planning.meter import trace
from revc.retrofitting.loss import IGNORED, next_token_loss

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
