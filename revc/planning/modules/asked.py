"""What a module's code may ask of it, compared between two runs."""

from collections.abc import Container, Iterator

from torch import Tensor, nn

from revc.planning.modules.attributes import notes
from revc.runtime.nets.capture.held import changed
from revc.runtime.run.held import version

_PLAIN = (Tensor, nn.Parameter)


class Asked:
    """Parameters, buffers, flags, attributes and submodules of a module, as they are now.

    Args:
        module: it.
        but: buffers that a run changes itself, by the id of the module they are in, and name.
    """

    def __init__(self, module: nn.Module, but: Container[tuple[int, str]]) -> None:
        self._modules, self._notes, self._but = _standing(module), notes(module), but
        # Memory that is kept alive here is no other's meanwhile.
        self._tensors = {
            name: (value, version(value), value.untyped_storage())
            for name, value in self._held(module)
        }

    def differs(self, module: nn.Module) -> str | None:
        """Return what of the module is not as it was, in words; None if all is."""
        if _standing(module) != self._modules:  # modules are equal where they are the same
            return "its modules were exchanged"
        if name := changed(self._notes, notes(module)):
            return f"`{name}` was set anew"
        held = dict(self._held(module))
        if gone := self._tensors.keys() - held.keys():
            return f"`{min(gone)}` was taken away"
        for name, now in held.items():
            value, count, storage = self._tensors.get(name, (now, -1, None))
            if now is value and (count, storage) == (version(now), now.untyped_storage()):
                continue
            if type(now) in _PLAIN and type(value) in _PLAIN:  # a shard stands for its whole
                return f"`{name}` was changed"
        return None

    def _held(self, module: nn.Module) -> Iterator[tuple[str, Tensor]]:
        """Yield the tensors of a module by name; one that stands in two places has two names."""
        for path, part in module.named_modules():
            for name, value in (*part._parameters.items(), *part._buffers.items()):
                if value is not None and (id(part), name) not in self._but:
                    yield f"{path}.{name}" if path else name, value


def _standing(module: nn.Module) -> list[tuple[str, nn.Module]]:
    """Return which module stands where; one may stand in two places."""
    return [*module.named_modules(remove_duplicate=False)]
