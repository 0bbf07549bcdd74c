"""revc: a declarative compiler from a model spec to an exactly reversible PyTorch graph."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from revc.codegen.compile import compile

__all__ = ["compile"]


def __getattr__(name: str) -> Any:
    # The command line's lint, fmt and explain must not pay for importing torch.
    if name == "compile":
        from revc.codegen.compile import compile

        return compile
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
