"""The code of artifacts: readable, formatted, stable, and as frugal as the graphs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import revc
from benchmarks.front import long_spec
from revc.artifact.package import package, package_files
from revc.passes.spec import build
from revc.planning.meter import trace
from tests.artifact.conftest import Write
from tests.conftest import Golden
from tests.model import specs
from tests.model.test_laws import BODIES, PAIR

ROOT = Path(__file__).parents[2]
CODE = ("forward.py", "inverse.py", "vjp.py", "traced.py", "nets.py", "__init__.py")


@pytest.mark.parametrize("name", ["forward.py", "inverse.py", "vjp.py", "nets.py"])
def test_golden(golden: Golden, name: str) -> None:
    golden(f"artifact/language_{name}.txt", package_files(build(specs.LANGUAGE))[name])


def test_formatters_and_linters_leave_it_as_it_is(tmp_path: Path) -> None:
    for index, body in enumerate(BODIES.values()):
        package(specs.HEAD + PAIR.format(body), tmp_path / f"net_{index}", chunks=1 + index % 2)
    for name in ("LAYERS", "LANGUAGE", "HOLE"):
        package(getattr(specs, name), tmp_path / name.lower())
    package(long_spec(3, alike=False), tmp_path / "long")
    ruff = [sys.executable, "-m", "ruff"]
    config = ["--config", str(ROOT / "pyproject.toml"), "--no-cache"]
    for command in (["format", "--check"], ["check", "--ignore", "N"]):
        done = subprocess.run(
            [*ruff, *command, *config, str(tmp_path)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-3000:]


def test_each_distinct_block_is_written_once() -> None:
    text = package_files(build(specs.LAYERS))["forward.py"]
    assert re.findall(r"^def (\w+)", text, re.MULTILINE) == ["Layer", "repeat_0"]
    assert "Loop(" not in text, "turns are segments: the run goes through them"
    assert "# a += attention_0(norm_0(b))" in text
    deeper = package_files(build(specs.LAYERS.replace("repeat 3", "repeat 24")))["forward.py"]
    assert len(deeper.splitlines()) == len(text.splitlines())


def test_two_blocks_of_one_name_are_told_apart() -> None:
    source = specs.HEAD + (
        "block Add<F, h = 1>(a, b: [B, T, d]) { a += h * F(b) }\n"
        "model Net(a, b: [B, T, d]) {\n  net F = linear()\n  Add<F, h = 2>(a, b)\n"
        "  Add<F, h = 3>(a, b)\n}"
    )
    text = package_files(build(source))["forward.py"]
    assert re.findall(r"^def (\w+)", text, re.MULTILINE) == ["Add", "Add_2"]


def test_names_that_python_or_the_file_uses_are_kept_apart(write: Write) -> None:
    source = specs.HEAD + (
        "model Net(aten, lattice, dtype: [B, T, d], given torch: float32[B, T, d]) {\n"
        "  split aten -> nets, class\n  nets += linear(class)\n  join nets, class -> aten\n"
        "  aten += linear(torch)\n  lattice -= linear(aten)\n  dtype += aten\n}"
    )
    loaded, inputs = write(source).load(), [torch.randn(2, 3, 8) for _ in range(4)]
    model = revc.compile(source)
    loaded.load_state_dict(model.state_dict())
    mine, theirs = model(*inputs), loaded(*inputs)
    assert torch.equal(mine.aten, theirs.aten)
    assert torch.equal(mine.lattice, theirs.lattice)
    assert torch.equal(mine.dtype, theirs.dtype)


def peak(model: torch.nn.Module, inputs: list[torch.Tensor]) -> int:
    """Return the most bytes that one training step holds."""

    def step() -> None:
        out = model(*inputs)
        (out.a.sum() + out.b.sum()).backward()

    step()
    model.zero_grad()
    return trace(step, less=lambda: [p.grad for p in model.parameters()]).peak


@pytest.mark.filterwarnings("ignore:.*Profiler.*")
@pytest.mark.parametrize("chunks", [1, 2])
@pytest.mark.parametrize("cast", [False, True])
def test_code_holds_no_more_memory_than_the_graphs(write: Write, chunks: int, cast: bool) -> None:
    source = specs.LAYERS.replace("d = 8", "d = 64")
    model = revc.compile(source, chunks=chunks)
    loaded = write(source, chunks=chunks).load()
    inputs = [torch.randn(2, 32, 64) for _ in range(2)]
    with torch.autocast("cpu", torch.bfloat16, enabled=cast):
        assert peak(loaded, inputs) == peak(model, inputs)
