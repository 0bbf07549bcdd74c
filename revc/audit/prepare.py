"""Compile a spec and find its inputs and weights."""

from collections.abc import Iterable, Mapping

import torch

from revc.audit.data import loaded, made
from revc.audit.subject import ULPS, Subject
from revc.codegen.compile import compile as compile_spec
from revc.codegen.graphs import CompiledGraphs
from revc.errors import BindError
from revc.passes.spec import build


def prepare(
    spec: str, model: str | None, sizes: Mapping[str, int], weights: str | None,
    data: str | None, batch: int, steps: int = 1, ulps: float = ULPS,
    allow_import: Iterable[str] | None = None,
) -> Subject:  # fmt: skip
    """Return the subject of an audit; without `weights` they are fresh, by a fixed seed.

    `sizes` bind dims of the spec, and free sizes of made inputs; `steps` and `ulps` are those of
    `Subject`, `allow_import` is that of `revc.compile`.

    Raises:
        SpecError: the spec is wrong.
        BindError: a size, the weights or the data do not fit.
    """
    free = set(build(spec, model=model, nets=None).free)
    torch.manual_seed(0)
    dims = {name: size for name, size in sizes.items() if name not in free}
    compiled = compile_spec(spec, model=model, dims=dims, allow_import=allow_import)
    if weights is not None:
        try:
            compiled.load_state_dict(loaded(weights))
        except RuntimeError as error:
            raise BindError(f"{weights} does not fit the spec: {error}") from error
    graphs = compiled.graphs
    assert isinstance(graphs, CompiledGraphs)
    inputs = loaded(data) if data is not None else made(graphs.program, batch, sizes)
    compiled.interface.measure(compiled.interface.bind((), inputs))
    return Subject(compiled, inputs, steps, ulps)
