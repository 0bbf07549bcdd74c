"""Tracing a module with fake tensors: one graph of what it computes and of all that pulls it back.

Autograd itself is traced, by `make_fx`, so the graph has the kernels that the module would have
with gradients recorded, and the backward code of hand-written autograd Functions.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch._dispatch.python import enable_python_dispatcher
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensor,
    FakeTensorMode,
)
from torch.fx import Graph, GraphModule, Node
from torch.fx.experimental.proxy_tensor import get_proxy_mode, make_fx
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import _disable_current_modes

from revc.errors import InternalError
from revc.runtime.nets.called import single
from revc.runtime.nets.capture.held import (
    Place,
    changed,
    double,
    first_line,
    notes,
    places,
)
from revc.runtime.nets.capture.keyed import keyed, random_attention
from revc.runtime.nets.capture.memory import is_random, storages, tensors, written_by
from revc.runtime.nets.capture.others_random import unmoved
from revc.runtime.nets.capture.reads import reads
from revc.runtime.nets.capture.refusal import Refusal
from revc.runtime.nets.capture.repeats import repeats
from revc.runtime.nets.leaf import HOOKS, hooks_of_all, is_hooked
from revc.runtime.open_sizes import has_hint, is_scalar, unite


class Sample(NamedTuple):
    """What a module is traced for.

    `params` stand for its parameters, in order, and of them and `inputs` those require a gradient
    whose gradient may be asked for. `cast` is the dtype of autocast, None without. Inputs whose
    sizes are open are fake tensors of `mode`, as all are that have one.
    """

    params: Sequence[Tensor]
    inputs: Sequence[Tensor]
    cast: torch.dtype | None
    mode: FakeTensorMode | None = None


class Joint(NamedTuple):
    """A graph of parameters, other tensors that the module holds (`others`), and inputs.

    `cotangent` is the node that stands for the output's: what comes before it is what the module
    computes, what comes behind pulls back. The graph returns the output, then the cotangents of
    the parameters and inputs that want one, None for those that the output does not depend on.
    `random` are the operators that drew; what stands for them draws from a key, the last input.
    """

    module: GraphModule
    others: tuple[Place, ...]
    cotangent: Node | None
    random: tuple[str, ...] = ()

    @property
    def graph(self) -> Graph:
        """The graph."""
        return self.module.graph


def trace(module: nn.Module, sample: Sample) -> Joint:
    """Trace a module; nothing is computed, and the module stays as it is.

    Raises:
        Refusal: it cannot be traced, or its trace would not do what it does.
    """
    if any(map(is_hooked, module.modules())):
        raise Refusal("it has hooks, which fire at each call")
    if hooks_of_all():
        raise Refusal("there are hooks of all modules, which fire at each call")
    for place, value in places(module):
        if type(value) not in (Tensor, nn.Parameter, FakeTensor):
            raise Refusal(f"`{place.full}` is a {type(value).__name__}, not a plain tensor")
    with _disable_current_modes():
        mode = sample.mode or FakeTensorMode()
        params = [_fake(mode, value) for value in sample.params]
        inputs = [*sample.inputs] if sample.mode else [_fake(mode, x) for x in sample.inputs]
        own = [value for _, value in module.named_parameters()]
        if len(own) != len(params):
            raise Refusal("it has more or fewer parameters than the run began with")
        pairs: list[tuple[Tensor, Tensor]] = list(zip(own, params, strict=True))
        seen = {id(value) for value in own}
        others: dict[Place, Tensor] = {}
        for place, value in places(module):
            if id(value) not in seen:
                seen.add(id(value))
                others[place] = mode.from_tensor(value.detach(), static_shapes=True)
                pairs.append((value, others[place]))
        twin = double(module, pairs)
        for part in twin.modules():
            for name in HOOKS:  # those of an audit, which look at what is computed
                getattr(part, name).clear()
        call = _Call(twin, sample.cast, mode.shape_env is not None)
        with mode:
            found = call.traced(params, [*others.values()], inputs)
            if random_attention(found.graph):
                with sdpa_kernel(SDPBackend.MATH):
                    found = call.traced(params, [*others.values()], inputs)
            _drop_aliases(found.graph)
            random = keyed(found.graph, call.cotangent)
            unite(found.graph)
            found.recompile()
    return Joint(found, tuple(others), call.cotangent, random)


def _drop_aliases(graph: Graph) -> None:
    """Let calls read what is there under one name alone; the module's inputs keep theirs."""
    for node in list(graph.find_nodes(op="call_function", target=torch.ops.aten.detach.default)):
        value = node.args[0]
        if isinstance(value, Node) and value.op == "call_function":
            node.replace_all_uses_with(value)
            graph.erase_node(node)


def _fake(mode: FakeTensorMode, value: Tensor) -> Tensor:
    fake = mode.from_tensor(value.detach(), static_shapes=True)
    return fake.requires_grad_(value.requires_grad)


_FOREIGN = (
    RuntimeError, TypeError, ValueError, AttributeError, AssertionError, LookupError,
    ArithmeticError, NotImplementedError,
)  # fmt: skip
"""What the code of a module may raise where its tensors have no numbers."""


def _reason(error: Exception) -> str:
    """Return why a module cannot be traced, in words where they are known."""
    if isinstance(error, DataDependentOutputException | DynamicOutputShapeException):
        return f"its numbers decide what it computes ({error.func})"
    if "FakeTensor" in str(error):
        return "it computes with a tensor that it neither takes nor holds in its tree"
    return first_line(error)


_BLIND = (torch.ops.aten.mkldnn_rnn_layer.default,)
"""Operators some of whose results are tensors in C++ alone."""


def _safe_softmax(x: Tensor, dim: int, dtype: torch.dtype | None = None) -> Tensor:
    """Return what `aten._safe_softmax` does, bit for bit, with one temporary and not three."""
    x = x if dtype is None else x.to(dtype)
    out = torch.ops.aten._softmax.default(x, dim, False)
    return out.masked_fill_(x.eq(float("-inf")).all(dim, keepdim=True), 0.0)


_PARTS: dict[Any, Any] = {torch.ops.aten._safe_softmax.default: _safe_softmax}
"""Operators that hold more than their result while they run, by what they are made of."""


class _Call:
    """A call of a module whose tensors are fake, and all that pulls it back."""

    def __init__(self, module: nn.Module, cast: torch.dtype | None, is_open: bool) -> None:
        self.module, self.cast, self.is_open = module, cast, is_open
        self.cotangent: Node | None = None

    def traced(
        self, params: list[Tensor], others: list[Tensor], inputs: list[Tensor]
    ) -> GraphModule:
        """Return the joint graph.

        Raises:
            Refusal: there is none.
        """
        held = [*params, *others, *inputs]
        before = self._now(held)
        try:
            with torch.enable_grad(), unmoved(), self._dispatcher():
                tracing = make_fx(lambda p, _, x: self._joint(p, x), _PARTS)
                found = tracing(params, others, inputs)
                tracing = make_fx(lambda _p, _o, x: [self._out(x).detach()], _PARTS)
                again = tracing(params, others, inputs)
        except _FOREIGN as error:
            raise Refusal(_reason(error)) from error
        try:
            self._check(found, held, before)
            if not repeats(found, again):
                raise Refusal("it computes something else at each call")
        except Refusal as refusal:
            refusal.draws = any(map(is_random, found.graph.nodes))
            raise
        return found

    def _now(self, held: list[Tensor]) -> tuple[dict[str, Any], list[int], list[tuple[str, Any]]]:
        """Return attributes, tensors and how often they were written to, and what code reads."""
        there = [*(id(x) for _, x in places(self.module)), *(x._version for x in held)]
        return notes(self.module), there, reads([*self.module.modules()]).marks

    def _check(self, found: GraphModule, held: list[Tensor], before: Any) -> None:
        """Refuse a graph that would not do again what the call did."""
        (was, there, read), (now, here, marks) = before, self._now(held)
        if name := changed(was, now):
            raise Refusal(f"it keeps `{name}` from call to call")
        pairs = zip(read, marks, strict=True)
        if other := [name for (name, then), (_, mark) in pairs if then != mark]:
            raise Refusal(f"it changes `{other[0]}`, which its code finds by name")
        if any(x.layout != torch.strided for n in found.graph.nodes for x in tensors(n)):
            raise Refusal("it makes sparse tensors")
        if there != here or self.writes(found):
            raise Refusal("it writes to what it takes or holds")
        for node in found.graph.nodes:
            if is_scalar(node) and not has_hint(node):
                raise Refusal("its numbers decide what sizes there are")
            if node.target in _BLIND:
                raise Refusal(f"{node.target} hands on what Python cannot hold")

    def _dispatcher(self) -> AbstractContextManager[Any]:
        """Return what lets operators take open sizes that are made of others in C++."""
        return enable_python_dispatcher() if self.is_open else nullcontext()

    def writes(self, found: GraphModule) -> bool:
        """Say whether the graph, or a kernel that hides it, writes to tensors that it is given."""
        given = [node for node in found.graph.nodes if node.op == "placeholder"]
        theirs = {key for node in given for key, _ in storages(node)}
        written = {key for node in found.graph.nodes for key in written_by(node)}
        return not theirs.isdisjoint(written)

    def _out(self, inputs: list[Tensor]) -> Tensor:
        """Compute with the tensors that the module holds, which are those that a graph takes."""
        device = inputs[0].device.type if inputs else "cpu"
        with torch.autocast(device, dtype=self.cast, enabled=self.cast is not None):
            out = single(self.module(*inputs))
        if not isinstance(out, Tensor):
            raise Refusal(f"it returns no tensor, but {type(out).__name__}")
        return out

    def _joint(self, params: list[Tensor], inputs: list[Tensor]) -> Any:
        """Compute, and pull back."""
        out = self._out(inputs)
        wanted = [x for x in (*params, *inputs) if x.requires_grad]
        if not wanted or not out.requires_grad:
            return [out.detach(), *(None for _ in wanted)]
        result = out.detach()
        cotangent = torch.empty_like(out)
        self.cotangent = next(iter(reversed(_tracer().graph.nodes)))
        return [result, *torch.autograd.grad(out, wanted, cotangent, allow_unused=True)]


def _tracer() -> Any:
    mode = get_proxy_mode()
    if mode is None:
        raise InternalError("a module is called outside of its trace")
    return mode.tracer
