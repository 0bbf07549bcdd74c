"""A compiled program as a torch module: a thin face over its runs."""

import weakref
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from revc.errors import BindError
from revc.runtime import known_models, settled
from revc.runtime.interface import Interface
from revc.runtime.metered.bits import Bits
from revc.runtime.metered.session import Options
from revc.runtime.metered.settings import BitSettings, Throttle
from revc.runtime.nets.autograd_scan import custom_function
from revc.runtime.nets.capture.look import Look
from revc.runtime.nets.capture.report import NetReport, report
from revc.runtime.nets.leaf import Capture, Rng
from revc.runtime.run import directions, gate, guard, whole
from revc.runtime.run.bound import made, runs_as_module
from revc.runtime.run.counts import Counts
from revc.runtime.run.deferred import Deferred
from revc.runtime.run.forward import run_forward
from revc.runtime.run.intake import Intake
from revc.runtime.run.inverse import invert
from revc.runtime.run.modes import NO_OPTIONS, mode_of
from revc.runtime.run.result import make_result, result_class
from revc.runtime.run.scheduled import Scheduled
from revc.runtime.run.segment import Graphs
from revc.runtime.run.tree import grow
from revc.runtime.schedule import refuse_compiled
from revc.runtime.state import lattice
from revc.runtime.state.drift import TOLERANCE


class ReversibleModel(Scheduled):
    """A reversible program: forward stores nothing a layer, backward and `inverse` rebuild.

    ``model(*inputs)`` returns a named tuple of the program's results and emits, floats in float32
    (float64 if the nets are; without parameters all is computed in float32), or, if it is made
    `plain`, the one result as a tensor; ``model.inverse(out)`` returns the inputs, bit for bit on a
    lattice. Net instances are the submodules ``model.nets.<dotted instance name>``; `segments` are
    what a run executes, in order.

    `counts` says what was clamped or rounded because it did not fit its lattice. Float state is
    rebuilt up to rounding: `drift` is what a register may be off by, as a fraction of the largest
    norm that one had in the run, until it is an error (``float("inf")``: never looked at).
    `capture` says whether nets that are brought run as graphs, "auto", "never" or "require"; what
    became of each, `nets_report` says. `rng` says what becomes of one that does not and draws from
    torch's generators: "refuse", or "replay", which saves their states and restores them.

    Made by `revc.compile` or an artifact's ``load``.

    Raises:
        BindError: it is to be `plain`, and has several results or emits.
    """

    nets: nn.Module

    def __init__(
        self, interface: Interface, nets: Sequence[nn.Module], graphs: Graphs, plain: bool = False
    ) -> None:
        super().__init__()
        if plain and (len(interface.gives) != 1 or interface.emits):
            raise BindError(
                f"{interface.name} gives {len(interface.gives)} results and "
                f"{len(interface.emits)} emits: only one result without emits can be plain"
            )
        self.interface, self.graphs, self.plain = interface, graphs, plain
        self.follow(interface.schedule)
        named = list(zip(interface.nets, nets, interface.builtin, strict=True))
        self.made = {name: made(net, builtin) for name, net, builtin in named}
        self.custom = {name: None if b else custom_function(net) for name, net, b in named}
        self.looks: defaultdict[str, Look] = defaultdict(Look)
        self._paths = grow(self, interface, nets, graphs)
        self.counts = Counts()
        self.deferred = Deferred()
        self.drift = TOLERANCE
        self.capture: Capture = "auto"
        self.rng: Rng = "refuse"
        self.stacks = Bits(interface.plan, interface.sizes)
        self._enter()

    def _enter(self) -> None:
        """Make the result's class, and the program known to the operators of this process."""
        at = self.interface
        names = tuple(slot.name for slot in at.gives) + at.emits
        self._result = result_class(at.name, names)
        self.key = guard.register(at)
        self.code = known_models.register(self)

    def __getstate__(self) -> dict[str, Any]:
        # The result's class is made as the program runs: no module has it by its name.
        return {name: value for name, value in self.__dict__.items() if name != "_result"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._enter()

    def net_modules(self) -> list[nn.Module]:
        """Return the net instances in program order."""
        return [self.nets.get_submodule(name) for name in self.interface.nets]

    def nets_report(self) -> list[NetReport]:
        """Return how each net ran last, in program order: as a graph or as it is, and why."""
        named = zip(self.interface.nets, self.net_modules(), strict=True)
        return [
            report(name, net, not runs_as_module(net, self.made[name]), self.capture)
            for name, net in named
        ]

    @property
    def bits(self) -> BitSettings:
        """How the bits of the next run are kept: its mode, seed, lanes and spill file."""
        return self.stacks.settings

    @property
    def throttle(self) -> Throttle:
        """The throttles of valves, by meter: ``model.throttle["LM.va"] = 0.9``; 1 unless set."""
        return self.stacks.throttle

    def forward(self, *args: Tensor, **kwargs: Tensor) -> Any:
        """Run the program on its inputs, by position or name.

        Args:
            args: the inputs in the order of the spec, each of the shape that it says: floats for
                state (rounded to the lattice) and for givens, int64 for labels.
            kwargs: those that are given by name.

        Returns:
            A named tuple of results and emits, which keeps its run: `inverse` takes it. Where the
            program exchanges bits, its `written` and `drawn` are the differentiable code lengths
            by meter, [B] in bits, and `ledger` has the exact books.

        Raises:
            BindError: the inputs do not fit the program, or it is called under a transform of
                torch that no reversible pass can go through.
            NonFiniteError: an increment was not finite.
            ReservoirExhaustedError: it draws more bits than a reservoir was declared to hold.
        """
        out = self.run(self.interface.bind(args, kwargs), NO_OPTIONS)
        return out[0] if self.plain else out

    def run(self, values: dict[str, Tensor], options: Options) -> Any:
        """Run the program on inputs by name; `options` say how its bits run.

        Returns and raises what `forward` does, but for `plain`.
        """
        at = self.interface
        gate.check(at, values)
        sizes = at.measure(values)
        if torch.compiler.is_dynamo_compiling():
            settled.begin(self.code, self.training, [*values.values()])
        mode = mode_of(
            self, sizes, at.sizes, list(values.values()), at.examples(sizes, values), options
        )
        if torch.compiler.is_compiling():
            refuse_compiled(at, self.schedule)
            seen, ran = whole.run_whole(self, mode, values)
            return make_result(self._result, seen, ran, known=False)
        mode = replace(mode, asked=at.asked(values))
        intake = Intake(at.name, at.entries, values, sizes, options.strict, self.counts)
        seen, ran, run = run_forward(self, mode, intake.admit())
        result = make_result(self._result, seen, ran, held=self.plain)
        run.lender = weakref.ref(result._holder)
        return result

    def score(self, *args: Tensor, **kwargs: Any) -> Tensor:
        """Return the differentiable code length of inputs, [B] in bits.

        Args:
            args: the inputs, as of `forward`.
            kwargs: inputs by name, and for the meter of a draw a tensor, or a list of them, in
                place of drawing.

        Returns:
            The negative log2-likelihood of what is given, or a bound on it where something is
            drawn; see `directions.score`.

        Raises:
            BindError: the program exchanges no bits, or the arguments do not fit it.
        """
        return directions.score(self, args, kwargs)

    def compress(self, *args: Tensor, key: bytes | None = None, **kwargs: Tensor) -> bytes:
        """Return the inputs as bytes, by the program's own code; see `directions.compress`.

        Args:
            args: the inputs, as of `forward`; givens are not in the bytes.
            key: of 16 bytes or more: the bytes carry an HMAC-SHA256, which `decompress` demands.
            kwargs: those that are given by name.

        Raises:
            BindError: the program exchanges no bits, runs in another mode than lossless, or the
                inputs or the key do not fit.
        """
        return directions.compress(self, args, kwargs, key)

    def decompress(
        self, data: bytes, *givens: Tensor, key: bytes | None = None, memory: int | None = None,
        **kwargs: Tensor,
    ) -> Any:  # fmt: skip
        """Return the inputs that `compress` was given, bit for bit on a lattice.

        Args:
            data: what it returned.
            givens: the givens that it was called with, in order.
            key: that of `compress`; with one, bytes that it does not vouch for are not looked at.
            memory: bytes that stacks and inputs may take; by default 64 for each byte of `data`,
                and 64 MiB at least.
            kwargs: those that are given by name.

        Returns:
            A tensor, or a tuple of several.

        Raises:
            KeyMismatchError: the key is missing or another one, or there is none in the bytes.
            TapeMismatchError: the bytes were written under other conditions (program, weights,
                givens, throttles, training); says which.
            DamagedTapeError: they are not what was written.
            MemoryLimitError: they need more memory than is allowed.
            BindError: the givens are not those of the program, or the mode is not lossless.
        """
        return directions.decompress(self, data, givens, kwargs, key, memory)

    def sample(self, n: int, seed: int = 0, **kwargs: Any) -> Any:
        """Return `n` inputs drawn by running the program backwards from fresh stacks.

        Args:
            n: the number of examples.
            seed: in [0, 2**31); equal seeds give equal samples.
            kwargs: the givens, by name, and sizes (int) that nothing else binds.

        Returns:
            A tensor, or a tuple of several.

        Raises:
            BindError: the program leaves state behind, for which it has no distribution, or an
                argument is missing or out of range.
        """
        return directions.sample(self, n, seed, kwargs)

    def verify(self) -> None:
        """Read and judge what passes found that a CUDA graph replays; waits for the device.

        A pass reads its checks as it ends. One that `torch.cuda.graph` captures cannot: its replays
        add to what they find, the worst counts, and this call raises it. Call it as often as a
        wrong step is to be noticed; gradients of replays since the last call are to be trusted
        only when it has returned.

        Raises:
            NonFiniteError: an input or an increment was not finite.
            BindError: a label was out of range.
            ReconstructionError: a rebuilt state was not the forward pass's.
            BitsError: a stack was given symbols or parameters that it cannot code.
        """
        self.deferred.verify()

    @torch.no_grad()
    def inverse(self, out: Any = None, /, **values: Tensor) -> Any:
        """Return the inputs that gave `out`: a tensor, or a tuple of them if there are several.

        Args:
            out: what a forward pass returned. Its raw state counts; a value that was replaced or
                written to since counts as it is.
            values: instead, or over those of `out`: any tensors of the results' shapes, by name,
                and the givens. What a tape would have held is drawn afresh.

        Raises:
            BindError: `out` carries no state of this program, or one that compiled code made;
                or a result or a given is missing or does not fit.
            NonFiniteError: an allocated register does not come back to its value.
            ReconstructionError: the inverse does not come back to the inputs of the run.
        """
        return invert(self, out, values)

    def count_wraps(self, *args: Tensor, **kwargs: Tensor) -> int:
        """Return how many times an element of the state wraps around in a forward pass.

        Wrapping is exact and undone, but a net then reads a value far from the one that was meant:
        give the lattice more integer bits. Runs eagerly, and slower than `forward`.
        """
        with torch.no_grad(), lattice.counting_wraps() as total:
            self.forward(*args, **kwargs)
        return total[0]
