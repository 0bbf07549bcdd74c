"""Archives with a key: an HMAC-SHA256 in front, without which nothing behind it is looked at.

    sealed = 89 "REVSEAL", HMAC-SHA256(key, the eight bytes before and the archive) [32], archive

Whether a key is asked for is the reader's to say, never the file's: the mark in front serves the
message. Nothing is encrypted.
"""

import hmac
from typing import Any

from revc.errors import BindError
from revc.runtime.bits.errors import KeyMismatchError, TruncatedTapeError

MARK = b"\x89REVSEAL"
SHORTEST = 16
"""Bytes of a key at least."""
_TAG = 32


def check_key(key: Any) -> bytes:
    """Return a key.

    Raises:
        BindError: it is no bytes, or too short to protect anything.
    """
    if not isinstance(key, bytes):
        raise BindError(
            f"key is a {type(key).__name__}, not bytes; an input of that name goes by position"
        )
    if len(key) < SHORTEST:
        raise BindError(
            f"a key of {len(key)} bytes: want at least {SHORTEST}, as secrets.token_bytes(32) gives"
        )
    return key


def seal(archive: bytes, key: bytes | None) -> bytes:
    """Return an archive behind its tag, or as it is without a key."""
    if key is None:
        return archive
    return MARK + _tag(archive, check_key(key)) + archive


def unsealed(data: bytes, key: bytes | None) -> bytes:
    """Return the archive behind a tag that the key gives, or as it is without a key.

    Raises:
        KeyMismatchError: the key is another one, or is missing, or the bytes have none.
        BindError: it is no key.
    """
    if key is not None:
        check_key(key)
    sealed = data.startswith(MARK)
    if sealed and key is None:
        raise KeyMismatchError("this archive was written with a key: pass key = ..")
    if not sealed and key is not None:
        raise KeyMismatchError(
            "a key was given, and this archive was written without one: nothing says who wrote it"
        )
    if key is None:
        return data
    start = len(MARK) + _TAG
    if len(data) < start:
        raise TruncatedTapeError("the archive ends within its tag")
    archive = data[start:]
    if not hmac.compare_digest(data[len(MARK) : start], _tag(archive, key)):
        raise KeyMismatchError(
            "this archive was not written with this key, or is not what was written"
        )
    return archive


def _tag(archive: bytes, key: bytes) -> bytes:
    return hmac.digest(key, MARK + archive, "sha256")
