"""The server as an editor sees it: the real process, over its pipes."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from revc.grammar.format import format_source
from tests.grammar.corpus import SPECS
from tests.lsp.client import Client

pytest.importorskip("pygls", reason="the extra `lsp` is not installed")

GOOD = """\
# Größe 𝔊: a comment that is not ASCII
use std.nets: mlp

dim B, c = 8
state lattice(Q12.20)

model M(a, b: [B, c]) {
  a += mlp(b, width = 4)  # 𝔊
}
"""


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    client = Client()
    yield client
    client.kill()


def test_it_is_told_what_it_does_anyway() -> None:
    client = Client("--stdio")
    try:
        assert client.close() == 0
    finally:
        client.kill()


def test_it_says_what_it_can(client: Client) -> None:
    can = client.capabilities
    assert can["textDocumentSync"]["change"] == 1
    offered = ("hover", "definition", "references", "rename", "documentFormatting", "inlayHint")
    assert all(can[f"{name}Provider"] for name in (*offered, "documentSymbol", "codeAction"))
    assert "keyword" in can["semanticTokensProvider"]["legend"]["tokenTypes"]


def test_a_mistake_comes_and_goes_with_the_keys(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "m.rev"
    assert client.open(path, GOOD) == []
    wrong = GOOD.replace("width", "widht")
    (found,) = client.change(path, wrong)
    assert (found["code"], found["severity"], found["source"]) == ("S003", 1, "revc")
    assert found["message"].startswith("`mlp` has no `widht`")
    assert found["range"] == {
        "start": {"line": 7, "character": 14}, "end": {"line": 7, "character": 23}
    }  # fmt: skip
    page = Path(found["codeDescription"]["href"].removeprefix("file://"))
    assert page.read_text().startswith("# S003 unknown-argument")
    assert client.change(path, GOOD, 3) == []


def test_keys_that_follow_one_another_are_answered_once(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "typed.rev"
    client.open(path, GOOD)
    typed = "negate a"
    document = {"uri": path.as_uri(), "version": 2}
    for end in range(1, len(typed) + 1):
        text = GOOD.replace("}\n", f"  {typed[:end]}\n}}\n")
        client.notify(
            "textDocument/didChange", textDocument=document, contentChanges=[{"text": text}]
        )
    assert client.told(path.as_uri()) == []


def test_columns_are_units_of_utf_16(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "wide.rev"
    (found,) = client.open(path, GOOD.replace("# 𝔊\n", "$ # 𝔊\n"))
    assert found["code"] == "S001"
    assert found["range"]["start"] == {"line": 7, "character": 26}
    text = 'net F = torch "𝔊𝔊" zz\n'
    found = client.change(path, text)[0]
    assert found["range"]["start"] == {"line": 0, "character": 21}


def test_an_unsaved_file_that_is_used_is_seen(client: Client, tmp_path: Path) -> None:
    used, user = tmp_path / "part.rev", tmp_path / "whole.rev"
    head = "dim B, c = 8\nstate lattice(Q12.20)\n"
    text = f"use part: Step\n{head}model M(a, b: [B, c]) {{\n  Step(a, b)\n}}\n"
    (found,) = client.open(user, text)
    assert (found["code"], found["message"]) == ("S002", "no module `part`")
    part = f"{head}block Step(a, b: [B, c]) {{\n  a += tanh(b)\n}}\n"
    assert client.open(used, part) == []
    assert client.told(user.as_uri()) == []
    at = client.ask("definition", user, 4, 3)
    assert at == {
        "uri": used.as_uri(),
        "range": {"start": {"line": 2, "character": 6}, "end": {"line": 2, "character": 10}},
    }
    client.change(used, part.replace("Step", "Stop"))
    found = client.told(user.as_uri())[0]
    assert found["message"].startswith("no net or block `Step`; did you mean `Stop`?")


def test_what_is_wrong_in_a_file_that_is_used_is_told_there(client: Client, tmp_path: Path) -> None:
    used, user = tmp_path / "saved.rev", tmp_path / "uses_saved.rev"
    used.write_text("block Step(a: [B, 2]) {\n  negate a\n}\n")
    text = "use saved: Step\ndim B\nmodel M(a: [B, 2]) {\n  Step(a)\n}\n"
    client.open(user, text)
    (found,) = client.told(used.as_uri())
    assert found["code"] == "S006"
    client.notify("textDocument/didClose", textDocument={"uri": user.as_uri()})
    assert client.told(used.as_uri()) == []


def test_hover_says_type_bits_and_verdict(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "hover.rev"
    client.open(path, GOOD)
    register = client.ask("hover", path, 7, 2)["contents"]["value"]
    assert "register a: lattice(Q12.20)[B, 8]" in register
    assert "32 bits an element, 256*B bits in all" in register
    model = client.ask("hover", path, 6, 6)["contents"]["value"]
    assert "**PROVED**: every statement has an inverse" in model
    assert "line 8: the value does not read what it is added to" in model
    assert (
        "net mlp(x..: [.., n], width: int" in client.ask("hover", path, 7, 8)["contents"]["value"]
    )
    assert client.ask("hover", path, 0, 2) is None


def test_names_lead_to_where_they_are_made(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "names.rev"
    client.open(path, GOOD)
    builtin = client.ask("definition", path, 7, 8)
    assert builtin["uri"].endswith("grammar/std/nets.rev")
    assert client.ask("definition", path, 1, 6)["uri"] == builtin["uri"]
    dim = client.ask("definition", path, 6, 18)
    assert dim["range"]["start"] == {"line": 3, "character": 7}
    found = client.ask("references", path, 3, 7, context={"includeDeclaration": True})
    assert [at["range"]["start"]["line"] for at in found] == [3, 6]


def test_a_new_name_stands_everywhere(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "rename.rev"
    client.open(path, GOOD)
    edit = client.ask("rename", path, 6, 8, newName="left")
    starts = [one["range"]["start"] for one in edit["changes"][path.as_uri()]]
    assert starts == [{"line": 6, "character": 8}, {"line": 7, "character": 2}]
    for wrong, why in (
        ("b", "is the name of something else here"),
        ("let", "is no name"),
        ("1a", "is no name"),
    ):
        assert client.ask("rename", path, 6, 8, newName=wrong) is None
        assert why in client.message("window/showMessage")["message"]


def test_a_repair_is_offered_and_works(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "repair.rev"
    text = GOOD.replace("use std.nets: mlp\n\n", "")
    (found,) = client.open(path, text)
    at = {"start": found["range"]["start"], "end": found["range"]["start"]}
    context = {"diagnostics": [found]}
    document = {"uri": path.as_uri()}
    ask = "textDocument/codeAction"
    (action,) = client.request(ask, textDocument=document, range=at, context=context)
    assert action["kind"] == "quickfix"
    assert action["isPreferred"]
    (edit,) = action["edit"]["changes"][path.as_uri()]
    assert client.change(path, _edited(text, edit)) == []
    (found,) = client.change(path, GOOD.replace("mlp(b", "mpl(b"), 3)
    at = found["range"]
    (action,) = client.request(ask, textDocument=document, range=at, context=context)
    assert not action["isPreferred"]
    assert action["title"] == "Replace `mpl` by `mlp` (unsafe: may change what the spec means)"


def _edited(text: str, edit: dict[str, dict[str, dict[str, int]]]) -> str:
    lines = text.split("\n")
    start, end = edit["range"]["start"], edit["range"]["end"]
    assert start["line"] == end["line"]
    units = lines[start["line"]].encode("utf-16-le")
    before, after = units[: 2 * start["character"]], units[2 * end["character"] :]
    made = before + str(edit["newText"]).encode("utf-16-le") + after
    lines[start["line"]] = made.decode("utf-16-le")
    return "\n".join(lines)


def test_formatting_is_that_of_revc_fmt(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "form.rev"
    messy = GOOD.replace("  a +=", "      a  +=")
    client.open(path, messy)
    document, options = {"uri": path.as_uri()}, {"tabSize": 2, "insertSpaces": True}
    ask = "textDocument/formatting"
    (edit,) = client.request(ask, textDocument=document, options=options)
    assert edit["newText"] == format_source(messy)
    assert edit["range"]["end"] == {"line": 9, "character": 0}
    client.change(path, GOOD)
    assert client.request(ask, textDocument=document, options=options) == []
    client.change(path, "model M(", 3)
    assert client.request(ask, textDocument=document, options=options) is None


@pytest.mark.parametrize("spec", SPECS, ids=lambda path: path.stem)
def test_every_spec_is_answered_in_all_ways(client: Client, spec: Path) -> None:
    text = spec.read_text()
    found = client.open(spec, text)
    assert [one for one in found if one["severity"] == 1] == []
    document = {"uri": spec.as_uri()}
    lines = len(text.split("\n"))
    at = {"start": {"line": 0, "character": 0}, "end": {"line": lines, "character": 0}}
    symbols = client.request("textDocument/documentSymbol", textDocument=document)
    assert symbols
    data = client.request("textDocument/semanticTokens/full", textDocument=document)["data"]
    assert len(data) % 5 == 0
    hints = client.request("textDocument/inlayHint", textDocument=document, range=at)
    assert all(hint["label"] for hint in hints)
    client.notify("textDocument/didClose", textDocument=document)


def test_it_leaves_when_it_is_told_to() -> None:
    client = Client()
    try:
        assert client.close() == 0
    finally:
        client.kill()


def test_it_imports_no_torch() -> None:
    code = "import sys, revc.lsp.server; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
