"""The language benchmark's text: the GCIDE dictionary, 10 million tokens of English.

It is Debian's package dict-gcide (GPL), which is unpacked into a folder that git ignores:

    apt-get update; apt-get download dict-gcide && dpkg-deb -x dict-gcide*.deb .
    gunzip < usr/share/dictd/gcide.dict.dz

Tokens are its bytes, or those of a byte-level BPE that is trained on its training part.
"""

import gzip
import importlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.worker import ROOT

FOLDER = ROOT / "build" / "language_model"
PACKAGE = "dict-gcide"
BYTES = 256
HELD_OUT = 0.05  # of the text: its last part, from the letter V on
PIECE = 1 << 16  # characters that are tokenised at a time


class DataError(Exception):
    """The text cannot be had here."""


@dataclass(frozen=True)
class Corpus:
    """Tokens to learn from, and tokens to be judged by; both 1-d."""

    train: Tensor
    held_out: Tensor


def sample(
    tokens: Tensor, batch: int, time: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return random windows and the tokens that follow each, both int64 [batch, time]."""
    starts = torch.randint(len(tokens) - time, (batch, 1), generator=generator)
    return _windows(tokens, starts, time)


def evenly(tokens: Tensor, count: int, time: int) -> tuple[Tensor, Tensor]:
    """Return `count` windows that lie evenly in the text, and the tokens that follow."""
    starts = torch.linspace(0, len(tokens) - time - 1, count).long()[:, None]
    return _windows(tokens, starts, time)


def _windows(tokens: Tensor, starts: Tensor, time: int) -> tuple[Tensor, Tensor]:
    windows = tokens[starts + torch.arange(time + 1)].long()
    return windows[:, :-1].contiguous(), windows[:, 1:].contiguous()


def corpus(labels: int, folder: Path = FOLDER) -> Corpus:
    """Return the text in `labels` different tokens, split by position.

    Raises:
        DataError: the text or the tokeniser cannot be had.
    """
    if labels == BYTES:
        return Corpus(*(_as_bytes(part) for part in parts(folder)))
    made = folder / f"tokens-{labels}.pt"
    if not made.exists():
        torch.save(_tokenised(labels, folder), made)
    return Corpus(*torch.load(made, weights_only=True))


def parts(folder: Path = FOLDER) -> tuple[bytes, bytes]:
    """Return the text to learn from, and the text held out."""
    packed = folder / "usr" / "share" / "dictd" / "gcide.dict.dz"
    if not packed.exists():
        fetch(folder)
    text = gzip.decompress(packed.read_bytes())
    end = text.index(b"\n", int(len(text) * (1 - HELD_OUT))) + 1
    return text[:end], text[end:]


def fetch(folder: Path = FOLDER) -> None:
    """Download the package and unpack it, saying so.

    Raises:
        DataError: a command fails, as it does offline.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # Only root may update the lists, and they may be good enough as they are.
    _run(["apt-get", "update"], folder, needed=False)
    _run(["apt-get", "download", PACKAGE], folder)
    for archive in folder.glob(f"{PACKAGE}*.deb"):
        _run(["dpkg-deb", "-x", archive.name, "."], folder)


def _run(command: list[str], folder: Path, needed: bool = True) -> None:
    print(f"{folder}: {' '.join(command)}", file=sys.stderr)
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise DataError(f"there is no {command[0]} here: get Debian's {PACKAGE}") from error
    if needed and done.returncode:
        raise DataError(
            f"`{' '.join(command)}` failed in {folder}. The text is Debian's package {PACKAGE}: "
            f"unpack it there by hand if this machine is offline.\n{done.stderr.strip()}"
        )


def _as_bytes(text: bytes) -> Tensor:
    return torch.frombuffer(bytearray(text), dtype=torch.uint8)


def _tokenised(labels: int, folder: Path) -> tuple[Tensor, Tensor]:
    """Train a tokeniser on the training part; return both parts in its tokens."""
    try:
        library = importlib.import_module("tokenizers")
    except ImportError as error:
        text = "a vocabulary needs the package tokenizers: pip install --no-deps tokenizers"
        raise DataError(text) from error
    train, held_out = (part.decode(errors="replace") for part in parts(folder))
    print(f"training a tokeniser of {labels} tokens", file=sys.stderr)
    made = library.ByteLevelBPETokenizer()
    made.train_from_iterator(_pieces(train), vocab_size=labels, show_progress=False)
    made.save(str(folder / f"tokeniser-{labels}.json"))

    def encoded(text: str) -> Tensor:
        found = made.encode_batch(list(_pieces(text)))
        return torch.tensor([i for piece in found for i in piece.ids], dtype=torch.int32)

    return encoded(train), encoded(held_out)


def _pieces(text: str) -> Iterator[str]:
    """Yield the text in pieces that end at the end of a line."""
    start = 0
    while start < len(text):
        line = text.find("\n", start + PIECE)
        end = len(text) if line < 0 else line + 1
        yield text[start:end]
        start = end
