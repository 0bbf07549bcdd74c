"""What runs again finds modules as the forward pass did, or says that it does not."""

import sys
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import revc
from revc.errors import ReconstructionError
from revc.passes.schedule.plan import Plan
from revc.planning.lossy.hooks import Lossy
from revc.planning.modules.host import OnHost
from revc.planning.modules.packed import Own
from revc.planning.modules.plan import named
from revc.planning.modules.runner import PlannedModule

WIDTH = 8


class Counts(nn.Linear):
    """A layer that multiplies by how often it was called, and keeps what it gave."""

    def __init__(self) -> None:
        super().__init__(WIDTH, WIDTH)
        self.calls, self.seen = 0, list[int]()

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.seen.append(self.calls)
        self.last = super().forward(x) * self.calls
        return self.last


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(WIDTH, WIDTH), Counts(), nn.BatchNorm1d(WIDTH), nn.Dropout(0.5), nn.GELU(),
        Counts(), nn.Linear(WIDTH, WIDTH),
    )  # fmt: skip


X = torch.randn(16, WIDTH, generator=torch.Generator().manual_seed(1))


def grouped(modules: nn.Sequential) -> PlannedModule:
    """Return the modules in two groups that run again."""
    planned = revc.plan(modules, X, memory="1GiB").module
    words = ["CHECKPOINT" if at in (0, 4) else "JOIN" for at in range(len(planned.cuts))]
    return PlannedModule(named(modules), planned.cuts, Plan.of(words))


def steps(module: nn.Module, between: Callable[[], object] = lambda: None) -> list[Tensor]:
    torch.manual_seed(3)
    found = []
    for _ in range(2):
        out = module(X)
        between()
        found += [out.detach(), *torch.autograd.grad(out.square().sum(), [*module.parameters()])]
        module.train()
    return found


def counts(modules: nn.Module) -> list[object]:
    return [(m.calls, m.seen) for m in modules.modules() if isinstance(m, Counts)]


def test_attributes_change_once_a_step_as_in_a_plain_run() -> None:
    mine, plain = net(), net()
    found = steps(grouped(mine))
    assert counts(mine) == [(2, [1, 2])] * 2
    assert all(map(torch.equal, found, steps(plain)))
    assert counts(mine) == counts(plain)
    assert torch.equal(mine[1].last, plain[1].last)  # type: ignore[arg-type]


@pytest.mark.parametrize("memory", ["1GiB", "least"])
def test_planning_leaves_attributes_as_they_were(memory: str) -> None:
    modules = net()
    if memory == "least":
        with pytest.raises(revc.BudgetError) as caught:
            revc.plan(modules, X, memory=1)
        memory = caught.value.least
    revc.plan(modules, X, memory=memory, measure="time")
    assert counts(modules) == [(0, [])] * 2
    assert not hasattr(modules[1], "last")


def test_eval_before_the_backward_pass_changes_nothing() -> None:
    modules = net()
    module = grouped(modules)
    assert all(map(torch.equal, steps(module, module.eval), steps(net())))
    module.eval()
    module(X).sum().backward()
    assert not any(part.training for part in module.modules())


FACTOR = 1.0


class Ties(nn.Module):
    """A layer that uses one of its parameters, and one of its parts, by another name."""

    kind = 1.0

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = (nn.Parameter(torch.ones(WIDTH)) for _ in range(2))
        self.used = self.one
        self.relu, self.other = nn.ReLU(), nn.Tanh()
        self.act = self.relu
        self.options = {"a": [1]}

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.act(x) * self.used * self.options["a"][-1] * FACTOR * self.kind
        return out


def write(module: nn.Module) -> None:
    with torch.no_grad():
        module.get_parameter("5.weight").add_(1)


def give(module: nn.Module) -> None:
    weight = module.get_parameter("1.bias")
    weight.data = weight.data + 1


def buffer(module: nn.Module) -> None:
    module.get_buffer("0.mask").zero_()


def constant(_module: nn.Module) -> None:
    global FACTOR
    FACTOR = 2.0


CHANGES: dict[str, tuple[Callable[[nn.Module], object], str]] = {
    "a write": (write, "segment 5: `weight` was changed"),
    "other data": (give, "segment 1: `bias` was changed"),
    "another parameter": (
        lambda m: setattr(m.get_submodule("5"), "bias", nn.Parameter(torch.ones(WIDTH))),
        "segment 5: `bias` was changed",
    ),
    "another module": (lambda m: m.add_module("4", nn.ReLU()), "segment 4: its modules were"),
    "a setting": (lambda m: setattr(m.get_submodule("3"), "p", 0.1), "segment 3: `p` was set"),
    "a buffer": (buffer, "segment 0: `mask` was changed"),
    "a parameter less": (
        lambda m: setattr(m.get_submodule("1"), "bias", None), "segment 1: `bias` was taken away",
    ),
    "a tie": (
        lambda m: setattr(m.get_submodule("7"), "used", m.get_parameter("7.two")),
        "segment 7: `used` was changed",
    ),
    "an item within an item": (
        lambda m: m.get_submodule("7").options["a"].append(2),  # type: ignore[operator]
        "segment 7: `options` was set anew",
    ),
    "a constant": (constant, "segment 7: `FACTOR` was set anew"),
    "an attribute of a class": (
        lambda m: setattr(type(m.get_submodule("7")), "kind", 2.0),
        "segment 7: `kind` was set anew",
    ),
    "a hook": (
        lambda m: m.get_submodule("6").register_forward_hook(lambda _module, _taken, out: -out),
        "segment 6: `_forward_hooks` was set anew",
    ),
    "a part that stands twice": (
        lambda m: setattr(m.get_submodule("7"), "act", m.get_submodule("7.other")),
        "segment 7: its modules were",
    ),
}  # fmt: skip


@pytest.mark.parametrize("word", ["SAVE", "OFFLOAD", "COMPRESS"])
def test_a_write_to_what_is_kept_is_an_error(word: str) -> None:
    """Torch does not count writes to what hooks keep, and so does not refuse them."""
    torch.manual_seed(0)
    modules = nn.Sequential(nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 64))
    x = torch.randn(2, 512, 64)
    cuts = revc.plan(modules, x, memory="1GiB").module.cuts
    module = PlannedModule(named(modules), cuts, Plan.of([word] * len(cuts)), {1: 8, 2: 8, 3: 8})
    out = module(x).sum()
    with torch.no_grad():
        modules[2].weight.add_(1)  # type: ignore[operator]
    with pytest.raises((ReconstructionError, RuntimeError), match=r"in ?place"):
        out.backward()


def test_views_of_parameters_are_neither_coded_nor_copied() -> None:
    torch.manual_seed(0)
    net, x = nn.Linear(512, 64), torch.randn(512, 512)
    seen: list[torch.Size] = []

    def encode(value: Tensor) -> None:
        seen.append(value.shape)

    with Lossy(Own(net.parameters()), encode, lambda value: value):
        net(x.requires_grad_())
    assert seen == [x.shape]  # not that of the weight's transpose
    with OnHost(Own(net.parameters())):
        node = net(x).grad_fn
    saved = node._saved_mat2  # type: ignore[union-attr]
    assert saved.untyped_storage().data_ptr() == net.weight.untyped_storage().data_ptr()


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_before_the_backward_pass_is_an_error(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "FACTOR", 1.0)
    monkeypatch.setattr(Ties, "kind", 1.0)
    change, message = CHANGES[name]
    modules = net()
    modules[0].register_buffer("mask", torch.ones(WIDTH))
    modules.append(Ties())
    module = grouped(modules)
    out = module(X).sum()
    change(module)
    with pytest.raises(ReconstructionError, match=message):
        out.backward()
    assert counts(modules) == [(1, [1])] * 2
    module(X).sum().backward()  # the next step runs with what was set
