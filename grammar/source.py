"""Read a spec's text from disk, refusing at once what cannot be one."""

from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from pathlib import Path
from typing import NoReturn

from revc.grammar.diagnostics import SpecError, syntax_error
from revc.grammar.span import Span

MAX_BYTES = 1 << 20
_SAVE = "save it as UTF-8"


def read(path: str | Path) -> str:
    """Return the text of the spec at `path`.

    Raises:
        SpecError: S001, at the place of the trouble: the file is missing or unreadable, empty, over
            `MAX_BYTES`, binary (it holds a zero byte) or not UTF-8.
    """
    file = str(path)
    return decode(_bytes(file), file)


def decode(data: bytes, file: str) -> str:
    """Return the text of a spec whose bytes are `data`; findings name it `file`.

    Raises:
        SpecError: S001: the bytes are none, over `MAX_BYTES`, binary or not UTF-8.
    """
    if len(data) > MAX_BYTES:
        _refuse(
            file, f"the file is larger than {MAX_BYTES >> 20} MiB: a spec is a text of a few kB"
        )
    if not data.strip():
        _refuse(file, "the file is empty: a spec declares a `block` or a `model`")
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        _refuse(file, "the file is UTF-16, not UTF-8", help=_SAVE)
    if b"\0" in data:
        _refuse(file, "the file is binary, not text", data[: data.index(b"\0")])
    if b"\r" in data and b"\n" not in data:
        text = "save it with line feeds, as most editors do"
        _refuse(file, "its lines end with carriage returns alone", help=text)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        _refuse(file, "the file is not UTF-8", data[: error.start], _SAVE)


def _bytes(file: str) -> bytes:
    """Return the bytes of `file`, no more than one beyond the cap."""
    try:
        with open(file, "rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        _refuse(file, f"cannot read the file: {reason}")


def _refuse(file: str, message: str, before: bytes = b"", help: str | None = None) -> NoReturn:
    """Raise an S001 just behind the good bytes `before`."""
    line = before.count(b"\n") + 1
    column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
    helps = () if help is None else (help,)
    raise SpecError(
        [syntax_error(message, Span(file, line, column, line, column + 1), helps=helps)]
    )
