"""What `free` claims: computing and uncomputing cancel, anything else is found out."""

import pytest

from revc.passes.lint import lint
from tests.passes.specs import HEAD

LAYER = "block Layer(a, b: [B, T, c]) { a += mlp(b, width = 8) }"


def messages(body: str, params: str = "a, b: [B, T, c]") -> list[str]:
    spec = f"{HEAD}{LAYER}\nmodel M({params}) {{\n{body}\n}}\n"
    found = [d for d in lint(spec).findings if d.code not in ("M501", "P703")]
    return [f"{d.code} {d.message}" for d in found]


PROVED = {
    "untouched": "alloc t: [B, T, c] = 0\nfree t = 0",
    "its own value": "alloc t: [B, T, c] = 0.5\nfree t = 0.5",
    "update and its opposite": ("alloc t: [B, T, c] = 0\nt += 2*a\nb += t\nt -= 2*a\nfree t = 0"),
    "another order": (
        "alloc t: [B, T, c] = 0\nt += a\nt += tanh(b)\nt -= a\nt -= tanh(b)\nfree t = 0"
    ),
    "negated": "alloc t: [B, T, c] = 0\nt += a\nnegate t\nt += a\nfree t = 0",
    "swapped": "alloc t, s: [B, T, c] = 0\nt += a\nswap t, s\ns -= a\nfree s, t = 0",
    "split and joined": (
        "alloc t: [B, T, c] = 0\nt += a\nsplit t -> p, q\njoin p, q -> t\nt -= a\nfree t = 0"
    ),
    "parts of zero": "alloc t: [B, T, c] = 0\nsplit t -> p, q\nfree p, q = 0",
    "permuted back": (
        "alloc t: [B, T, c] = 0\nt += a\npermute t by (0, 2, 1)\npermute t by (0, 2, 1)\n"
        "t -= a\nfree t = 0"
    ),
    "called and uncalled": (
        "alloc t: [B, T, c] = 0\nenc: Layer(t, b)\na += t\nuncall enc(t, b)\nfree t = 0"
    ),
    "a net of one name": (
        "net F = norm()\nalloc t: [B, T, c] = 0\nt += F(a)\nb += t\nt -= F(a)\nfree t = 0"
    ),
    "a slice": (
        "alloc t: [B, T, c] = 0\nt[.., :4] += a[.., :4]\nb += t\nt[.., :4] -= a[.., :4]\nfree t = 0"
    ),
    "parts of a number": ("alloc x: [B, T, 2*c] = 1\nsplit x -> p, q\na += tanh(p)\nfree p, q = 1"),
    "parts of a number joined": (
        "alloc p, q: [B, T, c] = 1\njoin p, q -> x\npermute x by (0, 2, 1)\n"
        "permute x by (0, 2, 1)\nfree x = 1"
    ),
    "sums the other way round": (
        "alloc t: [B, T, c] = 0\nt += a + b\nt -= b + a\nt += 2*a*b\nt -= b*(a*2)\nfree t = 0"
    ),
    "a loop and its undo": (
        "alloc t: [B, T, c] = 0\nrepeat 3 { t += tanh(a) }\nb += t\n"
        "undo repeat 3 { t += tanh(a) }\nfree t = 0"
    ),
    "loops in a loop and its undo": (
        "alloc t: [B, T, c] = 0\nrepeat 3 { repeat 2 { t += tanh(a) }\na += 1 }\nb += t\n"
        "undo repeat 3 { repeat 2 { t += tanh(a) }\na += 1 }\nfree t = 0"
    ),
    "a loop and its opposite": (
        "alloc t: [B, T, c] = 0\nrepeat 3 as i { t += tanh(a[.., i:i + 1]) }\nb += t\n"
        "repeat 3 reversed as i { t -= tanh(a[.., i:i + 1]) }\nfree t = 0"
    ),
    "a loop that is undone": (
        "undo repeat 2 { alloc t: [B, T, c] = 0\nt += tanh(a)\nb += t\nt -= tanh(a)\nfree t = 0 }"
    ),
    "reshaped in a loop that is undone": (
        "undo repeat 2 { reshape a to [B, T, 2, c/2]\na += 1\nreshape a to [B, T, c] }"
    ),
    "put and taken back": (
        "alloc t: label(4)[B, T] = 0\nput t by uniform(4)\n"
        "undo put t: label(4)[B, T] by uniform(4)\nfree t = 0"
    ),
}
REFUSED = {
    "not uncomputed": (
        "alloc t: [B, T, c] = 0\nt += a\nb += t\nfree t = 0",
        "L107 `t` is not provably 0; witness: a = 1",
    ),
    "another value": (
        "alloc t: [B, T, c] = 0\nfree t = 1",
        "L107 `t` is not provably 1; witness: any",
    ),
    "what it read has changed": (
        "alloc t: [B, T, c] = 0\nt += a\na += b\nt -= a\nfree t = 0",
        "L107 `t` is not provably 0; witness: a = 0, b = 1",
    ),
    "parts that only sum up without rounding": (
        "alloc t, s: [B, T, c] = 0\ns += a\ns += b\nt += s\ns -= b\ns -= a\nt -= a\nt -= b\n"
        "free s, t = 0",
        "L107 `t` is not provably 0",
    ),
    "another instance": (
        "alloc t: [B, T, c] = 0\nt += norm(a)\nb += t\nt -= norm(a)\nfree t = 0",
        "L107 `t` is not provably 0",
    ),
    "another call": (
        "alloc t: [B, T, c] = 0\nLayer(t, b)\na += t\nuncall Layer(t, b)\nfree t = 0",
        "L107 `t` is not provably 0",
    ),
    "an input": ("free a = 0\nb += 1", "L107 `a` is not provably 0; witness: a = 1"),
    "another slice": (
        "alloc t: [B, T, c] = 0\nt[.., :4] += a[.., :4]\nt[.., 4:] -= a[.., :4]\nfree t = 0",
        "L107 `t` is not provably 0",
    ),
    "a loop of other turns": (
        "alloc t: [B, T, c] = 0\nrepeat 3 { t += tanh(a) }\n"
        "undo repeat 2 { t += tanh(a) }\nfree t = 0",
        "L107 `t` is not provably 0",
    ),
    "a loop that reads what changed": (
        "alloc t: [B, T, c] = 0\nrepeat 3 { t += tanh(a) }\na += b\n"
        "undo repeat 3 { t += tanh(a) }\nfree t = 0",
        "L107 `t` is not provably 0",
    ),
    "bits from a stack that has changed": (
        "alloc t: label(4)[B, T] = 0\nalloc s: label(4)[B, T] = 1\nput t by uniform(4)\n"
        "put s by uniform(4)\nundo put t: label(4)[B, T] by uniform(4)\n"
        "undo put s: label(4)[B, T] by uniform(4)\nfree t = 0\nfree s = 1",
        "L107 `t` is not provably 0",
    ),
    "a claim in a loop that is undone": (
        "undo repeat 2 { alloc t: [B, T, c] = 0\nt += a\nfree t = 0 }",
        "L107 `t` is not provably 0; witness: a = 1",
    ),
    "one part": (
        "alloc t: [B, T, c] = 0\nt[.., :4] += a[.., :4]\nb += t\nfree t = 0",
        "L107 `t` is not provably 0",
    ),
}


@pytest.mark.parametrize("name", PROVED)
def test_a_true_claim_is_proved(name: str) -> None:
    assert messages(PROVED[name]) == []


@pytest.mark.parametrize("name", REFUSED)
def test_an_unproved_claim_is_found(name: str) -> None:
    body, message = REFUSED[name]
    assert messages(body)[:1] == [message]


def test_undoing_an_alloc_is_checked_as_it_runs() -> None:
    assert messages("undo alloc a: [B, T, c] = 0\nb += 1") == []


LOSSY = """use std.nets: linear
dim B, c = 8
state lattice(Q12.4)
model M(given b: [B, c]) -> (s: [B, c]) {{
  net L = linear()
  alloc s, t: [B, c] = 0
  {valve}
  {undone}
  free t = 0
}}
budget net(M.v) <= 100 bits/element
"""


@pytest.mark.parametrize("residue", ["carry", "write", "drop(4)"])
@pytest.mark.parametrize("form", ["{}", "repeat 2 {{ {} }}"])
def test_what_was_dropped_does_not_come_back(residue: str, form: str) -> None:
    valve = form.format(f"valve t by logistic(L(b), step = 1, residue = {residue}) as v")
    found = lint(LOSSY.format(valve=valve, undone=f"undo {valve}")).findings
    lost = residue == "drop(4)"
    assert [one.code for one in found] == (["M507", "L107"] if lost else [])
