"""Columns of tables of boxes in pixels: the names that programs for labels give to corners, centres and sides."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from orbitile.tables.column_names import plain_name

CORNERS, CORNER_AND_SIDES, CENTRE_AND_SIDES = "corners", "corner and sides", "centre and sides"
LAYOUTS = {
    ("xmin", "ymin", "xmax", "ymax"): CORNERS,
    ("x_min", "y_min", "x_max", "y_max"): CORNERS,
    ("x1", "y1", "x2", "y2"): CORNERS,
    ("left", "top", "right", "bottom"): CORNERS,
    ("x", "y", "w", "h"): CORNER_AND_SIDES,
    ("x", "y", "width", "height"): CORNER_AND_SIDES,
    ("left", "top", "width", "height"): CORNER_AND_SIDES,
    ("xmin", "ymin", "width", "height"): CORNER_AND_SIDES,
    ("bbox_x", "bbox_y", "bbox_width", "bbox_height"): CORNER_AND_SIDES,
    ("col", "row", "width", "height"): CORNER_AND_SIDES,
    ("cx", "cy", "w", "h"): CENTRE_AND_SIDES,
    ("cx", "cy", "width", "height"): CENTRE_AND_SIDES,
    ("x_center", "y_center", "width", "height"): CENTRE_AND_SIDES,
    ("x_centre", "y_centre", "width", "height"): CENTRE_AND_SIDES,
}
"""Names of columns of boxes, and what they hold; of several layouts in a table the first counts."""
IMAGE_COLUMNS = ("scene", "image", "filename", "file_name", "image_name", "image_id", "file")
BOX_WANTED = {name for names in LAYOUTS for name in names} | {*IMAGE_COLUMNS, "class", "agreement", "annotators"}


class BoxColumns(NamedTuple):
    """The columns of a table that hold its boxes, by plain name, and what they hold."""

    names: tuple[str, str, str, str]
    kind: str

    def corner_and_sides(self, columns: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Left, top, width and height, each (n), of the four columns, each (n)."""
        first, second, third, fourth = columns
        if self.kind == CORNERS:
            return [first, second, third - first, fourth - second]
        if self.kind == CENTRE_AND_SIDES:
            return [first - third / 2, second - fourth / 2, third, fourth]
        return [first, second, third, fourth]


def find_box_columns(header: Sequence[str]) -> BoxColumns | None:
    """The columns of boxes by a table's header; None where it has none."""
    names = {plain_name(name) for name in header}
    return next((BoxColumns(layout, kind) for layout, kind in LAYOUTS.items() if names.issuperset(layout)), None)


def find_image_column(header: Sequence[str]) -> str | None:
    """The column that names each box's scene or image; None where there is none."""
    names = {plain_name(name) for name in header}
    return next((name for name in IMAGE_COLUMNS if name in names), None)
