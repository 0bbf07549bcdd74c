"""Which of a graph's nodes become statements, and how long each variable is needed.

A node is written inside the call that uses it where that keeps the order of evaluation and drops
nothing later; the others are statements. Variables are deleted behind their last use, as a graph's
own code does, so that the code of an artifact holds no more memory than the graph.
"""

import operator
from dataclasses import dataclass, field

import torch
from torch.fx import Graph, Node

from revc.artifact.targets import result_count, short_name, wish
from revc.codegen.reuse import VIEWS
from revc.runtime import residuals
from revc.runtime.nets import brought

_DEPTH, _INNER, _WHOLE, _PICKED = 3, 60, 84, 70
LIGHT = VIEWS - {brought.run, residuals.taken}
_SHARING = LIGHT - {torch.ops.aten.to.dtype}  # a cast makes a copy under autocast


@dataclass
class Plan:
    """What becomes of each node.

    `statements` stand in order; nodes `inside` are written where they are used, `free` ones
    anywhere. `unpacked` maps a call to its results by index, `parts` a placeholder to its items.
    `ends` lists the variables that a statement is the last to need.
    """

    order: dict[Node, int]
    statements: list[Node] = field(default_factory=list)
    inside: set[Node] = field(default_factory=set)
    free: set[Node] = field(default_factory=set)
    unpacked: dict[Node, dict[int, Node]] = field(default_factory=dict)
    parts: dict[Node, dict[int, list[Node]]] = field(default_factory=dict)
    ends: dict[Node, list[Node]] = field(default_factory=dict)

    def variables(self, node: Node) -> list[Node]:
        """Return the variables that the code of a node names, in order."""
        found: list[Node] = []
        for arg in node.all_input_nodes:
            inline = arg in self.inside or (arg.op == "call_function" and is_number(arg))
            found += self.variables(arg) if inline else [arg]
        return found


def make_plan(graph: Graph) -> Plan:
    """Plan the statements of a graph."""
    plan = Plan({node: index for index, node in enumerate(graph.nodes)})
    for node in graph.nodes:
        _sort_results(node, plan)
    pending: list[Node] = []
    for node in graph.nodes:
        if node.op == "placeholder" or node in plan.free:
            continue
        pending = _consume(node, pending, plan)
        if _fits_inside(node, plan):
            plan.inside.add(node)
            pending.append(node)
        else:
            _flush(pending, plan)
            pending = []
            plan.statements.append(node)
    _find_ends(plan)
    return plan


def shared(node: Node) -> Node:
    """Return the variable whose memory a view shows, or the node itself."""
    while node.op == "call_function" and node.args and isinstance(node.args[0], Node):
        owner = node.args[0]
        picks = node.target is operator.getitem
        shows = owner.target in _SHARING or owner.op == "placeholder" if picks else False
        if node.target not in _SHARING and not shows:
            return node
        node = owner
    return node


def is_owned(node: Node) -> bool:
    """Say whether a variable's memory can be freed here: no caller holds it."""
    return shared(node).op != "placeholder"


def is_number(node: Node) -> bool:
    """Say whether a node is a size, or computed from sizes."""
    return bool(node.meta.get("number"))


# --- results -------------------------------------------------------------------------------------


def _sort_results(node: Node, plan: Plan) -> None:
    """Sort out what is picked from a node, if to be picked from is all its use."""
    if node.op == "call_function" and is_number(node):
        plan.free.add(node)
    picks: dict[int, list[Node]] = {}
    for user in node.users:
        if user.target is operator.getitem and isinstance(user.args[1], int):
            picks.setdefault(user.args[1], []).append(user)
        elif node.op != "placeholder":
            return
    if node.op == "placeholder" and picks:
        plan.parts[node] = picks
        plan.free.update(user for users in picks.values() for user in users)
    if node.op == "placeholder" or not picks or len(picks) < len(node.users):
        return
    # What nobody uses would be held under some name: then each result is picked by its index. A
    # submodule's results that nobody uses are small.
    if len(picks) > 1 and (node.op == "call_module" or result_count(node) == len(picks)):
        plan.unpacked[node] = {index: users[0] for index, users in picks.items()}
        plan.free.update(node.users)


# --- expressions ---------------------------------------------------------------------------------


def _consume(node: Node, pending: list[Node], plan: Plan) -> list[Node]:
    """Return what is still pending when a node has taken its arguments; flush if it cannot."""
    wanted = [arg for arg in node.all_input_nodes if arg in pending]
    if not wanted:
        return pending
    if pending[-len(wanted) :] != wanted or node.op == "output":
        _flush(pending, plan)
        return []
    picked = any(user.target is operator.getitem for user in node.users) and len(node.users) == 1
    while wanted and _length(node, plan) > (_PICKED if picked else _WHOLE):
        early = len(pending) - len(wanted) + 1
        _flush(pending[:early], plan)
        pending, wanted = pending[early:], wanted[1:]
    return pending[: len(pending) - len(wanted)]


def _flush(pending: list[Node], plan: Plan) -> None:
    plan.inside.difference_update(pending)
    plan.statements += pending


def _fits_inside(node: Node, plan: Plan) -> bool:
    if node.op == "output" or node.meta.get("effect") or node.meta.get("hint"):
        return False
    if len(node.users) != 1 or node in plan.unpacked:
        return False
    (user,) = node.users
    if user.target is operator.getitem:
        return True  # what it picks is named next
    if node.op == "call_module" or _picks_module(node):
        return False
    if user.op == "output" or _arguments(user).count(node) != 1:
        return False
    if _depth(node, plan) >= _DEPTH or _length(node, plan) > _INNER:
        return False
    return node.target in LIGHT or not any(_drops(v, node, plan) for v in plan.variables(node))


def _picks_module(node: Node) -> bool:
    owner = node.args[0] if node.args else None
    return isinstance(owner, Node) and owner.op == "call_module"


def _drops(variable: Node, at: Node, plan: Plan) -> bool:
    """Say whether no node behind this one uses a variable."""
    if variable.op == "placeholder":
        return False
    return max(plan.order[user] for user in variable.users) <= plan.order[at]


def _arguments(node: Node) -> list[Node]:
    found: list[Node] = []
    torch.fx.node.map_arg((node.args, node.kwargs), found.append)
    return found


def _depth(node: Node, plan: Plan) -> int:
    inner = (_depth(arg, plan) for arg in node.all_input_nodes if arg in plan.inside)
    return 1 + max(inner, default=0)


def _length(node: Node, plan: Plan) -> int:
    """Return about how long a node's code is."""
    inner = sum(
        2 + (_length(arg, plan) if arg in plan.inside else len(wish(arg)))
        for arg in _arguments(node)
    )
    if node.target is operator.getitem:
        return 3 + inner
    constants = len(str([arg for arg in node.args if not isinstance(arg, Node)]))
    return len(short_name(node)) + 12 + inner + constants


# --- lifetimes -----------------------------------------------------------------------------------


def _find_ends(plan: Plan) -> None:
    last: dict[Node, int] = {}
    for position, statement in enumerate(plan.statements):
        for node in plan.variables(statement):
            last[node] = position
    for node, position in last.items():
        # Nothing is freed while the variable that a view shows still stands.
        until = max(position, last.get(shared(node), 0))
        plan.ends.setdefault(plan.statements[until], []).append(node)
