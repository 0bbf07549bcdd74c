"""Compiled artifacts: a program's graphs, nets and description as a Python package."""

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path

from torch import nn
from torch.fx import GraphModule

from revc.artifact.code import Face
from revc.artifact.file import CodeFile, Root, results
from revc.artifact.layout import documented
from revc.artifact.nets import nets_text
from revc.artifact.program import json_text, program_json
from revc.artifact.runtime_calls import runtime_signatures
from revc.artifact.write import write_package
from revc.codegen.compile import interface_of, scheduled
from revc.codegen.graphs import BlockGraphs, CompiledGraphs
from revc.codegen.imports import check_imports
from revc.codegen.interface import emits_of
from revc.codegen.segments import segments_of
from revc.codegen.split import Saved
from revc.codegen.supported import refuse_unsupported
from revc.errors import InternalError
from revc.ir.nets import Hole
from revc.ir.program import Block, Program, Register
from revc.passes.recursion_limit import recursion_limit
from revc.passes.spec import build
from revc.runtime import artifact
from revc.runtime.chunks import WHOLE, Chunks, chunks_of
from revc.runtime.schedule import (
    KeptTurns,
    Wish,
    kept_graphs,
    kept_name,
    kept_whole,
    saved_graphs,
)


def package_files(program: Program, chunks: Chunks = WHOLE) -> dict[str, str]:
    """Return the files of a program's artifact by name; equal programs give equal text.

    Raises:
        UnsupportedError: the program has a statement that cannot be compiled yet.
    """
    refuse_unsupported(program)
    graphs = CompiledGraphs(program, chunks)
    files = code_files(graphs) | {"nets.py": nets_text(program.model)}
    interface = interface_of(graphs)
    described = {
        "format": artifact.FORMAT,
        "revc": version("revc"),
        "source": Path(program.model.span.file).name,
        "interface": interface.to_json(),
        "program": program_json(program),
        "runtime": runtime_signatures(_all(graphs), program.model),
        "files": {name: artifact.file_hash(text.encode()) for name, text in sorted(files.items())},
    }
    digest = artifact.content_hash(described)
    files[artifact.PROGRAM] = json_text({"hash": digest, **described}) + "\n"
    files["__init__.py"] = _init(program, digest)
    return files


def package(
    source: str | Path,
    output: str | Path,
    *,
    model: str | None = None,
    dims: Mapping[str, int] | None = None,
    chunks: int | tuple[int, int] = 1,
    force: bool = False,
    allow_import: Iterable[str] | None = None,
    schedule: Wish = "invert",
) -> None:
    """Compile a spec into a Python package at `output`, which runs without the compiler.

    Args:
        source, model, dims, chunks, allow_import, schedule: as `revc.compile` takes them. Nothing
            is imported here, but the package imports what its spec names.
        output: the package's folder.
        force: write beside other files, and over files of an older artifact that were edited.

    Raises:
        SpecError: the spec does not parse or check.
        UnsupportedError: it uses a statement that cannot be compiled yet.
        BindError: `model`, `dims`, `chunks` or `schedule` do not fit, or an import is not allowed.
        OutputError: the folder holds what is not ours to replace, or cannot be written.
    """
    pieces = chunks_of(chunks)
    with recursion_limit():
        program = build(source, model=model, dims=dims or {}, nets=None)
        check_imports(program, allow_import)
        files = package_files(scheduled(program, schedule), pieces)
    write_package(files, Path(output), force)


def code_files(graphs: CompiledGraphs) -> dict[str, str]:
    """Return the graphs of a program as Python files."""
    model, parts = graphs.program.model, _segments(graphs)
    files = {
        "forward.py": _file("The forward graphs of the segments", model, [
            _part(name, one.forward) for name, one in parts
        ]),
        "inverse.py": _file("The inverse graphs of the segments", model, [
            _part(name, one.inverse) for name, one in parts
        ]),
        "vjp.py": _file("The VJP graphs of the segments", model, [
            _part(name, _full_vjp(one)) for name, one in parts
        ]),
        "traced.py": _file("The graphs that torch.compile compiles", model, _traced(graphs, None)),
    }  # fmt: skip
    if whole := kept_whole(interface_of(graphs)):
        what = "The graphs that torch.compile compiles, which keep values"
        files["keep_traced.py"] = _file(what, model, _traced(graphs, whole))
    if kept := _kept(graphs):
        files |= {
            "keep_forward.py": _file("The forward graphs that keep values", model, [
                _part(name, one.forward) for name, one in kept
            ]),
            "keep_vjp.py": _file("The VJP graphs that take what was kept", model, [
                _part(name, _full_vjp(one)) for name, one in kept
            ]),
        }  # fmt: skip
    if saved := _saved(graphs):
        files |= {
            "keep.py": _file("The forward graphs that keep, of saved segments", model, [
                _part(name, one.keep) for name, one in saved
            ]),
            "pull.py": _file("The graphs that pull from what was kept, of segments", model, [
                _part(name, one.pull) for name, one in saved
            ]),
        }  # fmt: skip
    return files


def _traced(graphs: CompiledGraphs, kept: KeptTurns | None) -> list[Root]:
    """Return the graphs of the whole program that keep some values, or none."""
    forward, vjp = _whole(graphs, kept)
    return [_forward(forward, graphs.program.model), _vjp(vjp, graphs.program.model)]


def _whole(graphs: CompiledGraphs, kept: KeptTurns | None) -> tuple[nn.Module, nn.Module]:
    ending = graphs.lower_traced(kept, to_run=False)
    return getattr(graphs, f"traced_forward{ending}"), getattr(graphs, f"traced_vjp{ending}")


def _saved(graphs: CompiledGraphs) -> list[tuple[str, Saved]]:
    """Return the graphs of the segments that the program's schedule saves, by name."""
    names = saved_graphs(interface_of(graphs))
    return [
        (name, graphs.segment(name).saved(*_all_wanted(graphs, name)))
        for name in dict.fromkeys(graphs.keys)
        if name in names
    ]


def _kept(graphs: CompiledGraphs) -> list[tuple[str, BlockGraphs]]:
    """Return the graphs of segments of which the program's schedule keeps values, by name."""
    return [
        (kept_name(name, chosen), graphs.segment(name, keep=chosen))
        for name, chosen in kept_graphs(interface_of(graphs))
    ]


def _all_wanted(graphs: CompiledGraphs, name: str) -> tuple[list[bool], ...]:
    """Return what `saved` takes where all that can wants cotangents.

    Givens are fixed if they are so in all segments that share the graphs.
    """
    block, own = graphs.names[name].block, {r.name for r in graphs.program.model.givens}
    sharing = [cut for cut, key in zip(graphs.cuts, graphs.keys, strict=True) if key == name]
    fixed = [all(cut.givens[i] in own for cut in sharing) for i in range(len(block.givens))]
    return _floats(block.takes), _floats(block.givens), [True] * len(block.nets), fixed


def _floats(registers: Iterable[Register]) -> list[bool]:
    return [register.type.numerics.kind != "label" for register in registers]


def _segments(graphs: CompiledGraphs) -> list[tuple[str, BlockGraphs]]:
    """Return the graphs of the distinct segments, by name."""
    return [(name, graphs.segment(name)) for name in dict.fromkeys(graphs.keys)]


def _full_vjp(graphs: BlockGraphs) -> nn.Module:
    return graphs.vjp((True,) * len(graphs.block.givens), (True,) * len(graphs.block.nets))


def _all(graphs: CompiledGraphs) -> list[nn.Module]:
    parts = [p for _, g in _segments(graphs) for p in (g.forward, g.inverse, _full_vjp(g))]
    parts += [p for _, kept in _kept(graphs) for p in (kept.forward, _full_vjp(kept))]
    parts += [p for _, saved in _saved(graphs) for p in (saved.keep, saved.pull)]
    whole = kept_whole(interface_of(graphs))
    return [*parts, *_whole(graphs, None), *(_whole(graphs, whole) if whole else ())]


def _file(what: str, model: Block, roots: list[Root]) -> str:
    source = Path(model.span.file).name
    return CodeFile(f"{what} of {model.name}, compiled by revc from {source}.").write(roots)


def _part(name: str, graph: nn.Module) -> Root:
    """Return a segment's graph under its own name."""
    if not isinstance(graph, GraphModule):
        raise InternalError(f"{name} is a {type(graph).__name__}, not a graph")
    return Root(graph, name)


def _forward(graph: object, model: Block) -> Root:
    gives, count = _names(model.gives), len(segments_of(model))
    views = [f"{name}_view" for name in gives]
    returns = [*views, *emits_of(model), *gives]
    checks = _numbered("checks", _results(graph) - len(returns) - count)
    about = (
        f"Run {model.name}. Returns what the caller sees of the results, the emits, the raw state"
    )
    if checks:
        about += ", the checksums of each segment's input"
    about += " and the health behind each segment."
    returns += [*checks, *_numbered("trail", count)]
    face = Face(about, grouped=True, returns=tuple(returns))
    return _root(graph, "forward", model, face)


def _vjp(graph: object, model: Block) -> Root:
    returns = [f"d_{name}" for name in (*_names(model.takes), *_names(model.givens))]
    returns += [""] * len(model.nets)
    wrong = _numbered("wrong", _results(graph) - len(returns))
    about = (
        f"Go back through {model.name}: rebuild each input and pull the cotangents back. Returns "
        "the cotangents of the inputs, the givens and the nets"
    )
    about += ", and how much of each segment's input is wrong." if wrong else "."
    returns += wrong
    face = Face(about, grouped=True, backward=True, returns=tuple(returns))
    return _root(graph, "vjp", model, face)


def _root(graph: object, name: str, block: Block, face: Face) -> Root:
    if not isinstance(graph, GraphModule):
        raise InternalError(f"{name} is a {type(graph).__name__}, not a graph")
    return Root(graph, name, block, face)


def _results(graph: object) -> int:
    return results(graph) if isinstance(graph, GraphModule) else 0


def _names(registers: Iterable[Register]) -> list[str]:
    return [register.name for register in registers]


def _numbered(name: str, count: int) -> list[str]:
    return [f"{name}_{index}" for index in range(count)]


def _init(program: Program, digest: str) -> str:
    model = program.model
    holes = sorted({s.source.name for s in model.nets if isinstance(s.source, Hole)})
    return _INIT.format(
        name=model.name,
        source=documented(Path(model.span.file).name),
        call=", ".join(r.name for r in _order(model)),
        load="load(nets={" + ", ".join(f'"{h}": ...' for h in holes) + "})" if holes else "load()",
        digest=digest,
    )


def _order(model: Block) -> list[Register]:
    return sorted((*model.takes, *model.givens), key=lambda r: (r.span.line, r.span.column))


_INIT = '''"""{name}, an exactly reversible torch module, compiled by revc from {source}.

    model = {load}
    out = model({call})
    inputs = model.inverse(out)

`forward.py`, `inverse.py` and `vjp.py` hold the graphs of its segments, `traced.py` those of the
whole for torch.compile, `nets.py` makes its nets, and `program.json` tells what was compiled.
"""

from collections.abc import Mapping

from revc.runtime import artifact
from revc.runtime.model import ReversibleModel
from revc.runtime.nets.binding import Net

HASH = "{digest}"


def load(nets: Mapping[str, Net] | None = None) -> ReversibleModel:
    """Return the model with fresh parameters; `nets` binds those without a body."""
    return artifact.load(__name__, __file__, HASH, nets or {{}})
'''
