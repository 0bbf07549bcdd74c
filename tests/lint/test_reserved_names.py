"""Names that Python, PyTorch or generated code have: refused where they stand, or they work."""

import pytest
import torch
from torch import nn

import revc
from revc.passes.analysis.reserved_names import MODULE_NAMES, reserved
from revc.passes.lint import lint
from revc.runtime.run.segment import Segment

HEAD = "use std.nets: mlp\ndim B, c = 8\nstate lattice(Q12.20)\n"
REFUSED = {
    "model": ("model {n}(a, b: [B, c]) {{ a += b }}", ["class", "None"]),
    "result": ("model M({n}, b: [B, c]) {{ {n} += b }}", ["class", "_x", "run", "self", "ledger"]),
    "emit": ("model M(a, b: [B, c]) {{ emit {n} = a }}", ["class", "_x", "run", "_replace"]),
    "emit of a block": (
        "block K(a, b: [B, c]) {{ emit {n} = a }}\nmodel M(a, b: [B, c]) {{ K(a, b) }}", ["run"]
    ),
    "given": ("model M(a: [B, c], given {n}: [B, c]) {{ a += {n} }}", ["class", "self"]),
    "net": (
        "model M(a, b: [B, c]) {{\nnet {n} = mlp(width = 8)\na += {n}(b) }}",
        ["forward", "train", "call", "_modules", "__init__"],
    ),
    "file's net": (
        "net {n} = mlp(width = 8)\nmodel M(a, b: [B, c]) {{ a += {n}(b) }}", ["forward", "to"]
    ),
    "call": (
        "block K(a, b: [B, c]) {{ a += b }}\nmodel M(a, b: [B, c]) {{ {n}: K(a, b) }}", ["train"]
    ),
    "loop": ("model M(a, b: [B, c]) {{ {n}: repeat 2 {{ a += b }} }}", ["forward"]),
}  # fmt: skip
WORKING = {
    "block": (
        "block {n}(p, q: [B, c]) {{ p += mlp(q, width = 4) }}\n"
        "model M(a, b: [B, c]) {{ {n}(a, b)\n {n}(b, a) }}"
    ),
    "blocks of a block": (
        "block {n}(p, q: [B, c]) {{ p += mlp(q, width = 4) }}\n"
        "block K(p, q: [B, c]) {{ {n}(p, q) }}\nmodel M(a, b: [B, c]) {{ K(a, b) }}"
    ),
    "loop": "model M(a, b: [B, c]) {{ {n}: repeat 2 {{ a += mlp(b, width = 4) }} }}",
    "register": (
        "model M(a, b: [B, c]) {{ alloc {n}: [B, c] = 0\n {n} += tanh(a)\n b += {n}\n"
        " {n} -= tanh(a)\n free {n} = 0 }}"
    ),
}
HOSTILE = ("memory", "lattice", "ops", "class", "aten", "torch", "count", "segments", "print", "_x")


@pytest.mark.parametrize("role", REFUSED)
def test_a_name_that_is_kept_is_refused_where_it_stands(role: str) -> None:
    text, names = REFUSED[role]
    for name in names:
        found = [d for d in lint(HEAD + text.format(n=name)).findings if d.level == "deny"]
        assert {d.code for d in found} <= {"S009", "S002"}
        assert any(f"`{name}` is already" in d.message and d.span.line >= 4 for d in found)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("role", WORKING)
def test_other_names_work(role: str, name: str) -> None:
    model = revc.compile(HEAD + WORKING[role].format(n=name))
    a, b = (torch.randn(3, 8, requires_grad=True) for _ in range(2))
    out = model(a, b)
    out.a.sum().backward(retain_graph=True)
    torch.testing.assert_close(model.inverse(out)[0], a, atol=1e-6, rtol=0)


def test_the_names_of_modules_are_all_known() -> None:
    text = "block K(a, b: [B, c]) { a += mlp(b, width = 4) }\nmodel M(a, b: [B, c]) { K(a, b) }"
    model = revc.compile(HEAD + text)
    (segment,) = [module for module in model.modules() if isinstance(module, Segment)]
    # Dynamo leaves a mark of its own on the class, once it was imported.
    own = {name for name in (*dir(nn.Module()), *dir(segment)) if not name.startswith("___")}
    own -= set(segment._modules)
    assert {name for name in own if not reserved(name, "module")} == set()
    assert {name for name in MODULE_NAMES if not hasattr(segment, name)} <= {"training"}
