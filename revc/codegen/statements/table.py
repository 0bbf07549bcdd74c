"""Which file lowers which instruction: a new kind is one line here."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from revc.codegen.statements import (
    add,
    alloc_free,
    apply,
    call,
    emit,
    let,
    mix,
    moves,
    negate,
    put_draw,
    repeat,
    scale,
    valve,
)
from revc.errors import InternalError
from revc.ir import instructions as ir
from revc.ir.instructions import Instruction

if TYPE_CHECKING:
    from revc.codegen.forward import Forward
    from revc.codegen.pull import Pull


class Statement(NamedTuple):
    """How an instruction is lowered: its step, and what rebuilds its input and pulls cotangents."""

    lower: Callable[["Forward", Any], None]
    pull: Callable[["Pull", Any], None]


def no_pull(body: "Pull", step: ir.Recall) -> None:
    """Refuse: what is recalled is so on a way back, which is not differentiated.

    Raises:
        InternalError: always.
    """
    raise InternalError(f"the recall of `{step.name}` has no VJP")


_MOVE = Statement(moves.lower, moves.pull)
_CODED = Statement(put_draw.lower, put_draw.pull)

STATEMENTS: dict[type[Any], Statement] = {
    ir.Add: Statement(add.lower, add.pull),
    ir.Negate: Statement(negate.lower, negate.pull),
    ir.Swap: _MOVE,
    ir.Split: _MOVE,
    ir.Join: _MOVE,
    ir.Permute: _MOVE,
    ir.Reshape: _MOVE,
    ir.Squeeze: _MOVE,
    ir.Alloc: Statement(alloc_free.lower_alloc, alloc_free.pull_alloc),
    ir.Free: Statement(alloc_free.lower_free, alloc_free.pull_free),
    ir.Forget: Statement(alloc_free.lower_forget, alloc_free.pull_forget),
    ir.Recall: Statement(alloc_free.lower_recall, no_pull),
    ir.Let: Statement(let.lower, let.pull),
    ir.Emit: Statement(emit.lower, emit.pull),
    ir.BlockCall: Statement(call.lower, call.pull),
    ir.Repeat: Statement(repeat.lower, repeat.pull),
    ir.Put: _CODED,
    ir.Draw: _CODED,
    ir.Valve: Statement(valve.lower, valve.pull),
    ir.Scale: Statement(scale.lower, scale.pull),
    ir.Mix: Statement(mix.lower, mix.pull),
    ir.Apply: Statement(apply.lower, apply.pull),
}


def lower(body: "Forward", step: Instruction) -> None:
    """Emit an instruction's forward step."""
    STATEMENTS[type(step)].lower(body, step)


def pull(body: "Pull", step: Instruction) -> None:
    """Emit what rebuilds an instruction's input from its output and pulls the cotangents back."""
    STATEMENTS[type(step)].pull(body, step)
