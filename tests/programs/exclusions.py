"""What the generator leaves out and what laws pass over, by name: failings that are known."""

EXCLUSIONS: dict[str, str] = {
    # what is passed over where it is met
    "escapes": "one value in 65536 that `undo put` or `undo valve` takes from a fresh tape is an "
    "escape, which the lattice need not hold",
    "overflows": "a scaling that leaves the range of its lattice is refused while it runs",
}

WORDS = {
    "a value was drawn that a lattice": "escapes",
    "leaves the range of int": "overflows",
    "a value leaves int": "overflows",
}
"""Words of an error that is one of these failings."""


def known(error: Exception, left_out: frozenset[str]) -> str | None:
    """Return the name of the failing that an error shows, if it is left out."""
    names = [name for words, name in WORDS.items() if words in str(error) and name in left_out]
    return names[0] if names else None
