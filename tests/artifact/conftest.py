"""Fixtures that write artifacts and import them."""

import importlib
import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from revc.artifact.package import package

Write = Callable[..., ModuleType]
_numbers = itertools.count()  # names are never used again: torch.compile remembers modules by name


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Return a function that writes a spec's artifact and imports it under a new name."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)

    def make(source: str | Path, **options: Any) -> ModuleType:
        name = f"artifact_{next(_numbers)}"
        package(source, tmp_path / name, **options)
        return importlib.import_module(name)

    yield make
    for name in set(sys.modules) - before:
        if name.startswith("artifact_"):
            del sys.modules[name]
