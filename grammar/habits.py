"""Words and characters that authors bring from other languages, and what is written here instead.

They are no words of the language, so that each may be a name: what is said of one is said where it
stands beside a mistake, or where nothing has that name.
"""

from collections.abc import Mapping

CONDITION = "there are no conditions: every statement of a body runs, whatever the data are"
_LOOP = "a loop is `repeat 6 { .. }`, and `repeat 6 as i { .. }` counts its turns"
_BLOCK = "a part with a name is `block Name(a, b: [B, c]) { .. }`, and called as `Name(a, b)`"
_USE = "`use std.nets: mlp, norm` brings built-in nets, `use file: Name` those of `file.rev`"
_NET = "nets are called by their names alone: `norm(b)`"
_VALUE = "`let v = e` names a read, `alloc v: [B, c] = 0` makes a register"
_GIVE = "`emit v = e` gives the caller a value beside the state"

WORDS: Mapping[str, str] = {
    **dict.fromkeys(("if", "else", "elif", "and", "or", "not"), CONDITION),
    **dict.fromkeys(("for", "while", "range"), _LOOP),
    **dict.fromkeys(("def", "class", "function", "lambda"), _BLOCK),
    **dict.fromkeys(("import", "from", "include"), _USE),
    **dict.fromkeys(("var", "const"), _VALUE),
    **dict.fromkeys(("print", "yield"), _GIVE),
    "self": _NET,
    "end": "a body ends with `}`",
    "pass": "leave it out: a body may be empty",
    "True": "it is written `true`",
    "False": "it is written `false`",
    "None": "leave the option out: then it is its default",
}

_MINUS = "a minus is written `-`"
_QUOTES = 'strings take double quotes, `".."`'

CHARACTERS: Mapping[str, str] = {
    ";": "a new line ends a statement",
    "!": "comments start with `#`",
    "^": "there are no powers: multiply",
    "@": "a product with a matrix of parameters is a net: `linear(b, out = 8)`",
    "&": CONDITION,
    "|": CONDITION,
    "?": CONDITION,
    "%": "there is no remainder of a division",
    **dict.fromkeys("\u2212\u2013\u2014", _MINUS),
    **dict.fromkeys("\u201c\u201d\u2018\u2019`", _QUOTES),
    "'": "strings take double quotes",
    **dict.fromkeys("\u00d7\u00b7\u22c5", "a product is written `*`"),
    "\u00f7": "a quotient is written `/`",
    "\u2192": "an arrow is written `->`",
    "\u2190": "an arrow is written `<-`",
    "\u2264": "at most is written `<=`",
    "\u2026": "dots are written `..`",
}


def character_help(text: str) -> str | None:
    """Return what is written instead of a character that no token has; None if nothing is known."""
    if text in CHARACTERS:
        return CHARACTERS[text]
    if text.isalpha():
        return "names are made of the letters a to z and A to Z, digits and `_`"
    if not text.isprintable():
        from unicodedata import name  # for findings alone

        return f"it cannot be seen ({name(text, f'U+{ord(text):04X}')}): take it out"
    return None


def number_help(text: str) -> str | None:
    """Return how a number of Python's is written here; None if `text` is none."""
    try:
        return f"write `{int(text, 0)}`"
    except ValueError:
        return None
