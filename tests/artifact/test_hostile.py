"""Specs are code, and say so: what they may import can be bounded, and their text stays text."""

import ast
import importlib
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from typer.testing import CliRunner

import revc
from revc.artifact.layout import comment, docstring, quoted
from revc.artifact.package import package
from revc.cli.app import app
from revc.errors import ArtifactError, BindError
from revc.runtime import artifact

NET = """
dim B, d = 4
state lattice(Q12.20)
net F(x: [B, d]) -> [B, d] = torch "{target}"({args})
model M(a, b: [B, d]) -> (a, b: [B, d]) {{
  a += F(b)
}}
"""
LINEAR = NET.format(target="torch.nn:Linear", args="4, 4")
HOSTILE = ["\\", '"', "\n", "\r", "\0", "\u2028", "'", '"""', '\\"', "x\\", '"""x"', "ü", "{", "%"]


def called(*_: Any) -> nn.Module:
    """Fail: a spec that names a function is not to call it."""
    raise AssertionError("it was called")


# --- what may be imported ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("allowed", "good"),
    [
        (None, True), (["torch"], True), (["torch.nn"], True), (["math", "torch.nn"], True),
        ([], False), (["torch.nn.modules"], False), (["torch.n"], False), (["tor"], False),
        ([""], False),
    ],
)  # fmt: skip
def test_nets_come_from_where_they_may(
    allowed: list[str] | None, good: bool, tmp_path: Path
) -> None:
    if good:
        revc.compile(LINEAR, allow_import=allowed)
        package(LINEAR, tmp_path / "one", allow_import=allowed)
        return
    with pytest.raises(BindError, match=r"F at <string>:\d+:\d+ imports 'torch.nn:Linear', and"):
        revc.compile(LINEAR, allow_import=allowed)
    with pytest.raises(BindError, match="imports"):
        package(LINEAR, tmp_path / "two", allow_import=allowed)
    assert not (tmp_path / "two").exists()


def test_a_word_is_no_list_of_modules() -> None:
    with pytest.raises(BindError, match="pass a list"):
        revc.compile(LINEAR, allow_import="torch")


def test_nothing_is_imported_that_may_not_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "harmful_module.py").write_text("raise AssertionError('it was imported')\n")
    monkeypatch.syspath_prepend(tmp_path)
    spec = NET.format(target="harmful_module:Net", args="")
    with pytest.raises(BindError, match="only torch may be imported"):
        revc.compile(spec, allow_import=["torch"])
    package(spec, tmp_path / "built")  # writes text, and imports nothing
    with pytest.raises(AssertionError, match="it was imported"):
        revc.compile(spec)


@pytest.mark.parametrize("target", ["os:system", "tests.artifact.test_hostile:called", "math:pi"])
def test_what_is_no_class_of_modules_is_not_called(target: str, tmp_path: Path) -> None:
    spec = NET.format(target=target, args=f'"touch {tmp_path / "canary"}"')
    with pytest.raises(BindError, match="is not a torch module, and was not called"):
        revc.compile(spec)
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("target", ["", ":", "os", ".os:system", "no.such:Net", "os:none", "a b:c"])
def test_targets_that_lead_nowhere(target: str) -> None:
    with pytest.raises(BindError, match="cannot import"):
        revc.compile(NET.format(target=target, args=""))


def test_the_command_line_bounds_imports(tmp_path: Path) -> None:
    spec, run = tmp_path / "spec.rev", CliRunner()
    spec.write_text(LINEAR)
    for extra, code in ([], 0), (["--allow-import", "torch.nn"], 0), (["--no-import"], 1):
        result = run.invoke(app, ["compile", str(spec), "-o", str(tmp_path / "out"), *extra])
        assert result.exit_code == code, result.output
        if code:
            assert isinstance(result.exception, BindError)
    for extra in ["--no-import"], ["--allow-import", "math"]:
        result = run.invoke(app, ["audit", str(spec), *extra])
        assert result.exit_code == 2
        assert "imports 'torch.nn:Linear'" in result.output
    both = ["audit", str(spec), "--no-import", "--allow-import", "math"]
    assert run.invoke(app, both).exit_code == 2


def test_probing_nets_bounds_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "harmful_probed.py").write_text(
        f"from torch import nn\nopen({str(tmp_path / 'canary')!r}, 'w').close()\n"
        "class Net(nn.Module):\n    def forward(self, x):\n        return hidden(x)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    spec = tmp_path / "spec.rev"
    spec.write_text(NET.format(target="harmful_probed:Net", args=""))
    for extra in [], ["--probe", "--no-import"], ["--probe", "--allow-import", "torch"]:
        CliRunner().invoke(app, ["lint", str(spec), *extra])
        assert not (tmp_path / "canary").exists(), extra
    CliRunner().invoke(app, ["lint", str(spec), "--probe"])
    assert (tmp_path / "canary").exists()


# --- text stays text -----------------------------------------------------------------------------


@pytest.mark.parametrize("text", HOSTILE)
def test_texts_come_back_from_the_code_that_holds_them(text: str) -> None:
    whole = f"a{text}b{text}"
    assert ast.literal_eval(quoted(whole)) == whole
    (line,) = ast.parse("\n".join(docstring(whole, 0))).body
    assert isinstance(line, ast.Expr)
    assert isinstance(line.value, ast.Constant)
    assert ast.parse("\n".join(comment(f"{whole}\nraise\rraise", 0))).body == []


@pytest.mark.parametrize("name", ["x\\", "a\rb", "a\0b", "a\u2028b", "', 1)", "os:system\\"])
def test_a_package_of_hostile_names_is_harmless_text(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = tmp_path / "canary"
    attack = f", open({str(canary)!r}, 'w'), #"
    spec = NET.format(target=name, args=f'"{attack}", "\\", k = "{attack}\\"')
    package(spec, tmp_path / "hostile_one")
    tree = ast.parse((tmp_path / "hostile_one" / "nets.py").read_text())
    (call,) = [
        node for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "import_net"
    ]  # fmt: skip
    assert [ast.literal_eval(arg) for arg in call.args] == [
        "F", name, (attack, "\\"), {"k": f"{attack}\\"},
    ]  # fmt: skip
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("hostile_one")
    with pytest.raises(BindError):
        module.load()
    monkeypatch.delitem(importlib.sys.modules, "hostile_one")  # type: ignore[attr-defined]
    assert not canary.exists()


def test_a_package_of_a_hostile_file_name_is_harmless_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    evil = Path('a"""\nopen("canary", "w")\n"""\\ {digest}.rev')
    evil.write_text(LINEAR)
    package(evil, tmp_path / "hostile_two")
    for file in (tmp_path / "hostile_two").glob("*.py"):
        tree = ast.parse(file.read_text())
        assert "open" not in {getattr(node, "id", "") for node in ast.walk(tree)}
        if file.name != "nets.py":
            assert "canary" in (ast.get_docstring(tree) or "")
    monkeypatch.syspath_prepend(tmp_path)
    model = importlib.import_module("hostile_two").load()
    model(*torch.randn(2, 3, 4))
    assert not Path("canary").exists()


@pytest.mark.parametrize("text", ["", "[" * 100_000, "{", "[]", "\xff", '{"format": 7}'])
def test_descriptions_that_nobody_wrote(text: str, tmp_path: Path) -> None:
    (tmp_path / artifact.PROGRAM).write_text(text, encoding="latin-1")
    with pytest.raises(ArtifactError):
        artifact.verified(tmp_path, "0" * 64)
