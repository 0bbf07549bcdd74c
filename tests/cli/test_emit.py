"""`--emit`: every stage as text, the same each time."""

import subprocess
import sys
from pathlib import Path

import pytest

from revc.cli.emit import Stage, emit
from revc.errors import BindError
from revc.grammar.diagnostics import SpecError, UnsupportedError
from tests.conftest import Golden
from tests.model import specs
from tests.passes.specs import FOLDER

SMALL = specs.HEAD + (
    "block Layer(a, b: [B, T, d]) {\n"
    "  a += norm(b) * 0.5 - b / 3\n"
    "  let h = tanh(linear(b[.., :4], out = d))\n"
    "  a[.., 1:] -= h[.., 1:]\n"
    "}\n"
    "model Net(a, b: [B, T, d]) -> (a, b: [B, T, d]) {\n"
    "  net F = linear(bias = false)\n"
    "  repeat 2 reversed as i { Layer(a, b)\n  b += F(a) * (i + 1) }\n"
    "  uncall Layer(a, b)\n"
    "  swap a, b\n"
    "  split a -> p, q\n  negate p\n  join q, p -> a\n"
    "  emit seen = mlp(a, width = 4, out = 3)\n"
    "}\n"
)
METERED = sorted(FOLDER.glob("*.rev"))


@pytest.mark.parametrize("stage", Stage)
def test_golden(golden: Golden, stage: Stage) -> None:
    golden(f"emit/small.{stage}.txt", emit(stage, SMALL))


@pytest.mark.parametrize("name", ["rnn", "digits", "classify", "language_model"])
@pytest.mark.parametrize("stage", [Stage.ir, Stage.inverse])
def test_golden_of_metered_statements(golden: Golden, name: str, stage: Stage) -> None:
    golden(f"emit/{name}.{stage}.txt", emit(stage, FOLDER / f"{name}.rev"))


@pytest.mark.parametrize("name", ["rnn", "digits", "classify", "language_model"])
def test_golden_code_of_metered_statements(golden: Golden, name: str) -> None:
    golden(f"emit/{name}.fx.txt", emit(Stage.fx, FOLDER / f"{name}.rev"))


@pytest.mark.parametrize("stage", [Stage.vjp, Stage.fx])
def test_code_of_statements_to_come_is_refused(stage: Stage) -> None:
    body = "model Net(a: [B]) -> (a: [B]) { residual a by F }\nnet F(x: [B]) -> [B]"
    text = f"dim B\nstate float32\n{body}"
    with pytest.raises(UnsupportedError, match="`residual` cannot be compiled yet"):
        emit(stage, text)


def test_the_inverse_of_the_inverse_is_the_program() -> None:
    from revc.ir.listing import inverse_text, program_text
    from revc.passes.spec import build

    program = build(SMALL)
    turned = program.replace(model=program.model.inverse())
    again = turned.model.inverse()
    assert again.body == program.model.body
    assert inverse_text(program) != program_text(program)
    lines = inverse_text(program).splitlines()
    body = lines[lines.index("  body", len(lines) // 2) :]
    assert [line.split()[0] for line in body[1:4]] == ["emit", "split", "negate"]


def test_settings_reach_the_stages() -> None:
    assert "bound d = 16" in emit(Stage.ir, SMALL, dims={"d": 16})
    assert "tensor_split" in emit(Stage.vjp, SMALL, chunks=2)
    two = SMALL + "model Other(a: [B, d]) { negate a }\n"
    assert emit(Stage.ir, two, model="Other").startswith("program Other")
    with pytest.raises(BindError, match="several models"):
        emit(Stage.ir, two)


def test_nets_without_a_body_need_not_be_bound() -> None:
    assert "repeat_0.*.F = bound from Python as F" in emit(Stage.ir, specs.HOLE)
    assert "brought.run(F, " in emit(Stage.fx, specs.HOLE)


def test_a_tree_needs_syntax_alone() -> None:
    text = "model Net(a: [B]) { a += nowhere(b) }"
    assert "Call func=nowhere @1:26" in emit(Stage.ast, text)
    with pytest.raises(SpecError):
        emit(Stage.ir, text)
    with pytest.raises(SpecError, match="S001"):
        emit(Stage.ast, "model {")


def test_a_tree_keeps_zeros() -> None:
    text = emit(Stage.ast, "dim B\nmodel M(a: [B]) { alloc z: [B] = 0\n free z = 0 }")
    assert "value: Num value=0 text=0" in text


def test_deep_nesting() -> None:
    value = "(" * 150 + "b" + " + 1)" * 150
    text = specs.HEAD + f"model M(a, b: [B, d]) {{ a += {value} }}"
    assert emit(Stage.ast, text).count("Binary op=+") == 150
    assert emit(Stage.ir, text).count("+ 1") == 150


@pytest.mark.parametrize("stage", ["ast", "ir", "inverse"])
def test_text_needs_no_torch(stage: str) -> None:
    code = (
        "import sys\nfrom revc.cli.emit import Stage, emit\n"
        f"emit(Stage.{stage}, sys.argv[1])\nsys.exit('torch' in sys.modules)"
    )
    path = str(Path(FOLDER) / "language_model.rev")
    assert subprocess.run([sys.executable, "-c", code, path], check=False).returncode == 0


def test_the_hash_seed_does_not_count() -> None:
    stages = (Stage.ast, Stage.ir, Stage.inverse, Stage.fx)
    code = (
        "import sys\nfrom revc.cli.emit import Stage, emit\n"
        "for stage in sys.argv[2:]: sys.stdout.write(emit(Stage(stage), sys.argv[1]))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code, SMALL, *(stage.value for stage in stages)],
            env={"PYTHONHASHSEED": seed, "PATH": ""},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert found == {"".join(emit(stage, SMALL) for stage in stages).encode()}
