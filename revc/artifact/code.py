"""A graph as a Python function: named as in the spec, a comment for each of its statements."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

from torch.fx import GraphModule, Node

from revc.artifact.layout import INDENT, WIDTH, call, comment, docstring, statement, tupled
from revc.artifact.names import Names
from revc.artifact.statement_plan import LIGHT, is_number, is_owned, make_plan
from revc.artifact.targets import wish
from revc.artifact.values import Values
from revc.grammar.layout import Doc, text
from revc.ir.net_kinds import parameter_names
from revc.ir.program import Block
from revc.ir.text import by_name, step_text

_LEAST_RUN = 3
_LONGEST = 60  # columns of what a statement assigns to, on one line


@dataclass(frozen=True)
class Face:
    """What a function takes and gives, and what it says of itself.

    With `grouped` it takes its nets as one tuple; `backward` says that it runs its block's
    statements from the last to the first; `returns` names its results.
    """

    about: str
    decorator: str = ""
    grouped: bool = False
    backward: bool = False
    returns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Written:
    """The code of a function but for its name."""

    decorator: str
    params: tuple[str, ...]
    body: list[str]

    def under(self, name: str) -> list[str]:
        """Return the lines of the function called `name`."""
        above = [f"@{self.decorator}"] if self.decorator else []
        return [*above, *statement("def ", call(name, map(text, self.params)), 0, ":"), *self.body]


class Function:
    """Writes one graph; `called` and `count` tell the name and the results of a submodule."""

    def __init__(
        self,
        module: GraphModule,
        block: Block | None,
        face: Face,
        called: Callable[[str], str],
        count: Callable[[Node], int],
        reserved: Collection[str],
    ) -> None:
        self.block, self.face, self.count = block, face, count
        self.inputs: list[Node] = list(module.graph.find_nodes(op="placeholder"))
        (output,) = module.graph.find_nodes(op="output")
        self.given: tuple[Any, ...] = tuple(output.args[0])
        for node, name in zip(self.given, face.returns, strict=bool(face.returns)):
            if isinstance(node, Node) and name:
                node.meta.setdefault("hint", name)
        self.plan = make_plan(module.graph)
        self.names = Names(reserved)
        self.values = Values(self.plan, called, self.names)
        self.lines: list[str] = []

    def write(self) -> "Written":
        """Return the code of the function."""
        params = tuple(self._params())
        self.lines += docstring(self.face.about, 1)
        self._star()
        step = None
        for node in self.plan.statements:
            if node.op != "output" and node.meta.get("step") is not step:
                step = node.meta.get("step")
                self._comment(step)
            self._statement(node)
        return Written(self.face.decorator, params, self.lines)

    # --- head ------------------------------------------------------------------------------------

    def _params(self) -> Iterator[str]:
        """Name the parameters; the group of nets stands in front of the sizes and the mode."""
        grouped = self.face.grouped
        if grouped:
            slots = [node for node in self.inputs if "slot" in node.meta]
            self.values.slots = {node: index for index, node in enumerate(slots)}
        for node in self.inputs:
            if grouped and (is_number(node) or "mode" in node.meta):
                grouped = False
                self.values.group = self.names.hold("nets")
                yield self.values.group
            if node not in self.values.slots:
                wish = re.sub(r"^getitem(_\d+)?$", "saved", str(node.target))
                yield self.names.give(node, wish)

    def _star(self) -> None:
        """Give results that are only handed on, one behind the other, one starred name."""
        places: dict[Node, list[int]] = {}
        for place, value in enumerate(self.given):
            if isinstance(value, Node):
                places.setdefault(value, []).append(place)
        for node, picks in self.plan.unpacked.items():
            run = max(_runs(picks, places), key=len, default=[])
            if node.op == "call_module" and _LEAST_RUN <= len(run) < self.count(node):
                self.values.starred.update(dict.fromkeys(run, run[0]))

    # --- statements ------------------------------------------------------------------------------

    def _comment(self, step: Any) -> None:
        if step is None or self.block is None:
            return
        about = step_text(step, by_name(self.block.nets))
        if not self.lines[-1].endswith('"""'):
            self.lines.append("")
        self.lines += comment(f"back through {about}" if self.face.backward else about, 1)

    def _statement(self, node: Node) -> None:
        for variable in self.plan.variables(node):
            owner = variable.args[0] if variable.args else None
            if variable not in self.names and owner in self.plan.parts:
                self._unpack(owner)  # type: ignore[arg-type]
        if node.op == "output":
            self.lines += self._return()
            return
        if self._hands_on(node):
            return
        code = self.values.call(node)
        ended = [v for v in self.plan.ends.get(node, ()) if v in self.names]
        freed = [(v, self.names.free(v)) for v in ended]
        targets = self._targets(node, [name for v, name in freed if is_owned(v)])
        self.lines += _assigned(targets, code)
        dead = [name for v, name in freed if name not in targets and is_owned(v)]
        if dead and node not in self.plan.statements[-2:]:
            margin = f"{INDENT}del "
            found = wrap(", ".join(dead), WIDTH, initial_indent=margin, subsequent_indent=margin)
            self.lines += [line.rstrip(",") for line in found]

    def _unpack(self, owner: Node) -> None:
        """Name the parameters of a net."""
        picks, slot = self.plan.parts[owner], owner.meta["slot"]
        known = [name.replace(".", "_") for name in parameter_names(slot)]
        named = {i: self.names.share(picks[i], self.names.fresh(known[i])) for i in sorted(picks)}
        source = self.values.value(owner).flat
        note = f"  # {slot.name}" if owner in self.values.slots else ""
        if len(named) == len(known) > 1:
            self.lines.append(f"{INDENT}{', '.join(named.values())} = {source}{note}")
            return
        for index, name in named.items():
            self.lines.append(f"{INDENT}{name} = {source}[{index}]{note}")

    def _targets(self, node: Node, freed: list[str]) -> list[str]:
        """Name what a statement assigns to, if anything uses it."""
        if node in self.plan.unpacked:
            return list(self._unpacked(node))
        if not node.users:
            return []
        # Another view of a value that goes, or its cast, goes by the same name.
        light = node.target in LIGHT and "hint" not in node.meta and len(freed) == 1
        return [self.names.give(node, freed[0] if light else wish(node))]

    def _hands_on(self, node: Node) -> bool:
        """Say whether the function returns a call's results as they are."""
        if self.plan.statements[-2:-1] != [node]:
            return False
        picks = self.plan.unpacked.get(node)
        return picks is not None and self.given == tuple(map(picks.get, range(len(self.given))))

    def _unpacked(self, node: Node) -> Iterator[str]:
        starred = self.values.starred
        picks = self.plan.unpacked[node]
        count = self.count(node) if node.op == "call_module" else len(picks)
        for index in range(count):
            pick = picks.get(index)
            if pick is None:
                yield "_"
            elif pick not in starred:
                yield self.names.give(pick, wish(pick))
            elif starred[pick] is pick:
                rest = "d_nets" if self.face.backward else "others"
                yield f"*{self.names.give(pick, rest)}"

    def _return(self) -> list[str]:
        if len(self.plan.statements) > 1 and self._hands_on(self.plan.statements[-2]):
            return statement("return ", self.values.call(self.plan.statements[-2]), 1)
        items = self.values.items(self.given)
        flat = f"{INDENT}return {', '.join(item.flat for item in items)}"
        if len(items) > 1 and len(flat) <= WIDTH:
            return [flat]
        return statement("return ", tupled(items), 1)


def _assigned(targets: list[str], code: Doc) -> list[str]:
    """Return a statement that assigns to `targets`, one a line where they do not fit on one."""
    left = f"{', '.join(targets)} = " if targets else ""
    if len(INDENT) + len(left) > _LONGEST:
        return statement("", tupled(map(text, targets)), 1, f" = {code.flat}")
    return statement(left, code, 1)


def _runs(picks: dict[int, Node], places: Mapping[Node, list[int]]) -> Iterator[list[Node]]:
    """Yield the results that are returned as they come, side by side, and used no more.

    `places` are those of each node among what is returned.
    """
    run: list[Node] = []
    last = -1
    for index in range(max(picks) + 2):
        pick = picks.get(index)
        place = _only_place(pick, places) if pick is not None else None
        if not run or place != last + 1:
            yield run
            run = []
        if pick is not None and place is not None:
            run.append(pick)
            last = place


def _only_place(pick: Node, places: Mapping[Node, list[int]]) -> int | None:
    """Return where a result is returned, None if it is named, or used elsewhere too."""
    found = places.get(pick, [])
    alone = "hint" not in pick.meta and len(pick.users) == 1 and len(found) == 1
    return found[0] if alone else None
