"""Statements that exchange bits."""

BITS: dict[str, tuple[str, str]] = {
    "a map without integers": (
        "apply a by @@tanh()",
        "Q304 `tanh` has no exact form on lattice(Q12.20): softsign has one on 16 and 32 bits; "
        "any will do on float32 state",
    ),
    "a step off the lattice": (
        "valve a by @@logistic(linear(b), step = 1/3) as m",
        "Q307 a step of 0.333333 is no whole number of units of lattice(Q12.20)",
    ),
    "a step below the lattice": (
        "valve a by @@logistic(linear(b), step = 1e-9) as m",
        "Q307 a step of 1e-09 is no whole number of units of lattice(Q12.20)",
    ),
    "a small factor": (
        "scale a by sigmoid(b) in [@@1e-4, 1] as m",
        "Q307 `scale` rounds its factor to n/1024 with 1 <= n <= 65536, not [0.0001, 1]",
    ),
    "a step wider than the lattice": (
        "alloc s: lattice(Q2.14)[B, c] = 0\nvalve s by @@gaussian(linear(a[:, 0]), step = 4) as m\n"
        "undo alloc s: lattice(Q2.14)[B, c] = 0",
        "Q307 a step of 4 is more than half of all that lattice(Q2.14) holds",
    ),
    "a wide lattice by a triangular matrix": (
        "alloc s: lattice(Q32.32)[B, c] = 0\nmix s by @@lu()\n"
        "undo alloc s: lattice(Q32.32)[B, c] = 0",
        "Q307 `lu` scales 16 and 32 bits exactly, not lattice(Q32.32); use orthogonal",
    ),
    "a number an example": (
        "alloc s: [B] = 0\nvalve s by @@gaussian(parameter([2])) as m\nundo alloc s: [B] = 0",
        "S004 `gaussian` codes values with an axis beside the example's, not [B]",
    ),
    "labels that are not coded": (
        "draw y: label(5)[B, T] by @@uniform(4) as m\nput y by softmax(linear(a, out = 5)) as m",
        "S004 `uniform` codes the labels below 4, not those of label(5)",
    ),
    "a mask of three labels": (
        "draw y: label(3)[B, T] by @@dropout(p = 0.1) as m\nput y by uniform(3) as m",
        "S004 `dropout` codes the labels below 2, not those of label(3)",
    ),
    "a residue of labels": (
        "draw y: label(3)[B, T] by uniform(3, residue = @@write) as m\nput y by uniform(3) as m",
        "S003 `residue` is for what a step leaves: a label(3) has none",
    ),
    "a carried residue of a put": (
        "@@put a by logistic(linear(b), residue = carry) as m",
        "S003 `put` moves a whole register: its residue cannot be carry, say write",
    ),
    "a dropped mask": (
        "let h = @@dropout(b, p = 0.1)\na += h",
        "R403 `dropout` draws its mask for an update: write it inside `+=` or `-=`",
    ),
    "a dropped value of a free": (
        "alloc t: [B, T, c] = 0\nfree t = @@dropout(b, p = 0.1)",
        "R403 `dropout` draws its mask for an update: write it inside `+=` or `-=`",
    ),
    "a dropped parameter": (
        "valve a by logistic(@@dropout(linear(b), p = 0.1)) as m",
        "R403 `dropout` draws its mask for an update: write it inside `+=` or `-=`",
    ),
    "a rate": (
        "a += @@dropout(b, p = 1)",
        "S003 `dropout` takes a number of at least 0 and below 1 for `p`",
    ),
    "parameters that are one number": (
        "valve a by logistic(@@0, step = 1/16) as m",
        "S004 `logistic` needs [B, T, 16] for [B, T, 8], but is given []",
    ),
    "parameters without an axis": (
        "valve a by gaussian(@@linear(b, out = 1)) as m",
        "S004 `gaussian` needs [B, T, 16] for [B, T, 8], but is given [B, T, 1]",
    ),
    "a coarse index": (
        "valve a by @@logistic(linear(b), step = 1/16, residue = none) as m",
        "Q301 raw 0 and 1 both map to 0; loses 16 bits an element; "
        "say residue = carry, write or drop(m)",
    ),
    "dropout": (
        "a += @@mlp(b, width = 8, dropout = 0.1)",
        "R401 `dropout = 0.1` of `mlp` draws random numbers that no reservoir is charged for",
    ),
    "no budget": ("@@valve a by logistic(linear(b)) as m", "M501 `m` has no budget"),
    "no meter's name": (
        "@@valve a by logistic(linear(b))",
        "M501 this `valve` has no name: say `as m`, and give m a budget",
    ),
}
