"""A graph with all that it calls, as one Python file."""

import keyword
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from torch import nn
from torch.fx import GraphModule

from revc.artifact.code import Face, Function, Written
from revc.artifact.layout import INDENT, WIDTH, call, docstring, statement, tupled
from revc.artifact.targets import module_of
from revc.codegen.compile_unit import Unit
from revc.errors import InternalError
from revc.grammar.layout import Doc, text
from revc.ir.program import Block
from revc.ir.text import registers_text
from revc.runtime.loop import Layout, Loop, VjpLoop
from revc.runtime.loop_kept import TurnLoop, Turns, VjpTurnLoop
from revc.runtime.loop_saved import KeepLoop, PullLoop

LOOPS = (Loop, VjpLoop, KeepLoop, PullLoop, TurnLoop, VjpTurnLoop)
_OURS = {
    "aten", "torch", "int", "float", "Layout", "compiled_once",
    *(kind.__name__ for kind in LOOPS),
}  # fmt: skip
_ALWAYS = _OURS | set(keyword.kwlist)


@dataclass(frozen=True)
class Root:
    """An entry of a file, called `name`: a segment's graph, or with a `face` a whole program's.

    Entries may share a graph: then it is written under the first of their names.
    """

    module: GraphModule
    name: str
    block: Block | None = None
    face: Face | None = None


@dataclass
class _Part:
    """What stands for a module in the file: a function or a loop."""

    name: str
    module: nn.Module
    faced: Root | None = None


@dataclass
class CodeFile:
    """Collects the distinct modules below some roots and writes each once, callees first."""

    about: str
    parts: dict[int, _Part] = field(default_factory=dict)
    imports: set[str] = field(default_factory=set)
    taken: set[str] = field(default_factory=set)
    counts: dict[str, int] = field(default_factory=dict)
    written: dict[int, Written] = field(default_factory=dict)

    def write(self, roots: Iterable[Root]) -> str:
        """Return the text of the file."""
        roots = list(roots)
        aliases: list[str] = []
        for root in roots:
            if (known := self._entry(root)) is not None:
                aliases.append(f"{root.name} = {known}")
        modules = {name.rpartition(".")[2] for name in self.imports}
        self.taken |= _ALWAYS | modules | {root.name for root in roots}
        for part in self.parts.values():
            if part.faced is None:
                part.name = self._fresh(part.name)
        reserved = self.taken
        body: list[str] = []
        looped = True
        for part in self.parts.values():
            loops = isinstance(part.module, LOOPS)
            body += [""] if loops and looped else ["", ""]
            body += self._part(part, reserved)
            looped = loops
        if aliases:
            body += [*([""] if looped else ["", ""]), *aliases]
        return "\n".join([*docstring(self.about, 0), "", *self._imports(body), *body, ""])

    # --- collecting ------------------------------------------------------------------------------

    def _entry(self, root: Root) -> str | None:
        """Collect an entry and what it calls; return the name that it has already, if any."""
        known = self.parts.get(id(root.module))
        if known is not None and known.faced is not None:
            return known.name
        self._collect(root.module)
        self.parts[id(root.module)] = _Part(root.name, root.module, root)
        return None

    def _collect(self, graph: GraphModule) -> None:
        for node in graph.graph.nodes:
            if node.op == "call_function" and (module := module_of(node.target)):
                self.imports.add(module)
            if node.op == "call_module":
                self._add(str(node.target), graph.get_submodule(node.target))

    def _add(self, target: str, module: nn.Module) -> None:
        if id(module) in self.parts:
            return
        if isinstance(module, LOOPS):
            for body in _bodies(module):
                self._add(f"{target}_body", body)
        elif isinstance(module, Unit):
            self._collect(module.graph)
        elif isinstance(module, GraphModule):
            self._collect(module)
        else:
            raise InternalError(f"an artifact cannot hold a {type(module).__name__}")
        wish = target.partition("_")[0] if isinstance(module, Unit) else target
        self.parts[id(module)] = _Part(wish, module)

    def _fresh(self, wish: str) -> str:
        name, count = wish, self.counts.get(wish, 1)
        while name in self.taken:
            count += 1
            name = f"{wish}_{count}"
        self.taken.add(name)
        self.counts[wish] = count
        return name

    # --- writing ---------------------------------------------------------------------------------

    def _part(self, part: _Part, reserved: set[str]) -> list[str]:
        module = part.module
        if isinstance(module, LOOPS):
            names = [text(self.parts[id(body)].name) for body in _bodies(module)]
            made = call(type(module).__name__, [*_turns(module, names), _layout(module.layout)])
            return statement(f"{part.name} = ", made, 0)
        graph = module.graph if isinstance(module, Unit) else module
        assert isinstance(graph, GraphModule)
        # Units of one graph differ in their names alone.
        if id(graph) not in self.written:
            self.written[id(graph)] = self._function(part, graph, reserved)
        return self.written[id(graph)].under(part.name)

    def _function(self, part: _Part, graph: GraphModule, reserved: set[str]) -> Written:
        block, face = self._face(part, graph)
        write = Function(
            graph,
            block,
            face,
            lambda target: self.parts[id(graph.get_submodule(target))].name,
            lambda node: results(graph.get_submodule(str(node.target))),
            reserved,
        )
        return write.write()

    def _face(self, part: _Part, graph: GraphModule) -> tuple[Block | None, Face]:
        if part.faced is not None and part.faced.face is not None:
            return part.faced.block, part.faced.face
        if isinstance(part.module, Unit):
            about = "One increment, or its pullback, which is compiled once."
            return None, Face(about, decorator="compiled_once")
        block: Block = graph.meta["block"]
        backward = graph._get_name().endswith(("_vjp", "_pull"))
        return block, Face(_about(block, backward), backward=backward)

    def _imports(self, body: list[str]) -> list[str]:
        text = "\n".join(body)
        lines = ["import torch"] if "torch." in text or "aten." in text else []
        once = {"revc.runtime.traced.compiled_once"} if "@compiled_once" in text else set()
        ours = sorted({*self.imports, *once})
        names = [name for name in ours if name.count(".") == 2]
        grouped = {"revc.runtime": [n.rpartition(".")[2] for n in names]} if names else {}
        for name in (n for n in ours if n.count(".") > 2):
            package, _, last = name.rpartition(".")
            grouped.setdefault(package, []).append(last)
        for kind in (Layout, *LOOPS):
            if re.search(rf"\b{kind.__name__}\(", text):
                grouped.setdefault(kind.__module__, []).append(kind.__name__)
        lines += [""] if lines and grouped else []
        for module, found in sorted(grouped.items()):
            lines += _import(module, found)
        return [*lines, "", "aten = torch.ops.aten"] if "aten." in text else lines


def _import(module: str, names: list[str]) -> list[str]:
    flat = f"from {module} import {', '.join(names)}"
    if len(flat) <= WIDTH:
        return [flat]
    return [f"from {module} import (", *(f"{INDENT}{name}," for name in names), ")"]


def results(module: nn.Module) -> int:
    """Return how many results a call of a module gives."""
    if isinstance(module, Loop | KeepLoop):
        at = module.layout
        return at.registers + at.emits + (3 if at.checked else 1) + isinstance(module, KeepLoop)
    if isinstance(module, PullLoop):
        at = module.layout
        return at.registers + at.givens + at.nets
    if isinstance(module, VjpLoop):
        at = module.layout
        return 2 * at.registers + at.givens + at.nets + (2 if at.checked else 1)
    graph = module.graph.graph if isinstance(module, Unit) else module.graph
    (output,) = graph.find_nodes(op="output")  # type: ignore[union-attr, operator]
    return len(output.args[0])


def _bodies(loop: nn.Module) -> Iterable[nn.Module]:
    return loop.bodies if isinstance(loop, Turns) else (loop.body,)  # type: ignore[return-value]


def _turns(loop: nn.Module, bodies: list[Doc]) -> list[Doc]:
    """Return the arguments that say which body runs each turn."""
    if not isinstance(loop, Turns):
        return bodies
    which, keeps = ([text(repr(one)) for one in held] for held in (loop.which, loop.keeps))
    return [tupled(bodies), tupled(which), tupled(keeps)]


def _about(block: Block, backward: bool) -> str:
    registers = registers_text((*block.takes, *block.givens))
    turn = "." in block.name
    what = f"{'turn' if turn else 'block'} {block.name.rpartition('.')[2]}({registers})"
    return f"The way back through {what}." if backward else f"The {what}."


def _layout(layout: Layout) -> Doc:
    values = {name: repr(getattr(layout, name)) for name in layout.__dataclass_fields__}
    items = [text(f"{name}={v}") for name, v in values.items() if name != "rows"]
    items.insert(5, text("rows=", _rows(layout.rows)))
    return call("Layout", items)


def _rows(rows: tuple[tuple[int, ...], ...]) -> Doc:
    """Return which nets each turn takes; as a formula where every turn takes the next ones."""
    width = len(rows[0])
    if (
        len(rows) > 2
        and width
        and rows == tuple(tuple(range(t * width, t * width + width)) for t in range(len(rows)))
    ):
        start = f"{width} * t" if width > 1 else "t"
        return text(f"tuple(tuple(range({start}, {start} + {width})) for t in range({len(rows)}))")
    return tupled(tupled(text(str(i)) for i in row) for row in rows)
