"""Packages of many blocks that differ in how their parameters are made: work, code and bits."""

import re
import sys
from collections import Counter
from types import CodeType, FrameType
from typing import Any

import pytest
import torch

import revc
from benchmarks.front import long_spec
from revc.artifact.package import package_files
from revc.codegen import library
from revc.passes.spec import build
from tests.artifact.compare import assert_same, everything
from tests.artifact.conftest import Write
from tests.artifact.test_traced import step
from tests.model.laws import randomize

# A compiler keeps eight versions of a unit.
BLOCKS = 9


def calls(blocks: int) -> Counter[CodeType]:
    """Return how often each function is called while a package of blocks is written."""
    program = build(long_spec(blocks, alike=False))
    found = Counter[CodeType]()

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            found[frame.f_code] += 1

    sys.setprofile(note)
    try:
        package_files(program)
    finally:
        sys.setprofile(None)
    return found


def test_a_block_costs_the_same_among_few_and_many() -> None:
    calls(2)  # what is found out once a process
    few, some, many = (calls(blocks).total() for blocks in (10, 20, 40))
    assert (many - some) / (some - few) < 2.02


def test_what_blocks_share_is_lowered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    for name in ("Forward", "Pull", "build_unit"):
        real = getattr(library, name)
        monkeypatch.setattr(library, name, lambda *a, n=name, r=real: (made.append(n), r(*a))[1])
    for blocks in (2, 5):
        made.clear()
        package_files(build(long_spec(blocks, alike=False)))
        # Those of the segments, and those that a compiler tells by their shapes.
        assert Counter(made) == {"Forward": 2 + blocks, "Pull": 1 + blocks, "build_unit": 2}


def test_segments_of_one_code_are_names_of_one_function() -> None:
    files = package_files(build(long_spec(3, alike=False)))
    for name in ("forward.py", "inverse.py", "vjp.py"):
        assert re.findall(r"^def (\w+)", files[name], re.MULTILINE) == ["Layer0"]
        assert files[name].endswith("\n\n\nLayer1 = Layer0\nLayer2 = Layer0\n")
    units = re.findall(r"^def ((?:primal|pullback)\w*)", files["traced.py"], re.MULTILINE)
    assert len(units) == len(set(units)) == 3 * 2 * 2


def test_blocks_that_share_code_compute_with_their_own_parameters(write: Write) -> None:
    torch.manual_seed(0)
    source = long_spec(3, alike=False)
    model, loaded = revc.compile(source), write(source).load()
    randomize(model)
    loaded.load_state_dict(model.state_dict())
    inputs = {name: torch.randn(2, 3, 8) for name in "ab"}
    assert_same(everything(loaded, inputs), everything(model, inputs))
    weights, state = list(model.parameters()), inputs
    for width in (16, 17, 18):
        alone = revc.compile(long_spec(1).replace("width = 16", f"width = {width}"))
        with torch.no_grad():
            for param in alone.parameters():
                param.copy_(weights.pop(0))
        state = alone(**state)._asdict()
    assert_same(list(state.values()), list(model(**inputs)))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_compiler_takes_more_shapes_than_it_keeps_of_a_unit() -> None:
    torch.manual_seed(0)
    model = revc.compile(re.sub(r"  b \+= mlp.*\n", "", long_spec(BLOCKS, alike=False)))
    inputs = [torch.randn(2, 3, 8) for _ in range(2)]
    out = model(*inputs)
    assert_same(step(model, inputs)[:4], [*out, *out.state[0]])
