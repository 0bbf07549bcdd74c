"""SVG as text: elements, charts that stand in a page, pictures that stand alone."""

from html import escape


def element(tag: str, content: str | None = None, /, **attributes: str | float) -> str:
    """Return an element around `content`, which is markup, or an empty one.

    Numbers are written with six digits. An attribute `class_` is written ``class``, and
    `text_anchor` ``text-anchor``; values are escaped.
    """
    shown = "".join(f' {_named(name)}="{_value(v)}"' for name, v in attributes.items())
    return f"<{tag}{shown}/>" if content is None else f"<{tag}{shown}>{content}</{tag}>"


def words(x: float, y: float, text: str, **attributes: str | float) -> str:
    """Return a line of text whose base line starts at (x, y)."""
    return element("text", escape(text), x=x, y=y, **attributes)


def inline(width: float, height: float, label: str, body: str, kind: str) -> str:
    """Return a picture for a page, as wide as the page lets it be."""
    box = f"0 0 {width:g} {height:g}"
    return element("svg", body, class_=kind, viewBox=box, role="img", aria_label=label)


def document(width: float, height: float, label: str, body: str, kind: str, style: str) -> str:
    """Return a whole picture that needs nothing else, on paper of its own."""
    paper = element("rect", class_="paper", width=width, height=height)
    inside = f"\n<style>{style}</style>\n{paper}\n{body}\n"
    size: dict[str, str | float] = {"width": width, "height": height}
    box, space = f"0 0 {width:g} {height:g}", "http://www.w3.org/2000/svg"
    look = {"viewBox": box, "role": "img", "aria_label": label}
    return element("svg", inside, class_=kind, xmlns=space, **size, **look) + "\n"


def _named(name: str) -> str:
    return name.rstrip("_").replace("_", "-")


def _value(value: str | float) -> str:
    return escape(value) if isinstance(value, str) else f"{value:g}"
