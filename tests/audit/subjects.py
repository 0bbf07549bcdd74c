"""Subjects of audits: specs that ship, and small programs with a net from outside."""

from pathlib import Path

import torch
from torch import nn

import revc
from revc.audit import Finding, Subject
from revc.audit.prepare import prepare
from revc.runtime.model import ReversibleModel

SPECS = Path(__file__).parents[2] / "specs"
LM = {"d": 32, "V": 20, "k": 4, "T": 12}
HOLE = """
dim B, c = 6
state {numerics}
net F(x: [B, c]) -> [B, c]
model Net(a, b: [B, c]) -> (a, b: [B, c]) {{
  a += F(b)
  b += F(a)
}}
"""
DROPS = """
use std.nets: mlp, dropout
dim B, c = 64
state lattice(Q12.20)
model Net(a, b: [B, c]) -> (a, b: [B, c]) { a += dropout(mlp(b, width = 8), p = 0.3) }
"""


def subject(name: str = "language_model", batch: int = 8) -> Subject:
    """A spec that ships, small."""
    sizes = LM if name == "language_model" else {"d": 32, "V": 20} if name == "lm" else {}
    return prepare(str(SPECS / f"{name}.rev"), None, sizes, None, None, batch)


def brought(net: nn.Module, numerics: str = "lattice(Q12.20)") -> Subject:
    """Two couplings by a net from outside."""
    return given(revc.compile(HOLE.format(numerics=numerics), nets={"F": net}), 6, batch=4)


def dropping() -> Subject:
    """A program that draws and writes masks by a table."""
    return given(revc.compile(DROPS), 64, batch=8)


def given(model: ReversibleModel, width: int, batch: int) -> Subject:
    """A model of two registers a and b, with normal inputs."""
    generator = torch.Generator().manual_seed(1)
    made = {n: torch.randn(batch, width, generator=generator) for n in ("a", "b")}
    return Subject(model, made)


def only(found: Finding | list[Finding], name: str) -> Finding:
    """The row of a name."""
    (row,) = [f for f in (found if isinstance(found, list) else [found]) if f.name == name]
    return row
