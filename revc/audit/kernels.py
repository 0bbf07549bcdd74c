"""Nondeterministic kernels: two runs on the same bits, under torch's own demand for determinism."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from revc.audit.finding import Finding
from revc.audit.subject import Subject

NAME = "deterministic kernels"


@contextmanager
def _demanded() -> Iterator[None]:
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)


def check(subject: Subject) -> Finding:
    """Return how many elements differ between two runs; an operator that cannot repeat is named."""
    try:
        with _demanded(), torch.no_grad():
            one, other = subject.run().out, subject.run().out
    except RuntimeError as error:
        if "deterministic" not in str(error):
            raise
        return Finding(NAME, None, "", "", False, str(error).splitlines()[0])
    pairs = zip((*one, *one.state[0]), (*other, *other.state[0]), strict=True)
    wrong = sum(int((a != b).sum()) for a, b in pairs if a.shape == b.shape)
    detail = "two runs of the same inputs and the same random bits"
    return Finding(NAME, wrong, "elements differ", "= 0", wrong == 0, detail)
