"""Finding hand-written autograd Functions in modules that people bring.

Under torch.compile a brought net's VJP is ``torch.func.vjp``, which the compiler traces through
such a Function's forward and so differentiates that, without its hand-written backward. Wrong
gradients without a word are not acceptable, so such modules are told apart here and refused there.
"""

from collections.abc import Iterator
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import torch
from torch import nn


def custom_function(module: nn.Module) -> str | None:
    """Return the name of an autograd Function that the module's forward can reach, or None.

    It reads the code of the module's classes and of the Python functions that they call by name;
    what is looked up at run time only (through a dict, say) escapes it.
    """
    for part in module.modules():
        if isinstance(part, torch.jit.ScriptModule):
            continue  # TorchScript knows no such functions
        if not type(part).__module__.startswith("torch.nn."):
            for function in _reachable(type(part).forward, set()):
                return function
    return None


def _reachable(function: Any, seen: set[CodeType]) -> Iterator[str]:
    if isinstance(function, MethodType):
        function = function.__func__
    if not isinstance(function, FunctionType) or function.__code__ in seen:
        return
    seen.add(function.__code__)
    for value in _named_values(function):
        if isinstance(value, type) and issubclass(value, torch.autograd.Function):
            yield value.__name__
        elif isinstance(value, FunctionType | MethodType) and not _is_torch(value):
            yield from _reachable(value, seen)


def _named_values(function: FunctionType) -> Iterator[Any]:
    """Yield the globals and closed-over values that a function names, and their attributes."""
    names = list(_names(function.__code__))
    for name in names:
        value = function.__globals__.get(name)
        yield value
        if isinstance(value, ModuleType):
            yield from (getattr(value, other, None) for other in names)
    for cell in function.__closure__ or ():
        yield cell.cell_contents


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _is_torch(value: Any) -> bool:
    return str(getattr(value, "__module__", "")).startswith("torch")
