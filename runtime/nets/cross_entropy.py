"""Cross-entropy of a large vocabulary, a chunk of tokens at a time: never all logits at once.

Source: Wijmans et al., "Cut Your Losses in Large-Vocabulary Language Models" (2024), section 4, in
its plain chunked form.
"""

import torch
from torch import Tensor


def cross_entropy(
    x: Tensor, targets: Tensor, weight: Tensor, bias: Tensor | None, chunk: int
) -> Tensor:
    """Return the mean of -ln softmax(x W' + b)[target] over all tokens, in nats.

    Args:
        x: features, [.., d].
        targets: labels, integers below V, shape [..].
        weight: [V, d].
        bias: [V] or None.
        chunk: tokens a piece.

    Returns:
        The mean, float32, 0-dim.
    """
    flat, labels = x.flatten(0, -2), targets.flatten()
    total = torch.zeros((), dtype=torch.float32, device=x.device)
    for start in range(0, labels.shape[0], chunk):
        piece = slice(start, start + chunk)
        logits = _logits(flat[piece], weight, bias)
        picked = logits.gather(1, labels[piece, None]).squeeze(1)
        highest = logits.amax(1, keepdim=True)
        log_sum = logits.sub_(highest).exp_().sum(1).log() + highest.squeeze(1)
        total = total + (log_sum - picked).sum()
    return total / labels.shape[0]


def cross_entropy_vjp(
    gradient: Tensor,
    x: Tensor,
    targets: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    chunk: int,
    weight_wanted: bool = True,
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Return the cotangents of x, weight and bias; logits are computed again, piece by piece.

    That of a weight that is not wanted is None: it is as large as the table.
    """
    flat, labels = x.flatten(0, -2), targets.flatten()
    scale = gradient / labels.shape[0]
    by_x = torch.empty_like(flat)
    by_weight = torch.zeros_like(weight, dtype=torch.float32) if weight_wanted else None
    by_bias = None if bias is None else torch.zeros_like(bias, dtype=torch.float32)
    for start in range(0, labels.shape[0], chunk):
        piece = slice(start, start + chunk)
        error = _softmax_(_logits(flat[piece], weight, bias))
        at = labels[piece, None]
        # A plain scatter writes each place once: unlike scatter_add_, it is deterministic.
        error.scatter_(1, at, error.gather(1, at) - 1)
        error.mul_(scale)
        low = error.to(x.dtype)
        by_x[piece] = low @ weight
        if by_weight is not None:
            _add_product(by_weight, low.t(), flat[piece])
        if by_bias is not None:
            by_bias += error.sum(0)
    cast = [None if by is None else by.to(weight.dtype) for by in (by_weight, by_bias)]
    return by_x.view(x.shape), cast[0], cast[1]


def _softmax_(logits: Tensor) -> Tensor:
    """Return the softmax of rows, in their place: a chunk's logits are the largest tensor here."""
    logits.sub_(logits.amax(1, keepdim=True)).exp_()
    return logits.div_(logits.sum(1, keepdim=True))


def _add_product(total: Tensor, a: Tensor, b: Tensor) -> None:
    """Add ``a @ b`` to a float32 matrix; where dtypes are equal, without a matrix as large."""
    if a.dtype == total.dtype:
        total.addmm_(a, b)
    else:
        total += a @ b


def _logits(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return torch.nn.functional.linear(x, weight, bias).float()
