"""The graphs of one program, lowered when they are first asked for."""

import builtins
import keyword
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import nn

from revc import runtime
from revc.codegen.cut_calls import Piece, cut_calls
from revc.codegen.holds import offered
from revc.codegen.library import Library
from revc.codegen.lowered import coded
from revc.codegen.metering import sites_of
from revc.codegen.options import Asked, Needs, Options, Turns, Value, Wants
from revc.codegen.replaced import replaced, spread
from revc.codegen.root import RootForward, RootPull, is_exact
from revc.codegen.segments import Cut, segments_of
from revc.codegen.split import Saved
from revc.ir.keys import code_key
from revc.ir.program import Block, Program
from revc.runtime.chunks import WHOLE, Chunks
from revc.runtime.schedule import KeptTurns, keeps


class BlockGraphs:
    """The three graphs of a segment's block; `traced` are functional, for a compiler.

    Of the values `keep` the forward graph hands over what it computed, and the VJP graph takes it.
    """

    def __init__(
        self,
        block: Block,
        library: Library,
        chunks: Chunks,
        traced: bool = False,
        asked: Asked = None,
        keep: frozenset[Value] = frozenset(),
    ) -> None:
        self.block, self.library, self.asked = block, library, asked
        self.options = Options(chunks, traced=traced, keep=keep)
        self._label = tuple(r.type.numerics.kind == "label" for r in block.givens)

    @cached_property
    def forward(self) -> nn.Module:
        """The forward graph."""
        return self.library.forward(self.block, self.options, self.asked)

    @cached_property
    def inverse(self) -> nn.Module:
        """The graph of the inverse block, without emits and code lengths."""
        return self.library.inverse(self.block, self.options, self.asked)

    def vjp(self, givens: Sequence[bool], nets: Sequence[bool]) -> nn.Module:
        """Return the VJP graph for the givens and nets that want cotangents."""
        wanted = tuple(w and not label for w, label in zip(givens, self._label, strict=True))
        return self.library.vjp(self.block, Needs(wanted, tuple(nets)), self.options, self.asked)

    def saved(
        self,
        takes: Sequence[bool],
        givens: Sequence[bool],
        nets: Sequence[bool],
        fixed: Sequence[bool],
    ) -> Saved:
        """Return the graphs that keep, for the registers, givens and nets that want cotangents.

        `fixed` are the givens that hold the same until the backward pass.
        """
        wants = Wants(tuple(takes), tuple(givens), tuple(nets), tuple(fixed))
        return self.library.saved(self.block, wants, self.options, self.asked)


class CompiledByTorch:
    """A segment's graphs under torch.compile, each compiled once for all segments that share it."""

    def __init__(self, graphs: BlockGraphs, compiler: Callable[[nn.Module], Any]) -> None:
        self._graphs, self._compiler = graphs, compiler
        self._made: dict[nn.Module, Any] = {}

    @property
    def forward(self) -> Any:
        """The forward graph, compiled."""
        return self._compiled(self._graphs.forward)

    @property
    def inverse(self) -> Any:
        """The inverse graph, compiled."""
        return self._compiled(self._graphs.inverse)

    def vjp(self, givens: Sequence[bool], nets: Sequence[bool]) -> Any:
        """Return the VJP graph, compiled."""
        return self._compiled(self._graphs.vjp(givens, nets))

    def saved(self, *wants: Sequence[bool]) -> Saved:
        """Return the graphs that keep, compiled."""
        found = self._graphs.saved(*wants)
        keep, pull = self._compiled(found.keep), self._compiled(found.pull)
        return replace(found, keep=keep, pull=pull)

    def _compiled(self, graph: nn.Module) -> Any:
        if graph not in self._made:
            self._made[graph] = self._compiler(coded(graph))
        return self._made[graph]


class CompiledGraphs:
    """Lowers `program` with nets in pieces, `chunks`; holds no parameters.

    It pickles as the program, and lowers again where it is loaded; copies share it.
    """

    traced_forward: nn.Module
    traced_vjp: nn.Module

    def __init__(self, program: Program, chunks: Chunks = WHOLE) -> None:
        self.program, self.chunks = program, chunks
        self.exact = is_exact(program)
        self.cuts = segments_of(program.model)
        self.library = Library(sites_of(program.model))
        self._made: dict[Any, Any] = {}
        self._traced: dict[tuple[Turns, ...], str] = {}

    @cached_property
    def names(self) -> dict[str, Cut]:
        """The distinct graphs of segments by name; equal blocks share one."""
        return {name: cut for cut, name in reversed(list(zip(self.cuts, self.keys, strict=True)))}

    @cached_property
    def keys(self) -> list[str]:
        """The name of each segment's graphs, in program order."""
        known: dict[Any, str] = {}
        taken = set(CODE_NAMES)
        for cut in self.cuts:
            key = code_key(cut.block)
            if key not in known:
                known[key] = fresh(cut.wish, taken)
        return [known[code_key(cut.block)] for cut in self.cuts]

    def segment(
        self,
        name: str,
        brought: frozenset[int] = frozenset(),
        asked: Asked = None,
        keep: tuple[int, ...] = (),
    ) -> BlockGraphs:
        """Return the graphs of a segment in which the nets of some slots run as brought ones.

        `asked` says of which of its givens a cotangent may be wanted, None of all; `keep` which of
        the values that its plan offers are kept, by number.
        """
        return self._of(name, brought, traced=False, asked=asked, keep=keep)

    def spread(self, name: str, brought: frozenset[int]) -> frozenset[int]:
        """Return the slots that run as brought ones where `brought` do: turns share their code."""
        return spread(self.names[name].block, brought)

    def pieces(self, name: str) -> tuple[Piece, ...]:
        """Return the calls of brought nets in a segment that run in pieces along the batch."""
        if self.chunks.pieces == 1:
            return ()
        key = name, "cut"
        if key not in self._made:
            self._made[key] = cut_calls(self.names[name].block, self.chunks)
        found: tuple[Piece, ...] = self._made[key]
        return found

    def compiled(
        self,
        name: str,
        brought: frozenset[int],
        how: tuple[tuple[str, Any], ...],
        asked: Asked = None,
    ) -> CompiledByTorch:
        """Return the graphs of a segment under ``torch.compile(graph, **how)``."""
        key = (name, brought, repr(how), asked)  # options of compilers may be dicts
        if key not in self._made:
            graphs = self._of(name, brought, traced=True, asked=asked)
            self._made[key] = CompiledByTorch(graphs, lambda g: torch.compile(g, **dict(how)))
        return self._made[key]

    def _of(
        self,
        name: str,
        brought: frozenset[int],
        traced: bool,
        asked: Asked,
        keep: tuple[int, ...] = (),
    ) -> BlockGraphs:
        key = (name, brought, traced, asked, keep)
        if key not in self._made:
            block = self.names[name].block
            values = frozenset(offered(block)[number] for number in keep)
            block = replaced(block, brought) if brought else block
            self._made[key] = BlockGraphs(block, self.library, self.chunks, traced, asked, values)
        return self._made[key]

    def lower_traced(self, kept: KeptTurns | None = None, to_run: bool = True) -> str:
        """Lower the graphs of the whole program for torch.compile, if they are not.

        Of each segment the values `kept` are kept; of all nothing where there is none. Graphs that
        are only to be read (`to_run` is false) need no code. Returns what ends their names.
        """
        holding = tuple(map(self._values, self.cuts, kept or [((),)] * len(self.cuts)))
        if holding not in self._traced:
            ending = f"_{len(self._traced) + 1}" if keeps(kept) else ""
            forward, vjp = self._lower_traced(holding)
            setattr(self, f"traced_forward{ending}", forward)
            setattr(self, f"traced_vjp{ending}", vjp)
            self._traced[holding] = ending
        ending = self._traced[holding]
        if to_run:
            coded(getattr(self, f"traced_vjp{ending}"))
            coded(getattr(self, f"traced_forward{ending}"))
        return ending

    def _values(self, cut: Cut, turns: tuple[tuple[int, ...], ...]) -> Turns:
        """Return the values of a segment that are kept, by number."""
        values = offered(cut.block)
        return tuple(frozenset(values[number] for number in chosen) for chosen in turns)

    def _lower_traced(self, holding: tuple[Turns, ...]) -> tuple[nn.Module, nn.Module]:
        model, options = self.program.model, Options(self.chunks, traced=True)
        givens = tuple(given.type.numerics.kind != "label" for given in model.givens)
        needs, how = Needs(givens, (True,) * len(model.nets)), (self.library, options, self.exact)
        forward = RootForward(model, *how, holding)
        lowered = forward.build()
        return lowered, RootPull(model, needs, *how, holding, forward.frames).build()

    def __deepcopy__(self, memo: dict[int, Any]) -> "CompiledGraphs":
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return CompiledGraphs, (self.program, self.chunks)


CODE_NAMES = frozenset((
    *keyword.kwlist, *dir(builtins), "aten", "torch", "operator", "self",
    *(path.stem for path in Path(runtime.__file__).parent.rglob("*.py")),
))  # fmt: skip
"""What the code of graphs may call or import, wherever it is written: no graph is named so."""


def fresh(wish: str, taken: set[str]) -> str:
    """Return a name like `wish` that is not taken, and take it."""
    wish = f"block_{wish.strip('_')}" if wish.startswith("_") else wish
    name, count = wish, 1
    while name in taken:
        count += 1
        name = f"{wish}_{count}"
    taken.add(name)
    return name
