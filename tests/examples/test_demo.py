"""The demo as a user runs it, for two seconds."""

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from examples import demo
from examples.demo import ROOT, ArmsDisagreeError, History, Result


def test_the_demo_trains_reports_and_rebuilds(tmp_path: Path) -> None:
    report = tmp_path / "demo.html"
    command = [
        sys.executable,
        "examples/demo.py",
        "--seconds",
        "2",
        "--quick",
        "--out",
        str(report),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    start, end = (_cells(done.stdout, name)[0] for name in ("loss at the start", "loss at the end"))
    assert 7 < float(start) < 9
    assert float(end) < float(start) - 0.5
    revc, plain, checkpoint = map(float, _cells(done.stdout, "peak activation memory"))
    assert revc < checkpoint < plain
    assert _cells(done.stdout, "input rebuilt") == ["yes", "-", "-"]
    text = report.read_text()
    assert text.count("<svg") >= 3
    assert "<script" not in text
    assert not re.findall(r"(?:src|href)=.https?:", text)


def _cells(printed: str, name: str) -> list[str]:
    """Return the filled cells of the table's row `name`."""
    (row,) = (line for line in printed.splitlines() if name in line)
    cells = [cell.strip() for cell in row.strip("│").split("│")]
    return [cell for cell in cells[1:] if cell]


def test_arms_that_disagree_end_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    losses = iter([5.0, 5.0, 5.1])
    monkeypatch.setattr(demo, "measure", lambda *_, **__: {"loss": next(losses, None)})
    with pytest.raises(ArmsDisagreeError):
        demo.compare(demo.torch.nn.Linear(1, 1), rounds=1)


def test_the_report_shows_every_arm() -> None:
    trace = {"seconds": [0.0, 0.1], "held": [0, 2**20], "peak": 2**20}
    result = Result(
        history=History([0.5, 1.0], [8.0, 7.0]),
        before=8.0,
        after=7.0,
        traces=dict.fromkeys(demo.ARMS, trace),
        times=dict.fromkeys(demo.ARMS, 0.1),
        rebuilt=False,
    )
    text = demo.html(result, "<svg><!-- graph --></svg>")
    assert text.count("polyline") == 2 * (1 + len(demo.ARMS))
    assert "<!-- graph -->" in text
    assert "<td>NO</td>" in text
    body = text[text.index("<body>") : text.index("</html>")]
    ElementTree.fromstring(body)
