"""docs/language.md speaks of all there is, and its examples are specs."""

import re
from pathlib import Path

from revc.grammar.format import format_source
from revc.grammar.signatures import builtin_signatures
from revc.grammar.table import table

TEXT = (Path(__file__).parents[2] / "docs" / "language.md").read_text()


def test_the_examples_are_formatted_specs():
    examples = re.findall(r"^```\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    assert examples
    for example in examples:
        assert format_source(example) == example


def test_every_word_of_the_language_is_there():
    said = set(re.findall(r"[a-z_0-9]+", " ".join(re.findall(r"`([^`\n]+)`", TEXT))))
    assert set(table().words) <= said


def test_every_built_in_net_is_there_with_its_options():
    rows = {
        line.split("|")[1].strip(): line for line in TEXT.splitlines() if line.startswith("| `")
    }
    for name, signature in builtin_signatures().items():
        (row,) = [line for head, line in rows.items() if head.startswith(f"`{name}(")]
        named = [
            option.name for option in signature.options if option.name not in signature.leading
        ]
        assert all(f"`{option}" in row for option in named)
        assert all(along in row for along in signature.separable)
