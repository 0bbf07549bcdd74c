"""What a module's code may ask of it, compared between two runs."""

from collections import Counter
from collections.abc import Container, Iterator
from typing import Any

from torch import Tensor, nn

from revc.planning.modules.attributes import notes
from revc.runtime.nets.capture.held import changed
from revc.runtime.nets.capture.look import Look, Setting
from revc.runtime.nets.capture.refusal import Refusal
from revc.runtime.run.held import version

_PLAIN = (Tensor, nn.Parameter)
_NONE = object()


class Asked:
    """Parameters, buffers, flags, attributes and submodules of a module, as they are now.

    So are its settings, but for those that its run changes itself: `ran` says that it has run.

    Args:
        module: it.
        but: buffers that a run changes itself, by the id of the module they are in, and name.
        look: the latest one at it.
    """

    def __init__(self, module: nn.Module, but: Container[tuple[int, str]], look: Look) -> None:
        self._look, self._settings = look, _settings(module, look)
        self._changes: set[tuple[int, str]] = set()
        self._modules, self._notes, self._but = _standing(module), notes(module), but
        # Memory that is kept alive here is no other's meanwhile.
        self._tensors = {
            name: (value, version(value), value.untyped_storage())
            for name, value in self._held(module)
        }

    def ran(self, module: nn.Module) -> None:
        """Take note of what the run of the module has left as it was."""
        now = _settings(module, self._look)
        if now is not self._settings:
            then, left = _by_name(self._settings), _by_name(now)
            self._changes = {name for name, x in then.items() if left.get(name, _NONE) != x}

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
        if (settings := _settings(module, self._look)) is self._settings:
            return None
        then, left = _by_name(self._settings), _by_name(settings)
        other = [one for one in then.keys() - self._changes if left.get(one, _NONE) != then[one]]
        return f"`{min(other)[1]}` was set anew" if other else None

    def _held(self, module: nn.Module) -> Iterator[tuple[str, Tensor]]:
        """Yield the tensors of a module by name; one that stands in two places has two names."""
        for path, part in module.named_modules():
            for name, value in (*part._parameters.items(), *part._buffers.items()):
                if value is not None and (id(part), name) not in self._but:
                    yield f"{path}.{name}" if path else name, value


def _settings(module: nn.Module, look: Look) -> tuple[Setting, ...]:
    """Return a module's settings; none where they are too many to be looked at."""
    try:
        return look.settings(module)
    except Refusal:
        return ()


def _by_name(settings: tuple[Setting, ...]) -> dict[tuple[int, str], Any]:
    """Return settings by how often their name came before, and name."""
    counts: Counter[str] = Counter()
    found = {}
    for name, value in settings:
        found[counts[name], name.lstrip(".")] = value
        counts[name] += 1
    return found


def _standing(module: nn.Module) -> list[tuple[str, nn.Module]]:
    """Return which module stands where; one may stand in two places."""
    return [*module.named_modules(remove_duplicate=False)]
