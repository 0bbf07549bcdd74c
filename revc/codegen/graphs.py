"""The graphs of one program, lowered when they are first asked for."""

from functools import cached_property
from typing import Any

from torch import nn

from revc.codegen.library import Library
from revc.codegen.metering import rows_of
from revc.codegen.options import Needs, Options
from revc.codegen.root import AuditedInverse, RootForward, RootInverse, RootPull, is_exact
from revc.ir.program import Program


class CompiledGraphs:
    """Lowers `program` with `chunks` pieces along the batch; holds no parameters.

    It pickles as the program, and lowers again where it is loaded; copies share it.
    """

    def __init__(self, program: Program, chunks: int) -> None:
        self.program, self.chunks = program, chunks
        self.exact = is_exact(program)
        self._library = Library(rows_of(program.model))
        eager, traced = Options(chunks), Options(chunks, traced=True)
        model = program.model
        self.forward: nn.Module = RootForward(model, self._library, eager, self.exact).build()
        self.traced_forward = RootForward(model, self._library, traced, self.exact).build()
        needs = Needs(self._givens(), (True,) * len(model.nets))
        self.traced_vjp = RootPull(model, needs, self._library, traced, self.exact).build()
        self._vjps: dict[Needs, nn.Module] = {}

    @cached_property
    def inverse(self) -> nn.Module:
        """The inverse graph, lowered when it is first asked for: training never does."""
        options = Options(self.chunks, measured=False)
        return RootInverse(self.program.model, self._library, options).build()

    @cached_property
    def audited_inverse(self) -> nn.Module:
        """The inverse graph with the forward graph's checks, for audits; no artifact has it."""
        options = Options(self.chunks, measured=False)
        return AuditedInverse(self.program.model, self._library, options).build()

    def _givens(self) -> tuple[bool, ...]:
        return tuple(given.type.numerics.kind != "label" for given in self.program.model.givens)

    def vjp(self, givens: tuple[bool, ...], nets: tuple[bool, ...]) -> nn.Module:
        """Return the VJP graph for the givens and nets that want cotangents."""
        wanted = tuple(a and b for a, b in zip(givens, self._givens(), strict=True))
        needs = Needs(wanted, nets)
        if needs not in self._vjps:
            root = RootPull(
                self.program.model, needs, self._library, Options(self.chunks), self.exact
            )
            self._vjps[needs] = root.build()
        return self._vjps[needs]

    def __deepcopy__(self, memo: dict[int, Any]) -> "CompiledGraphs":
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return CompiledGraphs, (self.program, self.chunks)
