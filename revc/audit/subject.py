"""What is audited: a compiled model, its inputs, and runs of it that are watched."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from revc.audit.places import Place, places
from revc.audit.watch import CallMode, Watched
from revc.codegen.graphs import CompiledGraphs
from revc.codegen.root import without_emits
from revc.errors import BindError
from revc.ir.invert import invert_block
from revc.runtime.checksum import observing
from revc.runtime.metered.session import Options, Session
from revc.runtime.model import ReversibleModel

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
        """The model's graphs, which an audit lowers further."""
        found = self.model._graphs
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

    def places(self) -> list[Place]:
        """Return the boundaries of a forward run; there are none where state is float."""
        if not self.model.interface.exact:
            return []
        return places(self.graphs.program.model, self.sizes())

    def places_back(self) -> list[Place]:
        """Return the boundaries of the inverse, the rebuilt inputs last."""
        block = self.graphs.program.model
        inputs = Place("the start", self.places()[0].registers if self.places() else ())
        return [*places(invert_block(without_emits(block)), self.sizes()), inputs]

    def sizes(self) -> dict[str, int]:
        """Return the free sizes that the inputs bind."""
        at = self.model.interface
        return dict(at.measure(at.bind((), dict(self.inputs))))

    def hashing(
        self, watched: Watched, at: Sequence[Place], into: list[str] | None = None
    ) -> Callable[[list[Tensor]], None]:
        """Return an observer that hashes what it is given, at one place after the other."""
        hashes = watched.hashes if into is None else into

        def observe(registers: list[Tensor]) -> None:
            known = at[len(hashes)].registers if len(hashes) < len(at) else ()
            hashes.append(sha(registers, known, watched.session))

        return observe

    @contextmanager
    def audited_inverse(self) -> Iterator[None]:
        """Let `inverse` run the graph that checks every segment."""
        graphs = self.graphs
        plain, graphs.inverse = graphs.inverse, graphs.audited_inverse
        try:
            yield
        finally:
            graphs.inverse = plain


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
