"""Proofs of bijectivity: per statement, why its inverse exists; per block, the weakest of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from revc.grammar.span import Span
from revc.ir.instructions import (
    Add,
    Alloc,
    Apply,
    BlockCall,
    Draw,
    Emit,
    Forget,
    Free,
    Instruction,
    Join,
    Let,
    Mix,
    Negate,
    Permute,
    Put,
    Repeat,
    Reshape,
    Scale,
    Split,
    Squeeze,
    Swap,
    Valve,
)  # fmt: skip
from revc.ir.program import Block
from revc.passes.analysis.doubts import Doubt, Verdict
from revc.passes.analysis.random_nets import Probe, look
from revc.passes.analysis.torch_layers import SILENT

ORDER: tuple[Verdict, ...] = ("PROVED", "BOUNDED", "ASSUMED", "FORGETS", "UNKNOWN", "REFUTED")


@dataclass(frozen=True, slots=True)
class Proof:
    """One node of a proof tree: what is shown, how well, why, and from what.

    `notes` are lines about a model that are no part of its proof: what its budgets allow.
    """

    subject: str
    verdict: Verdict
    reason: str
    span: Span
    steps: "tuple[Proof, ...]" = ()
    notes: tuple[str, ...] = ()

    def lines(self, depth: int = 0, shown: "set[int] | None" = None) -> Iterator[str]:
        """Yield the tree as text, one node a line; a block's steps once."""
        shown = set() if shown is None else shown
        place = f"{self.span.file}:{self.span.line}"
        again = bool(self.steps) and id(self) in shown
        tail = ", as shown above" if again else ""
        yield f"{'  ' * depth}{self.verdict:<8} {self.subject}: {self.reason} ({place}){tail}"
        shown.add(id(self))
        yield from (f"{'  ' * depth}  {note}" for note in self.notes)
        for step in () if again else self.steps:
            yield from step.lines(depth + 1, shown)


def weakest(verdicts: "list[Verdict]") -> Verdict:
    """Return the verdict of a whole whose parts have `verdicts`."""
    return max(verdicts, key=ORDER.index, default="PROVED")


def prove(
    block: Block, doubts: tuple[Doubt, ...] = (), done: dict[int, Proof] | None = None,
    probe: Probe | None = None, nets: bool = True,
) -> Proof:  # fmt: skip
    """Return the proof that `block` is a bijection, as far as its structure shows it.

    `doubts` are statements of its source that have no instruction, as they have no inverse. `done`
    holds the proofs of blocks met before. `probe` runs nets of which too little is known; without
    `nets` all are taken as functions of what they read.
    """
    done = {} if done is None else done
    if doubts or id(block) not in done:
        unproved = _unproved(block)
        inner = partial(prove, done=done, probe=probe, nets=nets)
        steps = [_step(step, id(step) in unproved, inner) for step in block.body]
        steps += [Proof("statement", d.verdict, d.reason, d.span) for d in doubts]
        known = weakest([step.verdict for step in steps])
        steps += _nets(block, probe) if nets else ()
        verdict = weakest([step.verdict for step in steps])
        reason = _SUMMARY[verdict] if verdict == known else _UNSEEN
        done[id(block)] = Proof(block.name, verdict, reason, block.span, tuple(steps))
    return done[id(block)]


def _nets(block: Block, probe: Probe | None) -> Iterator[Proof]:
    """Yield what stands against a proof in a block's nets, each place once."""
    seen: set[Span] = set()
    for slot in block.nets:
        looked = look(slot, probe) if slot.span not in seen else SILENT
        if looked.verdict in _OF_NETS:
            seen.add(slot.span)
            verdict, reason = _OF_NETS[looked.verdict]
            yield Proof(f"net {slot.name}", verdict, f"{reason}: {looked.why}", slot.span)


_OF_NETS: dict[str, tuple[Verdict, str]] = {
    "unknown": ("UNKNOWN", "a torch net may draw random numbers, or keep state"),
    "charged": (
        "ASSUMED",
        "it draws random numbers, from a key that is charged if it is captured, else it is refused",
    ),
}


def _unproved(block: Block) -> set[int]:
    """Return which `free` instructions are checked as they run only."""
    if not any(isinstance(step, Free) for step in block.body):
        return set()
    from revc.passes.analysis.free_proof import unproved_frees

    return {id(free.step) for free in unproved_frees(block)}


_SUMMARY: dict[Verdict, str] = {
    "PROVED": "every statement has an inverse, and they compose",
    "BOUNDED": "every statement has an inverse within its certificate",
    "ASSUMED": "a bijection if what is taken on trust holds",
    "FORGETS": "no bijection: what is forgotten is dropped; the rest has an inverse",
    "UNKNOWN": "a statement has no inverse that is known",
    "REFUTED": "two different states become one",
}


_UNSEEN = "its statements are undone if its nets give the same values again, which is not known"


def _step(step: Instruction, unproved: bool, prove: Callable[[Block], Proof]) -> Proof:
    match step:
        case Free() if unproved:
            reason = "checked to hold its value as it runs, so nothing is lost unseen"
            return Proof(f"free {step.name}", "ASSUMED", reason, step.span)
        case Forget():
            reason = "what it holds is dropped; a backward pass takes it from where the run kept it"
            return Proof(f"forget {step.name}", "FORGETS", reason, step.span)
        case Apply() if step.bijection not in _NAMED:
            return Proof("apply", "ASSUMED", f"`{step.bijection}` is taken on trust", step.span)
        case Apply():
            reason = f"{step.bijection} is strictly increasing"
            return Proof("apply", "PROVED", reason, step.span)
    inner = tuple(map(prove, step.inner()))
    verdict = weakest([proof.verdict for proof in inner])
    reason = "it runs what forgets" if verdict == "FORGETS" else _reason(step)
    return Proof(_subject(step), verdict, reason, step.span, inner)


def _subject(step: Instruction) -> str:
    match step:
        case BlockCall():
            return f"call {step.label}"
        case Repeat():
            return step.label
    return " ".join([step.kind, *dict.fromkeys(place.name for place in step.targets())])


_NAMED = ("softsign", "tanh", "sigmoid", "exp", "log", "softplus", "sinh", "arcsinh")

_REASONS: dict[type, str] = {
    Add: "the value does not read what it is added to; the inverse subtracts it",
    Alloc: "a new register with a known value; the inverse checks and frees it",
    Free: "the value is known at this point; the inverse makes it again",
    Let: "a read; nothing that it reads changes while it is in use",
    Emit: "a read for the caller",
    Put: "an entropy coder is a bijection of value and tape",
    Draw: "an entropy coder is a bijection of value and reservoir",
    Valve: "a put and a draw, by a distribution that reads nothing of what they move",
    Negate: "two's complement is its own inverse",
    Swap: "two registers change places; its own inverse",
    Split: "the parts hold the elements of the whole; the inverse joins them",
    Join: "the whole holds the elements of the parts; the inverse splits it",
    Permute: "elements are reordered; the inverse order puts them back",
    Reshape: "the same elements in the same order",
    Squeeze: "elements are reordered; the inverse puts them back",
    Mix: "a product of unit-triangular lifting steps, each an exact add",
}


def _reason(step: Instruction) -> str:
    match step:
        case Scale():
            return f"the factor is at least {step.lo:g}; remainders go to the tape"
        case BlockCall():
            how = "run backwards" if step.undo else "run"
            return f"{step.block.name}, {how}; its inverse runs it the other way"
        case Repeat():
            return f"{step.count} turns of a bijection, undone in the other order"
    return _REASONS[type(step)]
