"""What a compiler guards of a net, apart from all else that a compiled model is."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch._dynamo.testing import CompileCounter

from revc.runtime.nets.capture.questions import Question, ask, questions


def traces(net: nn.Module) -> Callable[[], int]:
    """Return a function that asks what a net's code may ask, and how often that was traced."""
    torch._dynamo.reset()
    counter = CompileCounter()

    def asked() -> tuple[Question, ...]:
        return questions("tests", net)

    asked._dynamo_marked_constant = True  # type: ignore[attr-defined]

    @torch.compile(backend=counter, fullgraph=True, dynamic=False)
    def look(x: Tensor) -> Tensor:
        ask("tests", asked())
        return x + 1

    def call() -> int:
        with torch._dynamo.config.patch(recompile_limit=64):
            look(torch.zeros(1))
        return counter.frame_count

    return call
