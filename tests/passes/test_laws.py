"""Laws that hold for every spec: what is built is valid, verifies, and inverts."""

from pathlib import Path

import pytest

from revc.grammar.diagnostics import SpecError
from revc.passes.analysis.proof import prove
from revc.passes.invert import invert
from revc.passes.lint import lint
from revc.passes.spec import build
from revc.passes.transform.pipeline import PIPELINE, run_pipeline
from revc.passes.transform.verify import verify, verify_block
from tests.fitting import misfits
from tests.passes.canonical import canonical
from tests.passes.specs import BIJECTIVE, FORGETTING, HEAD, SPECS, sizes

EXTRA = {
    "patches": f"""{HEAD}
block Layer(a, b: [B, T, c]) {{
  a += attention(norm(b), heads = 4)
  b += mlp(norm(a), width = 4*c)
}}
model M(given patches: float32[B, T, 12]) -> (x: [B, T, d]) {{
  net Embed = linear(out = c)
  net Position = parameter([c])
  alloc a, b: [B, T, c] = 0
  a += Embed(patches) + Position()
  b += Embed(patches) + Position()
  repeat 3 {{ Layer(a, b) }}
  join a, b -> x
  emit logits = linear(norm(x), out = 10)
}}
""",
    "lets": f"""{HEAD}
model M(a, b: [B, T, c], given u: [B, T, c]) {{
  let half = tan(mlp(u, width = 8) / 2)
  let twice = 2 * half
  a -= half * b
  b += twice * a
  a -= half * b
}}
""",
    "labels": f"""{HEAD}
block Layer(a, b: [B, T, c]) {{ a += mlp(b, width = 8) }}
model M(a, b: [B, T, c]) {{
  enc: Layer(a, b)
  Layer(b, a)
  uncall enc(a, b)
  Layer(a, b)
  undo Layer(a, b)
}}
""",
    "loops": f"""{HEAD}
block Layer(a, b: [B, T, c]) {{ a += mlp(b, width = 8) }}
model M(a, b: [B, T, c], given xs: float32[B, T, c]) {{
  repeat 2 as i {{ Layer(a, b) }}
  repeat 3 reversed as j share {{
    a += linear(b)
    repeat 2 {{ b += norm(a) }}
    b[:, j] += xs[:, j]
  }}
  undo repeat 2 {{
    a += mlp(b, width = 4)
    b += mlp(a, width = 8)
  }}
}}
""",
    "moves": f"""{HEAD}
model M(x: [B, 4, 8, 8]) -> (y: [B, 16, 4, 4]) {{
  squeeze x by 2
  split x -> p, q, r, s along 1
  swap p, s
  negate q
  alloc t: [B, 4, 4, 4] = 0
  t += conv(q, width = 4)
  r += t
  t -= conv(q, width = 4)
  undo alloc t: [B, 4, 4, 4] = 0
  permute p by (0, 3, 1, 2)
  reshape p to [B, 16, 2, 2]
  reshape p to [B, 4, 4, 4]
  permute p by (0, 2, 3, 1)
  join p, q, r, s -> y along 1
}}
""",
    "frees": f"""{HEAD}
model M(a, b: [B, T, c]) {{
  alloc t, s: [B, T, c] = 0
  t += tanh(a)
  b += t
  t -= tanh(a)
  free s, t = 0
}}
""",
    "nets": f"""{HEAD}
net Shared(x: [B, T, c]) -> [B, T, c] = mlp(norm(x), width = 8)
block Twice<F, h = 1>(a, b: [B, T, c]) {{
  a += h * F(b)
  b += h * F(a) + Shared(a)
}}
model M(a, b: [B, T, c]) {{
  net G(x: [B, T, c]) -> [B, T, c] = linear(x)
  net L = mlp(width = 4)
  Twice<G, h = 1/2>(a, b)
  Twice<Shared>(a, b)
  Twice<L>(a, b)
  a += Shared(b)
}}
""",
    "masks": f"""{HEAD}
use std.nets: dropout
net Drop = dropout(p = 0.5)
net Feed(x: [B, T, c]) -> [B, T, c] = dropout(mlp(norm(x), width = 8), p = 0.1) + dropout(x, p = 0)
block Layer<F>(a, b: [B, T, c]) {{
  a += F(b)
  repeat 2 {{ b -= Drop(tanh(a)) }}
}}
model M(a, b: [B, T, c]) {{
  net G(x: [B, T, c]) -> [B, T, c] = norm(dropout(x, p = 1/4))
  a[.., :4] += dropout(linear(a[.., 4:], out = 4), p = 0.1)
  alloc mask_0: [B, T, c] = 0
  Layer<G>(a, b)
  Layer<Feed>(a, b)
  undo b += 2 * Feed(a) + mask_0
  free mask_0 = 0
  draw m: label(2)[B, T] by dropout(p = 0.1) as m
  repeat 2 share {{ a += dropout(norm(b), p = 0) }}
  put m by dropout(p = 0.1) as m
  undo repeat 2 {{
    a -= G(b)
    b += dropout(a, p = 0.3)
  }}
}}
""",
    "mixes": f"""{HEAD}
net Shared = orthogonal()
block Flow<R>(a: [B, T, c]) {{
  mix a by R
  mix a[.., :4] by lu
  mix a by Shared
}}
model M(a, b: [B, T, c]) {{
  net lu_0 = norm()
  net R = householder(4)
  mix a by householder(k = 2)
  a += lu_0(b)
  mix b by R
  undo mix a by lu()
  mix a by permutation(3)
  one: Flow<R>(b)
  uncall one(a)
  Flow<Shared>(a)
  repeat 2 {{
    net S = lu()
    mix b by S
    mix a by orthogonal()
    undo mix b by S
  }}
  undo repeat 2 share {{ mix b by lu() }}
}}
""",
    "bits": f"""{HEAD}
reservoir e(seed = 3, bits = 500)
tape t
block Reset(a, b: [B, T, c]) {{
  valve a[.., :4] by logistic(linear(b, out = 8), step = 1/16) as va on t
}}
model M(a, b: [B, T, c]) -> (a: [B, T, c], k: label(4)[B, T]) {{
  scale a by sigmoid(gate(b)) in [1/64, 1] as f on t
  uncall Reset(a, b)
  undo valve a by gaussian(linear(b), step = 3/8, residue = write) as va
  apply a by softsign()
  draw k: label(4)[B, T] by softmax(linear(a, out = 4)) as k on e
  put b by logistic_mixture(linear(a), components = 2, step = 1/4) as b
}}
budget net(M.va) <= 0.1 bits/token/valve
budget draw(k) <= 2 bits/element
""",
}
CASES = [(path.stem, str(path), sizes(path)) for path in BIJECTIVE] + [
    (name, text, {}) for name, text in EXTRA.items()
]
FORGET = [(path.stem, str(path), sizes(path)) for path in FORGETTING]


def given(cases: list[tuple[str, str, dict[str, int]]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        ("source", "dims"), [(s, d) for _, s, d in cases], ids=[name for name, _, _ in cases]
    )


cases = given(CASES)


@given(CASES + FORGET)
def test_nodes_are_valid(source: str, dims: dict[str, int]) -> None:
    assert misfits(build(source, dims=dims)) == []


@cases
def test_inverse_verifies_and_inverts_back(source: str, dims: dict[str, int]) -> None:
    program = build(source, dims=dims)
    inverse = program.model.inverse()
    verify_block(inverse)
    assert inverse.takes == program.model.gives
    assert inverse.gives == program.model.takes
    again = program.replace(model=inverse.inverse())
    verify(again)
    assert canonical(again) == canonical(program)


@cases
def test_inverse_source_has_the_same_parameters(source: str, dims: dict[str, int]) -> None:
    program = build(source, dims=dims)
    text = invert(source)
    if program.free and not program.model.gives:
        dims = {**dims, **dict.fromkeys(program.free, 2)}  # sizes that only the inputs told
    inverse = build(text, dims=dims)
    names = sorted(slot.name for slot in inverse.model.nets)
    assert names == sorted(slot.name for slot in program.model.nets)
    assert {r.name for r in inverse.model.takes} == {r.name for r in program.model.gives}
    assert {r.name for r in inverse.model.gives} == {r.name for r in program.model.takes}


@cases
def test_inverting_twice_gives_the_same_program(source: str, dims: dict[str, int]) -> None:
    program = build(source, dims=dims)
    twice = build(invert(invert(source)), dims=dims)
    assert canonical(twice) == canonical(program)


@cases
def test_the_proof_stands(source: str, dims: dict[str, int]) -> None:
    assert prove(build(source, dims=dims).model).verdict in ("PROVED", "ASSUMED")


@given(FORGET)
def test_what_forgets_is_not_inverted(source: str, dims: dict[str, int]) -> None:
    assert prove(build(source, dims=dims).model).verdict == "FORGETS"
    with pytest.raises(SpecError, match="L111"):
        invert(source)


@given(CASES + FORGET)
def test_the_pipeline_is_idempotent(source: str, dims: dict[str, int]) -> None:
    program = build(source, dims=dims)
    assert run_pipeline(program, PIPELINE) == program


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_shipped_specs_are_clean(path: Path) -> None:
    result = lint(path)
    assert not result.denied
    assert not result.denied
    forgets = path in FORGETTING or path.stem == "stages"
    assert {proof.verdict for proof in result.proofs} <= {"PROVED", *(["FORGETS"] * forgets)}


@pytest.mark.parametrize("path", BIJECTIVE, ids=lambda path: path.stem)
def test_inverse_of_shipped_specs_is_clean(path: Path) -> None:
    assert not lint(invert(path)).denied
