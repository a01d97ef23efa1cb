"""How measures look in all pictures: in colours that colour-blind people tell apart, and in signs beside them."""

from typing import Any, NamedTuple

BLUE, ORANGE, VERMILLION, SKY, PURPLE, GREY = "#0072b2", "#e69f00", "#d55e00", "#56b4e9", "#cc79a7", "#555555"
"""Okabe and Ito's colours, and a grey."""


class MeasureStyle(NamedTuple):
    """The colour of a measure, the hatching of its bars, and the line style and marker of its curves."""

    colour: str
    hatch: str
    line: str
    marker: str

    @property
    def bar(self) -> dict[str, Any]:
        """What bars of Matplotlib take of it."""
        return dict(color=self.colour, hatch=self.hatch, edgecolor="white", linewidth=0)

    @property
    def curve(self) -> dict[str, Any]:
        """What lines of Matplotlib take of it."""
        return dict(color=self.colour, linestyle=self.line, marker=self.marker)


MEASURE_STYLES = dict(
    precision=MeasureStyle(BLUE, "", "-", "o"), recall=MeasureStyle(ORANGE, "///", "--", "s"),
    f1=MeasureStyle(GREY, "...", "-.", "^"), iou=MeasureStyle(PURPLE, "xx", ":", "D"),
)  # fmt: skip
"""By the names of measures as they stand in metrics.json."""
