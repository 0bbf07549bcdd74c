"""Compile a spec to a Python package, load it without the compiler, and train a step.

Run `python examples/export_artifact.py`, or give a folder for the package.
"""

import importlib
import sys
import tempfile
from pathlib import Path
from types import ModuleType

import torch

from revc.artifact.package import package

SPEC = """
use std.nets: attention, mlp, norm
dim B, T, d = 32
state lattice(Q12.20)

block Layer(a, b: [B, T, d]) {
  a += attention(norm(b), heads = 4, causal = true)
  b += mlp(norm(a), width = 4*d)
}

model Net(a, b: [B, T, d]) -> (a, b: [B, T, d]) {
  repeat 4 { Layer(a, b) }
}
"""


def load_from(folder: Path) -> ModuleType:
    """Return the package in a folder."""
    sys.path.insert(0, str(folder.parent))
    try:
        return importlib.import_module(folder.name)
    finally:
        sys.path.remove(str(folder.parent))


def run(folder: Path) -> tuple[float, float, bool]:
    """Write the package, train two steps; return both losses and whether the input came back."""
    package(SPEC, folder)
    torch.manual_seed(0)
    model = load_from(folder).load()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    a, b = torch.randn(2, 16, 32), torch.randn(2, 16, 32)
    losses = []
    for _ in range(2):
        out = model(a, b)
        loss = out.a.square().mean() + out.b.square().mean()
        optimizer.zero_grad()
        loss.backward()
        back = model.inverse(out)
        optimizer.step()
        losses.append(float(loss.detach()))
    on_lattice = [torch.round(x * 2.0**20) / 2.0**20 for x in (a, b)]
    return losses[0], losses[1], all(map(torch.equal, back, on_lattice))


def main() -> None:
    """Run the example in the folder given, or in one that goes away."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(temporary) / "net"
        before, after, exact = run(folder)
        print(f"{folder.name}: {', '.join(sorted(path.name for path in folder.glob('*.*')))}")
        print(f"loss {before:.4f}, then {after:.4f}; input rebuilt bit for bit: {exact}")


if __name__ == "__main__":
    main()
