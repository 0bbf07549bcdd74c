"""Where the random bits of a run come from, and when a run repeats."""

import pytest
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

import revc
from revc.errors import BindError
from revc.runtime.metered.settings import BitSettings, stack_seed
from revc.runtime.model import ReversibleModel
from tests.metered.test_programs import HEAD, PAIR, SPECS, digests, make

pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning"),
]
DROPOUT = """
use std.nets: dropout, mlp
dim B, d = 8
state lattice(Q12.20)
model Net(a, b: [B, d]) -> (a, b: [B, d]) {
  a += dropout(mlp(b, width = 16), p = 0.5)
}
"""


def net() -> tuple[ReversibleModel, Tensor, Tensor]:
    torch.manual_seed(0)
    model = revc.compile(DROPOUT)
    return model, *torch.randn(2, 64, 8).unbind()


def step(model: ReversibleModel, a: Tensor, b: Tensor, reentrant: bool | None) -> list[Tensor]:
    """Return loss and gradients of a step that starts from one state of the generator."""
    torch.manual_seed(7)
    model.zero_grad()
    x = b.clone().requires_grad_()
    if reentrant is None:
        out = model(a, x)[0]
    else:
        out = checkpoint(lambda u, v: model(u, v)[0], a, x, use_reentrant=reentrant)
    loss = out.square().sum()
    loss.backward()
    return [loss.detach(), x.grad, *(p.grad for p in model.parameters())]  # type: ignore[list-item]


@pytest.mark.parametrize("reentrant", [True, False])
def test_a_checkpoint_repeats_the_run_that_it_recomputes(reentrant: bool) -> None:
    model, a, b = net()
    plain, again = step(model, a, b, None), step(model, a, b, reentrant)
    assert all(torch.equal(one, other) for one, other in zip(plain, again, strict=True))


@pytest.mark.parametrize("reentrant", [True, False])
def test_a_checkpoint_repeats_the_runs_of_two_models(reentrant: bool) -> None:
    first, a, b = net()
    second = revc.compile(DROPOUT)

    def both(u: Tensor, v: Tensor) -> Tensor:
        return second(v, first(u, v).a).a

    found = []
    for run in (both, lambda u, v: checkpoint(both, u, v, use_reentrant=reentrant)):
        torch.manual_seed(7)
        x = b.clone().requires_grad_()
        run(a, x).square().sum().backward()
        found.append(x.grad)
    assert torch.equal(*found)


def test_the_generator_alone_decides() -> None:
    model, a, b = net()
    torch.manual_seed(1)
    first, second = model(a, b), model(a, b)
    assert not torch.equal(first.a, second.a)
    torch.manual_seed(1)
    assert torch.equal(model(a, b).a, first.a)
    assert torch.equal(model(a, b).a, second.a)


def test_a_seed_that_is_set_gives_every_run_its_bits_and_leaves_the_generator_alone() -> None:
    model, a, b = net()
    model.bits.seed = 4
    before = torch.get_rng_state()
    first, second = model(a, b), model(a, b)
    assert torch.equal(torch.get_rng_state(), before)
    assert digests(first) == digests(second)
    model.bits.seed = 5
    assert digests(model(a, b)) != digests(first)


def test_what_needs_no_bits_leaves_the_generator_alone() -> None:
    plain = revc.compile(HEAD + PAIR.format("a += linear(b)"))
    codec = revc.compile("specs/digits.rev")
    image = torch.randint(0, 17, (2, 1, 8, 8)).float()
    model, a, b = net()
    model.eval()  # a dropout keeps everything
    x = torch.randn(2, 2, 3, 8)
    before = torch.get_rng_state()
    plain.inverse(plain(*x))
    codec.decompress(codec.compress(image))
    codec.sample(2, seed=3)
    model.inverse(model(a, b))
    assert torch.equal(torch.get_rng_state(), before)


def test_undoing_a_run_draws_nothing() -> None:
    model, inputs = make(SPECS["logistic valve"])
    model.bits.seed = None
    out = model(**inputs)
    before = torch.get_rng_state()
    model.inverse(out)
    out[0].sum().backward()
    assert torch.equal(torch.get_rng_state(), before)


def test_compiled_runs_draw_as_they_run() -> None:
    torch._dynamo.reset()
    model, a, b = net()
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    for _ in range(2):
        for seed in (1, 2):
            torch.manual_seed(seed)
            mine = compiled(a, b)
            torch.manual_seed(seed)
            assert torch.equal(mine.a, model(a, b).a)


def test_no_two_stacks_of_a_run_share_a_seed() -> None:
    settings = BitSettings()
    numbers = [0, 1, (1 << 31) - 1, *(settings.number() for _ in range(50))]
    made = {
        stack_seed(number, place, reservoir, own)
        for number in numbers
        for place, reservoir in ((0, False), (1, True), (2, True), (2, False), (255, True))
        for own in (None, 3 + 4 * place + reservoir)
    }
    assert len(made) == len(numbers) * 10
    assert all(0 <= seed < 1 << 63 for seed in made)


@pytest.mark.parametrize("seed", [-1, 1 << 31])
def test_a_seed_out_of_range_is_refused(seed: int) -> None:
    model, a, b = net()
    model.bits.seed = seed
    with pytest.raises(BindError, match=r"want None, or 0 <= seed < 2\*\*31"):
        model(a, b)
