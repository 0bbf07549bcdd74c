"""Values and calls of a graph as Python code."""

import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from torch.fx import Node

from revc.artifact.layout import call, listed, tupled
from revc.artifact.names import Names
from revc.artifact.statement_plan import Plan, is_number
from revc.artifact.targets import OPERATORS, literal, target_text
from revc.errors import InternalError
from revc.grammar.layout import Doc, text


@dataclass
class Values:
    """Writes what nodes stand for.

    `called` names what stands for a submodule, `names` are those of variables. Nets that come as
    one tuple, `group`, are listed in `slots`; results that go to one starred name are mapped to the
    first of them.
    """

    plan: Plan
    called: Callable[[str], str]
    names: Names
    starred: dict[Node, Node] = field(default_factory=dict)
    slots: dict[Node, int] = field(default_factory=dict)
    group: str = ""

    def value(self, value: Any) -> Doc:
        """Return an argument: a node, a constant, or a list or tuple of such."""
        if isinstance(value, Node):
            return self._node(value)
        if isinstance(value, tuple):
            return tupled(self.items(value))
        if isinstance(value, list):
            return listed(self.items(value))
        return text(literal(value))

    def items(self, values: Sequence[Any]) -> list[Doc]:
        """Return arguments; nets and results that stand side by side are handed on in one piece."""
        found: list[Doc] = []
        for _, part in groupby(enumerate(values), key=self._run):
            nodes = [value for _, value in part]
            found += self._side_by_side(nodes)
        return found

    def _run(self, numbered: tuple[int, Any]) -> Any:
        """Return a key that neighbours of one group share."""
        place, value = numbered
        if isinstance(value, Node) and value in self.slots:
            return "nets", self.slots[value] - place
        if isinstance(value, Node) and value in self.starred:
            return "results", self.starred[value]
        return "alone", place

    def _side_by_side(self, nodes: list[Any]) -> Iterator[Doc]:
        first = nodes[0]
        if isinstance(first, Node) and first in self.starred:
            yield text(f"*{self.names[self.starred[first]]}")
        elif isinstance(first, Node) and first in self.slots and len(nodes) > 1:
            yield text(f"*{self._slice(self.slots[first], len(nodes))}")
        else:
            yield self.value(first)

    def _slice(self, start: int, count: int) -> str:
        if count == len(self.slots):
            return self.group
        stop = "" if start + count == len(self.slots) else str(start + count)
        return f"{self.group}[{start or ''}:{stop}]"

    def _node(self, node: Node) -> Doc:
        if node in self.names:
            return text(self.names[node])
        if node in self.slots:
            return text(f"{self.group}[{self.slots[node]}]")
        if node in self.plan.inside or is_number(node):
            return self.call(node)
        raise InternalError(f"{node} is used before it is computed")

    def call(self, node: Node) -> Doc:
        """Return the code of a node."""
        if node.op == "call_module":
            return call(self.called(str(node.target)), self.items(node.args))
        if node.target is operator.getitem:
            owner, index = node.args
            return text(self.value(owner), f"[{index}]")
        if node.target in OPERATORS:
            return text(self._operator(node))
        items = self.items(node.args)
        items += [text(f"{name}=", self.value(value)) for name, value in node.kwargs.items()]
        return call(target_text(node.target), items)  # type: ignore[arg-type]

    def _operator(self, node: Node) -> str:
        sign, level = OPERATORS[node.target]  # type: ignore[index]
        left, right = node.args
        if sign == "*" and right == 1:
            return self.value(left).flat
        return f"{self._operand(left, level)} {sign} {self._operand(right, level + 1)}"

    def _operand(self, value: Any, level: int) -> str:
        shown = self.value(value).flat
        own = OPERATORS.get(value.target, ("", 3))[1] if isinstance(value, Node) else 3  # type: ignore[arg-type]
        alone = isinstance(value, Node) and value in self.names
        plain = alone or own >= level or " " not in shown
        return shown if plain and not shown.startswith("-") else f"({shown})"
