"""What the generator leaves out and what laws pass over, by name: failings that are known."""

EXCLUSIONS: dict[str, str] = {
    # what is passed over where it is met
    "renamed": "the inverted source of a call whose block gives other registers than it takes "
    "calls that block back with the wrong names",
    "escapes": "one value in 65536 that `undo put` or `undo valve` takes from a fresh tape is an "
    "escape, which the lattice need not hold",
    "compile aliases": "compiled, an expression may not read two places of one register",
    "compile shapes": "compiled, updates of more than 8 shapes are refused",
}

WORDS = {
    "a value was drawn that a lattice": "escapes",
    "Higher order ops do not support aliasing": "compile aliases",
    "exceeded maximum reuse entries": "compile shapes",
}
"""Words of an error that is one of these failings."""


def known(error: Exception, left_out: frozenset[str]) -> str | None:
    """Return the name of the failing that an error shows, if it is left out."""
    names = [name for words, name in WORDS.items() if words in str(error) and name in left_out]
    return names[0] if names else None
