"""Frozen records: what syntax trees, signatures and the intermediate form are made of.

A class lists its fields as a dataclass does, all by keyword, and mypy checks calls of it as such.
Two things are other: making such a class compiles no code, which for a hundred dataclasses takes
longer than to lint a spec, and a record is made by one dict, which a long spec does 100,000 times.
Whether values fit their annotations is checked by mypy where they are made. pydantic reads the
fields as a dataclass's (``TypeAdapter(kind)``): `revc.ir.schema`.
"""

from typing import Any, ClassVar, NoReturn, Self, dataclass_transform


class _Fields:
    """What tells dataclasses' own functions, and pydantic, a class's fields; made when asked."""

    def __get__(self, _: object, kind: "type[Record]") -> dict[str, Any]:
        from dataclasses import field, make_dataclass

        left_out = {name: field(kw_only=True) for name in kind._required}
        own = {n: field(default=d, kw_only=True) for n, d in kind._blank.items()} | left_out
        made = make_dataclass(kind.__name__, [(n, kind.annotation(n), own[n]) for n in kind.fields])
        found: dict[str, Any] = made.__dataclass_fields__  # type: ignore[attr-defined]
        return found


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Record:
    """An immutable value with named fields; equal to those of its class with equal fields.

    Attributes:
        fields: the names of the fields, those of base classes first.
        contents: those of them that are not places in a text, which end with ``span``.
    """

    __slots__ = ("__dict__", "__weakref__")

    __dataclass_fields__: ClassVar[Any] = _Fields()
    __pydantic_config__: ClassVar[Any] = {
        "extra": "forbid", "revalidate_instances": "always",
    }  # fmt: skip
    fields: ClassVar[tuple[str, ...]] = ()
    contents: ClassVar[tuple[str, ...]] = ()
    _blank: ClassVar[dict[str, Any]] = {}  # each field with its default, or with nothing, in order
    _required: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls) -> None:
        kinds = vars(cls).get("__annotations__", {})
        own = [name for name, kind in kinds.items() if _is_field(kind)]
        has_default = cls._blank.keys() - cls._required | (vars(cls).keys() & own)
        cls._blank = cls._blank | {name: vars(cls).get(name) for name in own}
        cls._required = frozenset(cls._blank.keys() - has_default)
        cls.fields = tuple(cls._blank)
        cls.contents = tuple(name for name in cls.fields if not name.endswith("span"))

    def __init__(self, **given: Any) -> None:
        """Make a record of values by their names; those left out are their defaults.

        Raises:
            TypeError: a field without a default is left out, or there is no such field.
        """
        values = self._blank | given
        if len(values) != len(self._blank) or not self._required <= given.keys():
            _wrong(type(self), given)
        object.__setattr__(self, "__dict__", values)  # its order is that of the fields

    @classmethod
    def annotation(cls, name: str) -> Any:
        """Return what a field is said to hold."""
        kinds = (vars(one).get("__annotations__", {}) for one in cls.__mro__)
        return next(found[name] for found in kinds if name in found)

    @classmethod
    def blank(cls) -> dict[str, Any]:
        """Return the values of a record by its fields, in order: defaults, and None for others."""
        return cls._blank.copy()

    @classmethod
    def holding(cls, values: dict[str, Any]) -> Self:
        """Return a record of this class with these values, all of them and in order; unchecked."""
        new = object.__new__(cls)
        object.__setattr__(new, "__dict__", values)
        return new

    def replace(self, **changes: Any) -> Self:
        """Return the record with other values in some fields.

        Raises:
            TypeError: there is no such field.
        """
        values = self.__dict__ | changes
        if len(values) != len(self._blank):
            _wrong(type(self), values)
        return self.holding(values)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        try:
            return self.__dict__ == other.__dict__
        except RecursionError:  # of Python 3.12, at 300 levels, whatever limit is set
            return _equal(self, other)

    def __hash__(self) -> int:
        return hash((type(self), *self.__dict__.values()))

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.contents)
        return f"{type(self).__name__}({inside})"

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is frozen: its {name} stays")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is frozen: its {name} stays")


def _equal(one: Any, other: Any) -> bool:
    """Compare records, and tuples of them, without recursion."""
    waiting = [(one, other)]
    while waiting:
        one, other = waiting.pop()
        if one is other:
            continue
        if type(one) is type(other) and isinstance(one, Record):
            one, other = (*one.__dict__.values(),), (*other.__dict__.values(),)
        if type(one) is type(other) is tuple:
            if len(one) != len(other):
                return False
            waiting += zip(one, other, strict=True)
        elif one != other:
            return False
    return True


def plain(value: Any, without: tuple[str, ...] = ()) -> Any:
    """Return a record, or what is in one, as data that JSON has; places in texts are left out.

    A record is an object, a tuple an array; what JSON has not, as a dim, is its text. `without` are
    fields of the outermost record to leave out.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Record):
        kept = (name for name in value.contents if name not in without)
        return {name: plain(getattr(value, name)) for name in kept}
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, tuple):
        return [plain(one) for one in value]
    return str(value)


def _is_field(annotation: Any) -> bool:
    return getattr(annotation, "__origin__", annotation) is not ClassVar


def _wrong(kind: type[Record], given: dict[str, Any]) -> NoReturn:
    missing = sorted(kind._required - given.keys())
    unknown = sorted(given.keys() - set(kind.fields))
    parts = [f"without {', '.join(missing)}"] if missing else []
    parts += [f"with {', '.join(unknown)}, which it has not"] if unknown else []
    raise TypeError(f"{kind.__name__} is made {' and '.join(parts)}")
