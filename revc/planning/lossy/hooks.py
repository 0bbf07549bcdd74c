"""Saved tensors in codes until the backward pass asks for them."""

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.multiprocessing.reductions import StorageWeakRef

from revc.planning.lossy import code
from revc.planning.lossy.code import Coded
from revc.planning.modules.packed import Itself, Own

Encode = Callable[[Tensor], Any]
Decode = Callable[[Any], Tensor]


class Lossy(saved_tensors_hooks):
    """What autograd saves inside is kept as a code, and decoded when it is asked for.

    What is `own`, small tensors, those without a time axis, integers and what is not finite are
    kept as they are. What is saved twice is coded once.

    Args:
        own: the network's.
        encode: returns a code, or None for what is kept as it is.
        decode: returns a tensor like the one that was coded.
    """

    def __init__(self, own: Own, encode: Encode, decode: Decode) -> None:
        known: dict[Any, tuple[StorageWeakRef, Any]] = {}
        self._known = known

        def pack(value: Tensor) -> Any:
            if value in own or not code.fits(value):
                return Itself.of(value)
            storage = StorageWeakRef(value.untyped_storage())
            key = (storage.cdata, value.storage_offset(), value.shape, value.stride())
            found = known.get((*key, value._version))
            # A storage that is gone may have left its address to another.
            if found is not None and not found[0].expired():
                return found[1]
            made = encode(value.detach())
            if made is None:
                return Itself.of(value)
            known[*key, value._version] = storage, made
            return made

        def unpack(value: Any) -> Tensor:
            return value.back() if isinstance(value, Itself) else decode(value)

        super().__init__(pack, unpack)

    def __exit__(self, *error: object) -> None:
        self._known.clear()
        super().__exit__(*error)


def compressed(own: Own, bits: float) -> Lossy:
    """Return the context in which what is saved takes at most so many bits a value."""

    def encode(value: Tensor) -> Coded | None:
        return code.encode(value, bits)

    return Lossy(own, encode, code.decode)
