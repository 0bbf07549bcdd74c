"""`revc compile`: what it writes and prints, and how it refuses."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from revc.cli import main
from tests.model import specs

ROOT = Path(__file__).parents[2]
Revc = Callable[..., tuple[int, str]]


@pytest.fixture
def revc_cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Revc:
    """Return a function that runs the command line: its exit code, and all that it printed."""

    def call(*args: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["revc", *map(str, args)])
        with pytest.raises(SystemExit) as stopped:
            main()
        printed = capsys.readouterr()
        code = stopped.value.code
        return int(code or 0), printed.out + printed.err

    return call


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    """Return the path of a small spec."""
    path = tmp_path / "net.rev"
    path.write_text(specs.LAYERS)
    return path


def test_compile_writes_a_package(revc_cli: Revc, spec: Path, tmp_path: Path) -> None:
    out = tmp_path / "build" / "net"
    code, printed = revc_cli("compile", spec, "-o", out, "-D", "d=16", "--chunks", 2)
    assert (code, printed) == (0, f"wrote {out}: `from net import load`\n")
    assert "normed" in (out / "forward.py").read_text()
    assert "[16]" in (out / "forward.py").read_text()
    assert "tensor_split" in (out / "forward.py").read_text()
    done = subprocess.run(
        [sys.executable, "-c", "import net, torch; x = torch.ones(2, 3, 16); net.load()(x, x)"],
        cwd=out.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_statements_without_a_runtime_are_refused_with_their_places(
    revc_cli: Revc, tmp_path: Path
) -> None:
    path = tmp_path / "net.rev"
    path.write_text(
        "dim B\nstate float32\nnet F(x: [B]) -> [B]\n"
        "model Net(a: [B]) -> (a: [B]) {\n  residual a by F\n}\n"
    )
    code, printed = revc_cli("compile", path, "-o", tmp_path / "net")
    assert code == 1
    assert f"{path}:5:3" in printed
    assert "`residual` cannot be compiled yet" in printed
    assert not (tmp_path / "net").exists()


@pytest.mark.parametrize("name", ["classify", "digits", "rnn", "language_model", "lm"])
def test_every_spec_of_a_model_compiles(revc_cli: Revc, tmp_path: Path, name: str) -> None:
    code, printed = revc_cli("compile", ROOT / "specs" / f"{name}.rev", "-o", tmp_path / "net")
    assert code == 0, printed


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["missing.rev", "-o", "x"], 1, "missing.rev:1:1"),
        (["{spec}", "-o", "x", "-D", "d=0.5"], 2, "is not NAME=NUMBER"),
        (["{spec}", "-o", "x", "-D", "d"], 2, "is not NAME=NUMBER"),
        (["{spec}", "-o", "x", "-D", "q=3"], 1, "no dim `q`"),
        (["{spec}", "-o", "x", "-D", "d=7"], 1, "S00"),
        (["{spec}", "-o", "x", "--model", "Nett"], 1, "did you mean `Net`"),
        (["{spec}", "-o", "x", "--chunks", "0"], 2, "--chunks"),
        (["{spec}", "-o", "my-net"], 1, "no name for a Python package"),
        (["{spec}", "-o", "/proc/no/net"], 1, "cannot write"),
        (["{spec}"], 2, "-o FOLDER"),
        (["{spec}", "-o", "x", "--emit", "ir"], 2, "-o FOLDER"),
        (["{spec}", "--emit", "asm"], 2, "asm"),
    ],
)
def test_wrong_use(
    revc_cli: Revc,
    spec: Path,
    monkeypatch: pytest.MonkeyPatch,
    args: list[str],
    code: int,
    message: str,
) -> None:
    monkeypatch.chdir(spec.parent)
    found, printed = revc_cli("compile", *(arg.format(spec=spec) for arg in args))
    assert found == code
    assert message in printed
    assert "Traceback" not in printed
    assert sorted(p.name for p in spec.parent.iterdir()) == ["net.rev"]


def test_a_folder_with_other_files(revc_cli: Revc, spec: Path, tmp_path: Path) -> None:
    folder = tmp_path / "net"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    code, printed = revc_cli("compile", spec, "-o", folder)
    assert code == 1
    assert "holds other files" in printed
    assert revc_cli("compile", spec, "-o", folder, "--force")[0] == 0
    assert (folder / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize(
    "text",
    [b"", b"\x00\x01", "modél".encode("latin-1"), b"model Net(", b"model Net(a: [B]) { a += b }"],
)
@pytest.mark.parametrize("command", ["compile", "show"])
def test_specs_that_are_none(revc_cli: Revc, tmp_path: Path, text: bytes, command: str) -> None:
    path = tmp_path / "bad.rev"
    path.write_bytes(text)
    args = ["-o", tmp_path / "x"] if command == "compile" else []
    code, printed = revc_cli(command, path, *args)
    assert code == 1
    assert f"{path}:1:" in printed
    assert "Traceback" not in printed


@pytest.mark.parametrize("stage", ["ast", "ir", "inverse", "vjp", "fx"])
def test_emit_prints_a_stage(revc_cli: Revc, spec: Path, stage: str) -> None:
    from revc.cli.emit import Stage, emit

    code, printed = revc_cli("compile", spec, "--emit", stage, "-D", "d=16")
    assert code == 0
    assert printed == emit(Stage(stage), spec, dims={"d": 16})
