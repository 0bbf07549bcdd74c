"""Load a compiled artifact: a folder of plain code that runs without the compiler.

`revc compile -o` writes the folder (see docs/artifact.md): the graphs as Python functions, the nets
as constructor calls, and `program.json` with the program, its interface and the hash of each file.
"""

import hashlib
import importlib
import inspect
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from revc.errors import ArtifactError
from revc.runtime.binding import Binder, Net, check_state
from revc.runtime.cotangents import zeros_for
from revc.runtime.interface import Interface
from revc.runtime.model import ReversibleModel

FORMAT = "revc artifact 1"
PROGRAM = "program.json"


def load(package: str, file: str, digest: str, nets: Mapping[str, Net]) -> ReversibleModel:
    """Return the model of an artifact, with fresh parameters; the artifact's `load` calls this.

    Args:
        package: the artifact's name as a package, as it was imported.
        file: its ``__init__.py``.
        digest: the hash of its `program.json`.
        nets: modules for the nets without a body, as `revc.compile` takes them.

    Raises:
        ArtifactError: a file is missing or is not the one that was written, or it was written for
            another version of the runtime.
        BindError: `nets` does not fit the program.
    """
    graphs = open_graphs(package, file, digest)
    binder = Binder(nets)
    modules = importlib.import_module(f"{package}.nets").make_nets(binder)
    binder.finish()
    for name, module in modules.items():
        check_state(name, module)
    return ReversibleModel(graphs.interface, list(modules.values()), graphs)


def open_graphs(package: str, file: str, digest: str) -> "ArtifactGraphs":
    """Check an artifact's files and import its graphs."""
    described = verified(Path(file).parent, digest)
    check_runtime(described)
    return ArtifactGraphs(package, file, digest, Interface.from_json(described["interface"]))


def verified(folder: Path, digest: str) -> dict[str, Any]:
    """Return the contents of `program.json`, having compared every file with its hash.

    Raises:
        ArtifactError: a file is missing, or is not the one that was written.
    """
    described = read_program(folder)
    if described.get("hash") != digest or content_hash(described) != digest:
        raise ArtifactError(f"{folder / PROGRAM} is not what revc wrote: {_AGAIN}")
    for name, wanted in described["files"].items():
        if file_hash(_read(folder / name)) != wanted:
            raise ArtifactError(f"{folder / name} was changed after revc wrote it: {_AGAIN}")
    return described


_AGAIN = "compile the spec again"


def check_runtime(described: Mapping[str, Any]) -> None:
    """Check that the runtime's functions are called as when the artifact was written.

    Raises:
        ArtifactError: one is missing or takes other arguments.
    """
    for name, wanted in described["runtime"].items():
        module, _, function = name.rpartition(".")
        try:
            known = signature(getattr(importlib.import_module(module), function))
        except (ImportError, AttributeError):
            known = "nothing"
        if known != wanted:
            raise ArtifactError(
                f"the artifact was written by revc {described['revc']} for another revc.runtime: "
                f"{name} is {known} here, not {wanted}: {_AGAIN}"
            )


def signature(function: Callable[..., Any]) -> str:
    """Return how a function or a class is called: its parameters' names and defaults."""
    bare = inspect.signature(function)
    params = [p.replace(annotation=inspect.Parameter.empty) for p in bare.parameters.values()]
    empty = inspect.Signature.empty
    return str(bare.replace(parameters=params, return_annotation=empty))


def read_program(folder: Path) -> dict[str, Any]:
    """Return the contents of a folder's `program.json`, unchecked.

    Raises:
        ArtifactError: there is none, or it is none of ours.
    """
    path = folder / PROGRAM
    try:
        described = json.loads(_read(path))
    except ValueError as error:
        raise ArtifactError(f"{path} is not JSON: {error}") from error
    if not isinstance(described, dict) or described.get("format") != FORMAT:
        raise ArtifactError(f"{path} is not a {FORMAT!r}")
    return described


def content_hash(described: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a `program.json`, in canonical form and without its own hash."""
    rest = {name: value for name, value in described.items() if name != "hash"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return file_hash(text.encode())


def file_hash(data: bytes) -> str:
    """Return the SHA-256 of a file's bytes."""
    return hashlib.sha256(data).hexdigest()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ArtifactError(f"cannot read {path}: {error.strerror}") from error


class Code(nn.Module):
    """A function of an artifact as a graph: the `count` nets from the `at`-th on are one tuple."""

    def __init__(self, function: Callable[..., tuple[Any, ...]], at: int, count: int) -> None:
        super().__init__()
        self.function, self.at, self.count = function, at, count

    def forward(self, *args: Any) -> tuple[Any, ...]:
        """Run the function on a graph's flat arguments."""
        end = self.at + self.count
        return self.function(*args[: self.at], args[self.at : end], *args[end:])


class FullVjp(Code):
    """The VJP for every cotangent: where one is not wanted, it is computed and left."""

    def __init__(self, function: Callable[..., tuple[Any, ...]], interface: Interface) -> None:
        first = 2 * len(interface.gives)
        self.givens = range(first, first + len(interface.givens))
        at = first + 2 * len(interface.givens) + len(interface.emits)
        super().__init__(function, at, len(interface.nets))

    def forward(self, *args: Any) -> tuple[Any, ...]:
        """Run the function; givens without a cotangent get one of zero."""
        values = list(args)
        for given in self.givens:
            place = given + len(self.givens)
            if values[place] is None and values[given].is_floating_point():
                values[place] = zeros_for(values[given])
        return super().forward(*values)


class ArtifactGraphs:
    """The graphs of an artifact; they pickle as the package's name, and copies share them."""

    def __init__(self, package: str, file: str, digest: str, interface: Interface) -> None:
        self.interface = interface
        self._source = (package, file, digest)
        entry = {
            name: importlib.import_module(f"{package}.{name}")
            for name in ("forward", "inverse", "vjp", "traced")
        }
        nets, givens = len(interface.nets), len(interface.givens)
        first, last = len(interface.takes) + givens, len(interface.gives) + givens
        self.forward: nn.Module = Code(entry["forward"].forward, first, nets)
        self.inverse: nn.Module = Code(entry["inverse"].inverse, last, nets)
        self.traced_forward: nn.Module = Code(entry["traced"].forward, first, nets)
        self.traced_vjp: nn.Module = FullVjp(entry["traced"].vjp, interface)
        self._vjp = FullVjp(entry["vjp"].vjp, interface)

    def vjp(self, givens: tuple[bool, ...], nets: tuple[bool, ...]) -> nn.Module:
        """Return the VJP graph, which serves whatever is wanted."""
        return self._vjp

    def __deepcopy__(self, memo: dict[int, Any]) -> "ArtifactGraphs":
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (self._source[0], self._source[2])


def _reopen(package: str, digest: str) -> ArtifactGraphs:
    """Return the graphs of an artifact that a pickled model came from."""
    file = importlib.import_module(package).__file__
    if file is None:
        raise ArtifactError(f"{package} is not an artifact of revc")
    return open_graphs(package, file, digest)
