"""Counted floating-point operations of what runs: those of matrix products and attention."""

from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

from revc.planning.flops import operations


class FlopCounter(TorchDispatchMode):
    """Adds up the operations that run inside it, backward passes too.

    torch's FlopCounterMode does the same and hooks every module besides, at which some of the
    measured packages fail.
    """

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run the operation and count it."""
        out = func(*args, **(kwargs or {}))
        self.total += operations(func, args, kwargs, out)
        return out
