"""Chains as text: there and back, and what is wrong with one, with its place."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revc.passes.schedule.chain import Chain, Segment
from revc.passes.schedule.errors import ChainError, PlanError
from revc.passes.schedule.plan import Action, Plan
from revc.passes.schedule.read import parse, read
from revc.passes.schedule.units import MOST_BYTES
from tests.planner.instances import chain as random_chain

TIMES = st.floats(0, 1e15, allow_nan=False)
SIZES = st.integers(0, MOST_BYTES)
NAMES = st.text(min_size=1, max_size=20)


@st.composite
def chains(draw: st.DrawFn) -> Chain:
    names = draw(st.lists(NAMES, min_size=1, max_size=5, unique=True))
    count = len(names)
    skips = [(i, j) for j in range(1, count + 1) for i in range(j - 1)]
    return Chain(
        name=draw(NAMES),
        input_bytes=draw(SIZES),
        segments=tuple(draw(segments(name)) for name in names),
        offload_bandwidth=draw(st.none() | st.floats(1e-300, 1e300)),
        skips=tuple(draw(st.lists(st.sampled_from(skips), unique=True))) if skips else (),
    )


@st.composite
def segments(draw: st.DrawFn, name: str) -> Segment:
    sizes = ("out_bytes", "resid_bytes", "peak_bytes", "tape_bytes")
    kind = draw(st.sampled_from(["opaque", "invertible"]))
    return Segment(
        name=name,
        kind=kind,
        t_fwd=draw(TIMES),
        t_bwd=draw(TIMES),
        t_inv=draw(TIMES if kind == "invertible" else st.none() | TIMES),
        **{size: draw(SIZES) for size in sizes},
    )


@settings(max_examples=60)
@given(chains())
def test_text_there_and_back(chain: Chain) -> None:
    assert parse(chain.text()) == chain


@settings(max_examples=60)
@given(chains())
def test_a_line_each_there_and_back(chain: Chain) -> None:
    header = json.loads(chain.text())
    lines = [header, *header.pop("segments")]
    assert parse("\n".join(map(json.dumps, lines))) == chain


def good() -> dict[str, Any]:
    segment = {
        "name": "b0", "kind": "opaque", "t_fwd": 1.0, "t_inv": None, "t_bwd": 2, "out_bytes": 4,
        "resid_bytes": 10, "peak_bytes": 1,
    }  # fmt: skip
    return {"name": "c", "input_bytes": 4, "segments": [segment, {**segment, "name": "b1"}]}


def changed(**fields: Any) -> str:
    """Return the good chain with fields of its second segment changed; `...` takes one away."""
    chain = good()
    chain["segments"][1].update(fields)
    for name in [name for name, value in fields.items() if value is ...]:
        del chain["segments"][1][name]
    return json.dumps(chain)


def with_fields(**fields: Any) -> str:
    return json.dumps({**good(), **fields})


BAD = [
    ("", "f:1:1: no JSON: Expecting value"),
    ("[]", "f: a chain is a JSON object"),
    ('{"name": "c",\n "input_bytes": }', "f:2:17: no JSON: Expecting value"),
    ("[" * 100_000, "f:1:1: no chain: brackets in too many brackets"),
    ('{"name": "c", "input_bytes": ' + "9" * 5000 + "}", "f:1:1: Exceeds the limit"),
    ('{"name": "c", "name": "d"}', "f:1:1: the field 'name' is given twice"),
    (changed(t_fwd=float("nan")), "f:1:1: NaN is no number that a size or a time can have"),
    (changed(t_fwd=float("inf")), "f:1:1: Infinity is no number"),
    (changed().replace("1.0", "1e999", 1), "f: segments[0].t_fwd (b0) must be finite"),
    (changed(out_bytes=-1), "f: segments[1].out_bytes (b1) must not be below 0"),
    (changed(out_bytes=2**48 + 1), "f: segments[1].out_bytes (b1) is more than any machine has"),
    (changed(out_bytes=1.5), "f: segments[1].out_bytes (b1) must be an integer"),
    (changed(out_bytes=True), "f: segments[1].out_bytes (b1) must be an integer"),
    (changed(out_bytes=...), "f: segments[1].out_bytes (b1) is missing"),
    (changed(t_fwd="1"), "f: segments[1].t_fwd (b1) must be a number"),
    (changed(t_bwd=-0.5), "f: segments[1].t_bwd (b1) must not be below 0"),
    (changed(kind="magic"), "f: segments[1].kind (b1) must be one of 'opaque' or 'invertible'"),
    (changed(kind="invertible"), "f: segments[1] (b1): an invertible segment needs t_inv"),
    (changed(tapes=1), "f: segments[1].tapes (b1) is no field of the format"),
    (changed(name=""), "f: segments[1].name must not be empty"),
    (changed(name="b0"), "f: segments 1 and 2 are both called 'b0'"),
    (with_fields(segments=[]), "f: segments must not be empty"),
    (with_fields(segments=3), "f: segments must be an array"),
    (with_fields(segments=[3]), "f: segments[0] must be a JSON object"),
    (with_fields(input_bytes=None), "f: input_bytes must be an integer"),
    (with_fields(offload_bandwidth=0), "f: offload_bandwidth must be above 0.0"),
    (with_fields(skips=[[0, 1]]), "f: skip [0, 1]: segment j reads x_i for 0 <= i < j - 1"),
    (with_fields(skips=[[0, 3]]), "f: skip [0, 3]: segment j reads x_i for 0 <= i < j - 1"),
    (with_fields(skips=[[0, 2], [0, 2]]), "f: skip [0, 2] is given twice"),
    (with_fields(skips=[[0]]), "f: skips[0][1] is missing"),
    (with_fields() + "\n{}", "f:2:1: text after the chain"),
    ('{"name": "c", "input_bytes": 4}\n{"name": "x"}', "f:2:1: kind (x) is missing"),
    ('{"name": "c", "input_bytes": 4}', "f: segments is missing"),
]


@pytest.mark.parametrize(("text", "message"), BAD, ids=range(len(BAD)))
def test_what_is_wrong_is_told_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ChainError) as error:
        parse(text, "f")
    assert str(error.value).startswith(message)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ChainError, match=r"cannot read .*nowhere: No such file"):
        read(tmp_path / "nowhere")
    (tmp_path / "bytes").write_bytes(b'{"name": "\xff"}')
    with pytest.raises(ChainError, match="bytes: byte 10 is not UTF-8"):
        read(tmp_path / "bytes")


@pytest.mark.parametrize("seed", range(30))
def test_plans_and_units_there_and_back(seed: int) -> None:
    from tests.planner.brute import plans

    for plan in plans(random_chain(seed, most=4)):
        assert Plan.from_units(plan.units()) == plan
        assert Plan.of(str(action) for action in plan.actions) == plan


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["SAVE"], "1 actions for the 2 segments of c"),
        (["SAVE", "JOIN"], r"segment 2 \(b1\): JOIN follows a CHECKPOINT or a JOIN, not SAVE"),
        (["JOIN", "SAVE"], r"segment 1 \(b0\): JOIN follows a CHECKPOINT or a JOIN, not None"),
        (["SAVE", "INVERT"], r"segment 2 \(b1\): INVERT needs an invertible segment"),
        (["OFFLOAD", "SAVE"], r"segment 1 \(b0\): OFFLOAD needs the chain's offload_bandwidth"),
        (["SAVE", "DROP"], "'DROP' is not a valid Action: the actions are SAVE, CHECKPOINT"),
    ],
)
def test_illegal_plans_are_refused(words: list[str], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        Plan.of(words).check(parse(json.dumps(good())))


def test_actions_are_those_of_the_document() -> None:
    text = Path(__file__).parents[2].joinpath("docs", "schedule.md").read_text()
    assert all(f"`{action}`" in text for action in Action)
