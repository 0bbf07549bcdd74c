"""The integer logarithm, and books that add up to the last unit."""

import io
import json
from fractions import Fraction

import mpmath  # type: ignore[import-untyped]
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from revc.runtime.bits import BitStack
from revc.runtime.bits.constants import LENGTH_UNIT, UNIT
from revc.runtime.bits.cpu.size import LOGARITHMS, log2_units
from revc.runtime.bits.dist import Logistic, Table, Uniform
from revc.runtime.bits.dist.base import in_units
from revc.runtime.bits.errors import LedgerError
from revc.runtime.bits.ledger import COLUMNS, Ledger
from revc.runtime.bits.log2 import LOG2_E
from revc.runtime.bits.log2 import log2_units as torch_log2
from tests.bits.laws import LAW

mpmath.mp.prec = 120
TABLE = Table.from_counts(torch.arange(50))


@LAW
@given(st.one_of(st.integers(1, (1 << 48) - 1), st.integers(0, 47).map(lambda e: 1 << e)))
def test_log2_is_within_0_52_units_and_the_same_in_both_places(value: int) -> None:
    got = int(torch_log2(torch.tensor([value])))
    assert abs(Fraction(got) - Fraction(str(mpmath.log(value, 2) * LENGTH_UNIT))) <= Fraction(
        52, 100
    )
    assert int(log2_units(value, LOGARITHMS)) == got


def test_log2_of_powers_is_exact() -> None:
    powers = torch.tensor([1 << e for e in range(48)])
    assert torch.equal(torch_log2(powers), torch.arange(48) << 32)


def test_log2_constant() -> None:
    assert int(mpmath.nint(mpmath.log(mpmath.e, 2) * 2**31)) == LOG2_E


def test_log2_is_monotone_over_many_heads() -> None:
    heads = torch.sort(torch.randint(1 << 32, 1 << 48, (100_000,))).values
    assert bool((torch.diff(torch_log2(heads)) >= 0).all())


def run(stack: BitStack, ledger: Ledger) -> None:
    loc = torch.randn(3, 40, generator=torch.Generator().manual_seed(1)) * 9
    logistic = Logistic(loc, torch.full_like(loc, 2.0))
    for turn in range(6):
        symbols = torch.randint(0, 50, (3, 30), generator=torch.Generator().manual_seed(turn))
        with ledger.measure("put", stack) as booking:
            stack.push(symbols, TABLE)
            booking.expect(TABLE.shannon(symbols))
        with ledger.measure("draw", stack) as booking:
            booking.expect(-logistic.shannon(stack.pop(logistic)))
        with ledger.measure("scale", stack):
            stack.scale(symbols.int(), symbols + 1, 6)


def test_sums_telescope_exactly() -> None:
    stack, ledger = BitStack(3), Ledger(3)
    first, held = stack.size(), stack.physical()
    run(stack, ledger)
    assert torch.equal(ledger.total("booked"), stack.size() - first)
    assert torch.equal(ledger.total("physical"), stack.physical() - held)
    for name in ("put", "draw"):
        meter = ledger[name]
        assert meter.calls == 6
        assert (meter.booked - meter.shannon).abs().max().item() / UNIT < 7e-5 * 240
    assert bool((ledger["put"].booked > 0).all())
    assert bool((ledger["draw"].booked < 0).all())


@pytest.mark.parametrize("words", [1 << 26, 1 << 27, 1 << 31, 1 << 33])
def test_sequences_of_any_size_are_booked_right(words: int) -> None:
    stack, ledger = BitStack(2, lanes=32), Ledger(2)
    first = stack.size()
    for sign in (1, 1, -1):
        with ledger.measure("put", stack):
            stack.engine.state.debt[:32] -= sign * words  # as far as sizes go, words that are held
    assert (stack.size() - first).tolist() == [32 * 16 * words * UNIT, 0]
    assert ledger["put"].booked.tolist() == [32 * 16 * words * UNIT, 0]
    assert json.loads(ledger.to_json())["meters"][0]["booked"] == 32 * 16 * words * UNIT


def test_lengths_sum_beyond_what_their_own_unit_holds() -> None:
    lengths = torch.full((2, 1 << 20), 4096 * LENGTH_UNIT)  # 2**32 bits a sequence
    assert in_units(lengths).tolist() == [UNIT << 32] * 2
    half = LENGTH_UNIT // UNIT // 2
    few = torch.tensor([[half - 1, 0], [half, 0], [LENGTH_UNIT, half]])
    assert in_units(few).tolist() == [0, 1, UNIT + 1]


def test_sequences_are_booked_apart() -> None:
    stack, ledger = BitStack(2), Ledger(2)
    symbols = torch.tensor([[49] * 32, [0] * 32])
    with ledger.measure("put", stack):
        stack.push(symbols, TABLE)
    rare, common = (ledger["put"].booked.flip(0) / UNIT / 32).tolist()
    assert common == pytest.approx(16 - float(torch.log2(TABLE.freq[49].double())), abs=1e-4)
    assert rare == pytest.approx(16 - float(torch.log2(TABLE.freq[0].double())), abs=1e-4)


def test_nothing_is_booked_when_a_block_fails() -> None:
    stack, ledger = BitStack(2), Ledger(2)
    with pytest.raises(ZeroDivisionError), ledger.measure("put", stack):
        raise ZeroDivisionError
    assert ledger.meters == {}


def test_json_and_merge() -> None:
    ledger = Ledger(3)
    run(BitStack(3), ledger)
    text = ledger.to_json()
    again = Ledger.from_json(text)
    assert again.to_json() == text
    assert json.loads(text)["unit"] == "2**-20 bit"
    again.merge(ledger)
    for column in COLUMNS:
        assert torch.equal(again.total(column), 2 * ledger.total(column))
    assert again["put"].calls == 12


def test_table_shows_bits() -> None:
    ledger = Ledger(2)
    ledger.book(
        "LM.va", torch.tensor([5 * UNIT // 2, 3 * UNIT]), torch.tensor([5 * UNIT // 2, 2 * UNIT])
    )
    page = io.StringIO()
    Console(width=120, file=page).print(ledger.table())
    row = next(line for line in page.getvalue().splitlines() if "LM.va" in line)
    assert [cell.strip() for cell in row.strip("│ ").split("│")] == [
        "LM.va", "1", "5.500", "4.500", "0.000", "1.000", "2.500", "3.000",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "column", [torch.zeros(2), torch.zeros(3, dtype=torch.int64), torch.zeros(2, dtype=torch.int32)]
)
def test_wrong_bookings(column: torch.Tensor) -> None:
    ledger = Ledger(2)
    with pytest.raises(LedgerError, match="meter 'x'"):
        ledger.book("x", column)
    assert ledger.meters == {}


def test_unknown_names() -> None:
    ledger = Ledger(2)
    ledger.book("put", ledger.zeros())
    with pytest.raises(LedgerError, match=r"no meter 'x'; there are \['put'\]"):
        ledger["x"]
    with pytest.raises(LedgerError, match="no column"):
        ledger.total("bits")
    with pytest.raises(LedgerError, match="do not merge"):
        ledger.merge(Ledger(3))


LINE = '{"unit": "2**-20 bit", "sequences": %s, "meters": %s}'
COLUMN = '{"booked": %s, "shannon": [0], "physical": [0]}'
METER = '[{"meter": "a", "calls": 1, "sequences": %s}]'


ODD = ["[" + "9" * 30 + "]", '["x"]', "7", "{}", "[.5]"]
OTHER = [
    *("", "[]", "{}", "null", "[" * 100_000),
    *(LINE % (n, "[]") for n in ("-1", "9" * 30, '"x"', "null")),
    *(LINE % ("1", meters) for meters in ("7", "[7]", '[{"meter": "a"}]', "null")),
    *(LINE % ("1", METER % (COLUMN % column)) for column in ODD),
    (LINE % ("1", "[]")).replace("20", "32"),
]


@pytest.mark.parametrize("text", OTHER, ids=range(len(OTHER)))
def test_other_json_is_refused(text: str) -> None:
    with pytest.raises(LedgerError, match=r"ledger|meter"):
        Ledger.from_json(text)


def test_uniform_digits_cost_their_logarithm() -> None:
    stack, ledger = BitStack(1), Ledger(1)
    symbols = torch.randint(0, 1000, (1, 100_000))
    with ledger.measure("put", stack) as booking:
        stack.push(symbols, Uniform(1000))
        booking.expect(Uniform(1000).shannon(symbols))
    gap = int(ledger["put"].booked - ledger["put"].shannon)
    assert abs(gap) / UNIT / 100_000 < 1e-6
