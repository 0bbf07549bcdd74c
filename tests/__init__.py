"""Laws of revc. Whatever runs its kernels in Triton's interpreter imports this first."""

import os

if os.environ.get("TRITON_INTERPRET") == "1":
    from tests.interpreter import mend

    mend()
