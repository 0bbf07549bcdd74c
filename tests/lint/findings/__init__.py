"""Findings by rule: a spec with ``@@`` behind the place, and the whole message.

Each entry is (body of a model with registers a, b: [B, T, c] and a given u, the one finding).
"""

from tests.lint.findings.bits import BITS
from tests.lint.findings.names import NAMES
from tests.lint.findings.sizes import SIZES
from tests.lint.findings.state import STATE
from tests.lint.findings.types import TYPES

HEAD = """use std.nets: attention, mlp, norm, linear, embedding, gate, conv, parameter, dropout, \
pool, mean
dim B, T, V = 50, d = 16, c = d/2
state lattice(Q12.20)
block Layer(a, b: [B, T, c]) { a += mlp(b, width = 8) }
block Takes<F, h = 1>(a, b: [B, T, c]) { a += h * F(b) }
block Reads(a: [B, T, c], given u: [B, T, c]) { a += u }
block Shows(a, b: [B, T, c]) { emit y = a }
model M(a, b: [B, T, c], given u: [B, T, c], given k: label(V)[B, T]) {
"""

FINDINGS = NAMES | TYPES | SIZES | STATE | BITS
