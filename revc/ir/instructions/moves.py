"""Moves: ``swap``, ``split`` and ``join``, ``permute``, ``reshape``, ``squeeze``; log|det| = 0.

They reorder elements or rename registers and so are exact on every numerics.
Source of `squeeze` (space to depth): Dinh, Sohl-Dickstein, Bengio, "Real NVP" (2017), section 3.6.
"""

from typing import Literal

from revc.ir.dims import Dim
from revc.ir.expr import Place
from revc.ir.instructions.base import Env, Instruction, live
from revc.ir.types import RegType, Shape


class Move(Instruction):
    """A step whose VJP is the inverse move on the cotangents."""


class Swap(Move):
    """Exchange two registers of one type."""

    kind: Literal["swap"] = "swap"
    left: str
    right: str

    def step(self, env: Env) -> None:
        """Exchange the types."""
        env[self.left], env[self.right] = live(env, self.right), live(env, self.left)

    def inverse(self) -> "Swap":
        """Swap back."""
        return self

    def targets(self) -> tuple[Place, ...]:
        """Return both registers."""
        return (
            Place(span=self.span, name=self.left),
            Place(span=self.span, name=self.right),
        )


class Split(Move):
    """Cut `source` along `axis` into equal `parts`; `type` is the type of each part."""

    kind: Literal["split"] = "split"
    source: str
    parts: tuple[str, ...]
    axis: int
    type: RegType

    def step(self, env: Env) -> None:
        """Replace the whole by its parts."""
        live(env, self.source)
        del env[self.source]
        env.update(dict.fromkeys(self.parts, self.type))

    def inverse(self) -> "Join":
        """Join the parts."""
        return Join(
            span=self.span,
            parts=self.parts,
            target=self.source,
            axis=self.axis,
            part=self.type,
        )

    def targets(self) -> tuple[Place, ...]:
        """Return the whole and its parts."""
        names = (self.source, *self.parts)
        return tuple(Place(span=self.span, name=name) for name in names)


class Join(Move):
    """Concatenate equal `parts`, each of type `part`, along `axis` into `target`."""

    kind: Literal["join"] = "join"
    parts: tuple[str, ...]
    target: str
    axis: int
    part: RegType

    def step(self, env: Env) -> None:
        """Replace the parts by the whole."""
        for name in self.parts:
            live(env, name)
            del env[name]
        shape = list(self.part.shape)
        shape[self.axis] = shape[self.axis] * len(self.parts)
        env[self.target] = RegType(numerics=self.part.numerics, shape=tuple(shape))

    def inverse(self) -> Split:
        """Split the whole."""
        return Split(
            span=self.span,
            source=self.target,
            parts=self.parts,
            axis=self.axis,
            type=self.part,
        )

    def targets(self) -> tuple[Place, ...]:
        """Return the parts and the whole."""
        names = (*self.parts, self.target)
        return tuple(Place(span=self.span, name=name) for name in names)


class Permute(Move):
    """Reorder the axes of `target`; axis 0, the example, stays."""

    kind: Literal["permute"] = "permute"
    target: str
    order: tuple[int, ...]

    def step(self, env: Env) -> None:
        """Reorder the shape."""
        old = live(env, self.target)
        shape = tuple(old.shape[axis] for axis in self.order)
        env[self.target] = RegType(numerics=old.numerics, shape=shape)

    def inverse(self) -> "Permute":
        """Permute by the inverse order."""
        back = tuple(self.order.index(axis) for axis in range(len(self.order)))
        return self.replace(order=back)

    def targets(self) -> tuple[Place, ...]:
        """Return the register."""
        return (Place(span=self.span, name=self.target),)


class Reshape(Move):
    """Give `target` another shape with the same elements in the same order."""

    kind: Literal["reshape"] = "reshape"
    target: str
    before: Shape
    after: Shape

    def step(self, env: Env) -> None:
        """Replace the shape."""
        old = live(env, self.target)
        env[self.target] = RegType(numerics=old.numerics, shape=self.after)

    def inverse(self) -> "Reshape":
        """Go back to the old shape."""
        return self.replace(before=self.after, after=self.before)

    def targets(self) -> tuple[Place, ...]:
        """Return the register."""
        return (Place(span=self.span, name=self.target),)


class Squeeze(Move):
    """Move `factor` x `factor` blocks of [B, c, H, W] into channels, or back when `undo`."""

    kind: Literal["squeeze"] = "squeeze"
    target: str
    factor: int
    undo: bool = False

    def step(self, env: Env) -> None:
        """[B, c, H, W] to [B, c*f*f, H/f, W/f], or back."""
        old = live(env, self.target)
        batch, channels, height, width = old.shape
        area, factor = Dim.of(self.factor * self.factor), Dim.of(self.factor)
        if self.undo:
            shape = (batch, channels / area, height * factor, width * factor)
        else:
            shape = (batch, channels * area, height / factor, width / factor)
        env[self.target] = RegType(numerics=old.numerics, shape=shape)

    def inverse(self) -> "Squeeze":
        """Move back."""
        return self.replace(undo=not self.undo)

    def targets(self) -> tuple[Place, ...]:
        """Return the register."""
        return (Place(span=self.span, name=self.target),)
