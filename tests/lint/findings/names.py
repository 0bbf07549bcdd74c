"""Names that are unknown or declared twice, and arguments that do not fit."""

NAMES: dict[str, tuple[str, str]] = {
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
    "a call without a label": (
        "Layer(a, b)\nuncall @@Layer_0(a, b)",
        "S002 `Layer_0` is how the nets of the call on line 9 are named: label that call, "
        "`enc: Layer(..)`, and say `uncall enc(..)`",
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
        "S003 `undo free` makes what was freed again, and needs its type",
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
    "an emit in two loops": (
        "repeat 2 { emit y = a }\n@@repeat 2 { emit y = b }",
        "S009 `y` is already emitted by this body: choose another name",
    ),
}
