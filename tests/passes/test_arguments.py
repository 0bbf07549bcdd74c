"""Arguments are matched in one way: by name, and the others in order with what is left."""

from revc.grammar import ast
from revc.grammar.span import Span
from revc.passes.analysis.arguments import Formals, match
from revc.passes.lint import lint
from revc.passes.spec import build
from tests.passes.canonical import canonical
from tests.passes.specs import HEAD

AT = Span("<string>", 1, 1, 1, 1)


def arg(text: str) -> ast.Arg:
    name, _, value = text.rpartition("=")
    return ast.Arg(span=AT, name=name or None, value=ast.Name(span=AT, id=value))


def found(call: str, formals: Formals) -> tuple[dict[str, str], list[str], str | None]:
    given, rest, fault = match([arg(text) for text in call.split()], formals)
    values = {name: one.value.id for name, one in given.items()}  # type: ignore[union-attr]
    return values, [one.value.id for one in rest], fault and fault[0]  # type: ignore[union-attr]


TWO = Formals("f", ("a", "b"), ("k",))


def test_names_and_places() -> None:
    for call in ("x y", "a=x y", "a=x b=y", "x b=y", "b=y x", "b=y a=x"):
        assert found(call, TWO) == ({"a": "x", "b": "y"}, [], None)


def test_what_goes_by_name_alone() -> None:
    assert found("k=z x", TWO) == ({"k": "z", "a": "x"}, [], None)
    assert found("x y z", TWO)[2] == "many"


def test_faults_in_order() -> None:
    assert found("a=x a=y q=z", TWO)[2] == "twice"
    assert found("q=z a=x a=y", TWO)[2] == "unknown"
    assert found("x y b=z", TWO)[2] == "many"


def test_a_spread_keeps_the_others_in_order() -> None:
    spread = Formals("f", ("n",), ("act",), spread=True)
    assert found("x y z act=g", spread) == ({"act": "g", "n": "x"}, ["y", "z"], None)
    assert found("y z n=x", spread) == ({"n": "x"}, ["y", "z"], None)


def test_a_block_is_called_by_name_or_place() -> None:
    """The same program, however its arguments are written."""

    def program(call: str) -> object:
        text = f"{HEAD}\nblock L<F, h = 1>(a, b: [B, T, c]) {{ a += h * F(b) }}\n"
        text += f"model M(a, b: [B, T, c]) {{\n  net G = norm()\n  {call}\n}}\n"
        assert lint(text).findings == ()
        return canonical(build(text))

    plain = program("L<G, 1/2>(a, b)")
    for call in ("L<F = G, h = 1/2>(a = a, b = b)", "L<h = 1/2, G>(b = b, a)"):
        assert program(call) == plain
