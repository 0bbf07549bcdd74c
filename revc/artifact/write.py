"""Write an artifact's files into a folder, without harm to what is not ours."""

import keyword
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from revc.errors import ArtifactError, OutputError
from revc.runtime import artifact


def write_package(files: Mapping[str, str], folder: Path, force: bool = False) -> None:
    """Write the files of an artifact, which may replace those of an older one.

    With `force` it may stand beside other files, and files of ours that were edited are replaced.
    A file that revc did not write is never touched.

    Raises:
        OutputError: the folder has no package's name, holds what is not ours, or cannot be written.
    """
    name = folder.resolve().name
    if not name.isidentifier() or keyword.iskeyword(name):
        raise OutputError(f"{folder} cannot be imported: {name!r} is no name for a Python package")
    try:
        _check(files, folder, force)
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in files.items():
            _replace(folder / file, text.encode())
    except OSError as error:
        where = error.filename or folder
        raise OutputError(f"cannot write {where}: {error.strerror or error}") from error


def _check(files: Mapping[str, str], folder: Path, force: bool) -> None:
    """Refuse to write where something would be lost."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise OutputError(f"{folder} is a file: choose a folder for the artifact")
    there = sorted(p.name for p in folder.iterdir() if p.name != "__pycache__")
    known = _known_hashes(folder)
    if known is None:
        if there and not force:
            raise OutputError(f"{folder} holds other files: choose another folder, or use --force")
        if lost := [name for name in there if name in files]:
            raise OutputError(f"{folder} holds a {lost[0]} that revc did not write: move it away")
        return
    edited = [
        name
        for name, wanted in known.items()
        if name in there and artifact.file_hash((folder / name).read_bytes()) != wanted
    ]
    if edited and not force:
        raise OutputError(
            f"{folder / edited[0]} was edited after revc wrote it: --force replaces it"
        )
    foreign = [name for name in files if name in there and name not in {*known, *_UNHASHED}]
    if foreign:
        raise OutputError(f"{folder} holds a {foreign[0]} that revc did not write: move it away")


_UNHASHED = ("__init__.py", artifact.PROGRAM)


def _known_hashes(folder: Path) -> dict[str, str] | None:
    """Return the hashes of the files that an older artifact here holds, None if there is none."""
    if not (folder / artifact.PROGRAM).is_file():
        return None
    try:
        files = artifact.read_program(folder).get("files")
    except ArtifactError:
        return None
    return files if isinstance(files, dict) else None


def _replace(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        Path(temporary).chmod(0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
