"""shapes: depth, rim and slope of a catalogue's craters from elevation models."""

import json
import logging
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from orbitile.base.files import publish, scratch, write_json
from orbitile.base.provenance import provenance
from orbitile.catalogue import Catalogue
from orbitile.catalogue import open as open_catalogue
from orbitile.counting.crater_shape import DEFINITIONS, OK, QUANTITIES, SHALLOW
from orbitile.counting.crater_shapes import SHAPES, ShapeLimits, ShapeMeasurer
from orbitile.counting.elevation_model import ElevationModel, opened_elevation
from orbitile.counting.elevation_profiles import STEPS
from orbitile.counting.pike import SIMPLE, depths_by_pike
from orbitile.pictures.crater_shape_picture import DepthCurve, ProfileSheet, draw_depths, draw_profiles
from orbitile.tables.parquet import read_arrow

log = logging.getLogger(__name__)

SHEETS = 9


class ShapeFiles(NamedTuple):
    """Where the results go."""

    summary: str
    table: str
    csv: str
    depths: str
    profiles: str


def shapes(catalogue: str, elevation: Sequence[str], limits: Mapping, files: ShapeFiles) -> None:
    """Write the shapes of all craters of a catalogue: table, CSV, pictures, and last the summary.

    `limits` are those of ShapeLimits. OrbitileError where a model is none of the body, or nothing can be measured.
    """
    Path(files.summary).unlink(missing_ok=True)
    opened = open_catalogue(catalogue)
    with ExitStack() as stack:
        models = [stack.enter_context(opened_elevation(Path(path), opened.body)) for path in elevation]
        measurer = ShapeMeasurer(opened, models, ShapeLimits(**limits))
        _write_tables(measurer, files)
        measured = _measured_rows(files.table)
        draw_depths(measured, _curves(opened), opened.body.name, files.depths)
        draw_profiles([_sheet(measurer, row) for row in _chosen(measured)], files.profiles)
        write_json(files.summary, _summary(measurer, measured, limits))
    log.info("%d of %d craters measured", len(measured), measurer.qualities.total())


def _write_tables(measurer: ShapeMeasurer, files: ShapeFiles) -> None:
    """Both tables, batch by batch, complete or not at all."""
    about = {"orbitile": json.dumps(provenance(), sort_keys=True)}
    schema = SHAPES.with_metadata(about)
    with scratch(files.table) as table, scratch(files.csv) as text:
        with pq.ParquetWriter(table, schema, write_page_checksum=True) as rows, pa_csv.CSVWriter(text, SHAPES) as lines:
            for batch in measurer.tables():
                rows.write_table(batch.replace_schema_metadata(about))
                lines.write_table(batch)
        publish({table: Path(files.table), text: Path(files.csv)})


def _measured_rows(table: str) -> pd.DataFrame:
    """The measured rows, with what pictures show."""
    columns = [
        "lon",
        "lat",
        "diameter_km",
        "quality",
        "elevation",
        "rim_diameter_km_error",
        "depth_m_error",
        *QUANTITIES,
    ]
    rows = read_arrow(table, columns).to_pandas()
    return rows[rows["quality"].isin([OK, SHALLOW])]


def _chosen(measured: pd.DataFrame) -> list[dict]:
    """Rows of quality OK spread evenly over their order by diameter."""
    rows = measured[measured["quality"] == OK].sort_values(["rim_diameter_km", "lat", "lon"])
    places = np.unique(np.linspace(0, len(rows) - 1, SHEETS).round().astype(int)) if len(rows) else np.zeros(0, int)
    return rows.iloc[places].to_dict("records")


def _curves(catalogue: Catalogue) -> list[DepthCurve]:
    """Published depths of the body's craters."""
    lines = depths_by_pike(catalogue.body)
    places = [np.geomspace(line.least_km, line.largest_km, 50) for line in lines]
    return [DepthCurve(line.name, place, line.depth_km(place)) for line, place in zip(lines, places, strict=True)]


def _sheet(measurer: ShapeMeasurer, row: dict) -> ProfileSheet:
    """Profiles of a crater, around its place in the catalogue."""
    diameter_m = row["diameter_km"] * 1000
    patch = measurer.patch(row["lon"], row["lat"], diameter_m, row["elevation"])
    profiles = patch.profiles(np.array([[0, 0, diameter_m / 2]]))[0]
    return ProfileSheet(
        STEPS * row["diameter_km"] / 2, profiles, row["rim_diameter_km"] / 2, row["rim_m"], row["floor_m"],
        row["surroundings_m"],
        "{lon:.3f} E, {lat:.3f} N: {rim_diameter_km:.3g} km, depth {depth_m:.0f} ± {depth_m_error:.0f} m, "
        "wall {wall_slope_deg:.0f}°".format(**row),
    )  # fmt: skip


def _summary(measurer: ShapeMeasurer, measured: pd.DataFrame, limits: Mapping) -> dict:
    catalogue, rows = measurer.catalogue, measured[measured["quality"] == OK]
    middle = rows[["rim_diameter_km", "depth_m", "depth_to_diameter", "rim_height_m", "wall_slope_deg"]].median()
    return dict(
        craters=measurer.qualities.total(), quality=dict(sorted(measurer.qualities.items())),
        medians={name: _number(value) for name, value in middle.items()}, pike=_pike(catalogue, rows),
        elevation=[_described(model) for model in measurer.models], settings=dict(limits), definitions=DEFINITIONS,
        catalogue_sha256=catalogue.metadata.get("sha256"), body=catalogue.body.name, **provenance(),
        files=[dict(path="shapes.parquet", rows=measurer.qualities.total())],
    )  # fmt: skip


def _described(model: ElevationModel) -> dict:
    grid = model.grid
    return dict(
        path=str(model.path), width=grid.width, height=grid.height, gsd_m=_number(grid.gsd_m), crs=grid.crs.name
    )


def _pike(catalogue: Catalogue, rows: pd.DataFrame) -> dict | None:
    """Of the Moon: depths of simple craters over those of Pike (1977), as quartiles."""
    simple = rows[rows["rim_diameter_km"] < SIMPLE.largest_km]
    if not depths_by_pike(catalogue.body) or not len(simple):
        return None
    ratio = simple["depth_m"] / (SIMPLE.depth_km(simple["rim_diameter_km"]) * 1000)
    low, middle, high = (_number(value) for value in ratio.quantile([0.25, 0.5, 0.75]))
    return dict(craters=len(simple), below_km=SIMPLE.largest_km, quartile=low, median=middle, third_quartile=high)


def _number(value: float) -> float | None:
    return float(f"{value:.6g}") if np.isfinite(value) else None
