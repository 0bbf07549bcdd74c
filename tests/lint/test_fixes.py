"""Repairs: what they make clean, that they are made once, and what they leave alone."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from revc.cli.app import app
from revc.grammar.format import format_source
from revc.passes.fixes import fixed
from revc.passes.lint import Selection, lint
from revc.passes.sources import Text
from tests.lint.findings import FINDINGS
from tests.lint.findings import HEAD as MANY
from tests.passes.specs import SPECS

HEAD = "use std.nets: norm\n\ndim B, c = 8\nstate lattice(Q12.20)\n\nmodel M(a, b: [B, c]) {\n"
MISTAKES = {
    "net": ("  a += nrom(b)\n", "  a += norm(b)\n"),
    "register": ("  a += tanh(bb)\n", "  a += tanh(b)\n"),
    "target": ("  aa += tanh(b)\n", "  a += tanh(b)\n"),
    "dim": ("  a += tanh(b) * C\n", "  a += tanh(b) * c\n"),
    "option": ("  a += norm(b, epz = 0.1)\n", "  a += norm(b, eps = 0.1)\n"),
    "two on a line": ("  a += nrom(bb)\n", "  a += norm(b)\n"),
}  # fmt: skip


def mended(text: str, unsafe: bool = False) -> str:
    return fixed(Text(text, "spec.rev"), unsafe)


@pytest.mark.parametrize("name", MISTAKES)
def test_names(name: str) -> None:
    wrong, right = (f"{HEAD}{body}}}\n" for body in MISTAKES[name])
    assert mended(wrong) == wrong
    assert mended(wrong, unsafe=True) == right
    assert mended(right, unsafe=True) == right
    assert lint(right).findings == ()


@pytest.mark.parametrize("name", FINDINGS)
def test_fixing_twice_is_fixing_once(name: str) -> None:
    text = f"{MANY}{FINDINGS[name][0]}\n}}\n".replace("@@", "")
    for unsafe in (False, True):
        once = mended(text, unsafe)
        assert mended(once, unsafe) == once
        assert once == text or once == format_source(once)
        assert len(lint(once).findings) <= len(lint(text).findings)


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_specs_stay_as_they_are(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    spec, but = Text(text, str(path), path.parent), Selection(ignore=("M501",))
    assert fixed(spec, unsafe=True, selection=but) == text


def test_imports() -> None:
    wrong = f"{HEAD}  a += mlp(b, width = 8)\n  b += linear(a)\n}}\n"
    assert mended(wrong) == wrong.replace("norm\n", "norm, mlp, linear\n", 1)
    none = wrong.replace("use std.nets: norm\n\n", "")
    assert mended(none).startswith("use std.nets: mlp, linear\n")
    assert lint(mended(none)).findings == ()


def test_what_does_not_parse_stays() -> None:
    wrong = f"{HEAD}  a += mlp(b\n}}\n"
    assert mended(wrong, unsafe=True) == wrong


def test_the_command(tmp_path: Path) -> None:
    spec = tmp_path / "spec.rev"
    spec.write_text(f"{HEAD}  a += mlp(b, width = 8)\n  b += nrom(a)\n}}\n")
    run = CliRunner().invoke
    safe = run(app, ["lint", str(spec), "--fix"])
    assert (safe.exit_code, safe.stderr) == (1, f"repaired {spec}\n")
    assert "mlp\n" in spec.read_text()
    assert "nrom" in spec.read_text()
    both = run(app, ["lint", str(spec), "--unsafe-fixes"])
    assert (both.exit_code, both.stderr) == (0, f"repaired {spec}\n")
    again = run(app, ["lint", str(spec), "--unsafe-fixes"])
    assert (again.exit_code, again.stderr) == (0, "")
    assert run(app, ["lint", "-", "--fix"]).exit_code == 2
