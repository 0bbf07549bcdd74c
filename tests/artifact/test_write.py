"""Writing an artifact harms nothing that revc did not write."""

import os
from pathlib import Path

import pytest

from revc.artifact.package import package
from revc.errors import OutputError
from tests.model import specs


def test_folders_are_made_on_the_way(tmp_path: Path) -> None:
    package(specs.LAYERS, tmp_path / "deep" / "er" / "net")
    assert (tmp_path / "deep" / "er" / "net" / "__init__.py").exists()


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "net" / "__pycache__").mkdir(parents=True)
    package(specs.LAYERS, tmp_path / "net")
    assert (tmp_path / "net" / "program.json").exists()


def test_an_older_artifact_is_replaced(tmp_path: Path) -> None:
    package(specs.LAYERS, tmp_path / "net")
    package(specs.LANGUAGE, tmp_path / "net")
    assert "LM" in (tmp_path / "net" / "__init__.py").read_text()
    assert not [p for p in (tmp_path / "net").iterdir() if p.name.startswith(".")]


def test_other_files_are_not_joined_unless_forced(tmp_path: Path) -> None:
    folder = tmp_path / "net"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"holds other files.*--force"):
        package(specs.LAYERS, folder)
    assert [p.name for p in folder.iterdir()] == ["notes.txt"]
    package(specs.LAYERS, folder, force=True)
    assert (folder / "notes.txt").read_text() == "mine"
    package(specs.LAYERS, folder)


@pytest.mark.parametrize("force", [False, True])
def test_a_file_that_revc_did_not_write_is_never_replaced(tmp_path: Path, force: bool) -> None:
    folder = tmp_path / "net"
    folder.mkdir()
    (folder / "forward.py").write_text("mine = 1\n")
    with pytest.raises(OutputError, match="forward.py" if force else "other files"):
        package(specs.LAYERS, folder, force=force)
    assert (folder / "forward.py").read_text() == "mine = 1\n"
    assert [p.name for p in folder.iterdir()] == ["forward.py"]


def test_an_edited_file_of_ours_is_replaced_only_by_force(tmp_path: Path) -> None:
    folder = tmp_path / "net"
    package(specs.LAYERS, folder)
    kept = (folder / "vjp.py").read_text()
    (folder / "vjp.py").write_text(kept + "# a thought\n")
    with pytest.raises(OutputError, match=r"vjp.py was edited"):
        package(specs.LAYERS, folder)
    assert (folder / "vjp.py").read_text().endswith("# a thought\n")
    package(specs.LAYERS, folder, force=True)
    assert (folder / "vjp.py").read_text() == kept


@pytest.mark.parametrize("name", ["my-model", "3d", "class", "a b"])
def test_a_name_that_cannot_be_imported_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match="no name for a Python package"):
        package(specs.LAYERS, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_file_in_the_folder_s_place(tmp_path: Path) -> None:
    (tmp_path / "net").write_text("mine")
    with pytest.raises(OutputError, match="is a file"):
        package(specs.LAYERS, tmp_path / "net")
    with pytest.raises(OutputError, match="cannot write"):
        package(specs.LAYERS, tmp_path / "net" / "below")


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_folder_without_permission(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(OutputError, match="Permission denied"):
        package(specs.LAYERS, tmp_path / "closed" / "net")


def test_a_failing_disk_leaves_the_older_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "net"
    package(specs.LAYERS, folder)
    before = {p.name: p.read_bytes() for p in folder.iterdir()}

    def refuse(source: object, target: object) -> None:
        raise PermissionError(13, "Permission denied", str(target))

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OutputError, match=r"cannot write .*forward.py: Permission denied"):
        package(specs.LANGUAGE, folder)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before
