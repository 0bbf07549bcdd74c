"""An artifact whose files are not what was written is refused."""

import importlib
import json
from pathlib import Path

import pytest

from revc.artifact.package import package, package_files
from revc.errors import ArtifactError
from revc.passes.spec import build
from revc.runtime import artifact
from revc.runtime.loop import Layout
from revc.runtime.state import lattice
from tests.artifact.conftest import Write
from tests.model import specs

HASHED = ("forward.py", "inverse.py", "vjp.py", "traced.py", "nets.py")


@pytest.mark.parametrize("name", HASHED)
def test_changed_code_is_refused(write: Write, tmp_path: Path, name: str) -> None:
    module = write(specs.LAYERS)
    file = Path(str(module.__file__)).parent / name
    file.write_text(file.read_text() + "\n# a thought\n")
    with pytest.raises(ArtifactError, match=rf"{name} was changed after revc wrote it"):
        module.load()


@pytest.mark.parametrize("name", HASHED)
def test_missing_code_is_refused(write: Write, name: str) -> None:
    module = write(specs.LAYERS)
    (Path(str(module.__file__)).parent / name).unlink()
    with pytest.raises(ArtifactError, match=rf"cannot read .*{name}: No such file"):
        module.load()


def edited(path: Path, change) -> None:
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data["interface"]["segments"].pop(),
        lambda data: data["program"]["dims"].update(d=16),
        lambda data: data["files"].pop("vjp.py"),
        lambda data: data.update(hash="0" * 64),
        lambda data: data.update(extra=1),
    ],
)
def test_a_changed_description_is_refused(write: Write, change) -> None:
    module = write(specs.LAYERS)
    edited(Path(str(module.__file__)).parent / "program.json", change)
    with pytest.raises(ArtifactError, match=r"program.json is not what revc wrote"):
        module.load()


def test_a_description_hashed_anew_is_refused_by_the_package(write: Write) -> None:
    module = write(specs.LAYERS)

    def change(data: dict[str, object]) -> None:
        data["source"] = "other.rev"
        data["hash"] = artifact.content_hash(data)

    edited(Path(str(module.__file__)).parent / "program.json", change)
    with pytest.raises(ArtifactError, match=r"program.json is not what revc wrote"):
        module.load()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "is not a 'revc artifact 2'"),
        ('{"format": "something else"}', "is not a 'revc artifact 2'"),
    ],
)
def test_another_file_in_its_place_is_refused(write: Write, text: str, message: str) -> None:
    module = write(specs.LAYERS)
    (Path(str(module.__file__)).parent / "program.json").write_text(text)
    with pytest.raises(ArtifactError, match=message):
        module.load()


def test_layout_of_the_description_does_not_count(write: Write) -> None:
    module = write(specs.LAYERS)
    edited(Path(str(module.__file__)).parent / "program.json", lambda data: None)
    module.load()


def test_the_description_tells_the_program(tmp_path: Path) -> None:
    program = build(specs.LAYERS)
    described = json.loads(package_files(program)["program.json"])
    assert described["interface"]["name"] == "Net"
    assert described["program"]["dims"] == {"d": 8}
    assert list(described["program"]["blocks"]) == ["Layer"]
    steps = described["program"]["blocks"]["Layer"]["body"]
    assert [step["kind"] for step in steps] == ["add", "add"]
    (repeat,) = described["program"]["model"]["body"]
    assert (repeat["kind"], repeat["count"]) == ("repeat", "3")
    assert repeat["body"]["body"][0]["block"] == "Layer"
    assert described["hash"] == artifact.content_hash(described)


def test_a_program_compiled_again_gives_the_same_files(tmp_path: Path) -> None:
    package(specs.LANGUAGE, tmp_path / "one")
    package(specs.LANGUAGE, tmp_path / "two")
    names = sorted(p.name for p in (tmp_path / "one").iterdir())
    assert names == sorted((*HASHED, "__init__.py", "program.json"))
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_an_artifact_says_what_it_is(write: Write) -> None:
    module = write(specs.HOLE)
    assert 'load(nets={"F": ...})' in str(module.__doc__)
    assert "out = model(a, b)" in str(module.__doc__)
    forward = importlib.import_module(f"{module.__name__}.forward")
    assert str(forward.repeat_0.__doc__).startswith("The turn repeat_0(")
    traced = importlib.import_module(f"{module.__name__}.traced")
    assert str(traced.forward.__doc__).startswith("Run Net.")


def test_a_runtime_that_is_called_otherwise_is_refused(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = write(specs.LAYERS)
    module.load()
    with monkeypatch.context() as patch:
        patch.setattr(lattice, "add_", lambda state, value, sign: state)
        with pytest.raises(ArtifactError, match=r"lattice\.add_ is \(state, value, sign\) here"):
            module.load()
    with monkeypatch.context() as patch:
        patch.delattr(Layout, "__init__")
        with pytest.raises(ArtifactError, match=r"loop\.Layout is"):
            module.load()
    monkeypatch.delattr(lattice, "decode")
    with pytest.raises(ArtifactError, match=r"lattice\.decode is nothing here"):
        module.load()
