"""All that is known of each built-in net without torch: one table, beside the signatures.

A signature (``grammar/std/nets.rev``) says how a net is called; a row here says what the net is
made of. Torch code, an emitter for each kind, is in `revc.codegen.builtins`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from revc.errors import InternalError
from revc.grammar.signatures import Signature, builtin_signatures
from revc.ir.dims import Dim
from revc.ir.memo import per_node
from revc.ir.nets import Builtin, NetSlot

Settings = Mapping[str, Any]
Names = tuple[str, ...]


@dataclass(frozen=True)
class NetKind:
    """One kind of net.

    `arguments` are those of its module's constructor, in order: `n` is the size of what it reads
    (of what a matrix multiplies), `tied` whether its weight is borrowed, all others are settings.
    `names(settings, tied)` are the attribute paths of its parameters, in the order of the module's
    `named_parameters()`, in which graphs take them. `lends`: others may borrow its weight.
    `matrix`: it is the matrix of a `mix`, not a function of values. `masks`: elaboration makes it
    a draw, a product and a put, so that it is never called.

    `coded(settings)` are the settings that the code of a call depends on: its emitter sees no
    others. It sees the sizes of what is read where there are at least `sized` values to read:
    1 is always, 2 where they are joined, 0 never.

    `values(settings)` are the values within a call that cost operations, in the order in which they
    are computed: what a run may keep until its backward pass.
    """

    arguments: Names
    names: Callable[[Settings, bool], Names]
    coded: Callable[[Settings], Names] = lambda s: ()
    sized: int = 0
    lends: bool = False
    matrix: bool = False
    masks: bool = False
    values: Callable[[Settings], Names] = lambda s: ()


_WEIGHT: Names = ("weight",)
_MLP = ("weight_in", "bias_in", "weight_out", "bias_out")
_OUT: Names = ("out",)
_ATTENTION = ("weight_qkv", "bias_qkv", "weight_out", "bias_out")


def _own(tied: bool) -> Names:
    return () if tied else _WEIGHT


def _convolutions(layers: int) -> Names:
    return tuple(f"{kind}.{depth}" for kind in ("weights", "biases") for depth in range(layers))


def _hidden(layers: int) -> Names:
    return (*(f"hidden_{depth}" for depth in range(layers - 1)), "out")


# ruff: noqa: E501 - a table
# fmt: off
NET_KINDS: dict[str, NetKind] = {
    "linear":        NetKind(("n", "out", "bias", "tied"), lambda s, tied: _own(tied) + (("bias",) if s["bias"] else ()), sized=2, values=lambda s: _OUT),
    "gate":          NetKind(("n", "out"), lambda s, tied: ("weight", "bias"), sized=2, values=lambda s: _OUT),
    "attention":     NetKind(("n", "heads", "kv_heads", "causal", "rotary", "window"), lambda s, tied: _ATTENTION, lambda s: ("heads", "kv_heads", "causal", "rotary", "window"), sized=1, values=lambda s: ("qkv", "attended", "out")),
    "mlp":           NetKind(("n", "width", "out", "act"), lambda s, tied: _MLP, lambda s: ("act", "width") if s["act"] == "swiglu" else ("act",), sized=2, values=lambda s: ("hidden", "out")),
    "conv":          NetKind(("n", "width", "out", "kernel", "layers", "act", "stride"), lambda s, tied: _convolutions(s["layers"]), lambda s: ("kernel", "act", "stride"), sized=2, values=lambda s: _hidden(s["layers"])),
    "pool":          NetKind(("stride", "kernel", "kind"), lambda s, tied: (), lambda s: ("stride", "kernel", "kind")),
    "mean":          NetKind(("along",), lambda s, tied: (), lambda s: ("along",)),
    "norm":          NetKind(("n", "kind", "eps"), lambda s, tied: ("weight", "bias") if s["kind"] == "layer" else _WEIGHT, lambda s: ("kind", "eps"), sized=1),
    "group_norm":    NetKind(("n", "groups", "eps"), lambda s, tied: ("weight", "bias"), lambda s: ("groups", "eps")),
    "embedding":     NetKind(("size", "out"), lambda s, tied: _WEIGHT, lambda s: ("size",), lends=True),
    "parameter":     NetKind(("shape", "init"), lambda s, tied: _WEIGHT),
    "cross_entropy": NetKind(("n", "out", "chunk", "tied"), lambda s, tied: _own(tied), lambda s: ("chunk",), values=lambda s: _OUT),
    "dropout":       NetKind(("p",), lambda s, tied: (), masks=True),
    "orthogonal":    NetKind(("n",), lambda s, tied: _WEIGHT, matrix=True),
    "householder":   NetKind(("n", "k"), lambda s, tied: _WEIGHT, matrix=True),
    "lu":            NetKind(("n",), lambda s, tied: _WEIGHT, matrix=True),
}
# fmt: on

MATRICES = tuple(name for name, kind in NET_KINDS.items() if kind.matrix)


def kind_of(source: object) -> NetKind | None:
    """Return the kind of a net's source, None if it is no built-in net."""
    return NET_KINDS[source.name] if isinstance(source, Builtin) else None


def signature_of(source: Builtin) -> Signature:
    """Return how a built-in net is called."""
    return builtin_signatures()[source.name]


def builtin(slot: NetSlot) -> Builtin:
    """Return the source of a slot of a built-in net.

    Raises:
        InternalError: it is another net's slot.
    """
    if not isinstance(slot.source, Builtin):
        raise InternalError(f"{slot.name} is not a built-in net")
    return slot.source


def settings_of(source: Builtin) -> dict[str, Any]:
    """Return the settings with every dim as the int that it is bound to."""
    return {name: _plain(value) for name, value in source.settings.items()}


@dataclass(frozen=True)
class NetCode:
    """What the code of a call of a built-in net depends on, and all that its emitter sees.

    `parameters` are the attribute paths of those that it takes, `tied` the slot that it borrows its
    weight from, `sizes` those of the values that it reads on the axis on which they are joined.
    """

    kind: str
    parameters: Names
    tied: int | None
    sizes: tuple[int, ...]
    settings: tuple[tuple[str, Any], ...]


@per_node
def net_code(slot: NetSlot) -> NetCode:
    """Return what the code of a call of a built-in net depends on."""
    source = builtin(slot)
    kind, settings, sizes = NET_KINDS[source.name], settings_of(source), sizes_of(slot)
    return NetCode(
        kind=source.name,
        parameters=parameter_names(slot),
        tied=source.tied,
        sizes=sizes if 0 < kind.sized <= len(sizes) else (),
        settings=tuple((name, settings[name]) for name in kind.coded(settings)),
    )


@per_node
def parameter_names(slot: NetSlot) -> Names:
    """Return the attribute paths of a built-in net's parameters, in the order graphs take them."""
    source = builtin(slot)
    return NET_KINDS[source.name].names(settings_of(source), source.tied is not None)


@per_node
def values_of(slot: NetSlot) -> Names:
    """Return the names of the values within a call of a net that may be kept: none if brought."""
    source = slot.source
    if not isinstance(source, Builtin):
        return ()
    return NET_KINDS[source.name].values(settings_of(source))


def sizes_of(slot: NetSlot) -> tuple[int, ...]:
    """Return the bound sizes of a slot's inputs on the axis they are joined on; a label has none."""
    axis = signature_of(builtin(slot)).axis
    known = [i.shape[axis].integer for i in slot.inputs if i.numerics.kind != "label"]
    return tuple(size for size in known if size is not None)


def arguments_of(slot: NetSlot) -> dict[str, Any]:
    """Return what the module of a built-in net is made with, by name, in order."""
    source = builtin(slot)
    kind, numbers = NET_KINDS[source.name], _numbers(signature_of(source))
    settings = settings_of(source)
    known = {**settings, "tied": source.tied is not None}
    known |= {"n": settings["out"] if kind.matrix else sum(sizes_of(slot))}
    return {name: float(known[name]) if name in numbers else known[name] for name in kind.arguments}


def _numbers(signature: Signature) -> frozenset[str]:
    return frozenset(option.name for option in signature.options if option.kind == "number")


def _plain(value: Any) -> Any:
    if isinstance(value, Dim):
        return value.integer
    if isinstance(value, tuple):
        return tuple(_plain(item) for item in value)
    return value
