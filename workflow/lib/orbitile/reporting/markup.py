"""Elements of HTML and SVG, with everything that comes from outside escaped."""

from collections.abc import Iterable, Mapping
from html import escape


def element(tag: str, *children: str, **attributes: object) -> str:
    """An element around its children, which are markup already; attributes are escaped.

    `stroke_width` gives stroke-width and `class_` gives class; numbers get two decimals at most.
    """
    words = "".join(f' {_name(name)}="{escape(_value(value))}"' for name, value in attributes.items())
    return f"<{tag}{words}>{''.join(children)}</{tag}>"


def text(content: str, x: float, y: float, **attributes: object) -> str:
    """A line of text in an SVG; x and y in px, the content is escaped."""
    return element("text", escape(content), x=x, y=y, **attributes)


def rect(x: float, y: float, width: float, height: float, title: str = "", **attributes: object) -> str:
    """A rectangle in an SVG, in px; the title is shown when the mouse is on it, and is escaped."""
    return element("rect", tooltip(title), x=x, y=y, width=width, height=height, **attributes)


def line(start: tuple[float, float], end: tuple[float, float], **attributes: object) -> str:
    """A straight line in an SVG between two points in px."""
    return element("line", x1=start[0], y1=start[1], x2=end[0], y2=end[1], **attributes)


def tooltip(title: str) -> str:
    """What is shown when the mouse is on an element of an SVG; nothing for an empty title."""
    return element("title", escape(title)) if title else ""


def legend_key(colour: str, mark: str = "") -> str:
    """A small square of a colour, with a mark in it, to stand before a word of HTML."""
    return element("span", escape(mark), class_="key", style=f"background: {colour}", aria_hidden="true")


def scrollable(label: str, *children: str, class_: str = "scroll") -> str:
    """A part of the page that scrolls within, by the keyboard, too; the label is read aloud."""
    return element("div", *children, class_=class_, role="region", tabindex=0, aria_label=label)


def folded(title: str, *children: str) -> str:
    """A part of the page that opens at its title, by mouse or keyboard; the title is escaped."""
    return element("details", element("summary", escape(title)), *children)


def card_row(cards: Iterable[tuple[str, str]]) -> str:
    """Main figures, each with a word about it; both are escaped."""
    boxes = [element("div", element("b", escape(value)), element("span", escape(about))) for value, about in cards]
    return element("div", *boxes, class_="cards")


def described(entries: Mapping[str, str]) -> str:
    """A list of terms with what each stands for; both are escaped."""
    parts = [element("dt", escape(term)) + element("dd", escape(value)) for term, value in entries.items()]
    return element("dl", *parts)


def svg(width: float, height: float, label: str, parts: list[str]) -> str:
    """A picture of the given size in px, shrunk where the page is narrower; the label is read aloud."""
    return element(
        "svg", *parts, viewBox=f"0 0 {width:.0f} {height:.0f}", width=round(width), role="img", aria_label=label
    )


def _name(name: str) -> str:
    return name.rstrip("_").replace("_", "-")


def _value(value: object) -> str:
    return f"{round(value, 2):g}" if isinstance(value, float) and abs(value) < 1e5 else str(value)
