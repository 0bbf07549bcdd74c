"""How fast commands answer: lint from a cold start, the compilation of a long spec, its package."""

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.worker import ROOT

LM = "specs/lm.rev"

LONG_HEAD = """use std.nets: mlp, norm
dim B, T, d = 8
state lattice(Q12.20)
"""
BLOCK = """block Layer{i}(a, b: [B, T, d]) {{
  a += mlp(norm(b), width = {width})
  b += mlp(norm(a), width = {width})
}}
"""


def lint_seconds(times: int = 7) -> float:
    """Return the median wall time of ``revc lint`` on the language model, from a cold start."""
    command = [str(Path(sys.executable).with_name("revc")), "lint", LM]
    return statistics.median(_run(command) for _ in range(times))


def _run(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return time.perf_counter() - start


def long_spec(blocks: int, *, alike: bool = True) -> str:
    """Return a spec of so many blocks, each called once, of one width or each of its own."""
    calls = "\n".join(f"  Layer{i}(a, b)" for i in range(blocks))
    body = "".join(BLOCK.format(i=i, width=16 + (0 if alike else i)) for i in range(blocks))
    model = f"model Net(a, b: [B, T, d]) -> (a, b: [B, T, d]) {{\n{calls}\n}}\n"
    return LONG_HEAD + body + model


def build_seconds(blocks: int = 1000) -> float:
    """Return how long the front end takes for a long spec of blocks that all differ."""
    from revc.passes.spec import build

    build(long_spec(1))
    text = long_spec(blocks, alike=False)
    start = time.perf_counter()
    build(text)
    return time.perf_counter() - start


def compile_seconds(blocks: int = 1000, *, alike: bool = True) -> float:
    """Return how long the compilation of a long spec takes, imports excluded."""
    import revc

    revc.compile(long_spec(1))
    text = long_spec(blocks, alike=alike)
    start = time.perf_counter()
    revc.compile(text)
    return time.perf_counter() - start


def package_seconds(blocks: int = 1000) -> float:
    """Return the processor time of ``revc compile -o`` of blocks that differ, from its start."""
    revc = str(Path(sys.executable).with_name("revc"))
    with tempfile.TemporaryDirectory() as folder:
        spec = Path(folder) / "spec.rev"
        spec.write_text(long_spec(blocks, alike=False))
        before = _children()
        _run([revc, "compile", str(spec), "-o", str(Path(folder) / "package")])
        return _children() - before


def _children() -> float:
    """Return the processor time of all processes that were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
