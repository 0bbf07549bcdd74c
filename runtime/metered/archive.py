"""Compressed inputs as bytes: stacks and leftover state behind a header that says whose they are.

The bytes are those of `revc.runtime.bits.chunks`: a header, one ``FLAT`` chunk with the flat
buffers of the stacks that were touched and the raw state that the program gives back, ``END ``;
behind a tag if there is a key (see `seal`). What is read is held against the program and against
the bytes that are there before anything is made of it.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from math import prod
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from revc.errors import BindError
from revc.runtime.bits import BitStack
from revc.runtime.bits.chunks import END, FLAT, read_chunk, read_header, write_chunk, write_header
from revc.runtime.bits.errors import DamagedTapeError
from revc.runtime.bits.flat import Cursor, as_bytes, check_memory, memory_bound
from revc.runtime.bits.header import Fields, is_count
from revc.runtime.interface import Interface, Slot
from revc.runtime.metered.conditions import Conditions, device_of
from revc.runtime.metered.plan import RESERVOIR, TAPE
from revc.runtime.sizes import evaluate
from revc.runtime.state.lattice import INTEGERS

if TYPE_CHECKING:
    from revc.runtime.model import ReversibleModel

_FIELDS = (*(f.name for f in fields(Conditions)), "sizes", "lanes", "stacks", "state", "check")


@dataclass(frozen=True)
class Packed:
    """What an archive holds: stacks by name, raw results, free sizes, counts, checksums.

    `then` are the conditions that it was written under; `keys` the calls of nets that drew, in
    order: position in the run, net and place.
    """

    stacks: dict[str, BitStack]
    raw: list[Tensor]
    sizes: dict[str, int]
    examples: int
    lanes: int
    check: Tensor | None
    then: Conditions
    keys: list[tuple[int, str, str]]


def pack(
    conditions: Conditions, sizes: Mapping[str, int], lanes: int, stacks: Mapping[str, BitStack],
    raw: Sequence[Tensor], check: Tensor | None, keys: Sequence[Sequence[int | str]] = (),
) -> bytes:  # fmt: skip
    """Return the bytes of an archive.

    `raw` are raw results, `check` checksums of the inputs, `keys` the calls of nets that drew.
    """
    ordered = sorted(stacks.items())  # as the header's keys are: the body is cut in its order
    flats = {name: _bytes(s.export()) for name, s in ordered if _counts(name, s)}
    plain = [value.detach().cpu().contiguous() for value in raw]
    header = {
        **asdict(conditions),
        "sizes": dict(sizes),
        "lanes": lanes,
        "stacks": {name: len(flat) for name, flat in flats.items()},
        "state": {str(i): [str(v.dtype), list(v.shape)] for i, v in enumerate(plain)},
        "check": None if check is None else check.view(torch.int64).tolist(),
        **({"keys": [[*call] for call in keys]} if keys else {}),
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


def unpack(
    data: bytes, model: "ReversibleModel", now: Conditions, memory: int | None = None
) -> Packed:
    """Return what an archive holds that this program, these weights and these givens may read.

    `now` are the conditions of the reader, `memory` bounds the bytes that stacks and inputs take.

    Raises:
        TapeMismatchError: it was written under other conditions; says which.
        DamagedTapeError: it is not what was written.
        MemoryLimitError: it needs more memory.
    """
    file = io.BytesIO(data)
    header, digest = read_header(file, len(data))
    header.only([*_FIELDS, "keys"] if "keys" in header.values else _FIELDS)
    then = Conditions.read(header)
    then.check(now, model.interface.exact)
    body = read_chunk(file, len(data), digest)
    end = read_chunk(file, len(data), body.digest)
    if body.kind != FLAT or end.kind != END or end.payload or end.end != len(data):
        raise DamagedTapeError("the chunks of an archive are not those that were written")
    return _parts(header, body.payload, model, then, memory_bound(memory, len(data)))


def _parts(
    header: Fields, body: bytes, model: "ReversibleModel", then: Conditions, memory: int
) -> Packed:
    at, device, cursor = model.interface, device_of(model), Cursor(body)
    sizes = _sizes(header, at)
    shapes = {slot.name: _shape(slot, sizes) for slot in (*at.takes, *at.gives)}
    check_memory(sum(prod(shapes[slot.name]) * _item(slot) for slot in at.takes), memory)
    lanes = header.count("lanes", 1)
    stacks = {}
    for name, length in _stacks(header, at).items():
        stack = BitStack.load(as_bytes(cursor.take(length)), device, memory=memory)
        if (stack.sequences, stack.lanes) != (1, lanes):
            raise DamagedTapeError(f"the stack {name} of an archive has other lanes than it says")
        stacks[name] = stack
    dtypes = _dtypes(header, at, shapes)
    raw = [_raw(slot, sizes, dtype, cursor) for slot, dtype in zip(at.gives, dtypes, strict=True)]
    if cursor.left:
        raise DamagedTapeError("an archive has bytes left over")
    examples = shapes[at.takes[0].name][0] if at.takes and at.takes[0].shape else 1
    moved = [value.to(device) for value in raw]
    check = _check(header, model, sizes, device)
    keys = _keys(header.values.get("keys", []), at, len(model.steps(sizes)))
    return Packed(stacks, moved, sizes, examples, lanes, check, then, keys)


def _keys(listed: Any, at: Interface, steps: int) -> list[tuple[int, str, str]]:
    """Return the calls of nets that drew, which have to be of the program's nets and segments."""
    rows: list[Any] = listed if isinstance(listed, list) else [None]
    for row in rows:
        fits = isinstance(row, list) and len(row) == 3 and is_count(row[0]) and row[0] < steps
        if not fits or row[1] not in at.nets or not isinstance(row[2], str):
            raise DamagedTapeError(f"an archive has keys of calls that {at.name} does not make")
    return [(position, net, place) for position, net, place in rows]


def _sizes(header: Fields, at: Interface) -> dict[str, int]:
    """Return the free sizes, which have to be the program's."""
    sizes = header.counts("sizes", 1)
    if set(sizes) != set(at.sizes):
        raise DamagedTapeError(f"an archive has other sizes than {at.name}")
    try:
        at.meet(sizes)
    except BindError as error:
        raise DamagedTapeError(f"an archive has sizes that cannot be: {error}") from error
    return sizes


def _shape(slot: Slot, sizes: Mapping[str, int]) -> list[int]:
    found = [evaluate(dim, sizes) for dim in slot.shape]
    if any(size is None or size < 1 or size >= 1 << 52 or size != int(size) for size in found):
        raise DamagedTapeError(f"the sizes of an archive give {slot.name} no shape")
    return [int(size) for size in found if size is not None]


def _item(slot: Slot) -> int:
    """Return the bytes of an element of a register."""
    return slot.width // 8 if slot.kind == "lattice" else 8 if slot.kind == "label" else 4


def _stacks(header: Fields, at: Interface) -> dict[str, int]:
    """Return the lengths of the stacks, which have to be the program's."""
    stacks = header.counts("stacks")
    known = {TAPE, RESERVOIR, *(stack.name for stack in at.plan.stacks)}
    if TAPE not in stacks or not known.issuperset(stacks):
        raise DamagedTapeError(f"an archive has other stacks than {at.name}")
    return stacks


def _dtypes(
    header: Fields, at: Interface, shapes: Mapping[str, Sequence[int]]
) -> list[torch.dtype]:
    """Return the dtypes of the raw results, whose shapes have to be the program's."""
    listed, found = header.values["state"], []
    names = {str(index) for index in range(len(at.gives))}
    if not isinstance(listed, dict) or set(listed) != names:
        raise DamagedTapeError(f"an archive has other results than {at.name}")
    for index, slot in enumerate(at.gives):
        entry, held = listed[str(index)], {str(dtype): dtype for dtype in _held(slot)}
        fits = isinstance(entry, list) and len(entry) == 2 and isinstance(entry[0], str)
        if not fits or entry[0] not in held or not _is_shape(entry[1], shapes[slot.name]):
            raise DamagedTapeError(f"an archive holds another {slot.name} than {at.name} gives")
        found.append(held[entry[0]])
    return found


def _is_shape(listed: Any, shape: Sequence[int]) -> bool:
    whole = isinstance(listed, list) and all(is_count(size) for size in listed)
    return whole and listed == list(shape)


def _held(slot: Slot) -> tuple[torch.dtype, ...]:
    """Return the dtypes that a register may be held in."""
    if slot.kind == "lattice":
        return (INTEGERS[slot.width],)
    if slot.kind == "label":
        return (torch.int64, torch.int32)
    return (torch.float32, torch.float64)


def _raw(slot: Slot, sizes: Mapping[str, int], dtype: torch.dtype, cursor: Cursor) -> Tensor:
    """Return a raw result; labels have to be those that there are."""
    shape = _shape(slot, sizes)
    value = as_bytes(cursor.take(prod(shape) * dtype.itemsize)).view(dtype).reshape(shape)
    classes = evaluate(slot.classes, sizes) if slot.kind == "label" and slot.classes else None
    if classes is not None and bool(((value < 0) | (value >= classes)).any()):
        raise DamagedTapeError(f"an archive has labels that {slot.name} does not know")
    return value


def _check(
    header: Fields, model: "ReversibleModel", sizes: Mapping[str, int], device: torch.device
) -> Tensor | None:
    """Return the checksums of the inputs, or the sketches of float state; no file waives them."""
    steps, exact = model.steps(sizes), model.interface.exact
    words = len(steps[0].segment.live) * (1 if exact else 2) if steps else None
    check = header.integers("check")
    if (None if check is None else len(check)) != words:
        raise DamagedTapeError("an archive has not the checksums that its program gives")
    if check is None:
        return None
    found = torch.tensor(check, dtype=torch.int64, device=device)
    return found if exact else found.view(torch.float64)
