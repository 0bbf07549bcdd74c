"""Findings by rule: a spec with ``@@`` behind the place, and the whole message.

Each entry is (body of a model with registers a, b: [B, T, c] and a given u, the one finding).
"""

HEAD = """use std.nets: attention, mlp, norm, linear, embedding, gate, conv, parameter, dropout
dim B, T, V = 50, d = 16, c = d/2
state lattice(Q12.20)
block Layer(a, b: [B, T, c]) { a += mlp(b, width = 8) }
block Takes<F, h = 1>(a, b: [B, T, c]) { a += h * F(b) }
block Reads(a: [B, T, c], given u: [B, T, c]) { a += u }
block Shows(a, b: [B, T, c]) { emit y = a }
model M(a, b: [B, T, c], given u: [B, T, c], given k: label(V)[B, T]) {
"""

FINDINGS: dict[str, tuple[str, str]] = {
    # --- names
    "a net": ("a += @@Mlp(b, width = 8)", "S002 no net `Mlp`; did you mean `mlp`?"),
    "a register": ("a += @@bb", "S002 no register `bb`; did you mean `b`?"),
    "a target": ("@@x += b", "S002 no register `x`"),
    "a block": ("@@Later(a, b)", "S002 no block `Later`; did you mean `Layer`?"),
    "a net as a value": (
        "a += @@mlp",
        "S002 `mlp` is a net: give it what it reads, `mlp(...)`",
    ),
    "a net as a statement": ("@@mlp(b)", "S002 `mlp` is a net: read it in an expression"),
    "a block as a value": (
        "a += @@Layer(b)",
        "S002 `Layer` is no net: a block is called as a statement of its own",
    ),
    "a passed net": ("Takes<@@G>(a, b)", "S002 no net `G`"),
    "a tied net": (
        "emit y = linear(a, out = V, tied = @@Tok)",
        "S002 no net `Tok`",
    ),
    "a distribution": ("valve a by @@laplace(linear(b))", "S002 no distribution `laplace`"),
    "a map": (
        "mix a by @@ortogonal()",
        "S002 no map `ortogonal`; did you mean `orthogonal`?",
    ),
    # --- arguments
    "an option": (
        "a += attention(b, @@head = 8)",
        "S003 `attention` has no `head`; did you mean `heads`?",
    ),
    "a missing option": ("a += @@mlp(b)", "S003 `mlp` needs `width`"),
    "an option twice": (
        "a += mlp(b, width = 8, @@width = 8)",
        "S003 `mlp` has `width` twice",
    ),
    "a choice": (
        "a += mlp(b, width = 8, act = @@relu)",
        "S003 `mlp` takes gelu or silu or swiglu for `act`",
    ),
    "too few inputs": ("a += @@norm()", "S003 `norm` reads x, but 0 values are given"),
    "too many inputs": ("a += @@norm(a, b)", "S003 `norm` reads x, but 2 values are given"),
    "an even kernel": (
        "a += @@conv(b, width = 4, kernel = 2)",
        "S004 `conv` reads [B, n, H, W], not [B, T, 8]",
    ),
    "an argument too few": ("@@Layer(a)", "S003 `Layer` needs `b`"),
    "an argument too many": ("Layer(a, b, @@u)", "S003 `Layer` takes 2 arguments: a, b"),
    "a missing generic": ("@@Takes(a, b)", "S003 `Takes` needs `<F>`"),
    "a generic twice": (
        "Takes<F = norm, @@F = norm>(a, b)",
        "S003 `Takes` has `F` twice",
    ),
    "a parameter of a distribution twice": (
        "valve a by logistic(linear(b), step = 1/16, @@step = 1/8) as m",
        "S003 `logistic` has `step` twice",
    ),
    "a setting too many": (
        "draw y: label(4)[B, T] by uniform(4, @@5) as m\nput y by uniform(4) as m",
        "S003 `uniform` takes 1 argument: n",
    ),
    "an argument of a torch class twice": (
        'net F(x: [B, T, c]) -> [B, T, c] = torch "m:Net"(k = 1, @@k = 2)',
        "S003 `m:Net` has `k` twice",
    ),
    "an argument of a net too many": (
        "net F(x: [B, T, c]) -> [B, T, c] = norm(x)\na += F(b, @@u)",
        "S003 `F` takes 1 argument: x",
    ),
    "a generic too many": ("Layer<@@norm>(a, b)", "S003 `Layer` has no `<1>`"),
    "a value for a given": (
        "Reads(a, @@tanh(b))",
        "S003 `Reads` takes a name or a slice for a given: `let v = ...` names a value",
    ),
    "a slice as state": (
        "Layer(@@a[.., :4], b)",
        "S003 `Layer` takes whole registers as state: `split` a part off first",
    ),
    "a function of two": ("a += @@tanh(a, b)", "S003 `tanh` takes one value"),
    "a tape": ("@@put b by logistic(linear(a)) as m on t", "S002 no tape or reservoir `t`"),
    "undo of a read": (
        "undo @@let v = a",
        "S003 `undo let` changes nothing: there is nothing to undo",
    ),
    "undo of a free": (
        "undo @@free b = 0",
        "S003 `undo free` does not say the type: write `alloc y: [..] = e`",
    ),
    # --- shapes
    "a value": ("a += @@b[.., :3]", "S004 `a` is [B, T, 8] but the value is [B, T, 3]"),
    "operands": ("a += @@b[.., :3] + b", "S004 [B, T, 3] and [B, T, 8] do not fit `+`"),
    "an index too many": (
        "a += @@b[:, :, :, 1]",
        "S004 `b` is [B, T, 8]: 4 indices are too many",
    ),
    "two dots": ("a += @@b[.., 1, ..]", "S004 `b`: one `..` is enough"),
    "beyond the end": ("a[.., :4] += b[.., @@6:10]", "S004 10 is not within 6..8"),
    "an axis": (
        "split a -> x, y along @@0",
        "S004 an axis of [B, T, 8] from 1 on is needed: axis 0 is the example",
    ),
    "an order": (
        "@@permute a by (1, 0, 2)",
        "S004 the order must hold 0 to 2 once each, 0 first: axis 0 is the example",
    ),
    "a reshape": ("@@reshape a to [B, T, 9]", "S004 [B, T, 8] does not reshape to [B, T, 9]"),
    "a swap": (
        "alloc t: [B, 3] = 0\nswap a, @@t\nfree t = 0",
        "S004 `t` is [B, 3], but `a` is [B, T, 8]",
    ),
    "heads": ("a += @@attention(b, heads = 3)", "S005 8 does not divide by heads = 3"),
    "shared heads": (
        "a += @@attention(b, heads = 4, kv_heads = 3)",
        "S005 heads = 4 does not divide by kv_heads = 3",
    ),
    "rotary heads": (
        "a += @@attention(b, heads = 8, rotary = true)",
        "S005 a head of 1 does not divide by 2 (rotary)",
    ),
    "a split": ("@@split a -> x, y, z", "S005 8 does not divide by 3"),
    "a size": ("alloc t: [B, @@d/3] = 0", "S005 16 does not divide by 3"),
    "a squeeze": (
        "@@squeeze a by 2",
        "S003 `squeeze` takes a [B, c, H, W] and a whole factor, not [B, T, 8]",
    ),
    "a dim": ("alloc t: [B, @@q] = 0", "S006 dim `q` is not declared"),
    "a count": ("repeat @@n { negate a }", "S006 dim `n` is not declared"),
    # --- numerics
    "a label as a number": (
        "a += @@k",
        "S004 `a` is [B, T, 8] but the value is [B, T]",
    ),
    "a label in arithmetic": (
        "a[.., 0] += @@2 * k",
        "S007 lattice(Q12.20) += label: `k` is a name, not a quantity; read it with a net",
    ),
    "a label in a net": (
        "a += @@mlp(k, width = 8)",
        "S007 `mlp` reads numbers, not a label(50): use `embedding`",
    ),
    "a number as a label": (
        "a += @@embedding(V, b)",
        "S007 `embedding` reads labels for `index`, not lattice(Q12.20)",
    ),
    "rows for labels": (
        "a += @@embedding(20, k)",
        "S004 `embedding` has 20 rows for label(50)",
    ),
    "a width that is none": (
        "alloc t: @@lattice(Q3.4)[B] = 0",
        "S007 lattice(Q3.4) has 7 bits: use 16, 32 or 64",
    ),
    # --- names declared twice
    "a net twice": (
        "net F = norm()\n@@net F = norm()\na += F(b)",
        "S009 `F` is already a net: choose another name",
    ),
    "a let twice": (
        "let v = a\n@@let v = b",
        "S009 `v` is already a value of this body: choose another name",
    ),
    "a label twice": (
        "l: Layer(a, b)\n@@l: Layer(a, b)",
        "S009 `l` is already a call of this body: choose another name",
    ),
    "a turn": (
        "@@repeat 2 as d { negate a }",
        "S009 `d` is already a dim or number: choose another name",
    ),
    "an emit twice": (
        "emit y = a\n@@emit y = b",
        "S009 `y` is already emitted by this body: choose another name",
    ),
    "an emit of a block called twice": (
        "Shows(a, b)\n@@Shows(b, a)",
        "S009 `y` is already emitted by this body: choose another name",
    ),
    "an emit in two loops": (
        "repeat 2 { emit y = a }\n@@repeat 2 { emit y = b }",
        "S009 `y` is already emitted by this body: choose another name",
    ),
    # --- linearity
    "left behind": (
        "alloc @@t: [B] = 0",
        "L101 `t` is dropped without being written to a tape: return, `put` or `free` it",
    ),
    "after a split": (
        "split a -> x, y\n@@a += b\njoin x, y -> a",
        "L102 `a` was split on line 9",
    ),
    "swap with itself": ("swap a, @@a", "L103 `a` passed twice"),
    "call with one twice": ("Layer(a, @@a)", "L103 `a` passed twice"),
    "state as a given": (
        "Reads(a, @@a)",
        "L103 `a` passed twice: as state that changes, and as a given",
    ),
    "onto a live one": ("alloc @@a: [B] = 0", "L104 old value of `a` leaks: `a` is live here"),
    "a turn that moves": (
        "@@repeat 2 { split a -> x, y }",
        "L105 the body changes which states are live: `a` is gone, `x` is new, `y` is new",
    ),
    "a given": ("@@u += a", "L106 `u` is `given` (read-only)"),
    "a let": ("let v = b\n@@v += a", "L106 `v` is `let` (read-only)"),
    "slices": ("a[.., :4] += @@a[.., 2:6]", "L108 slices of `a` overlap at 2:4"),
    "slices that may meet": (
        "repeat 4 as t { a[.., 3] += @@a[.., t] }",
        "L108 slices of `a` overlap",
    ),
    "a stale let": (
        "let v = tanh(b)\nb += u\na += @@v",
        "L109 `v` read `b`, which changes on line 10 while `v` is in use",
    ),
    "a stale let of a let": (
        "let v = tanh(b)\nlet w = 2 * v\nnegate b\na += @@w",
        "L109 `w` read `b`, which changes on line 11 while `w` is in use",
    ),
    "a let that a turn makes stale": (
        "let v = tanh(b)\n@@repeat 2 {\na += v\nb += u\n}",
        "L109 `v` read `b`, which changes on line 12 while `v` is in use",
    ),
    # --- bijectivity
    "a self-read": (
        "a += tanh(@@a)",
        "B201 the update of `a` reads `a`; its inverse is not available",
    ),
    "a self-read by a let": (
        "let v = tanh(a)\na += @@v",
        "B201 the update of `a` reads `a` by `v`; its inverse is not available",
    ),
    "a self-read in a net": (
        "a += mlp(@@a, width = 8)",
        "B201 the update of `a` reads `a`; its inverse is not available",
    ),
    "a valve on itself": (
        "valve a by logistic(linear(@@a)) as m",
        "B201 the update of `a` reads `a`; its inverse is not available",
    ),
    "a scale by itself": (
        "scale a by sigmoid(@@a) in [1/2, 1] as m",
        "B201 the update of `a` reads `a`; its inverse is not available",
    ),
    "updates at once": (
        "@@a, b <- a + norm(b), b + norm(a)",
        "B203 `a, b <- ..`: both updates read old values; sequence them",
    ),
    "an angle from a net": (
        "@@a, b <- cos(norm(a)) * a - sin(norm(a)) * b, sin(norm(a)) * a + cos(norm(a)) * b",
        "B203 `a, b <- ..`: both updates read old values; sequence them",
    ),
    "an angle": (
        "let t = norm(a)\n@@a, b <- cos(t) * a - sin(t) * b, sin(t) * a + cos(t) * b",
        "B204 the angle reads `a`, which it changes; see std Rotate",
    ),
    "a factor without a range": (
        "scale a by @@sigmoid(b) as m",
        "B205 the factor may be 0: it is only known to lie in [0, 1]; "
        "say in [lo, hi] with lo above 0",
    ),
    "a range with 0": (
        "scale a by sigmoid(b) in [@@0, 1] as m",
        "B205 the factor may be 0: it is only known to lie in [0, 1]; "
        "say in [lo, hi] with lo above 0",
    ),
    "a free matrix": (
        "mix a by @@parameter([c, c])",
        "B206 the determinant of `parameter` is not bounded away from 0; use lu, orthogonal, "
        "householder or permutation",
    ),
    "a declared free matrix": (
        "net W = parameter([c, c])\nmix a by @@W",
        "B206 the determinant of `W` is not bounded away from 0; use lu, orthogonal, "
        "householder or permutation",
    ),
    "no reflections": (
        "mix a by @@householder(0)",
        "S003 `householder` needs at least one reflection, not k = 0",
    ),
    "a seed": (
        "mix a by permutation(@@1/2)",
        "S003 `permutation` takes a whole number of at least 0 for `seed`",
    ),
    "a matrix as a value": (
        "emit y = @@lu()",
        "S003 `lu` is a matrix: `mix y by lu(..)`",
    ),
    "a declared matrix as a value": (
        "net R = lu()\nemit y = @@R()",
        "S003 `R` is a matrix: `mix y by R(..)`",
    ),
    "a matrix of its own size": (
        "mix a by @@lu(out = 4)",
        "S004 `mix` needs a [8, 8] for [B, T, 8], but `lu` is [4, 4]",
    ),
    "a net with a map's name": (
        "@@net lu = norm()\nmix a by lu()",
        "S009 `lu` is already a map of `mix`: choose another name",
    ),
    "two seeds": (
        "mix a by permutation(@@1, seed = 2)",
        "S003 `permutation` takes 1 argument: seed",
    ),
    "a mix of examples": (
        "alloc t: [B] = 0\nmix @@t by permutation(1)\nfree t = 0",
        "S004 `mix` needs an axis beside the example's, not [B]",
    ),
    "a matrix of another size": (
        "net R = lu()\nmix a by R\nmix a[.., :4] by @@R",
        "S004 `R` was called with other sizes",
    ),
    # --- bits
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
    "a coarse index": (
        "valve a by @@logistic(linear(b), step = 1/16, residue = none) as m",
        "Q301 raw 0 and 1 both map to 0; loses 16 bits an element; "
        "say residue = carry, write or drop(m)",
    ),
    "dropout": (
        "a += @@mlp(b, width = 8, dropout = 0.1)",
        "R401 `mlp_0` draws random numbers (dropout = 0.1) that no reservoir is charged for",
    ),
    "no budget": ("@@valve a by logistic(linear(b)) as m", "M501 `m` has no budget"),
    "no meter's name": (
        "@@valve a by logistic(linear(b))",
        "M501 this `valve` has no name: say `as m`, and give m a budget",
    ),
}
