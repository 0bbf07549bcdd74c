"""Learned invertible matrices: what they are, their VJPs, and their way onto the lattice."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from revc.runtime.nets.mixing import (
    LU,
    Householder,
    Mixing,
    Orthogonal,
    inverse_matrix_of,
    log_abs_det,
    log_abs_det_vjp,
    lu_pieces,
    matrix_of,
    matrix_vjp,
)
from revc.runtime.state.factoring import SingularMixError, factor, permutation, triangle
from revc.runtime.state.lifting import apply_lifts, triangular_lift

NETS: dict[str, Callable[[int], Mixing]] = {
    "orthogonal": Orthogonal,
    "householder": lambda n: Householder(n, 3),
    "lu": LU,
}
CASES = [(family, n) for family in NETS for n in (1, 2, 5, 64)]


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def moved(net: Mixing) -> Mixing:
    """Take a net away from where it starts."""
    with torch.no_grad():
        net.weight += 0.3 * torch.randn_like(net.weight) / net.n**0.5
    return net


def in_plain_torch(net: Mixing) -> Tensor:
    """The matrix by the textbook, differentiable."""
    weight, eye = net.weight.double(), torch.eye(net.n, dtype=torch.float64)
    if isinstance(net, Orthogonal):
        skew = weight - weight.mT
        return torch.linalg.solve(eye - skew, eye + skew)
    if isinstance(net, Householder):
        parts = [eye - 2 * torch.outer(v, v) / v.dot(v) for v in weight]
        return torch.linalg.multi_dot(parts)
    lower, scale = weight.tril(-1) + eye, weight.diagonal().exp().clamp(1 / 64, 64)
    return eye[permutation(net.n, 0)] @ lower @ (weight.triu(1) + torch.diag(scale))


@pytest.mark.parametrize(("family", "n"), CASES)
def test_matrices_are_what_they_say(family: str, n: int) -> None:
    net = moved(NETS[family](n))
    matrix = net.matrix().detach()
    assert matrix.dtype == torch.float64
    torch.testing.assert_close(matrix, in_plain_torch(net))
    params = tuple(net.parameters())
    inverse = inverse_matrix_of(family, params, n)
    torch.testing.assert_close(inverse @ matrix, torch.eye(n, dtype=torch.float64))
    sign, size = torch.linalg.slogdet(matrix)
    torch.testing.assert_close(log_abs_det(family, params), size, atol=1e-10, rtol=1e-10)
    if family != "lu":
        assert float(sign) == (-1 if family == "householder" else 1)
    x = torch.randn(3, n)
    torch.testing.assert_close(net(x), (x.double() @ matrix.mT).float())


@pytest.mark.parametrize(("family", "n"), CASES)
def test_vjps_agree_with_autograd(family: str, n: int) -> None:
    net = moved(NETS[family](n)).double()
    cotangent = torch.randn(n, n, dtype=torch.float64)
    (wanted,) = torch.autograd.grad(in_plain_torch(net), net.weight, cotangent)
    (recorded,) = torch.autograd.grad(net.matrix(), net.weight, cotangent)
    with torch.no_grad():
        (found,) = matrix_vjp(family, (net.weight,), n, cotangent)
    torch.testing.assert_close(recorded, wanted)
    torch.testing.assert_close(found, wanted)


def test_scales_stop_at_their_limits() -> None:
    net = LU(3).double()
    with torch.no_grad():
        net.weight.copy_(torch.diag(torch.tensor([9.0, -9.0, 1.0])))
    scale = lu_pieces((net.weight.detach(),), 3).scale
    assert scale.tolist() == pytest.approx([64, 1 / 64, torch.e])
    assert 1 / 64 <= float(scale.min()) <= float(scale.max()) <= 64
    cotangent = torch.ones(3, 3, dtype=torch.float64)
    (wanted,) = torch.autograd.grad(net.matrix(), net.weight, cotangent)
    torch.testing.assert_close(matrix_vjp("lu", (net.weight,), 3, cotangent)[0], wanted)
    assert wanted.diagonal()[:2].tolist() == [0, 0]


@pytest.mark.parametrize("family", NETS)
def test_determinants_have_vjps(family: str) -> None:
    net = moved(NETS[family](6)).double()
    size = torch.linalg.slogdet(net.matrix())[1]
    (wanted,) = torch.autograd.grad(3 * size, net.weight)
    (found,) = log_abs_det_vjp(family, (net.weight,), torch.tensor(3.0, dtype=torch.float64))
    torch.testing.assert_close(found, wanted, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("family", NETS)
def test_cotangents_have_the_parameters_dtype(family: str) -> None:
    net = NETS[family](4)
    assert net.weight.dtype == torch.float32
    (found,) = matrix_vjp(family, (net.weight,), 4, torch.randn(4, 4))
    assert found.dtype == torch.float32


@pytest.mark.parametrize("family", NETS)
def test_compiled_whole(family: str) -> None:
    net, cotangent = NETS[family](6), torch.randn(6, 6, dtype=torch.float64)

    def both(weight: Tensor) -> tuple[Tensor, ...]:
        matrix = matrix_of(family, (weight,), 6)
        return (
            matrix,
            inverse_matrix_of(family, (weight,), 6),
            *matrix_vjp(family, (weight,), 6, cotangent),
        )

    compiled = torch.compile(both, fullgraph=True, backend="aot_eager")
    with torch.no_grad():
        for one, other in zip(compiled(net.weight), both(net.weight), strict=True):
            torch.testing.assert_close(one, other)


@pytest.mark.parametrize("k", [1, 2, 3, 8])
def test_reflections_have_the_sign_of_their_number(k: int) -> None:
    assert round(float(torch.linalg.det(Householder(8, k).matrix().detach()))) == (-1) ** k


@pytest.mark.parametrize("n", [1, 2, 17, 256])
def test_lu_starts_orthogonal(n: int) -> None:
    matrix = LU(n).matrix()
    eye = torch.eye(n, dtype=torch.float64)
    torch.testing.assert_close(matrix @ matrix.mT, eye, atol=1e-5, rtol=0)


def test_permutations_take_no_parameters() -> None:
    matrix, x = matrix_of("permutation", (), 5, 3), torch.randn(5, dtype=torch.float64)
    assert torch.equal(matrix @ x, x[permutation(5, 3)])
    assert torch.equal(inverse_matrix_of("permutation", (), 5, 3) @ matrix @ x, x)
    assert matrix_vjp("permutation", (), 5, matrix) == ()
    assert float(log_abs_det("permutation", ())) == 0


@pytest.mark.parametrize("family", ["orthogonal", "householder"])
@pytest.mark.parametrize("n", [2, 17, 64])
def test_learned_rotations_reach_the_lattice(family: str, n: int) -> None:
    matrix = moved(NETS[family](n)).matrix()
    raw = torch.randint(-(1 << 24), 1 << 24, (50, n), dtype=torch.int32)
    lifts = factor(matrix)
    mixed = apply_lifts(raw, lifts)
    error = mixed.double() - raw.double() @ matrix.detach().mT
    assert float(error.abs().max()) < 1.5 * n**0.5 + 2
    assert torch.equal(apply_lifts(mixed, lifts, undo=True), raw)


@pytest.mark.parametrize("n", [1, 2, 17, 64])
def test_lu_pieces_make_up_the_matrix(n: int) -> None:
    net = moved(LU(n))
    order, lower, scale, upper = lu_pieces((net.weight,), n)
    torch.testing.assert_close((lower @ torch.diag(scale) @ upper)[order], net.matrix())
    raw = torch.randint(-(1 << 20), 1 << 20, (50, n), dtype=torch.int32)
    first, last = triangle(upper, upper=True), triangle(lower)
    lifted = triangular_lift(raw, first)
    scaled = (lifted * scale).round().int()  # stands for the exact scale, which is not ours
    mixed = triangular_lift(scaled, last)[:, order]
    exact = raw.double() @ net.matrix().detach().mT
    assert float((mixed - exact).abs().max()) < 10 * n**0.5 + 2
    back = triangular_lift(mixed[:, order.argsort()], last, undo=True)
    assert torch.equal(back, scaled)
    assert torch.equal(triangular_lift(lifted, first, undo=True), raw)


def test_a_vector_of_zeros_is_refused() -> None:
    weight = torch.randn(2, 4)
    weight[1] = 0
    with pytest.raises(SingularMixError, match="not finite"):
        factor(matrix_of("householder", (weight,), 4))
