"""revc: a declarative compiler from a model spec to an exactly reversible PyTorch graph.

Names are imported when they are first asked for: linting and inverting never import torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from revc.codegen.compile import compile
    from revc.errors import (
        ArtifactError,
        BindError,
        BudgetError,
        DoubleBackwardError,
        InternalError,
        OutputError,
        ReconstructionError,
        RevcError,
        ScheduleError,
    )
    from revc.grammar.diagnostics import SpecError, UnsupportedError
    from revc.passes.invert import invert
    from revc.passes.lint import lint
    from revc.picture.show import show
    from revc.planning.chunks import plan_chunks
    from revc.planning.entry import plan
    from revc.retrofitting.entry import retrofit
    from revc.runtime.model import ReversibleModel

    __version__: str

_HOMES = {
    "compile": "revc.codegen.compile",
    "show": "revc.picture.show",
    "invert": "revc.passes.invert",
    "lint": "revc.passes.lint",
    "plan": "revc.planning.entry",
    "plan_chunks": "revc.planning.chunks",
    "retrofit": "revc.retrofitting.entry",
    "ReversibleModel": "revc.runtime.model",
    "SpecError": "revc.grammar.diagnostics",
    "UnsupportedError": "revc.grammar.diagnostics",
    "ArtifactError": "revc.errors",
    "BindError": "revc.errors",
    "BudgetError": "revc.errors",
    "DoubleBackwardError": "revc.errors",
    "InternalError": "revc.errors",
    "OutputError": "revc.errors",
    "ReconstructionError": "revc.errors",
    "RevcError": "revc.errors",
    "ScheduleError": "revc.errors",
}

__all__ = [
    "ArtifactError",
    "BindError",
    "BudgetError",
    "DoubleBackwardError",
    "InternalError",
    "OutputError",
    "ReconstructionError",
    "RevcError",
    "ReversibleModel",
    "ScheduleError",
    "SpecError",
    "UnsupportedError",
    "__version__",
    "compile",
    "invert",
    "lint",
    "plan",
    "plan_chunks",
    "retrofit",
    "show",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version  # slow to import, and seldom asked for

        return version("revc")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
