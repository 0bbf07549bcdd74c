"""A dozen random programs through all laws; ``python -m tests.programs.run`` runs hundreds."""

import pytest
import torch

from tests.programs.generate import program
from tests.programs.laws import LAWS, Case, Skipped, check
from tests.programs.shrink import shrunk

SEEDS = (5, 11, 24, 31, 32, 37, 41, 45, 53, 87, 103, 106)
COMPILED = (53, 26, 35)  # small ones: what is compiled takes seconds
QUICK = [law for law in LAWS if law != "compile"]

pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*is much larger than the lattice"),
]


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_program_obeys_the_laws(seed: int) -> None:
    case = Case(program(seed))
    for law in QUICK:
        try:
            check(case, law)
        except Skipped:
            continue


@pytest.mark.parametrize("seed", COMPILED)
def test_a_compiled_program_has_the_eager_gradients(seed: int) -> None:
    try:
        check(Case(program(seed)), "compile")
    except Skipped as reason:
        pytest.skip(str(reason))


def test_a_seed_gives_one_program() -> None:
    assert program(3) == program(3)
    assert program(3).source != program(4).source


def test_programs_hold_every_statement() -> None:
    text = "".join(program(seed).source for seed in range(100))
    words = (
        "+=", "-=", "negate", "swap", "split", "join", "permute", "reshape", "squeeze", "alloc",
        "free", "let", "emit", "uncall", "undo", "repeat", "reversed", "share", "as t", "put",
        "draw", "valve", "scale", "mix", "apply", "attention", "conv", "gate", "norm", "embedding",
        "pool(", "mean(", "group_norm",
        "parameter", "cross_entropy", "dropout", "orthogonal", "householder", "lu()", "permutation",
        "uniform", "softmax", "logistic(", "logistic_mixture", "gaussian", "torch", "tied = ",
        "float32", "label(", "Q8.8", "Q24.40", "Q32.32", "tape", "reservoir", "given", "h = ",
    )  # fmt: skip
    assert not [word for word in words if word not in text]


def test_shrinking_keeps_what_fails() -> None:
    whole = next(p for p in map(program, range(50)) if "swap" in p.source)
    small = shrunk(whole, lambda p: "swap" in p.source)
    assert small.source.count("\n") < whole.source.count("\n")
    assert "swap" in small.source
