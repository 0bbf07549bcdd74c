"""Diagnostic 3, the coder's gap: booked bits beside Shannon's, and beside constriction's.

Shannon's are -log2 of the integer model at what was coded. constriction, an independent coder, is
given the same probabilities, a symbol at a time, and its output is counted.
"""

import importlib.util
import math

import numpy as np
import torch

from revc.audit.finding import Finding, nothing
from revc.audit.subject import Exchange, Subject
from revc.runtime.bits.constants import UNIT

NAME = "coder gap"
BOUND = 0.01
MOST = 200_000
"""Symbols that constriction codes: it needs a model a symbol."""


def check(subject: Subject) -> list[Finding]:
    """Return the gaps to Shannon's bits and to constriction's, in bits a symbol."""
    watched = subject.run(record=True)
    session = watched.session
    if session is None or not watched.log:
        return [nothing(NAME, "nothing is coded by a distribution")]
    symbols = sum(entry.symbols.numel() for entry in watched.log)
    model = dict.fromkeys(session.books.meters, 0.0)
    for entry in watched.log:
        model[entry.meter] += (1 if entry.pushed else -1) * _bits(entry)
    coded = {entry.meter for entry in watched.log}
    booked = {name: float(session.books.bits("net", name).sum()) for name in model}
    worst = max(abs(booked[name] - model[name]) for name in coded) / symbols
    detail = f"{symbols} symbols, " + ", ".join(
        f"{name}: booked {booked[name]:.3f}, Shannon {model[name]:.3f}" for name in sorted(coded)
    )
    series = {"booked": [booked[n] for n in sorted(coded)]}
    series["shannon"] = [model[n] for n in sorted(coded)]
    first = Finding(
        f"{NAME} to Shannon", worst, "bit/symbol", f"<= {BOUND}", worst <= BOUND, detail, series
    )
    return [first, _constriction(watched.log)]


def _bits(entry: Exchange) -> float:
    return float(entry.distribution.shannon(entry.symbols).sum()) / UNIT


def _constriction(log: list[Exchange]) -> Finding:
    name = f"{NAME} to constriction"
    if importlib.util.find_spec("constriction") is None:
        return nothing(name, "constriction is not installed")
    lengths = torch.cat([
        entry.distribution.exact_length(entry.symbols).flatten().double() / UNIT for entry in log
    ])[:MOST].cpu().numpy()  # fmt: skip
    theirs = _coded_by_constriction(lengths)
    gap = abs(theirs - float(lengths.sum())) / max(1, len(lengths))
    detail = f"{len(lengths)} symbols: {lengths.sum():.1f} bits, constriction takes {theirs:.1f}"
    met = gap <= BOUND or abs(theirs - float(lengths.sum())) <= 64
    return Finding(name, gap, "bit/symbol", f"<= {BOUND} (or 64 bits in all)", met, detail)


def _coded_by_constriction(lengths: np.ndarray) -> float:
    """Return the bits that constriction takes for events of these lengths, long ones in parts."""
    import constriction

    parts = np.maximum(1, np.ceil(lengths / 10).astype(np.int64))
    each = np.repeat(lengths / parts, parts)
    likely = np.clip(np.exp2(-each), 2.0**-14, 1 - 2.0**-14)
    likely = likely[each > math.log2(1 / (1 - 2.0**-14))]
    coder = constriction.stream.stack.AnsCoder()
    family = constriction.stream.model.Bernoulli(perfect=True)
    coder.encode_reverse(np.ones(len(likely), np.int32), family, likely)
    return float(coder.num_valid_bits())
