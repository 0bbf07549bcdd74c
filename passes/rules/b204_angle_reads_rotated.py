"""B204: a rotation whose angle reads what it rotates."""

from collections.abc import Sequence

from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.ir.expr import Elementwise, Expr, reads, walk
from revc.ir.keys import Key, key
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "B204",
    "angle-reads-rotated",
    "deny",
    Page(
        what="Two registers are rotated by an angle that is computed from one of them.",
        why="A rotation keeps norms at every angle, and is undone by the angle's opposite; but the "
        "angle must still be there to be read. Where it depends on what is rotated, two states of "
        'one norm may be turned onto each other. The published "quantum rotation" with '
        "theta = f(x1) is this. Take the angle from a third register, and the three shears of "
        "`Rotate` make it exact on a lattice.",
        bad="""
dim B, c
state lattice(Q12.20)
model M(a, b: [B, c]) {
  let th = 2 * tanh(1.5 * a)
  a, b <- cos(th) * a - sin(th) * b, sin(th) * a + cos(th) * b
}
""",
        good="""
dim B, c
state lattice(Q12.20)
model M(a, b, u: [B, c]) {
  let th = 2 * tanh(1.5 * u)
  a -= tan(th / 2) * b
  b += sin(th) * a
  a -= tan(th / 2) * b
}
""",
        source="Paeth, A Fast Algorithm for General Raster Rotation (1986), for the three shears",
    ),
)


def rotated(names: Sequence[str], values: Sequence[Expr]) -> str | None:
    """Return the target that an angle reads: what a sine and a cosine of `values` both take."""
    found: dict[str, dict[Key, Expr]] = {"sin": {}, "cos": {}}
    for expr in values:
        for part in walk(expr):
            if isinstance(part, Elementwise) and part.function in found:
                found[part.function][key(part.args[0])] = part.args[0]
    for angle in (found["sin"][both] for both in found["sin"] if both in found["cos"]):
        for read in reads(angle):
            if read.place.name in names:
                return read.place.name
    return None


def angle_reads(span: Span, name: str, collision: str | None, note: str = "") -> Diagnostic:
    """Return the finding that the angle reads `name`, which it changes; a note on the search."""
    found = f"; collision found: {collision}" if collision else ""
    text = f"the angle reads `{name}`, which it changes{found}; see std Rotate"
    return RULE.at(span, text, *filter(None, [note]), witness=collision)
