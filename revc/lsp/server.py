"""The language server: what an editor asks, answered over standard input and output.

Texts are taken whole, so that no counting of places stands between an editor's text and what is
linted. A change is linted when keys have rested for `REST` seconds.
"""

import asyncio
import gc

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from revc.errors import BindError, InternalError
from revc.grammar.diagnostics import Diagnostic, SpecError
from revc.grammar.format import format_source
from revc.grammar.span import Span
from revc.lsp import convert
from revc.lsp.actions import actions
from revc.lsp.hints import hints
from revc.lsp.hover import hover
from revc.lsp.lookup import definition, references, renamed
from revc.lsp.outline import outline
from revc.lsp.positions import Lines
from revc.lsp.rule_pages import RulePages
from revc.lsp.workspace import Document, Workspace

REST = 0.04
IDLE = 1.0  # seconds without a change after which memory is tidied
MOST_UNTIDY = 20  # changes after which it is, however fast they come


class Session:
    """The texts of one editor, and what was told of each."""

    def __init__(self, server: LanguageServer) -> None:
        self.server = server
        self.workspace = Workspace()
        self.pages = RulePages()
        self._due: dict[str, asyncio.TimerHandle] = {}
        self._told: dict[str, set[str]] = {}
        self._untidy = 0
        self._tidying: asyncio.TimerHandle | None = None

    def document(self, uri: str) -> Document:
        """Return an open document by its URI."""
        return self.workspace.document(convert.file_of(uri))

    def change(self, uri: str, text: str, rest: float = REST) -> None:
        """Take a text, and lint it when nothing has changed for `rest` seconds."""
        file = convert.file_of(uri)
        users = self.workspace.users()
        self.workspace.open(file, text)
        for name in {file, *users}:
            self._later(name, rest)

    def close(self, uri: str) -> None:
        """Forget a text, and what was told of it."""
        file = convert.file_of(uri)
        self._cancel(file)
        self.workspace.close(file)
        for told in self._told.pop(file, ()):
            self._publish(told, [])
        for name in self.workspace.users():
            self._later(name, 0)

    def tell(self, file: str) -> None:
        """Lint an open text, and publish what is found, in whichever file."""
        self._due.pop(file, None)
        document = self.workspace.document(file)
        try:
            document.findings  # noqa: B018 - worked out here, where a bug of ours can be told
        except InternalError as bug:
            self._tell_bug(bug)
            return
        found: dict[str, list[Diagnostic]] = {file: []}
        for one in document.findings:
            found.setdefault(one.span.file, []).append(one)
        others = set(self.workspace.opened()) - {file}  # they are told of by themselves
        for name in (found.keys() | self._told.get(file, set())) - others:
            self._publish(name, found.get(name, []))
        self._told[file] = found.keys() - others
        self._leave_untidy()

    def _leave_untidy(self) -> None:
        """Look for cycles that nobody holds when keys rest: while one is answered it takes long."""
        self._untidy += 1
        if self._tidying is not None:
            self._tidying.cancel()
        rest = 0 if self._untidy >= MOST_UNTIDY else IDLE
        self._tidying = asyncio.get_running_loop().call_later(rest, self._tidy)

    def _tidy(self) -> None:
        self._untidy, self._tidying = 0, None
        gc.collect()

    def _tell_bug(self, bug: InternalError) -> None:
        where = " ".join(getattr(bug, "__notes__", ()))
        text = f"internal error, a bug in revc {where}: {bug}"
        self.server.window_show_message(types.ShowMessageParams(types.MessageType.Error, text))

    def lines(self, file: str) -> Lines:
        """Return the lines of a file, open or not; those of an empty one where it is gone."""
        if file in self.workspace.opened():
            return self.workspace.document(file).lines
        try:
            return Lines(self.workspace.text(file))
        except SpecError:
            return Lines("")

    def location(self, span: Span) -> types.Location:
        """Return a place in any file."""
        return types.Location(
            convert.uri_of(span.file), convert.range_of(self.lines(span.file), span)
        )

    def _later(self, file: str, rest: float) -> None:
        self._cancel(file)
        self._due[file] = asyncio.get_running_loop().call_later(rest, self.tell, file)

    def _cancel(self, file: str) -> None:
        if (due := self._due.pop(file, None)) is not None:
            due.cancel()

    def _publish(self, file: str, findings: list[Diagnostic]) -> None:
        lines = self.lines(file) if findings else Lines("")
        shown = [convert.diagnostic(one, lines, self.pages.path) for one in findings]
        params = types.PublishDiagnosticsParams(convert.uri_of(file), shown)
        self.server.text_document_publish_diagnostics(params)


def make_server(version: str) -> LanguageServer:
    """Return the server, ready to be started."""
    server = LanguageServer("revc", version, types.TextDocumentSyncKind.Full)
    session = Session(server)
    gc.disable()  # the session does it itself
    _texts(server, session)
    _places(server, session)
    _whole(server, session)
    return server


def _texts(server: LanguageServer, session: Session) -> None:
    """Answer what is said of texts."""

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def opened(params: types.DidOpenTextDocumentParams) -> None:
        session.change(params.text_document.uri, params.text_document.text, rest=0)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def changed(params: types.DidChangeTextDocumentParams) -> None:
        session.change(params.text_document.uri, params.content_changes[-1].text)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params: types.DidCloseTextDocumentParams) -> None:
        session.close(params.text_document.uri)

    @server.feature(types.SHUTDOWN)
    def shutdown(_: None) -> None:
        session.pages.close()


def _places(server: LanguageServer, session: Session) -> None:
    """Answer what is asked of a place in a text."""

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    def hovered(params: types.HoverParams) -> types.Hover | None:
        document = session.document(params.text_document.uri)
        shown = hover(document, *convert.place(document.lines, params.position))
        if shown is None:
            return None
        text = types.MarkupContent(types.MarkupKind.Markdown, shown[0])
        return types.Hover(text, convert.range_of(document.lines, shown[1]))

    @server.feature(types.TEXT_DOCUMENT_DEFINITION)
    def defined(params: types.DefinitionParams) -> types.Location | None:
        document = session.document(params.text_document.uri)
        span = definition(document, *convert.place(document.lines, params.position))
        return session.location(span) if span is not None else None

    @server.feature(types.TEXT_DOCUMENT_REFERENCES)
    def referred(params: types.ReferenceParams) -> list[types.Location]:
        document = session.document(params.text_document.uri)
        spans = references(document, *convert.place(document.lines, params.position))
        return [session.location(span) for span in spans]

    @server.feature(types.TEXT_DOCUMENT_RENAME)
    def rename(params: types.RenameParams) -> types.WorkspaceEdit | None:
        uri = params.text_document.uri
        document = session.document(uri)
        at = convert.place(document.lines, params.position)
        try:
            spans = renamed(document, *at, params.new_name)
        except BindError as error:
            refusal = types.ShowMessageParams(types.MessageType.Error, str(error))
            server.window_show_message(refusal)
            return None
        ranges = [convert.range_of(document.lines, span) for span in spans]
        return types.WorkspaceEdit(
            changes={uri: [types.TextEdit(one, params.new_name) for one in ranges]}
        )

    @server.feature(
        types.TEXT_DOCUMENT_CODE_ACTION, types.CodeActionOptions([types.CodeActionKind.QuickFix])
    )
    def acted(params: types.CodeActionParams) -> list[types.CodeAction]:
        document = session.document(params.text_document.uri)
        first, last = params.range.start.line + 1, params.range.end.line + 1
        return [
            convert.code_action(action, document.lines, session.pages.path)
            for action in actions(document, first, last)
        ]


def _whole(server: LanguageServer, session: Session) -> None:
    """Answer what is asked of a text, or of some lines of it."""

    @server.feature(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    def outlined(params: types.DocumentSymbolParams) -> list[types.DocumentSymbol]:
        document = session.document(params.text_document.uri)
        return [convert.symbol(entry, document.lines) for entry in outline(document)]

    @server.feature(types.TEXT_DOCUMENT_FORMATTING)
    def formatted(params: types.DocumentFormattingParams) -> list[types.TextEdit] | None:
        document = session.document(params.text_document.uri)
        try:
            text = format_source(document.text, document.file)
        except SpecError:
            return None  # its findings say what is wrong
        if text == document.text:
            return []
        whole = types.Range(types.Position(0, 0), convert.position(document.lines.end()))
        return [types.TextEdit(whole, text)]

    @server.feature(types.TEXT_DOCUMENT_INLAY_HINT)
    def hinted(params: types.InlayHintParams) -> list[types.InlayHint]:
        document = session.document(params.text_document.uri)
        first, last = params.range.start.line + 1, params.range.end.line + 1
        return [convert.inlay_hint(one, document.lines) for one in hints(document, first, last)]

    @server.feature(
        types.TEXT_DOCUMENT_SEMANTIC_TOKENS_FULL,
        types.SemanticTokensLegend(list(convert.LEGEND), []),
    )
    def coloured(params: types.SemanticTokensParams) -> types.SemanticTokens:
        document = session.document(params.text_document.uri)
        return types.SemanticTokens(convert.semantic_tokens(document.pieces, document.lines))
