"""Pictures of specs: whole, legible, and true to the program."""

import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import pytest

import revc
from revc.grammar.diagnostics import SpecError
from revc.passes.spec import build
from revc.picture.show import page
from revc.picture.svg import BOLD, CHAR
from tests.conftest import Golden
from tests.model import specs
from tests.passes.specs import FOLDER

SPECS = sorted(FOLDER.glob("*.rev"))
NAMES = [path.stem for path in SPECS]
SVG = "{http://www.w3.org/2000/svg}"
Box = tuple[float, float, float, float]  # left, top, right, bottom

BUSY = """
use std.nets: linear, mlp
dim B, T, d = 8
state lattice(Q12.20)
block Inner(alpha, beta: [B, T, d], given context: [B, T, d], given second_given: float32[B, T]) {
  alpha += linear(beta, context)
  repeat 2 as i {
    beta[:, i] -= linear(alpha[:, i])
    repeat 3 share { alpha += mlp(beta, width = 4*d, act = swiglu)
      swap alpha, beta }
  }
  let scale_value = tanh(linear(context))
  beta += scale_value * alpha
  mix beta by householder(4)
}
block AVeryLongBlockNameIndeed(a: [B, T, d]) { negate a }
model Busy(a, b, c, e: [B, T, d], given u: [B, T, d], given w: float32[B, T]) {
  first: Inner(a, c, u, w)
  uncall Inner(e, b, u, w)
  split e -> p, q, r, s
  p += linear(q, r, s)
  join p, q, r, s -> e
  alloc tmp: [B, T, d] = 1/2
  a += linear(tmp)
  permute c by (0, 2, 1)
  permute c by (0, 2, 1)
  AVeryLongBlockNameIndeed(a)
  emit something_to_see = a + b*c - e / 2 + mlp(a, b, c, e, u, width = 12, out = d) * 2
  free tmp = 1/2
}
"""


def parts(picture: str) -> ElementTree.Element:
    return ElementTree.fromstring(picture)


def boxes(picture: str, kind: str) -> list[Box]:
    """Return the extents of the rectangles of one kind."""
    found = []
    for rect in parts(picture).iter(f"{SVG}rect"):
        if rect.get("class") == kind:
            x, y = float(rect.get("x", 0)), float(rect.get("y", 0))
            right, bottom = x + float(rect.attrib["width"]), y + float(rect.attrib["height"])
            found.append((x, y, right, bottom))
    return found


def texts(picture: str) -> list[tuple[str, Box]]:
    """Return the lines of text with about the room that they take."""
    found = []
    for text in parts(picture).iter(f"{SVG}text"):
        kinds = str(text.get("class")).split()
        width = len(text.text or "") * (BOLD if "title" in kinds else CHAR)
        x, y = float(text.attrib["x"]), float(text.attrib["y"])
        left = x - width / 2 if {"mid", "sign"} & set(kinds) else x
        found.append((text.text or "", (left, y - 10, left + width, y + 3)))
    return found


def inside(inner: Box, outer: Box) -> bool:
    return (
        inner[0] >= outer[0] - 0.5
        and inner[1] >= outer[1] - 0.5
        and inner[2] <= outer[2] + 0.5
        and inner[3] <= outer[3] + 0.5
    )


def apart(one: Box, other: Box) -> bool:
    return one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


PICTURES = [*((p.stem, str(p)) for p in SPECS), ("busy", BUSY), ("holes", specs.HOLE)]


@pytest.mark.parametrize("source", [s for _, s in PICTURES], ids=[n for n, _ in PICTURES])
def test_nothing_overlaps_or_sticks_out(source: str) -> None:
    picture = revc.show(source)
    panels = boxes(picture, "panel")
    solid = [box for kind in ("box", "call", "pill") for box in boxes(picture, kind)]
    assert panels
    for group in (panels, solid):
        for one, other in combinations(group, 2):
            assert apart(one, other), (one, other)
    (paper,) = boxes(picture, "paper")
    assert all(inside(panel, paper) for panel in panels)
    written = texts(picture)
    for box in [*solid, *boxes(picture, "frame"), *(box for _, box in written)]:
        assert any(inside(box, panel) for panel in panels), box
    for text, box in written:
        for other in solid:
            assert apart(box, other) or inside(box, other), text
    for (one, left), (other, right) in combinations(written, 2):
        assert apart(left, right), (one, other)


def test_statements_are_drawn() -> None:
    found = [text for text, _ in texts(revc.show(BUSY))]
    for wanted in (
        "model Busy", "block Inner", "block AVeryLongBlockNameIndeed",
        "uncall Inner(e, b, u, w)", "split e → p, q, r, s along 2", "join p, q, r, s → e along 2",
        "tmp = 0.5", "tmp = 0.5, checked", "permute c by (0, 2, 1)", "↻ repeat 2 as i",
        "↻ repeat 3 share", "mlp(beta)", "mlp: width = 32, act = swiglu", "on beta[:, i, :]",
        "scale_value = tanh(linear(context))", "mix beta by householder()",
        "householder: k = 4",
        "emit something_to_see", "swap alpha, beta",
    ):  # fmt: skip
        assert wanted in found, wanted


def test_statements_to_come_are_drawn() -> None:
    found = [text for name in NAMES for text, _ in texts(revc.show(FOLDER / f"{name}.rev"))]
    for wanted in ("valve va", "tape fa", "tape code", "reservoir out", "on a[.., :64]"):
        assert wanted in found, wanted


def test_a_repeat_is_drawn_once() -> None:
    shallow, deep = (
        revc.show(specs.LAYERS.replace("repeat 3", f"repeat {count}")) for count in (2, 24)
    )
    assert deep == shallow.replace("↻ repeat 2<", "↻ repeat 24<").replace(
        *(re.search(r'x="[^"]+" y="[^"]+">↻', text)[0] for text in (shallow, deep))  # type: ignore[index]
    )
    assert "↻ repeat 24" in [text for text, _ in texts(deep)]


def test_reads_and_writes_are_where_the_program_has_them() -> None:
    picture = revc.show(specs.LAYERS)
    taps = [c for c in parts(picture).iter(f"{SVG}circle") if c.get("class") == "tap"]
    signs = [text for text, _ in texts(picture) if text in ("+", "−")]
    lanes = {text: box for text, box in texts(picture) if text in ("a", "b")}
    middle = {name: (box[0] + box[2]) / 2 for name, box in lanes.items()}
    assert signs == ["+", "+"]
    assert [float(tap.attrib["cx"]) for tap in taps] == pytest.approx([middle["b"], middle["a"]])


def test_blocks_that_no_model_calls_are_drawn_too() -> None:
    found = [text for text, _ in texts(revc.show(FOLDER / "integrators.rev"))]
    titles = [text for text in found if text.startswith(("model ", "block "))]
    assert titles == [
        "model Stack", "block Midpoint", "block Leapfrog", "block Hamiltonian", "block Rotate",
    ]  # fmt: skip


def test_a_program_is_drawn_as_its_spec_is() -> None:
    program = build(specs.LAYERS)
    assert revc.show(program) == revc.show(specs.LAYERS)


def test_a_picture_stands_alone() -> None:
    for text in (revc.show(BUSY), page(BUSY)):
        links = set(re.findall(r"https?://[^\"' )]+", text))
        assert links == {"http://www.w3.org/2000/svg"}
        assert not re.search(r"<script|<link|<image|@import|url\(", text)
    assert page(FOLDER / "lm.rev").startswith("<!doctype html>")
    assert "<title>lm.rev</title>" in page(FOLDER / "lm.rev")


def test_names_are_escaped() -> None:
    source = specs.HEAD + "model M(a: [B, d], given u: [B, d]) { a += linear(u) / (1 + u*u) }"
    assert "linear(u) / (1 + u * u)" in [text for text, _ in texts(revc.show(source))]
    assert "<h1>spec</h1>" in page(source)


def test_golden(golden: Golden) -> None:
    golden("show/lm.svg", revc.show(FOLDER / "lm.rev"))


def test_wrong_specs_are_refused() -> None:
    with pytest.raises(SpecError, match="S002"):
        revc.show(specs.HEAD + "model M(a: [B, d]) { a += nowhere(a) }")
    with pytest.raises(SpecError, match="cannot read the file"):
        revc.show("missing.rev")


def test_pictures_need_no_torch() -> None:
    code = (
        "import sys, revc\nfor path in sys.argv[1:]:\n    revc.show(path)\n"
        "sys.exit('torch' in sys.modules)"
    )
    command = [sys.executable, "-c", code, *map(str, SPECS)]
    assert subprocess.run(command, check=False).returncode == 0


@pytest.mark.parametrize("suffix", ["svg", "html"])
def test_the_command_writes_a_picture(tmp_path: Path, suffix: str) -> None:
    from typer.testing import CliRunner

    from revc.cli.app import app

    out, spec = tmp_path / f"graph.{suffix}", str(FOLDER / "lm.rev")
    result = CliRunner().invoke(app, ["show", spec, "-o", str(out)])
    assert (result.exit_code, result.output) == (0, f"wrote {out}\n")
    assert out.read_text() == (revc.show(spec) if suffix == "svg" else page(spec))
    assert CliRunner().invoke(app, ["show", spec]).output == revc.show(spec)
    assert CliRunner().invoke(app, ["show", spec, "-o", "graph.png"]).exit_code == 2
