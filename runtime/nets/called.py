"""Nets brought from Python that are called as they are, and pulled back by autograd.

A module always runs in one canonical mode: gradients enabled, inputs detached, and requiring a
gradient where the graph says so. Some modules take other kernels under ``no_grad`` (an LSTM in
training mode, attention in eval mode), which would give the rebuild other bits than the forward
pass had: a graph and its VJP graph say the same. An input whose gradient nobody can ask for
requires none: attention would make that of its mask, as large as all its weights. In eager mode
the VJP is ``torch.autograd.grad``, under ``torch.compile`` it is ``torch.func.vjp``; the module's
hooks run either way.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge

from revc.errors import BindError, ReconstructionError
from revc.runtime.nets.chance import drawing
from revc.runtime.nets.leaf import Leaf
from revc.runtime.nets.net_state import NetState


class End(NamedTuple):
    """Where a module's autograd graph ends, without the numbers of its output."""

    edge: GradientEdge
    dtype: torch.dtype
    requires_grad: bool = True

    @property
    def grad_fn(self) -> Any:
        """The node that made the output."""
        return self.edge.node


class Handle(NamedTuple):
    """What the VJP of one evaluation needs: inputs, parameters and the output, or a vjp closure.

    `wanted` says which inputs the closure gives a cotangent of.
    """

    inputs: tuple[Tensor, ...]
    wanted: tuple[bool, ...]
    output: Tensor | End | None
    vjp: Callable[[Tensor], Any] | None
    params: tuple[Tensor, ...] = ()


def run(leaf: Leaf, own: tuple[Tensor, ...], place: str = "") -> tuple[Tensor, Handle]:
    """Call a brought module on inputs of its own, with what its VJP needs.

    Those of `own` require a gradient whose gradient may be asked for.

    Raises:
        BindError: the module changed its input in place, or something that it holds; or it drew
            random numbers, which nothing would repeat.
    """
    versions = _versions(own)
    params = _params(leaf)
    held = NetState(leaf.module)
    with torch.enable_grad(), _autocast(leaf, own), as_then(leaf), drawing(leaf, own, place):
        try:
            out = single(_called(leaf, params, own))
        except RuntimeError as error:
            # Inputs that want gradients are leaves: torch itself refuses to change them.
            if "in-place" in str(error):
                raise BindError(f"{_changes(leaf)}: {error}") from error
            raise
    if versions != _versions(own):
        raise BindError(_changes(leaf))
    if changed := held.changed():
        raise BindError(
            f"net {leaf.name!r} changes its {changed} as it runs (running statistics, a power "
            "iteration, a cache), and would again when its input is rebuilt: give it one that only "
            "reads, or put it in eval mode if that keeps it from writing"
        )
    return out.detach(), Handle(own, tuple(x.requires_grad for x in own), out, None, params)


def slim(handle: Handle) -> Handle:
    """Return a handle that does not hold the output, which no VJP reads, as autograd does not."""
    output = handle.output
    if not isinstance(output, Tensor) or output.grad_fn is None:
        return handle
    return handle._replace(output=End(get_gradient_edge(output), output.dtype))


def _versions(inputs: tuple[Tensor, ...]) -> list[int]:
    """Return how often each input was changed in place; inference mode does not count."""
    return [0 if x.is_inference() else x._version for x in inputs]


def _changes(leaf: Leaf) -> str:
    return f"net {leaf.name!r} changes its input in place, but a net only reads"


def _params(leaf: Leaf) -> tuple[Tensor, ...]:
    """Return the parameters to compute with: the module's own, or the run's in their place.

    Raises:
        ReconstructionError: it has others by name than when the run began.
    """
    now = dict(leaf.module.named_parameters())
    if other := now.keys() ^ {*leaf.names}:
        raise ReconstructionError(
            f"net {leaf.name!r}: parameter {min(other)!r} was added, taken away or tied since the "
            "forward pass"
        )
    if all(now[name] is param for name, param in zip(leaf.names, leaf.params, strict=True)):
        return leaf.params
    return tuple(p.detach().requires_grad_(p.requires_grad) for p in leaf.params)


def _called(leaf: Leaf, params: tuple[Tensor, ...], inputs: tuple[Tensor, ...]) -> Any:
    if params is leaf.params:
        return leaf.module(*inputs)
    with _exclusive:  # torch puts the other parameters into the module for the time of the call
        named = dict(zip(leaf.names, params, strict=True))
        return torch.func.functional_call(leaf.module, named, inputs)


_exclusive = threading.RLock()


@contextmanager
def as_then(leaf: Leaf) -> Iterator[None]:
    """Give the module the training flags that it had when the run began."""
    modules = list(leaf.module.modules())
    now = tuple(module.training for module in modules)
    if not leaf.training or now == leaf.training:
        yield
        return
    with _exclusive:
        set_training(modules, now, leaf.training)
        try:
            yield
        finally:
            set_training(modules, leaf.training, now)


def set_training(modules: Sequence[nn.Module], now: Sequence[bool], wanted: Sequence[bool]) -> None:
    """Set the training flags that differ.

    Raises:
        ReconstructionError: they are those of more or fewer modules.
    """
    if len(modules) != len(wanted):
        raise ReconstructionError(
            f"a net has {len(modules)} modules, and had {len(wanted)} in the forward pass: parts "
            "were added to it or taken away meanwhile"
        )
    for module, old, new in zip(modules, now, wanted, strict=True):
        if old != new:
            module.training = new


def _autocast(leaf: Leaf, inputs: tuple[Tensor, ...]) -> torch.autocast:
    device = inputs[0].device.type if inputs else "cpu"
    return torch.autocast(device, dtype=leaf.cast, enabled=leaf.cast is not None)


def run_traced(
    leaf: Leaf, wanted: tuple[bool, ...], inputs: tuple[Tensor, ...]
) -> tuple[Tensor, Handle]:
    """Call a brought module where torch.compile traces the run.

    Raises:
        BindError: the compiler could not pull it back.
    """
    if leaf.custom is not None:
        raise BindError(
            f"net {leaf.name} uses autograd.Function {leaf.custom}, whose backward torch.compile "
            "would leave out here: run this model in eager mode"
        )
    names = [name for name, _ in leaf.module.named_parameters()]
    if any("." in name for name in names):
        # Swapping a submodule's parameters inside an autograd Function is beyond Dynamo (2.13).
        raise BindError(
            f"net {leaf.name} has parameters in submodules, which torch.compile cannot "
            "differentiate here: run this model in eager mode"
        )

    def function(params: tuple[Tensor, ...], *chosen: Tensor) -> Tensor:
        named, rest = dict(zip(names, params, strict=True)), list(chosen)
        args = tuple(rest.pop(0) if w else x for x, w in zip(inputs, wanted, strict=True))
        with _autocast(leaf, args):
            return single(torch.func.functional_call(leaf.module, named, args))

    chosen = [x for x, w in zip(inputs, wanted, strict=True) if w]
    pulled = torch.func.vjp(function, leaf.params, *chosen)
    return pulled[0], Handle(inputs, wanted, None, pulled[1])


def pull(leaf: Leaf, handle: Handle, cotangent: Tensor) -> tuple[Any, ...]:
    """Return the cotangents of the parameters, as a tuple, and of each input.

    A parameter that the module did not use has None, and so has an input that none is wanted of.

    Raises:
        BindError: the module computed with a tensor whose gradient has nowhere to go.
    """
    if handle.vjp is not None:
        pulled = handle.vjp(cotangent)
        rest = iter(pulled[1:])
        return (tuple(pulled[0]), *(next(rest) if w else None for w in handle.wanted))
    if handle.output is None:
        raise BindError(f"net {leaf.name!r} was not evaluated")
    wanted = [p for p in handle.params if p.requires_grad]
    floats = [x for x in handle.inputs if x.requires_grad]
    if not handle.output.requires_grad:
        zeros = (torch.zeros_like(x) if x.requires_grad else None for x in handle.inputs)
        return (tuple(None for _ in leaf.params), *zeros)
    _check_leaves(leaf, handle, handle.output)
    found = iter(
        torch.autograd.grad(
            handle.output.edge if isinstance(handle.output, End) else handle.output,
            (*floats, *wanted),
            cotangent.to(handle.output.dtype),
            allow_unused=True,
            retain_graph=torch._C._autograd._get_current_graph_task_keep_graph(),
        )
    )
    by_inputs = [_or_zero(next(found), x) if x.requires_grad else None for x in handle.inputs]
    held = (cotangent, handle.output, *handle.inputs, *handle.params)
    others = {memory(x) for x in held if isinstance(x, Tensor)}
    apart = [unshared(gradient, others) for gradient in by_inputs]
    by_params = tuple(
        unshared(next(found), others) if p.requires_grad else None for p in handle.params
    )
    return (by_params, *apart)


def _check_leaves(leaf: Leaf, handle: Handle, output: Tensor | End) -> None:
    """Check that all that the module computed with is among its inputs and parameters."""
    ours = (*handle.inputs, *handle.params)
    known = {id(x) for x in ours}
    if output.grad_fn is None and id(output) not in known:
        raise BindError(_lost(leaf))
    seen: set[Any] = {x.grad_fn for x in ours} | {None}  # what is behind them is the caller's
    waiting: list[Any] = [output.grad_fn]
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        if type(node).__name__ == "AccumulateGrad" and id(node.variable) not in known:
            raise BindError(_lost(leaf))
        waiting += [function for function, _ in node.next_functions]


def _lost(leaf: Leaf) -> str:
    return (
        f"net {leaf.name!r} computes with a tensor that is none of its parameters (sharded, or "
        "held outside the module): its gradient would be lost"
    )


def unshared(gradient: Tensor | None, others: set[int]) -> Tensor | None:
    """Return a gradient in memory of its own, which the graph will add to; `others` are known."""
    # A module that adds a parameter hands the cotangent itself on, one that adds two parameters
    # gives both one gradient, one that sums a parameter gives one number everywhere.
    if gradient is None:
        return None
    if gradient.layout != torch.strided:
        return gradient.clone()
    spread = any(
        step == 0 and n > 1 for step, n in zip(gradient.stride(), gradient.shape, strict=True)
    )
    if spread or memory(gradient) in others:
        return gradient.clone(memory_format=torch.contiguous_format)
    others.add(memory(gradient))
    return gradient


def memory(x: Tensor) -> int:
    """Return the number of the storage that a tensor lies in."""
    return x.untyped_storage()._cdata


def _or_zero(cotangent: Tensor | None, x: Tensor) -> Tensor:
    return torch.zeros_like(x) if cotangent is None else cotangent


def single(out: Any) -> Tensor:
    """Return the tensor; recurrent and attention layers give it first in a tuple."""
    return out[0] if isinstance(out, tuple) else out
