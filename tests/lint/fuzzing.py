"""Inputs that nobody would write, and what must hold of every one.

    python -m tests.lint.fuzzing SECONDS [SEED]

runs new examples until the time is over, and prints how many there were, the slowest of them, and
the most memory that the process held.
"""

import contextlib
import io
import resource
import sys
import tempfile
import time
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from revc.cli.checking import shown
from revc.cli.render import Format
from revc.cli.request import Request
from revc.grammar.table import table
from tests.passes.specs import SPECS

TEXTS = [path.read_bytes() for path in SPECS]
WORDS = sorted({*table().words, *table().marks, "\n", "x", "B", "c", "1", "0.5", "mlp", '"m:f"'})
SLOWEST = 10.0  # seconds of processor time that an input may take
MOST_MEMORY = 1 << 30  # bytes by which the process may grow over all of them

tokens = st.lists(st.sampled_from(WORDS), max_size=80).map(lambda words: " ".join(words).encode())
repeated = st.tuples(
    st.sampled_from(TEXTS), st.sampled_from(WORDS), st.integers(1, 5000), st.integers(0, 10_000)
).map(lambda drawn: _spliced(drawn[0], drawn[3], 0, f"{drawn[1]} ".encode() * drawn[2]))
spliced = st.tuples(
    st.sampled_from(TEXTS), st.integers(0, 10_000), st.integers(0, 60), st.binary(max_size=12)
).map(lambda drawn: _spliced(*drawn))
borrowed = st.tuples(
    st.sampled_from(TEXTS), st.integers(0, 10_000), st.sampled_from(TEXTS), st.integers(0, 10_000)
).map(lambda drawn: drawn[0][: drawn[1] % len(drawn[0])] + drawn[2][drawn[3] % len(drawn[2]) :])
inputs = st.one_of(
    st.binary(max_size=400), st.text(max_size=200).map(lambda text: text.encode()), tokens, spliced,
    borrowed, repeated,
)  # fmt: skip


def _spliced(text: bytes, at: int, gone: int, new: bytes) -> bytes:
    at %= len(text) + 1
    return text[:at] + new + text[at + gone :]


def seconds_of(data: bytes, style: Format, path: Path) -> float:
    """Lint bytes as a file, and return the processor time that it took.

    Raises:
        AssertionError: it ended otherwise than with findings or without.
    """
    path.write_bytes(data)
    start = time.process_time()
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code, _ = shown(Request((str(path),), style))
    took = time.process_time() - start
    assert code in (0, 1), said.getvalue()
    assert "Traceback" not in said.getvalue()
    assert took < SLOWEST, f"{took:.1f} s"
    return took


def memory() -> int:
    """Return the most bytes that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def fuzz(seconds: float, first: int) -> tuple[int, float, int]:
    """Run examples for some time; return their number, the slowest, and by what memory grew."""
    end, before, times, round_ = time.monotonic() + seconds, memory(), list[float](), first
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fuzzed.rev"
        while time.monotonic() < end:

            @seed(round_)
            @settings(
                max_examples=200, deadline=None, database=None, derandomize=False,
                phases=(Phase.generate,), suppress_health_check=list(HealthCheck),
            )  # fmt: skip
            @given(inputs, st.sampled_from(Format))
            def examples(data: bytes, style: Format) -> None:
                if time.monotonic() < end:
                    times.append(seconds_of(data, style, path))

            examples()
            round_ += 1
    return len(times), max(times), memory() - before


if __name__ == "__main__":
    count, slowest, grown = fuzz(float(sys.argv[1]), int((*sys.argv, 0, 0)[2]))
    print(f"{count} inputs, the slowest {slowest:.2f} s, memory grew by {grown >> 20} MiB")
