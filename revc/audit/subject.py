"""What is audited: a compiled model, its inputs, and runs of it that are watched."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from revc.audit.places import Boundary, boundaries
from revc.audit.watch import CallMode, Watched
from revc.codegen.graphs import CompiledGraphs
from revc.errors import BindError
from revc.runtime.metered.session import Options, Session
from revc.runtime.model import ReversibleModel
from revc.runtime.state.checksum import observing

ULPS = 2.0**12
"""How far float state may be off."""


@dataclass
class Subject:
    """A model with the inputs that it is audited on, and what an audit may choose.

    `steps` are the optimiser steps that the bit cycle takes and takes back; `ulps` bounds the
    drift of float state.
    """

    model: ReversibleModel
    inputs: Mapping[str, Tensor]
    steps: int = 1
    ulps: float = ULPS

    @property
    def graphs(self) -> CompiledGraphs:
        """The model's graphs, which an audit lowers further.

        Raises:
            BindError: the model is an artifact's, whose graphs are written.
        """
        found = self.model.graphs
        if not isinstance(found, CompiledGraphs):
            raise BindError("an audit needs the spec: an artifact has no graphs to lower further")
        return found

    def run(self, watched: Watched | None = None) -> Watched:
        """Run forward from the same random bits each time, and watch."""
        watched = Watched() if watched is None else watched
        values = self.model.interface.bind((), self.inputs)
        options = Options(seed=self.model.bits.seed or 0, observer=watched.opened)
        with CallMode(watched), observing(self.hashing(watched, self.places())):
            watched.out = self.model.run(values, options)
        names = tuple(register.name for register in self.graphs.program.model.gives)
        watched.hashes.append(sha(watched.out.state[0], names, watched.session))
        return watched

    # --- boundaries ------------------------------------------------------------------------------

    def places(self) -> list[Boundary]:
        """Return the boundaries of a forward run; there are none where state is float."""
        if not self.model.interface.exact:
            return []
        return boundaries(self.model, self.sizes())

    def places_back(self) -> list[Boundary]:
        """Return the boundaries of the inverse, the end of the run first."""
        names = sorted(slot.name for slot in self.model.interface.gives)
        return [Boundary("the end", tuple(names)), *reversed(self.places())]

    def sizes(self) -> dict[str, int]:
        """Return the free sizes that the inputs bind."""
        at = self.model.interface
        return dict(at.measure(at.bind((), dict(self.inputs))))

    def hashing(
        self, watched: Watched, at: Sequence[Boundary], into: list[str] | None = None
    ) -> Callable[[list[Tensor]], None]:
        """Return an observer that hashes what it is given, at one place after the other."""
        hashes = watched.hashes if into is None else into

        def observe(registers: list[Tensor]) -> None:
            known = at[len(hashes)].registers if len(hashes) < len(at) else ()
            hashes.append(sha(registers, known, watched.session))

        return observe


def sha(registers: Sequence[Tensor], names: Sequence[str], session: Session | None) -> str:
    """Return the SHA-256 of state, tape and reservoir; registers count under their names."""
    if len(names) != len(registers):  # more boundaries than the program has
        return f"{len(registers)} registers where {len(names)} live"
    parts = sorted(f"{name} {_digest(r)}" for name, r in zip(names, registers, strict=True))
    if session is not None:
        parts += [f"{name} {stack.digest()}" for name, stack in sorted(session.stacks.items())]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _digest(register: Tensor) -> str:
    plain = register.detach().cpu().contiguous()
    head = f"{plain.dtype} {tuple(plain.shape)}".encode()
    body = plain.reshape(-1).view(torch.uint8).numpy().tobytes()
    return hashlib.sha256(head + body).hexdigest()
