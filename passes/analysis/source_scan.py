"""Look into the source of a torch class without importing it: does it draw random numbers?

`importlib.util.find_spec` of a submodule imports its parents, and torch takes seconds; so modules
are located by path, one component at a time, and their text is parsed.
"""

import ast
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path

DEPTH = 6
LAYERS = {
    "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout",
    "RReLU",
}  # fmt: skip
CALLS = {
    "dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout",
    "rand", "randn", "randint", "randperm", "rand_like", "randn_like", "randint_like", "bernoulli",
    "multinomial", "gumbel_softmax", "normal", "rrelu",
}  # fmt: skip
_SET_UP = ("__init__", "reset_parameters", "_reset_parameters", "init_weights")


def random_call(target: str) -> str | None:
    """Return the first random call in the class ``module:Class``, or None.

    None as well when the class cannot be found: that is for the compiler to report.
    """
    module, _, name = target.partition(":")
    found = _class(module, name, DEPTH)
    return next(_random(found), None) if found is not None else None


def _class(module: str, name: str, depth: int) -> ast.ClassDef | None:
    """Return the class called `name` in reach of a module, through its re-exports."""
    path = _path(module)
    if path is None or depth == 0:
        return None
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError):
        return None
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return node
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if (alias.asname or alias.name) in (name, "*"):
                    inner = _class(_absolute(node, package), name, depth - 1)
                    if inner is not None:
                        return inner
    return None


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


def _random(node: ast.ClassDef) -> Iterator[str]:
    for method in node.body:
        set_up = isinstance(method, ast.FunctionDef) and method.name in _SET_UP
        for call in ast.walk(method):
            if isinstance(call, ast.Call):
                name = _name(call.func)
                if name in LAYERS and not _is_zero(call):
                    yield name
                if name in CALLS and not set_up:
                    yield name


def _name(func: ast.expr) -> str:
    return func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")


def _is_zero(call: ast.Call) -> bool:
    """Say whether a dropout layer is built with a rate of 0."""
    given = [*call.args[:1], *(word.value for word in call.keywords if word.arg == "p")]
    return any(isinstance(arg, ast.Constant) and arg.value == 0 for arg in given)
