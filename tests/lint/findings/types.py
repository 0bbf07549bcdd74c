"""Shapes, sizes and numerics that do not fit."""

TYPES: dict[str, tuple[str, str]] = {
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
}
