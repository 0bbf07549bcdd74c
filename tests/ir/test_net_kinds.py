"""The table of built-in nets says what signatures and modules say."""

import inspect

import pytest

from revc.codegen.builtins import EMITTERS, make, module_class
from revc.grammar.signatures import builtin_signatures
from revc.ir.net_kinds import NET_KINDS, arguments_of, kind_of, parameter_names
from revc.ir.nets import NetSlot
from revc.passes.spec import build

HEAD = (
    "use std.nets: attention, mlp, norm, linear, conv, gate, embedding, parameter, "
    "group_norm, mean, pool, cross_entropy, dropout, orthogonal, householder, lu\n"
    "dim B, T, H, W, d = 8\n"
    "state lattice(Q12.20)\n"
)
SPEC = HEAD + (
    "model M(a, b: [B, T, d], p: [B, 2, H, W], q: [B, 2, H, W], given u: label(5)[B, T])"
    " -> (a, b: [B, T, d], p: [B, 2, H, W], q: [B, 2, H, W]) {\n"
    "  net Tok = embedding(5)\n"
    "  a += Tok(u) + parameter([d], init = 1) + norm(b) + norm(b, kind = rms)\n"
    "  a += linear(b) + linear(b, bias = false) + linear(b, b) + sigmoid(gate(b))\n"
    "  a += attention(b, heads = 4, kv_heads = 2, causal = true, window = 3)\n"
    "  a += mlp(b, width = 3) + mlp(b, width = 3, act = swiglu) + dropout(b, p = 0.5)\n"
    "  p += conv(q, width = 4, layers = 3, act = silu) + pool(q, stride = 1, kernel = 3)\n"
    "  p += group_norm(q, groups = 2)\n"
    "  emit seen = mean(pool(conv(q, width = 2, stride = 2), stride = 2, kind = max), along = 1)\n"
    "  mix a by orthogonal\n"
    "  mix b by householder(k = 2)\n"
    "  mix a by lu\n"
    "  emit loss = cross_entropy(a, u, out = 5) + cross_entropy(a, u, out = 5, tied = Tok)\n"
    "  emit logits = linear(a, out = 5, tied = Tok)\n"
    "}\n"
)
SLOTS = build(SPEC).model.nets


def test_there_is_a_row_for_each_signature_and_an_emitter_for_each_net_that_is_called() -> None:
    assert set(NET_KINDS) == set(builtin_signatures())
    called = {name for name, kind in NET_KINDS.items() if not (kind.matrix or kind.masks)}
    assert set(EMITTERS) == called


def test_the_program_has_every_kind_that_is_called() -> None:
    assert {slot.source.name for slot in SLOTS} >= set(EMITTERS)  # type: ignore[union-attr]


@pytest.mark.parametrize("slot", SLOTS, ids=[slot.name for slot in SLOTS])
def test_a_row_names_the_parameters_and_arguments_of_its_module(slot: NetSlot) -> None:
    module = make(slot)
    assert parameter_names(slot) == tuple(name for name, _ in module.named_parameters())
    taken = tuple(inspect.signature(module_class(slot)).parameters)
    kind = kind_of(slot.source)
    assert kind is not None
    assert kind.arguments == taken[: len(kind.arguments)]
    assert tuple(arguments_of(slot)) == kind.arguments
