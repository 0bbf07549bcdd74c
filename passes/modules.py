"""A file and what it declares, by name."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from revc.grammar import ast
from revc.grammar.span import Span


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


def statements(body: Iterable[ast.Stmt]) -> Iterator[ast.Stmt]:
    """Yield the statements of a body, those inside `repeat` and `undo` included, in order."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.Repeat):
            yield from statements(statement.body)
        elif isinstance(statement, ast.Undo):
            yield from statements((statement.statement,))


def nowhere(file: str) -> Span:
    """Return the start of `file`, for findings about the file as a whole."""
    return Span(file, 1, 1, 1, 1)
