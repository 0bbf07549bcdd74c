"""Compressed inputs as bytes: stacks and leftover state behind a header that says whose they are.

The bytes are those of `revc.runtime.bits.chunks`: a header, one ``FLAT`` chunk with the flat
buffers of the stacks that were touched and the raw state that the program gives back, ``END ``.
"""

import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from revc.runtime.bits import BitStack
from revc.runtime.bits.chunks import END, FLAT, read_chunk, read_header, write_chunk, write_header
from revc.runtime.bits.errors import DamagedTapeError, TapeMismatchError
from revc.runtime.metered.plan import TAPE

if TYPE_CHECKING:
    from revc.runtime.model import ReversibleModel

_DTYPES = {str(d): d for d in (torch.int16, torch.int32, torch.int64, torch.float32)}


@dataclass(frozen=True)
class Packed:
    """What an archive holds: stacks by name, raw results, free sizes, counts, checksums."""

    stacks: dict[str, BitStack]
    raw: list[Tensor]
    sizes: dict[str, int]
    examples: int
    lanes: int
    check: Tensor | None


def device_of(model: "ReversibleModel") -> torch.device:
    """Return where a module's parameters are, the CPU if it has none."""
    first = next(iter(model.parameters()), None)
    return torch.device("cpu") if first is None else first.device


def weights_hash(model: "ReversibleModel") -> str:
    """Return a hash of a module's parameters and buffers: names, dtypes and bits."""
    state = hashlib.blake2b(digest_size=16)
    for name, value in sorted(model.state_dict().items()):
        plain = value.detach().cpu().contiguous()
        state.update(f"{name} {plain.dtype} {list(plain.shape)}".encode())
        state.update(plain.reshape(-1).view(torch.uint8).numpy().tobytes())
    return state.hexdigest()


def values_hash(values: Iterable[Tensor]) -> str:
    """Return a hash of tensors' shapes and bits."""
    state = hashlib.blake2b(digest_size=16)
    for value in values:
        plain = value.detach().cpu().contiguous()
        state.update(f"{plain.dtype} {list(plain.shape)}".encode())
        state.update(plain.reshape(-1).view(torch.uint8).numpy().tobytes())
    return state.hexdigest()


def pack(
    model: "ReversibleModel", sizes: Mapping[str, int], examples: int, lanes: int,
    stacks: Mapping[str, BitStack], state: tuple[Sequence[Tensor], Sequence[Tensor]],
    check: Tensor | None,
) -> bytes:  # fmt: skip
    """Return the bytes of an archive; `state` are raw results and givens, `check` checksums."""
    raw, givens = state
    ordered = sorted(stacks.items())  # as the header's keys are: the body is cut in its order
    flats = {name: _bytes(s.export()) for name, s in ordered if _counts(name, s)}
    plain = [value.detach().cpu().contiguous() for value in raw]
    header = {
        "program": model.interface.program_hash[:32],
        "weights": weights_hash(model),
        "givens": values_hash(givens) if givens else "",
        "sizes": dict(sizes),
        "examples": examples,
        "lanes": lanes,
        "stacks": {name: len(flat) for name, flat in flats.items()},
        "state": [[str(value.dtype), list(value.shape)] for value in plain],
        "check": None if check is None else check.tolist(),
    }
    file = io.BytesIO()
    digest = write_header(file, header)
    body = b"".join([*flats.values(), *(_bytes(value) for value in plain)])
    digest = write_chunk(file, FLAT, body, digest)
    write_chunk(file, END, b"", digest)
    return file.getvalue()


def _counts(name: str, stack: BitStack) -> bool:
    return name == TAPE or not bool(stack.untouched().all())


def _bytes(value: Tensor) -> bytes:
    return value.reshape(-1).view(torch.uint8).numpy().tobytes()


def unpack(data: bytes, model: "ReversibleModel", givens: Sequence[Tensor]) -> Packed:
    """Return what an archive of this program, these weights and these givens holds.

    Raises:
        TapeMismatchError: it is of another program, other weights, or other givens.
        DamagedTapeError: it is not what was written; TruncatedTapeError: it was cut off.
    """
    file = io.BytesIO(data)
    header, digest = read_header(file, len(data))
    wanted = {
        "program": model.interface.program_hash[:32],
        "weights": weights_hash(model),
        "givens": values_hash(givens) if givens else "",
    }
    for key, value in wanted.items():
        if header.get(key) != value:
            raise TapeMismatchError(f"these bytes were written with another {_WHAT[key]}")
    body = read_chunk(file, len(data), digest)
    end = read_chunk(file, len(data), body.digest)
    if body.kind != FLAT or end.kind != END or end.end != len(data):
        raise DamagedTapeError("the chunks of an archive are not those that were written")
    return _parts(header, body.payload, device_of(model))


_WHAT = {"program": "program", "weights": "set of weights", "givens": "set of givens"}


def _parts(header: Mapping[str, Any], body: bytes, device: torch.device) -> Packed:
    at, stacks = 0, {}
    for name, length in header["stacks"].items():
        flat = torch.frombuffer(bytearray(body[at : at + length]), dtype=torch.uint8)
        stacks[name] = BitStack.load(flat, device)
        at += length
    raw = []
    for dtype, shape in header["state"]:
        count = torch.Size(shape).numel() * _DTYPES[dtype].itemsize
        plain = torch.frombuffer(bytearray(body[at : at + count]), dtype=torch.uint8)
        raw.append(plain.view(_DTYPES[dtype]).reshape(shape).to(device))
        at += count
    known = header["check"]
    check = None if known is None else torch.tensor(known, dtype=torch.int64, device=device)
    return Packed(stacks, raw, header["sizes"], header["examples"], header["lanes"], check)
