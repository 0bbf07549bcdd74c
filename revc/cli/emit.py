"""``revc compile --emit``: the stages of a compilation as text.

Only `vjp` and `fx` need torch. The text depends on the spec alone.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path

from revc.grammar.outline import tree_text
from revc.ir.listing import inverse_text, program_text
from revc.ir.program import Program
from revc.passes.recursion_limit import recursion_limit
from revc.passes.spec import Spec
from revc.runtime.chunks import Chunks, chunks_of


class Stage(StrEnum):
    """What can be printed of a spec."""

    ast = "ast"
    ir = "ir"
    inverse = "inverse"
    vjp = "vjp"
    fx = "fx"


def emit(
    stage: Stage,
    source: str | Path,
    *,
    model: str | None = None,
    dims: Mapping[str, int] | None = None,
    chunks: int | tuple[int, int] = 1,
    schedule: Sequence[str] = (),
) -> str:
    """Return a stage of a spec's compilation as text.

    `ast` is the syntax tree, `ir` the typed program, `inverse` that of the inverse, `vjp` the code
    of the VJP graph, `fx` the code of the forward, inverse and VJP graphs, and of those of
    segments that are saved, or of which values are kept.

    Raises:
        SpecError: the spec does not parse, or for the other stages does not check.
        UnsupportedError: for `vjp` and `fx`, a statement cannot be compiled yet.
        BindError: `chunks` are none, or the schedule does not fit the program.
    """
    with recursion_limit():
        if stage is Stage.ast:
            return tree_text(Spec(source, dims or {}).tree)
        program = Spec(source, dims or {}).program(model, nets=None)
        pieces = chunks_of(chunks)
        program = _scheduled(program, schedule, pieces) if schedule else program
        return _PRINTERS[stage](program, pieces)


def _scheduled(program: Program, schedule: Sequence[str], chunks: Chunks) -> Program:
    from revc.codegen.compile import interface_of, scheduled
    from revc.codegen.graphs import CompiledGraphs

    found = scheduled(program, schedule)
    interface_of(CompiledGraphs(found, chunks))
    return found


def _vjp(program: Program, chunks: Chunks) -> str:
    return _code(program, chunks)["vjp.py"]


def _fx(program: Program, chunks: Chunks) -> str:
    files = _code(program, chunks)
    names = [name for name in _SHOWN if name in files]
    return "\n\n".join(f"# --- {name} ---\n\n{files[name]}" for name in names)


_SHOWN = (
    "forward.py", "inverse.py", "vjp.py", "keep_forward.py", "keep_vjp.py", "keep.py", "pull.py",
)  # fmt: skip


def _code(program: Program, chunks: Chunks) -> dict[str, str]:
    from revc.artifact.package import code_files
    from revc.codegen.graphs import CompiledGraphs
    from revc.codegen.supported import refuse_unsupported

    refuse_unsupported(program)
    return code_files(CompiledGraphs(program, chunks))


_PRINTERS: dict[Stage, Callable[[Program, Chunks], str]] = {
    Stage.ir: lambda program, _chunks: program_text(program),
    Stage.inverse: lambda program, _chunks: inverse_text(program),
    Stage.vjp: _vjp,
    Stage.fx: _fx,
}
