"""Nets that draw random numbers: built-in ones by an option, torch classes as far as is known."""

from collections.abc import Callable

from revc.grammar.signatures import builtin_signatures
from revc.ir.dims import Dim
from revc.ir.memo import per_node
from revc.ir.nets import Builtin, NetSlot, Setting, TorchClass
from revc.passes.analysis.torch_layers import SILENT, UNKNOWN, Looked, is_torchs, layer

Probe = Callable[[NetSlot], Looked]
"""Runs a net to see what it does; see `revc.audit.probe`."""
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
    told = found.verdict in ("random", "silent")
    return found if told or probe is None else probe(slot)


@per_node
def _text(source: TorchClass) -> Looked:
    """Judge a torch class by its name and its source alone."""
    args = [_plain(value) for value in source.args]
    kwargs = {name: _plain(value) for name, value in source.kwargs.items()}
    module, _, name = source.target.partition(":")
    if module == "torch.nn" or module.startswith("torch.nn.modules"):
        found = layer(name, args, kwargs)
        if found.verdict == "random":
            return Looked("charged", f"{source.target}: {found.why}")
        return Looked(found.verdict, _NOT.why)
    from revc.passes.analysis.source_scan import random_call

    call = random_call(source.target, args, kwargs)
    if call is None:
        return _NOT
    return Looked("charged" if is_torchs(call) else "random", f"{source.target} has {call}")


def _plain(value: Setting) -> object:
    if isinstance(value, Dim):
        return UNKNOWN if value.integer is None else value.integer
    return value
