"""Names of what a body emits: a block that emits may be called several times.

Where a name would be emitted twice, what calls emit is called after the call: `K_0_e`, `K_1_e`.
So it does not depend on the order of the calls, which an inverse turns round.
"""

from collections import Counter
from collections.abc import Sequence

from revc.grammar.span import Span
from revc.ir.instructions import BlockCall, Instruction
from revc.passes.elaborate.scope.scope import Scope
from revc.passes.rules.s009_redefined_name import redefined


def told_apart(scope: Scope, steps: Sequence[Instruction]) -> list[Instruction]:
    """Return a body's instructions with a prefix for each call that emits what is emitted twice."""
    counts = Counter(name for name, _, _ in scope.emissions)
    twice = {call for name, _, call in scope.emissions if call is not None and counts[name] > 1}
    seen: Counter[str] = Counter()
    result: list[Instruction] = []
    prefixes: dict[str, list[str]] = {}
    for step in steps:
        if isinstance(step, BlockCall) and step.label in twice:
            again = f"{seen[step.label]}_" if seen[step.label] else ""
            seen[step.label] += 1
            step = step.replace(prefix=f"{step.label}_{again}")
            prefixes.setdefault(step.label, []).append(step.prefix)
        result.append(step)
    _name(scope, prefixes)
    return result


def _name(scope: Scope, prefixes: dict[str, list[str]]) -> None:
    """Give the body its emitted names; a finding for one that is there twice all the same."""
    met: dict[str, list[Span]] = {}
    for name, span, call in scope.emissions:
        known = prefixes.get(call or "", [])
        spans = met.setdefault(call or "", [])
        if known and span not in spans:
            spans.append(span)
        full = known[min(len(spans), len(known)) - 1] + name if known else name
        if full in scope.emitted:
            scope.findings.add(redefined(full, "emitted by this body", span))
        scope.emitted[full] = None
