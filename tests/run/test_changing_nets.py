"""Nets that change as they run, which are refused, and nets that may see across a batch."""

import pytest
import torch
from torch import Tensor, nn

import revc
from revc.errors import BindError
from tests.run.test_drift import SPEC, inputs


class Counting(nn.Linear):
    def __init__(self) -> None:
        super().__init__(8, 8)
        self.register_buffer("calls", torch.zeros(()))


class InPlace(Counting):
    def forward(self, x: Tensor) -> Tensor:
        self.calls.add_(1)
        return super().forward(x) * self.calls


class Unseen(Counting):
    def forward(self, x: Tensor) -> Tensor:
        self.calls.data.add_(1)
        return super().forward(x)


class UnseenTable(nn.Linear):
    """A net with a table that it writes to, in a way that torch does not count."""

    kind = torch.float32

    def __init__(self) -> None:
        super().__init__(8, 8)
        self.register_buffer("table", torch.zeros((1 << 17) + 3, dtype=self.kind))

    def forward(self, x: Tensor) -> Tensor:
        self.table.data[-1] = 1
        return super().forward(x)


class UnseenFlags(UnseenTable):
    kind = torch.bool


class UnseenWaves(UnseenTable):
    kind = torch.complex64


class Replacing(Counting):
    def forward(self, x: Tensor) -> Tensor:
        self.calls = self.calls + 1
        return super().forward(x)


class Weights(Counting):
    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            self.bias.add_(1)
        return super().forward(x)


@pytest.mark.parametrize(
    "net", [InPlace, Unseen, UnseenTable, UnseenFlags, UnseenWaves, Replacing, Weights]
)
@pytest.mark.parametrize("state", ["float32", "lattice(Q12.20)"])
def test_a_net_that_changes_as_it_runs_is_refused(net: type[nn.Module], state: str) -> None:
    model = revc.compile(SPEC.format(state=state), nets={"F": net})
    with pytest.raises(BindError, match=r"changes its (calls|bias|table) as it runs"):
        model(*inputs())


def spectral() -> nn.Module:
    return nn.utils.spectral_norm(nn.Linear(8, 8))


def test_spectral_norm_runs_in_eval_mode_only() -> None:
    model = revc.compile(SPEC.format(state="float32"), nets={"F": spectral})
    with pytest.raises(BindError, match="weight_u"):
        model(*inputs())
    out = model.eval()(*inputs())
    assert torch.allclose(model.inverse(out)[0], inputs()[0], atol=1e-5)


def test_running_statistics_are_refused() -> None:
    def net() -> nn.Module:
        return nn.InstanceNorm1d(4, track_running_stats=True)

    with pytest.raises(BindError, match="running statistics"):
        revc.compile(SPEC.format(state="float32"), nets={"F": net})


# --- chunks --------------------------------------------------------------------------------------


class Coupling(nn.Module):
    """A norm over the batch: an example sees the others."""

    def forward(self, x: Tensor) -> Tensor:
        return (x - x.mean(0)) / (x.std(0) + 1)


def test_chunks_leave_a_net_whole_that_may_couple_examples() -> None:
    torch.manual_seed(3)
    a, b = torch.randn(4, 3, 8), torch.randn(4, 3, 8)
    source = SPEC.format(state="lattice(Q12.20)")
    whole = revc.compile(source, nets={"F": Coupling})(a, b)
    cut = revc.compile(source, nets={"F": Coupling}, chunks=2)(a, b)
    assert all(torch.equal(x, y) for x, y in zip(whole, cut, strict=True))


def test_chunks_cut_a_net_that_is_declared_separable() -> None:
    seen: list[int] = []

    class Watching(nn.Linear):
        def __init__(self) -> None:
            super().__init__(8, 8)

        def forward(self, x: Tensor) -> Tensor:
            seen.append(len(x))
            return super().forward(x)

    declared = "-> [B, T, d] separable batch\n  repeat"
    source = SPEC.format(state="lattice(Q12.20)").replace("-> [B, T, d]\n  repeat", declared)
    model = revc.compile(source, nets={"F": Watching}, chunks=2, capture="never")
    model(torch.zeros(4, 3, 8), torch.zeros(4, 3, 8))
    assert seen == [2] * 8
