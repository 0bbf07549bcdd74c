"""What decoding depends on besides the bytes, and refusals that name what differs."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from revc.runtime.bits.errors import DamagedTapeError, TapeMismatchError
from revc.runtime.bits.header import Fields
from revc.runtime.flags import precision

if TYPE_CHECKING:
    from revc.runtime.model import ReversibleModel

_WHAT = {"program": "program", "weights": "set of weights", "givens": "set of givens"}


@dataclass(frozen=True)
class Conditions:
    """What a run's bits depend on.

    `program`, `weights` and `givens` are hashes, `low` is the dtype of matrix products, `throttle`
    has those valves that are not open (as `float.hex`), `dropout` says whether there is any, and
    that it draws. `around` is what may matter, by what it is called: training flags of nets from
    Python, the kind of device, threads, torch, the precision of products.
    """

    program: str
    weights: str
    givens: str
    low: str
    throttle: Mapping[str, str]
    dropout: bool
    around: Mapping[str, str]

    @staticmethod
    def read(header: Fields) -> "Conditions":
        """Return the conditions in a header.

        Raises:
            DamagedTapeError: there are none.
        """
        program, weights, givens = (header.text(name) for name in _WHAT)
        throttle = {name: _throttle(text) for name, text in header.words("throttle").items()}
        return Conditions(
            program, weights, givens, header.text("low"), throttle, header.flag("dropout"),
            header.words("around"),
        )  # fmt: skip

    def check(self, now: "Conditions", exact: bool) -> None:
        """Refuse to decode under other conditions than those that were written under.

        What only may matter shows where state is `exact`: the checksums of the inputs do not fit.
        Elsewhere it is refused as well.

        Raises:
            TapeMismatchError: names what differs.
        """
        for name, what in _WHAT.items():
            if getattr(self, name) != getattr(now, name):
                raise TapeMismatchError(f"these bytes were written with another {what}")
        if self.low != now.low:
            raise TapeMismatchError(
                f"these bytes were written with matrix products in {self.low}, and they are in "
                f"{now.low} here: use the same autocast"
            )
        for name in sorted({*self.throttle, *now.throttle}):
            then, here = (float.fromhex(c.throttle.get(name, "0x1p+0")) for c in (self, now))
            if then != here:
                raise TapeMismatchError(
                    f"these bytes were written with throttle[{name!r}] = {then:g}, and it is "
                    f"{here:g} here"
                )
        if self.dropout != now.dropout:
            modes = ("training", "evaluation") if self.dropout else ("evaluation", "training")
            raise TapeMismatchError(
                f"these bytes were written in {modes[0]}, where dropout "
                f"{'draws' if self.dropout else 'rests'}, and the model is in {modes[1]}: call "
                f"{'train()' if self.dropout else 'eval()'} first"
            )
        if not exact and (different := self.differences(now)):
            raise TapeMismatchError(f"these bytes were written with another {different}")

    def differences(self, now: "Conditions") -> str:
        """Return what may matter and is not the same, in words; nothing if all is."""
        names = sorted({*self.around, *now.around})
        pairs = ((n, self.around.get(n, "nothing"), now.around.get(n, "nothing")) for n in names)
        return ", ".join(f"{n} ({then}, here {here})" for n, then, here in pairs if then != here)


def _throttle(text: str) -> str:
    try:
        float.fromhex(text)
    except (ValueError, OverflowError) as error:
        raise DamagedTapeError(f"a throttle of the header is no number: {text!r}") from error
    return text


def conditions_of(
    model: "ReversibleModel", givens: Sequence[Tensor], low: torch.dtype
) -> Conditions:
    """Return the conditions under which a module runs now."""
    at = model.interface
    throttle = {name: float.hex(v) for name, v in sorted(model.throttle.items()) if v != 1}
    dropout = any(site.coding.family == "dropout" for site in at.plan.sites)
    around = {
        "device": device_of(model).type, "torch": torch.__version__,
        "number of threads": str(torch.get_num_threads()),
        "precision of float32": precision(device_of(model)),
    }  # fmt: skip
    around["training mode of nets"] = ", ".join(_in_training(model)) or "none"
    return Conditions(
        at.program_hash[:32], weights_hash(model), values_hash(givens) if givens else "",
        str(low), throttle, dropout and model.training, around,
    )  # fmt: skip


def _in_training(model: "ReversibleModel") -> list[str]:
    """Return the nets from Python, and their parts, that are in training."""
    at = model.interface
    brought = [name for name, own in zip(at.nets, at.builtin, strict=True) if not own]
    return [
        f"{name}.{part}".rstrip(".")
        for name in brought
        for part, module in model.nets.get_submodule(name).named_modules()
        if module.training
    ]


def device_of(model: "ReversibleModel") -> torch.device:
    """Return where a module's parameters are, the CPU if it has none."""
    first = next(iter(model.parameters()), None)
    return torch.device("cpu") if first is None else first.device


def weights_hash(model: "ReversibleModel") -> str:
    """Return a hash of a module's parameters and buffers: names, dtypes and bits."""
    state = hashlib.blake2b(digest_size=16)
    for name, value in sorted(model.state_dict().items()):
        _add(state, name + " ", value)
    return state.hexdigest()


def values_hash(values: Iterable[Tensor]) -> str:
    """Return a hash of tensors' shapes and bits."""
    state = hashlib.blake2b(digest_size=16)
    for value in values:
        _add(state, "", value)
    return state.hexdigest()


def _add(state: "hashlib.blake2b", name: str, value: Tensor) -> None:
    plain = value.detach().cpu().contiguous()
    state.update(f"{name}{plain.dtype} {list(plain.shape)}".encode())
    state.update(plain.reshape(-1).view(torch.uint8).numpy().tobytes())
