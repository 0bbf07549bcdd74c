"""What nets do besides reading: built-in ones by an option, torch classes as far as is known."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Protocol

from revc.grammar.signatures import builtin_signatures
from revc.ir.dims import Dim
from revc.ir.memo import per_node
from revc.ir.nets import Builtin, NetSlot, Setting, TorchClass
from revc.passes.analysis.torch_layers import (
    SILENT,
    UNKNOWN,
    Looked,
    Seen,
    is_torchs,
    layer,
    statistics,
)


class Probe(Protocol):
    """Runs what a spec names to see what it does; see `revc.audit.probe`."""

    def __call__(self, slot: NetSlot) -> Looked:
        """Return what a torch net was seen to do."""

    def undone(self, forward: str, inverse: str) -> str | None:
        """Return how the inverse that a bijection declares was seen to fail, None if it did not."""


_NOT = Looked("unknown", "it was not looked into: `revc lint --probe` runs it")


def look(slot: NetSlot, probe: Probe | None = None) -> Looked:
    """Return what is known of a slot's net; what its text does not tell, `probe` does.

    A net that is bound from Python is taken to be a function of what it reads.
    """
    source = slot.source
    if isinstance(source, Builtin):
        option = builtin_signatures()[source.name].random
        rate = source.settings.get(option) if option is not None else 0
        if isinstance(rate, int | float) and rate > 0:
            return Looked("random", f"{option} = {rate:g}")
        return SILENT
    if not isinstance(source, TorchClass):
        return SILENT
    found = _text(source)
    if probe is None or found.verdict == "random":
        return found
    ran = probe(slot)
    seen = tuple({one.code: one for one in (*found.seen, *ran.seen)}.values())
    return replace(ran if found.verdict == "unknown" else found, seen=seen)


def seen(nets: Iterable[NetSlot], probe: Probe | None, code: str) -> Iterator[tuple[NetSlot, Seen]]:
    """Yield what is known of torch nets that is for the rule `code` to say."""
    for slot in nets:
        if isinstance(slot.source, TorchClass):
            yield from ((slot, one) for one in look(slot, probe).seen if one.code == code)


def named(slot: NetSlot) -> str:
    """Return what a finding calls a torch net: its name and its class."""
    assert isinstance(slot.source, TorchClass)
    return f"`{slot.name.rpartition('.')[2]}` ({slot.source.target})"


@per_node
def _text(source: TorchClass) -> Looked:
    """Judge a torch class by its name and its source alone."""
    args = [_plain(value) for value in source.args]
    kwargs = {name: _plain(value) for name, value in source.kwargs.items()}
    module, _, name = source.target.partition(":")
    if module == "torch.nn" or module.startswith("torch.nn.modules"):
        found, kept = layer(name, args, kwargs), statistics(name, args, kwargs)
        if found.verdict == "random":
            return Looked("charged", f"{source.target}: {found.why}")
        return Looked(found.verdict, _NOT.why, (Seen("D602", kept),) if kept else ())
    from revc.passes.analysis.source_scan import random_call
    from revc.passes.analysis.state_scan import state_kept

    call, state = random_call(source.target, args, kwargs), state_kept(source.target, args, kwargs)
    seen = () if state is None else (state,)
    if call is None:
        return replace(_NOT, seen=seen)
    return Looked("charged" if is_torchs(call) else "random", f"{source.target} has {call}", seen)


def _plain(value: Setting) -> object:
    if isinstance(value, Dim):
        return UNKNOWN if value.integer is None else value.integer
    return value
