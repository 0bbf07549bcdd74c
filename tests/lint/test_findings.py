"""Every rule's findings, with their places."""

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
    ignored = () if message.startswith("M") else ("M501",)
    found = [d for d in lint(text).findings if not d.code.startswith(ignored or ("-",))]
    shown = [(f"{d.code} {d.message}", d.span.line, d.span.column) for d in found]
    assert shown == [(message, line, column)]


def test_every_finding_of_a_file_in_one_run() -> None:
    bodies = [body.replace("@@", "") for name, (body, _) in FINDINGS.items() if name in SEVERAL]
    text = f"{HEAD}{chr(10).join(bodies)}\n}}\n"
    codes = [d.code for d in lint(text).findings]
    assert codes == ["S002", "S003", "S004", "S006", "L106", "B201"]


SEVERAL = ("a net", "an option", "a value", "a dim", "a given", "a self-read")
