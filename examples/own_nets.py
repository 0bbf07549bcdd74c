"""Bring torch modules of your own as the nets of a reversible program.

Run `python examples/own_nets.py`.
"""

import torch
from torch import Tensor, nn

import revc
from revc.runtime.model import ReversibleModel

SPEC = """
dim B, T
state lattice(Q12.20)

model Stack(a, b: [B, T, 32]) -> (a, b: [B, T, 32]) {
  repeat 3 {
    net Mixing(x: [B, T, 32]) -> [B, T, 32]      # bound from Python
    net Thinking(x: [B, T, 32]) -> [B, T, 32]
    a += Mixing(b)
    b += Thinking(a)
  }
}
"""


class Recurrent(nn.Module):
    """An LSTM; recurrent layers give their output first in a tuple, which a net may too."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(32, 32, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs at every step, [B, T, 32]."""
        return self.lstm(x)[0]


def make() -> ReversibleModel:
    """Compile the spec: a factory is called once an instance, a list has a module an instance."""
    layers = [
        nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True) for _ in range(3)
    ]
    return revc.compile(SPEC, nets={"Mixing": Recurrent, "Thinking": layers})


def run() -> tuple[int, bool]:
    """Run a training step; return how many parameters got a gradient, and whether all inverts."""
    torch.manual_seed(0)
    model = make()
    a, b = torch.randn(2, 8, 32), torch.randn(2, 8, 32)
    out = model(a, b)
    (out.a.square().mean() + out.b.square().mean()).backward()
    with_gradient = sum(param.grad is not None for param in model.parameters())
    on_lattice = [torch.round(x * 2.0**20) / 2.0**20 for x in (a, b)]
    return with_gradient, all(map(torch.equal, model.inverse(out), on_lattice))


def main() -> None:
    """Run the example."""
    count, exact = run()
    print(f"{count} parameters got a gradient; input rebuilt bit for bit: {exact}")


if __name__ == "__main__":
    main()
