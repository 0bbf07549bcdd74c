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
from revc.runtime.nets import binding


def runtime_signatures(graphs: Iterable[nn.Module], model: Block) -> dict[str, str]:
    """Return the signature of each function and class of the runtime, by its full name."""
    called: list[Callable[..., Any]] = [Layout, Loop, VjpLoop, binding.import_net]
    called += [builtins.module_class(s) for s in model.nets if isinstance(s.source, Builtin)]
    for graph in graphs:
        for part in graph.modules():
            nodes = part.graph.nodes if isinstance(part, GraphModule) else ()
            called += [n.target for n in nodes if n.op == "call_function" and module_of(n.target)]
    return dict(sorted((f"{one.__module__}.{one.__name__}", signature(one)) for one in called))
