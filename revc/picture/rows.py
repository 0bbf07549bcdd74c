"""A block as rows of a picture: which lanes run, and what each statement does to them.

A lane is a column: state registers and lets have one while they live, givens one throughout. This
module knows nothing of pixels.
"""

import re
from collections.abc import Iterable
from typing import Any

from revc.ir.expr import Expr, Place, reads
from revc.ir.instructions import BlockCall, Instruction, Let, Repeat
from revc.ir.program import Block
from revc.ir.text import (
    distribution_text,
    expr_text,
    place_text,
    registers_text,
    step_text,
)
from revc.picture.labels import broken, notes_on, shown, value_lines
from revc.picture.panel import Flow, Panel, Row, Sort


class Builder:
    """Reads a block's statements from top to bottom."""

    def __init__(self, block: Block) -> None:
        self.sorts: dict[int, Sort] = {}
        self.lanes: dict[str, int] = {}
        self.rows: list[Row] = []
        self.depth = 0
        self.block = block
        for register in block.givens:
            self._open(register.name, "given")
        for register in block.takes:
            self._open(register.name, "state")

    def run(self, block: Block) -> None:
        """Append the rows of a block's body."""
        outer, self.block = self.block, block
        last = _last_reads(block)
        lets = [step.name for step in block.body if isinstance(step, Let)]
        for index, step in enumerate(block.body):
            getattr(self, f"_{step.kind}")(step)
            for name in lets:
                if name in self.lanes and last.get(name, index) == index:
                    self._close(name)
        self.block = outer

    # --- lanes -----------------------------------------------------------------------------------

    def _open(self, name: str, sort: Sort, near: int = -1) -> int:
        """Give a register a column: the first free one right of `near`, of the same sort."""
        taken = set(self.lanes.values())
        column = near + 1
        while column in taken or self.sorts.get(column, sort) != sort:
            column += 1
        self.sorts[column] = sort
        self.lanes[name] = column
        return column

    def _close(self, name: str) -> int:
        return self.lanes.pop(name)

    def _row(self, step: Instruction, **parts: Any) -> Row:
        text = step_text(step, shown(self.block)).replace(" -> ", " → ")
        row = Row(text, dict(self.lanes), depth=self.depth, **parts)
        self.rows.append(row)
        return row

    def _end(self, row: Row) -> None:
        row.after = dict(self.lanes)

    def _reads(self, values: Iterable[Expr]) -> tuple[int, ...]:
        names = [read.place.name for value in values for read in reads(value)]
        return tuple(dict.fromkeys(self.lanes[name] for name in names if name in self.lanes))

    # --- increments and reads --------------------------------------------------------------------

    def _add(self, step: Any) -> None:
        lines, notes = value_lines(step.value, self.block)
        sign = "+" if step.sign > 0 else "−"
        self._valued(step, sign, step.target, lines, notes, "in")

    def _scale(self, step: Any) -> None:
        lines, notes = value_lines(step.factor, self.block)
        notes.append(f"in [{step.lo:g}, {step.hi:g}]")
        row = self._valued(step, "÷" if step.undo else "×", step.target, lines, notes, "in")
        self._booked(row, step, "tape", "both")

    def _valve(self, step: Any) -> None:
        row = self._valued(step, "◇", step.target, self._coder(step), self._about(step), "both")
        self._booked(row, step, "valve", "both")

    def _valued(
        self, step: Any, mark: str, place: Place, lines: list[str], notes: list[str], flow: Flow
    ) -> Row:
        if place.index:
            notes = [*notes, f"on {place_text(place)}"]
        row = self._row(step, mark=mark, target=self.lanes[place.name], lines=lines)
        row.notes, row.flow, row.reads = notes, flow, self._reads(step.values())
        self._end(row)
        return row

    def _coder(self, step: Any) -> list[str]:
        text = distribution_text(step.by, shown(self.block))
        return broken(re.sub(", residue = (carry|write|none)", "", text))

    def _about(self, step: Any) -> list[str]:
        return notes_on(step.values(), self.block)

    def _booked(self, row: Row, step: Any, what: str, bits: Flow) -> None:
        row.pill = " ".join(filter(None, (step.stack or what, step.meter)))
        row.bits = bits

    def _let(self, step: Any) -> None:
        lines, notes = value_lines(step.value, self.block, f"{step.name} = ")
        row = self._row(step, mark="•", lines=lines, notes=notes, flow="in")
        row.reads = self._reads(step.values())
        row.target = self._open(step.name, "let", max(self.lanes.values(), default=-1))
        self._end(row)

    def _emit(self, step: Any) -> None:
        lines, notes = value_lines(step.value, self.block)
        row = self._row(step, lines=lines, notes=notes, reads=self._reads(step.values()))
        row.pill, row.bits = f"emit {step.name}", "out"
        self._end(row)

    # --- registers -------------------------------------------------------------------------------

    def _alloc(self, step: Any) -> None:
        row = self._row(step, mark="○", flow="in", reads=self._reads(step.values()))
        row.lines, row.plain = [f"{step.name} = {expr_text(step.value, shown(self.block))}"], True
        row.notes = [str(step.type)]
        row.target = self._open(step.name, "state", self._last_given())
        self._end(row)

    def _free(self, step: Any) -> None:
        row = self._row(step, mark="○", flow="out", reads=self._reads(step.values()))
        row.lines = [f"{step.name} = {expr_text(step.value, shown(self.block))}, checked"]
        row.plain, row.target = True, self._close(step.name)
        self._end(row)

    def _forget(self, step: Any) -> None:
        row = self._row(step, mark="×", flow="out")
        row.lines, row.notes = ["forgotten"], [str(step.type)]
        row.plain, row.target = True, self._close(step.name)
        self._end(row)

    def _put(self, step: Any) -> None:
        self._coded(step, "tape", gone=not step.undo)

    def _draw(self, step: Any) -> None:
        self._coded(step, "reservoir", gone=bool(step.undo))

    def _coded(self, step: Any, what: str, gone: bool) -> None:
        row = self._row(step, mark="□", lines=self._coder(step), flow="out" if gone else "in")
        row.reads = self._reads(step.values())
        row.notes = [*self._about(step), str(step.type)]
        self._booked(row, step, what, row.flow)
        near = self._last_given()
        row.target = self._close(step.target) if gone else self._open(step.target, "state", near)
        self._end(row)

    def _last_given(self) -> int:
        return max((c for c, sort in self.sorts.items() if sort == "given"), default=-1)

    # --- moves -----------------------------------------------------------------------------------

    def _labelled(self, step: Any, mark: str, name: str) -> None:
        row = self._row(step, mark=mark, target=self.lanes[name], plain=True)
        row.lines = broken(row.step)
        self._end(row)

    def _negate(self, step: Any) -> None:
        self._labelled(step, "−", step.target.name)

    def _mix(self, step: Any) -> None:
        row = self._row(step, mark="⤨", target=self.lanes[step.target.name], plain=True)
        row.lines, row.notes = broken(row.step), self._about(step)
        self._end(row)

    def _apply(self, step: Any) -> None:
        self._labelled(step, "ƒ", step.target.name)

    def _reorder(self, step: Any) -> None:
        self._labelled(step, "⇄", step.target)

    _permute = _reshape = _squeeze = _reorder

    def _swap(self, step: Any) -> None:
        left, right = self.lanes[step.left], self.lanes[step.right]
        row = self._row(step, moves=((left, right), (right, left)), plain=True)
        row.lines = [row.step]
        self._end(row)

    def _split(self, step: Any) -> None:
        row = self._row(step, plain=True)
        row.lines = [row.step]
        first = self._close(step.source)
        self.lanes[step.parts[0]] = first
        columns = [first, *(self._open(n, "state", first) for n in step.parts[1:])]
        row.moves = tuple((first, column) for column in columns)
        self._end(row)

    def _join(self, step: Any) -> None:
        row = self._row(step, plain=True)
        row.lines = [row.step]
        columns = [self._close(name) for name in step.parts]
        self.lanes[step.target] = columns[0]
        row.moves = tuple((column, columns[0]) for column in columns)
        self._end(row)

    # --- structure -------------------------------------------------------------------------------

    def _call(self, step: BlockCall) -> None:
        row = self._row(step, called=step.block.name + ("⁻¹" if step.undo else ""), plain=True)
        row.lines = broken(row.step.partition(": ")[2])
        columns = [self._close(name) for name in step.args]
        names = [place.name for place in step.givens]
        row.reads = tuple(dict.fromkeys(self.lanes[n] for n in names if n in self.lanes))
        for name, column in zip(step.results, columns, strict=False):
            self.lanes[name] = column
        for name in step.results[len(columns) :]:
            self._open(name, "state", self._last_given())
        row.spans = tuple({*columns, *(self.lanes[name] for name in step.results)})
        self._end(row)

    def _repeat(self, step: Repeat) -> None:
        words = step_text(step, shown(self.block)).partition(": ")[2].partition(" over ")[0]
        opening = self._row(step, called=words)
        opening.mark = "open"
        self._end(opening)
        outside = {n: c for n, c in self.lanes.items() if n not in step.registers}
        inner = zip((r.name for r in step.body.takes), step.registers, strict=True)
        self.lanes = outside | {name: self.lanes[register] for name, register in inner}
        self.depth += 1
        self.run(step.body)
        self.depth -= 1
        given = zip(step.registers, (r.name for r in step.body.gives), strict=True)
        after = {register: self.lanes[name] for register, name in given}
        closing = self._row(step, mark="close")
        self.lanes = outside | after
        self._end(closing)


def _last_reads(block: Block) -> dict[str, int]:
    """Return the place of the last statement that reads each name."""
    found: dict[str, int] = {}
    for index, step in enumerate(block.body):
        found.update(dict.fromkeys(step.names_read(), index))
    return found


def panel(kind: str, block: Block) -> Panel:
    """Return the picture of a block or model."""
    builder = Builder(block)
    start = dict(builder.lanes)
    builder.run(block)
    title = f"{kind} {block.name}"
    faces = (registers_text(block.takes), *(registers_text([r]) for r in block.givens))
    lines = [line for face in faces if face for line in broken(face)]
    return Panel(title, lines, block.name, builder.sorts, start, builder.rows, builder.lanes)
