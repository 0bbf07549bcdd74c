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
            by ``torch.jit``.
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
        if value.is_floating_point() and forward_ad.unpack_dual(value).tangent is not None:
            raise BindError(
                f"{name} has a tangent: {at.name} differentiates backwards, not in forward mode"
            )


def check_data(at: Interface, values: Mapping[str, Tensor]) -> None:
    """Refuse to code values that have shapes alone.

    Raises:
        BindError: one is a fake or a meta tensor.
    """
    for name, value in values.items():
        if value.device.type == "meta" or isinstance(value, FakeTensor):
            raise BindError(
                f"{name} is a {'fake' if isinstance(value, FakeTensor) else 'meta'} tensor, and "
                f"bits of {at.name} are asked for, which have no shape to compute: that needs data"
            )
