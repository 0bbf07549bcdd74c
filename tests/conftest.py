"""Fixtures that every test folder shares."""

import gc
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# Inductor's pool would import torch in each of its workers, for a few small kernels.
os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")

GOLDEN = Path(__file__).parent / "golden"
Golden = Callable[[str, str], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write the golden files from what the code does now; review the difference",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let what plans measure come first.

    After a compile that failed, as tests of refusals want it, torch 2.13 holds some arguments
    longer, and the bytes of a segment rise.
    """
    items.sort(key=lambda item: "planner" not in item.path.parts)


def pytest_collection_finish() -> None:
    """Spare the garbage collector what lives to the end: what was imported, and the tests.

    Tests make many objects of which few are garbage: those are looked at a tenth as often as Python
    does by itself.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(7_000, *gc.get_threshold()[1:])


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Compare a text with tests/golden/NAME; a missing file is a failure."""
    update = bool(request.config.getoption("--update-golden"))

    def check(name: str, text: str) -> None:
        path = GOLDEN / name
        if update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"no golden file {path}: run pytest --update-golden and review it"
        assert text == path.read_text(encoding="utf-8")

    return check


@pytest.fixture
def fresh_dynamo() -> Iterator[None]:
    """Leave no compiled code behind, nor find any: Dynamo keeps eight versions of a function."""
    import torch

    torch._dynamo.reset()
    yield
    torch._dynamo.reset()
