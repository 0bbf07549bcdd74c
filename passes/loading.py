"""Load a spec and what it uses: `use` finds files beside the spec and in the installed specs."""

from collections.abc import Mapping
from pathlib import Path

import revc.specs
from revc.grammar import ast
from revc.grammar.diagnostics import Diagnostic, SpecError
from revc.grammar.signatures import builtin_signatures
from revc.passes.modules import Module
from revc.passes.rules.report import Findings
from revc.passes.rules.s002_unknown_name import RULE as UNKNOWN
from revc.passes.rules.s002_unknown_name import unknown_name
from revc.passes.rules.s009_redefined_name import redefined
from revc.passes.sources import Sources, Text

STD = "std.nets"
DEEPEST = 64  # files in a chain, each of which is used by the one before
MOST_FILES = 500
_WHAT = {
    ast.NetDecl: "a net", ast.BlockDecl: "a block", ast.ModelDecl: "a model",
    ast.ReservoirDecl: "a reservoir", ast.TapeDecl: "a tape", ast.BijectionDecl: "a bijection",
}  # fmt: skip


class Loader:
    """Reads the main file's text and every file that it uses, each once."""

    def __init__(self, findings: Findings, sources: Sources) -> None:
        self._findings = findings
        self._sources = sources
        self._folders: list[Path] = []
        self._loaded: dict[Path, Module] = {}
        self._open: list[Path] = []
        self.modules: list[Module] = []

    def main(self, source: Text) -> Module:
        """Load the main file, and the files that it uses; what is wrong goes to the findings."""
        beside = [source.folder] if source.folder is not None else []
        self._folders = [*beside, Path(revc.specs.__file__).parent]
        return self._load(source.text, source.file)

    def _load(self, text: str, file: str, prefix: str = "") -> Module:
        result = self._sources.parse(text, file)
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
        if path not in self._loaded and (wrong := self._too_many(use)) is not None:
            self._findings.add(wrong)
            for name in use.names:
                module.imports.setdefault(name.id, None)
            return
        source = self._module(path, use)
        if source is not None:
            self._import(module, use, source, source.decls)

    def _too_many(self, use: ast.Use) -> Diagnostic | None:
        """Return the finding for one file too many: in a chain of `use`, or in all."""
        if len(self._open) >= DEEPEST:
            return UNKNOWN.at(use.span, f"files use one another more than {DEEPEST} deep here")
        if len(self.modules) > MOST_FILES:
            return UNKNOWN.at(use.span, f"more than {MOST_FILES} files are used")
        return None

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
                self._loaded[path] = self._load(
                    self._sources.text(path), str(path), f"{use.module}."
                )
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
            if self._sources.has(path):
                return path.resolve()
        return None

    def _missing(self, use: ast.Use) -> Diagnostic:
        found = {name for folder in self._folders for name in self._sources.specs(folder)}
        return unknown_name("module", use.module, use.span, [STD, *sorted(found)])
