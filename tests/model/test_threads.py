"""What is watched in one thread is not what another does."""

from threading import Barrier, Thread

import torch

from revc.runtime.state import lattice
from revc.runtime.state.checksum import checksum, observing


def test_wraps_are_counted_by_thread() -> None:
    both, found = Barrier(2, timeout=10), {}

    def count(wraps: int) -> None:
        state = torch.full((5,), 2**31 - 1, dtype=torch.int32)
        with lattice.counting_wraps() as total:
            both.wait()
            lattice.add_(state[:wraps], torch.ones(wraps), 1, 0)
            both.wait()
        found[wraps] = total[0]

    run_both(lambda: count(2), lambda: count(5))
    assert found == {2: 2, 5: 5}


def test_an_inner_count_does_not_end_the_outer() -> None:
    state = torch.full((1,), 2**31 - 1, dtype=torch.int32)
    with lattice.counting_wraps() as outer:
        with lattice.counting_wraps() as inner:
            lattice.add_(state, torch.ones(1), 1, 0)
        lattice.add_(state, torch.ones(1), -1, 0)
    assert (outer[0], inner[0]) == (1, 1)


def test_registers_are_observed_by_thread() -> None:
    both, seen = Barrier(2, timeout=10), {3: 0, 4: 0}

    def observe(size: int) -> None:
        def note(registers: list[torch.Tensor]) -> None:
            assert len(registers[0]) == size
            seen[size] += 1

        with observing(note):
            both.wait()
            checksum([torch.zeros(size)])
            both.wait()

    run_both(lambda: observe(3), lambda: observe(4))
    assert seen == {3: 1, 4: 1}


def run_both(first, second) -> None:
    threads = [Thread(target=first), Thread(target=second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
