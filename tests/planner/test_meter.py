"""The memory meter counts what it says, to the byte."""

import torch

from revc.planning.meter import Trace, trace

MIB = 2**20


def block(mib: int) -> torch.Tensor:
    return torch.empty(mib * MIB, dtype=torch.uint8)


def test_peak_is_the_most_held_at_once_not_the_sum() -> None:
    def run() -> None:
        first = block(3)
        second = block(2)
        del first
        third = block(1)
        del second, third

    found = trace(run)
    assert found.peak == 5 * MIB
    assert found.kept == 0
    assert found.held == tuple(n * MIB for n in (3, 5, 2, 3, 1, 0))


def test_a_result_counts_until_the_end() -> None:
    assert trace(lambda: block(4)).kept == 4 * MIB


def test_what_was_there_before_is_not_counted() -> None:
    before = block(8)
    assert trace(lambda: before.view(2, -1)).peak == 0


def test_releasing_what_was_there_before_is_not_counted() -> None:
    before = [block(8)]

    def run() -> None:
        before.clear()
        block(1)

    assert trace(run).held == (MIB, 0)


def test_gradients_are_left_out_but_their_temporaries_are_not() -> None:
    weight = torch.zeros(MIB // 4, requires_grad=True)

    def run() -> None:
        weight.exp().sum().backward()

    scalars = 64  # bytes: the loss, its gradient and the like
    with_gradient = trace(run)
    weight.grad = None
    without = trace(run, lambda: [weight.grad])
    assert (with_gradient.kept, without.kept) == (MIB, 0)
    assert 2 * MIB <= with_gradient.peak <= 2 * MIB + scalars  # the saved exponential, the gradient
    assert MIB <= without.peak <= MIB + scalars
    # Added into a gradient that exists, the new one is a temporary, and counts.
    again = trace(run, lambda: [weight.grad])
    assert again.kept == 0
    assert 2 * MIB <= again.peak <= 2 * MIB + scalars


def test_an_address_used_twice_is_left_out_only_the_second_time() -> None:
    kept: list[torch.Tensor] = []

    def run() -> None:
        for _ in range(2):
            kept[:] = [block(1)]

    found = trace(run, lambda: kept)
    assert found.peak == MIB
    assert found.kept == 0


def test_a_chain_that_saves_each_result_costs_one_tensor_a_link() -> None:
    start = torch.zeros(MIB // 4, requires_grad=True)

    def peak(links: int) -> int:
        def run() -> None:
            x = start
            for _ in range(links):
                x = x.exp()
            x.sum().backward()

        start.grad = None
        return trace(run, lambda: [start.grad]).peak

    assert peak(9) - peak(4) == 5 * MIB


def test_times_rise_and_an_empty_run_has_no_peak() -> None:
    found = trace(lambda: [block(1) for _ in range(5)])
    assert list(found.seconds) == sorted(found.seconds)
    assert found.seconds[0] == 0
    assert trace(lambda: None) == Trace((), ())
    assert trace(lambda: None).peak == 0


def test_what_an_earlier_trace_saw_made_and_this_one_released_is_not_counted() -> None:
    left: list[torch.Tensor] = []
    trace(lambda: left.append(block(8)))

    def run() -> None:
        left.clear()
        block(1)

    assert trace(run).held == (MIB, 0)
