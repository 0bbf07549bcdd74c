"""Checks of compiled code, which a compiler drops where no result hangs on them."""

from collections.abc import Sequence

from torch import Tensor

from revc.errors import BindError


def tie(found: list[Tensor | None], needed: Sequence[bool], inputs: int, zero: Tensor) -> None:
    """Make a gradient that somebody gets depend on a check, or the compiler drops the check.

    That is the smallest of a parameter. Of the `inputs`, which come first, sizes may be open.

    Raises:
        BindError: nobody gets one.
    """
    pairs = enumerate(zip(found, needed, strict=True))
    given = {i: grad for i, (grad, needs) in pairs if needs and grad is not None}
    if not given:
        raise BindError(
            "this backward pass gives no gradient that its checks could hang on: under "
            "torch.compile an input or a parameter of the program must require one"
        )
    own = [(grad.numel(), i) for i, grad in given.items() if i >= inputs]
    index = min(own)[1] if own else next(iter(given))
    found[index] = given[index] + zero.to(given[index].dtype)
