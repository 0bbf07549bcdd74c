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

from revc.errors import ArtifactError, BindError
from revc.runtime.artifact_segments import ArtifactSegment, FullVjp, Function, keep_values, saved_of
from revc.runtime.interface import Interface
from revc.runtime.model import ReversibleModel
from revc.runtime.nets.binding import Binder, Net, check_state
from revc.runtime.schedule import KeptTurns, keeps, kept_whole

FORMAT = "revc artifact 2"
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
    except (ValueError, RecursionError) as error:
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

    def __init__(self, function: Function, at: int, count: int) -> None:
        super().__init__()
        self.function, self.at, self.count = function, at, count

    def forward(self, *args: Any) -> tuple[Any, ...]:
        """Run the function on a graph's flat arguments."""
        end = self.at + self.count
        return self.function(*args[: self.at], args[self.at : end], *args[end:])


class ArtifactGraphs:
    """The graphs of an artifact; they pickle as the package's name, and copies share them."""

    def __init__(self, package: str, file: str, digest: str, interface: Interface) -> None:
        self.interface = interface
        self._source = (package, file, digest)
        code = {
            name: importlib.import_module(f"{package}.{name}")
            for name in ("forward", "inverse", "vjp", "traced")
        }
        self._segments = {
            plan.graph: ArtifactSegment(
                getattr(code["forward"], plan.graph),
                getattr(code["inverse"], plan.graph),
                FullVjp(getattr(code["vjp"], plan.graph), plan),
                saved_of(package, plan, interface),
            )
            for plan in interface.segments
        }
        keep_values(package, self._segments, interface)
        nets, givens = len(interface.nets), len(interface.givens)
        takes, gives = len(interface.takes), len(interface.gives)
        last = 2 * gives + 2 * givens + len(interface.emits)
        self.traced_forward: nn.Module = Code(code["traced"].forward, takes + givens, nets)
        self.traced_vjp: nn.Module = Code(code["traced"].vjp, last, nets)
        self._kept = kept_whole(interface)
        if self._kept:
            keeping = importlib.import_module(f"{package}.keep_traced")
            self.traced_forward_1: nn.Module = Code(keeping.forward, takes + givens, nets)
            self.traced_vjp_1: nn.Module = Code(keeping.vjp, last, nets)

    def lower_traced(self, kept: KeptTurns | None = None) -> str:
        """Return the ending of graphs for torch.compile: there is a pair that keeps nothing.

        Another keeps what the artifact's own schedule does.

        Raises:
            BindError: something else is to be kept.
        """
        if not keeps(kept):
            return ""
        if kept != self._kept:
            raise BindError(
                f"{self.interface.name}: torch.compile of an artifact's whole model keeps what its "
                'own schedule keeps, or nothing: set model.schedule = "invert", or compile the '
                "spec with another schedule"
            )
        return "_1"

    def segment(
        self, name: str, brought: frozenset[int] = frozenset(),
        asked: tuple[bool, ...] | None = None, keep: tuple[int, ...] = (),
    ) -> ArtifactSegment:  # fmt: skip
        """Return the graphs of a segment, which serve whatever is asked for.

        Raises:
            BindError: built-in nets were replaced or hooked, which only the compiler can lower; or
                the artifact's own schedule keeps other values of the segment.
        """
        if brought:
            raise BindError(
                f"{self.interface.name}: built-in nets of an artifact can be parametrised, not "
                "replaced or hooked: compile the spec in Python for that"
            )
        found = self._segments[name]
        if not keep:
            return found
        if keep not in found.keeping:
            raise BindError(
                "an artifact has graphs that keep values for the segments alone of which its own "
                "schedule keeps these: compile the spec with another schedule"
            )
        return found.keeping[keep]

    def spread(self, name: str, brought: frozenset[int]) -> frozenset[int]:
        """Return the slots that run as modules where `brought` do: there are none."""
        return brought

    def pieces(self, name: str) -> tuple[Any, ...]:
        """Return nothing: an artifact runs as it was written."""
        return ()

    def compiled(
        self, name: str, brought: frozenset[int], how: tuple[tuple[str, Any], ...],
        asked: tuple[bool, ...] | None = None,
    ) -> ArtifactSegment:  # fmt: skip
        """Refuse: an artifact has no code for compilers but that of the whole program.

        Raises:
            BindError: always.
        """
        raise BindError(
            f"{self.interface.name}: the segments of an artifact are not compiled one by one: use "
            "torch.compile on the whole model, or compile the spec in Python"
        )

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
