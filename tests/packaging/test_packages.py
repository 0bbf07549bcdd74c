"""The package list, the wheel and the export lists are what the tree says."""

import importlib
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text())
LISTED = CONFIG["tool"]["setuptools"]["packages"]
SOURCES = ("revc", *CONFIG["tool"]["setuptools"]["package-dir"].values())


def folders_in_tree() -> dict[str, Path]:
    """Return package name -> folder, links followed, for each folder of source below revc/."""
    found = {}
    for folder, below, files in os.walk(ROOT / "revc", followlinks=True):
        below[:] = [name for name in below if name != "__pycache__"]
        if any(name.endswith(".py") for name in files):
            path = Path(folder)
            found[".".join(path.relative_to(ROOT).parts)] = path
    return found


def test_package_list_equals_tree() -> None:
    assert sorted(LISTED) == sorted(folders_in_tree())


def test_each_package_has_an_init_file() -> None:
    assert [
        name for name, path in folders_in_tree().items() if not (path / "__init__.py").exists()
    ] == []


def test_packages_kept_at_the_top_level_are_linked_and_mapped() -> None:
    mapped = CONFIG["tool"]["setuptools"]["package-dir"]
    linked = {f"revc.{p.name}": os.readlink(p) for p in (ROOT / "revc").iterdir() if p.is_symlink()}
    top = {name: where for name, where in mapped.items() if name.count(".") == 1}
    assert linked == {name: f"../{where}" for name, where in top.items()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy, so that no build folder is left in the tree."""
    where = tmp_path_factory.mktemp("wheel")
    copy = where / "tree"
    copy.mkdir()
    for name in SOURCES:
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, copy / name, symlinks=True, ignore=ignore)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run(
        [*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", str(where), str(copy)],
        check=True,
    )
    (built,) = where.glob("revc-*.whl")
    return built


def test_wheel_holds_every_source_file(wheel: Path) -> None:
    tree = {
        f"{Path(folder).relative_to(ROOT)}/{name}"
        for folder, _, files in os.walk(ROOT / "revc", followlinks=True)
        for name in files
        if Path(name).suffix in {".py", ".rev", ".lark", ".json", ".typed", ".js", ".css"}
    }
    inside = {n for n in zipfile.ZipFile(wheel).namelist() if n.startswith("revc/")}
    assert inside == tree


def test_installed_wheel_imports(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(target)
    code = (
        "import importlib, sys\n"
        f"for name in {LISTED!r}:\n"
        f"    assert importlib.import_module(name).__file__.startswith({str(target)!r}), name\n"
        "from revc.grammar.signatures import builtin_signatures\n"
        "assert builtin_signatures()\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(target)}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)


def exported(module: ModuleType) -> set[str]:
    """Return the public names that a package binds of what it and its modules define."""
    own = (
        name
        for name, value in vars(module).items()
        if getattr(value, "__module__", "").startswith(module.__name__)
    )
    return {name for name in own if not name.startswith("_")}


@pytest.mark.parametrize("name", LISTED)
def test_all_is_what_is_exported(name: str) -> None:
    module = importlib.import_module(name)
    listed = getattr(module, "__all__", [])
    assert exported(module) <= set(listed)
    assert [n for n in listed if not hasattr(module, n)] == []
    assert len(listed) == len(set(listed))
