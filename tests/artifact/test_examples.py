"""The examples on artifacts and nets of one's own do what they say."""

import sys
from pathlib import Path

import pytest

from examples import export_artifact, own_nets


def test_exporting_an_artifact(tmp_path: Path) -> None:
    before, after, exact = export_artifact.run(tmp_path / "exported")
    assert after < before
    assert exact
    assert (tmp_path / "exported" / "vjp.py").exists()
    assert str(tmp_path) not in sys.path


def test_bringing_nets(capsys: pytest.CaptureFixture[str]) -> None:
    own_nets.main()
    assert capsys.readouterr().out == (
        "48 parameters got a gradient; input rebuilt bit for bit: True\n"
    )
