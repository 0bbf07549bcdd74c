"""A way back through a run's bits: who is on it, and the bits as the run left them."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from revc.runtime.bits.saved import Saved
from revc.runtime.metered.plan import Budget


@dataclass(eq=False)
class Undoing:
    """What brings a run back to its end once its bits were undone, by this thread or backward pass.

    `stacks` are those that can be rewound, by name; one whose words streamed out is not.
    """

    stacks: Mapping[str, Saved]
    charged: Mapping[Budget, Tensor]
    sizes: Mapping[str, Tensor]
    thread: int = field(default_factory=threading.get_ident)
    task: int = field(default_factory=torch._C._current_graph_task_id)
    ended: bool = False

    @property
    def abandoned(self) -> bool:
        """Whether nobody is on the way any more: it was interrupted before it could end.

        An inverse keeps its thread until it returns, and so does a backward pass on the CPU.
        """
        if self.ended:
            return True
        here = self.thread == threading.get_ident()
        return here and (self.task == -1 or self.task != torch._C._current_graph_task_id())
