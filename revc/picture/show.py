"""`revc.show`: the graph of a spec as a picture.

Every model of the file, the blocks that they call and the file's own other blocks are a panel each;
state registers run down as lanes, from statement to statement, and a repeat is drawn once.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import networkx as nx

from revc.grammar import ast
from revc.ir.listing import callees
from revc.ir.program import Block, Program
from revc.passes.elaborate.bodies import Specialised
from revc.passes.recursion_limit import recursion_limit
from revc.passes.sources import is_text
from revc.passes.spec import Spec
from revc.passes.transform.rewrite import rewrite_block
from revc.passes.transform.simplify import simplified
from revc.picture.draw import Drawing, measure
from revc.picture.panel import Panel
from revc.picture.rows import panel
from revc.picture.svg import STYLE, Canvas
from revc.report import html
from revc.report.svg import document

_GAP, _TALL = 24.0, 1100.0


def show(source: str | Path | Program | Spec) -> str:
    """Return the graph of a spec as SVG, which needs nothing else.

    Args:
        source: a path to a `.rev` file, source text, a spec that was read, or a program. Statements
            that cannot be compiled yet are drawn too, and sizes may be free.

    Raises:
        SpecError: the spec does not parse or check.
    """
    with recursion_limit():
        return _picture(_drawn(source))


def page(source: str | Path | Program) -> str:
    """Return an HTML page with the picture that `show` gives."""
    picture = show(source)
    name = source.model.name if isinstance(source, Program) else Path(source).name
    title = "spec" if isinstance(source, str) and is_text(source) else name
    return html.page(title, [html.scroll(picture)])


def _drawn(source: str | Path | Program | Spec) -> list[list[Panel]]:
    """Return the panels: models first, then what they call, then the file's other blocks."""
    if isinstance(source, Program):
        return _generations([("model", source.model)])
    checked = (source if isinstance(source, Spec) else Spec(source)).accepted()
    models = [built for built in checked.roots if isinstance(built.decl, ast.ModelDecl)]
    drawn = {id(inner) for built in models for inner in built.block.walk()}
    called = [id(one.decl) for one in checked.elaboration.done.values() if id(one.block) in drawn]
    others = [built for built in checked.roots if id(built.decl) not in called]
    return _generations(_folded(models)) + _generations(_folded(others))


def _folded(declared: Iterable[Specialised]) -> list[tuple[str, Block]]:
    """Return blocks with constants folded."""
    return [(one.decl.kind, rewrite_block(one.block, simplified)) for one in declared]


def _generations(roots: list[tuple[str, Block]]) -> list[list[Panel]]:
    """Return the panels of some blocks and of all that they call, by how far they are away."""
    kinds = {block.name: (kind, block) for kind, block in roots}
    for _, block in roots:
        for callee in callees(block):
            kinds.setdefault(callee.name, ("block", callee))
    calls = nx.DiGraph()
    calls.add_nodes_from(kinds)
    for name, (_, block) in kinds.items():
        calls.add_edges_from((name, other) for other in _called(block))
    place = {name: index for index, name in enumerate(kinds)}
    return [
        [panel(*kinds[name]) for name in sorted(names, key=place.__getitem__)]
        for names in nx.topological_generations(calls)
    ]


def _picture(generations: list[list[Panel]]) -> str:
    canvas = Canvas()
    x, height = _GAP, 0.0
    for column in _columns(generations):
        y = _GAP
        for one in column:
            Drawing(canvas, one, x, y).draw()
            y += measure(one).height + _GAP
        x += max(measure(one).width for one in column) + _GAP
        height = max(height, y)
    titles = ", ".join(one.title for panels in generations for one in panels)
    return document(x, height, titles, canvas.body(), "rev-graph", STYLE)


def _called(block: Block) -> set[str]:
    return {callee.name for step in block.own() for callee in step.called()}


def _columns(generations: Iterable[list[Panel]]) -> Iterator[list[Panel]]:
    """Yield columns of panels that are not too tall."""
    for panels in generations:
        column: list[Panel] = []
        for one in panels:
            if column and sum(measure(p).height for p in column) + measure(one).height > _TALL:
                yield column
                column = []
            column.append(one)
        yield column
