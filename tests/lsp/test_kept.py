"""What is kept of one text for the next changes nothing of what is found, proved or named."""

import random
import re
import time
from pathlib import Path

import pytest

from revc.grammar import ast
from revc.lsp.workspace import Document, Workspace
from revc.passes.elaborate import elaboration, linking
from revc.passes.elaborate.kept import MOST
from revc.passes.elaborate.scope.scope import Scope
from revc.passes.elaborate.statements import loops, updates
from revc.passes.lint import lint
from revc.passes.spec import Spec
from tests.lsp.corpus import GOOD

BLOCKS = """\
use std.nets: attention, mlp, norm

dim B, T, d = 8, h = 4
state lattice(Q12.20)

net Shared(x: [B, T, d]) -> [B, T, d] = norm(x)

block One(a, b: [B, T, d]) {
  a += mlp(norm(b), width = 4)
}

block Two(a, b: [B, T, d]) {
  One(a, b)
  b += attention(a, heads = 2)
  One(b, a)
}

block Three<F>(a, b: [B, T, d]) {
  a += F(b)
  Two(a, b)
}

block Four(a, b: [B, T, d]) {
  a += Shared(b)
  repeat 3 as i { Two(a, b) }
}

block Five(a: [B, T, d]) {
  alloc z: [B, T] = 0
  undo alloc z: [B, T] = 0
  split a -> p, q
  One_2(p, q)
  join p, q -> a
}

block One_2(a, b: [B, T, h]) {
  a += tanh(b)
}

model M(a, b: [B, T, d]) {
  net F = mlp(width = 4)
  Three<F>(a, b)
  Four(a, b)
  Two(a, b)
  repeat 2 { One(b, a) }
}

model N(x: [B, T, d]) {
  Five(x)
  scale x by 1/2 + sigmoid(0) as m
}

budget put(m) <= 100 bits/token
"""
BODY = """\
use std.nets: dropout, linear, mlp, norm
use midpoint: Midpoint

dim B, T, d = 8, h = d/2
state lattice(Q12.20)

net Shared(x: [B, T, d]) -> [B, T, d] = norm(x)

model M(a, b: [B, T, d], given u: [B, T, d]) {
  net F = mlp(width = 4)
  net mlp_1 = linear(out = d)
  a += mlp(norm(b), width = h)
  b += mlp(norm(a), width = 4*d, act = gelu)
  let v = tanh(b)
  a += v
  a += 0.5 * tanh(b) + norm(u)
  b -= F(a)
  b += Shared(a)
  a[.., :h] += mlp(b, width = 3, out = h)
  b += dropout(mlp(a, width = d), p = 0.25)
  repeat 2 as i { a += mlp(norm(b), width = 4) / 2 }
  split a -> gelu, c along 2
  gelu += tanh(c)
  c += mlp(gelu, width = 4)
  join gelu, c -> a along 2
  undo a += mlp(b, width = 5)
  b += mlp_1(a)
  a += mlp(b, width = 7)
}
"""
NETS = """\
use std.nets: linear, mlp, norm

dim B, T, d = 8, h = d/2
state lattice(Q12.20)

model M(a, b: [B, T, d], c: [B, T, h]) {
  net F = mlp(width = 4)
  net G = linear(out = d)
  net H = mlp(width = 3, out = h)
  a += F(norm(b))
  b += G(a) + mlp(a, width = 2)
  a += F(b) / 2
  c += H(a)
  b[.., :h] += H(norm(a)) * tanh(c)
  b -= F(a)
  c -= H(norm(b))
  a += 0.5 * G(b) + F(b)
  repeat 2 as i { a += F(norm(b)) }
  a -= G(b)
}
"""
TEXTS = {**GOOD, "nets of a body": NETS, "blocks": BLOCKS, "a body": BODY}
_WORD = re.compile(r"[A-Za-z_]\w*|\d+")


def edited(text: str, chance: random.Random) -> str:
    """Return a text after one change of the kind that leaves it mostly readable."""
    lines = text.split("\n")
    at = chance.randrange(len(lines))
    match chance.randrange(8):
        case 0:
            lines.insert(at, lines[at])
        case 1:
            del lines[at]
        case 2:
            lines.insert(at, "")
        case 3:
            other = chance.randrange(len(lines))
            lines[at], lines[other] = lines[other], lines[at]
        case 4:
            lines[at] += "  # said"
        case _:
            words = list(_WORD.finditer(text))
            one, other = chance.choice(words), chance.choice(words)
            new = str(chance.randrange(9)) if one.group().isdigit() else other.group()
            return text[: one.start()] + new + text[one.end() :]
    return "\n".join(lines)


def said(document: Document) -> tuple[object, ...]:
    """Return all that is known of a document, its blocks with the names of all nets among it."""
    checked = document.checked
    blocks = [built.block for built in checked.roots] if checked else []
    programs = list(checked.programs.values()) if checked else []
    return document.findings, tuple(document.proofs.values()), blocks, programs


def fresh(text: str, path: Path) -> tuple[object, ...]:
    return said(Workspace().open(str(path), text))


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_is_told_as_if_it_were_the_first(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a.rev"
    chance = random.Random(name)
    for _ in range(12 if name in ("blocks", "a body", "nets of a body") else 2):
        workspace, text = Workspace(), TEXTS[name]
        for _ in range(12):
            before, text = text, edited(text, chance)
            if chance.randrange(3) == 0:
                text = TEXTS[name]
            assert said(workspace.open(str(path), text)) == fresh(text, path)
            if chance.randrange(4) == 0:
                assert said(workspace.open(str(path), before)) == fresh(before, path)


def test_a_fresh_workspace_tells_what_lint_tells(tmp_path: Path) -> None:
    path, chance, text = tmp_path / "a.rev", random.Random(1), BLOCKS
    for _ in range(20):
        text = edited(BLOCKS, chance)
        path.write_text(text)
        result = lint(path)
        assert fresh(text, path)[:2] == (result.findings, result.proofs)


def test_files_that_are_used_are_told_anew_as_they_change(tmp_path: Path) -> None:
    used, user = tmp_path / "used.rev", tmp_path / "user.rev"
    head = "dim B\nstate lattice(Q12.20)\n"
    part = f"{head}block P(a, b: [B]) {{\n  a += tanh(b)\n}}\n"
    text = f"use used: P\n{head}block Q(a, b: [B]) {{\n  P(a, b)\n}}\n"
    workspace, chance = Workspace(), random.Random(2)
    for _ in range(15):
        changed = edited(part, chance)
        workspace.open(str(used), changed)
        used.write_text(changed)
        assert said(workspace.open(str(user), text)) == fresh(text, user)


def test_an_update_that_did_not_change_is_the_same_instruction() -> None:
    workspace = Workspace()
    before = workspace.open("/a.rev", BODY)
    assert before.findings == ()
    after = workspace.open("/a.rev", BODY.replace("width = 7", "width = 8"))
    ways = [one.bodies[0].built.block.body for one in (before, after)]
    same = [one is other for one, other in zip(*ways, strict=True)]
    assert same[:2] == [True, True]
    assert not same[-1]
    longer = workspace.open("/a.rev", BODY.replace("= h)\n", "= h)\n  negate b\n", 1))
    assert longer.findings == ()


@pytest.fixture
def elaborated(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The lines of the updates that are elaborated, as they are."""
    found: list[int] = []
    plain = updates._update

    def counted(scope: Scope, node: ast.Update, undo: bool) -> updates.Steps:
        found.append(node.span.line)
        return plain(scope, node, undo)

    monkeypatch.setattr(updates, "_update", counted)
    return found


def test_lines_that_moved_are_not_elaborated_again(elaborated: list[int]) -> None:
    lines = "".join(f"  a += F(b) / {i}\n  b += mlp(tanh(a), width = {i})\n" for i in range(2, 42))
    text = "use std.nets: mlp\ndim B, c = 8\nmodel M(a, b: [B, c]) {\n  net F = mlp(width = 4)\n"
    workspace = Workspace()
    assert workspace.open("/a.rev", f"{text}{lines}}}\n").findings == ()
    assert len(elaborated) == 80
    elaborated.clear()
    longer = text
    for count in range(1, 6):
        longer = f"{longer}  a += tanh(b) / {count}\n\n"
        document = workspace.open("/a.rev", f"{longer}{lines}}}\n")
        assert document.findings == ()
        assert len(elaborated) == count
    assert document.bodies[0].built.block.body[-1].span.line == 94


def test_lines_that_moved_are_not_taken_from_others_like_them(elaborated: list[int]) -> None:
    head = "use std.nets: mlp\ndim B, c = 8\nmodel M(a, b: [B, c]) {\n  net F = mlp(width = 4)\n"
    lines = ["  a += F(b)", "  b += tanh(a)"] * 20
    workspace = Workspace()
    assert workspace.open("/a.rev", "\n".join([head, *lines, "}\n"])).findings == ()
    for at in (8, 2, 30):
        longer = [*lines[:at], f"  a += sigmoid(b) / {at}", *lines[at:]]
        for body, new in ((longer, [at + 6]), (lines, [])):
            elaborated.clear()
            text = "\n".join([head, *body, "}\n"])
            assert workspace.open("/a.rev", text).findings == ()
            assert elaborated == new


def test_what_did_not_change_is_the_same_block() -> None:
    workspace = Workspace()
    before = workspace.open("/a.rev", BLOCKS).checked
    after = workspace.open("/a.rev", BLOCKS.replace("width = 4)\n  Three", "width = 8)\n  Three"))
    assert before is not None
    assert after.checked is not None
    same = [a.block is b.block for a, b in zip(before.roots, after.checked.roots, strict=True)]
    names = [built.decl.name for built in before.roots]
    kept = [name for name, one in zip(names, same, strict=True) if one]
    assert kept == ["One", "Two", "Three", "Five", "One_2", "N"]


def test_blocks_are_kept_far_from_all_limits() -> None:
    assert MOST.turns < loops.MOST_IN_ALL / 2
    assert MOST.nets < linking.MOST_IN_ALL / 2
    assert MOST.written < elaboration.MOST_IN_ALL / 2


def test_a_key_in_a_long_file_is_answered_faster_than_the_file_is_read() -> None:
    blocks = "".join(
        f"block L{i}(a, b: [B, T, d]) {{\n  a += mlp(norm(b), width = {i + 1})\n"
        "  b += mlp(norm(a), width = 4)\n}\n\n"
        for i in range(300)
    )
    calls = "".join(f"  L{i}(a, b)\n" for i in range(20))
    head = "use std.nets: mlp, norm\ndim B, T, d = 8\n"
    text = f"{head}{blocks}model M(a, b: [B, T, d]) {{\n{calls}}}\n"
    workspace = Workspace()
    workspace.open("/a.rev", text).findings  # noqa: B018 - worked out as they are asked for
    times, whole = [], []
    for i in range(5):
        changed = text.replace(f"width = {100 + i})", f"width = {200 + i})")
        start = time.process_time()
        workspace.open("/a.rev", changed).findings  # noqa: B018
        times.append(time.process_time() - start)
        start = time.process_time()
        Spec(changed).findings  # noqa: B018
        whole.append(time.process_time() - start)
    assert sorted(times)[2] < sorted(whole)[2] / 2
