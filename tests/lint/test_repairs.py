"""Repairs worked out on the tree: what each makes, and the laws that all of them keep."""

from pathlib import Path

import pytest

from revc.grammar.format import format_source
from revc.grammar.parser import parse
from revc.passes.fixes import fixed
from revc.passes.lint import lint
from revc.passes.repairs.table import REPAIRS
from revc.passes.rules.registry import rule
from revc.passes.sources import Text

HEAD = "use std.nets: attention, linear, mlp\n\ndim B, T, c = 8\nstate lattice(Q12.20)\n\n"


def spec(*statements: str, takes: str = "a, b: [B, T, c]", tail: str = "") -> str:
    body = "".join(f"  {line}\n" for line in statements)
    return f"{HEAD}model M({takes}) {{\n{body}}}\n{tail}"


def row(code: str, safe: bool, wrong: str, right: str) -> tuple[str, bool, str, str]:
    return code, safe, wrong, right


LABELS = "y: label(5)[B, T], a: [B, T, c]"
MENDED = {
    "two that read both": row(
        "B203", False, spec("a, b <- a + tanh(-(a + b)), b + tanh(-(a + b))"),
        spec("a += tanh(-b)", "b += tanh(-a)"),
    ),
    "a difference": row(
        "B203", False, spec("a, b <- a - tanh(b), 2 * a + b"), spec("a -= tanh(b)", "b += 2 * a")
    ),
    "a sum of several": row(
        "B203", False, spec("a, b <- a - tanh(b) + b, b + sin(a)"),
        spec("a += -tanh(b) + b", "b += sin(a)"),
    ),
    "a swap": row("B203", True, spec("a, b <- b, a"), spec("swap a, b")),
    "a reader that may move": row(
        "L109", True, spec("let v = tanh(b)", "b += 1", "a += v"),
        spec("let v = tanh(b)", "a += v", "b += 1"),
    ),
    "a reader with its comment": row(
        "L109", True, spec("let v = tanh(b)", "b += 1  # up", "a += v  # late"),
        spec("let v = tanh(b)", "a += v  # late", "b += 1  # up"),
    ),
    "a loop that reads": row(
        "L109", True, spec("let v = tanh(b)", "b += 1", "repeat 2 { a += v }"),
        spec("let v = tanh(b)", "repeat 2 { a += v }", "b += 1"),
    ),
    "a reader that is read": row(
        "L109", False, spec("let v = tanh(a)", "a += b", "b += v"),
        spec("let v = tanh(a)", "b += v", "a += b"),
    ),
    "a split that does not divide": row(
        "S005", False, spec("split a -> u, v, w", "join u, v, w -> a"),
        spec("split a -> u, v, w", "join u, v, w -> a").replace("c = 8", "c = 9"),
    ),
    "an option": row(
        "S003", False, spec("a += attention(b)", "b += mlp(a)"),
        spec("a += attention(b, heads = 1)", "b += mlp(a, width = 64)"),
    ),
    "a residue of a valve": row(
        "Q301", False,
        spec("valve a by logistic(linear(b), step = 1/16, residue = none) as v",
             tail="\nbudget net(M.v) <= 1 bits/element\n"),
        spec("valve a by logistic(linear(b), step = 1/16, residue = carry) as v",
             tail="\nbudget net(M.v) <= 1 bits/element\n"),
    ),
    "a residue of a put": row(
        "Q301", False,
        spec("put a by logistic(linear(b), step = 1/16, residue = none) as v",
             tail="\nbudget put(M.v) <= 30 bits/element\n"),
        spec("put a by logistic(linear(b), step = 1/16, residue = write) as v",
             tail="\nbudget put(M.v) <= 30 bits/element\n"),
    ),
    "a budget for a valve": row(
        "M501", False, spec("valve a by logistic(linear(b), step = 1/16) as v"),
        spec("valve a by logistic(linear(b), step = 1/16) as v",
             tail="\nbudget net(M.v) <= 0 bits/element\n"),
    ),
    "a budget for a factor": row(
        "M501", False, spec("scale a by sigmoid(b) in [1/64, 1] as f"),
        spec("scale a by sigmoid(b) in [1/64, 1] as f",
             tail="\nbudget put(M.f) <= 6 bits/element\n"),
    ),
    "a meter without a name": row(
        "M501", False, spec("put y by softmax(linear(a, out = 5))", takes=LABELS),
        spec("put y by softmax(linear(a, out = 5)) as put_1", takes=LABELS,
             tail="\nbudget put(M.put_1) <= 32 bits/element\n"),
    ),
    "two that cancel": row(
        "P703", True, spec("a += tanh(b)", "swap a, b", "swap a, b"), spec("a += tanh(b)")
    ),
    "an allow of nothing": row(
        "Y803", True, spec('a += tanh(b)  # revc: allow(L107) reason = "x"'), spec("a += tanh(b)")
    ),
    "an allow of nothing above": row(
        "Y803", True, spec('# revc: allow(L107) reason = "x"', "a += tanh(b)"),
        spec("a += tanh(b)"),
    ),
}  # fmt: skip


def mended(text: str, unsafe: bool) -> str:
    return fixed(Text(text, "spec.rev"), unsafe)


@pytest.mark.parametrize("name", MENDED)
def test_what_is_made_of_it(name: str) -> None:
    code, safe, wrong, right = MENDED[name]
    assert code in {one.code for one in lint(wrong).findings}
    assert format_source(right) == right
    assert mended(wrong, unsafe=True) == right
    assert mended(wrong, unsafe=False) == (right if safe else wrong)
    assert lint(right).findings == ()


LEFT_ALONE = {
    "values without their registers": spec("a, b <- tanh(b), b + a"),
    "undone": spec("undo a, b <- a + b, b + a"),
    "a name that is made between": spec(
        "let v = tanh(b)", "b += 1", "alloc t: [B, T, c] = 0", "t += v", "t -= v", "free t = 0"
    ),
    "a size that two dims have": spec("split a -> u, v, w", "join u, v, w -> a").replace(
        "c = 8", "c = 8, n = 8"
    ),
    "a size of one in arithmetic": spec("split a -> u, v, w", "join u, v, w -> a").replace(
        "c = 8", "c = 2*4"
    ),
    "two statements that are a whole body": spec("swap a, b", "swap a, b"),
}  # fmt: skip


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_what_is_left_alone(name: str) -> None:
    text = LEFT_ALONE[name]
    assert any(one.code in REPAIRS for one in lint(text).findings)
    assert mended(text, unsafe=True) == text


def all_wrong() -> dict[str, str]:
    pages = {code: rule(code).page.bad for code in REPAIRS}
    return {**pages, **{name: mend[2] for name, mend in MENDED.items()}, **LEFT_ALONE}


@pytest.mark.parametrize("name", all_wrong())
def test_the_laws_of_repairs(name: str) -> None:
    text = all_wrong()[name]
    before = lint(text).findings
    for unsafe in (False, True):
        once = mended(text, unsafe)
        parse(once)
        assert mended(once, unsafe) == once
        assert once == text or format_source(once) == once
        after = lint(once).findings
        made = [one for one in before if one.fix is not None and (unsafe or one.fix.safe)]
        assert len(after) <= len(before) - (1 if made else 0)


def test_each_page_whose_rule_has_a_repair_is_repaired() -> None:
    for code in REPAIRS:
        if code != "S003":  # the page has a slip, which is mended as a name is
            found = lint(rule(code).page.bad).findings
            assert any(one.fix is not None for one in found), code


def test_what_another_file_says_is_not_repaired_from_here(tmp_path: Path) -> None:
    (tmp_path / "part.rev").write_text(
        f"{HEAD}block Part(a, b: [B, T, c]) {{\n  scale a by sigmoid(b) in [1/2, 1] as f\n}}\n"
    )
    main = tmp_path / "main.rev"
    main.write_text(f"use part: Part\n{HEAD}model M(a, b: [B, T, c]) {{\n  Part(a, b)\n}}\n")
    found = [one for one in lint(main).findings if one.code == "M501"]
    assert [one.fix for one in found] == [None]
