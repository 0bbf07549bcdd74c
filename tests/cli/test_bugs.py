"""A bug of ours has an exit code of its own, a place, and does not stop the other files."""

from pathlib import Path

import pytest

from revc.cli.bugs import BUG
from revc.cli.checking import check
from revc.cli.request import Request
from revc.cli.start import exits
from revc.errors import InternalError
from revc.passes.elaborate.statements import table
from revc.passes.invert import invert
from revc.passes.lint import lint

GOOD = "dim B\nmodel M(a: [B]) {\n  negate a\n}\n"
BAD = "dim B\nmodel M(a: [B]) {\n  a += q\n}\n"


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Break the elaboration of `negate`."""

    def handler(*_: object) -> None:
        raise KeyError("what was not foreseen")

    real = table.handler
    monkeypatch.setattr(
        table, "handler", lambda kind: handler if kind.__name__ == "Negate" else real(kind)
    )


@pytest.mark.usefixtures("broken")
def test_the_other_files_are_linted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = tmp_path / "good.rev", tmp_path / "bad.rev"
    good.write_text(GOOD)
    bad.write_text(BAD)
    assert check(Request((str(good), str(bad)))) == BUG
    shown = capsys.readouterr()
    assert "S002" in shown.out
    assert f"a bug in revc at {good}:3:3" in shown.err
    assert str(bad) not in shown.err


@pytest.mark.usefixtures("broken")
def test_a_bug_is_an_error_of_its_own() -> None:
    for work in (lint, invert):
        with pytest.raises(InternalError, match="what was not foreseen") as found:
            work(GOOD)
        assert found.value.__notes__ == ["at <string>:3:3"]
        assert isinstance(found.value.__cause__, KeyError)


def test_what_no_pass_foresaw_ends_a_command_with_the_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended, exits():
        raise ZeroDivisionError("oops")
    assert ended.value.code == BUG
    assert "internal error, a bug in revc" in capsys.readouterr().err
