"""Nothing that is written in n lines takes 2**n: it is read in good time, or refused."""

import time
from pathlib import Path

import pytest

from revc.grammar.diagnostics import SpecError
from revc.ir.expr import size
from revc.ir.instructions import Let
from revc.passes.analysis.sites import metered
from revc.passes.elaborate.elaboration import MOST_IN_CALL
from revc.passes.invert import invert
from revc.passes.lint import lint
from revc.passes.loading import DEEPEST, MOST_FILES
from revc.passes.spec import build
from tests.lint.growing import GROWING, blocks_with_meters, lets, model, nets

SECONDS = 30  # of processor time: one doubling too many takes years


@pytest.mark.parametrize("name", GROWING)
def test_a_text_is_read_in_good_time(name: str) -> None:
    text, most, codes = GROWING[name]
    start = time.process_time()
    found = lint(text(most)).findings
    assert time.process_time() - start < SECONDS
    denied = [finding for finding in found if finding.level == "deny"]
    assert {finding.code for finding in denied} == codes
    assert all(finding.span.line >= 1 for finding in denied)


@pytest.mark.parametrize("name", [name for name, (_, _, codes) in GROWING.items() if not codes])
def test_what_is_accepted_compiles_and_inverts(name: str) -> None:
    text, most, _ = GROWING[name]
    before, after = (_registers(one) for one in (text(most), invert(invert(text(most)))))
    assert before == after  # of the interface alone: written out, such a program has no end


def _registers(text: str) -> list[str]:
    return [f"{r.name}: {r.type}" for r in build(text).model.takes]


def test_lets_are_not_written_out() -> None:
    steps = build(lets(300)).model.body
    assert sum(size(step.value) for step in steps if isinstance(step, Let)) < 5 * 300


def test_nets_of_nets_are_written_out_as_far_as_that_goes() -> None:
    (step,) = build(nets(8)).model.body
    assert size(step.values()[0]) < 4 * 2**8
    (found,) = [d for d in lint(nets(20)).findings if d.code == "S003"]
    assert str(MOST_IN_CALL) in found.message


def test_alike_sites_are_counted_and_not_listed() -> None:
    sites = metered(build(blocks_with_meters(40)).model)
    assert sum(site.times for site in sites) == 2**40
    assert len(sites) == 1


@pytest.mark.parametrize("number", ["1e300*1e300", "1e-300*1e-300", "1e300*1e300 - 1e300*1e300"])
def test_a_number_beyond_reason_is_refused_where_it_is(number: str) -> None:
    (found,) = lint(model("negate a", f"dim d = {number}\n")).findings
    assert (found.code, found.span.line) == ("S003", 4)


def test_a_dim_of_python_beyond_reason() -> None:
    from revc.errors import BindError

    for size_of in (1 << 63, 10**5000, -(10**5000)):
        with pytest.raises(BindError, match="cannot be"):
            build(model("negate a"), dims={"c": size_of})


def _chain(folder: Path, count: int) -> Path:
    for number in range(count):
        text = f"use f{number + 1}: K{number + 1}\n" if number + 1 < count else ""
        block = f"block K{number}(a: [B]) {{ negate a }}\n"
        (folder / f"f{number}.rev").write_text(f"{text}dim B\n{block}")
    return folder / "f0.rev"


def test_files_that_use_one_another(tmp_path: Path) -> None:
    assert not lint(_chain(tmp_path, DEEPEST)).denied
    found = lint(_chain(tmp_path, 1200)).findings
    assert [d.message for d in found if d.code == "S002"] == [
        f"files use one another more than {DEEPEST} deep here"
    ]


def test_more_files_than_a_spec_uses(tmp_path: Path) -> None:
    count = MOST_FILES + 5
    for number in range(count):
        (tmp_path / f"g{number}.rev").write_text(f"dim B\nblock K{number}(a: [B]) {{ negate a }}\n")
    uses = "".join(f"use g{number}: K{number}\n" for number in range(count))
    main = tmp_path / "main.rev"
    main.write_text(f"{uses}dim B\nmodel M(a: [B]) {{ negate a }}\n")
    found = lint(main).findings
    assert {d.message for d in found} == {f"more than {MOST_FILES} files are used"}
    with pytest.raises(SpecError):
        build(main)
