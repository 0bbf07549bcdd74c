"""What a form says: its spec, the nets of that, and the same function without exact arithmetic."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from revc.grammar.format import format_source
from revc.retrofitting.layer_calls import LayerCall, shape_of

Increments = Sequence[Callable[[Tensor], Tensor]]


@dataclass(frozen=True)
class Outline:
    """What a spec says beside its form.

    Attributes:
        title: the model's name.
        layers: how many there are.
        width: the size of the state's last axis.
        lattice: the state's numerics, as ``lattice(Q17.15)``.
        givens: the names of the givens.
    """

    title: str
    layers: int
    width: int
    lattice: str
    givens: tuple[str, ...]

    @property
    def dims(self) -> str:
        """The dims that the spec declares."""
        shapes = [shape_of(name) for name in self.givens]
        extra = [dim for dim in ("M", "P", "h") if any(dim in shape for shape in shapes)]
        return ", ".join(("B", "T", *extra, f"d = {self.width}"))

    @property
    def takes(self) -> str:
        """The model's givens behind a comma, or nothing."""
        return "".join(f", given {n}: float32[{', '.join(shape_of(n))}]" for n in self.givens)

    @property
    def net(self) -> str:
        """The parameters and result of a layer's increment."""
        rest = "".join(f", {n}: [{', '.join(shape_of(n))}]" for n in self.givens)
        return f"(x: [B, T, d]{rest}) -> [B, T, d]"

    @property
    def passed(self) -> str:
        """The givens as arguments behind a comma, or nothing."""
        return "".join(f", {name}" for name in self.givens)

    def text(self, comment: Sequence[str], results: str, body: str, bits: float) -> str:
        """Return the spec in the one form of `revc fmt`.

        `bits` is what an element may put on the tape in all layers; with 0, nothing is put there.
        """
        bound = f"{math.ceil(100 * bits) / 100:g}"
        budget = ["", f"budget put({self.title}.kept) <= {bound} bits/element"] if bits else []
        lines = [
            *(f"# {line}" for line in comment),
            "",
            f"dim {self.dims}",
            f"state {self.lattice}",
            "",
            f"model {self.title}(x: [B, T, d]{self.takes}) -> ({results}) {{",
            body,
            "}",
            *budget,
            "",
        ]
        return format_source("\n".join(lines), f"{self.title}.rev")


class Form(ABC):
    """A way to make a stack of layers reversible."""

    name: str

    @abstractmethod
    def spec(self, outline: Outline) -> str:
        """Return the spec's text."""

    @abstractmethod
    def nets(self, layers: Sequence[nn.Module], how: LayerCall) -> dict[str, list[nn.Module]]:
        """Return the modules of the spec's nets, by name; the layers are in them as they are."""

    @abstractmethod
    def plain(self, x: Tensor, increments: Increments) -> Tensor:
        """Return the last hidden states by floats alone, which autograd differentiates.

        The same function up to the rounding of the lattice; keeps what autograd keeps.
        """

    @abstractmethod
    def numbers(self) -> dict[str, float]:
        """Return the numbers that the form was made with, by name."""

    def calibrated(self) -> nn.Module | None:
        """Return the module that holds what was calibrated, for it to move with the model."""
        return None
