"""Without pygls the command says which extra brings it."""

import subprocess
import sys


def test_the_extra_is_named() -> None:
    code = (
        "import sys; sys.modules['pygls'] = None; sys.argv = ['revc', 'lsp']\n"
        "from revc.cli import main; main()"
    )
    run = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert run.returncode == 1
    assert "install the extra `lsp`" in run.stderr
    assert "Traceback" not in run.stderr
