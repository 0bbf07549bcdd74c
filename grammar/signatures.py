"""What lint knows of the built-in nets without torch, as std/nets.rev declares it.

>>> attention = builtin_signatures()["attention"]
>>> attention.torch
'revc.runtime.nets:Attention'
>>> [option.name for option in attention.options if option.required]
['heads']
>>> attention.option("kv_heads").default
Default(kind='option', value='heads')

Positional arguments of a call are, in order, the `leading` options (`embedding(V)`: those required
before the inputs), then the inputs; an input with `many` takes all that remain. Other options go by
name. A net whose inputs are left out (`net Tok = embedding(V)`) is applied to what its calls give.

`result` has one entry an axis of the output: `..` and an axis' name are those of the first input,
the name of an `int` option is its value, the name of a `dims` option stands for all its dims.
`H/stride` is an axis that an `int` option divides, `.. - along` the leading axes without those that
an `axes` option names.
"""

from functools import cache
from pathlib import Path
from typing import Any, Literal, cast, get_args

from revc.errors import InternalError
from revc.grammar import ast
from revc.grammar.parser import parse
from revc.grammar.record import Record

Kind = Literal["int", "number", "bool", "net", "dims", "axes", "choice"]
Separable = Literal["batch", "sequence"]


class Default(Record):
    """What an option is when it is not given.

    `value`: that value. `option`: what the option named by `value` is. `target`: the size of the
    target's axis at `Signature.axis`. `none`: nothing.
    """

    kind: Literal["value", "option", "target", "none"]
    value: int | float | bool | str | None = None


class Option(Record):
    """An argument that configures a net; `choices` are the words that a `choice` may be."""

    name: str
    kind: Kind
    choices: tuple[str, ...] = ()
    default: Default | None = None

    @property
    def required(self) -> bool:
        """Whether a call must give it."""
        return self.default is None


class Input(Record):
    """An argument that a net reads; `shape` has a name an axis, `..` for any number of axes."""

    name: str
    shape: tuple[str, ...]
    many: bool
    label: bool


class Signature(Record):
    """One built-in net.

    `separable` lists the axes along which the net may run in pieces. `random` is the option that
    makes the net draw random numbers when it is above 0, None for a net that never does. `torch` is
    the class that implements it, as ``package.module:Class``.
    """

    name: str
    leading: tuple[str, ...]
    inputs: tuple[Input, ...]
    options: tuple[Option, ...]
    result: tuple[str, ...]
    separable: tuple[Separable, ...]
    random: str | None
    torch: str

    @property
    def axis(self) -> int:
        """The axis, counted from the end, that inputs join on and that `out` replaces."""
        shapes = (self.result, *(given.shape for given in self.inputs))
        for name in ("out", "n"):
            for shape in shapes:
                if name in shape:
                    return shape.index(name) - len(shape)
        return -1

    def option(self, name: str) -> Option | None:
        """Return the option called `name`, or None."""
        return next((option for option in self.options if option.name == name), None)


@cache
def builtin_signatures() -> dict[str, Signature]:
    """Return the signatures of std/nets.rev by name; the dict is shared, do not change it.

    Raises:
        InternalError: std/nets.rev is wrong.
    """
    text = (Path(__file__).parent / "std" / "nets.rev").read_text(encoding="utf-8")
    result = parse(text, "std/nets.rev")
    if result.diagnostics:
        raise InternalError(f"std/nets.rev does not parse: {result.diagnostics[0].message}")
    found = [item for item in result.file.items if isinstance(item, ast.SignatureDecl)]
    return {item.name: signature(item) for item in found}


def signature(item: ast.SignatureDecl) -> Signature:
    """Return what `item` declares.

    Raises:
        InternalError: an option has a kind or a default that there is not.
    """
    names = [slot.name for slot in item.slots]
    inputs = [slot for slot in item.slots if slot.pattern is not None]
    first = item.slots.index(inputs[0]) if inputs else len(names)
    options = tuple(_option(slot, names) for slot in item.slots if slot.pattern is None)
    return Signature(
        name=item.name,
        leading=tuple(s.name for s in item.slots[:first] if s.default is None),
        inputs=tuple(_input(slot, slot.pattern) for slot in inputs if slot.pattern is not None),
        options=options,
        result=item.result,
        separable=cast(tuple[Separable, ...], item.separable),
        random=item.random,
        torch=item.torch.target,
    )


def _input(slot: ast.Slot, shape: tuple[str, ...]) -> Input:
    return Input(name=slot.name, shape=shape, many=slot.many, label=slot.label)


def _option(slot: ast.Slot, names: list[str]) -> Option:
    choices = () if slot.kinds[0] in get_args(Kind) else slot.kinds
    return Option(
        name=slot.name,
        kind="choice" if choices else cast(Kind, slot.kinds[0]),
        choices=choices,
        default=_default(slot.default, choices, names),
    )


def _default(value: Any, choices: tuple[str, ...], names: list[str]) -> Default | None:
    if value is None:
        return None
    if isinstance(value, ast.Num | ast.Bool):
        return Default(kind="value", value=value.value)
    word = value.id if isinstance(value, ast.Name) else ""
    if word in choices:
        return Default(kind="value", value=word)
    if word in names:
        return Default(kind="option", value=word)
    if word == "target":
        return Default(kind="target")
    if word == "none":
        return Default(kind="none")
    raise InternalError(f"no default {value!r} in std/nets.rev")
