"""The names of net instances: they name the parameters, so they are stable."""

import pytest

from revc.passes.spec import build
from tests.passes.specs import COUPLED, HEAD, SPECS


def slots(body: str, before: str = "") -> list[str]:
    spec = f"{HEAD}{before}\nmodel M(a, b: [B, T, c]) {{\n{body}\n}}\n"
    return [slot.name for slot in build(spec).model.nets]


PLAIN = "block Layer(a, b: [B, T, c]) { a += mlp(norm(b), width = 8) }"
TAKES = "block Layer<F>(a, b: [B, T, c]) {\n a += F(b)\n b += F(a) + mlp(a, width = 8)\n}"


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("a += mlp(norm(b), width = 8)", ["mlp_0", "norm_0"]),
        ("a += norm(norm(b))\nb += norm(a)", ["norm_0", "norm_1", "norm_2"]),
        ("net norm_0 = norm()\na += norm_0(b) + norm(b)", ["norm_0", "norm_1"]),
        ("a += norm(b)\nnet norm_0 = norm()\nb += norm_0(a)", ["norm_1", "norm_0"]),
        ("net Tok = embedding(V)\na += norm(b)", ["norm_0"]),
        ("repeat 2 { a += norm(b) }", ["repeat_0.0.norm_0", "repeat_0.1.norm_0"]),
        ("repeat 2 share { a += norm(b) }", ["repeat_0.norm_0"]),
        ("up: repeat 1 { a += norm(b) }", ["up.0.norm_0"]),
        ("repeat 1 { a += norm(b) }\nrepeat 1 { b += norm(a) }",
         ["repeat_0.0.norm_0", "repeat_1.0.norm_0"]),
        ("net F(x: [B, T, c]) -> [B, T, c] = norm(x) + norm(2*x)\na += F(b)\nb += F(a)",
         ["F.norm_0", "F.norm_1"]),
        ("repeat 2 {\nnet F = norm()\na += F(b)\nb += F(a)\n}", ["repeat_0.0.F", "repeat_0.1.F"]),
        ("net F = norm()\nrepeat 2 { a += F(b) }", ["F"]),
        ("undo repeat 2 {\na += norm(b)\nb += mlp(a, width = 8)\n}",
         ["repeat_0.0.norm_0", "repeat_0.0.mlp_0", "repeat_0.1.norm_0", "repeat_0.1.mlp_0"]),
    ],
)  # fmt: skip
def test_nets_of_a_body(body: str, names: list[str]) -> None:
    assert slots(body) == names


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("Layer(a, b)\nLayer(b, a)", ["Layer_0", "Layer_1"]),
        ("enc: Layer(a, b)\nuncall enc(a, b)\nLayer(a, b)", ["enc", "Layer_0"]),
        ("Layer_0: Layer(a, b)\nLayer(a, b)", ["Layer_0", "Layer_1"]),
        ("repeat 2 { Layer(a, b) }", ["repeat_0.0.Layer_0", "repeat_0.1.Layer_0"]),
    ],
)
def test_nets_of_calls(body: str, names: list[str]) -> None:
    expected = [f"{name}.{net}" for name in names for net in ("mlp_0", "norm_0")]
    assert slots(body, PLAIN) == expected


def test_a_passed_net_is_the_callers() -> None:
    body = "net G = norm()\nLayer<G>(a, b)\nLayer<G>(a, b)"
    assert slots(body, TAKES) == ["G", "Layer_0.mlp_0", "Layer_1.mlp_0"]


def test_a_passed_composite_keeps_its_names() -> None:
    body = "net G(x: [B, T, c]) -> [B, T, c] = norm(norm(x))\nLayer<G>(a, b)"
    assert slots(body, TAKES) == ["G.norm_0", "G.norm_1", "Layer_0.mlp_0"]


def test_a_files_net_is_one_instance() -> None:
    before = "net S = norm()\nblock Layer(a, b: [B, T, c]) { a += S(b) }"
    assert slots("repeat 3 { Layer(a, b) }\nb += S(a)", before) == ["S"]


def test_an_outer_net_and_an_inner_call_of_one_name() -> None:
    body = "net norm_0 = norm()\nrepeat 1 { a += norm_0(b) + norm(b) }"
    assert slots(body) == ["norm_0", "repeat_0.0.norm_0"]


def test_equal_calls_share_their_block() -> None:
    repeat = build(COUPLED).model.body[0]
    assert len(repeat.nets) == 3
    two = build(f"{HEAD}{PLAIN}\nmodel M(a, b: [B, T, c]) {{\nLayer(a, b)\nLayer(b, a)\n}}")
    first, second = two.model.body
    assert first.block is second.block
    assert first.nets != second.nets


def test_equal_nets_share_the_block_that_takes_them() -> None:
    body = "net F = norm()\nnet G = norm()\nnet H = linear()\n"
    body += "Layer<F>(a, b)\nLayer<G>(a, b)\nLayer<H>(a, b)"
    spec = f"{HEAD}{TAKES}\nmodel M(a, b: [B, T, c]) {{\n{body}\n}}"
    first, second, third = build(spec).model.body
    assert first.block is second.block
    assert third.block is not first.block


def test_a_net_that_no_call_has_sized_yet_is_the_same_net_after_it() -> None:
    body = "net F = linear()\none: Layer<F>(a, b)\nuncall one(a, b)\nLayer<F>(b, a)"
    spec = f"{HEAD}{TAKES}\nmodel M(a, b: [B, T, c]) {{\n{body}\n}}"
    first, second, third = build(spec).model.body
    assert first.block is second.block is third.block
    assert first.nets == second.nets


def test_names_are_unique_in_every_shipped_model() -> None:
    for path in SPECS:
        if "\nmodel" in path.read_text():
            names = [
                s.name
                for s in build(path, dims={"c": 64} if "integ" in path.stem else {}).model.nets
            ]
            assert len(names) == len(set(names))
