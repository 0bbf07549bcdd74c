"""Which file lowers which instruction: a new kind is one line here."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from revc.codegen import exchange, exchange_pull, mixing
from revc.codegen.statements import add, alloc_free, call, emit, let, moves, negate, repeat
from revc.ir import instructions as ir
from revc.ir.instructions import Instruction

if TYPE_CHECKING:
    from revc.codegen.forward import Forward
    from revc.codegen.pull import Pull


class Statement(NamedTuple):
    """How an instruction is lowered: its step, and what rebuilds its input and pulls cotangents."""

    lower: Callable[["Forward", Any], None]
    pull: Callable[["Pull", Any], None]


_MOVE = Statement(moves.lower, moves.pull)
_EXCHANGE = Statement(exchange.exchange, exchange_pull.pull_exchange)

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
    ir.Let: Statement(let.lower, let.pull),
    ir.Emit: Statement(emit.lower, emit.pull),
    ir.BlockCall: Statement(call.lower, call.pull),
    ir.Repeat: Statement(repeat.lower, repeat.pull),
    ir.Put: _EXCHANGE,
    ir.Draw: _EXCHANGE,
    ir.Valve: Statement(exchange.valve, exchange_pull.pull_valve),
    ir.Scale: Statement(exchange.scale, exchange_pull.pull_scale),
    ir.Mix: Statement(mixing.mix, mixing.pull_mix),
    ir.Apply: Statement(exchange.apply, exchange_pull.pull_apply),
}


def lower(body: "Forward", step: Instruction) -> None:
    """Emit an instruction's forward step."""
    STATEMENTS[type(step)].lower(body, step)


def pull(body: "Pull", step: Instruction) -> None:
    """Emit what rebuilds an instruction's input from its output and pulls the cotangents back."""
    STATEMENTS[type(step)].pull(body, step)
