"""Specs that several tests use."""

from pathlib import Path

import revc

FOLDER = Path(revc.__file__).parent / "specs"
SPECS = sorted(FOLDER.glob("*.rev"))
BOUND = {"B": 2, "T": 6, "c": 16}  # for the free sizes of the library files


def with_model(path: Path) -> bool:
    return any(line.startswith("model") for line in path.read_text().split("\n"))


MODELS = [path for path in SPECS if with_model(path)]

FORGETTING = [path for path in MODELS if path.stem in ("revnet", "rev_vit")]
BIJECTIVE = [path for path in MODELS if path not in FORGETTING]

HEAD = """
use std.nets: attention, mlp, norm, linear, embedding, gate, conv, parameter
dim B, T, V = 50, d = 16, c = d/2
state lattice(Q12.20)
"""

COUPLED = f"""{HEAD}
block Layer(a, b: [B, T, c]) {{
  a += attention(norm(b), heads = 4, causal = true)
  b += mlp(norm(a), width = 4*c)
}}
model M(a, b: [B, T, c]) {{ repeat 3 {{ Layer(a, b) }} }}
"""


def sizes(path: Path) -> dict[str, int]:
    """Return values for those free sizes that the file does not bind and that size parameters."""
    return {"c": 64} if path.stem == "integrators" else {}
