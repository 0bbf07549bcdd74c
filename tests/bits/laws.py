"""How property tests run: no deadlines on a shared machine, the same cases every time."""

from hypothesis import settings

LAW = settings(deadline=None, derandomize=True, max_examples=60, database=None)
FEW = settings(LAW, max_examples=25)
