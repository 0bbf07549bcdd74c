"""Nets that draw random numbers, built-in ones by an option and torch classes by their source."""

from revc.grammar.signatures import builtin_signatures
from revc.ir.nets import Builtin, NetSlot, TorchClass

_RATES = ("dropout", "p")


def drawn(slot: NetSlot) -> str | None:
    """Return by what a slot's net draws random numbers, None if it draws none."""
    source = slot.source
    if isinstance(source, Builtin):
        option = builtin_signatures()[source.name].random
        rate = source.settings.get(option) if option is not None else 0
        return f"{option} = {rate:g}" if isinstance(rate, int | float) and rate > 0 else None
    if isinstance(source, TorchClass):
        call = _torch_call(source)
        return f"{source.target} has `{call}`" if call is not None else None
    return None


def _torch_call(source: TorchClass) -> str | None:
    from revc.passes.analysis.source_scan import random_call

    if any(source.kwargs.get(rate) == 0 for rate in _RATES if rate in source.kwargs):
        return None
    return random_call(source.target)
