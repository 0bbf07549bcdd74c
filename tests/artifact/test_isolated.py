"""An artifact needs torch and `revc.runtime`, and nothing of the compiler."""

import subprocess
import sys
from pathlib import Path

import torch

import revc
from revc.artifact.package import package
from tests.model import specs

RUN = '''
import sys
from importlib.abc import MetaPathFinder

FORBIDDEN = ("revc.grammar", "revc.ir", "revc.passes", "revc.codegen", "revc.cli", "revc.specs")
OTHERS = ("lark", "pydantic", "networkx", "typer", "rich")


class Refuse(MetaPathFinder):
    """Fails on what an artifact must not import."""

    def find_spec(self, name, path=None, target=None):
        if name.startswith(FORBIDDEN) or name.split(".")[0] in OTHERS:
            raise AssertionError(f"{name} is imported")
        return None


sys.meta_path.insert(0, Refuse())
import torch
import net

torch.manual_seed(0)
model = net.load()
tokens = torch.arange(15).reshape(3, 5) % 11
out = model(tokens, tokens)
out.loss.backward()
model.inverse(out)
grads = [p.grad for p in model.parameters()]
assert not any(name.startswith(FORBIDDEN) for name in sys.modules)
torch.save([out.loss.detach(), out.logits.detach(), *out.state[0], *grads], sys.argv[1])
'''


def test_an_artifact_runs_where_the_compiler_cannot_be_imported(tmp_path: Path) -> None:
    package(specs.LANGUAGE, tmp_path / "net")
    file = tmp_path / "found.pt"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", RUN, str(file)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    torch.manual_seed(0)
    model = revc.compile(specs.LANGUAGE)
    tokens = torch.arange(15).reshape(3, 5) % 11
    out = model(tokens, tokens)
    out.loss.backward()
    mine = [out.loss, out.logits, *out.state[0], *(p.grad for p in model.parameters())]
    theirs = torch.load(file)
    assert len(mine) == len(theirs)
    assert all(torch.equal(one, other) for one, other in zip(mine, theirs, strict=True))


def test_the_hook_would_notice(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text("import revc.passes\n")
    done = subprocess.run(
        [sys.executable, "-c", RUN, "found.pt"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "AssertionError: revc.passes is imported" in done.stderr
