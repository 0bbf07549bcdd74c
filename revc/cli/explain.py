"""`revc explain`: a rule's page."""

from typing import Annotated

import typer

from revc.passes.rules.base import Rule, hint
from revc.passes.rules.registry import MODULES, rule

_WHEN = {
    "lint": "",
    "compile": " It speaks when a spec is compiled.",
    "deny unknown": " It speaks with `--deny unknown`.",
    "probe": " It speaks with `--probe` alone.",
}


def run(
    code: Annotated[str | None, typer.Argument(help="A rule's code, as B203.")] = None,
) -> None:
    """Print a rule's page: what it finds, why it matters, a bad and a good example, its source."""
    if code is None:
        typer.echo("\n".join(f"{c}  {rule(c).level:<5} {rule(c).name}" for c in MODULES))
        return
    known = code.upper()
    if known not in MODULES:
        raise typer.BadParameter(f"no rule {code}{hint(known, MODULES)}; `revc explain` lists them")
    typer.echo(page(rule(known)))


def page(found: Rule) -> str:
    """Return a rule's page as text."""
    text = found.page
    return "\n".join(
        [
            f"{found.code} {found.name} ({found.level})",
            "",
            _wrap(text.what + _WHEN[text.when]),
            "",
            "Why",
            _wrap(text.why),
            "",
            "Bad",
            _indent(text.bad),
            "",
            "Good",
            _indent(text.good),
            "",
            "Source",
            _wrap(text.source),
        ]
    )


def markdown(found: Rule) -> str:
    """Return a rule's page as a document."""
    text = found.page
    waived = "It may be allowed where it stands." if found.waivable else ""
    parts = [
        f"# {found.code}: {found.name}",
        f"Level: {found.level}. {waived}".strip(),
        text.what + _WHEN[text.when],
        text.why,
        f"Bad:\n\n```\n{text.bad.strip()}\n```",
        f"Good:\n\n```\n{text.good.strip()}\n```",
        f"Source: {text.source}.",
    ]
    return "\n\n".join(parts) + "\n"


def contents() -> str:
    """Return the list of all rules as a document that links to their pages."""
    rows = [f"| [{c}]({c}.md) | {rule(c).name} | {rule(c).level} |" for c in MODULES]
    head = "# Rules\n\nMade of the rules' own pages, which `revc explain CODE` prints.\n\n"
    return head + "\n".join(["| code | name | level |", "| --- | --- | --- |", *rows]) + "\n"


def _wrap(text: str) -> str:
    from textwrap import fill

    return fill(text, 88, initial_indent="  ", subsequent_indent="  ")


def _indent(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.strip().split("\n"))
