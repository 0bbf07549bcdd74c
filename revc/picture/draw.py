"""Draw a panel: lanes run down, statements act on them, and what they read comes from the side."""

from dataclasses import dataclass

from revc.picture.panel import Panel, Row
from revc.picture.svg import BOLD, LANES, LINE, Canvas, wide

PAD, LANE, INSET = 18.0, 46.0, 7.0
_HEAD, _MOVE, _CALL, _PLAIN, _OPEN, _CLOSE = 30.0, 46.0, 52.0, 34.0, 34.0, 12.0
_RADIUS = 9.0


@dataclass
class Size:
    """How large a panel is, where its columns are, and how far its lanes stand apart."""

    width: float
    height: float
    lanes: float
    lane: float
    box: float
    pill: float


def measure(panel: Panel) -> Size:
    """Return the size of a panel."""
    deepest = max((row.depth for row in panel.rows), default=0)
    columns = max(panel.sorts, default=0) + 1
    named = [panel.start, *(lanes for row in panel.rows for lanes in (row.before, row.after))]
    names = {n for lanes in named for n, c in lanes.items() if panel.sorts[c] != "let"}
    lane = max([LANE, *(wide(name) + 10 for name in names)])
    lanes = PAD + INSET * (deepest + 1) + lane / 2
    last = {n for known in named for n, c in known.items() if c == columns - 1}
    beside = max((wide(name) + 7 for name in names & last), default=0.0)  # a new name's
    box = lanes + (columns - 1) * lane + max(LANE / 2 + 14, beside)
    texts = [line for row in panel.rows for line in (*row.lines, *row.notes)]
    boxes = max([120.0, *(wide(line) + 22 for line in texts)])
    pills = max((wide(row.pill) + 20 for row in panel.rows if row.pill), default=0.0)
    tags = [box + wide(row.called) for row in panel.rows]
    inner = max([box + boxes + (34 + pills if pills else 0), *tags])
    titles = max([BOLD * len(panel.title), *map(wide, panel.subtitle)])
    width = max(inner + INSET * (deepest + 1), PAD + titles) + PAD
    height = _top(panel) + sum(map(_height, panel.rows)) + _HEAD + PAD
    return Size(width, height, lanes, lane, box, box + boxes + 34)


def _top(panel: Panel) -> float:
    return PAD + 24 + LINE * len(panel.subtitle) + _HEAD


def _height(row: Row) -> float:
    if row.mark == "open":
        return _OPEN
    if row.mark == "close":
        return _CLOSE
    text = LINE * (len(row.lines) + len(row.notes))
    if row.moves:
        return _MOVE
    if row.spans:
        return max(_CALL, text + 20)
    return max(_PLAIN, text + 10) if row.plain else max(62.0, text + 34)


class Drawing:
    """Draws one panel with its corner at (x, y)."""

    def __init__(self, canvas: Canvas, panel: Panel, x: float, y: float) -> None:
        self.canvas, self.panel, self.x, self.y = canvas, panel, x, y
        self.size = measure(panel)
        self.frames: list[tuple[float, str, int]] = []

    def draw(self) -> None:
        """Draw everything."""
        size, canvas = self.size, self.canvas
        canvas.rect(self.x, self.y, size.width, size.height, "panel", "back", 10)
        canvas.text(self.x + PAD, self.y + PAD + 10, self.panel.title, "title")
        for index, line in enumerate(self.panel.subtitle):
            canvas.text(self.x + PAD, self.y + PAD + 28 + LINE * index, line, "soft")
        y = self.y + _top(self.panel)
        self._names(self.panel.start, y - 8, up=True)
        self._lanes(self.panel.start, y - 2, y)
        for row in self.panel.rows:
            self._row(row, y)
            y += _height(row)
        self._lanes(self.panel.end, y, y + 8)
        self._names(self.panel.end, y + 22, up=False)

    # --- lanes -----------------------------------------------------------------------------------

    def lane(self, column: int) -> float:
        """Return where a column is."""
        return self.x + self.size.lanes + column * self.size.lane

    def _colour(self, column: int) -> str:
        if self.panel.sorts[column] != "state":
            return ""
        states = sorted(c for c, sort in self.panel.sorts.items() if sort == "state")
        return LANES[states.index(column) % len(LANES)]

    def _line(self, column: int, d: str) -> None:
        sort = self.panel.sorts[column]
        kind = "lane" if sort == "state" else f"lane {sort}"
        self.canvas.path(d, kind, "lanes", self._colour(column))

    def _lanes(self, lanes: dict[str, int], top: float, bottom: float) -> None:
        for column in set(lanes.values()):
            self._line(column, f"M{self.lane(column):g},{top - 0.5:g} V{bottom + 0.5:g}")

    def _names(self, lanes: dict[str, int], y: float, up: bool) -> None:
        for name, column in lanes.items():
            if up or self.panel.sorts[column] == "state":
                self.canvas.text(self.lane(column), y, name, "name mid", self._colour(column))

    def _new_name(self, name: str, column: int, y: float) -> None:
        if self.panel.sorts[column] == "state":
            self.canvas.text(self.lane(column) + 7, y, name, "name", self._colour(column))

    # --- rows ------------------------------------------------------------------------------------

    def _row(self, row: Row, top: float) -> None:
        bottom = top + _height(row)
        if row.mark == "open":
            self.frames.append((top + 10, row.called, row.depth))
        if row.mark == "close":
            self._frame(bottom - 4)
        self._through(row, top, bottom)
        if row.moves:
            self._moves(row, top, bottom)
        elif row.spans:
            self._call(row, top, bottom)
        elif row.lines:
            self._statement(row, top, bottom)

    def _through(self, row: Row, top: float, bottom: float) -> None:
        """Draw the lanes that a row leaves where they are."""
        moved = {*row.spans, *(column for move in row.moves for column in move)}
        stays = {n: c for n, c in row.before.items() if row.after.get(n) == c and c not in moved}
        self._lanes(stays, top, bottom)

    def _frame(self, bottom: float) -> None:
        top, words, depth = self.frames.pop()
        left = self.x + PAD + INSET * depth
        right = self.x + self.size.width - PAD - INSET * depth
        self.canvas.frame(left, top, right - left, bottom - top)
        self.canvas.text(right - wide(f"↻ {words}") - 10, top + 17, f"↻ {words}", "tag")

    def _moves(self, row: Row, top: float, bottom: float) -> None:
        middle = (top + bottom) / 2
        for source, target in row.moves:
            x, z = self.lane(source), self.lane(target)
            d = f"M{x:g},{top:g} C{x:g},{middle + 6:g} {z:g},{middle - 6:g} {z:g},{bottom:g}"
            self._line(source, d)
        for name, column in row.after.items():
            if name not in row.before:
                self._new_name(name, column, bottom + 3)
        self._texts(row, middle, soft=True)

    def _call(self, row: Row, top: float, bottom: float) -> None:
        middle = (top + bottom) / 2
        left = self.lane(min(row.spans)) - 17
        width = max(self.lane(max(row.spans)) + 17 - left, 34)
        self._lanes({n: c for n, c in row.before.items() if c in row.spans}, top, middle)
        self._lanes({n: c for n, c in row.after.items() if c in row.spans}, middle, bottom)
        for column in row.reads:
            x = self.lane(column)
            end = left if x < left else left + width
            self.canvas.path(f"M{x:g},{middle:g} H{end:g}", "wire", "wires")
            self.canvas.arrow(end, middle, 1 if x < left else -1)
            self.canvas.circle(x, middle, 4, "tap", "signs")
        self.canvas.rect(left, top + 8, width, bottom - top - 16, "call", "boxes")
        past = {c for c in row.before.values() if c not in row.spans}
        past = {c for c in past if min(row.spans) < c < max(row.spans)}
        for column in past:
            self._past(column, top, bottom)
        fits = wide(row.called) <= width - 6 and not past
        if fits:
            self.canvas.text(left + width / 2, middle + 4, row.called, "name mid")
        self._texts(row, middle, soft=fits)

    def _past(self, column: int, top: float, bottom: float) -> None:
        """Draw a lane that a called block leaves alone over the block's box."""
        d = f"M{self.lane(column):g},{top:g} V{bottom:g}"
        self.canvas.path(d, "casing", "signs")
        sort = self.panel.sorts[column]
        kind = "lane" if sort == "state" else f"lane {sort}"
        self.canvas.path(d, kind, "signs", self._colour(column))

    def _texts(self, row: Row, middle: float, soft: bool) -> None:
        """Write beside the lanes, without a box."""
        x = self.x + self.size.box + 10
        y = middle + 4 - LINE * (len(row.lines) + len(row.notes) - 1) / 2
        for line in row.lines:
            self.canvas.text(x, y, line, "soft" if soft else "")
            y += LINE
        for line in row.notes:
            self.canvas.text(x, y, line, "soft")
            y += LINE

    def _statement(self, row: Row, top: float, bottom: float) -> None:
        if row.plain:
            at = (top + bottom) / 2
            self._texts(row, at, soft=False)
            if row.target is not None:
                end = self.x + self.size.box + 4
                start = self.lane(row.target) + _RADIUS
                self.canvas.path(f"M{start:g},{at:g} H{end:g}", "wire lane let", "wires")
        else:
            at = bottom - 20 if row.target is not None else (top + bottom) / 2
            self._box(row, top, bottom, at)
        self._taps(row, top + 16 if row.target is not None else at)
        if row.target is not None:
            self._mark(row, row.target, top, at, bottom)

    def _box(self, row: Row, top: float, bottom: float, at: float) -> None:
        size, canvas = self.size, self.canvas
        x, height = self.x + size.box, bottom - top - 12
        texts = [*row.lines, *row.notes]
        width = max(wide(line) for line in texts) + 22
        canvas.rect(x, top + 6, width, height, "box", "boxes")
        y = top + 6 + height / 2 + 4 - LINE * (len(texts) - 1) / 2
        for index, line in enumerate(texts):
            canvas.text(x + 11, y + LINE * index, line, "" if index < len(row.lines) else "soft")
        if row.pill:
            self._pill(row, x + width, (top + bottom) / 2)

    def _pill(self, row: Row, x: float, y: float) -> None:
        left = self.x + self.size.pill
        width = wide(row.pill) + 20
        self.canvas.path(f"M{x:g},{y:g} H{left:g}", "wire", "wires")
        if row.bits in ("out", "both"):
            self.canvas.arrow(left, y, 1)
        if row.bits in ("in", "both"):
            self.canvas.arrow(x, y, -1)
        self.canvas.rect(left, y - 12, width, 24, "pill", "boxes", 12)
        self.canvas.text(left + width / 2, y + 4, row.pill, "mid")

    def _taps(self, row: Row, y: float) -> None:
        """Draw what a row reads: taps on lanes, on one line to the box."""
        if not row.reads or row.plain:
            return
        columns = [self.lane(column) for column in row.reads]
        end = self.x + self.size.box
        self.canvas.path(f"M{min(columns):g},{y:g} H{end:g}", "wire", "wires")
        self.canvas.arrow(end, y, 1)
        for x in columns:
            self.canvas.circle(x, y, 4, "tap", "signs")

    def _mark(self, row: Row, column: int, top: float, at: float, bottom: float) -> None:
        """Draw the sign on the target's lane, and the line between it and the box."""
        x, colour = self.lane(column), self._colour(column) or "#8794a3"
        started = column not in row.before.values()
        ended = column not in row.after.values()
        if started or ended:
            self._line(column, f"M{x:g},{at if started else top:g} V{bottom if started else at:g}")
        if started:
            name = next(n for n, c in row.after.items() if c == column)
            self._new_name(name, column, bottom + 3)
        if not row.plain:
            end = self.x + self.size.box
            self.canvas.path(f"M{x:g},{at:g} H{end:g}", "wire", "wires")
            if row.flow in ("in", "both"):
                self.canvas.arrow(x + _RADIUS + 1, at, -1)
            if row.flow in ("out", "both"):
                self.canvas.arrow(end, at, 1)
        small = row.mark in ("•", "○")
        radius = 4.5 if small else _RADIUS
        fill = colour if row.mark == "•" else "#ffffff"
        self.canvas.circle(x, at, radius, "", "signs", colour, fill)
        if not small:
            self.canvas.text(x, at + 5, row.mark, "sign", colour)
