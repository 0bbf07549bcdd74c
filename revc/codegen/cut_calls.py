"""Which brought nets of a block run in pieces along the batch or the sequence, and on what."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from revc.codegen.pieces import cuts_for
from revc.codegen.values import view_shape
from revc.ir.expr import Elementwise, Expr, NetCall, Read, walk
from revc.ir.instructions import Add
from revc.ir.instructions.base import Env
from revc.ir.live_types import typed
from revc.ir.nets import Builtin
from revc.ir.program import Block
from revc.ir.types import Shape
from revc.runtime.chunks import Chunks


@dataclass(frozen=True)
class Piece:
    """A net that is called on pieces of what has some shapes; `labels` says which hold labels.

    It is cut along `axis`, in at most `count` pieces, and so are those of its arguments in `cut`.
    """

    slot: int
    axis: int
    count: int
    cut: tuple[bool, ...]
    shapes: tuple[Shape, ...]
    labels: tuple[bool, ...]

    def sizes(self, sizes: Mapping[str, int]) -> list[list[int]] | None:
        """Return the shapes for some sizes, None where these do not tell."""
        found = [[dim.substitute(sizes).integer for dim in shape] for shape in self.shapes]
        known = [[size for size in shape if size is not None] for shape in found]
        return known if known == found else None


def cut_calls(block: Block, chunks: Chunks) -> tuple[Piece, ...]:
    """Return the calls of brought nets in a block, and in those in it, that chunks cut."""
    return tuple(dict.fromkeys(_pieces(block, chunks)))


def _pieces(block: Block, chunks: Chunks) -> Iterator[Piece]:
    for step, env, _ in typed(block):
        if isinstance(step, Add):
            yield from _of_step(block, step, env, chunks)
        for inner in step.inner():
            for piece in cut_calls(inner, chunks):
                for row in step.rows():
                    yield replace(piece, slot=row[piece.slot])


def _of_step(block: Block, step: Add, env: Env, chunks: Chunks) -> Iterator[Piece]:
    kind = env[step.target.name]
    cuts = cuts_for(step, kind, block, chunks)
    if cuts is None:
        return
    whole = view_shape(kind, step.target)
    known = {register.name: register.type for register in block.givens} | env
    for call in walk(step.value):
        if isinstance(call, NetCall) and not isinstance(block.nets[call.slot].source, Builtin):
            labels = tuple(_is_label(arg, known) for arg in call.args)
            shapes = tuple(arg.shape for arg in call.args)
            for axis, count in enumerate(cuts.counts):
                cut = tuple(len(s) > axis and s[axis] == whole[axis] for s in shapes)
                if count > 1 and any(cut):
                    yield Piece(call.slot, axis, count, cut, shapes, labels)


def _is_label(arg: Expr, known: Env) -> bool:
    if isinstance(arg, Elementwise):
        return False
    kind = known.get(arg.place.name) if isinstance(arg, Read) else None
    return kind is not None and kind.numerics.kind == "label"
