"""The playground in a real browser: a real edit, and a finding that appears and goes."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from revc.cli.playground import START
from revc.passes.invert import invert
from revc.playground.server import Playground
from tests.playground.serving import served

HERE = Path(__file__).parent / "browser"


@pytest.fixture
def playground() -> Iterator[Playground]:
    with served(START) as server:
        yield server


def test_a_real_edit(playground: Playground, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None or not (HERE / "node_modules").is_dir():
        pytest.skip("needs node, and `make browser`")
    command = [node, str(HERE / "edit.mjs"), playground.url, str(tmp_path / "page")]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert found["problems"] == []
    assert found["asked"] == [f"127.0.0.1:{playground.server_port}"]
    assert "Layer" in found["drawn"]
    (wrong,) = found["wrong"]
    assert wrong.startswith("S002")
    assert "did you mean `norm`?" in wrong
    assert found["marked"] == found["selected"] == "nomr"
    assert found["stale"]
    assert found["inverse"].strip() == invert(START).strip()
    assert "PROVED" in found["verdicts"]
    assert "the value does not read what it is added to" in found["verdicts"]
    assert len(list(tmp_path.glob("page-*.png"))) == 6
