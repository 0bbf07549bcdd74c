"""Counted floating-point operations: those of matrix products, by torch's own formulas."""

from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

from revc.planning.held import FORMULAS


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
        formula = FORMULAS.get(func._overloadpacket)
        if formula is not None:
            self.total += formula(*args, **(kwargs or {}), out_val=out)
        return out
