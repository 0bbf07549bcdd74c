"""The playground's server: one page and its answers, for browsers of this machine alone.

It listens on loopback. A page of another site can make a browser send requests here, and by DNS
rebinding even read the answers; so a request must name this server as its host, and know the random
word that the address of the page begins with, which is told to who started the server alone.
"""

import json
import secrets
import sys
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from socketserver import ThreadingMixIn
from threading import BoundedSemaphore, Lock
from typing import Any, ClassVar

from revc.errors import InternalError
from revc.grammar.source import MAX_BYTES
from revc.playground.answers import Answer, answer, formatted
from revc.playground.page import page, policy

HOST = "127.0.0.1"
MOST_THREADS = 8
MOST_BODY = 2 * MAX_BYTES  # a text as JSON: a quote takes two bytes
PATIENCE = 10.0  # seconds that a request may take to arrive


class Refused(Exception):
    """A request that is not answered; `status` says why."""

    def __init__(self, status: HTTPStatus) -> None:
        self.status = status
        super().__init__(status.phrase)


class Playground(ThreadingMixIn, HTTPServer):
    """The server; `url` is the address of its page.

    Threads are few, and one answer is made at a time: checking a spec changes the recursion limit,
    which all threads share.
    """

    daemon_threads = True

    def __init__(self, text: str, folder: Path | None = None, port: int = 0) -> None:
        """Listen on a port of loopback; 0 means any that is free.

        Args:
            text: what the page begins with.
            folder: where the files that a text uses are looked for.
            port: the port.

        Raises:
            OSError: the port is not free.
        """
        self.text, self.folder = text, folder
        self.word = secrets.token_urlsafe(16)
        self.making = Lock()
        self._room = BoundedSemaphore(MOST_THREADS)
        super().__init__((HOST, port), Handler)
        self.hosts = tuple(f"{name}:{self.server_port}" for name in (HOST, "localhost"))

    @property
    def url(self) -> str:
        """The address of the page."""
        return f"http://{HOST}:{self.server_port}/{self.word}/"

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer a request in a thread of its own; close it unread where there are too many."""
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer a request, and make room for another."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say what went wrong, unless a browser only left, or never said what it wants."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    timeout = PATIENCE
    server: Playground
    server_version = "revc"
    sys_version = ""
    kind = "text/plain"
    nonce = ""

    ANSWERS: ClassVar[dict[str, Callable[[str, Path | None], Answer]]] = {
        "check": answer,
        "format": lambda text, _: formatted(text),
    }

    def do_GET(self) -> None:
        """Answer with the page."""
        self._reply(self._page)

    def do_POST(self) -> None:
        """Answer what is asked of a text."""
        self._reply(self._answer)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the address of the page is a secret."""

    def _reply(self, make: Callable[[], bytes]) -> None:
        self.nonce = secrets.token_urlsafe(16)
        try:
            body, status = make(), HTTPStatus.OK
        except Refused as refused:
            body, status = refused.status.phrase.encode(), refused.status
        self.send_response(status)
        self.send_header("Content-Type", f"{self.kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", policy(self.nonce))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def _page(self) -> bytes:
        if self._asked() != "":
            raise Refused(HTTPStatus.NOT_FOUND)
        shown = page(self.server.text, self.nonce).encode()
        self.kind = "text/html"
        return shown

    def _answer(self) -> bytes:
        make = self.ANSWERS.get(self._asked())
        if make is None:
            raise Refused(HTTPStatus.NOT_FOUND)
        text = self._text()
        with self.server.making:
            try:
                found = make(text, self.server.folder)
            except InternalError as bug:
                where = " ".join(getattr(bug, "__notes__", ()))
                found = {"bug": f"internal error, a bug in revc {where}: {bug}"}
        self.kind = "application/json"
        return json.dumps(found).encode()

    def _asked(self) -> str:
        """Return what is asked for, behind the random word.

        Raises:
            Refused: the request is not for this server, or does not know the word.
        """
        if self.headers.get("Host") not in self.server.hosts:
            raise Refused(HTTPStatus.MISDIRECTED_REQUEST)
        origin = self.headers.get("Origin")
        if origin is not None and origin.removeprefix("http://") not in self.server.hosts:
            raise Refused(HTTPStatus.FORBIDDEN)
        _, word, *rest = self.path.split("/")
        if not rest or not secrets.compare_digest(word.encode(), self.server.word.encode()):
            raise Refused(HTTPStatus.NOT_FOUND)
        return "/".join(rest)

    def _text(self) -> str:
        """Return the text that was sent.

        Raises:
            Refused: it is too long, of no length that is said, or no string of JSON.
        """
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            raise Refused(HTTPStatus.LENGTH_REQUIRED)
        if len(length) > 9 or int(length) > MOST_BODY:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if self.headers.get_content_type() != "application/json":
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        try:
            text = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError) as error:
            raise Refused(HTTPStatus.BAD_REQUEST) from error
        if not isinstance(text, str):
            raise Refused(HTTPStatus.BAD_REQUEST)
        return text
