"""One program, several directions: scoring, compressing, decompressing, sampling."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from revc.errors import BindError
from revc.runtime.metered import archive
from revc.runtime.metered.session import Options
from revc.runtime.run.inverse import go_back, open_bits, single
from revc.runtime.run.modes import mode_of

if TYPE_CHECKING:
    from revc.runtime.model import ReversibleModel

_ELEMENTS_A_LANE = 1 << 15
"""Symbols that pay for a coder's head of 48 bits many times over."""


def score(model: "ReversibleModel", args: Sequence[Any], kwargs: Mapping[str, Any]) -> Tensor:
    """Return the code length of inputs and of given draws, [B] in bits, differentiable.

    Keyword arguments named as a draw's meter are values in place of drawing it: a tensor of its
    shape, or a list of them where it is reached several times. The length is what is written, plus
    that of the draws given, less that of the other `draw` statements: the negative log2-likelihood
    of what is given, or a bound on it where something is drawn (Townsend, Bird, Barber, "BB-ANS",
    2019). What valves draw is not taken off: the bound is looser by that much.

    Raises:
        BindError: the program exchanges no bits, or the arguments do not fit it.
    """
    rows = model.interface.plan.rows
    if not rows:
        raise BindError(f"{model.interface.name} exchanges no bits: there is nothing to score")
    draws = {name for name, side in rows if side == "draw"}
    given = {
        name: [value] if isinstance(value, Tensor) else list(value)
        for name, value in kwargs.items()
        if name in draws
    }
    inputs = {name: value for name, value in kwargs.items() if name not in draws}
    out = model.run(model.interface.bind(args, inputs), Options(given=given, strict=True))
    taken = out.run.session.taken
    for name, values in given.items():
        if taken.get(name, 0) != len(values):
            raise BindError(
                f"{name} is drawn {taken.get(name, 0)} times, and {len(values)} values were given"
            )
    signs = [1.0 if side == "put" or name in given else -1.0 for name, side in rows]
    return (out.run.lengths * out.run.lengths.new_tensor(signs)[:, None]).sum(0)


@torch.no_grad()
def compress(model: "ReversibleModel", args: Sequence[Any], kwargs: Mapping[str, Any]) -> bytes:
    """Return the inputs as bytes: the tapes, what is left of the state, and what it belongs to.

    All examples are coded as one sequence. Givens are not in it: whoever decompresses has them.

    Raises:
        BindError: the program exchanges no bits, or runs in another mode than lossless.
    """
    at = model.interface
    if not at.plan:
        raise BindError(f"{at.name} exchanges no bits: it compresses nothing")
    if model.bits.mode != "lossless":
        raise BindError(f"compress needs the mode lossless, not {model.bits.mode}")
    values = at.bind(args, kwargs)
    elements = sum(values[slot.name].numel() for slot in at.takes)
    lanes = max(1, min(model.bits.lanes, elements // _ELEMENTS_A_LANE))
    out = model.run(values, Options(together=True, lanes=lanes, seed=0, strict=True))
    sizes = at.measure(values)
    examples = at.examples(sizes, values)
    stacks = out.run.session.stacks
    return archive.pack(model, sizes, examples, lanes, stacks, out.state, out.run.check)


@torch.no_grad()
def decompress(
    model: "ReversibleModel", data: bytes, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Any:
    """Return the inputs that `compress` was given: a tensor, or a tuple of several.

    Raises:
        TapeMismatchError: the bytes are of another program, other weights or other givens.
        DamagedTapeError: they are not what was written.
        BindError: the givens are not those of the program.
    """
    at = model.interface
    givens = _givens(model, args, kwargs)
    packed = archive.unpack(data, model, givens)
    options = Options(together=True, lanes=packed.lanes, seed=0, loaded=packed.stacks)
    values = [*packed.raw, *givens]
    mode = mode_of(model, packed.sizes, at.sizes, values, packed.examples, options)
    named = {slot.name: value for slot, value in zip(at.givens, givens, strict=True)}
    return single(go_back(model, mode, packed.raw, named, open_bits(model, mode), packed.check))


@torch.no_grad()
def sample(model: "ReversibleModel", n: int, seed: int, kwargs: Mapping[str, Any]) -> Any:
    """Return `n` inputs drawn by running the program backwards from fresh stacks.

    Keyword arguments are the givens, by name, and sizes that nothing else binds.

    Raises:
        BindError: the program leaves state behind, for which it has no distribution, or an
            argument is missing or out of range.
    """
    at = model.interface
    if not at.plan or at.gives or not at.takes:
        raise BindError(
            f"{at.name} cannot be sampled: only a model that puts all its state on the tape, "
            "and gives none back, is a distribution over its inputs"
        )
    if n < 1:
        raise BindError(f"n = {n}: there must be at least one sample")
    if not 0 <= seed < 1 << 31:
        raise BindError(f"seed = {seed}: want 0 <= seed < 2**31")
    free = {name: value for name, value in kwargs.items() if not isinstance(value, Tensor)}
    tensors = {name: value for name, value in kwargs.items() if isinstance(value, Tensor)}
    givens = _givens(model, (), tensors)
    sizes = at.sizes_from([], givens) | at.batch_sizes(n) | free
    if missing := [name for name in at.sizes if name not in sizes]:
        raise BindError(f"sampling {at.name} needs {', '.join(missing)}")
    at.meet(sizes)
    options = Options(sampling=True, seed=seed)
    mode = mode_of(model, sizes, at.sizes, givens, n, options)
    named = {slot.name: value for slot, value in zip(at.givens, givens, strict=True)}
    return single(go_back(model, mode, [], named, open_bits(model, mode), None, undo=False))


def _givens(
    model: "ReversibleModel", args: Sequence[Any], kwargs: Mapping[str, Any]
) -> list[Tensor]:
    names = [slot.name for slot in model.interface.givens]
    values = dict(zip(names, args, strict=False)) | dict(kwargs)
    if len(args) > len(names) or set(values) != set(names):
        raise BindError(
            f"{model.interface.name} is given {', '.join(names) or 'nothing'}, not "
            f"{', '.join(values) or 'nothing'}"
        )
    return [values[name] for name in names]
