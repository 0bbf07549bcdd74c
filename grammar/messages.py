"""What the parser says of wrong syntax: a written form for each construct, a word for each token.

A finding says what was expected, then how the construct at hand is written. `FORMS` has an entry
for every construct that a parser state can be in, each with malformed examples that must bring it
up; tests check that no state, token or example is left out.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Form:
    """How a construct is written, and statements or items that get it wrong."""

    text: str
    bad: tuple[str, ...]


DECLARATIONS: dict[str, Form] = {
    "start": Form(
        "a file holds `use`, `dim`, `state`, `net`, `block`, `model` and `budget`, one a line",
        ("a += b", "7", "repeat 2 { }", "tape t, u"),
    ),
    "use": Form("imports are written `use std.nets: attention, mlp`", ("use std.nets attention",)),
    "path": Form("names are joined by dots, as in `std.nets`", ("use std.: attention",)),
    "dim": Form("sizes are declared as in `dim B, T, d = 64`", ("dim", "dim B,", "dim 3")),
    "dim_entry": Form("a size has its value behind it: `d = 64`", ("dim d =", "dim d = *")),
    "state": Form("the state's numerics are written `state lattice(Q12.20)`", ("state", "state 3")),
    "numerics": Form(
        "numerics are `lattice(Q12.20)`, `float32` or `label(V)`",
        ("state lattice", "state lattice(12)", "state label(", "state lattice(Q12.20"),
    ),
    "net": Form(
        "a net is `net F = e`, `net F(x: [B, c]) -> [B, c]`, or the latter with `= e`",
        ("net", "net 3", "net F +", "net F(x: [B]) ->", "net F ="),
    ),
    "torch": Form(
        'a torch module is written `torch "package.module:Class"(args)`',
        ("net F = torch", "net F = torch nn.Linear", "bijection N = torch"),
    ),
    "block": Form(
        "a block is written `block Name<F, h = 1>(a, b: [B, c]) { ... }`",
        ("block", "block A", "block A<F>", "block A(a: [B])"),
    ),
    "model": Form(
        "a model is written `model Name(a: [B, c]) -> (a: [B, c]) { ... }`",
        ("model", "model A", "model A(a: [B])", "model A<F>(a: [B]) { }"),
    ),
    "generics": Form(
        "what a block takes in angle brackets is written `<F, h = 1>`",
        ("block A<>(a: [B]) { }", "block A<F", "block A<3>(a: [B]) { }"),
    ),
    "generic": Form(
        "a parameter in angle brackets is a name, or has a default: `h = 1`",
        ("block A<h = >(a: [B]) { }",),
    ),
    "params": Form(
        "parameters are written `(a, b: [B, c], given u: float32[B])`",
        ("block A(3) { }", "block A(a: [B], ,) { }", "model A(a: [B] b: [B]) { }"),
    ),
    "param": Form(
        "a parameter is written `a: [B, c]`, one that is only read `given u: [B, c]`",
        ("block A(given: [B]) { }", "block A(a: ) { }", "block A(a: B) { }"),
    ),
    "results": Form("results are written `-> (a, b: [B, c])`", ("model A(a: [B]) -> { }",)),
    "type": Form(
        "a type is numerics and dims, as in `float32[B, n]`, or dims alone: `[B, n]`",
        ("block A(a: float32) { }", "block A(a: label(V)) { }"),
    ),
    "budget": Form(
        "a budget is `budget put(M.a, M.b) <= 0.1 bits/token` or `budget memory <= 512 MiB`",
        (
            "budget",
            "budget put",
            "budget put(a) 3 bits",
            "budget put(a) <= 3",
            "budget a <= 3",
            "budget memory",
            "budget memory <= 512",
            "budget memory 512 MiB",
            "budget 3",
        ),
    ),
    "targets": Form("a budget's targets are written `(M.a, M.b)`", ("budget put(a b) <= 1 bits",)),
    "units": Form(
        "a bound's unit is written `bits/token` or `bits/token/valve`", ("budget a <= 1 bits/",)
    ),
    "reservoir": Form(
        "a reservoir is written `reservoir e(seed = 1, bits = 64000)`", ("reservoir", "reservoir (")
    ),
    "tape": Form("a tape is written `tape t`", ("tape", "tape 3")),
    "bijection": Form(
        'a bijection is written `bijection N = torch "m:f" inverse "m:g"`',
        ("bijection", "bijection N", 'bijection N = torch "m:f"', "bijection N = softsign()"),
    ),
    "signature": Form(
        'a signature is `signature F(x: [.., n]) -> [.., n] separable batch = torch "m:C"`',
        ("signature", "signature F(x: [n])", "signature F(x: [n]) -> [n]"),
    ),
    "slots": Form(
        "a signature's arguments are written `(x: [.., n], width: int)`",
        ("signature F(x: [n] y: [n]) -> [n]", "signature F(3) -> [n]"),
    ),
    "slot": Form(
        "a signature's argument is `x: [.., n]`, `x..: [.., n]`, `i: label[..]` or `h: int = 1`",
        ("signature F(x) -> [n]", "signature F(x: ) -> [n]", "signature F(x: int = ) -> [n]"),
    ),
    "label_sort": Form("labels are written `label[..]`", ("signature F(x: label) -> [n]",)),
    "kinds": Form(
        "an option's kind is `int`, `number`, `bool`, `net`, `dims`, `axes` or words: `a | b`",
        ("signature F(x: gelu |) -> [n]",),
    ),
    "outcome": Form(
        "a result's axes are written `[B, out, H/stride]` or `[.. - along]`",
        ("signature F(x: [n]) -> [3]", "signature F(x: [n]) -> [n n]"),
    ),
    "shrunk": Form(
        "an axis that an option divides is written `H/stride`", ("signature F(x: [n]) -> [n/]",)
    ),
    "fewer": Form(
        "axes that an option takes away are written `.. - along`",
        ("signature F(x: [n]) -> [.. -]",),
    ),
    "pattern": Form("a shape's axes are written `[.., n]`", ("signature F(x: [.., 3]) -> [n]",)),
    "separable": Form(
        "what a net is separable along is written `separable batch, sequence`",
        ('signature F(x: [n]) -> [n] separable = torch "m:C"',),
    ),
    "random": Form(
        "the option that makes a net random is written `random dropout`",
        ('signature F(x: [n]) -> [n] random = torch "m:C"',),
    ),
}

STATEMENTS: dict[str, Form] = {
    "body": Form(
        "a body holds statements, one a line: `y += e`, `Block(a, b)`, or one led by its word",
        ("3", "(a)", "-a += b", "[a] += b", "a += b c", "negate a b"),
    ),
    "update": Form(
        "an update is written `y += e` or `y -= e`; of several at once, `a, b <- e1, e2`",
        ("a", "a +=", "a -= *", "a = 3", "b + = a", "a, b", "a, 3 <- b, c"),
    ),
    "simultaneous": Form(
        "a simultaneous update is written `a, b <- e1, e2`",
        ("a, b <-", "a, b <- c,", "a, b <- c, *"),
    ),
    "residual": Form(
        "a residual update is written `residual y by F`", ("residual", "residual a F")
    ),
    "negate": Form("a sign change is written `negate y`", ("negate", "negate 3")),
    "scale": Form(
        "a scaling is written `scale y by e in [1/64, 1] as meter`",
        ("scale", "scale a", "scale a b", "scale a by", "scale a by b in 3", "scale a by b in [3]"),
    ),
    "mix": Form(
        "a mix is written `mix y by householder(4)`", ("mix", "mix a", "mix a householder(4)")
    ),
    "apply": Form(
        "a bijection is used as in `apply y by softsign()`", ("apply", "apply a softsign()")
    ),
    "swap": Form("a swap is written `swap a, b`", ("swap", "swap a", "swap a b", "swap a, 3")),
    "split": Form(
        "a split is written `split x -> a, b`, or with `along 1` behind it",
        ("split", "split x", "split x a, b", "split x ->", "split x -> a, b along"),
    ),
    "join": Form(
        "a join is written `join a, b -> x`, or with `along 1` behind it",
        ("join", "join a, b", "join a, b x", "join a, b -> 3", "join a, b -> x along"),
    ),
    "permute": Form(
        "a permutation of axes is written `permute x by (0, 2, 1)`",
        ("permute", "permute x", "permute x (0, 1)", "permute x by 3"),
    ),
    "reshape": Form(
        "a reshape is written `reshape x to [B, n]`",
        ("reshape", "reshape x", "reshape x [B, n]", "reshape x to 3"),
    ),
    "squeeze": Form(
        "space goes to depth as in `squeeze x by 2`", ("squeeze", "squeeze x 2", "squeeze x by")
    ),
    "alloc": Form(
        "a register is made as in `alloc a, b: [B, c] = 0`",
        ("alloc", "alloc a", "alloc a: [B]", "alloc a: [B] =", "alloc a [B] = 0", "alloc a: 3 = 0"),
    ),
    "free": Form(
        "a register ends as in `free a, b = 0`", ("free", "free a", "free a = ", "free a 0")
    ),
    "forget": Form("registers that are dropped: `forget a, b`", ("forget", "forget 3")),
    "names": Form("names are written `a, b`", ("free a, = 0", "split x -> a, 3")),
    "put": Form(
        "state goes to the tape as in `put y by logistic(p) as meter`",
        ("put", "put y", "put y logistic(p)", "put y by", "put y[0] by logistic(p)"),
    ),
    "draw": Form(
        "state comes from the reservoir as in `draw y: label(K)[B] by softmax(p) as meter`",
        ("draw", "draw y", "draw y: [B]", "draw y by softmax(p)", "draw y: [B] by"),
    ),
    "valve": Form(
        "a valve is written `valve y[.., :k] by logistic(p) as meter`",
        ("valve", "valve y", "valve y logistic(p)", "valve y by"),
    ),
    "_tags": Form(
        "a meter's name and a stack's come last: `as meter on t`",
        ("put y by q as", "put y by q on", "put y by q on 3", "put y by q as m on"),
    ),
    "block_call": Form(
        "a block is called as in `Block<F, h = 2>(a, b)`, `enc: Block(a, b)` or `uncall enc(a, b)`",
        ("enc: 3", "uncall", "uncall 3", "Block<F> a", "enc: uncall (a)"),
    ),
    "generic_args": Form(
        "what a block's call gives in angle brackets is written `<F, h = 2>`",
        ("Block<>(a)", "Block<F h>(a)", "Block<F(a)"),
    ),
    "repeat": Form(
        "a loop is written `repeat 6 { ... }`, or `repeat n reversed as i share { ... }`",
        ("repeat", "repeat 6", "repeat { }", "repeat 6 as { }", "repeat 6 share as i { }"),
    ),
    "undo": Form("an inverse is written `undo STATEMENT`", ("undo", "undo 3", "undo block")),
    "let": Form("a read is named as in `let v = e`", ("let", "let v", "let v F(a)", "let v =")),
    "emit": Form(
        "a read for the caller is `emit v = e`", ("emit", "emit v", "emit v F(a)", "emit v =")
    ),
}

EXPRESSIONS: dict[str, Form] = {
    "args": Form(
        "arguments are written `(x, heads = 8)`", ("a += F(b", "a += F(b c)", "a += F(, b)")
    ),
    "arg": Form("a named argument is written `heads = 8`", ("a += F(heads = )",)),
    "index": Form(
        "a slice is written `a[.., :k]` or `a[lo:hi, t]`",
        ("a += b[", "a += b[]", "a += b[0", "a += b[0 1]", "a += b[1:2:3]", "a += b[0:*]"),
    ),
    "list": Form("a shape is written `[B, T, c]`", ("a += F([B", "a += F([B T])", "a += F([, B])")),
    "order": Form(
        "brackets hold one expression, or an order: `(0, 2, 1)`",
        ("a += (b", "a += (b c)", "a += (, b)", "permute x by (0"),
    ),
}

FORMS = DECLARATIONS | STATEMENTS | EXPRESSIONS

# What a message calls each token, the likeliest to be meant first; a keyword is its word.
TOKENS: dict[str, str] = {
    "RPAR": "`)`",
    "RSQB": "`]`",
    "MORETHAN": "`>`",
    "RBRACE": "`}`",
    "LBRACE": "`{`",
    "COMMA": "`,`",
    "EQUAL": "`=`",
    "COLON": "`:`",
    "ARROW": "`->`",
    "AT_MOST": "`<=`",
    "PLUS_EQ": "`+=`",
    "MINUS_EQ": "`-=`",
    "TAKES": "`<-`",
    "NAME": "a name",
    "NUMBER": "a number",
    "STRING": "a string in double quotes",
    "QFORMAT": "a format such as `Q12.20`",
    "LPAR": "`(`",
    "LSQB": "`[`",
    "LESSTHAN": "`<`",
    "DOTS": "`..`",
    "DOT": "`.`",
    "VBAR": "`|`",
    "PLUS": "`+`",
    "MINUS": "`-`",
    "STAR": "`*`",
    "SLASH": "`/`",
    "_NL": "the end of the line",
    "$END": "the end of the file",
}
