"""Captured modules where torch.compile traces a run: graphs that it compiles once.

The forward pass and the rebuild call the same region, so both have the same bits however it is
fused. A region takes tensors and gives tensors of their own: what pulls back takes parameters and
inputs themselves, and residuals that would lie in the memory of others are copies.
"""

import itertools
import weakref
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch._ops import OpOverload
from torch.fx import Graph, GraphModule, Node

from revc.errors import BindError
from revc.runtime.known_models import known
from revc.runtime.nets.capture.cache import chosen
from revc.runtime.nets.capture.graphs import Cut
from revc.runtime.nets.capture.held import Place
from revc.runtime.nets.capture.memory import storages, tensors
from revc.runtime.nets.capture.questions import SPACES, Question, ask, questions
from revc.runtime.nets.capture.refusal import Refusal
from revc.runtime.nets.capture.trace import Joint, Sample, trace
from revc.runtime.nets.leaf import Leaf
from revc.runtime.traced import region

aten = torch.ops.aten


class Form(NamedTuple):
    """What a module is traced for of an input; `wants` a gradient or not."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype
    device: torch.device
    wants: bool


@dataclass(frozen=True)
class Pair:
    """The regions of a module.

    `front` takes parameters, `others` that the module holds, and inputs; it returns the output and
    residuals. `back` takes those arguments of `front` that `direct` names, the residuals, and a
    cotangent that looks like `cotangent`: it returns a cotangent for each parameter and input for
    which `gives` says so. It is None where nothing wants any.
    """

    front: Callable[..., Any]
    back: Callable[..., Any] | None
    others: tuple[Place, ...]
    direct: tuple[int, ...]
    gives: tuple[bool, ...]
    cotangent: Form | None


class InRegion(NamedTuple):
    """What the VJP of one evaluation takes: the key of its regions, and what `back` does."""

    pair: str
    values: tuple[Tensor, ...]
    inputs: tuple[Tensor, ...]
    wanted: tuple[bool, ...]


class Pairs:
    """Regions as attributes, by key: a compiler looks up an attribute when it asks for it."""


PAIRS = Pairs()
"""The regions of all models that live."""

_numbers = itertools.count(1)

_found: dict[Hashable, tuple[Any, str, str]] = {}


def asked(code: str, name: str) -> tuple[Question, ...]:
    """Return the numbers, strings and flags that a net's code may ask for."""
    return questions(space_of(code, name), known(code).nets.get_submodule(name))


def space_of(code: str, name: str) -> str:
    """Return the key of what a net's code asks; a compiler wants it without dots."""
    return f"{code} {name.replace('.', '/')}"


def key_of(
    code: str, name: str, cast: torch.dtype | None, forms: tuple[tuple[Any, ...], ...]
) -> str:
    """Return the key of a net's regions for such inputs; nothing if it is called as it is.

    Raises:
        BindError: it draws random numbers, or must be captured and cannot be.
    """
    model = known(code)
    module = model.nets.get_submodule(name)
    key = code, name, cast, forms, *map(_flags, module.parameters())
    try:
        settings = model.looks[name].settings(module)
    except Refusal as refusal:
        return _called(model, name, str(refusal))
    now = settings, chosen(forms[0][3] if forms else torch.device("cpu"))
    if key not in _found or _found[key][0] != now:
        if not any(one[0] == code for one in _found):  # type: ignore[index]
            weakref.finalize(model, _forget, code)
        _found[key] = now, *_made(code, name, module, cast, [Form(*one) for one in forms])
    _, found, why = _found[key]
    return _called(model, name, why) if why else found


def _called(model: Any, name: str, why: str) -> str:
    """Return no key, for a net that is called as it is.

    Raises:
        BindError: it must be captured.
    """
    if model.capture == "require":
        raise BindError(f"net {name!r} is not captured, as the model requires: {why}")
    return ""


# What torch.compiler.assume_constant_result does, which imports all of Dynamo to do it.
asked._dynamo_marked_constant = True  # type: ignore[attr-defined]
key_of._dynamo_marked_constant = True  # type: ignore[attr-defined]


def region_of(leaf: Leaf, wanted: tuple[bool, ...], inputs: tuple[Tensor, ...]) -> str:
    """Return the key of the regions of a net, where a compiler traces; nothing if it has none."""
    if leaf.capture == "never" or not leaf.code:
        return ""
    forms = tuple(
        (_fixed(x.shape), _fixed(x.stride()), x.dtype, x.device, w)
        for x, w in zip(inputs, wanted, strict=True)
    )
    # What is asked here is guarded: where it is another, this is traced anew.
    ask(space_of(leaf.code, leaf.name), asked(leaf.code, leaf.name))
    return key_of(leaf.code, leaf.name, leaf.cast, forms)


def _fixed(sizes: Sequence[int]) -> tuple[int, ...]:
    """Return sizes that are no symbols."""
    return tuple([len(range(size)) for size in sizes])


def run(leaf: Leaf, key: str, wanted: tuple[bool, ...], inputs: tuple[Tensor, ...]) -> Any:
    """Return the output and what pulls it back."""
    found: Pair = getattr(PAIRS, key)
    held = [place.rows(leaf.module)[place.name] for place in found.others]
    given = (*leaf.params, *held, *inputs)
    out, *kept = found.front(*given)
    values = (*[given[index] for index in found.direct], *kept)
    return out, InRegion(key, values, inputs, wanted)


def pull(leaf: Leaf, handle: InRegion, cotangent: Tensor) -> tuple[Any, ...]:
    """Return the cotangents of the parameters, as a tuple, and of each input."""
    regions: Pair = getattr(PAIRS, handle.pair)
    found: list[Tensor] = []
    if regions.back is not None and regions.cotangent is not None:
        found = [*regions.back(*handle.values, like(cotangent, regions.cotangent))]
    rest = [found.pop(0) if gives else None for gives in regions.gives]
    count = len(leaf.params)
    by_inputs = [
        torch.zeros_like(x) if w and grad is None else grad
        for x, w, grad in zip(handle.inputs, handle.wanted, rest[count:], strict=True)
    ]
    return (tuple(rest[:count]), *by_inputs)


def like(cotangent: Tensor, form: Form) -> Tensor:
    """Return a cotangent with shape, dtype and strides as they were traced."""
    out = torch.empty_strided(form.shape, form.stride, dtype=form.dtype, device=cotangent.device)
    return out.copy_(cotangent)


def _flags(value: Tensor) -> Hashable:
    return tuple(value.shape), value.dtype, value.device, value.requires_grad


def _forget(code: str) -> None:
    for key in [one for one in _found if one[0] == code]:  # type: ignore[index]
        vars(PAIRS).pop(_found.pop(key)[1], None)
    for key in [one for one in vars(SPACES) if one.rpartition(" ")[0] == code]:
        delattr(SPACES, key)


def _made(
    code: str, name: str, module: nn.Module, cast: torch.dtype | None, forms: Sequence[Form]
) -> tuple[str, str]:
    """Make a net's regions; return their key, or else why there are none.

    Raises:
        BindError: it draws random numbers.
    """
    inputs = [
        torch.empty_strided(f.shape, f.stride, dtype=f.dtype, device=f.device).requires_grad_(
            f.wants
        )
        for f in forms
    ]
    try:
        joint = trace(module, Sample([*module.parameters()], inputs, cast))
    except Refusal as refusal:
        return "", str(refusal)
    if joint.random:
        raise BindError(
            f"net {name!r} draws random numbers ({', '.join(joint.random)}), which code of a "
            "compiler would not draw again: run this model in eager mode, or say `dropout` of "
            "std.nets in the spec"
        )
    key = f"pair_{next(_numbers)}"
    wants = [x.requires_grad for x in (*module.parameters(), *inputs)]
    setattr(PAIRS, key, paired(joint, wants))
    return key, ""


def paired(joint: Joint, wants: Sequence[bool]) -> Pair:
    """Return the regions of a joint graph; `wants` are the parameters' and inputs' wishes."""
    cut = Cut(joint, again=True)
    views = {node: chain for node in cut.kept if (chain := _chain(node, cut.given))}
    fresh = [node for node in cut.kept if node in cut.place and node not in views]
    direct = list(dict.fromkeys(
        views[node][0] if node in views else node for node in cut.kept if node not in fresh
    ))  # fmt: skip
    front = Graph()
    new = {node: front.node_copy(node) for node in cut.given}
    for node in cut.front:
        new[node] = front.node_copy(node, new.__getitem__)
    front.output(tuple(_apart(front, [cut.out, *fresh], cut.given, new)))
    ends = [node for node in cut.found if node is not None]
    rest = iter(cut.found)
    gives = tuple(w and next(rest) is not None for w in wants)
    (traced,) = [None] if joint.cotangent is None else tensors(joint.cotangent)
    again = [node for chain in views.values() for node in chain[1:]]
    back = _back(cut, [*direct, *fresh], [*again, *cut.pulling], ends) if ends else None
    return Pair(
        region(GraphModule(joint.module, front, "front")),
        None if back is None else region(GraphModule(joint.module, back, "back")),
        joint.others, tuple(cut.given.index(node) for node in direct), gives,
        None if traced is None
        else Form(tuple(traced.shape), traced.stride(), traced.dtype, traced.device, False),
    )  # fmt: skip


def _chain(node: Node, given: Sequence[Node]) -> list[Node]:
    """Return what makes a view of something given, from that on; nothing for other nodes."""
    chain = [node]
    while chain[0] not in given:
        target = chain[0].target
        if not isinstance(target, OpOverload) or not target.is_view:
            return []
        chain.insert(0, chain[0].all_input_nodes[0])
    return chain if len(chain) > 1 else []


def _back(cut: Cut, kept: Sequence[Node], nodes: Sequence[Node], ends: Sequence[Node]) -> Graph:
    """Return the graph that pulls back."""
    graph, new = Graph(), dict[Node, Node]()
    given = [*kept, *filter(None, [cut.joint.cotangent])]
    for index, node in enumerate(given):
        new[node] = graph.placeholder(f"kept_{index}")
    for node in nodes:
        if node not in new:
            new[node] = graph.node_copy(node, new.__getitem__)
    graph.output(tuple(_apart(graph, ends, given, new)))
    return graph


def _apart(
    graph: Graph, ends: Iterable[Node], given: Iterable[Node], new: dict[Node, Node]
) -> list[Node]:
    """Return what a graph returns, copied where it lies in memory of what it takes or returns."""
    taken, found = {key for node in given for key, _ in storages(node)}, []
    for node in ends:
        keys = {key for key, _ in storages(node)}
        copies = not taken.isdisjoint(keys)
        taken |= keys
        found.append(graph.call_function(aten.clone.default, (new[node],)) if copies else new[node])
    return found
