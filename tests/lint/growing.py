"""Specs that grow: text of a size n whose meaning would double with each of its lines."""

from collections.abc import Callable

HEAD = "use std.nets: linear, mlp\ndim B, c = 8\nstate lattice(Q12.20)\n"


def model(body: str, before: str = "") -> str:
    """Return a spec with one model of two registers."""
    return f"{HEAD}{before}model M(a, b: [B, c]) {{\n{body}\n}}\n"


def lets(n: int) -> str:
    """Return lets that each read the one before twice."""
    steps = "\n".join(f"let v{i + 1} = v{i} * v{i}" for i in range(n))
    return model(f"let v0 = tanh(a)\n{steps}\nb += v{n}")


def lets_at_once(n: int) -> str:
    """Return such lets, read by a simultaneous update, which writes them out."""
    return lets(n).replace(f"b += v{n}", f"a, b <- v{n}, a")


def nets(n: int) -> str:
    """Return nets that each call the one before twice."""
    one = "net F{}(x: [B, c]) -> [B, c] = F{}(x) + F{}(x)\n"
    first = "net F0(x: [B, c]) -> [B, c] = tanh(x)\n"
    return model(f"a += F{n}(b)", first + "".join(one.format(i + 1, i, i) for i in range(n)))


def arguments(n: int) -> str:
    """Return a net that reads its argument twice, called on itself."""
    net = "net F(x: [B, c]) -> [B, c] = x * x\n"
    return model(f"a += {'F(' * n}b{')' * n}", net)


def _blocks(n: int, first: str, second: str = "K") -> str:
    one = "block K{0}(a, b: [B, c]) {{\n K{1}(a, b)\n {2}{1}(b, a)\n}}\n"
    calls = "".join(one.format(i + 1, i, second) for i in range(n))
    return model(f"K{n}(a, b)", f"block K0(a, b: [B, c]) {{ {first} }}\n{calls}")


def blocks(n: int) -> str:
    """Return blocks that each call the one before twice."""
    return _blocks(n, "a += tanh(b)")


def blocks_undone(n: int) -> str:
    """Return blocks that each call the one before, and undo it."""
    return _blocks(n, "a += tanh(b)", "uncall K")


def blocks_with_nets(n: int) -> str:
    """Return such blocks, of which the innermost has a net."""
    return _blocks(n, "a += mlp(b, width = 8)")


def blocks_with_meters(n: int) -> str:
    """Return such blocks, of which the innermost moves bits under a budget."""
    text = _blocks(n, "scale a by sigmoid(b) in [1/2, 1] as m")
    return f"{text}budget put(M.m) <= 3 bits/token\n"


def generics(n: int) -> str:
    """Return blocks that pass on a net and a net that calls it twice."""
    one = """block K{0}<F>(a, b: [B, c]) {{
  net G(x: [B, c]) -> [B, c] = F(x) + F(x)
  K{1}<F>(a, b)
  K{1}<G>(b, a)
}}
"""
    first = "block K0<F>(a, b: [B, c]) { a += F(b) }\n"
    calls = "".join(one.format(i + 1, i) for i in range(n))
    return model(f"net G = mlp(width = 8)\nK{n}<G>(a, b)", first + calls)


def wrong_free(n: int) -> str:
    """Return a wrong claim behind updates that each read the other register."""
    steps = "a += tanh(b)\nb += tanh(a)\n" * n
    return model(f"alloc t: [B, c] = 0\n{steps}t += tanh(a)\nfree t = 0")


def squares(n: int) -> str:
    """Return dims that are each the square of the one before."""
    dims = "".join(f"dim d{i + 1} = d{i} * d{i}\n" for i in range(n))
    return model("negate a", f"dim d0 = 9999999999\n{dims}")


def free_squares(n: int) -> str:
    """Return such dims of sizes that are free."""
    return squares(n).replace("9999999999", "B + c").replace("c = 8", "c")


def loops(n: int) -> str:
    """Return loops in loops."""
    return model("repeat 100000 { " * n + "a += tanh(b)" + " }" * n)


def shared_loops(n: int) -> str:
    """Return loops in loops with one set of nets, whose turns multiply."""
    text = "scale a by sigmoid(b) in [1/2, 1] as m"
    body = "repeat 1000000000 share { " * n + text + " }" * n
    return f"{model(body)}budget put(M.m) <= 3 bits/token\n"


GROWING: dict[str, tuple[Callable[[int], str], int, set[str]]] = {
    "lets": (lets, 300, set()),
    "lets read at once": (lets_at_once, 300, {"B203"}),
    "nets": (nets, 60, {"S003"}),
    "arguments": (arguments, 60, {"S003"}),
    "blocks": (blocks, 40, set()),
    "blocks undone": (blocks_undone, 40, set()),
    "blocks with nets": (blocks_with_nets, 40, {"S003"}),
    "blocks with meters": (blocks_with_meters, 40, set()),
    "generics": (generics, 40, {"S003"}),
    "a wrong free": (wrong_free, 300, {"L107"}),
    "squares": (squares, 60, {"S003"}),
    "free squares": (free_squares, 60, {"S003"}),
    "loops": (loops, 30, {"S003"}),
    "shared loops": (shared_loops, 50, {"S003"}),
}
"""A text by its size, a size at which doubling would never end, and what denies it, if anything."""
