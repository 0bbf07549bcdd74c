"""B212: a map of numbers that it is not defined for."""

from collections.abc import Container, Iterator

from revc.grammar.diagnostics import Diagnostic
from revc.grammar.span import Span
from revc.ir.expr import Expr, Number, Place
from revc.ir.instructions import Alloc, Apply, Instruction, Scale, Swap
from revc.ir.program import Block
from revc.passes.analysis.interval import bounds
from revc.passes.rules.base import Page, Rule

RULE = Rule(
    "B212",
    "outside-domain",
    "deny",
    Page(
        what="`apply y by log()` where nothing says that `y` is above 0; the logarithm or the "
        "square root of what is certain to have none.",
        why="`log` maps the numbers above 0 onto all, and is a bijection of those alone: of any "
        "other number it makes infinity or no number, which ends the run and does not come back. "
        "State that an `exp`, a `softplus` or a `sigmoid` made is above 0. Where the inputs are, "
        "say so in an `allow`.",
        bad="""
dim B, c
state lattice(Q12.20)

model M(a: [B, c], f: float32[B, c]) {  # revc: allow(Q303) reason = "maps of numbers"
  apply f by log()
  negate a
}
""",
        good="""
dim B, c
state lattice(Q12.20)

model M(a: [B, c], f: float32[B, c]) {  # revc: allow(Q303) reason = "maps of numbers"
  apply f by exp()
  apply f by log()
  negate a
}
""",
        source="docs/metered.md, maps",
    ),
    waivable=True,
)

_POSITIVE = ("exp", "softplus", "sigmoid")


def no_value(function: str, arg: Expr, span: Span) -> Diagnostic | None:
    """Return the finding if a function of `arg` is certain to have no value."""
    if function not in ("log", "sqrt"):
        return None
    high = bounds(arg)[1]
    if high < 0 or (function == "log" and high == 0):
        return RULE.at(span, f"`{function}` has no value here: its argument is at most {high:g}")
    return None


def check(block: Block, _checked: Container[Span]) -> Iterator[Diagnostic]:
    """Yield a finding for each `apply .. by log()` of a block, and of those that it calls."""
    for inner in block.walk():
        positive: set[str] = set()
        for step in inner.body:
            name = step.target.name if isinstance(step, Apply) and _is_log(step) else None
            if name is not None and name not in positive:
                yield RULE.at(
                    step.span, f"`log` maps numbers above 0: nothing says that `{name}` is"
                )
            _follow(step, positive)


def _is_log(step: Apply) -> bool:
    return step.bijection == "log" and not step.undo


def _follow(step: Instruction, positive: set[str]) -> None:
    """Note which whole registers are above 0 behind a step."""
    match step:
        case Swap():
            pair = (step.left, step.right), (step.right, step.left)
            now = {new for old, new in pair if old in positive}
            positive -= {step.left, step.right}
            positive |= now
        case Scale():
            pass  # by a factor above 0
        case Alloc(value=Number(value=float(start))) if start > 0:
            positive.add(step.name)
        case Apply(bijection=name, undo=False, target=Place(index=())) if name in _POSITIVE:
            positive.add(step.target.name)
        case _:
            positive -= {place.name for place in step.targets()}
