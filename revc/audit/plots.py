"""Plots as SVG text: strips of boundaries, labelled groups of bars, histograms."""

from collections.abc import Mapping, Sequence
from html import escape

_WIDTH, _HIGH = 720, 120
_CELLS = 24


def strip(name: str, agree: Sequence[float]) -> str:
    """Draw one cell a boundary: whether its hash was met again."""
    width = min(24.0, _WIDTH / len(agree))
    cells = "".join(
        f'<rect x="{i * width:.1f}" y="0" width="{max(width - 1, 0.5):.1f}" height="18" '
        f'class="{"agree" if good else "differ"}"/>'
        for i, good in enumerate(agree)
    )
    return _figure(f"{name}: boundaries from the end to the start", cells, 18)


def groups(name: str, series: Mapping[str, Sequence[float]], labels: Sequence[str]) -> str:
    """Draw a group of bars for each label, a bar for each series; below zero they hang down."""
    values = [value for row in series.values() for value in row]
    low, high = min(0.0, *values), max(0.0, *values)
    scale = _HIGH / ((high - low) or 1.0)
    group = _WIDTH / len(labels)
    width = min(48.0, 0.8 * group / len(series))
    body = "".join(
        _bar(g * group + i * width, (high - max(v, 0.0)) * scale, width - 1, abs(v) * scale, i, v)
        for i, row in enumerate(series.values())
        for g, v in enumerate(row)
    )
    body += "".join(
        f'<text x="{g * group:.1f}" y="{_HIGH + 16}">{escape(label)}</text>'
        for g, label in enumerate(labels)
    )
    keys = "".join(f'<span class="key k{i}">{escape(key)}</span> ' for i, key in enumerate(series))
    return _figure(name, body, _HIGH + 22, keys)


def histogram(name: str, values: Sequence[float]) -> str:
    """Draw how many values lie in each of some equal cells from 0 to the largest."""
    top = max(values) or 1.0
    counts = [0] * _CELLS
    for value in values:
        counts[min(_CELLS - 1, int(_CELLS * value / top))] += 1
    width, most = _WIDTH / _CELLS, max(counts)
    body = "".join(
        _bar(i * width, _HIGH * (1 - n / most), width - 1, _HIGH * n / most, 0, n)
        for i, n in enumerate(counts)
    )
    body += f'<text x="0" y="{_HIGH + 16}">0</text>'
    body += f'<text x="{_WIDTH}" y="{_HIGH + 16}" text-anchor="end">{top:.4g}</text>'
    return _figure(f"{name}: {len(values)} values", body, _HIGH + 22)


def _bar(x: float, y: float, width: float, height: float, slot: int, value: float) -> str:
    return (
        f'<rect class="k{slot}" x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.5):.1f}" '
        f'height="{max(height, 0.5):.1f}"><title>{value:.6g}</title></rect>'
    )


def _figure(caption: str, body: str, height: int, keys: str = "") -> str:
    return (
        f"<figure><figcaption>{escape(caption)} {keys}</figcaption>"
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(caption)}">'
        f"{body}</svg></figure>"
    )
