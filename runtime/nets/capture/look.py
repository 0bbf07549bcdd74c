"""What a module's code may ask of it beside its tensors: its settings, looked at for each call.

Marks of all that lies in a module and that its code reads take a millisecond or two, as long as a
small net. So what was looked into is noted with the objects that it held. As long as it holds the
same ones, the settings are what they were; where it does not, they are made anew, and may be equal.
"""

from collections.abc import Iterator
from itertools import chain
from operator import is_
from typing import Any

import torch
from torch import Tensor, nn

from revc.runtime.nets.capture.held import TORCHS
from revc.runtime.nets.capture.marks import PLAIN, Marks, contents
from revc.runtime.nets.capture.reads import reads, value_at
from revc.runtime.nets.leaf import HOOKS, hooks_of_all, is_hooked, is_looked_at

Setting = tuple[str, Any]
"""A name, by which users find what it is, and a mark."""


class Look:
    """The latest look at a module, of the model that the module is bound to.

    It keeps alive what the module holds, so whoever holds it must not outlive the module.
    """

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: _Seen | None = None

    def settings(self, module: nn.Module) -> tuple[Setting, ...]:
        """Return a module's settings, to be compared by `==`.

        Numbers, strings, containers and the fields of objects count by value, code itself; so do
        attributes of the class, what its methods read by name, and whether there are hooks.

        Raises:
            Refusal: attributes hold too much to be looked at in each call.
        """
        if self._seen is None or not self._seen.holds(module):
            self._seen = None
            self._seen = _Seen(module)
        return self._seen.settings

    @property
    def is_looked_at(self) -> bool:
        """Whether an audit followed the module, or a part of it, by hooks."""
        return self._seen is not None and self._seen.is_looked_at

    def __reduce__(self) -> tuple[type["Look"], tuple[()]]:
        return Look, ()  # a copy's modules are others


class _Seen:
    """Settings, and what held the objects that they were made of."""

    def __init__(self, module: nn.Module) -> None:
        self._parts = [*module.modules()]
        marks = Marks(self._parts)
        found = reads(self._parts)
        rows = chain(_attributes(module, marks), _tree(module))
        self.settings = (("hooks of all modules", hooks_of_all()), *rows, *found.marks)
        self.is_looked_at = any(map(is_looked_at, self._parts))
        self._places = found.places
        self._met = (*marks.met, *found.met)
        self._plain = [x for part in self._parts for x in vars(part).values() if _is_tensor(x)]
        tables = self._tables()
        self._forms, self._then = self._forms_of(tables), [*self._rows(tables)]

    def holds(self, module: nn.Module) -> bool:
        """Say whether every object on the way still holds what it held."""
        if module is not self._parts[0] or hooks_of_all() is not self.settings[0][1]:
            return False
        tables = self._tables()
        return self._forms_of(tables) == self._forms and all(
            len(now) == len(then) and all(map(is_, now, then))
            for now, then in zip(self._rows(tables), self._then, strict=True)
        )

    def _tables(self) -> list[Any]:
        """Return what holds attributes, modules and hooks, by name."""
        tables = [getattr(part, name) for part in self._parts for name in ("_modules", *HOOKS)]
        return [*map(vars, self._parts), *tables]

    def _forms_of(self, tables: list[Any]) -> tuple[list[Any], ...]:
        """Return how much tables hold, and all that is asked of tensors; none is kept alive."""
        holders = [table for part in self._parts for table in (part._parameters, part._buffers)]
        held = [x for table in holders for x in table.values()]
        names, sizes = _names(holders), [*map(len, chain(tables, holders))]
        forms = [_form(x) for x in chain(held, self._plain) if type(x) is not nn.Parameter]
        return sizes, names, [*map(id, held)], forms

    def _rows(self, tables: list[Any]) -> Iterator[list[Any]]:
        yield [*map(type, self._parts)]
        yield _names(tables)
        yield [*chain.from_iterable(table.values() for table in tables)]
        yield [*map(type, self._met)]
        yield from map(contents, self._met)
        yield [value_at(space, name) for space, name in self._places]


def _attributes(module: nn.Module, marks: Marks) -> Iterator[Setting]:
    for path, part in module.named_modules():
        yield f"{path}.__class__", type(part)
        yield f"{path}._forward_hooks", is_hooked(part)
        for name, value in part.__dict__.items():
            if name not in TORCHS and (type(value) in PLAIN or not _is_tensor(value)):
                yield f"{path}.{name}", marks.of(value)


def _tree(module: nn.Module) -> Iterator[Setting]:
    """Yield which part stands where, and which tensor, by numbers: one may stand in many places."""
    number = {id(part): place for place, part in enumerate(module.modules())}
    met: dict[int, int] = {}
    for path, part in module.named_modules():
        for name, child in part._modules.items():
            yield f"{path}.{name}", number.get(id(child))
        plain = {name: x for name, x in vars(part).items() if _is_tensor(x)}
        for table in (part._parameters, part._buffers, plain):
            for name, value in table.items():
                yield f"{path}.{name}", (met.setdefault(id(value), len(met)), _form(value))


def _names(tables: list[Any]) -> list[str]:
    return [*chain.from_iterable(table.keys() for table in tables)]


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Tensor)


def _form(value: Tensor | None) -> Any:
    """Return what code may ask of a tensor beside its numbers; of a parameter, captures know it."""
    if value is None or type(value) is nn.Parameter:
        return type(value)
    place = value.stride() if value.layout is torch.strided else value.layout
    return type(value), value.shape, place, value.dtype, value.device, value.requires_grad
