"""Triton's interpreter, with loops whose bounds are values, and without work that it repeats.

Of such a bound Triton 3.6, the release that torch 2.11 brings, takes `int` of an array of one
element, which NumPy has deprecated and from 2.5 on refuses. Later releases squeeze it first.
"""

from typing import Any

from triton.runtime import interpreter  # type: ignore[import-untyped,import-not-found,unused-ignore]

MODULES = (interpreter.tl, interpreter.tl.core)


def mend() -> None:
    """Let kernels loop over values, and patch the language once a launch."""
    patch = interpreter._patch_lang_tensor

    def patched(tensor: Any, scope: Any) -> None:
        patch(tensor, scope)
        scope.set_attr(tensor, "__index__", lambda self: int(self.handle.data.item()))

    interpreter._patch_lang_tensor = patched
    _patch_once()


def _patch_once() -> None:
    """Patch what a function sees of the language when a launch first calls one that sees it.

    The interpreter looks through the whole language for each function that a kernel calls, which
    is a third of its time. Only launches restore what they patched.
    """
    patch, seen = interpreter._patch_lang, set[tuple[bool, ...]]()

    class Scope(interpreter._LangPatchScope):  # type: ignore[misc,unused-ignore]
        def restore(self) -> None:
            seen.clear()
            super().restore()

    def patched(fn: Any) -> Any:
        sees = tuple(any(v is module for v in fn.__globals__.values()) for module in MODULES)
        if sees in seen:
            return Scope()
        seen.add(sees)
        return patch(fn)

    interpreter._LangPatchScope, interpreter._patch_lang = Scope, patched
