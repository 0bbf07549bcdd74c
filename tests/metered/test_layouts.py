"""Registers that are moved about lie alike in each direction: bytes, inverse, gradients agree."""

import pytest
import torch

import revc

SPEC = """use std.nets: conv, mlp, norm, parameter
dim B
state lattice(Q12.20)
model N(a, b: {before}, c: {after}) -> (a: {before}) {{
  a += gelu(b)
  {move}
  c += {net}
  put b by logistic(parameter({params}), step = 1/64) as b_code
  put c by logistic(parameter({params}), step = 1/64) as c_code
}}
"""
MOVES = {
    "permute": ((6, 8), "permute b by (0, 2, 1)", (8, 6)),
    "twice": ((6, 8), "permute b by (0, 2, 1)\n  b += tanh(0.5)\n  permute b by (0, 2, 1)", (6, 8)),
    "split and join": ((6, 8), "split b -> p, q along 1\n  join q, p -> b along 1", (6, 8)),
    "reshape": ((6, 8), "permute b by (0, 2, 1)\n  reshape b to [B, 6, 8]", (6, 8)),
    "squeeze": ((2, 4, 4), "squeeze b by 2", (8, 2, 2)),
    "channels last": ((4, 2, 8), "permute b by (0, 3, 1, 2)", (8, 4, 2)),
}
NETS = {
    "elementwise": "gelu(b)",
    "rms": "norm(b, kind = rms)",
    "mlp": "mlp(norm(b), width = 12)",
    "conv": "conv(b, width = 4)",
}
CASES = [
    (m, n) for m, (_, _, after) in MOVES.items() for n in NETS if n != "conv" or len(after) > 2
]


def text_of(sizes: tuple[int, ...], *first: str) -> str:
    return f"[{', '.join([*first, *map(str, sizes)])}]"


@pytest.mark.parametrize(("move", "net"), CASES)
def test_moved_registers_come_back_from_bytes_and_backwards(move: str, net: str) -> None:
    before, moved, after = MOVES[move]
    spec = SPEC.format(
        before=text_of(before, "B"),
        after=text_of(after, "B"),
        move=moved,
        net=NETS[net],
        params=text_of((*after[:-1], 2 * after[-1])),
    )
    torch.manual_seed(0)
    model = revc.compile(spec)
    inputs = [torch.randn(2, *size).requires_grad_() for size in (before, before, after)]
    out = model(*inputs)
    known = model.inverse(out)
    back = model.decompress(model.compress(*inputs))
    assert all(torch.equal(x, y) for x, y in zip(back, known, strict=True))
    (out.run.lengths.sum() + out.a.sum()).backward()  # compares what it rebuilds
    assert all(x.grad is not None for x in inputs)
