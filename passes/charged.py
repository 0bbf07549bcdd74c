"""Nets that draw random numbers (R401), and state that is not exact (Q303)."""

from collections.abc import Iterable, Iterator

from revc.grammar import ast
from revc.grammar.diagnostics import Diagnostic
from revc.grammar.signatures import builtin_signatures
from revc.ir.nets import Builtin, NetSlot, TorchClass
from revc.passes.modules import Module
from revc.passes.rules.q303_float_state import float_state
from revc.passes.rules.r401_uncharged_rng import uncharged

_RATES = ("dropout", "p")


def random_nets(slots: Iterable[NetSlot]) -> Iterator[Diagnostic]:
    """Yield a finding for each slot whose net draws random numbers; turns of a loop count once."""
    for slot in slots:
        name = slot.name.rpartition(".")[2]
        if isinstance(slot.source, Builtin):
            option = builtin_signatures()[slot.source.name].random
            rate = slot.source.settings.get(option) if option is not None else 0
            if isinstance(rate, int | float) and rate > 0:
                yield uncharged(name, f"{option} = {rate:g}", slot.span)
        elif isinstance(slot.source, TorchClass):
            call = _torch_call(slot.source)
            if call is not None:
                yield uncharged(name, f"{slot.source.target} has `{call}`", slot.span)


def _torch_call(source: TorchClass) -> str | None:
    from revc.passes.source_scan import random_call

    if any(source.kwargs.get(rate) == 0 for rate in _RATES if rate in source.kwargs):
        return None
    return random_call(source.target)


def float_states(module: Module) -> Iterator[Diagnostic]:
    """Yield a finding for each declaration of float state in a file."""
    for item in module.file.items:
        if isinstance(item, ast.StateDecl) and item.numerics.kind == "float32":
            yield float_state(item.numerics.span)
        if isinstance(item, ast.BlockDecl | ast.ModelDecl):
            for param in item.params:
                if not param.given and _is_float(param.type):
                    yield float_state(param.span)
            for node in ast.walk(item.body):
                if isinstance(node, ast.Alloc | ast.Draw) and _is_float(node.type):
                    yield float_state(node.type.span)


def _is_float(kind: ast.Type | None) -> bool:
    return kind is not None and kind.numerics is not None and kind.numerics.kind == "float32"
