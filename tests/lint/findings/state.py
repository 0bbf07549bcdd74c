"""State that is lost, used twice or read where it changes; updates without an inverse."""

STATE: dict[str, tuple[str, str]] = {
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
        "mix a by householder(@@0)",
        "S003 `householder` takes a whole number of at least 1 for `k`, not 0",
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
    # --- reads by lets, values and factors
    "state as a given by a let": (
        "let v = tanh(a)\nReads(a, @@v)",
        "L103 `a` passed twice: as state that changes, and as a given, by `v`",
    ),
    "state as a given by a slice of a let of a let": (
        "let v = 2 * a\nlet w = v - 1\nrepeat 2 { Reads(a, @@w) }",
        "L103 `a` passed twice: as state that changes, and as a given, by `w`",
    ),
    "state as a given of an inverse": (
        "let v = tanh(a)\nuncall Reads(a, @@v)",
        "L103 `a` passed twice: as state that changes, and as a given, by `v`",
    ),
    "a factor beyond its range": (
        "scale a by @@2 in [1/4, 1] as m",
        "B211 the factor is never in [0.25, 1]: it is always clamped to 1",
    ),
    "a factor below its range": (
        "scale a by @@1/2 * sigmoid(b) in [3/4, 1] as m",
        "B211 the factor is never in [0.75, 1]: it is always clamped to 0.75",
    ),
    "a logarithm of what has none": (
        "a += log(@@0 - exp(b))",
        "B212 `log` has no value here: its argument is at most 0",
    ),
    "a root of what has none": (
        "a += sqrt(@@-1) * b",
        "B212 `sqrt` has no value here: its argument is at most -1",
    ),
}
