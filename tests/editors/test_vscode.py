"""The extension in VS Code itself: a finding, its repair, a proof, a new name."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent / "vscode"
ROOT = Path(__file__).parents[2]
EXTENSION = ROOT / "editors" / "vscode"
SHIPPED = ("package.json", "language-configuration.json", "syntaxes", "out")
SERVER = [sys.executable, "-c", "from revc.cli import main; main()", "lsp"]
SPEC = """\
use std.nets: mlp, norm

dim B, T, d = 8
state lattice(Q12.20)

block Layer(a, b: [B, T, d]) {
  a += mlp(nomr(b), width = 4*d)
  b += mlp(norm(a), width = 4*d)
}

model Net(a, b: [B, T, d]) -> (a, b: [B, T, d]) {
  repeat 6 { Layer(a, b) }
}
"""


@pytest.fixture
def editor(tmp_path: Path) -> Iterator[str]:
    """Yield the address of VS Code with the extension, opened on a folder with a wrong spec."""
    node, code = shutil.which("node"), HERE / "node_modules" / "code-server"
    if node is None or not code.is_dir() or not (EXTENSION / "out" / "extension.js").is_file():
        pytest.skip("needs node, and `make vscode`")
    folder, port = _laid_out(tmp_path), _free_port()
    command = [node, str(code), "--auth", "none", "--bind-addr", f"127.0.0.1:{port}"]
    command += ["--disable-telemetry", "--disable-update-check", "--config", str(tmp_path / "none")]
    command += ["--user-data-dir", str(tmp_path / "data")]
    command += ["--extensions-dir", str(tmp_path / "extensions")]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    with open(tmp_path / "log", "wb") as log:
        running = subprocess.Popen(command, stdout=log, stderr=log, env=env)
    try:
        _wait(port)
        yield f"http://127.0.0.1:{port}/?folder={folder}"
    finally:
        running.terminate()
        running.wait(30)


def _laid_out(folder: Path) -> Path:
    """Write settings, the extension as it is installed, and a folder with a spec; return that."""
    settings = {"revc.command": SERVER, "security.workspace.trust.enabled": False}
    settings |= {"workbench.startupEditor": "none", "telemetry.telemetryLevel": "off"}
    user, made = folder / "data" / "User", folder / "extensions" / "revc.revc-0.1.0"
    project = folder / "project"
    for one in (user, made, project):
        one.mkdir(parents=True)
    (user / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    (folder / "none").write_text("auth: none\n", encoding="utf-8")
    (project / "net.rev").write_text(SPEC, encoding="utf-8")
    for name in SHIPPED:
        source = EXTENSION / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, made / name)
    return project


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def _wait(port: int) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    pytest.fail("the editor does not listen")


def test_a_session(editor: str, tmp_path: Path) -> None:
    node = shutil.which("node")
    assert node is not None
    command = [node, str(HERE / "edit.mjs"), editor, str(tmp_path / "page")]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    (finding,) = found["finding"]
    assert "no net `nomr`; did you mean `norm`?" in finding
    assert "S002" in finding
    unsafe = "Replace `nomr` by `norm` (unsafe: may change what the spec means)"
    assert unsafe in found["repairs"]
    repaired = SPEC.replace("nomr", "norm")
    assert "\n".join(found["repaired"]).strip() == repaired.strip()
    assert "every statement has an inverse" in found["proof"][0]
    assert "\n".join(found["renamed"]).strip() == repaired.replace("Layer", "Turn").strip()
    assert [row for row in found["outline"] if "Net" in row]
