"""No bytes give a traceback, a hang, or take more memory than there is."""

from pathlib import Path

import pytest

from benchmarks.mutations import measured
from revc.cli.render import Format
from tests.lint.fuzzing import MOST_MEMORY, fuzz, seconds_of
from tests.passes.specs import SPECS


def test_no_input_ends_in_a_traceback() -> None:
    count, _, grown = fuzz(seconds=10, first=0)
    assert count > 50
    assert grown < MOST_MEMORY


ODD = {
    "nothing": b"",
    "a null": b"\0",
    "a mark of order": b"\xef\xbb\xbfdim B\n",
    "bytes that are no text": b"dim B\xff\n",
    "half a character": "dim é".encode()[:-1],
    "a lone return": b"dim B\rmodel",
    "a separator of lines": "dim B\u2028model M(a: [B]) { negate a }".encode(),
    "a number of many digits": b"dim B = " + b"9" * 10_000,
    "brackets": b"(" * 100_000,
    "braces": b"model M(a: [B]) {" * 10_000,
    "one long line": b"a" * 1_000_000,
    "a quote": b'net F = torch "',
    "more than may be": b"#" * ((1 << 20) + 1),
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("style", Format)
def test_odd_inputs(name: str, style: Format, tmp_path: Path) -> None:
    seconds_of(ODD[name], style, tmp_path / "odd.rev")


def test_a_slip_is_found_where_it_is() -> None:
    found = measured(SPECS, every=60, seed=1)
    assert found.broken > 50
    assert (found.crashes, found.missed) == (0, 0)
    assert found.near >= 0.95
    assert found.syntax_near >= 0.95
    assert found.many <= 0.1
