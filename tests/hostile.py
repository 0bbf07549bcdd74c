"""What every reader of bytes owes: our error, little memory, little time."""

import gc
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MEMORY = 256 << 20
"""Bytes that reading hostile bytes may add to the process."""
SECONDS = 1.0

WRONG: list[Any] = [
    None, True, -1, 0, 1, 7, 1 << 29, 1 << 61, 1 << 62, 1 << 70, 0.5, "", "x", [], [1], ["x"],
    [None], {}, {"x": 1}, {"tape": -1}, {"tape": 1 << 60}, {"B": 0}, {"B": 1 << 40}, {"0": []},
    {"0": ["torch.int32", [1 << 40]]}, {"0": ["os.system", [1]]}, {"0": ["torch.int32", None]},
]  # fmt: skip
"""What a field of a header might be changed to."""

UNREADABLE = [
    b"", b"{", b"null", b"[]", b"7", b'"x"', b"\xff\xfe", b"{}", b'{"a": 1}', b'{"a":1,"a":1}',
    b'{"b":1,"a":1}', b"[" * 100_000, b'{"a":' * 100_000, b'{"a":' + b"9" * 5000 + b"}",
    b'{"a":NaN}', b'{"a":1e999}', b"\0" * 100,
]  # fmt: skip
"""What might stand in place of a header."""


@contextmanager
def little_memory(allowed: int = MEMORY) -> Iterator[None]:
    """Let allocations beyond `allowed` more bytes of address space fail, on Linux."""
    if not sys.platform.startswith("linux"):
        yield
        return
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    most = pages * resource.getpagesize() + allowed
    resource.setrlimit(resource.RLIMIT_AS, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@contextmanager
def little_time() -> Iterator[None]:
    """Fail where a block takes a second of the processor and more.

    The garbage of a whole suite is not the block's: it is collected before or after.
    """
    gc.disable()
    try:
        start = time.process_time()
        yield
        took = time.process_time() - start
    finally:
        gc.enable()
    assert took < SECONDS


def flips(data: bytes, step: int = 1) -> Iterator[tuple[int, bytes]]:
    """Yield copies of `data` in which one byte is another: each bit of it, all, or some."""
    for at in range(0, len(data), step):
        for flip in (1 << at % 8, 0xFF, at % 254 + 1):
            changed = bytearray(data)
            changed[at] ^= flip
            yield at, bytes(changed)
