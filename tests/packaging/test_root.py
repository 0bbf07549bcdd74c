"""What `import revc` offers, and what it does not pay for."""

import subprocess
import sys
from pathlib import Path

import pytest

import revc
from revc.errors import RevcError
from revc.grammar import diagnostics
from revc.passes.spec import build
from tests.passes.canonical import canonical

ROOT = Path(__file__).resolve().parents[2]
SPEC = ROOT / "specs" / "transformer.rev"


def test_dir_is_what_is_offered() -> None:
    assert dir(revc) == sorted(revc.__all__)
    assert len(set(revc.__all__)) == len(revc.__all__)
    assert [name for name in revc.__all__ if not hasattr(revc, name)] == []


def test_all_is_everything_that_can_be_asked_for() -> None:
    homes = vars(revc)["_HOMES"]
    assert sorted([*homes, "__version__"]) == sorted(revc.__all__)
    assert all(getattr(revc, name).__name__ == name for name in homes)
    with pytest.raises(AttributeError, match="no attribute 'complie'"):
        _ = revc.complie  # type: ignore[attr-defined]


def test_every_root_of_errors_is_offered() -> None:
    from revc import errors

    own = {name for name, one in vars(errors).items() if isinstance(one, type)}
    for module in (errors, diagnostics):
        for name, one in vars(module).items():
            if isinstance(one, type) and issubclass(one, Exception):
                assert getattr(revc, name) is one
    assert own <= set(revc.__all__)
    assert issubclass(revc.SpecError, RevcError)


def test_the_version_is_the_packages() -> None:
    assert revc.__version__ == "0.1.0"


@pytest.mark.parametrize(
    "code",
    [
        "revc",
        "dir(revc)",
        "revc.SpecError, revc.ReconstructionError, revc.BindError",
        f"revc.lint({str(SPEC)!r})",
        f"revc.invert({str(SPEC)!r})",
        "revc.__version__",
    ],
)
def test_what_needs_no_torch_imports_none(code: str) -> None:
    script = f"import sys, revc; {code}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_an_inverse_as_source() -> None:
    """From a path and from text; the inverse of the inverse is the program again."""
    text = revc.invert(SPEC)
    assert text == revc.invert(SPEC.read_text())
    assert canonical(build(revc.invert(text))) == canonical(build(SPEC))


def test_the_inverse_of_one_model_leaves_the_others() -> None:
    spec = "dim B\nmodel M(a, b: [B, 4]) { a += tanh(b) }\nmodel N(a, b: [B, 4]) { b += a }\n"
    one = revc.invert(spec, model="N")
    assert "a += tanh(b)" in one
    assert "b -= a" in one
    with pytest.raises(revc.BindError, match="no model `K`"):
        revc.invert(spec, model="K")
    with pytest.raises(revc.SpecError, match="nothing to invert"):
        revc.invert("dim B\n")
    with pytest.raises(revc.UnsupportedError, match="residual"):
        revc.invert(
            "use std.nets: norm\ndim B\nmodel M(a: [B, 4]) {\n"
            "  net F(x: [B, 4]) -> [B, 4] = norm(x)\n  residual a by F\n}\n"
        )
