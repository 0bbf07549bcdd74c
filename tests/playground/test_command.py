"""`revc playground` as a process: its address answers, it imports no torch, and it ends."""

import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

REVC = [sys.executable, "-c", "from revc.cli import main; main()", "playground"]


def test_the_address_that_is_printed_answers(tmp_path: Path) -> None:
    spec = tmp_path / "mine.rev"
    spec.write_text("dim B\nblock Mine(a: [B]) {\n  negate a\n}\n")
    # A shell's background jobs ignore interrupts, and so would what they start.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen([*REVC, str(spec)], stdout=subprocess.PIPE, text=True)
    signal.signal(signal.SIGINT, before)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        with urllib.request.urlopen(url, timeout=20) as reply:
            assert "block Mine" in reply.read().decode()
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(url.rpartition("/")[0].rpartition("/")[0] + "/", timeout=20)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert process.stdout.read().splitlines()[-1] == "ended"
    finally:
        process.kill()
        process.communicate()


def test_a_port_that_is_taken_is_told() -> None:
    run = subprocess.run([*REVC, "--port", "-5"], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "cannot listen on port -5" in run.stderr
    assert "Traceback" not in run.stderr


def test_it_imports_no_torch() -> None:
    code = (
        "import sys, revc.playground.server; from revc.playground.answers import answer\n"
        "found = answer('dim B\\nmodel M(a: [B]) {\\n  negate a\\n}\\n')\n"
        "sys.exit('torch' in sys.modules or not found['picture'] or not found['inverse'])"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
