"""Look into the source of a torch class without importing it: does it draw random numbers?

From `forward` the scan follows methods, from `__init__` the layers that are made, and from both the
functions and classes of other files. Names are resolved by imports, so that a layer called
`dropout` is what it was made as. What it finds is there; that it finds nothing proves nothing.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeGuard

from revc.passes.analysis.source_files import File, Found, find, open_module
from revc.passes.analysis.torch_layers import FILLING, UNKNOWN, function, is_torchs, layer

MOST = 300  # classes and functions that are followed
_START = ("forward", "__call__")
Values = dict[str, object]


def random_call(
    target: str, args: Sequence[object] = (), kwargs: Mapping[str, object] = {}
) -> str | None:
    """Return what the class ``module:Class`` draws random numbers by, None if nothing is found.

    Of several things, one that is none of torch's comes first.
    `args` and `kwargs` are what it is made with, `UNKNOWN` where that is not known. None as well
    when the class cannot be found: that is for the compiler to report.
    """
    drawn = list(scanned(Scan(), target, args, kwargs))
    return min(drawn, key=is_torchs, default=None)


def scanned(
    scan: "Scan", target: str, args: Sequence[object], kwargs: Mapping[str, object]
) -> Iterator[str]:
    """Yield what a scan finds in the class ``module:Class``, nothing if it cannot be found."""
    module, _, name = target.partition(":")
    file = open_module(module)
    found = find(file, name) if file is not None else None
    if found is not None and isinstance(found.node, ast.ClassDef):
        yield from scan.made(found, list(args), dict(kwargs))


@dataclass
class Scan:
    """Follows a class to what it draws by; `seen` is what was looked into already."""

    seen: set[object] = field(default_factory=set)

    def _new(self, key: object) -> bool:
        if key in self.seen or len(self.seen) >= MOST:
            return False
        self.seen.add(key)
        return True

    def made(self, found: Found, args: list[object], kwargs: Values) -> Iterator[str]:
        """Yield what a class draws by that is made with these arguments."""
        if not self._new((id(found.node), repr(args), repr(sorted(kwargs.items())))):
            return
        methods = dict(_methods(found))
        values: Values = {}
        if "__init__" in methods:
            init = methods["__init__"]
            values = _bound(init.node, [None, *args], kwargs)
            values |= _attributes(init.node, values)
            yield from self.body(init, values, set_up=True)
        for name in _reached(methods):
            yield from self.body(methods[name], values)
        _, base = _ancestry(found)
        if base is not None and not any(name in methods for name in _START):
            given = args, kwargs
            if "__init__" in methods:
                given = _passed_on(methods["__init__"], values)
            yield from self.layer(base, *given)

    def layer(self, name: str, args: Sequence[object], kwargs: Values) -> Iterator[str]:
        """Yield what a layer of torch's own draws by."""
        looked = layer(name, args, kwargs)
        if looked.verdict == "random":
            yield looked.why

    def body(self, found: Found, values: Values, set_up: bool = False) -> Iterator[str]:
        """Yield what a function draws by; one that sets up may draw initial values."""
        for node in ast.walk(found.node):
            if isinstance(node, ast.Call):
                yield from self._call(found.file, node, values, set_up)

    def _call(self, file: File, node: ast.Call, values: Values, set_up: bool) -> Iterator[str]:
        args = [_constant(arg, values) for arg in node.args]
        kwargs = {word.arg: _constant(word.value, values) for word in node.keywords if word.arg}
        name = file.full_name(node.func)
        if name is None:
            yield from () if set_up else self.method(file, node.func)
            return
        if name.startswith("torch.nn.") and set_up:
            yield from self.layer(name.rpartition(".")[2], args, kwargs)
        if not set_up:
            yield from self.function(name, args, kwargs)
        yield from self._own(file, name, args, kwargs, set_up)

    def method(self, file: File, called: ast.expr) -> Iterator[str]:
        """Yield what the call of a method draws by, by the method's name."""
        attribute = called.attr if isinstance(called, ast.Attribute) else ""
        if attribute in FILLING:
            yield f"`{attribute}`"
        elif attribute in ("sample", "rsample") and "torch.distributions" in file.text:
            yield f"`{attribute}` of a distribution"

    def function(self, name: str, args: Sequence[object], kwargs: Values) -> Iterator[str]:
        """Yield what the call of a function with a full name draws by."""
        drawn = function(name, args, kwargs)
        if drawn is not None:
            yield drawn

    def _own(
        self, file: File, name: str, args: list[object], kwargs: Values, set_up: bool
    ) -> Iterator[str]:
        """Follow a call of a class or function whose source is at hand, torch's own aside."""
        if name.partition(".")[0] in ("torch", "numpy", "builtins"):
            return
        found = file.find(name)
        if found is None:
            return
        if isinstance(found.node, ast.ClassDef):
            yield from self.made(found, args, kwargs)
        elif not set_up and self._new(id(found.node)):
            yield from self.body(found, _bound(found.node, args, kwargs))


# --- classes -------------------------------------------------------------------------------------


def _methods(found: Found) -> Iterator[tuple[str, Found]]:
    """Yield the methods of a class, those of its bases first."""
    for one in reversed(_ancestry(found)[0]):
        for node in one.node.body if isinstance(one.node, ast.ClassDef) else ():
            if isinstance(node, ast.FunctionDef):
                yield node.name, Found(one.file, node)


def _ancestry(found: Found) -> tuple[list[Found], str | None]:
    """Return a class and its bases, each once, nearest first, and the layer of torch under them."""
    line, layers = {id(found.node): found}, list[str]()
    waiting = [found]
    while waiting:
        one = waiting.pop()
        bases = one.node.bases if isinstance(one.node, ast.ClassDef) else []
        for name in filter(None, map(one.file.full_name, bases)):
            above = None if name.startswith("torch.") else one.file.find(name)
            if name.startswith("torch.nn."):
                layers.append(name.rpartition(".")[2])
            elif above is not None and id(above.node) not in line:
                line[id(above.node)] = above
                waiting.append(above)
    return list(line.values()), next(iter(layers), None)


def _passed_on(init: Found, values: Values) -> tuple[list[object], Values]:
    """Return what ``super().__init__(..)`` is given."""
    for node in ast.walk(init.node):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        called = node.func.value
        of = called.func.id if isinstance(called, ast.Call) and _is_name(called.func) else ""
        if (of, node.func.attr) == ("super", "__init__"):
            args = [_constant(arg, values) for arg in node.args]
            return args, {w.arg: _constant(w.value, values) for w in node.keywords if w.arg}
    return [], {}


def _is_name(node: ast.expr) -> TypeGuard[ast.Name]:
    return isinstance(node, ast.Name)


def _reached(methods: Mapping[str, Found]) -> list[str]:
    """Return the methods that `forward` leads to by ``self.name``."""
    waiting = [name for name in _START if name in methods]
    reached = dict.fromkeys(waiting)
    while waiting:
        for node in ast.walk(methods[waiting.pop()].node):
            if not isinstance(node, ast.Attribute) or not is_self(node.value):
                continue
            if node.attr in methods and node.attr not in (*reached, "__init__"):
                reached[node.attr] = None
                waiting.append(node.attr)
    return list(reached)


def is_self(node: ast.expr) -> bool:
    """Say whether an expression is ``self``."""
    return isinstance(node, ast.Name) and node.id == "self"


# --- values --------------------------------------------------------------------------------------


def _bound(node: ast.AST, args: Sequence[object], kwargs: Mapping[str, object]) -> Values:
    """Return what a function's parameters are in a call; those that are not told are `UNKNOWN`."""
    assert isinstance(node, ast.FunctionDef)
    names = [arg.arg for arg in (*node.args.posonlyargs, *node.args.args)]
    defaults = node.args.defaults
    late = dict(zip(names[len(names) - len(defaults) :], defaults, strict=True))
    named = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
    late |= {arg.arg: value for arg, value in named if value is not None}
    values: Values = {name: _constant(value, {}) for name, value in late.items()}
    values |= dict(zip(names, args, strict=False))
    return {**values, **kwargs}


def _attributes(node: ast.AST, values: Values) -> Values:
    """Return what ``self.name = ..`` makes of attributes in a set-up, as ``self.name``."""
    found: Values = {}
    for step in ast.walk(node):
        if isinstance(step, ast.Assign) and len(step.targets) == 1:
            target = step.targets[0]
            if isinstance(target, ast.Attribute) and is_self(target.value):
                found[f"self.{target.attr}"] = _constant(step.value, values)
    return found


def _constant(node: ast.expr, values: Mapping[str, object]) -> object:
    """Return a value that is written, or known by name; `UNKNOWN` for any other."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return values.get(node.id, UNKNOWN)
    if isinstance(node, ast.Attribute) and is_self(node.value):
        return values.get(f"self.{node.attr}", UNKNOWN)
    return UNKNOWN
