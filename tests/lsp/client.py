"""A client of the language server that speaks the protocol by hand, over real pipes."""

import json
import queue
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

WAIT = 30.0


class Client:
    """One editor: it starts the server, sends what editors send, and keeps what comes back."""

    def __init__(self, *arguments: str) -> None:
        """Start the server with these arguments."""
        command = [sys.executable, "-c", "from revc.cli import main; main()", "lsp", *arguments]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._inbox: queue.Queue[dict[str, Any]] = queue.Queue()
        self._number = 0
        self.seen: list[dict[str, Any]] = []
        threading.Thread(target=self._listen, daemon=True).start()
        self.capabilities = self.request(
            "initialize", processId=None, rootUri=None, capabilities={}
        )["capabilities"]
        self.notify("initialized")

    def close(self) -> int:
        """Leave as an editor does; return the server's exit code."""
        self.request("shutdown")
        self.notify("exit")
        return self._process.wait(WAIT)

    def kill(self) -> None:
        """End the server whatever it does."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(WAIT)
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()

    def request(self, method: str, **params: Any) -> Any:
        """Return the result of a request."""
        self._number += 1
        body = {"jsonrpc": "2.0", "id": self._number, "method": method}
        self._send(body | ({"params": params} if params else {}))
        while True:
            message = self._inbox.get(timeout=WAIT)
            if message.get("id") == self._number and "method" not in message:
                assert "error" not in message, message["error"]
                return message["result"]
            self.seen.append(message)

    def notify(self, method: str, **params: Any) -> None:
        """Send a notification."""
        self._send({"jsonrpc": "2.0", "method": method, "params": params})

    def told(self, uri: str) -> list[dict[str, Any]]:
        """Return the diagnostics of the next publication for a text."""
        method = "textDocument/publishDiagnostics"
        found: list[dict[str, Any]] = self.message(method, uri=uri)["diagnostics"]
        return found

    def message(self, method: str, **having: str) -> dict[str, Any]:
        """Return the parameters of the next notification of a kind, with these among them."""

        def is_meant(message: dict[str, Any]) -> bool:
            if message.get("method") != method:
                return False
            return all(message["params"][name] == value for name, value in having.items())

        while (at := next((i for i, one in enumerate(self.seen) if is_meant(one)), None)) is None:
            self.seen.append(self._inbox.get(timeout=WAIT))
        params: dict[str, Any] = self.seen.pop(at)["params"]
        return params

    def open(self, path: Path, text: str) -> list[dict[str, Any]]:
        """Open a text, and return what is found in it."""
        uri = path.as_uri()
        document = {"uri": uri, "languageId": "rev", "version": 1, "text": text}
        self.notify("textDocument/didOpen", textDocument=document)
        return self.told(uri)

    def change(self, path: Path, text: str, version: int = 2) -> list[dict[str, Any]]:
        """Change a text, and return what is found in it."""
        document = {"uri": path.as_uri(), "version": version}
        self.notify(
            "textDocument/didChange", textDocument=document, contentChanges=[{"text": text}]
        )
        return self.told(path.as_uri())

    def ask(self, method: str, path: Path, line: int, character: int, **more: Any) -> Any:
        """Return what a method says of a position."""
        at = {"line": line, "character": character}
        document = {"uri": path.as_uri()}
        return self.request(f"textDocument/{method}", textDocument=document, position=at, **more)

    def _send(self, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        stdin = self._process.stdin
        assert stdin is not None
        stdin.write(f"Content-Length: {len(data)}\r\n\r\n".encode() + data)
        stdin.flush()

    def _listen(self) -> None:
        stdout = self._process.stdout
        assert stdout is not None
        while head := stdout.readline():
            size = int(head.removeprefix(b"Content-Length:")) if b"Length" in head else 0
            while stdout.readline().strip():
                pass
            self._inbox.put(json.loads(stdout.read(size)))
