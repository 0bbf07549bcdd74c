"""Look into the source of a torch class without importing it: does it change what it holds?

What counts are layers that keep running statistics, and in what `forward` leads to, writes that
build on what was there: ``self.n += 1``, ``self.n.add_(1)``, ``self.table[i] = x``.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from revc.passes.analysis.source_files import File, Found
from revc.passes.analysis.source_scan import Scan, Values, is_self, scanned
from revc.passes.analysis.torch_layers import Seen, statistics

CODE = "D602"


def state_kept(
    target: str, args: Sequence[object] = (), kwargs: Mapping[str, object] = {}
) -> Seen | None:
    """Return what the class ``module:Class`` changes as it runs, None if nothing is found.

    A write to a buffer is certain to be one; an attribute of another sort may be a mere note, which
    nothing reads.
    """
    scan = _StateScan()
    found = list(scanned(scan, target, args, kwargs))
    sure = [what for what in found if what in scan.sure]
    return Seen(CODE, (sure or found)[0], bool(sure)) if found else None


@dataclass
class _StateScan(Scan):
    """Follows a class to what it changes; `sure` are those findings that change a tensor."""

    buffers: set[str] = field(default_factory=set)
    sure: set[str] = field(default_factory=set)

    def layer(self, name: str, args: Sequence[object], kwargs: Values) -> Iterator[str]:
        """Yield what a layer of torch's own keeps."""
        kept = statistics(name, args, kwargs)
        if kept is not None:
            self.sure.add(kept)
            yield kept

    def body(self, found: Found, values: Values, set_up: bool = False) -> Iterator[str]:
        """Yield what a function writes to itself, and what those that it calls do."""
        yield from super().body(found, values, set_up)
        for node in ast.walk(found.node):
            if set_up:
                self.buffers |= _registered(node)
            else:
                for target in _written(node):
                    yield from self._write(target)

    def method(self, _file: File, called: ast.expr) -> Iterator[str]:
        """Yield the write of a method that works in place: torch's end in one underscore."""
        name = called.attr if isinstance(called, ast.Attribute) else ""
        if name.endswith("_") and not name.endswith("__") and isinstance(called, ast.Attribute):
            yield from self._write(called.value)

    def function(self, _name: str, _args: Sequence[object], _kwargs: Values) -> Iterator[str]:
        """Yield nothing: what a function does is in its body."""
        return iter(())

    def _write(self, target: ast.expr) -> Iterator[str]:
        while isinstance(target, ast.Subscript):
            target = target.value
        if isinstance(target, ast.Attribute) and is_self(target.value):
            what = f"`forward` changes `self.{target.attr}`"
            if target.attr in self.buffers:
                self.sure.add(what)
            yield what


def _registered(node: ast.AST) -> set[str]:
    """Return the buffer that ``self.register_buffer("n", ..)`` makes."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
        return set()
    first = node.args[0]
    named = isinstance(first, ast.Constant) and isinstance(first.value, str)
    return {str(first.value)} if named and node.func.attr == "register_buffer" else set()  # type: ignore[attr-defined]


def _written(node: ast.AST) -> Iterator[ast.expr]:
    """Yield the places that an assignment changes, having read them."""
    if isinstance(node, ast.AugAssign):
        yield node.target
    elif isinstance(node, ast.Assign):
        for target in node.targets:
            own = isinstance(target, ast.Attribute) and is_self(target.value)
            if isinstance(target, ast.Subscript) or (own and _reads(node.value, target)):
                yield target


def _reads(value: ast.expr, target: ast.expr) -> bool:
    """Say whether an attribute's new value is made of its old one."""
    wanted = ast.dump(target).replace("Store()", "Load()")
    return any(ast.dump(node) == wanted for node in ast.walk(value))
