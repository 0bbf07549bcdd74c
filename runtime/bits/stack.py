"""A stack of bits: the one class for tapes and reservoirs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor

from revc.runtime.bits import host, ops
from revc.runtime.bits import saved as saving
from revc.runtime.bits.backends import BackendName, backend, default_backend
from revc.runtime.bits.constants import DEFAULT_LANES, UNIT, WORD_BITS, Mode
from revc.runtime.bits.dist.base import Distribution, fit
from revc.runtime.bits.engine import Engine, create
from revc.runtime.bits.errors import LaneError
from revc.runtime.bits.faults import CheckPolicy
from revc.runtime.bits.flat import pack, unpack
from revc.runtime.bits.growth import FillBounds
from revc.runtime.bits.saved import Saved
from revc.runtime.bits.spill import SpillStore

_OWN = 1 << 62
"""Bytes that a stack's own copy may take."""


class BitStack:
    """A bottomless stack of bits for each of ``sequences`` sequences.

    Every sequence owns ``lanes`` independent rANS coders. What is pushed comes back in reverse;
    below the floor lie the pseudo-random words of ``seed``, so a fresh stack is a reservoir that
    can be drawn from at once, and its debt says how much was. No sequence depends on another.

    Args:
        sequences: number of sequences (axis 0 of all symbols).
        lanes: coders of a sequence. Many are fast, each costs 48 bits in an exported tape.
        seed: in [0, 2**63).
        device: where the stack lives; all symbols and parameters have to be there.
        mode: ``Mode.WIDE``, or the 32-bit ``Mode.FAST``.
        backend: ``"numba"`` or ``"triton"``; by default what fits the device.
        check: ``"now"`` raises before anything moves; ``"later"`` does not wait for the device
            and raises in ``verify``. By default "now" on the CPU, "later" elsewhere.
        turn: int64 [1] on the device, which the seed depends on besides: a CUDA graph that counts
            it up has other words below the floor in each replay.

    Raises:
        LaneError: sizes or seed out of range.
        BackendError: the back end cannot run here.
    """

    def __init__(
        self, sequences: int, lanes: int = DEFAULT_LANES, seed: int = 0,
        device: torch.device | str = "cpu", mode: Mode = Mode.WIDE,
        backend: BackendName | None = None, check: CheckPolicy | None = None,
        turn: Tensor | None = None,
    ) -> None:  # fmt: skip
        place = torch.empty(0, device=device).device
        self.device = place
        self.sequences = sequences
        self.lanes = lanes
        self.mode = mode
        policy = check or ("later" if host.waits(place) else "now")
        name = backend or default_backend(place)
        self.engine: Engine = create(sequences, lanes, seed, mode, place, name, policy, turn)
        self.token: Tensor = self.engine.token()

    @property
    def seed(self) -> int:
        """Of the words below the floor; see `LaneState.seed`."""
        return self.engine.state.seed

    def push(self, symbols: Tensor, distribution: Distribution) -> None:
        """Push ``symbols`` [sequences, ...], of the dtype that ``distribution`` codes.

        The stack grows by ``distribution.shannon(symbols)``, and as ``docs/bits.md`` measures, by
        another 2e-10 bit a symbol, or 5e-3 in ``Mode.FAST``.

        Raises:
            SymbolError: symbols of a wrong dtype or shape, or outside of the alphabet.
            ParameterError: parameters that are not usable or do not fit the symbols.
            LaneError: symbols on another device, or of another number of sequences.

        Nothing has moved then; with ``check="later"`` what depends on values is raised by `verify`.
        """
        distribution.push(self, symbols)

    def pop(self, distribution: Distribution, shape: Sequence[int] | None = None) -> Tensor:
        """Undo ``push``, or draw: symbols of ``shape``, by default that of the parameters.

        Args:
            distribution: the one that they were pushed by, or are drawn by.
            shape: [sequences, ...]; needed where the parameters are shared by all symbols.

        Returns:
            What ``distribution`` codes: int32, or uint8, int64 or floats where it says so.

        Raises:
            TypeError: no shape is given, and the parameters have none.
            ParameterError: parameters that are not usable or do not fit the shape.
            LaneError: parameters on another device, or of another number of sequences.
        """
        return distribution.pop(self, fit(distribution, shape))

    def scale(self, x: Tensor, n: Tensor, k: int) -> Tensor:
        """Exactly x * n / 2**k for int32 ``x`` [sequences, ...]; the stack grows by k - log2(n).

        ``n`` is int64 of the same shape or [1, 1], in [1, 2**16]; k in [0, 16]. The result is
        within max(1, n / 2**k) of the quotient.

        Raises:
            ScaleOverflowError: a result would leave int32.
            SymbolError: ``x`` is no int32.
            ParameterError: ``n`` or ``k`` out of range.
        """
        scaled: Tensor = ops.scale(self.token, x, n, k)
        return scaled

    def unscale(self, y: Tensor, n: Tensor, k: int) -> Tensor:
        """Undo ``scale``: the int32 ``x`` that gave ``y``; the stack shrinks again.

        Raises:
            ScaleOverflowError: a result would leave int32: nothing was scaled to ``y``.
            SymbolError: ``y`` is no int32.
            ParameterError: ``n`` or ``k`` out of range.
        """
        original: Tensor = ops.unscale(self.token, y, n, k)
        return original

    def after(self, value: Tensor) -> None:
        """Make all that follows on this stack depend on ``value``.

        A backward pass calls it with its incoming gradient before it pops. A compiler that splits
        a joint graph puts whatever does not depend on a gradient into the forward half, and the
        tape would be emptied as soon as it is written.
        """
        ops.after(self.token, value)

    def size(self) -> Tensor:
        """16 (W - D) + sum of log2(head) per sequence, int64 [sequences], in 2**-20 bit.

        W words are stored, D were taken from below the floor. Only differences have a meaning.
        """
        sizes: Tensor = ops.size(self.token, self.sequences, self.device)
        return sizes

    def physical(self) -> Tensor:
        """Bits really held per sequence: words stored and 64 for each head, in 2**-20 bit."""
        words = (self.engine.state.fill + self.engine.spilled).reshape(-1, self.lanes).sum(-1)
        return (words * WORD_BITS + 64 * self.lanes) * UNIT

    def debt(self) -> Tensor:
        """Words drawn from below the floor and not paid back, int64 [sequences]."""
        return self.engine.state.debt.reshape(self.sequences, self.lanes).sum(-1)

    def untouched(self) -> Tensor:
        """Whether each sequence is as it was when made, bool [sequences]."""
        state = self.engine.state
        fresh = create(
            self.sequences, self.lanes, self.seed, self.mode, self.device,
            self.engine.backend.name, self.engine.faults.check,
        )  # fmt: skip
        same = (state.heads == fresh.state.heads) & (state.debt == 0)
        same &= state.fill + self.engine.spilled == 0
        return same.reshape(self.sequences, self.lanes).all(-1)

    def save(self, words: bool = False) -> Saved:
        """The state as it is now, for ``rewind`` and ``is_at``: copies of heads, fill and debt.

        With ``words`` the words are copied too, which ``rewind`` needs where pops and then pushes
        move the stack in between.

        Raises:
            LaneError: the words are asked for, and lie in a spill store.
        """
        return saving.save(self.engine, words)

    def rewind(self, saved: Saved) -> None:
        """Return to the state that ``save`` found, whatever was popped or pushed since then.

        Without copied words since then only pops may have moved the stack, or only pushes (or it
        is in that state already). The state can be returned to again and again.

        Raises:
            LaneError: other moves may have written over its words, it is the state of another
                stack, or the stack has a spill store. Nothing has moved then.
        """
        saving.rewind(self.engine, saved)

    def is_at(self, saved: Saved) -> Tensor:
        """Whether each sequence is as it was in ``saved``, bool [sequences].

        Compares heads, fill and debt, and the words if they were copied. The state may be that of
        another stack.

        Raises:
            LaneError: the other stack has another number of lanes, or words were copied and this
                stack has a spill store.
        """
        return saving.is_at(self.engine, saved)

    def verify(self) -> None:
        """Raise what ``check="later"`` put off; waits for the device.

        Raises:
            SymbolError: a symbol was outside of its alphabet.
            ParameterError: a parameter was not usable.
            ScaleOverflowError: an exact scaling left int32.

        The stack is then not what it would have been, and of no more use.
        """
        self.engine.faults.verify()

    def flush(self) -> None:
        """Wait until all that left memory is kept by the spill store; SpillError if it is not."""
        if self.engine.spill:
            self.engine.spill.flush()

    def reserve(self, words: int) -> None:
        """Make room for ``words`` more words in every lane, so that pushes need not grow."""
        self.engine.reserve(words)

    def trim(self) -> None:
        """Give back memory above the top, unless the host would have to wait for the device.

        What was saved before a pop cannot be returned to then, as after a push.
        """
        self.engine.trim()

    def spill_to(self, store: SpillStore) -> None:
        """Let the lower part of the stack go to ``store`` as it grows, and come back in time.

        Raises:
            LaneError: the stack has a store already, or ``store`` holds rows.
        """
        if self.engine.spill:
            raise LaneError("this stack already has a spill store")
        if store.rows:
            raise LaneError("a spill store serves one stack, and starts empty")
        self.engine.spill = store

    def export(self) -> Tensor:
        """The whole stack as one flat uint8 [bytes] CPU tensor; see ``flat`` for the layout."""
        self.verify()
        store = self.engine.spill
        return pack(self.engine.state, store.blocks() if store else None)

    @classmethod
    def load(
        cls, flat: Tensor, device: torch.device | str = "cpu",
        backend_name: BackendName | None = None, check: CheckPolicy | None = None,
        below: Tensor | None = None, memory: int | None = None,
    ) -> BitStack:  # fmt: skip
        """The stack that ``export`` gave.

        Args:
            flat: uint8 [bytes].
            device: where the stack shall live.
            backend_name: as of a new stack, like ``check``.
            check: when faults are raised.
            below: words int16 [rows * N] that lie under those of the buffer.
            memory: bytes that the words may take, which lanes of uneven fill make many more than
                the buffer has: by default 64 for each byte that is read, and 64 MiB at least.

        Raises:
            DamagedTapeError: the bytes are no stack.
            FloorError: they are one that its seed cannot lead to.
            MemoryLimitError: they take more than ``memory``.
            BackendError: the back end cannot run here.
        """
        place = torch.empty(0, device=device).device
        name = backend_name or default_backend(place)
        state = unpack(flat, backend(name), place, below, memory)
        made = cls(state.sequences, state.lanes, state.seed, place, state.mode, name, check)
        made.engine.state = state
        made.engine.bounds = FillBounds()
        made.engine.bounds.settle(state.fill)
        return made

    def clone(self) -> BitStack:
        """An independent copy on the same device, its words all in memory."""
        name = self.engine.backend.name
        return BitStack.load(
            self.export(), self.device, "triton" if name == "triton" else "numba",
            self.engine.faults.check, memory=_OWN,
        )  # fmt: skip

    def digest(self) -> str:
        """SHA-256 of ``export``: equal stacks, and no others, have equal digests."""
        return hashlib.sha256(self.export().numpy().tobytes()).hexdigest()
