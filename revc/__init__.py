"""revc: a declarative compiler from a model spec to an exactly reversible PyTorch graph."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from revc.codegen.compile import compile
    from revc.codegen.show import show

__all__ = ["compile", "show"]


def __getattr__(name: str) -> Any:
    # The command line's lint, fmt and explain must not pay for importing torch.
    if name == "compile":
        from revc.codegen.compile import compile

        return compile
    if name == "show":
        from revc.codegen.show import show

        return show
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
