"""``--emit ir`` and ``--emit inverse``: a program as text, every instruction with its types."""

from revc.ir.instructions import BlockCall, Env, Instruction
from revc.ir.program import Block, Budget, Program
from revc.ir.schedule import INVERT, schedule_text
from revc.ir.text import (
    by_name,
    grouped,
    number_text,
    registers_text,
    source_text,
    step_text,
)
from revc.ir.types import shape_text

INDENT = "  "
_COLUMN = 56


def program_text(program: Program) -> str:
    """Return the program: its dims, each distinct block once, then the model."""
    lines = [f"program {program.model.name}"]
    if program.dims:
        lines.append(
            INDENT + "bound " + ", ".join(f"{k} = {v}" for k, v in sorted(program.dims.items()))
        )
    if program.free:
        lines.append(INDENT + "free " + ", ".join(program.free))
    lines += [INDENT + _budget(budget) for budget in program.budgets]
    if program.memory is not None:
        lines.append(f"{INDENT}budget memory <= {program.memory.size} B")
    if program.schedule != (INVERT,):
        lines.append(INDENT + "schedule " + schedule_text(program.schedule))
    for kind, block in (*[("block", b) for b in callees(program.model)], ("model", program.model)):
        lines += ["", *_block(kind, block)]
    return "\n".join(lines) + "\n"


def inverse_text(program: Program) -> str:
    """Return the inverse program, whose blocks are the inverses of those that it uncalls."""
    inverse = undone(program.model)
    return program_text(program.replace(model=inverse))


def undone(block: Block) -> Block:
    """Return the inverse of a block, with calls that run backwards replaced by inverse blocks."""
    return _resolved(block.inverse(), {}).replace(name=f"{block.name}_inverse")


def callees(block: Block) -> list[Block]:
    """Return the distinct blocks that a block calls, at any depth, callees first."""
    called = {id(callee) for step in block.instructions() for callee in step.called()}
    return [inner for inner in block.inner_first() if id(inner) in called]


def _resolved(block: Block, done: dict[tuple[int, bool], Block]) -> Block:
    """Return the block with every ``uncall`` of a block a plain call of its inverse."""
    return block.replace(body=tuple(_step(step, done) for step in block.body))


def _step(step: Instruction, done: dict[tuple[int, bool], Block]) -> Instruction:
    if not isinstance(step, BlockCall):
        return step.with_inner(tuple(_resolved(inner, done) for inner in step.inner()))
    key = (id(step.block), step.undo)
    if key not in done:
        callee = step.block
        if step.undo:
            inverse = callee.inverse()
            callee = inverse.replace(name=f"{callee.name}_inverse")
        done[key] = _resolved(callee, done)
    return step.replace(block=done[key], undo=False)


# --- blocks --------------------------------------------------------------------------------------


def _block(kind: str, block: Block) -> list[str]:
    head = f"{kind} {block.name}({registers_text(block.takes)}) -> ({registers_text(block.gives)})"
    lines = [head]
    if block.givens:
        lines.append(f"{INDENT}given {registers_text(block.givens)}")
    if block.turns:
        lines.append(f"{INDENT}turn {', '.join(block.turns)}")
    if block.nets:
        lines.append(f"{INDENT}nets")
        lines += [INDENT * 2 + line for line in _slots(block)]
    lines.append(f"{INDENT}body")
    env: Env = {register.name: register.type for register in block.takes}
    return lines + _body(block, env, 2)


def _slots(block: Block) -> list[str]:
    """Return a line for each net; one for all turns of a repeat, whose names differ in a number."""
    counts: dict[str, int] = {}
    for slot in block.nets:
        name = ".".join("*" if part.isdigit() else part for part in slot.name.split("."))
        inputs = ", ".join(str(kind) for kind in slot.inputs)
        made = source_text(slot, block.nets)
        line = f"{name} = {made}: ({inputs}) -> {shape_text(slot.output)}"
        counts[line] = counts.get(line, 0) + 1
    return [f"{line} x {count}" if count > 1 else line for line, count in counts.items()]


def _body(block: Block, env: Env, depth: int) -> list[str]:
    lines = []
    for step in block.body:
        text = INDENT * depth + step_text(step, by_name(block.nets))
        before = dict(env)
        step.step(env)
        lines.append(_typed(text, _types(step, before, env)))
        lines += _passed(step, block, depth + 1)
        for inner in () if step.called() else step.inner():
            found = {register.name: register.type for register in inner.takes}
            lines += _body(inner, found, depth + 1)
    return lines


def _types(step: Instruction, before: Env, after: Env) -> str:
    """Return the types of what an instruction leaves behind, or took where it leaves nothing."""
    if step.inner() and not step.called():
        return ""
    if step.kind in ("let", "emit"):
        return shape_text(step.values()[0].shape)
    names = list(dict.fromkeys(place.name for place in step.targets()))
    made = [name for name in names if name in after]
    env, kept = (after, made) if made else (before, names)
    return grouped((name, str(env[name])) for name in kept)


def _typed(text: str, kinds: str) -> str:
    return f"{text:<{_COLUMN}}  # {kinds}" if kinds else text


def _passed(step: Instruction, caller: Block, depth: int) -> list[str]:
    """Return which nets of the caller the inner block gets, but for those that were made for it.

    One line holds for all turns where it is the same in each.
    """
    lines = []
    for prefix, row in zip(step.prefixes(), step.rows(), strict=True):
        (inner,) = step.inner()
        named = [(slot.name, caller.nets[i].name) for slot, i in zip(inner.nets, row, strict=True)]
        others = [f"{name} = {net}" for name, net in named if net not in (name, f"{prefix}.{name}")]
        lines += [f"{INDENT * depth}with {', '.join(others)}"] if others else []
    return lines[:1] if len(set(lines)) == 1 else lines


def _budget(budget: Budget) -> str:
    units = "/".join(("bits", *budget.units))
    targets = ", ".join(budget.targets)
    return f"budget {budget.meter}({targets}) <= {number_text(budget.bound)} {units}"
