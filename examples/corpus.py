"""Text that is always at hand: the source of Python's own standard library, as bytes."""

import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

HELD_OUT = 20  # of so many files, one


@dataclass(frozen=True)
class Corpus:
    """Bytes to learn from, and bytes of other files to be judged by; both uint8 and 1-d."""

    train: Tensor
    held_out: Tensor


def standard_library() -> Corpus:
    """Return the installed standard library's source, split by file."""
    root = Path(sysconfig.get_path("stdlib"))
    files = sorted(
        path
        for path in root.rglob("*.py")
        if not {"site-packages", "dist-packages", "test", "tests"} & set(path.parts)
    )
    kept = [path for i, path in enumerate(files) if i % HELD_OUT]
    return Corpus(read(kept), read(files[::HELD_OUT]))


def read(files: Sequence[Path]) -> Tensor:
    """Return the files' bytes, a line break between two of them, as one uint8 tensor."""
    text = b"\n".join(path.read_bytes() for path in files)
    return torch.frombuffer(bytearray(text), dtype=torch.uint8)


def sample(
    text: Tensor, batch: int, time: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return random windows and the bytes that follow each, both int64 [batch, time]."""
    starts = torch.randint(len(text) - time, (batch, 1), generator=generator)
    windows = text[starts + torch.arange(time + 1)].long()
    return windows[:, :-1].contiguous(), windows[:, 1:].contiguous()
