"""The front door: from the source of a spec to its tree, its findings and its programs."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from revc.errors import BindError
from revc.grammar import ast
from revc.grammar.diagnostics import Diagnostic, SpecError, UnsupportedError
from revc.ir.program import Program
from revc.ir.types import Numerics
from revc.passes.analysis.proof import Proof
from revc.passes.analysis.random_nets import Probe
from revc.passes.binding import check_nets
from revc.passes.checks import Checked, check
from revc.passes.elaborate.bodies import Specialised
from revc.passes.elaborate.elaboration import Elaboration
from revc.passes.elaborate.kept import Kept
from revc.passes.elaborate.scope.names import declared_dims
from revc.passes.loading import Loader
from revc.passes.modules import nowhere
from revc.passes.recursion_limit import recursion_limit
from revc.passes.rules.allow import apply_allows
from revc.passes.rules.base import hint
from revc.passes.rules.m508_memory_infeasible import Least
from revc.passes.rules.registry import checks
from revc.passes.rules.report import Findings, by_place
from revc.passes.rules.s002_unknown_name import RULE as UNKNOWN
from revc.passes.sources import DISK, Sources, Text
from revc.passes.transform.pipeline import run_pipeline
from revc.unforeseen import ours

if TYPE_CHECKING:
    from revc.passes.analysis.lipschitz import NetWeights

MOST_SIZE = 2**63 - 1  # what PyTorch counts elements with


class Spec:
    """A spec that has been read: its syntax tree, what is wrong with it, and its programs.

    What is asked of it is worked out then, and once. A design that has no finding at level deny
    compiles, and one that compiles has none: both come of one pass of one list of checks.
    """

    def __init__(
        self, source: str | Path | Text, dims: Mapping[str, int] = {}, sources: Sources = DISK,
        probe: Probe | None = None, least: Least | None = None, defaults: Mapping[str, int] = {},
        weights: "NetWeights | None" = None, kept: Kept | None = None,
    ) -> None:  # fmt: skip
        """Read a spec, and the files that it uses.

        Args:
            source: a path, or the text of a spec (a string with a newline or a brace, or a `Text`).
            dims: values for dims of the file, over those that it gives; a dim of a used file goes
                by ``file.dim``.
            sources: where texts come from.
            probe: what runs torch nets to see whether they draw random numbers; None judges them by
                their text alone.
            least: what counts the least memory of a model's step; None checks no budget of it.
            weights: what bounds built-in nets by their parameters; None bounds none.
            defaults: values for those dims of the file that are among them and not in `dims`.
            kept: what an editor keeps of one text for the next; a spec then makes one pass only.

        Raises:
            SpecError: the file cannot be read.
            BindError: `dims` has a dim that the file does not declare, or a negative size.
        """
        self._dims, self._probe, self._least, self._weights = dict(dims), probe, least, weights
        self._kept = kept
        self._loaded = Findings()
        self._passes: dict[str | None, Checked] = {}
        loader = Loader(self._loaded, sources)
        text = sources.main(source)
        with ours(lambda: text.file):
            self.main = loader.main(text)
        self.modules = tuple(loader.modules)
        self._bind(defaults)

    def _bind(self, defaults: Mapping[str, int]) -> None:
        known = [m.prefix + name for m in self.modules for name in declared_dims(m)]
        self._dims = {name: defaults[name] for name in defaults if name in known} | self._dims
        for name, size in self._dims.items():
            if name not in known and not self._loaded.denied:
                raise BindError(f"no dim `{name}`{hint(name, known)}")
            if not 0 <= size <= MOST_SIZE:
                shown = size if abs(size) <= MOST_SIZE else f"beyond {MOST_SIZE}"
                raise BindError(f"dim `{name}` cannot be {shown}")

    @property
    def tree(self) -> ast.File:
        """The syntax tree of the main file.

        Raises:
            SpecError: the text does not parse, or a file that it uses is not found.
        """
        reject(self._loaded.all)
        return self.main.file

    @property
    def models(self) -> tuple[ast.ModelDecl, ...]:
        """The models of the main file, in its order."""
        return tuple(d for d in self.main.decls.values() if isinstance(d, ast.ModelDecl))

    @property
    def texts(self) -> dict[str, str]:
        """The texts of all files that were read, by the names that findings give them."""
        return {module.file.span.file: module.text for module in self.modules}

    def elaboration(self) -> Elaboration:
        """Return a new elaboration of the spec, with the findings of its reading."""
        elaboration = Elaboration(
            self._loaded.copy(), self.main, self._dims, self._probe, self._least, self._weights
        )
        for module in self.modules:
            elaboration.names(module)
        return elaboration

    def checked(self, first: str | None = None) -> Checked | None:
        """Return the pass over the design that begins with the model `first`, if one is said.

        None where the text does not parse: nothing is said of what cannot be read.
        """
        if any(module.broken for module in self.modules):
            return None
        if first not in self._passes:
            with recursion_limit(), self._work() as elaboration:
                whole = elaboration()
                if self._kept is not None:
                    self._kept.begin(self.modules)
                    whole.kept = self._kept
                self._passes[first] = check(self.main, whole, first)
        return self._passes[first]

    @contextmanager
    def _work(self) -> Iterator[Callable[[], Elaboration]]:
        """Work on the spec, with its elaboration where one is asked for.

        Raises:
            InternalError: something went wrong that is no finding; where, is with it.
        """
        made: list[Elaboration] = []

        def elaboration() -> Elaboration:
            made.append(self.elaboration())
            return made[-1]

        def where() -> str:
            at = made[-1].at if made else None
            file = self.main.file.span.file
            return file if at is None else f"{at.file}:{at.line}:{at.column}"

        with ours(where):
            yield elaboration

    @cached_property
    def findings(self) -> tuple[Diagnostic, ...]:
        """All that is found in the design, sorted by place, less what its comments allow."""
        checked = self.checked()
        found = self._found(checked)
        if checked is None:
            return found
        places = {one.span for one in found if one.level == "deny"}
        late = [one for one in checked.unsupported() if one.span not in places]
        if not (every := sorted([*found, *late], key=by_place)):
            return ()
        from revc.passes.repairs.table import repaired  # clean specs need none

        return tuple(repaired(one, self.main) for one in every)

    @cached_property
    def proofs(self) -> tuple[Proof, ...]:
        """The proof of every block and model of the main file, in its order."""
        checked = self.checked()
        if checked is None:
            return ()
        with recursion_limit(), self._work():
            return tuple(checked.proofs())

    def accepted(self, model: str | None = None) -> Checked:
        """Return the pass over the design that begins with `model`, when it found nothing denied.

        Where no model is said it is the file's first.

        Raises:
            SpecError: it did; the findings at level deny are in it.
        """
        models = [model.name for model in self.models]
        checked = self.checked(model if model in models else next(iter(models), None))
        reject(self._found(checked))
        assert checked is not None
        return checked

    def declared(self, model: str | None = None) -> Specialised:
        """Return a model as it is declared, elaborated and checked.

        Raises:
            SpecError: the spec is wrong; every finding at level deny is in it.
            UnsupportedError: the spec is right, but has statements that cannot be compiled yet.
            BindError: there is no such model.
        """
        checked = self.accepted(model)
        built = checked.built[id(self._model(model))]
        if checked.refused:
            raise UnsupportedError(checked.refused)
        assert built is not None
        return built

    @property
    def numerics(self) -> Numerics:
        """What a type of the main file without a numerics has."""
        return self.elaboration().numerics(self.main)

    def program(self, model: str | None = None, nets: Collection[str] | None = ()) -> Program:
        """Return the program of one model; see `build`.

        Args:
            model: its name; may be left out when the file has one model.
            nets: the nets without a body that Python will bind; None leaves them unbound.

        Raises:
            SpecError: the spec is wrong, or a size that a program needs is free.
            UnsupportedError: the spec has statements that cannot be compiled yet.
            BindError: there is no such model or net, or a net without a body is left out.
        """
        checked = self.accepted(model)
        program = checked.programs[id(self._model(model))]
        if nets is not None:
            check_nets(program, nets)
        if checked.refused:
            raise UnsupportedError(checked.refused)
        with recursion_limit(), self._work():
            needed = Findings()
            for rule in checks("program"):
                for finding in rule(program):
                    needed.add(finding)
            reject(needed.all)
            return run_pipeline(program)

    def _found(self, checked: Checked | None) -> tuple[Diagnostic, ...]:
        findings = self._loaded if checked is None else checked.findings
        kept, about = apply_allows(findings.all, self.modules, self.main)
        return tuple(sorted([*kept, *about], key=by_place))

    def _model(self, name: str | None) -> ast.ModelDecl:
        models = {model.name: model for model in self.models}
        if name is not None:
            if name not in models:
                raise BindError(f"no model `{name}`{hint(name, models)}")
            return models[name]
        if not models:
            at = nowhere(self.main.file.span.file)
            raise SpecError([UNKNOWN.at(at, "no model in this file: there is nothing to compile")])
        if len(models) > 1:
            raise BindError(f"the file has several models: say which of {', '.join(models)}")
        return next(iter(models.values()))


def build(
    source: str | Path,
    *,
    model: str | None = None,
    dims: Mapping[str, int] = {},
    nets: Collection[str] | None = (),
) -> Program:
    """Return the checked program of one model.

    Args:
        source: a path, or the text of a spec (anything with a newline or a brace).
        model: the model's name; may be left out when the file has one.
        dims: values for dims of the file, over those that it gives.
        nets: the names of nets without a body that Python will bind; None leaves them unbound.

    Raises:
        SpecError: the spec is wrong; every finding at level deny is in it.
        UnsupportedError: the spec is right, but has statements that cannot be compiled yet.
        BindError: there is no such model, dim or net.
    """
    return Spec(source, dims).program(model, nets)


def reject(findings: Iterable[Diagnostic]) -> None:
    """Stop at what is denied.

    Raises:
        SpecError: something is.
    """
    denied = [finding for finding in findings if finding.level == "deny"]
    if denied:
        raise SpecError(denied)
