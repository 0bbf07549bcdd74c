"""What the rules share that tell of torch nets what their source, or a probe, showed."""

from collections.abc import Iterable, Iterator

from revc.grammar.diagnostics import Diagnostic
from revc.ir.nets import NetSlot
from revc.passes.analysis.random_nets import Probe, named, seen
from revc.passes.rules.base import Rule

HARMLESS = """
dim B, c = 8
state lattice(Q12.20)
model M(a, b: [B, c]) {
  net F(x: [B, c]) -> [B, c] = torch "torch.nn:Tanh"()
  a += F(b)
}
"""
"""A spec whose torch net does nothing besides reading."""


def told(
    rule: Rule, nets: Iterable[NetSlot], probe: Probe | None, does: str = "",
    help: str | None = None,
) -> Iterator[Diagnostic]:  # fmt: skip
    """Yield what is for a rule to say of torch nets: what each `does`, and what was seen of it.

    What only may be so is a warning, whatever the rule's level.
    """
    for slot, what in seen(nets, probe, rule.code):
        text = f"{named(slot)}{' ' * bool(does)}{does}: {what.what}"
        yield rule.at(slot.span, text, level=None if what.certain else "warn", help=help)
