"""Published layers that were said to be reversible, and are not: caught, with states that show it.

A witness is two states with one image. It is checked here in plain Python on the lattice's
integers, apart from the search that found it.
"""

import math
import re

import pytest

from revc.grammar.diagnostics import Diagnostic
from revc.passes.lint import LintResult, lint
from revc.passes.rules.registry import rule

HEAD = "use std.nets: linear, mlp\ndim B, c = 8\nstate lattice(Q12.20)\n"
ONE = 2**20
Step = list[float]


def rotation(a: float, b: float) -> Step:
    th = 2 * math.tanh(1.5 * a)
    return [math.cos(th) * a - math.sin(th) * b, math.sin(th) * a + math.cos(th) * b]


def entangled(a: float, b: float) -> Step:
    h = math.tanh(-(a + b))
    return [a + h, b + h]


def superposed(a: float) -> Step:
    return [a - 2 * math.tanh(1.5 * a)]


TRAPS = {
    "a quantum rotation": (
        "let th = 2 * tanh(1.5 * a)\na, b <- cos(th) * a - sin(th) * b, sin(th) * a + cos(th) * b",
        "B204", rotation,
    ),
    "an entanglement": (
        "a, b <- a + tanh(-(a + b)), b + tanh(-(a + b))", "B203", entangled
    ),
    "a superposition": (
        "net S(x: [B, c]) -> [B, c] = -2 * tanh(1.5 * x)\nresidual a by S", "B202", superposed
    ),
    "a superposition as an update": ("a += -2 * tanh(1.5 * a)", "B201", superposed),
    "a superposition that is undone": ("undo a -= -2 * tanh(1.5 * a)", "B201", superposed),
}  # fmt: skip


def linted(body: str, tail: str = "", head: str = "") -> LintResult:
    return lint(f"{HEAD}{head}model M(a, b: [B, c]) {{\n{body}\n}}\n{tail}")


def states(witness: str) -> list[list[int]]:
    """Return the raw states of a witness: two that collide, and their image."""
    return [[int(n) for n in raw.split(", ")] for raw in re.findall(r"\[raw ([^]]*)\]", witness)]


@pytest.mark.parametrize("name", TRAPS)
def test_a_trap_is_caught_with_two_states_that_become_one(name: str) -> None:
    body, code, step = TRAPS[name]
    result = linted(body)
    (found,) = result.findings
    assert found.code == code
    assert found.witness is not None
    assert found.witness in found.message
    one, two, image = states(found.witness)
    assert one != two
    for raw in (one, two):
        assert [round(x * ONE) for x in step(*(n / ONE for n in raw))] == image
    assert result.proofs[0].verdict == "REFUTED"


REPAIRED = {
    "a rotation by a third value": "model M(a, b, u: [B, c]) {\nlet th = 2 * tanh(1.5 * u)\n"
    "a -= tan(th / 2) * b\nb += sin(th) * a\na -= tan(th / 2) * b\n}\n",
    "one after the other": "model M(a, b: [B, c]) {\na += tanh(-b)\nb += tanh(-a)\n}\n",
    "a superposition of another": "model M(a, b: [B, c]) {\nb += -2 * tanh(1.5 * a)\n}\n",
}


@pytest.mark.parametrize("name", REPAIRED)
def test_a_repaired_trap_is_proved(name: str) -> None:
    result = lint(HEAD + REPAIRED[name])
    assert result.findings == ()
    assert result.proofs[0].verdict == "PROVED"


NO_WITNESS = {
    "an injective one": ("a += tanh(a)", "no collision was found near folds of the map between"),
    "one that reads another": ("a += tanh(a) * b", "on a grid of 12 points a register, b held at"),
    "two nets": ("a, b <- a + mlp(b, width = 8), b + mlp(a, width = 8)", "nets, slices"),
}


@pytest.mark.parametrize("name", NO_WITNESS)
def test_a_search_without_a_find_says_what_it_did_not_search(name: str) -> None:
    body, note = NO_WITNESS[name]
    (found,) = linted(body).findings
    if name == "one that reads another":
        assert found.witness is not None or note in found.notes[0]
        return
    assert found.witness is None
    assert note in found.notes[0]


def test_an_update_by_a_net_has_no_note_on_a_search_that_was_not_made() -> None:
    (found,) = linted("a += mlp(a, width = 8)").findings
    assert (found.code, found.notes, found.witness) == ("B201", (), None)


def told(result: LintResult) -> list[tuple[str, str | None]]:
    kept = [one for one in result.findings if one.code not in ("M501", "Y802")]
    return [(one.code, one.witness) for one in kept]


def test_a_floor_that_is_called_a_bijection() -> None:
    put = "valve a by logistic(linear(b), step = 1/16, residue = none) as v"
    assert told(linted(put)) == [("Q301", "raw 0 and 1 both map to 0")]


def test_random_numbers_that_no_reservoir_gave() -> None:
    assert told(linted("a += mlp(b, width = 8, dropout = 0.1)")) == [("R401", None)]


def test_a_coordinate_that_is_set_aside_and_never_returned() -> None:
    (found,) = linted("split a -> u, v\nb[.., :4] += u\nb[.., 4:] += v").findings[:1]
    assert found.code in ("L101", "S003")
    (alone,) = linted("alloc t: [B, c] = 0\nt += a").findings
    assert alone.code == "L101"


def test_one_stack_for_push_and_pop() -> None:
    body = "valve a by logistic(linear(b), step = 1/16) as v on e"
    assert told(linted(body, head="reservoir e(seed = 1)\n")) == [("B210", None)]


def test_notes_and_witnesses_reach_programs() -> None:
    from revc.cli.as_json import finding_object

    shown = [finding_object(one) for one in linted("a += tanh(a)").findings]
    assert "nothing beyond was searched" in str(shown[0]["notes"])
    kept: list[Diagnostic] = list(linted(TRAPS["an entanglement"][0]).findings)
    assert finding_object(kept[0])["witness"] == kept[0].witness


def test_a_contraction_that_is_rounded_sends_two_states_to_one() -> None:
    """So no `residual` has exact code, as C901 says."""
    net = rule("C901").page.why
    assert "F(x) = 0.7 - 0.9 x" in net
    images = [x + round(0.7 - 0.9 * x) for x in range(2)]
    assert images == [1, 1]
