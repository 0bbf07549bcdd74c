"""What a module does as it runs: whether it draws, changes, repeats itself, and hangs on its batch.

It is called four times on one input: twice in training and twice in evaluation, the generators of
Python and numpy seeded otherwise each time. Then parts of the batch are run alone. What capture
finds in its graph says why.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from revc.audit.generators import seed_others, states
from revc.passes.analysis.torch_layers import SILENT, Looked, Seen
from revc.runtime.nets.capture.coupling import mixes
from revc.runtime.nets.capture.held import changed, notes
from revc.runtime.nets.capture.refusal import Refusal
from revc.runtime.nets.capture.trace import Sample, trace

ERRORS = (AssertionError, LookupError, RuntimeError, TypeError, ValueError)


_Kept = tuple[str, bool] | None


class _Ran(NamedTuple):
    """What two calls in one mode gave, and did: `drew` by torch, or `others` by other generators.

    `kept` is the name of what one of them changed, and whether that is a tensor.
    """

    results: tuple[list[Tensor], list[Tensor]]
    drew: bool
    others: bool
    kept: _Kept


def watched(net: nn.Module, target: str, inputs: list[Tensor]) -> Looked:
    """Run a net in both modes, and say what it did besides reading."""
    seen: dict[str, Seen] = {}
    drew, results = False, []
    for mode in ("training", "evaluation"):
        net.train(mode == "training")
        ran = _ran(net, inputs)
        if ran.others:
            return Looked("random", f"{target} drew some when it was run in {mode}")
        drew = drew or ran.drew
        if ran.kept is not None:
            name, certain = ran.kept
            what = f"its `{name}` is another after a call in {mode}"
            seen.setdefault("D602", Seen("D602", what, certain))
        elif (off := _off(*ran.results)) is not None:
            seen.setdefault("D601", Seen("D601", f"two runs in {mode} differ in {off}"))
        results.append(ran.results[0])
    if seen:
        why = "; ".join(one.what for one in seen.values())
        return Looked("unknown", f"{target}: {why}", tuple(seen.values()))
    if drew:
        return _charged(net.train(), target, inputs)
    return Looked("silent", SILENT.why, tuple(_more(net, inputs, results)))


def _charged(net: nn.Module, target: str, inputs: list[Tensor]) -> Looked:
    """Return what is known of a net that drew by torch: capture gives it keys, or says why not."""
    try:
        drawn = trace(net, _sample(net, inputs)).random
    except Refusal as refusal:
        return Looked(
            "unknown", f"{target} drew by torch as it ran, and is not captured: {refusal}"
        )
    by = f" ({', '.join(drawn)})" if drawn else ""
    return Looked("charged", f"{target} drew by torch as it ran{by}")


def _sample(net: nn.Module, inputs: Sequence[Tensor]) -> Sample:
    own = [x.detach().requires_grad_(x.is_floating_point()) for x in inputs]
    return Sample(tuple(net.parameters()), own, None)


def _ran(net: nn.Module, inputs: list[Tensor]) -> _Ran:
    """Call a net twice, as runs do: with gradients recorded."""
    found: list[list[Tensor]] = []
    drew = others = False
    kept: _Kept = None
    for seed in (1, 2):
        seed_others(seed)
        before, held, noted = states(), _held(net), notes(net)
        with torch.enable_grad():
            found.append([t.detach().clone() for t in _tensors(net(*inputs))])
        torchs, *rest = (a != b for a, b in zip(states(), before, strict=True))
        drew, others = drew or torchs, others or any(rest)
        kept = kept or _other(net, held, noted)
    return _Ran((found[0], found[1]), drew, others, kept)


def _held(net: nn.Module) -> dict[str, Tensor]:
    named = (*net.named_buffers(), *net.named_parameters())
    return {name: value.detach().clone() for name, value in named}


def _other(net: nn.Module, held: dict[str, Tensor], noted: dict[str, Any]) -> _Kept:
    """Return what a call changed of a net: a tensor, or a number that it holds.

    Tensors that it keeps as plain attributes are notes, made anew by each call.
    """
    now = _held(net)
    for name, value in held.items():
        if name not in now or not torch.equal(value, now[name]):
            return name, True
    note = changed(noted, notes(net))
    if note is None or note not in noted or _is_object(noted[note]):
        return None
    return note, False


def _is_object(mark: object) -> bool:
    """Say whether an attribute is compared by its identity alone: each call may make another."""
    return not isinstance(mark, tuple)


def _more(net: nn.Module, inputs: list[Tensor], results: list[list[Tensor]]) -> Iterator[Seen]:
    """Yield what is seen of a net that repeats itself: of its modes, and of parts of a batch."""
    off = _off(results[0], results[1])
    if off is not None:
        yield Seen("D603", f"training and evaluation differ in {off}")
    for mode, whole in zip((True, False), results, strict=True):
        net.train(mode)
        apart = _apart(net, inputs, whole)
        if apart is not None:
            reason = _mixing(net, inputs)
            yield Seen("D604", f"{apart}: {reason}")
            return


def _apart(net: nn.Module, inputs: list[Tensor], whole: list[Tensor]) -> str | None:
    """Return how a part of a batch differs from what the whole batch gave it, None if it does not.

    Nothing is said where the first axis is not the same number for all that goes in and comes out,
    nor of parts that the net does not take.
    """
    sizes = {x.shape[0] if x.ndim else 0 for x in (*inputs, *whole)}
    if len(sizes) != 1:
        return None
    (batch,) = sizes
    for count, name in ((1, "alone"), (batch // 2, "in half of it")):
        try:
            with torch.enable_grad():
                part = [t.detach() for t in _tensors(net(*(x[:count] for x in inputs)))]
        except ERRORS:
            continue
        off = _off(part, [t[:count] for t in whole])
        if off is not None:
            return f"the first of {batch} examples, run {name}, differs in {off}"
    return None


def _mixing(net: nn.Module, inputs: Sequence[Tensor]) -> str:
    """Return what mixes the examples of a batch, as far as its graph tells."""
    half = _sample(net, [x[: x.shape[0] // 2] for x in inputs]).inputs
    found = mixes(net, _sample(net, inputs), half, 0, (True,) * len(half))
    return found or "its kernels go by the size of the batch"


def _off(one: list[Tensor], two: list[Tensor]) -> str | None:
    """Return how many values differ in any bit, as ``3 of 32 values``; None if none does."""
    pairs = [(a, b) for a, b in zip(one, two, strict=True) if not torch.equal(a, b)]
    if not pairs:
        return None
    if any(a.shape != b.shape for a, b in pairs):
        return "their shapes"
    total = sum(a.numel() for a in one)
    wrong = sum(int(((a != b) & ~((a != a) & (b != b))).sum()) for a, b in pairs)
    return f"{wrong} of {total} values" if wrong else None


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _tensors(item)
