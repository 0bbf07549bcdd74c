"""Indices, sizes and settings: over all turns of loops, and at every size."""

SIZES: dict[str, tuple[str, str]] = {
    "an even kernel by one": (
        "let v = @@conv(parameter([2, 2, 4, 4]), width = 4, kernel = 2)",
        "S003 `conv` takes an odd `kernel`, not 2",
    ),
    "an even kernel before others": (
        "let v = @@conv(parameter([2, 2, 4, 4]), width = 4, kernel = 2, stride = 2)",
        "S003 `conv` takes an odd `kernel`, not 2, for the layers behind the first",
    ),
    "a stride that leaves a rest": (
        "let v = @@pool(parameter([2, 2, 4, 5]), stride = 2)",
        "S005 5 does not divide by stride = 2",
    ),
    "a stride that is not bound": (
        "let v = @@pool(parameter([2, 2, 4, 4]), stride = T)",
        "S003 `pool` takes a number for `stride`, and T is not bound",
    ),
    "a mean over examples": (
        "emit v = @@mean(b, along = 0)",
        "S004 axes of [B, T, 8] from 1 on are needed, each once: 0 is the example",
    ),
    "a mean over an axis twice": (
        "emit v = @@mean(b, along = (2, -1))",
        "S004 axes of [B, T, 8] from 1 on are needed, each once: 0 is the example",
    ),
    "a mean along no axis": (
        "emit v = mean(b, along = @@c/16)",
        "S003 `mean` takes an axis, or several as in (1, 2), for `along`",
    ),
    "an index before the start": (
        "repeat 2 as i { a[.., @@i - 2] += tanh(b[.., i + 6]) }",
        "S004 i - 2 is not within 0..7",
    ),
    "an index of the step before": (
        "alloc s: [B, c] = 0\nrepeat T as t share { s += a[:, @@t - 1] }\nundo alloc s: [B, c] = 0",
        "S004 t - 1 is not within 0..T - 1",
    ),
    "an index past the end in the last turn": (
        "repeat 5 as i { a[.., i] += tanh(b[.., @@i + 4]) }",
        "S004 i + 4 is not within 0..7",
    ),
    "an index past the end in inner turns": (
        "repeat 3 as i { repeat 3 as j { a[.., i] += tanh(b[.., @@4*i + j]) } }",
        "S004 4*i + j is not within 0..7",
    ),
    "an index past every end": ("a += b[:, @@T]", "S004 T is not within 0..T - 1"),
    "a slice that ends before it begins": (
        "a[.., @@3:2] += b[.., 3:2]",
        "S004 2 is not within 3..8",
    ),
    "a half of a turn": ("repeat 4 as i { a[.., @@i/2] += 1 }", "S005 i does not divide by 2"),
    "a size of half a turn": (
        "repeat 3 as i { repeat @@i/2 { negate a } }",
        "S005 i does not divide by 2",
    ),
    "fewer than no turns": ("repeat @@c - 9 { negate a }", "S003 a size cannot be -1"),
    "fewer than no turns in one": (
        "repeat 3 as i { repeat @@i - 1 { negate a } }",
        "S003 a size cannot be i - 1 here",
    ),
    "a size of nothing": ("alloc t: [B, @@c - 8] = 0", "S003 a size cannot be 0"),
    "a size of nothing in a turn": (
        "repeat 3 as i {\nalloc t: [B, @@i] = 0\n}",
        "S003 a size cannot be i here",
    ),
    "no labels": ("draw y: label(@@0)[B] by uniform(1) as m", "S003 a size cannot be 0"),
    "a width of nothing": (
        "a += mlp(b, width = @@0)",
        "S003 `mlp` takes a whole number of at least 1 for `width`, not 0",
    ),
    "a window of nothing": (
        "a += attention(b, heads = 2, causal = true, window = @@0)",
        "S003 `attention` takes a whole number of at least 1 for `window`, not 0",
    ),
    "a root of nothing": (
        "a += @@norm(b, eps = 0)",
        "S003 `norm` takes a number above 0 for `eps`: a row of equal numbers is divided by its "
        "root",
    ),
    "a rate below 0": (
        "a += @@attention(b, heads = 2, dropout = -1)",
        "S003 `attention` takes a number of at least 0 and below 1 for `dropout`",
    ),
    "a width that turns change": (
        "repeat 3 as i { a += mlp(b, width = @@8*i + 8) }",
        "S003 `mlp` is one for all turns: 8*i + 8 changes from turn to turn",
    ),
    "a torch argument that turns change": (
        'repeat 3 as i {\nnet N(x: [B, T, c]) -> [B, T, c] = torch "torch.nn:Linear"(8, @@i)\n}',
        "S003 a torch net is one for all turns: i changes from turn to turn",
    ),
    "a number of a block that turns change": (
        "net N = norm()\nrepeat 3 as i { Takes<N, h = @@i>(a, b) }",
        "S003 `Takes` is one for all turns: i changes from turn to turn",
    ),
    "nets of turns that a turn counts": (
        "repeat 3 as i { repeat @@i { a += linear(b) } }",
        "S003 a repeat that a turn counts has one set of nets for all of its turns: say `share`",
    ),
    "an emit of no turns": (
        "repeat @@0 { emit y = a }",
        "S003 a repeat emits a row of values a turn, so it needs as many turns each time, at "
        "least one",
    ),
    "a division by nothing": ("a += b / (@@c - 8)", "S005 `/` divides by 0"),
    "a division by the first turn": (
        "repeat 3 as i { a += b / @@i }",
        "S005 `/` divides by i, which may be 0 in a turn",
    ),
    "a valve on some examples": (
        "valve @@a[1:] by logistic(linear(b[1:])) as m",
        "S004 `valve` moves bits of every example: axis 0 of `a` cannot be cut",
    ),
    "a factor of one example": (
        "scale @@a[0] by 1/2 as m",
        "S004 `scale` moves bits of every example: axis 0 of `a` cannot be cut",
    ),
    "more labels than a coder's table": (
        "draw y: label(1100000)[B, T] by @@softmax(linear(a, out = 1100000)) as m\n"
        "put y by softmax(linear(a, out = 1100000)) as m",
        "S004 `softmax` codes at most 1048576 labels, not label(1100000)",
    ),
}
