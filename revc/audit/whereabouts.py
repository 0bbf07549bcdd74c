"""Where a run is: which net is called, and which operators it calls."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.hooks import RemovableHandle

from revc.runtime.model import ReversibleModel


class Whereabouts(TorchDispatchMode):
    """Follows a model's brought nets by hooks and shows every operator to `seen(name, net)`.

    Built-in nets are graphs of operators, not modules: theirs are the program's own.
    `left(net)` is called as a net returns; `failed` is the operator that raised, and its net.
    """

    def __init__(
        self, model: ReversibleModel, seen: Callable[[str, str], None] | None = None,
        left: Callable[[str], None] | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.model, self.seen, self.left = model, seen, left
        self.failed: tuple[str, str] | None = None
        self._inside: list[str] = []
        self._handles: list[RemovableHandle] = []

    @property
    def net(self) -> str:
        """The net that is running, or the program itself."""
        return f"net {self._inside[-1]}" if self._inside else "the program"

    def __enter__(self) -> "Whereabouts":
        nets = zip(self.model.interface.nets, self.model.net_modules(), strict=True)
        for name, net in nets:
            if self.model.made[name].kind is not None:
                continue  # a hook on a built-in net would have it called as a module
            for path, part in net.named_modules():
                self._follow(f"{name}.{path}" if path else name, part)
        super().__enter__()
        return self

    def _follow(self, name: str, part: torch.nn.Module) -> None:
        def enter(*_: Any) -> None:
            self._inside.append(name)

        def leave(*_: Any) -> None:
            if self.left is not None:
                self.left(self.net)
            self._inside.pop()

        enter.only_looks = leave.only_looks = True  # type: ignore[attr-defined]
        self._handles += [part.register_forward_pre_hook(enter),
                          part.register_forward_hook(leave, always_call=True)]  # fmt: skip

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        for handle in self._handles:
            handle.remove()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if self.seen is not None:
            self.seen(str(func), self.net)
        try:
            return func(*args, **(kwargs or {}))
        except RuntimeError:
            self.failed = self.failed or (str(func), self.net)
            raise


def generators() -> dict[str, Any]:
    """Return the states of every global generator that a net could draw from."""
    found = {
        "torch's generator": torch.get_rng_state().numpy().tobytes(),
        "Python's random": random.getstate(),
        "numpy's random": str(np.random.get_state()),
    }
    if torch.cuda.is_initialized():
        for device, state in enumerate(torch.cuda.get_rng_state_all()):
            found[f"torch's generator of cuda:{device}"] = state.numpy().tobytes()
    return found
