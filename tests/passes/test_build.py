"""`build`: dims, types, sharing of tables, sizes, and what Python binds."""

from pathlib import Path

import pytest

import revc
from revc.errors import BindError
from revc.grammar.diagnostics import SpecError, UnsupportedError
from revc.grammar.record import plain
from revc.ir.dims import Dim
from revc.ir.expr import At, NetCall
from revc.ir.instructions import Add, BlockCall, Repeat
from revc.ir.nets import Builtin, Hole, TorchClass
from revc.passes.spec import build
from tests.passes.specs import COUPLED, FOLDER, HEAD


def model(body: str, params: str = "a, b: [B, T, c]", before: str = "") -> str:
    return f"{HEAD}{before}\nmodel M({params}) {{\n{body}\n}}\n"


def codes(spec: str, **options: object) -> list[str]:
    with pytest.raises(SpecError) as caught:
        build(spec, **options)  # type: ignore[arg-type]
    return [d.code for d in caught.value.diagnostics]


def test_dims_are_bound_free_and_overridden() -> None:
    program = build(COUPLED)
    assert program.dims == {"V": 50, "d": 16, "c": 8}
    assert program.free == ("B", "T")
    wide = build(COUPLED, dims={"d": 32})
    assert wide.dims == {"V": 50, "d": 32, "c": 16}
    assert wide.model.takes[0].type.shape == (Dim.of("B"), Dim.of("T"), Dim.of(16))
    assert build(COUPLED, dims={"T": 5}).free == ("B",)


def test_an_unknown_dim_is_a_bind_error() -> None:
    with pytest.raises(BindError, match="no dim `q`"):
        build(COUPLED, dims={"q": 3})
    with pytest.raises(BindError, match="cannot be -1"):
        build(COUPLED, dims={"d": -1})


def test_a_path_and_its_text_build_the_same() -> None:
    path = FOLDER / "lm.rev"
    one, two = build(path), build(path.read_text())
    assert plain(one) == plain(two)


def test_options_have_defaults_and_targets() -> None:
    program = build(model("a += mlp(b, width = 4*c)"))
    source = program.model.nets[0].source
    assert isinstance(source, Builtin)
    assert source.settings == {"width": 32, "act": "gelu", "out": 8, "dropout": 0}


def test_a_tied_net_names_the_embeddings_slot_and_size() -> None:
    body = "net Tok = embedding(V)\na += norm(b)\na += Tok(u)\nemit y = linear(a, tied = Tok)"
    program = build(model(body, "a, b: [B, T, c], given u: label(V)[B, T]"))
    names = [slot.name for slot in program.model.nets]
    assert names == ["Tok", "norm_0", "linear_0"]
    source = program.model.nets[2].source
    assert isinstance(source, Builtin)
    assert (source.tied, source.settings["out"]) == (0, 50)


def test_ties_survive_calls_and_loops() -> None:
    block = """
block Head(a, b: [B, T, c], given u: label(V)[B, T]) {
  a += norm(b)
  net Tok = embedding(V)
  b += Tok(u)
  emit y = linear(a, tied = Tok)
}
"""
    body = "repeat 2 { Head(a, b, u) }"
    program = build(model(body, "a, b: [B, T, c], given u: label(V)[B, T]", block))
    ties = {
        slot.name: program.model.nets[slot.source.tied].name
        for slot in program.model.nets
        if isinstance(slot.source, Builtin) and slot.source.tied is not None
    }
    assert ties == {f"repeat_0.{t}.Head_0.linear_0": f"repeat_0.{t}.Head_0.Tok" for t in range(2)}


def test_several_arguments_are_one_input() -> None:
    program = build(model("a += mlp(b, u, width = 8)", "a, b: [B, T, c], given u: [B, T, 3]"))
    call = program.model.body[0].values()[0]
    assert isinstance(call, NetCall)
    assert len(call.args) == 2
    assert [t.shape[-1] for t in program.model.nets[0].inputs] == [Dim.of(8), Dim.of(3)]


def test_turns_are_dims_of_the_body() -> None:
    program = build(model("repeat T as t share { a += u[:, t] }", "a: [B, c], given u: [B, T, c]"))
    loop = program.model.body[0]
    assert isinstance(loop, Repeat)
    assert (loop.index, loop.share, len(loop.nets)) == ("t", True, 1)
    assert loop.body.turns == ("t",)
    (add,) = loop.body.body
    assert isinstance(add, Add)
    index = add.value.place.index  # type: ignore[union-attr]
    assert isinstance(index[1], At)
    assert index[1].position == Dim.of("t")
    assert len(index) == 3


def test_a_let_of_the_outer_body_is_given_to_a_loop() -> None:
    program = build(model("let v = tanh(u)\nrepeat 2 { a += v }", "a: [B, c], given u: [B, c]"))
    loop = program.model.body[1]
    assert isinstance(loop, Repeat)
    assert (loop.registers, loop.givens) == (("a",), ("v",))


def test_numbers_fold_exactly() -> None:
    block = "block Step<h = 1>(a, b: [B, T, c]) { a += 2*h*h/3 * b }"
    program = build(model("Step<h = 0.1>(a, b)", before=block))
    (call,) = program.model.body
    assert isinstance(call, BlockCall)
    value = call.block.body[0].values()[0]
    assert value.args[0].value == pytest.approx(0.02 / 3)  # type: ignore[union-attr]


def test_a_library_block_takes_sizes_and_numerics_from_its_call(tmp_path: Path) -> None:
    (tmp_path / "parts.rev").write_text(
        "use std.nets: mlp\ndim B, n, k = 3, m = n/2\nstate lattice(Q12.20)\n"
        "block Wide(x: [B, n], y: [B, m]) { y += mlp(x, width = k) }\n"
    )
    main = tmp_path / "main.rev"
    main.write_text(
        "use parts: Wide\ndim N, q = 10\nstate lattice(Q16.16)\n"
        "model M(a: [N, 2*q], b: [N, q]) { Wide(a, b) }\n"
    )
    program = build(main)
    (call,) = program.model.body
    assert isinstance(call, BlockCall)
    assert [str(r.type) for r in call.block.takes] == [
        "lattice(Q16.16)[N, 20]",
        "lattice(Q16.16)[N, 10]",
    ]
    assert program.model.nets[0].source.settings["width"] == 3  # type: ignore[union-attr]
    wide = build(main, dims={"parts.k": 5})
    assert wide.model.nets[0].source.settings["width"] == 5  # type: ignore[union-attr]
    with pytest.raises(BindError, match=r"no dim `parts\.q`"):
        build(main, dims={"parts.q": 5})


def test_installed_specs_are_modules() -> None:
    spec = f"use midpoint: Midpoint\n{model('net F = norm()' + chr(10) + 'Midpoint<F>(a, b)')}"
    assert build(spec).model.nets[0].name == "F"


def test_python_binds_nets_without_a_body() -> None:
    spec = model("net F(x: [B, T, c]) -> [B, T, c]\na += F(b)")
    program = build(spec, nets=["F"])
    assert program.model.nets[0].source == Hole(name="F")
    with pytest.raises(BindError, match=r"<string>:7:1: net `F` has no body"):
        build(spec)
    with pytest.raises(BindError, match="no net `G` without a body"):
        build(spec, nets=["F", "G"])


def test_torch_classes_have_settings() -> None:
    spec = model(
        'net F(x: [B, T, c]) -> [B, T, c] = torch "pkg.mod:Net"(c, 0.5, bias = false)\na += F(b)'
    )
    source = build(spec).model.nets[0].source
    assert isinstance(source, TorchClass)
    assert (source.target, source.args, source.kwargs) == ("pkg.mod:Net", (8, 0.5), {"bias": False})


def test_sizes_of_parameters_must_be_known() -> None:
    spec = "use std.nets: mlp\ndim B, c\nmodel M(a, b: [B, c]) { a += mlp(b, width = 4) }"
    assert codes(spec) == ["S008"]
    assert build(spec, dims={"c": 4}).dims == {"c": 4}


def test_turns_of_an_unshared_loop_must_be_known() -> None:
    spec = "dim B, n\nmodel M(a, b: [B, 4]) { repeat n { a += b } }"
    assert codes(spec) == ["S008"]
    assert codes(spec.replace("repeat n {", "repeat n share {")) == ["S008"]  # no input tells n
    assert build(spec, dims={"n": 3})


def test_results_and_emits_are_fields_of_one_tuple() -> None:
    assert codes(model("emit a = b")) == ["S009"]


def test_a_statement_without_a_runtime_still_builds() -> None:
    assert build(FOLDER / "language_model.rev").budgets[0].meter == "net"


def test_residual_is_not_yet_supported() -> None:
    spec = model("net F(x: [B, T, c]) -> [B, T, c] = norm(x)\nresidual a by F")
    with pytest.raises(UnsupportedError) as caught:
        build(spec)
    assert caught.value.diagnostics[0].span.line == 8


def test_choosing_a_model() -> None:
    spec = "dim B\nmodel M(a: [B]) { negate a }\nmodel N(a: [B]) { negate a }\n"
    assert build(spec, model="N").model.name == "N"
    with pytest.raises(BindError, match="several models: say which of M, N"):
        build(spec)
    with pytest.raises(BindError, match="no model `K`"):
        build(spec, model="K")
    assert codes("dim B\n") == ["S002"]


def test_allow_compiles_what_keeps_its_meaning() -> None:
    allow = '# revc: allow({}) reason = "b holds 0 here"'
    spec = model("alloc t: [B, T, c] = 0\nt += tanh(a)\nfree t = 0  @@")
    assert codes(spec.replace("@@", "")) == ["L107"]
    assert build(spec.replace("@@", allow.format("L107")))
    lost = model(f"a += tanh(a)  {allow.format('B201')}")
    assert codes(lost) == ["B201"]


def test_a_built_in_nets_own_dropout_is_not_compiled_even_if_it_is_allowed() -> None:
    """It would never drop anything: the net has no reservoir to draw from."""
    source = """use std.nets: mlp
dim B, c = 8
state lattice(Q12.20)
model M(a, b: [B, c]) -> (a, b: [B, c]) {
  a += mlp(b, width = 4*c, dropout = 0.1)  # revc: allow(R401) reason = "a test"
}
"""
    with pytest.raises(UnsupportedError, match="dropout"):
        revc.compile(source)
