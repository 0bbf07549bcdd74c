"""What an artifact calls of the runtime, with the signatures that it was written for."""

from collections.abc import Callable, Iterable
from typing import Any

from torch import nn
from torch.fx import GraphModule

from revc.artifact.targets import module_of
from revc.codegen import builtins
from revc.ir.nets import Builtin
from revc.ir.program import Block
from revc.runtime.artifact import signature
from revc.runtime.loop import Layout, Loop, VjpLoop
from revc.runtime.loop_kept import Turns
from revc.runtime.loop_saved import KeepLoop, PullLoop
from revc.runtime.nets import binding


def runtime_signatures(graphs: Iterable[nn.Module], model: Block) -> dict[str, str]:
    """Return the signature of each function and class of the runtime, by its full name."""
    called: dict[Callable[..., Any], None] = dict.fromkeys(
        (Layout, Loop, VjpLoop, binding.import_net)
    )
    called |= {builtins.module_class(s): None for s in model.nets if isinstance(s.source, Builtin)}
    seen: set[nn.Module] = set()
    for graph in graphs:
        for part in graph.modules() if graph not in seen else ():
            seen.add(part)
            called |= dict.fromkeys(_targets(part) if isinstance(part, GraphModule) else ())
            if isinstance(part, KeepLoop | PullLoop | Turns):
                called[type(part)] = None
    named = {f"{one.__module__}.{one.__name__}": one for one in called}
    return {name: signature(one) for name, one in sorted(named.items())}


def _targets(part: GraphModule) -> set[Callable[..., Any]]:
    """Return what of the runtime a graph calls."""
    found = {node.target for node in part.graph.nodes if node.op == "call_function"}
    return {one for one in found if callable(one) and module_of(one)}
