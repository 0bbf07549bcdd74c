"""Files and what they declare: `use` finds modules beside the spec and in the installed specs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import revc
from revc.grammar import ast
from revc.grammar.diagnostics import Diagnostic, SpecError
from revc.grammar.parser import parse
from revc.grammar.signatures import builtin_signatures
from revc.grammar.source import read
from revc.grammar.span import Span
from revc.passes.report import Findings
from revc.passes.rules.s002_unknown_name import RULE as UNKNOWN
from revc.passes.rules.s002_unknown_name import unknown_name
from revc.passes.rules.s009_redefined_name import redefined

STD = "std.nets"
_WHAT = {
    ast.NetDecl: "a net", ast.BlockDecl: "a block", ast.ModelDecl: "a model",
    ast.ReservoirDecl: "a reservoir", ast.TapeDecl: "a tape", ast.BijectionDecl: "a bijection",
}  # fmt: skip


@dataclass(eq=False, repr=False)
class Module:
    """One file: its declarations by name, and where its imported names come from.

    `imports` maps a name to the module that declares it, or to None for a built-in net. `prefix`
    goes before the names of its nets and free dims, and is empty for the main file. `broken` says
    that its syntax is wrong, so that parts of it are missing.
    """

    file: ast.File
    prefix: str
    text: str = ""
    broken: bool = False
    decls: dict[str, ast.Node] = field(default_factory=dict)
    imports: "dict[str, Module | None]" = field(default_factory=dict)

    def items(self, kind: type[ast.Node]) -> Iterator[ast.Node]:
        """Yield the file's items of one kind, in order."""
        return (item for item in self.file.items if isinstance(item, kind))

    def find(self, name: str) -> "tuple[Module | None, ast.Node] | None":
        """Return what `name` stands for in this file, with the module that declares it."""
        if name in self.decls:
            return self, self.decls[name]
        source = self.imports.get(name)
        return (source, source.decls[name]) if source else None

    def known(self, kind: type[ast.Node]) -> list[str]:
        """Return the names in reach that stand for a declaration of one kind."""
        own = [name for name, decl in self.decls.items() if isinstance(decl, kind)]
        far = [n for n, m in self.imports.items() if m and isinstance(m.decls.get(n), kind)]
        builtin = [n for n, m in self.imports.items() if m is None and kind is ast.NetDecl]
        return own + far + builtin


class Loader:
    """Reads the main file's text and every file that it uses, each once."""

    def __init__(self, findings: Findings, beside: Path | None) -> None:
        self._findings = findings
        self._folders = [*([beside] if beside else []), Path(revc.__file__).parent / "specs"]
        self._loaded: dict[Path, Module] = {}
        self._open: list[Path] = []
        self.modules: list[Module] = []

    def load(self, text: str, file: str, prefix: str = "") -> Module:
        """Parse `text`, and the files that it uses; what is wrong goes to the findings."""
        result = parse(text, file)
        for diagnostic in result.diagnostics:
            self._findings.add(diagnostic)
        module = Module(result.file, prefix, text, bool(result.diagnostics))
        self.modules.append(module)
        self._declare(module)
        for use in result.file.items:
            if isinstance(use, ast.Use):
                self._use(module, use)
        return module

    def _declare(self, module: Module) -> None:
        for item in module.file.items:
            what = _WHAT.get(type(item))
            name = getattr(item, "name", None)
            if what is None or name is None:
                continue
            if name in module.decls:
                earlier = _WHAT[type(module.decls[name])]
                at = getattr(item, "name_span", item.span)
                self._findings.add(redefined(name, f"{earlier} of this file", at))
            module.decls.setdefault(name, item)

    def _use(self, module: Module, use: ast.Use) -> None:
        if use.module == STD:
            self._import(module, use, None, builtin_signatures())
            return
        path = self._path(use.module)
        if path is None:
            self._findings.add(self._missing(use))
            for name in use.names:
                module.imports.setdefault(name.id, None)
            return
        if path in self._open:
            self._findings.add(UNKNOWN.at(use.span, f"`{use.module}` uses itself"))
            return
        source = self._module(path, use)
        if source is not None:
            self._import(module, use, source, source.decls)

    def _import(
        self, module: Module, use: ast.Use, source: Module | None, known: Mapping[str, object]
    ) -> None:
        for name in use.names:
            if name.id not in known:
                self._findings.add(unknown_name("net or block", name.id, name.span, known))
            elif name.id in module.decls or name.id in module.imports:
                self._findings.add(redefined(name.id, "a name of this file", name.span))
            else:
                module.imports[name.id] = source

    def _module(self, path: Path, use: ast.Use) -> Module | None:
        if path not in self._loaded:
            self._open.append(path)
            try:
                self._loaded[path] = self.load(read(path), str(path), f"{use.module}.")
            except SpecError as error:
                for diagnostic in error.diagnostics:
                    self._findings.add(diagnostic)
                return None
            finally:
                self._open.pop()
        return self._loaded[path]

    def _path(self, module: str) -> Path | None:
        parts = module.split(".")
        for folder in self._folders:
            path = folder.joinpath(*parts).with_suffix(".rev")
            if path.is_file():
                return path.resolve()
        return None

    def _missing(self, use: ast.Use) -> Diagnostic:
        found = {p.stem for folder in self._folders for p in folder.glob("*.rev")}
        return unknown_name("module", use.module, use.span, [STD, *sorted(found)])


def nowhere(file: str) -> Span:
    """Return the start of `file`, for findings about the file as a whole."""
    return Span(file, 1, 1, 1, 1)
