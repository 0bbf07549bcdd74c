"""A compiled program as a torch module."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from revc.errors import BindError
from revc.runtime import guard, lattice
from revc.runtime.custom import custom_function
from revc.runtime.function import Reversible
from revc.runtime.interface import Interface, Segment
from revc.runtime.leaves import Leaf
from revc.runtime.memory import new_health
from revc.runtime.nets import Net
from revc.runtime.result import make_result, result_class


class Graphs(Protocol):
    """The graphs of a program; `vjp` depends on which givens and nets want cotangents."""

    @property
    def forward(self) -> nn.Module:
        """The forward graph."""

    @property
    def inverse(self) -> nn.Module:
        """The inverse graph."""

    @property
    def traced_forward(self) -> nn.Module:
        """The forward graph for torch.compile."""

    @property
    def traced_vjp(self) -> nn.Module:
        """The VJP graph for torch.compile, with all cotangents."""

    def vjp(self, givens: tuple[bool, ...], nets: tuple[bool, ...]) -> nn.Module:
        """Return the VJP graph."""


@dataclass(frozen=True)
class Mode:
    """How one forward pass ran, to be restored in its backward pass.

    `dtype` is the nets' dtype, `low` that of matmuls (another under autocast only), `training` the
    training flag of every module of the nets, in order.
    """

    sizes: tuple[int, ...]
    dtype: torch.dtype
    low: torch.dtype
    device: torch.device
    training: tuple[bool, ...]

    @property
    def tail(self) -> tuple[Any, ...]:
        """The arguments that every graph takes behind its nets, but for the health."""
        return (*self.sizes, self.dtype, self.low, self.device)


class Result(NamedTuple):
    """What the forward graph gives."""

    views: Sequence[Tensor]
    emits: Sequence[Tensor]
    raw: Sequence[Tensor]
    checks: Sequence[Tensor]
    trail: Sequence[Tensor]


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
            _place(self.nets, name, net)
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

    def forward(self, *args: Tensor, **kwargs: Tensor) -> Any:
        """Run the program on its inputs, by position or name.

        Returns:
            A named tuple of results and emits, whose `state` is what `inverse` needs.

        Raises:
            BindError: the inputs do not fit the program.
            NonFiniteError: an increment was not finite.
        """
        at = self.interface
        values = at.bind(args, kwargs)
        mode = self._mode(at.measure(values), list(values.values()))
        givens = [values[slot.name] for slot in at.givens]
        params = [param for net in self.net_modules() for param in net.parameters()]
        tensors = [*(values[slot.name] for slot in at.takes), *givens, *params]
        out = Reversible.apply(self, mode, *tensors)
        count = len(at.gives) + len(at.emits)
        hidden = iter(out[count:])
        views = out[: len(at.gives)]
        raw = [
            view if slot.kind == "float32" else next(hidden)
            for slot, view in zip(at.gives, views, strict=True)
        ]
        compiled = torch.compiler.is_compiling()
        return make_result(self._result, out[:count], raw, givens, compiled)

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
        mode = self._mode(at.sizes_from(raw, givens), [*raw, *givens])
        params = [param for net in self.net_modules() for param in net.parameters()]
        with self._canonical(mode):
            args = (*raw, *givens, *self._nets(mode, params), *mode.tail, new_health(mode.device))
            *views, trail = self.inverse_graph(*args)
        guard.settle_now(trail, [1], _single_segment(at))
        return views[0] if len(views) == 1 else tuple(views)

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
        with self._canonical(mode):
            nets = self._nets(mode, tensors[len(registers) :])
            args = (*registers, *nets, *mode.tail, new_health(mode.device))
            out = list(graph(*args))
        gives, emits, segments = len(at.gives), len(at.emits), len(at.segments)
        ends = (gives, gives + emits, 2 * gives + emits, len(out) - segments, len(out))
        views, emitted, raw, checks, trail = (
            out[start:end] for start, end in zip((0, *ends), ends, strict=False)
        )
        rows = [int(part.shape[0]) for part in trail]
        health = torch.cat(trail)
        if traced:
            token = guard.settle(health, rows, self._key)
            outputs = views or emitted
            outputs[0] = outputs[0] + token.to(outputs[0].dtype)
        else:
            guard.settle_now(health, rows, at)
        return Result(views, emitted, raw, checks, trail)

    def run_backward(
        self,
        mode: Mode,
        saved: Sequence[Tensor],
        cotangents: Sequence[Tensor | None],
        d_emits: Sequence[Tensor],
        needed: Sequence[bool],
        rows: Sequence[int],
    ) -> list[Tensor | None]:
        """Run the VJP graph and check the rebuilt state; return the cotangents of `tensors`.

        `saved` are the raw results, the givens, the parameters and the checksums; `cotangents`
        those of the results (None for zero), `d_emits` those of the emits.
        """
        at = self.interface
        counts = [len(list(net.parameters())) for net in self.net_modules()]
        values = iter(saved)
        raw, givens, params = (
            _take(values, n) for n in (len(at.gives), len(at.givens), sum(counts))
        )
        checks = list(values)
        flags = iter(needed[len(at.takes) :])
        wanted = tuple(_take(flags, len(at.givens)))
        by_net = tuple(any(_take(flags, count)) for count in counts)
        traced = torch.compiler.is_compiling()
        graph = self._graphs.traced_vjp if traced else self._graphs.vjp(wanted, by_net)
        d_views = [
            _zeros(value, mode) if cot is None else cot
            for cot, value in zip(cotangents, raw, strict=True)
        ]
        d_givens = [
            _zeros(value, mode) if want or traced else None
            for value, want in zip(givens, wanted, strict=True)
        ]
        with self._canonical(mode):
            args = (*raw, *d_views, *givens, *d_givens, *d_emits, *self._nets(mode, params))
            del raw, d_views
            out = iter(graph(*args, *mode.tail, new_health(mode.device), *checks))
            del args
        found: list[Tensor | None] = _take(out, len(at.takes) + len(at.givens))
        for count in counts:
            grads = next(out)
            found += [None] * count if grads is None else list(grads)
        self._verify(list(out), rows, found, traced)
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
        # The compiler keeps the check only if a result depends on it: the smallest gradient does.
        token = guard.verify(total, rows, self._key)
        sizes = [(grad.numel(), i) for i, grad in enumerate(found) if grad is not None]
        index = min(sizes)[1]
        grad = found[index]
        if grad is not None:
            found[index] = grad + token.to(grad.dtype)

    # --- modes -----------------------------------------------------------------------------------

    def _mode(self, sizes: dict[str, int], values: list[Tensor]) -> Mode:
        first = next((p for p in self.parameters() if p.is_floating_point()), None)
        device = first.device if first is not None else values[0].device if values else None
        device = device or torch.device("cpu")
        dtype = first.dtype if first is not None else torch.float32
        low = dtype
        if torch.is_autocast_enabled(device.type) and dtype == torch.float32:
            low = torch.get_autocast_dtype(device.type)
        flags = tuple(module.training for module in self.nets.modules())
        ordered = tuple(sizes[name] for name in self.interface.sizes)
        return Mode(ordered, dtype, low, device, flags)

    @contextmanager
    def _canonical(self, mode: Mode) -> Iterator[None]:
        """Restore the mode of the forward pass; graphs cast explicitly, so autocast is off."""
        modules = list(self.nets.modules())
        now = [module.training for module in modules]
        _set_training(modules, now, mode.training)
        try:
            with torch.autocast(mode.device.type, enabled=False):
                yield
        finally:
            _set_training(modules, mode.training, now)

    def _nets(self, mode: Mode, params: Sequence[Tensor]) -> list[Any]:
        """Return what the graphs take for each net: its parameters, or the brought module."""
        flat = iter(params)
        nets: list[Any] = []
        for name, net in zip(self.interface.nets, self.net_modules(), strict=True):
            own = tuple(_take(flat, len(list(net.parameters()))))
            cast = None if mode.low == mode.dtype else mode.low
            known = isinstance(net, Net)
            nets.append(own if known else Leaf(net, own, name, cast, self._custom[name]))
        return nets


def _take(values: Iterator[Any], count: int) -> list[Any]:
    return [next(values) for _ in range(count)]


def _set_training(
    modules: Sequence[nn.Module], now: Sequence[bool], wanted: Sequence[bool]
) -> None:
    for module, old, new in zip(modules, now, wanted, strict=True):
        if old != new:
            module.training = new


def _zeros(value: Tensor, mode: Mode) -> Tensor:
    dtype = torch.float64 if mode.dtype == torch.float64 else torch.float32
    return torch.zeros(value.shape, dtype=dtype, device=value.device)


def _place(root: nn.Module, name: str, net: nn.Module) -> None:
    """Add `net` below `root` under a dotted name."""
    *path, last = name.split(".")
    for part in path:
        if not hasattr(root, part):
            root.add_module(part, nn.Module())
        root = getattr(root, part)
    root.add_module(last, net)


def _single_segment(interface: Interface) -> Interface:
    return replace(interface, segments=(Segment("inverse", loop=False),))
