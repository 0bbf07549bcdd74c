"""Runs kernels over a stack in pieces: room before a push, words before a pop, bounds after.

The engine is what the custom operators find behind a token. It owns the tensors of a stack, grows
them, spills and restores rows, and keeps the faults that a device found and no one has asked for.
"""

from __future__ import annotations

import itertools
import weakref

import torch
from torch import Tensor

from revc.runtime.bits import host
from revc.runtime.bits.backends import backend
from revc.runtime.bits.constants import Mode
from revc.runtime.bits.errors import BackendError, LaneError
from revc.runtime.bits.faults import CheckPolicy, Faults
from revc.runtime.bits.flat import pack
from revc.runtime.bits.growth import FillBounds
from revc.runtime.bits.spill import SpillStore
from revc.runtime.bits.state import LaneState, blank

PIECE_WORDS = 1 << 21
"""Words of spare room that a push on the CPU asks for at a time."""

WINDOW = 4
"""Blocks that may lie in memory of a stack that spills before the host waits to know better."""

SPARE_ROWS = 8
"""Rows above the fullest lane of a stack that is trimmed: what exchanges that shrink it need."""


_serial = itertools.count(1)
_engines: weakref.WeakValueDictionary[int, Engine] = weakref.WeakValueDictionary()


def engine_of(token: Tensor) -> Engine:
    """The engine behind a token, int64 as ``BitStack.token``.

    Raises:
        LaneError: its stack is gone.
    """
    found = _engines.get(int(token[0]))
    if found is None:
        raise LaneError("the stack behind this token no longer exists")
    return found


def new_token(serial: int) -> Tensor:
    """A token of an object's number, int64 [2] on the CPU: (serial, operations so far)."""
    return torch.tensor([serial, 0], dtype=torch.int64, device="cpu")


class Engine:
    """One stack's state with the machinery around it."""

    def __init__(self, state: LaneState, name: str, check: CheckPolicy) -> None:
        self.state = state
        self.backend = backend(name)
        self.bounds = FillBounds()
        self.spill: SpillStore | None = None
        self.faults = Faults(check)
        self.replayed = host.captures(state.heads.device)
        self.unmarked = False
        self.pops = self.overwritten = 0
        self.serial = next(_serial)
        _engines[self.serial] = self

    def token(self) -> Tensor:
        """A new token for this engine: int64 [2] on the CPU, (serial, operations so far)."""
        return new_token(self.serial)

    @property
    def spilled(self) -> int:
        """Rows of every lane that lie in the spill store."""
        return self.spill.rows if self.spill else 0

    def steps(self, elements: int) -> int:
        """Steps that ``elements`` elements of a sequence take."""
        return -(-elements // self.state.lanes)

    def piece(self, words: int) -> int:
        """Steps to run at a time when a step moves up to ``words`` words a lane."""
        limit = 1 << 40
        if self.state.heads.device.type == "cpu":
            limit = max(16, min(16384, PIECE_WORDS // max(1, self.state.count)))
        if self.spill:
            limit = min(limit, self.spill.block)
        return max(1, limit // words)

    def push(self, kernel: str, symbols: Tensor, words: int, *arguments: Tensor | int) -> None:
        """Run a push kernel over ``symbols`` [B, E]; a step stores at most ``words`` words."""
        for first, last in self.pieces(symbols, words):
            self.step(kernel, first, last, words * (last - first), 0, symbols, *arguments)
        self.mark()

    def pop(self, kernel: str, symbols: Tensor, words: int, *arguments: Tensor | int) -> None:
        """Run a pop kernel that fills ``symbols`` [B, E]; a step takes at most ``words`` words."""
        for first, last in reversed(self.pieces(symbols, words)):
            self.step(kernel, first, last, 0, words * (last - first), symbols, *arguments)

    def exchange(
        self, kernel: str, symbols: Tensor, backwards: bool, shrinks: bool,
        *arguments: Tensor | int,
    ) -> None:  # fmt: skip
        """Run a kernel whose steps store or take up to one word, over ``symbols`` [B, E].

        One that ``shrinks`` takes at least as many bits as it gives in each step. However many
        steps it runs, a lane then holds at most one word more, which heads account for, and within
        a step another. (At the floor it may borrow; where it does it holds no word.)
        """
        pieces = self.pieces(symbols, 1)
        for first, last in reversed(pieces) if backwards else pieces:
            steps = last - first
            stored = min(2, steps) if shrinks else steps
            self.step(kernel, first, last, stored, steps, symbols, *arguments)
        self.mark()

    def pieces(self, symbols: Tensor, words: int) -> list[tuple[int, int]]:
        """Ranges of steps to run at a time."""
        steps, piece = self.steps(symbols.shape[1]), self.piece(words)
        return [(first, min(first + piece, steps)) for first in range(0, steps, piece)]

    def step(
        self, kernel: str, first: int, last: int, stored: int, taken: int,
        *arguments: Tensor | int,
    ) -> None:  # fmt: skip
        """Run one piece, which stores up to ``stored`` and takes up to ``taken`` words a lane."""
        if self.spill and host.captures(self.state.heads.device):
            raise LaneError("a CUDA graph cannot replay a stack that streams out to a spill store")
        if self.spill and taken:
            self.restore_rows(self.spill, taken)
        self.reserve(stored)
        # First the books, which hold before and after: an interrupt may come in between.
        self.bounds.widen(stored, taken)
        # How many pops there were in all, and before the last push: what ``saved`` has to know.
        self.pops += bool(taken)
        self.overwritten = self.pops if stored else self.overwritten
        self.backend.run(kernel, self.state, first, last, *arguments)
        if self.spill and stored:
            self.spill_rows(self.spill)

    def reserve(self, words: int) -> None:
        """Make room for ``words`` more words in every lane.

        A stack that is made while a CUDA graph is captured grows there, by bounds that hold for all
        that is replayed; one from outside would find its words in memory of the graph. Three rows
        more: the scratch row, the row written before it is known whether a word is
        due, and one for a word that a uniform digit stores and takes back at once.

        Raises:
            LaneError: the stack is from outside of a graph that is captured, and has to grow.
        """
        if self.bounds.high + words + 3 <= self.state.capacity:
            return
        self.bounds.observe(self.state.fill)
        needed = self.bounds.high + words + 3
        if needed <= self.state.capacity:
            return
        if not self.replayed and host.captures(self.state.heads.device):
            raise LaneError(
                f"this stack would have to grow to {needed} rows while a CUDA graph is captured: "
                "reserve the words before, or make the stack within the capture"
            )
        self.state.resize(max(needed, self.state.capacity * 3 // 2))

    def trim(self) -> None:
        """Give back room above the top, where it is more than a part in 16 of what is held.

        What pops left there is lost, so what was saved before them cannot be returned to. Where the
        host would have to wait for the number of words, all stays as it is.
        """
        device = self.state.heads.device
        if host.waits(device) or host.captures(device):
            return
        self.bounds.observe(self.state.fill)
        rows = self.bounds.high + SPARE_ROWS
        if self.state.capacity > rows + rows // 16:
            self.overwritten = self.pops
            self.state.resize(rows)

    def look(self, store: SpillStore) -> None:
        """Tighten the bounds; where more than a window may lie in memory, wait for an earlier look.

        A host that runs ahead of its device would otherwise never know that rows can go out, nor
        that none are needed back. It still runs ahead by what was launched since that look.
        """
        self.bounds.observe(self.state.fill, self.bounds.high > WINDOW * store.block)

    def spill_rows(self, store: SpillStore) -> None:
        """Move whole blocks that lie under every lane's top to the store."""
        if self.bounds.high < 2 * store.block:
            return
        self.look(store)
        blocks = self.bounds.low // store.block - 1
        if blocks <= 0:
            return
        rows, words = blocks * store.block, self.state.words
        for first in range(1, rows + 1, store.block):
            store.put(words[first : first + store.block])
        stay = self.bounds.high + 1 - rows
        words[1 : stay + 1] = words[rows + 1 : rows + stay + 1].clone()
        self.state.fill -= rows
        self.bounds.moved(-rows)
        self.unmarked = True

    def restore_rows(self, store: SpillStore, words: int) -> None:
        """Bring back blocks until every lane holds more than ``words`` words, or none are left out.

        One word more, because an empty lane would take its floor for the bottom of the stack.
        """
        if self.bounds.low > words or not store.rows:
            return
        self.look(store)
        while self.bounds.low <= words and store.rows:
            rows, held = store.block, self.bounds.high + 1
            if held + rows + 2 > self.state.capacity:
                self.state.resize(max(held + rows + 2, self.state.capacity * 3 // 2))
            memory = self.state.words
            memory[rows + 1 : rows + held + 1] = memory[1 : held + 1].clone()
            memory[1 : rows + 1] = store.take(memory.device)
            self.state.fill += rows
            self.bounds.moved(rows)

    def mark(self) -> None:
        """Let the spill store record the rest of the stack, when an operation that spilled ends."""
        if self.spill and self.unmarked:
            self.spill.mark(self.snapshot)
            self.unmarked = False

    def snapshot(self) -> Tensor:
        """What is in memory, as a flat buffer; the spilled rows belong below it."""
        return pack(self.state)

    def sizes(self) -> Tensor:
        """Size of every sequence, int64 [sequences], in 2**-20 bit."""
        return self.backend.sizes(self.state, self.spilled)


def create(
    sequences: int, lanes: int, seed: int, mode: Mode, device: torch.device, name: str,
    check: CheckPolicy, turn: Tensor | None = None,
) -> Engine:  # fmt: skip
    """An engine over an untouched stack; its arguments are those of ``BitStack``.

    Raises:
        LaneError: sizes or seed out of range.
        BackendError: the back end does not work on ``device``.
    """
    if sequences < 0 or lanes < 1 or sequences * lanes >= 1 << 31:
        raise LaneError(
            f"{sequences} sequences of {lanes} lanes: want at least 0 and 1, below 2**31"
        )
    if not 0 <= seed < 1 << 63:
        raise LaneError(f"seed {seed} is not in [0, 2**63)")
    if name == "numba" and device.type != "cpu":
        raise BackendError(f"back end 'numba' works on CPU tensors, not on {device}")
    engine = Engine(blank(sequences, lanes, seed, mode, device), name, check)
    if turn is not None:
        engine.state.vary(turn)
    engine.backend.first_heads(engine.state)
    return engine
