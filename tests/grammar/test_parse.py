"""What text means: its tree, its places, and where statements end."""

import pytest

from revc.grammar import ast
from revc.grammar.diagnostics import SpecError
from revc.grammar.parser import parse, parse_or_raise
from revc.grammar.printer import print_expr, print_stmt
from revc.grammar.span import Span
from tests.fitting import misfits
from tests.grammar.corpus import FILES, SPECS, in_body


def statement(text: str) -> ast.Stmt:
    block = parse_or_raise(in_body(text)).items[0]
    assert isinstance(block, ast.BlockDecl)
    assert len(block.body) == 2
    return block.body[0]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_specs_parse_as_they_stand(path):
    assert parse(path.read_text(), path.name).diagnostics == ()


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.name)
def test_the_parser_makes_valid_nodes(path):
    assert misfits(parse_or_raise(path.read_text())) == []


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("a += b", ast.Update),
        ("a[.., :k] -= b", ast.Update),
        ("a, b <- b, a", ast.Simultaneous),
        ("residual a by F", ast.Residual),
        ("negate a", ast.Negate),
        ("scale a by s in [1/64, 1] as m on t", ast.Scale),
        ("mix a by householder(4)", ast.Mix),
        ("apply a by softsign()", ast.Apply),
        ("swap a, b", ast.Swap),
        ("split x -> a, b along 1", ast.Split),
        ("join a, b -> x", ast.Join),
        ("permute x by (0, 2, 1)", ast.Permute),
        ("reshape x to [B, 2*c]", ast.Reshape),
        ("squeeze x by 2", ast.Squeeze),
        ("alloc a, b: float32[B] = 0", ast.Alloc),
        ("free a, b = 0", ast.Free),
        ("put y by q as m", ast.Put),
        ("draw y: label(K)[B] by q", ast.Draw),
        ("valve y[.., :k] by q as m", ast.Valve),
        ("uncall enc(a, b)", ast.BlockCall),
        ("enc: Block<F, h = 2>(a, xs[:, t])", ast.BlockCall),
        ("repeat 6 reversed as i share { negate a }", ast.Repeat),
        ("undo put y: [B] by q", ast.Undo),
        ("let v = tan(F(u) / 2)", ast.Let),
        ("emit v = norm(x)", ast.Emit),
        ('net F(x: [B]) -> [B] = torch "m:C"(dim = 3)', ast.NetDecl),
    ],
)
def test_each_statement_is_its_node_and_prints_as_written(text, kind):
    node = statement(text)
    assert type(node) is kind
    assert print_stmt(node) == text


def test_precedence_and_association():
    value = statement("let v = a - b - -c * d / e")
    assert isinstance(value, ast.Let)
    outer = value.value
    assert isinstance(outer, ast.Binary)
    assert isinstance(outer.left, ast.Binary)
    assert (outer.op, outer.left.op) == ("-", "-")
    assert isinstance(outer.right, ast.Binary)
    assert outer.right.op == "/"
    assert isinstance(outer.right.left, ast.Binary)
    assert isinstance(outer.right.left.left, ast.Neg)


@pytest.mark.parametrize(
    ("text", "value"), [("3", 3), ("0.50", 0.5), ("1e-3", 0.001), ("12", 12), ("2E3", 2000.0)]
)
def test_numbers_keep_their_spelling(text, value):
    let = statement(f"let v = {text}")
    assert isinstance(let, ast.Let)
    assert isinstance(let.value, ast.Num)
    assert (let.value.value, let.value.text) == (value, text)
    assert type(let.value.value) is type(value)


def test_a_number_before_dots_is_whole():
    node = statement("negate a[1, .., 2:, :3, :]")
    assert isinstance(node, ast.Negate)
    assert isinstance(node.target, ast.Index)
    kinds = [item.kind for item in node.target.items]
    assert kinds == ["at", "dots", "range", "range", "range"]


def test_the_type_of_a_parameter_holds_for_those_before_it():
    block = parse_or_raise("block A(a, b: [B], given u: float32[B, n]) { }").items[0]
    assert isinstance(block, ast.BlockDecl)
    assert block.params[0].type is None
    shown = [param.type for param in ast.typed(block.params)]
    assert shown[0] is shown[1]
    assert shown[1] is not None
    assert shown[2] is not None
    assert [param.given for param in block.params] == [False, False, True]
    assert print_expr(shown[2].dims[1]) == "n"


def test_a_budget_names_its_meter_its_targets_and_its_unit():
    file = parse_or_raise("budget net(LM.va, LM.vb) <= 0.1 bits/token/valve\nbudget a <= 3 bits")
    metered, plain = file.items
    assert isinstance(metered, ast.BudgetDecl)
    assert isinstance(plain, ast.BudgetDecl)
    assert (metered.meter, metered.units) == ("net", ("token", "valve"))
    assert [target.id for target in metered.targets] == ["LM.va", "LM.vb"]
    assert (plain.meter, plain.units) == (None, ())


def test_words_are_keywords_only_where_they_can_be():
    words = ["by", "as", "on", "in", "to", "along", "given", "share", "reversed", "torch"]
    words += ["inverse", "lattice", "float32", "label", "bits", "random", "separable"]
    for word in words:
        node = statement(f"{word} += F({word}, {word} = {word})")
        assert isinstance(node, ast.Update)
        assert node.target.kind == "name"
        assert print_stmt(node) == f"{word} += F({word}, {word} = {word})"


def test_reserved_words_may_name_arguments():
    node = statement("a += F(b, dim = 2, state = true,\n  scale = 3)")
    assert isinstance(node, ast.Update)
    assert isinstance(node.value, ast.Call)
    assert [arg.name for arg in node.value.args] == [None, "dim", "state", "scale"]


def test_lines_end_statements_outside_brackets_only():
    text = "a += F(\n  b,  # why\n\n  h = 2,\n)"
    node = statement(text)
    assert print_stmt(node) == "a += F(b, h = 2)"
    generic = parse_or_raise("block A<\n  F,\n>(\n  a: [\n    B,\n  ],\n) { }").items[0]
    assert isinstance(generic, ast.BlockDecl)
    assert parse("block A(a: [B])\n{ }").diagnostics
    assert parse(in_body("a +=\n  b")).diagnostics


def test_bodies_may_stand_on_one_line():
    text = "model N(a, b: [B]) -> (a, b: [B]) { repeat 2 { Layer(a, b) } }"
    model = parse_or_raise(text).items[0]
    assert isinstance(model, ast.ModelDecl)
    assert isinstance(model.body[0], ast.Repeat)
    assert isinstance(model.body[0].body[0], ast.BlockCall)


def test_places_count_from_one_and_end_behind():
    file = parse_or_raise("dim B\n\nblock Ab(a: [B]) {\n  a += F(b) + c\n}\n", "x.rev")
    block = file.items[1]
    assert isinstance(block, ast.BlockDecl)
    assert block.span == Span("x.rev", 3, 1, 5, 2)
    assert block.name_span == Span("x.rev", 3, 7, 3, 9)
    update = block.body[0]
    assert isinstance(update, ast.Update)
    assert update.span == Span("x.rev", 4, 3, 4, 16)
    assert isinstance(update.value, ast.Binary)
    assert isinstance(update.value.left, ast.Call)
    assert update.value.left.span == Span("x.rev", 4, 8, 4, 12)
    assert update.value.left.func_span == Span("x.rev", 4, 8, 4, 9)


def test_comments_are_kept_with_their_places():
    text = '# top\nnet F = torch "a#b"  # why  \nblock A(a: [\n  B,  # batch\n]) { }'
    comments = parse_or_raise(text).comments
    assert [(c.text, c.own_line, c.span.line, c.span.column) for c in comments] == [
        ("# top", True, 1, 1),
        ("# why", False, 2, 22),
        ("# batch", False, 4, 7),
    ]


def test_windows_line_ends_change_nothing():
    text = "dim B  # a\n\nblock A(a: [B]) {\n  negate a\n}\n"
    assert parse_or_raise(text.replace("\n", "\r\n")).same(parse_or_raise(text))


def test_parse_or_raise_carries_every_finding():
    with pytest.raises(SpecError) as caught:
        parse_or_raise("dim 3\nblock A(a: [B]) {\n  swap a b\n}\n", "x.rev")
    assert [d.code for d in caught.value.diagnostics] == ["S001", "S001"]
    assert str(caught.value).startswith("x.rev:1:5: S001 expected a name, found `3`\nx.rev:3:9: ")
