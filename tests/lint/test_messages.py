"""Mistakes that newcomers make: what is said of each, to the letter, and that the help helps."""

from typing import NamedTuple

import pytest

from revc.cli.render import Format, render
from revc.passes.lint import lint
from tests.conftest import Golden

HEAD = """use std.nets: mlp, norm, embedding
dim B, T, c = 8
state lattice(Q12.20)
"""
ABLE = "model M(a, b: [B, T, c]) {\n"


class Mistake(NamedTuple):
    """A wrong spec, the code of its one finding, and the spec repaired as the help says."""

    wrong: str
    code: str
    right: str


def body(wrong: str, code: str, right: str) -> Mistake:
    """Return a mistake in the body of a model with two registers."""
    return Mistake(f"{HEAD}{ABLE}  {wrong}\n}}\n", code, f"{HEAD}{ABLE}  {right}\n}}\n")


def labels(wrong: str, code: str, right: str, uses: str = HEAD) -> Mistake:
    """Return a mistake in the body of a model with labels; `uses` is the wrong spec's head."""
    model = "model M(given tokens: label(100)[B, T], a: [B, T, c]) {\n"
    return Mistake(f"{uses}{model}  {wrong}\n}}\n", code, f"{HEAD}{model}  {right}\n}}\n")


SUM = f"{HEAD}{ABLE}  a += b\n}}\n"
GIVEN = HEAD + "model M(a: [B, T, c], {}g: [B, T, c]) {\n  g += mlp(a, width = 8)\n}\n"
LOOP = f"{HEAD}block Layer(a, b: [B, T, c]) {{\n  a += b\n}}\n{ABLE}  {{}}\n}}\n"
QUEER = f"{HEAD}model M(a, b: [B, Q]) {{\n  a += b\n}}\n"

NAMED = f"block Layer(a, b: [B, T, c]) {{\n  a += b\n}}\n{ABLE}  Layer(a, b)\n}}\n"
BY_WORDS = {
    "capital": Mistake(f"{HEAD}{NAMED}".replace("block", "BLOCK"), "S001", f"{HEAD}{NAMED}"),
    "capital-in-body": Mistake(
        LOOP.replace("{}", "Repeat 6 { Layer(a, b) }"),
        "S001",
        LOOP.replace("{}", "repeat 6 { Layer(a, b) }"),
    ),
    "def": Mistake(f"{HEAD}def Layer(a, b):\n  a += b\n{SUM.removeprefix(HEAD)}", "S001", SUM),
    "from": Mistake(SUM.replace("use std.nets:", "from std.nets import"), "S001", SUM),
    "for": Mistake(
        LOOP.replace("{}", "for i in range(6) { Layer(a, b) }"),
        "S001",
        LOOP.replace("{}", "repeat 6 { Layer(a, b) }"),
    ),
    "if": body("if b { a += b }", "S001", "a += b"),
    "print": body("a += b\n  print(a)", "S002", "a += b\n  emit v = a"),
    "method": body("a += b.norm()", "S001", "a += norm(b)"),
    "self": body("a += self.norm(b)", "S001", "a += norm(b)"),
    "power": body("a += b ** 2", "S001", "a += b * b"),
    "increment": body("a++", "S001", "a += 1"),
    "update-in-brackets": body("a += norm(b += 1)", "S001", "b += 1\n  a += norm(b)"),
    "declared-in-body": body(
        "t: [B, T, c] = 0\n  a += b",
        "S001",
        "alloc t: [B, T, c] = 0\n  a += b\n  free t = 0",
    ),
    "var": body("var v = tanh(b)\n  a += v", "S001", "let v = tanh(b)\n  a += v"),
    "end": Mistake(f"{HEAD}{ABLE}  a += b\nend\n}}\n", "S001", SUM),
    "none": body("a += mlp(b, width = 8, out = None)", "S006", "a += mlp(b, width = 8)"),
    "true": Mistake(
        f"{HEAD}{ABLE}  a += linear(b, bias = True)\n}}\n".replace("norm", "linear"),
        "S003",
        f"{HEAD}{ABLE}  a += linear(b, bias = true)\n}}\n".replace("norm", "linear"),
    ),
    "quoted-word": body(
        'a += mlp(b, width = 8, act = "silu")', "S003", "a += mlp(b, width = 8, act = silu)"
    ),
    "other-option": body(
        "a += mlp(b, width = 8, activation = silu)", "S003", "a += mlp(b, width = 8, act = silu)"
    ),
    "slashed-comment": body("a += b  /* the sum */", "S001", "a += b  # the sum"),
    "docstring": Mistake(f'"""Mine."""\n{SUM}', "S001", f"# Mine.\n{SUM}"),
    "statement-at-top": Mistake(f"{HEAD}a += b\n{SUM.removeprefix(HEAD)}", "S001", SUM),
    "loop-at-top": Mistake(f"{HEAD}repeat 2 {{ a += b }}\n{SUM.removeprefix(HEAD)}", "S001", SUM),
    "not-whole": Mistake(
        LOOP.replace("{}", "repeat 6.5 { Layer(a, b) }"),
        "S005",
        LOOP.replace("{}", "repeat 6 { Layer(a, b) }"),
    ),
    "thousand": body("a += mlp(b, width = 1_000)", "S001", "a += mlp(b, width = 1000)"),
    "point": body("a += .5 * b", "S001", "a += 0.5 * b"),
    "huge": body(f"a += mlp(b, width = {'9' * 50})", "S001", "a += mlp(b, width = 999)"),
    "matrix-product": body("a += b @ b", "S001", "a += mlp(b, width = 8)"),
    "no-break-space": body("a +=\u00a0b", "S001", "a += b"),
    "minus": body("a \u2212= b", "S001", "a -= b"),
    "greek": body("let \u03b1 = b\n  a += b", "S001", "let alpha = b\n  a += alpha"),
}
MISTAKES = BY_WORDS | {
    "alloc": body(
        "t += tanh(b)\n  a += t",
        "S002",
        "alloc t: [B, T, c] = 0\n  t += tanh(b)\n  a += t\n  t -= tanh(b)\n  free t = 0",
    ),
    "given": Mistake(GIVEN.replace("{}", "given "), "L106", GIVEN.replace("{}", "")),
    "let": body(
        "let v = tanh(b)\n  v += a",
        "L106",
        "alloc s: [B, T, c] = b\n  s += a\n  s -= a\n  free s = b",
    ),
    "comment": body("a += b  // the sum", "S001", "a += b  # the sum"),
    "comment-at-top": Mistake(f"// mine\n{SUM}", "S001", f"# mine\n{SUM}"),
    "quotient": body("a += b // 2", "S001", "a += b / 2"),
    "return": body("a += b\n  return a, b", "S001", "a += b"),
    "return-call": body("a += b\n  return(a, b)", "S002", "a += b"),
    "dim": Mistake(QUEER, "S006", f"dim Q\n{QUEER}"),
    "self-read": body(
        "a += mlp(norm(a), width = 8)",
        "B201",
        "split a -> a1, a2\n  a1 += mlp(norm(a2), width = 8)\n  join a1, a2 -> a",
    ),
    "dropout": Mistake(
        f"{HEAD}{ABLE}  a += mlp(b, width = 8, dropout = 0.1)\n}}\n",
        "R401",
        HEAD.replace("norm", "norm, dropout")
        + f"{ABLE}  a += dropout(mlp(b, width = 8), p = 0.1)\n}}\n",
    ),
    "times": body("a *= 0.5", "S001", "scale a by 1/2 as m"),
    "divided": body("a /= 2", "S001", "scale a by 1/2 as m"),
    "repeat": Mistake(
        LOOP.replace("{}", "repeat 6 Layer(a, b)"),
        "S001",
        LOOP.replace("{}", "repeat 6 { Layer(a, b) }"),
    ),
    "embedding": labels("a += embedding(tokens)", "S003", "a += embedding(100, tokens)"),
    "net-without-use": labels(
        "net E = embedding(size = 100)\n  a += E(tokens)",
        "S002",
        "net E = embedding(size = 100)\n  a += E(tokens)",
        HEAD.replace(", embedding", ""),
    ),
    "misspelt-net": body(
        "net E = mpl(width = 8)\n  a += E(b)",
        "S002",
        "net E = mlp(width = 8)\n  a += E(b)",
    ),
    "std-net": Mistake(SUM.replace("std.nets", "std.net"), "S001", SUM),
    "undo-free": body("undo free t = b", "S003", "alloc t: [B, T, c] = b\n  free t = b"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_one_finding_says_what_to_do(name: str, golden: Golden) -> None:
    wrong, code, _ = MISTAKES[name]
    found = lint(wrong).findings
    assert [one.code for one in found] == [code]
    assert found[0].helps or "did you mean" in found[0].message
    golden(f"lint/{name}.txt", render(found, Format.full, {"<string>": wrong}) + "\n")


@pytest.mark.parametrize("name", MISTAKES)
def test_the_help_helps(name: str) -> None:
    found = lint(MISTAKES[name].right).findings
    assert [one.message for one in found if one.level == "deny"] == []


def test_a_loop_whose_brace_alone_is_missing_is_one_finding() -> None:
    found = lint(LOOP.replace("{}", "repeat 6 Layer(a, b) }")).findings
    assert [one.code for one in found] == ["S001"]


def test_a_net_that_was_refused_is_told_once() -> None:
    text = HEAD + ABLE + "net E = mpl(width = 8)\nrepeat 2 {\n  a += E(b)\n}\nb += E(a)\n}\n"
    assert [one.message for one in lint(text).findings] == ["no net `mpl`; did you mean `mlp`?"]


def test_names_in_other_case_are_near() -> None:
    text = HEAD + ABLE + "a += mlp(b, width = C)\nA += b\n}\n"
    said = [one.message.partition("; ")[2] for one in lint(text).findings]
    assert said == ["did you mean `c`?", "did you mean `a`?"]
