"""What no reversible pass can go through, refused in our words before anything runs."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor
from torch.autograd import forward_ad

from revc.errors import BindError
from revc.runtime.interface import Interface


def check(at: Interface, values: Mapping[str, Tensor]) -> None:
    """Refuse transforms of torch that a backward pass which rebuilds cannot serve.

    Raises:
        BindError: the model is called under ``torch.func`` transforms, in forward mode, or traced
            by ``torch.jit``; or it codes bits, and there are no data.
    """
    if torch.compiler.is_compiling():
        return
    if torch._C._are_functorch_transforms_active():
        raise BindError(
            f"{at.name} cannot run under torch.func transforms (grad, vjp, vmap, jvp, jacrev): its "
            "backward pass rebuilds the state of one run. Use loss.backward() or "
            "torch.autograd.grad, and a batch axis instead of vmap"
        )
    if torch._C._is_tracing():
        raise BindError(
            f"{at.name} cannot be traced by torch.jit: use torch.compile, torch.export, or write a "
            "package with `revc compile`"
        )
    for name, value in values.items():
        if at.plan and (value.device.type == "meta" or isinstance(value, FakeTensor)):
            raise BindError(
                f"{name} is a {'fake' if isinstance(value, FakeTensor) else 'meta'} tensor, and "
                f"{at.name} codes bits, which have no shape to compute: that needs data"
            )
        if value.is_floating_point() and forward_ad.unpack_dual(value).tangent is not None:
            raise BindError(
                f"{name} has a tangent: {at.name} differentiates backwards, not in forward mode"
            )
