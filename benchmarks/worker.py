"""One measurement in a process of its own, so that no meter or arm disturbs another."""

import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).resolve().parents[1]
Result = TypeVar("Result")


class MeasurementError(Exception):
    """A measurement ended without a result; the message is the error that ended it."""


def measure(function: Callable[..., Result], timeout: float = 1800, **arguments: Any) -> Result:
    """Call a module's function in a fresh process; arguments and result are such as JSON holds.

    Raises:
        MeasurementError: the call raised, was killed or took too long.
    """
    request = json.dumps([function.__module__, function.__name__, arguments])
    command = [sys.executable, "-W", "ignore", "-m", __name__, request]
    # Threads that wait for work sleep: their spinning would count as CPU time.
    environment = {**os.environ, "OMP_WAIT_POLICY": "passive"}
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise MeasurementError(f"took more than {timeout:.0f} s") from error
    if done.returncode:
        raise MeasurementError(_reason(done))
    result: Result = json.loads(done.stdout.splitlines()[-1])
    return result


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    """Return the line of the traceback that names the error; more lines may explain it."""
    named = [line for line in done.stderr.splitlines() if re.match(r"[\w.]+: ", line)]
    return named[-1] if named else f"ended with exit code {done.returncode}"


def main() -> None:
    """Carry out the request in the first argument; the result is the last line printed."""
    import torch

    torch.set_num_threads(2)
    module, function, arguments = json.loads(sys.argv[1])
    print(json.dumps(getattr(importlib.import_module(module), function)(**arguments)))


if __name__ == "__main__":
    main()
