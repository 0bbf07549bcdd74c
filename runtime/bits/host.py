"""What the host may do while a device works: look at values, or leave them where they are.

Reading a tensor of an accelerator stops the host until all work that was queued before has been
done. While a CUDA graph is captured nothing is done at all: there is nothing to read.
"""

from __future__ import annotations

import torch


def waits(device: torch.device) -> bool:
    """Say whether the host has to wait for a device before it can look at a tensor there."""
    return device.type != "cpu"


def captures(device: torch.device) -> bool:
    """Say whether what runs on a device now is recorded by a CUDA graph, to be replayed."""
    if device.type != "cuda" or not torch.cuda.is_initialized():
        return False
    return torch.cuda.is_current_stream_capturing()
