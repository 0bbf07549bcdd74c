"""Triton's interpreter, with loops whose bounds are values.

Of such a bound Triton 3.6, the release that torch 2.11 brings, takes `int` of an array of one
element, which NumPy has deprecated and from 2.5 on refuses. Later releases squeeze it first.
"""

from typing import Any

from triton.runtime import interpreter  # type: ignore[import-untyped,import-not-found,unused-ignore]


def mend() -> None:
    """Let kernels loop over values, from the next launch on."""
    patch = interpreter._patch_lang_tensor

    def patched(tensor: Any, scope: Any) -> None:
        patch(tensor, scope)
        scope.set_attr(tensor, "__index__", lambda self: int(self.handle.data.item()))

    interpreter._patch_lang_tensor = patched
