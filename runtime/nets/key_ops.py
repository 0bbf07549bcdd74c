"""Keys where a compiler traces a run, as operators: there a key is a tensor.

A compiled graph holds nothing but tensors: numbers in it are those of the run that was traced. So
what all keys of a run hang on is an int64 [1], a key an int64 [4], both on the CPU. None of these
operators changes anything: the same arguments give the same, as often as a compiler likes.
"""

import torch
from torch import Tensor
from torch.library import custom_op

from revc.runtime.bits import expand
from revc.runtime.bits.expand import Key
from revc.runtime.metered.bits import bits_of
from revc.runtime.metered.session import session_of
from revc.runtime.nets.keys import keys_seed, refuse_replays

_UNSAFE = (torch.Tag.cudagraph_unsafe,)  # a replay would draw what was drawn as it was captured


@custom_op("revc::keys_of_run", mutates_args=(), tags=_UNSAFE)
def keys_of_run(
    bits: str, ticket: Tensor | None, device: torch.device, net: str, run: int
) -> Tensor:
    """Return the seed of the reservoir that the keys of a run come from, int64 [1].

    Args:
        bits: the key of the model's bits.
        ticket: that of the run's session, None if it has none.
        device: where the run is.
        net: the first net that draws, for messages.
        run: a number that no other run in the graph has: a compiler takes equal calls for one.

    Raises:
        BindError: a CUDA graph captures the run.
    """
    refuse_replays(net, device)
    number = None if ticket is None else session_of(ticket).number
    return torch.tensor([keys_seed(bits_of(bits).settings.number() if number is None else number)])


@custom_op("revc::key_number", mutates_args=())
def key_number(seed: Tensor, index: int) -> Tensor:
    """Return a key by its number in the run, int64 [4]."""
    return torch.tensor(expand.key_number(int(seed), index))


@custom_op("revc::key_words", mutates_args=(), tags=_UNSAFE)
def words(key: Tensor, draw: int, count: int, device: torch.device) -> Tensor:
    """Return uniform words of 32 bits, int64 [count]; see `expand.words`."""
    return expand.words(_key(key), draw, count, device)


@custom_op("revc::key_below", mutates_args=(), tags=_UNSAFE)
def below(
    key: Tensor, draw: int, bound: int, count: int, device: torch.device, dtype: torch.dtype
) -> Tensor:
    """Return which of the words are below `bound`, [count] of a dtype; see `expand.below`."""
    return expand.below(_key(key), draw, bound, count, device, dtype)


def _key(key: Tensor) -> Key:
    first, second, third, fourth = key.tolist()
    return first, second, third, fourth


@keys_of_run.register_fake
def _(bits: str, ticket: Tensor | None, device: torch.device, net: str, run: int) -> Tensor:
    return torch.empty(1, dtype=torch.int64, device="cpu")


@key_number.register_fake
def _(seed: Tensor, index: int) -> Tensor:
    return torch.empty(4, dtype=torch.int64, device="cpu")


@words.register_fake
def _(key: Tensor, draw: int, count: int, device: torch.device) -> Tensor:
    return torch.empty(count, dtype=torch.int64, device=device)


@below.register_fake
def _(
    key: Tensor, draw: int, bound: int, count: int, device: torch.device, dtype: torch.dtype
) -> Tensor:
    return torch.empty(count, dtype=dtype, device=device)
