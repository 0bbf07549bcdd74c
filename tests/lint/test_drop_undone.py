"""M507: a valve that drops residues is refused wherever the program itself undoes it."""

import pytest

from revc.grammar.diagnostics import SpecError
from revc.passes.invert import invert
from revc.passes.lint import lint

HEAD = "use std.nets: linear\ndim B, c = 8\nstate lattice(Q12.4)\n"
DROP = "valve a by logistic(linear(b), step = 1, residue = drop(4)) as va"
BLOCKS = f"""\
block Inner(a, b: [B, c]) {{
  {DROP}
}}
block Back(a, b: [B, c]) {{
  uncall Inner(a, b)
}}
"""


def spec(body: str) -> str:
    model = f"model M(a, b: [B, c]) {{\n  {body}\n}}\nbudget net(M.va) <= 4 bits/element\n"
    return HEAD + BLOCKS + model


def denied(body: str) -> list[tuple[str, int]]:
    return [(f.code, f.span.line) for f in lint(spec(body)).findings if f.level == "deny"]


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (f"undo {DROP}", 11),
        ("uncall Inner(a, b)", 5),
        ("Back(a, b)", 5),
        ("undo repeat 2 { Inner(a, b) }", 5),
        ("repeat 2 { uncall Inner(a, b) }", 5),
    ],
)
def test_an_undone_drop_is_denied_once(body: str, line: int) -> None:
    assert denied(body) == [("M507", line)]


@pytest.mark.parametrize("body", [DROP, "Inner(a, b)", "uncall Back(a, b)"])
def test_a_drop_that_runs_forward_is_not(body: str) -> None:
    assert denied(body) == []
    with pytest.raises(SpecError, match="M507"):
        invert(spec(body))
