"""A playground that serves on a thread."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from revc.playground.server import Playground


@contextmanager
def served(text: str) -> Iterator[Playground]:
    """Serve a page that begins with a text."""
    server = Playground(text)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
