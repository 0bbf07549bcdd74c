"""What is audited: a compiled model, its inputs, and runs of it that are watched."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from revc.codegen.graphs import CompiledGraphs
from revc.errors import BindError
from revc.runtime.bits import BitStack
from revc.runtime.bits.dist.base import Distribution
from revc.runtime.checksum import observing
from revc.runtime.metered.session import Session
from revc.runtime.model import ReversibleModel


@dataclass
class Exchange:
    """One push or pop: on which stack, by what, which symbols; its meter is told afterwards."""

    stack: str
    pushed: bool
    distribution: Distribution
    symbols: Tensor
    meter: str = ""


class RecordedStack(BitStack):
    """A stack that notes what passes; it takes the place of a session's own, state and all."""

    log: list[Exchange]
    name: str

    def push(self, symbols: Tensor, distribution: Distribution) -> None:
        """Push, and note it."""
        super().push(symbols, distribution)
        self.log.append(Exchange(self.name, True, distribution, symbols.detach().clone()))

    def pop(self, distribution: Distribution, shape: Sequence[int] | None = None) -> Tensor:
        """Pop, and note it."""
        symbols = super().pop(distribution, shape)
        self.log.append(Exchange(self.name, False, distribution, symbols.detach().clone()))
        return symbols


@dataclass
class Watched:
    """A forward run under watch: its result, hashes at each boundary, exchanges, first sizes."""

    out: Any = None
    session: Session | None = None
    hashes: list[str] = field(default_factory=list)
    log: list[Exchange] = field(default_factory=list)
    first: dict[str, Tensor] = field(default_factory=dict)


@dataclass
class Subject:
    """A model with the inputs that it is audited on."""

    model: ReversibleModel
    inputs: Mapping[str, Tensor]

    @property
    def graphs(self) -> CompiledGraphs:
        """The model's graphs, which an audit lowers further."""
        found = self.model._graphs
        if not isinstance(found, CompiledGraphs):
            raise BindError("an audit needs the spec: an artifact has no graphs to lower further")
        return found

    def run(self, record: bool = False) -> Watched:
        """Run forward from the same random bits each time, and watch."""
        watched = Watched()
        self.model.bits.runs = 0
        runs = self.model._runs

        def opened(session: Session) -> None:
            watched.session = session
            watched.first = {n: stack.size() for n, stack in session.stacks.items()}
            if record:
                _record(session, watched.log)

        runs.watchers.append(opened)
        try:
            with observing(lambda state: watched.hashes.append(self.hash(state, watched.session))):
                watched.out = self.model(**self.inputs)
        finally:
            runs.watchers.remove(opened)
        watched.hashes.append(self.hash(watched.out.state[0], watched.session))
        return watched

    @staticmethod
    def hash(registers: Sequence[Tensor], session: Session | None) -> str:
        """Return the SHA-256 of state, tape and reservoir; the registers' order does not count."""
        parts = sorted(_sha(register) for register in registers)
        if session is not None:
            parts += [stack.digest() for _, stack in sorted(session.stacks.items())]
        return hashlib.sha256("".join(parts).encode()).hexdigest()

    @contextmanager
    def audited_inverse(self) -> Iterator[None]:
        """Let `inverse` run the graph that checks every segment."""
        graphs = self.graphs
        plain, graphs.inverse = graphs.inverse, graphs.audited_inverse
        try:
            yield
        finally:
            graphs.inverse = plain


def _sha(register: Tensor) -> str:
    plain = register.detach().cpu().contiguous()
    return hashlib.sha256(plain.reshape(-1).view(torch.uint8).numpy().tobytes()).hexdigest()


def _record(session: Session, log: list[Exchange]) -> None:
    for name, stack in session.stacks.items():
        stack.__class__ = RecordedStack
        assert isinstance(stack, RecordedStack)
        stack.log, stack.name = log, name
    moved = session.moved

    def noted(name: str, meter: str) -> Tensor:
        for entry in reversed(log):
            if entry.meter:
                break
            entry.meter = meter
        return moved(name, meter)

    session.moved = noted  # type: ignore[method-assign]
