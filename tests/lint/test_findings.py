"""Every rule's findings, with their places."""

from pathlib import Path

import pytest

from revc.passes.lint import lint
from tests.lint.findings import FINDINGS, HEAD

METERED = ("S", "L", "B", "Q")  # M501 is beside the point in most of these specs


def marked(body: str) -> tuple[str, int, int]:
    """Return a spec and the place of its mark."""
    text = f"{HEAD}{body}\n}}\n"
    before = text[: text.index("@@")]
    return text.replace("@@", ""), before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1


@pytest.mark.parametrize("name", FINDINGS)
def test_finding(name: str) -> None:
    body, message = FINDINGS[name]
    text, line, column = marked(body)
    ignored = ("Y802",) if message.startswith("M") else ("M501", "Y802")
    found = [d for d in lint(text).findings if d.code not in ignored]
    shown = [(f"{d.code} {d.message}", d.span.line, d.span.column) for d in found]
    assert shown == [(message, line, column)]


def test_every_finding_of_a_file_in_one_run() -> None:
    bodies = [body.replace("@@", "") for name, (body, _) in FINDINGS.items() if name in SEVERAL]
    text = f"{HEAD}{chr(10).join(bodies)}\n}}\n"
    codes = [d.code for d in lint(text).findings]
    assert codes == ["S002", "S003", "S004", "S006", "L106", "B201"]


SEVERAL = ("a net", "an option", "a value", "a dim", "a given", "a self-read")


NUMERICS = {
    "float state into a lattice": (
        "model M(a: [B], f: float32[B]) { a += tanh(f) }",
        "S007 lattice(Q12.20) += float state `f`: float state is not exact",
    ),
    "registers of two lattices": (
        "model M(a: [B, 2], b: lattice(Q8.24)[B, 2]) { swap a, b }",
        "S007 `b` is lattice(Q8.24), but `a` is lattice(Q12.20)",
    ),
    "a lattice for a float": (
        "block L(x: float32[B]) { negate x }\nmodel M(a: [B]) { L(a) }",
        "S007 `L` takes float32 for `x`, but is given lattice(Q12.20)",
    ),
    "a result of another kind": (
        "model M(a: [B]) -> (a: lattice(Q8.24)[B]) { negate a }",
        "S007 `a` is declared lattice(Q8.24), but ends as lattice(Q12.20)",
    ),
    "float state into a lattice by a let": (
        "model M(a: [B], f: float32[B]) { \nlet v = 2 * f\nlet w = v\na += w\n }",
        "S007 lattice(Q12.20) += float state `f` by `w`: float state is not exact",
    ),
    "float state into a lattice by a net": (
        "use std.nets: mlp\nmodel M(a, b: [B, 2], f: float32[B, 2]) { a += mlp(b, f, width = 2) }",
        "S007 lattice(Q12.20) += float state `f`: float state is not exact",
    ),
    "float state into a block's lattice": (
        "block L(x: [B], given u: float32[B]) { x += u }\n"
        "model M(a: [B], f: float32[B]) { L(a, f) }",
        "S007 `L`, which changes lattice(Q12.20), reads float state `f`: float state is not exact",
    ),
    "float state in a code of labels": (
        "use std.nets: linear\nmodel M(y: label(3)[B], f: float32[B, 2]) {\n"
        "valve y by softmax(linear(f)) as m\n}\nbudget net(m) <= 9 bits/example",
        "S007 the code of a label(3) reads float state `f`: float state is not exact",
    ),
    "float state in a factor": (
        "model M(a: [B, 2], f: float32[B, 2]) { scale a by sigmoid(f) in [1/4, 1] as m }\n"
        "budget put(m) <= 9 bits/example",
        "S007 the factor of a lattice(Q12.20) reads float state `f`: float state is not exact",
    ),
    "a label as a number by a let": (
        "model M(a: [B], given y: label(5)[B]) {\nlet v = y\na += 2 * v\n}",
        "S007 lattice(Q12.20) += label: `y` is a name, not a quantity; read it with a net",
    ),
    "a number into a label": (
        "model M(a: [B], y: label(5)[B]) { y += tanh(a) }",
        "S007 label(5) += number: only labels add to a label",
    ),
    "a label that is scaled": (
        "model M(y: label(5)[B]) { scale y by 1/2 as m }",
        "S007 a label(5) has no multiples",
    ),
    "a number that is coded as a label": (
        "use std.nets: linear\nmodel M(a: [B, 2]) { put a by softmax(linear(a)) as m }",
        "S007 `softmax` codes labels, not lattice(Q12.20)",
    ),
}


@pytest.mark.parametrize("name", NUMERICS)
def test_numerics_that_do_not_mix(name: str) -> None:
    text, message = NUMERICS[name]
    found = lint(f"dim B\nstate lattice(Q12.20)\n{text}\n").findings
    assert [f"{d.code} {d.message}" for d in found if d.level == "deny"] == [message]


def test_a_declared_bijection_has_a_name_of_its_own() -> None:
    text = (
        'bijection tanh = torch "m:T" inverse "m:U"\nmodel M(a: float32[B]) { apply a by tanh() }'
    )
    found = lint(f"dim B\nstate lattice(Q12.20)\n{text}\n").findings
    message = "`tanh` is already a named map: choose another name"
    assert [d.message for d in found if d.code == "S009"] == [message]


def test_a_librarys_stack_is_one_of_the_main_file(tmp_path: Path) -> None:
    library = tmp_path / "part.rev"
    library.write_text(
        "dim B, c\nstate lattice(Q12.20)\ntape t\n"
        "block Halve(a: [B, c]) { scale a by 1/2 as f on t }\n"
    )
    main = tmp_path / "main.rev"
    text = "use part: Halve\ndim B, c\nstate lattice(Q12.20)\nmodel M(a: [B, c]) { Halve(a) }\n"
    main.write_text(text)
    assert not lint(library).denied
    (found,) = [d for d in lint(main).findings if d.level == "deny"]
    assert found.message == "no tape or reservoir of the main file `t`"
    main.write_text(f"{text}tape t\n")
    assert not lint(main).denied


def test_a_map_may_be_passed_to_a_block() -> None:
    head = "dim B, c = 4\nstate lattice(Q12.20)\nblock Flow<R>(a: [B, c]) { mix a by R }\n"
    model = "model M(a: [B, c]) { net R = {}\n Flow<R>(a) }\n"
    assert lint(head + model.replace("{}", "lu()")).findings == ()
    (found,) = lint("use std.nets: norm\n" + head + model.replace("{}", "norm()")).findings
    assert (found.code, found.span.line) == ("B206", 4)


RECURSIVE = {
    "an option": ("net Q = linear(tied = Q)", 3, "Q"),
    "a body": ("net Q(x: [B, 4]) -> [B, 4] = Q(x)", 3, "Q"),
    "each other": (
        "net Q(x: [B, 4]) -> [B, 4] = P(x)\nnet P(x: [B, 4]) -> [B, 4] = 2 * Q(x)", 4, "Q"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RECURSIVE)
def test_a_net_that_calls_itself_is_one_finding(name: str) -> None:
    nets, line, wrong = RECURSIVE[name]
    head = "use std.nets: linear\ndim B\n"
    found = lint(f"{head}{nets}\nmodel M(a, b: [B, 4]) {{ a += Q(b) }}\n").findings
    assert [(one.code, one.message, one.span.line) for one in found] == [
        ("S002", f"`{wrong}` calls itself: nets do not recurse", line)
    ]


def test_a_net_in_brackets_lends_no_table() -> None:
    (found,) = lint(
        "use std.nets: linear\ndim B\nstate lattice(Q12.20)\n"
        "block K<E>(a: [B, 4]) { emit y = linear(a, tied = E) }\n"
    ).findings
    assert found.message == "`linear` is tied to an embedding, and `E` may be any net"


def test_a_logarithm_is_of_what_an_exponential_made() -> None:
    text = "dim B\nstate float32\nmodel M(a, b: [B]) {{\n{}\n}}\n"
    good = ("apply a by exp()", "apply a by softplus()\nswap a, b")
    for body, name in zip(good, ("a", "b"), strict=True):
        found = lint(text.format(f"{body}\napply {name} by log()")).findings
        assert {d.code for d in found} == {"Q303"}
    for body in ("", "apply a by exp()\na -= 2\n", "apply b by exp()\n", "apply a by tanh()\n"):
        found = lint(text.format(f"{body}apply a by log()")).findings
        assert {d.code for d in found} == {"Q303", "B212"}


def test_softsign_needs_a_bit_before_the_point() -> None:
    text = "dim B\nstate lattice(Q0.32)\nmodel M(a: [B]) { apply a by softsign() }\n"
    (found,) = lint(text).findings
    assert (found.code, found.message) == (
        "Q304",
        "`softsign` has no exact form on lattice(Q0.32): it needs a bit before the point",
    )


def test_a_result_is_named_once() -> None:
    text = "dim B\nmodel M(a: [B]) -> (a: [B], a: [B]) { negate a }\n"
    (found,) = lint(text).findings
    assert (found.code, found.message) == ("S009", "`a` is already a result: choose another name")


def test_numerics_that_do_mix() -> None:
    text = """dim B
state lattice(Q12.20)
model M(a: [B], f: lattice(Q8.24)[B], y: label(5)[B], given z: label(5)[B], given u: float32[B]) {
  a += tanh(f) + u
  f -= 2 * a
  y += z
  y -= 3
}
"""
    assert lint(text).findings == ()
