"""S006: a dim that no `dim` line declares."""

from collections.abc import Iterable

from revc.grammar.diagnostics import Diagnostic, renamed
from revc.grammar.habits import WORDS
from revc.grammar.span import Span
from revc.passes.rules.base import Page, Rule, hint, nearest

RULE = Rule(
    "S006",
    "unbound-dim",
    "deny",
    Page(
        what="A type, an index or a size names a dim that the file does not declare.",
        why="`dim` lists the sizes that a spec is free in, so a reader and the tools know them "
        "all.",
        bad="""
dim B
state lattice(Q12.20)
model M(a, b: [B, Q]) {
  a += b
}
""",
        good="""
dim B, Q
state lattice(Q12.20)
model M(a, b: [B, Q]) {
  a += b
}
""",
        source="docs/language.md, dims",
    ),
)


def unbound_dim(name: str, span: Span, known: Iterable[str]) -> Diagnostic:
    """Return the finding for the undeclared dim `name`."""
    text = WORDS.get(name) or f"declare it: `dim {name}`, or with its size, `dim {name} = 64`"
    names = list(known)
    fix = renamed(span, name, nearest(name, names))
    said = f"dim `{name}` is not declared{hint(name, names)}"
    return RULE.at(span, said, help=text, fix=fix)
