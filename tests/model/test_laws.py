"""Every statement and net, in a small program: against the oracle, and inverted bit for bit."""

import pytest
import torch

import revc
from tests.model import specs
from tests.model.laws import check_laws, gradients, randomize, weighted
from tests.model.reference import Reference

PAIR = "model Net(a, b: [B, T, d]) -> (a, b: [B, T, d]) {{\n{}\n}}\n"

BODIES = {
    "attention": "a += attention(b, heads = 2)",
    "grouped heads": "a += attention(b, heads = 4, kv_heads = 2, causal = true)",
    "rotary": "a += attention(b, heads = 2, causal = true, rotary = true)",
    "window": "a += attention(b, heads = 2, causal = true, window = 3)",
    "two-sided window": "a += attention(b, heads = 2, window = 2)",
    "mlp gelu": "a += mlp(b, width = 12)",
    "mlp silu": "a += mlp(b, width = 12, act = silu)",
    "mlp swiglu": "a -= mlp(b, width = 12, act = swiglu)",
    "two arguments": "a += linear(b, b, out = d)\nb += mlp(a, a, width = 4)",
    "layer norm": "a += norm(b)",
    "rms norm": "a += norm(b, kind = rms)",
    "no bias": "a += linear(b, bias = false)",
    "gate": "a += sigmoid(gate(b)) * tanh(linear(b))",
    "parameter": "a += b * parameter([d], init = 1)\nb += parameter([d], init = 1)",
    "arithmetic": "a += 2 * b - b / 3 + 0.5 * (b * b) / (2 + b * b) - (1 - b)",
    "number over tensor": "a += 1 / (2 + b * b)",
    "functions": (
        "a += tan(b / 9) + sin(b) + cos(b) + exp(b / 4) + log(2 + abs(b)) + tanh(b)\n"
        "b += sigmoid(a) + softplus(a) + relu(a) + gelu(a) + silu(a) + softsign(a)\n"
        "a += sqrt(1 + b * b)"
    ),
    "negate": "a += linear(b)\nnegate a\nb -= linear(a)",
    "swap": "a += linear(b)\nswap a, b\na += linear(b)",
    "slices": "a[.., :3] += linear(a[.., 3:], out = 3)\nb[:, 1:, 2:4] -= a[:, 1:, :2]",
    "negated slice": "negate a[.., :3]\nb += linear(a)",
    "let": "let h = tanh(linear(b))\na += h\na -= h * h\nb += mlp(a, width = 4)",
    "split and join": (
        "split a -> p, q\np += linear(q)\nq -= linear(p)\njoin q, p -> a\nb += linear(a)"
    ),
    "permute": "permute a by (0, 2, 1)\npermute a by (0, 2, 1)\nb += linear(a)",
    "reshape": "reshape a to [B, T*d]\nreshape a to [B, T, d]\nb += linear(a)",
    "alloc and free": "alloc z: [B, T, d] = 0.5\na += linear(z)\nfree z = 0.5\nb += linear(a)",
    "emit": "a += linear(b)\nemit seen = tanh(linear(a))\nb += linear(a)",
    "emits of turns": "repeat 3 { a += linear(b)\n emit seen = a * b\n swap a, b }",
    "shared turns": "repeat 3 share { a += linear(b)\n b += linear(a) }",
    "nested repeats": "repeat 2 { a += linear(b)\n repeat 2 { b += linear(a) } }",
    "reversed turns": "repeat 3 reversed as i { a += linear(b) * (i + 1)\n swap a, b }",
    "turn index": "repeat 3 as i { a[:, i] += linear(b[:, i]) }",
    "one net twice": "net F = linear()\na += F(b)\nb += F(a)",
    "composite net": (
        "net F(x: [B, T, d]) -> [B, T, d] = linear(norm(x)) + mlp(x, width = 4)\n"
        "a += F(b)\nb -= F(a)"
    ),
}


@pytest.mark.parametrize("chunks", [1, 2])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_statement(body: str, chunks: int) -> None:
    torch.manual_seed(0)
    model = revc.compile(specs.HEAD + PAIR.format(body), chunks=chunks)
    randomize(model)
    check_laws(model, a=torch.randn(3, 5, 8), b=torch.randn(3, 5, 8))


@pytest.mark.parametrize("chunks", [1, 2])
def test_convolutions_and_squeeze(chunks: int) -> None:
    source = """
    use std.nets: conv
    dim B, H, W
    state lattice(Q12.20)
    model Net(a, b: [B, 2, H, W]) -> (a, b: [B, 2, H, W]) {
      a += conv(b, width = 4, layers = 2)
      squeeze b by 2
      squeeze a by 2
      b -= conv(a, width = 4, layers = 1, act = silu)
      undo squeeze a by 2
      undo squeeze b by 2
    }
    """
    torch.manual_seed(0)
    model = revc.compile(source, chunks=chunks)
    randomize(model)
    check_laws(model, a=torch.randn(2, 2, 4, 6), b=torch.randn(2, 2, 4, 6))


@pytest.mark.parametrize("chunks", [1, 2])
def test_language_model(chunks: int) -> None:
    torch.manual_seed(0)
    model = revc.compile(specs.LANGUAGE, chunks=chunks)
    randomize(model)
    tokens, targets = torch.randint(11, (2, 2, 5)).unbind()
    out = check_laws(model, tokens=tokens, targets=targets)
    logits = torch.nn.functional.cross_entropy(out.logits.flatten(0, 1), targets.flatten())
    torch.testing.assert_close(out.loss, logits.to(out.loss.dtype), atol=1e-5, rtol=1e-5)


def test_given_with_gradient_and_turns() -> None:
    source = (
        specs.HEAD
        + """
    block Cell(a, b: [B, d], given x: float32[B, d]) {
      a += mlp(b, x, width = 8)
      b += mlp(a, x, width = 8)
    }
    model Rnn(given xs: float32[B, T, d]) -> (a, b: [B, d]) {
      alloc a, b: [B, d] = 0
      repeat T as t share { Cell(a, b, xs[:, t]) }
    }
    """
    )
    torch.manual_seed(0)
    model = revc.compile(source)
    randomize(model)
    check_laws(model, xs=torch.randn(3, 4, 8))


INTEGRATORS = {
    "midpoint": "Midpoint<F, h = 0.5>(p, q)",
    "leapfrog": "Leapfrog<F>(p, q)",
    "hamiltonian": "Hamiltonian<F, G, h = 0.25>(p, q)",
    "rotation": "Rotate<F>(p, q, u)",
    "inverse of a named call": "step: Hamiltonian<F, G>(p, q)\n uncall step(p, q)\n step(p, q)",
}


@pytest.mark.parametrize("call", INTEGRATORS.values(), ids=INTEGRATORS.keys())
def test_library_blocks(call: str) -> None:
    source = f"""
    use std.nets: linear, mlp
    use integrators: Midpoint, Leapfrog, Hamiltonian, Rotate
    dim B, T, c = 4
    state lattice(Q12.20)
    model Net(p, q: [B, T, c], given u: float32[B, T, c]) -> (p, q: [B, T, c]) {{
      repeat 2 {{
        net F(x: [B, T, c]) -> [B, T, c] = tanh(linear(x))
        net G(x: [B, T, c]) -> [B, T, c] = mlp(x, width = 6)
        p += G(q)
        q += F(p)
        {call}
      }}
    }}
    """
    torch.manual_seed(0)
    model = revc.compile(source)
    randomize(model)
    u = torch.randn(2, 3, 4)
    check_laws(model, p=torch.randn(2, 3, 4), q=torch.randn(2, 3, 4), u=u)


@pytest.mark.parametrize(
    ("numerics", "dtype", "fraction"),
    [("Q8.8", torch.int16, 8), ("Q12.20", torch.int32, 20), ("Q24.40", torch.int64, 40)],
)
def test_lattice_widths(numerics: str, dtype: torch.dtype, fraction: int) -> None:
    source = specs.LAYERS.replace("Q12.20", numerics)
    torch.manual_seed(0)
    model = revc.compile(source)
    out = model(torch.randn(2, 4, 8), torch.randn(2, 4, 8))
    assert out.state[0][0].dtype == dtype
    back = model.inverse(out)
    again = model(*back)
    assert all(torch.equal(x, y) for x, y in zip(out.state[0], again.state[0], strict=True))
    out.a.sum().backward()


def test_float_state_is_near() -> None:
    torch.manual_seed(0)
    model = revc.compile(specs.LAYERS.replace("lattice(Q12.20)", "float32"))
    a, b = torch.randn(2, 4, 8), torch.randn(2, 4, 8)
    back = model.inverse(model(a, b))
    torch.testing.assert_close(back[0], a, atol=1e-5, rtol=1e-5)
    randomize(model)
    model = model.double()
    inputs = {"a": a.double().requires_grad_(), "b": b.double().requires_grad_()}
    mine = gradients(weighted(model(**inputs)._asdict()), list(inputs.values()))
    oracle = Reference(model.graphs.program, model.net_modules())
    theirs = gradients(weighted(oracle(**inputs)), list(inputs.values()))
    for one, other in zip(mine, theirs, strict=True):
        torch.testing.assert_close(one, other)
