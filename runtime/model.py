"""A compiled program as a torch module."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from revc.errors import BindError, ReconstructionError
from revc.runtime import directions, guard, lattice
from revc.runtime.custom import custom_function
from revc.runtime.function import Reversible
from revc.runtime.interface import Interface
from revc.runtime.leaves import Leaf
from revc.runtime.memory import new_health
from revc.runtime.metered import run_ops
from revc.runtime.metered.bits import Bits
from revc.runtime.metered.session import Options, Session
from revc.runtime.metered.settings import BitSettings, Throttle
from revc.runtime.metered.undoing import undoing
from revc.runtime.modes import NO_OPTIONS, Mode, canonical, mode_of
from revc.runtime.nets import Net
from revc.runtime.result import Ran, make_result, result_class
from revc.runtime.running import (
    Graphs,
    Result,
    add_to_smallest,
    place,
    single_segment,
    take,
    zeros,
)


class ReversibleModel(nn.Module):
    """A reversible program: forward stores nothing a layer, backward and `inverse` rebuild.

    ``model(*inputs)`` returns a named tuple of the program's results and emits, floats in float32
    (float64 if the nets are); ``model.inverse(out)`` returns the inputs, bit for bit on a lattice.
    Net instances are the submodules ``model.nets.<dotted instance name>``.
    """

    def __init__(self, interface: Interface, nets: Sequence[nn.Module], graphs: Graphs) -> None:
        super().__init__()
        self.interface = interface
        self._graphs = graphs
        self.nets = nn.Module()
        for name, net in zip(interface.nets, nets, strict=True):
            place(self.nets, name, net)
        self._bits = Bits(interface.plan, interface.sizes)
        self._enter(interface)

    def _enter(self, interface: Interface) -> None:
        """Make the result's class, and the program known to the operators of this process."""
        names = tuple(slot.name for slot in interface.gives) + interface.emits
        self._result = result_class(interface.name, names)
        self._custom = {
            name: None if isinstance(net, Net) else custom_function(net)
            for name, net in zip(interface.nets, self.net_modules(), strict=True)
        }
        self._key = guard.register(interface)

    def __getstate__(self) -> dict[str, Any]:
        # The result's class is made as the program runs: no module has it by its name.
        return {name: value for name, value in self.__dict__.items() if name != "_result"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._enter(self.interface)

    @property
    def forward_graph(self) -> nn.Module:
        """The forward graph: registers, givens, nets, sizes and mode to views, emits, raw state."""
        return self._graphs.forward

    @property
    def inverse_graph(self) -> nn.Module:
        """The graph of the inverse program, without emits."""
        return self._graphs.inverse

    @property
    def vjp_graph(self) -> nn.Module:
        """The graph that rebuilds every input and pulls all cotangents back, in one pass."""
        at = self.interface
        return self._graphs.vjp((True,) * len(at.givens), (True,) * len(at.nets))

    def net_modules(self) -> list[nn.Module]:
        """Return the net instances in program order."""
        return [self.nets.get_submodule(name) for name in self.interface.nets]

    @property
    def bits(self) -> BitSettings:
        """How the bits of the next run are kept: its mode, seed, lanes and spill file."""
        return self._bits.settings

    @property
    def throttle(self) -> Throttle:
        """The throttles of valves, by meter: ``model.throttle["LM.va"] = 0.9``; 1 unless set."""
        return self._bits.throttle

    def forward(self, *args: Tensor, **kwargs: Tensor) -> Any:
        """Run the program on its inputs, by position or name.

        Returns:
            A named tuple of results and emits, whose `state` is what `inverse` needs. Where the
            program exchanges bits, its `written` and `drawn` are the differentiable code lengths
            by meter, [B] in bits, and its `ledger` the exact books.

        Raises:
            BindError: the inputs do not fit the program.
            NonFiniteError: an increment was not finite.
        """
        return self.run(self.interface.bind(args, kwargs), NO_OPTIONS)

    def run(self, values: dict[str, Tensor], options: Options) -> Any:
        """Run the program on inputs by name; `options` say how its bits run."""
        at = self.interface
        mode = self._mode(at.measure(values), list(values.values()), options)
        givens = [values[slot.name] for slot in at.givens]
        params = [param for net in self.net_modules() for param in net.parameters()]
        tensors = [*(values[slot.name] for slot in at.takes), *givens, *params]
        compiled = torch.compiler.is_compiling()
        left: dict[str, Any] | None = None if compiled else {}
        out = Reversible.apply(self, mode, left, *tensors)
        count = len(at.gives) + len(at.emits)
        lengths = out[count] if at.plan else None
        rest = [*out[count + bool(at.plan) :]]
        ticket = rest.pop() if at.plan and compiled else None
        hidden = iter(rest)
        views = out[: len(at.gives)]
        raw = [
            view if slot.kind == "float32" else next(hidden)
            for slot, view in zip(at.gives, views, strict=True)
        ]
        run = Ran(lengths, at.plan.rows, ticket=ticket)
        if left is not None:
            run = run._replace(mode=mode, **left)
        return make_result(self._result, out[:count], raw, givens, compiled, run)

    def score(self, *args: Tensor, **kwargs: Any) -> Tensor:
        """Return the differentiable code length of a run, [B] in bits; see `directions.score`."""
        return directions.score(self, args, kwargs)

    def compress(self, *args: Tensor, **kwargs: Tensor) -> bytes:
        """Return the inputs as bytes, by the program's own code; see `directions.compress`."""
        return directions.compress(self, args, kwargs)

    def decompress(self, data: bytes, *givens: Tensor, **kwargs: Tensor) -> Any:
        """Return the inputs that `compress` was given; see `directions.decompress`."""
        return directions.decompress(self, data, givens, kwargs)

    def sample(self, n: int, seed: int = 0, **kwargs: Any) -> Any:
        """Return `n` inputs drawn by running the program backwards; see `directions.sample`."""
        return directions.sample(self, n, seed, kwargs)

    @torch.no_grad()
    def inverse(self, out: Any) -> Any:
        """Return the inputs that gave `out`: a tensor, or a tuple of them if there are several.

        Args:
            out: what a forward pass returned. Its raw state counts, not its float views.

        Raises:
            BindError: `out` carries no state of this program, or one that compiled code made.
            NonFiniteError: an allocated register does not come back to its value.
        """
        at = self.interface
        if not isinstance(out, self._result) or not hasattr(out, "state"):
            raise BindError(f"inverse takes what {at.name} returned, not a {type(out).__name__}")
        carried: Any = out
        if carried.compiled:
            raise BindError(
                "this result comes from torch.compile, whose nets round differently than the "
                f"inverse's: run {at.name} in eager mode to invert it bit for bit"
            )
        raw, givens = out.state
        mode = carried.run.mode
        if mode is None:
            mode = self._mode(at.sizes_from(raw, givens), [*raw, *givens])
        if at.plan and carried.run.session is None:
            raise BindError(f"this result of {at.name} was copied without its bits: invert the one "
                            "that the forward pass returned")  # fmt: skip
        with undoing(carried.run.session, at.exact):
            views = self.run_inverse(mode, raw, givens, carried.run.session, carried.run.check)
        return views[0] if len(views) == 1 else tuple(views)

    def run_inverse(
        self, mode: Mode, raw: Sequence[Tensor], givens: Sequence[Tensor], session: Session | None,
        check: Tensor | None = None,
    ) -> list[Tensor]:  # fmt: skip
        """Run the inverse graph on raw results; return the inputs, which have checksums `check`."""
        at = self.interface
        params = [param for net in self.net_modules() for param in net.parameters()]
        bits = (session.token, None) if session is not None else ()
        with canonical(self.nets, mode):
            tail = (*mode.tail, *bits, new_health(mode.device))
            out = self.inverse_graph(*raw, *givens, *self._nets(mode, params), *tail)
        *views, trail, row = out
        guard.settle_now(trail, [1], single_segment(at))
        if check is not None and not torch.equal(row, check):
            raise ReconstructionError(
                f"{at.name}: the inverse does not come back to the inputs of the run. Its "
                "parameters, or the result itself, have changed since"
            )
        return views

    def count_wraps(self, *args: Tensor, **kwargs: Tensor) -> int:
        """Return how many times an element of the state wraps around in a forward pass.

        Wrapping is exact and undone, but a net then reads a value far from the one that was meant:
        give the lattice more integer bits. Runs eagerly, and slower than `forward`.
        """
        with torch.no_grad(), lattice.counting_wraps() as total:
            self.forward(*args, **kwargs)
        return total[0]

    # --- the two passes --------------------------------------------------------------------------

    def run_forward(self, mode: Mode, tensors: Sequence[Tensor]) -> Result:
        """Run the forward graph and check its health; see `Reversible` for `tensors`."""
        at = self.interface
        traced = torch.compiler.is_compiling()
        graph = self._graphs.traced_forward if traced else self._graphs.forward
        registers = tensors[: len(at.takes) + len(at.givens)]
        session = self.open_session(mode.examples, mode) if at.plan and not traced else None
        bits, lengths = self._open(mode, session)
        with canonical(self.nets, mode):
            nets = self._nets(mode, tensors[len(registers) :])
            args = (*registers, *nets, *mode.tail, *bits[:1], *lengths, new_health(mode.device))
            out = list(graph(*args))
        gives, emits, segments = len(at.gives), len(at.emits), len(at.segments)
        ends = (gives, gives + emits, 2 * gives + emits, len(out) - segments, len(out))
        views, emitted, raw, checks, trail = (
            out[start:end] for start, end in zip((0, *ends), ends, strict=False)
        )
        rows = [int(part.shape[0]) for part in trail]
        health = torch.cat(trail)
        if traced:
            # A label is its own raw state: Dynamo loses track of a result that is there twice.
            views = [v if v.is_floating_point() else v.clone() for v in views]
            outputs = views or emitted or lengths
            done = [guard.settle(health, rows, self._key)]
            done += [run_ops.finish_run(*bits, mode.device)] if bits else []
            outputs[0] = outputs[0] + sum(done).to(outputs[0].dtype)
        else:
            guard.settle_now(health, rows, at)
            if session is not None:
                session.finish()
        return Result(views, emitted, lengths, raw, checks, trail, bits[1:], session)

    def _open(self, mode: Mode, session: Session | None) -> tuple[list[Tensor], list[Tensor]]:
        """Return a run's token, its ticket in traced code, and its code lengths, if it has any."""
        plan = self.interface.plan
        if not plan:
            return [], []
        wide = torch.float64 if mode.dtype == torch.float64 else torch.float32
        lengths = torch.zeros(len(plan.rows), mode.examples, dtype=wide, device=mode.device)
        if session is not None:
            return [session.token], [lengths]
        run = (self._bits.key, mode.examples, mode.device, self.training, list(mode.sizes))
        return list(run_ops.open_run(*run)), [lengths]

    def open_session(self, examples: int, mode: Mode) -> Session:
        """Open the session of a run of `examples` sequences."""
        return self._bits.open(examples, mode.device, self.training, mode.options, mode.sizes)

    def run_backward(
        self,
        mode: Mode,
        saved: Sequence[Tensor],
        cotangents: Sequence[Tensor | None],
        d_emits: Sequence[Tensor],
        needed: Sequence[bool],
        rows: Sequence[int],
        bits: Sequence[Any] = (),
        session: Session | None = None,
    ) -> list[Tensor | None]:
        """Run the VJP graph and check the rebuilt state; return the cotangents of `tensors`.

        `saved` are the raw results, the givens, the parameters and the checksums; `cotangents`
        those of the results (None for zero), `d_emits` those of the emits. `bits` are the ticket
        of a traced run, or the token of an eager one, and the cotangents of its code lengths.
        """
        args = (mode, saved, cotangents, d_emits, needed, rows, bits)
        if session is None:
            return self._pull(*args)
        with undoing(session, self.interface.exact):
            return self._pull(*args)

    def _pull(
        self,
        mode: Mode,
        saved: Sequence[Tensor],
        cotangents: Sequence[Tensor | None],
        d_emits: Sequence[Tensor],
        needed: Sequence[bool],
        rows: Sequence[int],
        bits: Sequence[Any],
    ) -> list[Tensor | None]:
        at = self.interface
        counts = [len(list(net.parameters())) for net in self.net_modules()]
        values = iter(saved)
        raw, givens, params = (
            take(values, n) for n in (len(at.gives), len(at.givens), sum(counts))
        )
        checks = list(values)
        flags = iter(needed[len(at.takes) :])
        wanted = tuple(take(flags, len(at.givens)))
        by_net = tuple(any(take(flags, count)) for count in counts)
        traced = torch.compiler.is_compiling()
        graph = self._graphs.traced_vjp if traced else self._graphs.vjp(wanted, by_net)
        d_views = [  # eager graphs copy these, so a single number will do
            zeros(value, mode, real=traced) if cot is None else cot
            for cot, value in zip(cotangents, raw, strict=True)
        ]
        d_givens = [
            zeros(value, mode) if want or traced else None
            for value, want in zip(givens, wanted, strict=True)
        ]
        if traced and bits:
            ticket = bits[0]
            bits = (run_ops.turn_back(ticket, [*d_views, *d_emits, bits[1]][0]), bits[1])
        with canonical(self.nets, mode):
            args = (*raw, *d_views, *givens, *d_givens, *d_emits, *self._nets(mode, params))
            del raw, d_views
            out = iter(graph(*args, *mode.tail, *bits, new_health(mode.device), *checks))
            del args
        found: list[Tensor | None] = take(out, len(at.takes) + len(at.givens))
        for count in counts:
            grads = next(out)
            found += [None] * count if grads is None else list(grads)
        self._verify(list(out), rows, found, traced)
        if traced and bits:
            done = run_ops.come_forth(bits[0], ticket, at.exact, mode.device)
            add_to_smallest(found, done)
        return found

    def _verify(
        self, wrong: list[Tensor], rows: Sequence[int], found: list[Tensor | None], traced: bool
    ) -> None:
        if not wrong:
            return
        total = torch.cat(wrong)
        if not traced:
            guard.verify_now(total, rows, self.interface)
            return
        add_to_smallest(found, guard.verify(total, rows, self._key))

    # --- modes -----------------------------------------------------------------------------------

    def _mode(
        self, sizes: dict[str, int], values: list[Tensor], options: Options = NO_OPTIONS
    ) -> Mode:
        return mode_of(self, self.nets, sizes, self.interface.sizes, values, options)

    def _nets(self, mode: Mode, params: Sequence[Tensor]) -> list[Any]:
        """Return what the graphs take for each net: its parameters, or the brought module."""
        flat = iter(params)
        nets: list[Any] = []
        for name, net in zip(self.interface.nets, self.net_modules(), strict=True):
            own = tuple(take(flat, len(list(net.parameters()))))
            cast = None if mode.low == mode.dtype else mode.low
            known = isinstance(net, Net)
            nets.append(own if known else Leaf(net, own, name, cast, self._custom[name]))
        return nets
