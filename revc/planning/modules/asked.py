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
        self._modules, self._notes, self._but = [*module.modules()], notes(module), but
        # Memory that is kept alive here is no other's meanwhile.
        self._tensors = {
            name: (value, version(value), value.untyped_storage())
            for name, value in self._held(module)
        }

    def differs(self, module: nn.Module) -> str | None:
        """Return what of the module is not as it was, in words; None if all is."""
        if [*map(id, module.modules())] != [*map(id, self._modules)]:
            return "its modules were exchanged"
        if name := changed(self._notes, notes(module)):
            return f"`{name}` was set anew"
        for name, now in self._held(module):
            value, count, storage = self._tensors.get(name, (now, -1, None))
            if now is value and (count, storage) == (version(now), now.untyped_storage()):
                continue
            if type(now) in _PLAIN and type(value) in _PLAIN:  # a shard stands for its whole
                return f"`{name}` was changed"
        return None

    def _held(self, module: nn.Module) -> Iterator[tuple[str, Tensor]]:
        yield from module.named_parameters()
        for path, part in module.named_modules():
            for name, buffer in part._buffers.items():
                if buffer is not None and (id(part), name) not in self._but:
                    yield f"{path}.{name}" if path else name, buffer
