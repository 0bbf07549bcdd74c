"""`revc lint`: check specs."""

import sys
from typing import Annotated

import typer

from revc.cli.options import parse_dims
from revc.cli.render import Format, print_findings
from revc.passes.lint import LintResult, Selection, lint


def run(
    specs: Annotated[list[str], typer.Argument(help="The .rev files to check.")],
    output_format: Annotated[Format, typer.Option(help="How findings are printed.")] = Format.full,
    select: Annotated[
        list[str] | None, typer.Option(help="Only these codes, or codes that start so.")
    ] = None,
    ignore: Annotated[
        list[str] | None, typer.Option(help="Not these codes, or codes that start so.")
    ] = None,
    deny: Annotated[
        list[str] | None,
        typer.Option(help="Raise to deny: a code, `warnings`, or `unknown` verdicts."),
    ] = None,
    dim: Annotated[list[str] | None, typer.Option("--dim", "-D", help="Bind a dim: d=768.")] = None,
    proof: Annotated[bool, typer.Option("--proof", help="Print each verdict's proof.")] = False,
) -> None:
    """Check specs; exits with 1 when a finding is at level deny."""
    chosen = Selection(_codes(select), _codes(ignore), _codes(deny))
    _check_codes(chosen)
    dims = parse_dims(dim or [])
    results = [(spec, lint(spec, chosen, dims)) for spec in specs]
    findings = [finding for _, result in results for finding in result.findings]
    texts = {file: text for _, result in results for file, text in result.texts.items()}
    print_findings(findings, output_format, texts)
    if output_format is Format.full:
        for spec, result in results:
            print(("\n" if result.findings else "") + _summary(spec, result))
    if proof:
        out = sys.stderr if output_format is Format.json else sys.stdout
        for _, result in results:
            for tree in result.proofs:
                print("\n".join(tree.lines()), file=out)
    if any(result.denied for _, result in results):
        raise typer.Exit(1)


def _codes(given: list[str] | None) -> tuple[str, ...]:
    """Return codes given one by one or with commas between them."""
    return tuple(code for entry in given or () for code in entry.split(",") if code)


def _check_codes(chosen: Selection) -> None:
    from revc.passes.rules.registry import MODULES

    for code in (*chosen.select, *chosen.ignore, *chosen.deny):
        if code not in ("unknown", "warnings") and not any(c.startswith(code) for c in MODULES):
            raise typer.BadParameter(f"no rule {code}: `revc explain` lists them")


def _summary(spec: str, result: LintResult) -> str:
    """Return one line: how many findings, and the verdict of each block and model."""
    levels = [finding.level for finding in result.findings]
    counts = ", ".join(f"{levels.count(x)} {x}" for x in ("deny", "warn") if x in levels)
    verdicts = ", ".join(f"{tree.subject} {tree.verdict}" for tree in result.proofs)
    return f"{spec}: {counts or 'no findings'}" + (f"; {verdicts}" if verdicts else "")
