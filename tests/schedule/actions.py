"""Actions that segments can have, drawn at random."""

import random
from collections.abc import Iterable, Iterator

from revc.runtime.segment_plan import SegmentPlan


def drawn(plan: SegmentPlan, chance: random.Random) -> str:
    """Return an action for a segment: any kind that it can have, of values any choice."""
    kind = chance.choice(["invert", *(["keep"] if plan.values else []), *_saved(plan)])
    if kind != "keep":
        return kind
    some = chance.sample(plan.values, chance.randint(1, len(plan.values)))
    return f"keep:{'+'.join(some)}"


def schedules(plans: Iterable[SegmentPlan], count: int, seed: int) -> Iterator[list[str]]:
    """Yield the schedule that saves all that can be, that which keeps every value, random ones."""
    chance, plans = random.Random(seed), list(plans)
    yield [(_saved(plan) or ["invert"])[0] for plan in plans]
    if count > 1:
        yield ["keep"] * len(plans)
    for _ in range(2, count):
        yield [drawn(plan, chance) for plan in plans]


def _saved(plan: SegmentPlan) -> list[str]:
    return [] if plan.metered else ["save"]
