"""The contact sheet: what the network is most and least certain of, cut out of the scenes."""

from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from orbitile import catalogue
from orbitile.base.errors import OrbitileError
from orbitile.base.manifests import read_manifest
from orbitile.pictures.chip_pages import Chip
from orbitile.pictures.rings import pixel_places
from orbitile.pipeline import CHAIN_RESULTS, DETECTION
from orbitile.reporting.embedding import pixels_address
from orbitile.reporting.markup import element, svg
from orbitile.review.chips import RunRasters
from orbitile.review.extremes import Extremes, certainty_column, extreme_rows
from orbitile.space.bodies import find_body
from orbitile.tables.feature_parts import read_features

CRATER_COLUMNS = ["scene", "lon", "lat", "width_m", "height_m", "diameter_km"]
POLYGON_COLUMNS = ["feature", "scene", "scale_m", "class", "lon", "lat", "probability", "area_m2", "geometry"]
CHIP_PX = 160
OUTLINE, CASING = "#ffd60a", "#000000"


class ChipFigures(NamedTuple):
    """How rows become figures: the column of their certainty, what cuts one out, and what says where it lies."""

    certainty: str
    cut_out: Callable[[dict], Chip]
    locate: Callable[[dict], str]

    def figure(self, row: dict) -> str:
        """The figure of a row; without its picture where that cannot be cut out."""
        try:
            chip = self.cut_out(row)
            size = f"{chip.diameter_km:.3g} km"
        except (OrbitileError, OSError) as error:
            chip, size = None, f"no picture: {error}"
        certainty = f"{self.certainty} {row[self.certainty]:.3f}"
        words = [word for word in (certainty, size, row.get("class"), self.locate(row), row["scene"]) if word]
        picture = "" if chip is None else _chip_picture(chip, ", ".join(words))
        return element("figure", picture, element("figcaption", *(escape(word) + "<br>" for word in words)))


def certainty_sheets(results: Path, chain: str, in_pixels: bool = False) -> list[str]:
    """Chips of the most and the least certain craters or polygons; nothing where there are none.

    Of scenes in pixel coordinates places are `in_pixels`.
    """
    manifest = results / CHAIN_RESULTS[chain].manifest
    extremes = _craters(manifest) if chain == DETECTION else _polygons(manifest)
    if not extremes.total:
        return []
    rows = pd.concat([extremes.most, extremes.least])
    rasters, radius_m = RunRasters.read(results, rows["scene"]), find_body(read_manifest(manifest)["body"]).radius_m
    cut_out = rasters.chip if chain == DETECTION else rasters.shape_chip
    figures = ChipFigures(
        extremes.certainty, lambda row: cut_out(row, radius_m),
        (lambda row: _pixel_place(row, rasters, radius_m)) if in_pixels else _place,
    )  # fmt: skip
    noun = "craters" if chain == DETECTION else "polygons"
    return [
        element("h3", escape(f"The {noun} of highest and of lowest {extremes.certainty}")),
        element("p", f"Cut out of the scenes, each stretched by itself; dashed: the outline in the "
                f"{CHAIN_RESULTS[chain].noun}. What is wrong among the lowest says whether the threshold is right.",
                class_="note"),
        *_sheet(f"Highest {extremes.certainty}", extremes.most, figures),
        *_sheet(f"Lowest {extremes.certainty}", extremes.least, figures),
    ]  # fmt: skip


def _craters(manifest: Path) -> Extremes:
    craters = catalogue.open(manifest)
    certainty = certainty_column(craters)
    tables = (batch.to_pandas().dropna(subset=[certainty]) for batch in craters.batches([*CRATER_COLUMNS, certainty]))
    return extreme_rows((table.assign(number=0) for table in tables), certainty)


def _polygons(manifest: Path) -> Extremes:
    tables = (table.to_pandas() for table in read_features(manifest, "polygons", POLYGON_COLUMNS))
    return extreme_rows(tables, "probability")


def _sheet(heading: str, rows: pd.DataFrame, figures: ChipFigures) -> Iterator[str]:
    if rows.empty:
        return
    yield element("h4", escape(heading))
    yield element("div", *map(figures.figure, rows.to_dict("records")), class_="chips")


def _place(row: dict) -> str:
    lat, lon = float(row["lat"]), float(row["lon"])
    return f"{abs(lat):.2f}° {'S' if lat < 0 else 'N'}, {abs(lon):.2f}° {'W' if lon < 0 else 'E'}"


def _pixel_place(row: dict, rasters: RunRasters, radius_m: float) -> str:
    """The column and row of the image; nothing where its scene has no raster."""
    finest_m = min((scale_m for scene, scale_m in rasters.rows if scene == row["scene"]), default=None)
    if finest_m is None:
        return ""
    point = np.array([[row["lon"], row["lat"]]], float)
    (column, line), *_ = pixel_places(point, rasters.rows[row["scene"], finest_m].grid, radius_m)
    return f"column {column:.0f}, row {line:.0f}"


def _chip_picture(chip: Chip, about: str) -> str:
    """The pixels with the outline over them, which keeps its width however large the picture is shown."""
    if chip.image is None or chip.ring is None:
        return ""
    pixels = element("image", href=pixels_address(_small(chip.image)), width=CHIP_PX, height=CHIP_PX,
                     preserveAspectRatio="none")  # fmt: skip
    path = _path(chip.ring * CHIP_PX)
    lines = [
        element("path", d=path, fill="none", stroke=colour, stroke_width=width, stroke_dasharray="6 5",
                stroke_opacity=opacity, vector_effect="non-scaling-stroke")
        for colour, width, opacity in ((CASING, 3, 0.5), (OUTLINE, 1.4, 1))
    ]  # fmt: skip
    return svg(CHIP_PX, CHIP_PX, about, [pixels, *lines])


def _small(image: np.ndarray) -> np.ndarray:
    """Every so many pixels of a large image."""
    step = max(1, min(image.shape[:2]) // (2 * CHIP_PX))
    return np.ascontiguousarray(image[::step, ::step])


def _path(ring: np.ndarray) -> str:
    """An outline (n, 2: x, y; rows of NaN part it) as the path of an SVG."""
    words, is_new = [], True
    for x, y in ring.tolist():
        if x != x:
            is_new = True
            continue
        words.append(f"{'M' if is_new else 'L'}{x:.1f} {y:.1f}")
        is_new = False
    return "".join(words)
