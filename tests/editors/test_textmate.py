"""The TextMate grammar knows the words of the language, and shows specs as the lexer does."""

import json
import re
import shutil
import subprocess

import pytest

from revc.grammar.highlight import TYPES, pieces
from revc.grammar.table import table
from tests.lsp.corpus import GOOD, ROOT

FOLDER = ROOT / "editors" / "vscode"
GRAMMAR = json.loads((FOLDER / "syntaxes" / "rev.tmLanguage.json").read_text())
SCOPES = {
    "keyword": ("keyword.declaration.", "keyword.control.", "keyword.other.", "constant.language."),
    "type": ("storage.type.",),
    "number": ("constant.numeric.",),
    "string": ("string.",),
    "comment": ("comment.",),
    "operator": ("keyword.operator.",),
    "punctuation": ("punctuation.",),
}


def words(*rules: str) -> set[str]:
    """Return the plain words of some rules of the grammar."""
    found: set[str] = set()
    for rule in rules:
        found |= set(re.findall(r"[a-z_]+\d*", GRAMMAR["repository"][rule]["match"]))
    return found - {"b"}


def test_its_words_are_the_languages() -> None:
    types = {word for word, kind in table().words.items() if kind in TYPES}
    others = words("constant", "declaration", "statement", "modifier")
    assert others == table().words.keys() - types
    assert types <= words("type")


def test_words_that_are_reserved_are_told_from_those_that_are_not() -> None:
    assert words("constant", "declaration", "statement") == table().reserved
    assert not words("modifier") & table().reserved


def test_what_the_extension_names_is_there() -> None:
    package = json.loads((FOLDER / "package.json").read_text())
    contributes = package["contributes"]
    paths = [contributes["languages"][0]["configuration"], contributes["grammars"][0]["path"]]
    assert all((FOLDER / path).is_file() for path in paths)
    assert contributes["grammars"][0]["scopeName"] == GRAMMAR["scopeName"]
    assert contributes["languages"][0]["extensions"] == [".rev"]


def test_the_lock_file_names_no_host() -> None:
    assert re.findall(r"\w+://[^\"]*", (FOLDER / "package-lock.json").read_text()) == []


@pytest.fixture(scope="module")
def shown() -> dict[str, dict[tuple[int, int], str]]:
    """Return the scope of each stretch of each spec by its place, as VS Code tells it."""
    node = shutil.which("node")
    if node is None or not (FOLDER / "node_modules").is_dir():
        pytest.skip("needs node, and `npm ci` in editors/vscode")
    script = [node, str(FOLDER / "test" / "scopes.mjs")]
    texts = json.dumps(list(GOOD.values()))
    run = subprocess.run(script, input=texts, capture_output=True, text=True, check=True)
    told = json.loads(run.stdout)
    return {
        name: {(line, column): scope for line, column, _, scope in one}
        for name, one in zip(GOOD, told, strict=True)
    }


@pytest.mark.parametrize("name", GOOD)
def test_it_shows_what_the_lexer_tells(
    name: str, shown: dict[str, dict[tuple[int, int], str]]
) -> None:
    wrong = [
        (piece, shown[name].get((piece.line, piece.column)))
        for piece in pieces(GOOD[name])
        if piece.kind in SCOPES
        and not shown[name].get((piece.line, piece.column), "").startswith(SCOPES[piece.kind])
    ]
    assert [one for one in wrong if not _in_path(one[0].text, one[1])] == []


def _in_path(text: str, scope: str | None) -> bool:
    """Say whether a piece is a dot of a module's name, which is one stretch."""
    return text == "." and scope is None


def test_the_extension_builds() -> None:
    npm = shutil.which("npm")
    if npm is None or not (FOLDER / "node_modules").is_dir():
        pytest.skip("needs npm, and `npm ci` in editors/vscode")
    subprocess.run([npm, "run", "build"], cwd=FOLDER, check=True, capture_output=True)
    assert "LanguageClient" in (FOLDER / "out" / "extension.js").read_text()
