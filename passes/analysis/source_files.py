"""Source files of Python modules, found and read without importing them, and what names mean there.

`importlib.util.find_spec` of a submodule imports its parents, and torch takes seconds; so modules
are located by path, one component at a time, and their text is parsed.
"""

import ast
from dataclasses import dataclass, field
from functools import cached_property
from importlib.machinery import PathFinder
from pathlib import Path

DEPTH = 6  # re-exports that are followed
LARGEST = 1 << 20  # bytes of a file that is read


@dataclass(frozen=True)
class Found:
    """A class or function, and the file that it is in."""

    file: "File"
    node: ast.AST


@dataclass
class File:
    """A module's source: its name, its text, its tree."""

    module: str
    package: str
    text: str
    tree: ast.Module
    imports: dict[str, str] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    top = alias.name.partition(".")[0]
                    self.imports[alias.asname or top] = alias.name if alias.asname else top
            elif isinstance(node, ast.ImportFrom):
                self._from(node)

    def _from(self, node: ast.ImportFrom) -> None:
        base = _absolute(node, self.package)
        for alias in node.names:
            if alias.name == "*":
                self.stars.append(base)
            else:
                self.imports[alias.asname or alias.name] = f"{base}.{alias.name}"

    @cached_property
    def own(self) -> dict[str, ast.AST]:
        """The classes and functions that the file defines."""
        kinds = (ast.ClassDef, ast.FunctionDef)
        return {node.name: node for node in self.tree.body if isinstance(node, kinds)}

    def full_name(self, node: ast.expr) -> str | None:
        """Return the dotted name that an expression has by the file's imports, None if none."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return None
        top = self.imports.get(node.id) or (node.id if node.id in self.own else None)
        if top is None:
            top = node.id if self.stars and not parts else None
        return None if top is None else ".".join([top, *reversed(parts)])

    def find(self, name: str) -> Found | None:
        """Return the class or function of a name that `full_name` gave."""
        if "." not in name:
            return find(self, name)
        module, _, last = name.rpartition(".")
        file = open_module(module)
        return find(file, last) if file is not None else None


def find(file: File, name: str, depth: int = DEPTH) -> Found | None:
    """Return the class or function `name` in reach of a file, through its re-exports."""
    if name in file.own:
        return Found(file, file.own[name])
    if depth == 0:
        return None
    full = file.imports.get(name)
    others = [full] if full is not None else [f"{star}.{name}" for star in file.stars]
    for other in others:
        module, _, last = other.rpartition(".")
        inner = open_module(module) if module else None
        found = find(inner, last, depth - 1) if inner is not None else None
        if found is not None:
            return found
    return None


def open_module(module: str) -> File | None:
    """Return a module's source, None where there is none to read."""
    path = _path(module)
    if path is None:
        return None
    try:
        if path.stat().st_size > LARGEST:
            return None
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
    except (OSError, ValueError, SyntaxError, RecursionError):
        return None
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    return File(module, package, text, tree)


def _absolute(node: ast.ImportFrom, package: str) -> str:
    """Return the module that an import statement in `package` names."""
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    base = parts[: len(parts) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])


def _path(module: str) -> Path | None:
    """Return a module's source file, found without importing it or its parents."""
    locations = None
    spec = None
    for part in module.split("."):
        try:
            spec = PathFinder.find_spec(part, locations)
        except (ImportError, ValueError):
            return None
        if spec is None:
            return None
        locations = spec.submodule_search_locations
    origin = spec.origin if spec is not None else None
    return Path(origin) if origin and origin.endswith(".py") else None
