"""What each name of a file stands for: where it is declared, and everywhere it stands."""

from bisect import bisect_left
from collections.abc import Collection, Sequence

from revc.grammar import ast
from revc.grammar.lexer import Token
from revc.grammar.span import Span
from revc.lsp.symbols import Place, Scope, Symbol, end, start
from revc.lsp.tree import made, parts

_VALUE, _SIZE, _NET, _BLOCK = "value", "size", "net", "block"
_READ = (_VALUE, _SIZE, _NET)
_OPTION = (_SIZE, _NET, _VALUE)


class Names:
    """The names of one file."""

    def __init__(self, file: ast.File, tokens: Sequence[Token]) -> None:
        """Find them.

        Args:
            file: the tree, as far as it could be read.
            tokens: the tokens of its text, in order.
        """
        self._tokens = [token for token in tokens if token.text.isidentifier()]
        self._at: list[Place] = [(token.line, token.column) for token in self._tokens]
        self._file = file.span.file
        self._scope = Scope()
        self.symbols: list[Symbol] = []
        self._faces: dict[int, dict[str, Symbol]] = {}
        self._labelled: dict[int, Symbol] = {}
        self._arguments: list[tuple[Symbol, str, Span]] = []
        self._declare(file)
        for item in file.items:
            self._item(item)
        for called, name, at in self._arguments:
            parameter = self._faces.get(id(called), {}).get(name)
            if parameter is not None:
                parameter.spans.append(at)

    def at(self, line: int, column: int) -> tuple[Symbol, Span] | None:
        """Return the symbol whose name is at a place, or ends there, with that name's place."""
        for symbol in self.symbols:
            for span in symbol.spans:
                if span.line == line and span.column <= column <= span.end_column:
                    return symbol, span
        return None

    # --- places ---------------------------------------------------------------------------------

    def _named(self, name: str, start: Place, behind: str | None = None) -> Span | None:
        """Return the place of the first `name` from `start` on, or the first behind a word."""
        index = bisect_left(self._at, start)
        for at in range(index, len(self._tokens)):
            token = self._tokens[at]
            follows = behind is None or (at > 0 and self._tokens[at - 1].text == behind)
            if token.text == name and follows:
                return Span(self._file, token.line, token.column, token.line, token.end_column)
        return None

    def _make(
        self, sort: str, kind: str, name: str, at: Span | None, module: str | None = None
    ) -> None:
        """Note that a name is declared, in the innermost scope; again if it is there already."""
        if at is None:
            return
        symbol = self._scope.names.get((sort, name))
        if symbol is None:
            symbol = self._scope.names[sort, name] = Symbol(name, kind, module)
            self.symbols.append(symbol)
        symbol.spans.append(at)
        symbol.made.append(at)

    def _use(self, name: str, at: Span | None, sorts: Sequence[str]) -> None:
        symbol = self._scope.find(name, sorts)
        if symbol is not None and at is not None:
            symbol.spans.append(at)

    def _enter(self) -> None:
        self._scope = Scope(self._scope)

    def _leave(self) -> None:
        assert self._scope.outer is not None
        self._scope = self._scope.outer

    # --- declarations ---------------------------------------------------------------------------

    def _declare(self, file: ast.File) -> None:
        """Declare what a file's items name, since they may use one another in any order."""
        for item in file.items:
            begin = start(item.span)
            match item:
                case ast.Use():
                    for name in item.names:
                        for sort in (_NET, _BLOCK):
                            self._imported(sort, name, item.module)
                case ast.DimDecl():
                    for entry in item.entries:
                        at = self._named(entry.name, start(entry.span))
                        self._make(_SIZE, "dim", entry.name, at)
                case ast.NetDecl():
                    self._make(_NET, "net", item.name, self._named(item.name, begin, "net"))
                case ast.BlockDecl() | ast.ModelDecl() | ast.SignatureDecl():
                    sort = _NET if isinstance(item, ast.SignatureDecl) else _BLOCK
                    self._make(sort, item.kind, item.name, item.name_span)
                case ast.BijectionDecl() | ast.ReservoirDecl() | ast.TapeDecl():
                    at = self._named(item.name, begin, item.kind)
                    self._make("stack", item.kind, item.name, at)
        for item in file.items:
            if isinstance(item, ast.BlockDecl | ast.ModelDecl):
                self._meters(item.body)

    def _imported(self, sort: str, name: ast.Name, module: str) -> None:
        """Declare an imported name once, for both sorts that it may be of."""
        known = self._scope.find(name.id, (_NET, _BLOCK))
        if known is not None and known.module is not None:
            self._scope.names[sort, name.id] = known
        else:
            self._make(sort, "import", name.id, name.span, module)

    def _meters(self, body: Sequence[ast.Stmt]) -> None:
        for node in ast.walk(tuple(body)):
            if isinstance(node, ast.Put | ast.Draw | ast.Valve | ast.Scale) and node.meter:
                by = node.factor if isinstance(node, ast.Scale) else node.by
                at = self._named(node.meter, end(by.span), "as")
                self._make("meter", "meter", node.meter, at)

    def _item(self, item: ast.Item) -> None:
        match item:
            case ast.DimDecl():
                for entry in item.entries:
                    self._reads(entry.value, (_SIZE,))
            case ast.StateDecl():
                self._reads(item.numerics, (_SIZE,))
            case ast.NetDecl():
                self._net(item)
            case ast.BlockDecl() | ast.ModelDecl():
                self._body(item)
            case ast.BudgetDecl():
                self._budget(item)
            case ast.ReservoirDecl():
                self._reads(item.args, (_SIZE,))

    def _body(self, decl: ast.BlockDecl | ast.ModelDecl) -> None:
        self._enter()
        for generic in decl.generics if isinstance(decl, ast.BlockDecl) else ():
            sort = _NET if generic.default is None else _SIZE
            at = self._named(generic.name, start(generic.span))
            self._make(sort, "parameter", generic.name, at)
        self._params(decl.params)
        self._face((_BLOCK,), decl.name)
        self._statements(decl.body)
        for param in decl.results or ():
            self._use(param.name, self._named(param.name, start(param.span)), (_VALUE,))
            self._reads(param.type, (_SIZE,))
        self._leave()

    def _params(self, params: Sequence[ast.Param]) -> None:
        for param in params:
            at = self._named(param.name, start(param.span))
            self._make(_VALUE, "given" if param.given else "register", param.name, at)
            self._reads(param.type, (_SIZE,))

    def _face(self, sorts: Sequence[str], name: str) -> None:
        """Keep what the innermost scope has so far as what calls of `name` may name."""
        symbol = self._scope.find(name, sorts)
        if symbol is not None:
            self._faces[id(symbol)] = {key[1]: one for key, one in self._scope.names.items()}

    def _args(self, called: Symbol | None, args: Sequence[ast.Arg]) -> None:
        """Note the names of parameters that a call names."""
        for arg in args if called is not None else ():
            at = self._named(arg.name, start(arg.span)) if arg.name is not None else None
            if called is not None and arg.name is not None and at is not None:
                self._arguments.append((called, arg.name, at))

    def _net(self, node: ast.NetDecl) -> None:
        self._enter()
        for param in node.params or ():
            self._make(_VALUE, "given", param.name, self._named(param.name, start(param.span)))
            self._reads(param.type, (_SIZE,))
        self._face((_NET,), node.name)
        self._reads(node.result, (_SIZE,))
        self._reads(node.value, _READ)
        self._leave()

    def _budget(self, item: ast.BudgetDecl) -> None:
        for target in item.targets:
            *models, meter = target.id.split(".")
            begin = start(target.span)
            for model in models[:1]:
                self._use(model, self._named(model, begin), (_BLOCK,))
            self._use(meter, self._named(meter, begin), ("meter",))
        self._reads(item.bound, (_SIZE,))

    # --- statements -----------------------------------------------------------------------------

    def _statements(self, body: Sequence[ast.Stmt]) -> None:
        for statement in body:
            self._statement(statement)

    def _statement(self, node: ast.Stmt) -> None:
        match node:
            case ast.Undo():
                self._statement(node.statement)
            case ast.Repeat():
                self._repeat(node)
            case ast.NetDecl():
                self._make(_NET, "net", node.name, self._named(node.name, start(node.span), "net"))
                self._net(node)
            case ast.Let() | ast.Emit():
                self._reads(node.value, _READ)
                sort = _VALUE if isinstance(node, ast.Let) else "emit"
                at = self._named(node.name, start(node.span), node.kind)
                self._make(sort, node.kind, node.name, at)
            case ast.BlockCall():
                self._call(node)
            case _:
                self._plain(node)

    def _repeat(self, node: ast.Repeat) -> None:
        self._label(node.label, node.span)
        self._reads(node.count, (_SIZE,))
        if node.index is not None:
            self._enter()
            at = self._named(node.index, end(node.count.span), "as")
            self._make(_SIZE, "turn", node.index, at)
        self._statements(node.body)
        if node.index is not None:
            self._leave()

    def _label(self, label: str | None, span: Span) -> None:
        if label is not None:
            self._make("label", "label", label, self._named(label, start(span)))

    def _call(self, node: ast.BlockCall) -> None:
        self._label(node.label, node.span)
        sorts = ("label", _BLOCK) if node.uncall else (_BLOCK,)
        self._use(node.block, node.block_span, sorts)
        called = self._scope.find(node.block, sorts)
        if called is not None and called.kind == "label":
            called = self._labelled.get(id(called))
        elif node.label is not None and called is not None:
            self._labelled[id(self._scope.names["label", node.label])] = called
        self._args(called, (*node.generics, *node.args))
        self._reads(node.generics, _OPTION)
        self._reads(node.args, _READ)

    def _plain(self, node: ast.Stmt) -> None:
        """Take a statement that names registers: those that it makes, then all that it reads."""
        new = {id(name) for name in made(node)}
        for name in made(node):
            self._make(_VALUE, "register", name.id, name.span)
        for field_name in node.fields:
            self._reads(getattr(node, field_name), _READ, new)
        stack = getattr(node, "stack", None)
        if stack is not None:
            self._use(stack, self._named(stack, start(node.span), "on"), ("stack",))

    # --- expressions ----------------------------------------------------------------------------

    def _reads(
        self, node: object, sorts: Sequence[str], but: Collection[int] = frozenset()
    ) -> None:
        match node:
            case tuple():
                for part in node:
                    self._reads(part, sorts, but)
            case ast.Name():
                if id(node) not in but:
                    self._use(node.id, node.span, sorts)
            case ast.Call():
                self._use(node.func, node.func_span, (_NET,))
                self._args(self._scope.find(node.func, (_NET,)), node.args)
                self._reads(node.args, sorts)
            case ast.Arg():
                self._reads(node.value, _OPTION if node.name is not None else sorts)
            case ast.Type() | ast.Numerics() | ast.Range() | ast.At():
                for part in parts(node):
                    self._reads(part, (_SIZE,))
            case ast.Node():
                for part in parts(node):
                    self._reads(part, sorts, but)
