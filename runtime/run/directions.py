"""One program, several directions: scoring, compressing, decompressing, sampling."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from revc.errors import BindError, ReconstructionError
from revc.runtime.bits.errors import BitsError, DamagedTapeError
from revc.runtime.metered import archive, seal
from revc.runtime.metered.conditions import conditions_of
from revc.runtime.metered.session import Options
from revc.runtime.nets.keys import Keys
from revc.runtime.run import gate
from revc.runtime.run.guard import NonFiniteError
from revc.runtime.run.intake import Intake
from revc.runtime.run.inverse import go_back, single
from revc.runtime.run.modes import NO_OPTIONS, mode_of
from revc.runtime.run.opening import open_bits

if TYPE_CHECKING:
    from revc.runtime.model import ReversibleModel

_SEED = 0
"""What the random bits of archives hang on: who reads one draws the same."""
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
    model.interface.check_reversible("score")
    if not rows:
        raise BindError(f"{model.interface.name} exchanges no bits: there is nothing to score")
    draws = {name for name, side in rows if side == "draw"}
    given = {name: _listed(name, value) for name, value in kwargs.items() if name in draws}
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


def _listed(name: str, value: Any) -> list[Tensor]:
    """Return the values that are given for a draw."""
    values = [value] if isinstance(value, Tensor) else value
    if not isinstance(values, list | tuple) or not all(isinstance(v, Tensor) for v in values):
        raise BindError(f"{name} is neither a tensor nor a list of tensors")
    return list(values)


@torch.no_grad()
def compress(
    model: "ReversibleModel", args: Sequence[Any], kwargs: Mapping[str, Any], key: bytes | None
) -> bytes:
    """Return the inputs as bytes: the tapes, what is left of the state, and what it belongs to.

    All examples are coded as one sequence. Givens are not in it: whoever decompresses has them.
    With a `key` of 16 bytes or more the bytes carry an HMAC-SHA256, which `decompress` demands.

    Raises:
        BindError: the program exchanges no bits, or runs in another mode than lossless; the key is
            none; or a net drew from torch's generators (`rng = "replay"`).
    """
    at = model.interface
    _check_codes(model, "compress")
    if key is not None:
        seal.check_key(key)
    values = at.bind(args, kwargs)
    gate.check_data(at, values)
    lanes = _archive_lanes(model, [values[slot.name] for slot in at.takes])
    out = model.run(values, Options(together=True, lanes=lanes, seed=_SEED, strict=True))
    ran = out.run
    if ran.keys.replayed:
        raise BindError(
            f"net {min(ran.keys.replayed)!r} is called as it is and draws from torch's generators, "
            "whose states are not in the bytes: `nets_report` says why it is not captured"
        )
    now = conditions_of(model, ran.givens, ran.mode.low)
    sizes, stacks = at.measure(values), ran.session.stacks
    keys = ran.keys.calls()
    return seal.seal(archive.pack(now, sizes, lanes, stacks, ran.raw, ran.check, keys), key)


def _archive_lanes(model: "ReversibleModel", inputs: Sequence[Tensor]) -> int:
    """Return as many coders as the device likes, and as the inputs pay for."""
    if not inputs:
        return 1
    elements = sum(value.numel() for value in inputs)
    return max(1, min(model.bits.lanes_on(inputs[0].device), elements // _ELEMENTS_A_LANE))


def _check_codes(model: "ReversibleModel", call: str) -> None:
    """Refuse to code what forgets, what has no bits, or under other settings than now hold."""
    model.interface.check_reversible(call)
    if not model.interface.plan:
        raise BindError(f"{model.interface.name} exchanges no bits: it compresses nothing")
    if model.bits.mode != "lossless":
        raise BindError(f"{call} needs the mode lossless, not {model.bits.mode}")


@torch.no_grad()
def decompress(
    model: "ReversibleModel", data: bytes, args: Sequence[Any], kwargs: Mapping[str, Any],
    key: bytes | None, memory: int | None,
) -> Any:  # fmt: skip
    """Return the inputs that `compress` was given: a tensor, or a tuple of several.

    Args:
        model, data: the module, and the bytes.
        args, kwargs: the givens, by position or name.
        key: that of `compress`; with one, bytes that it does not vouch for are not looked at.
        memory: bytes that stacks and inputs may take; by default 64 for each byte of the archive,
            and 64 MiB at least.

    Raises:
        BindError: the givens do not fit, or no bytes are to be had in this mode.
        KeyMismatchError: the key is missing or another one, or there is none in the bytes.
        TapeMismatchError: the bytes were written under other conditions (program, weights, givens,
            throttles, training): says which.
        DamagedTapeError: they are not what was written.
        MemoryLimitError: they need more memory than is allowed.
    """
    at = model.interface
    _check_codes(model, "decompress")
    if not isinstance(data, bytes | bytearray | memoryview):
        raise BindError(f"data is a {type(data).__name__}, not bytes")
    givens = _givens(model, args, kwargs)
    named = {slot.name: value for slot, value in zip(at.givens, givens, strict=True)}
    sizes = at.bound(at.givens, named, {})
    Intake(at.name, at.givens, named, sizes, strict=True).admit().settle()
    data = seal.unsealed(bytes(data), key)
    now = conditions_of(model, givens, mode_of(model, {}, (), givens, 1, NO_OPTIONS).low)
    packed = archive.unpack(data, model, now, memory)
    options = Options(together=True, lanes=packed.lanes, seed=_SEED, loaded=packed.stacks)
    values = [*packed.raw, *givens]
    mode = mode_of(model, packed.sizes, at.sizes, values, packed.examples, options)
    _check_fit(model, packed, named)
    session = open_bits(model, mode)
    keys = Keys(lambda: _SEED, packed.examples, mode.device, session)
    keys.recall(packed.keys)
    try:
        return single(go_back(model, mode, packed.raw, named, session, packed.check, keys))
    except (ReconstructionError, NonFiniteError, BitsError) as error:
        around = packed.then.differences(now)
        raise DamagedTapeError(
            "damaged archive: these bytes do not decode to what was written. "
            + (f"They were written with another {around}" if around else str(error))
        ) from error


def _check_fit(
    model: "ReversibleModel", packed: archive.Packed, givens: Mapping[str, Tensor]
) -> None:
    """Check that the sizes of an archive are those of the givens."""
    bound = model.interface.sizes_from(packed.raw, list(givens.values()))
    if any(packed.sizes[name] != size for name, size in bound.items()):
        raise DamagedTapeError("the sizes of an archive are not those of what it holds")


@torch.no_grad()
def sample(model: "ReversibleModel", n: int, seed: int, kwargs: Mapping[str, Any]) -> Any:
    """Return `n` inputs drawn by running the program backwards from fresh stacks.

    Keyword arguments are the givens, by name, and sizes that nothing else binds.

    Raises:
        BindError: the program leaves state behind, for which it has no distribution; or a keyword
            argument is neither a given nor a size, or does not fit.
    """
    at = model.interface
    at.check_reversible("sample")
    if not at.plan or at.gives or not at.takes:
        raise BindError(
            f"{at.name} cannot be sampled: only a model that puts all its state on the tape, "
            "and gives none back, is a distribution over its inputs"
        )
    if n < 1:
        raise BindError(f"n = {n}: there must be at least one sample")
    if not 0 <= seed < 1 << 31:
        raise BindError(f"seed = {seed}: want 0 <= seed < 2**31")
    givens, sizes = _sampled(model, n, kwargs)
    options = Options(sampling=True, seed=seed)
    mode = mode_of(model, sizes, at.sizes, givens, n, options)
    named = {slot.name: value for slot, value in zip(at.givens, givens, strict=True)}
    return single(go_back(model, mode, [], named, open_bits(model, mode), None, undo=False))


def _sampled(
    model: "ReversibleModel", n: int, kwargs: Mapping[str, Any]
) -> tuple[list[Tensor], dict[str, int]]:
    """Return the givens and the free sizes of a sample, each checked against all others."""
    at = model.interface
    names = [slot.name for slot in at.givens]
    if unknown := [name for name in kwargs if name not in names and name not in at.sizes]:
        known = ", ".join([*names, *at.sizes]) or "nothing"
        raise BindError(f"sampling {at.name} takes {known}; {unknown[0]!r} does not fit")
    givens = _givens(model, (), {name: value for name, value in kwargs.items() if name in names})
    sizes = dict(at.batch_sizes(n))
    for name, value in kwargs.items():
        if name in at.sizes:
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise BindError(f"{name} = {value!r}: a size is an integer from 1")
            if sizes.setdefault(name, value) != value:
                raise BindError(f"{name} = {value}, and n = {n} makes it {sizes[name]}")
    values = dict(zip(names, givens, strict=True))
    sizes = at.bound(at.givens, values, sizes)
    if missing := [name for name in at.sizes if name not in sizes]:
        raise BindError(f"sampling {at.name} needs {', '.join(missing)}")
    at.meet(sizes)
    at.check_batch(n)
    Intake(at.name, at.givens, values, sizes, strict=True).admit().settle()
    return givens, sizes


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
    for name, value in values.items():
        if not isinstance(value, Tensor):
            raise BindError(f"{name} is a {type(value).__name__}, not a tensor")
    gate.check(model.interface, values)
    gate.check_data(model.interface, values)
    return [values[name] for name in names]
