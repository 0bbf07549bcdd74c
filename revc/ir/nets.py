"""What a net slot is: a built-in with its settings, a torch class, or a hole bound from Python."""

from typing import Literal

from revc.ir.dims import Dim
from revc.ir.types import IRNode, Located, RegType, Shape

Setting = bool | int | float | str | Dim | tuple[Dim, ...] | None


class Builtin(IRNode):
    """A net of `std.nets`: `settings` holds every argument of its signature, defaults filled in.

    `tied` is the slot of the embedding whose table it shares (in the block that has the slot).
    """

    kind: Literal["builtin"] = "builtin"
    name: str
    settings: dict[str, Setting]
    tied: int | None = None


class TorchClass(IRNode):
    """``torch "module:Class"(args)``: built by importing `target` and calling it with `args`.

    `separable` are the axes along which its author says that it may run in pieces.
    """

    kind: Literal["torch"] = "torch"
    target: str
    args: tuple[Setting, ...]
    kwargs: dict[str, Setting]
    separable: tuple[str, ...] = ()


class Hole(IRNode):
    """A net without a body, bound from Python under `name`, or a generic net of a library block.

    `separable` is as for a `TorchClass`.
    """

    kind: Literal["hole"] = "hole"
    name: str
    separable: tuple[str, ...] = ()


class Replaced(IRNode):
    """A built-in net that runs as a module, since its owner replaced or hooked it.

    No spec has one: code generation makes it when a model first runs so.
    """

    kind: Literal["replaced"] = "replaced"
    builtin: Builtin


Source = Builtin | TorchClass | Hole | Replaced


class NetSlot(Located):
    """One net instance as a block sees it.

    `name` is dotted and unique in the block (``repeat_0.3.Layer_0.attention_0`` in a model);
    `inputs` and `output` are the shapes and numerics it is called with, from its first call.
    """

    name: str
    source: Source
    inputs: tuple[RegType, ...]
    output: Shape
