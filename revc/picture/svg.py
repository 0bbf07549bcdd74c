"""A canvas with layers, and the look of pictures."""

from html import escape

from revc.report.svg import element

CHAR, BOLD, LINE = 7.25, 9.1, 16.0
LANES = ("#2563eb", "#c2570c", "#0f8a5f", "#8b3fd1", "#c0266f", "#0b7f9c", "#8a6d0b", "#4b5bd7")
LAYERS = ("back", "frames", "lanes", "wires", "boxes", "signs", "text")

# Every rule names the picture's own class, so that page and picture do not style each other.
STYLE = """
.rev-graph text { font: 12px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace;
  fill: #1f2933; stroke: none; }
.rev-graph .title { font-weight: 700; font-size: 15px; fill: #111827; }
.rev-graph .soft { fill: #64707d; font-size: 11px; }
.rev-graph .name { font-weight: 700; }
.rev-graph .sign { font-size: 14px; font-weight: 700; text-anchor: middle; }
.rev-graph .mid { text-anchor: middle; }
.rev-graph .tag { fill: #374151; font-weight: 700; }
.rev-graph .paper { fill: #ffffff; stroke: none; }
.rev-graph .panel { fill: #fbfcfd; stroke: #d5dbe1; }
.rev-graph .frame { fill: #eef3f8; fill-opacity: .75; stroke: #9fb0c1; stroke-dasharray: 5 4; }
.rev-graph .box { fill: #ffffff; stroke: #8794a3; }
.rev-graph .call { fill: #fff7e0; stroke: #b88a1b; }
.rev-graph .pill { fill: #e8f0fe; stroke: #7f9fd6; }
.rev-graph .wire { fill: none; stroke: #7b8794; }
.rev-graph .arrow { fill: #55606c; stroke: none; }
.rev-graph .tap { fill: #55606c; stroke: #fbfcfd; }
.rev-graph .lane { fill: none; stroke-width: 3; }
.rev-graph .casing { fill: none; stroke: #fff7e0; stroke-width: 8; }
.rev-graph .given { stroke: #8794a3; stroke-width: 1.6; stroke-dasharray: 2 4; }
.rev-graph .let { stroke: #8794a3; stroke-width: 1.6; stroke-dasharray: 6 3; }
"""


def wide(text: str) -> float:
    """Return about how wide a line of text is, in pixels."""
    return len(text) * CHAR


class Canvas:
    """Collects shapes in layers; the first layer lies at the bottom."""

    def __init__(self) -> None:
        self._layers: dict[str, list[str]] = {layer: [] for layer in LAYERS}

    def rect(
        self, x: float, y: float, width: float, height: float, kind: str, layer: str, r: float = 6
    ) -> None:
        """Draw a rectangle with round corners."""
        size = {"x": x, "y": y, "width": width, "height": height}
        self._layers[layer].append(element("rect", class_=kind, **size, rx=r))

    def frame(self, x: float, y: float, width: float, height: float) -> None:
        """Draw a frame below those that were drawn before, which stand inside of it."""
        size = {"x": x, "y": y, "width": width, "height": height}
        self._layers["frames"].insert(0, element("rect", class_="frame", **size, rx=8))

    def path(self, d: str, kind: str, layer: str, colour: str = "") -> None:
        """Draw a path along `d`, in SVG's own notation."""
        look = {"stroke": colour} if colour else {}
        self._layers[layer].append(element("path", class_=kind, d=d, **look))

    def circle(
        self, x: float, y: float, r: float, kind: str, layer: str, colour: str = "", fill: str = ""
    ) -> None:
        """Draw a circle around (x, y); without `fill` its class says what is in it."""
        look: dict[str, str | float] = {"stroke": colour, "stroke-width": 2} if colour else {}
        look |= {"fill": fill} if fill else {}
        self._layers[layer].append(element("circle", class_=kind, cx=x, cy=y, r=r, **look))

    def text(self, x: float, y: float, text: str, kind: str = "", colour: str = "") -> None:
        """Write a line of text; `y` is its base line."""
        look = {"style": f"fill: {colour}"} if colour else {}
        look |= {"xml:space": "preserve"} if text.startswith(" ") else {}
        shown = element("text", escape(text), class_=kind, x=x, y=y, **look)
        self._layers["text"].append(shown)

    def arrow(self, x: float, y: float, direction: int) -> None:
        """Draw an arrow head with its tip at (x, y), pointing right (1) or left (-1)."""
        back = x - 7 * direction
        d = f"M{x:g},{y:g} L{back:g},{y - 4:g} L{back:g},{y + 4:g} Z"
        self.path(d, "arrow", "wires")

    def body(self) -> str:
        """Return all shapes, layer by layer."""
        return "\n".join(shape for layer in LAYERS for shape in self._layers[layer])
