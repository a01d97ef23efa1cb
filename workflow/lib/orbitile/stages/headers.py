"""Reading the headers of all scenes: where they lie, and what cannot be mapped."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import pandas as pd
import rasterio
from affine import Affine
from pyproj import CRS
from pyproj.exceptions import CRSError

from orbitile.errors import OrbitileError
from orbitile.files import fingerprint
from orbitile.rasters.read import opened
from orbitile.settings import Settings
from orbitile.space.bodies import Body, body, lies_on
from orbitile.space.footprints import close_pairs, outline
from orbitile.space.grids import Grid
from orbitile.space.ground import Ground
from orbitile.tables.scenes import read_scene_table


class Row(NamedTuple):
    """A row of the scene table."""

    scene: str
    path: str
    body: str | None
    group: str


def read_headers(settings: Settings) -> list[dict]:
    """Read all headers, refuse what cannot be mapped, and find which groups are neighbours.

    Returns the rows of the plan (see orbitile.tables.plan.SCHEMA), sorted by scene.
    """
    where = body(settings.body)
    _check_map(settings, where)
    scenes = read_scene_table(settings.scenes)
    with ThreadPoolExecutor(8) as pool:
        rows = list(pool.map(lambda row: _inspect(Row(*row), settings, where), scenes.to_numpy()))
    neighbours = _neighbours(pd.DataFrame(rows), settings, where)
    return [row | dict(neighbours=neighbours[row["group"]]) for row in rows]


def _inspect(row: Row, settings: Settings, expected: Body) -> dict:
    """One scene's row of the plan, from its header alone."""
    named = row.body if isinstance(row.body, str) and row.body else settings.body
    if body(named) != expected:
        raise OrbitileError(f"{settings.scenes}: scene {row.scene} lies on {named}, the run on {expected.name}")
    with opened(row.path) as source:
        grid = _grid(source, row, settings, expected)
        dtype, nodata = source.dtypes[0], source.nodata
    _refuse_unfit(grid, row, settings)
    lon, lat = outline(grid, Ground(grid.crs_wkt, expected.radius_m))
    return dict(
        scene=row.scene, group=row.group, path=row.path, fingerprint=fingerprint(row.path),
        body=expected.name, crs_wkt=grid.crs_wkt, transform=list(grid.transform)[:6],
        width=grid.width, height=grid.height, gsd_m=grid.gsd_m, dtype=dtype, nodata=nodata,
        outline_lon=lon.tolist(), outline_lat=lat.tolist(),
    )  # fmt: skip


def _grid(source: rasterio.DatasetReader, row: Row, settings: Settings, expected: Body) -> Grid:
    """The image's pixel grid, georeferenced or, where the run says so, in plain pixels."""
    if settings.pixel_coordinates:
        wkt = CRS.from_authority("IAU_2015", expected.code + 10).to_wkt()
        step = settings.finest_m
        return Grid(wkt, Affine(step, 0, 0, 0, -step, 0), source.width, source.height)
    if source.crs is None or source.transform.is_identity:
        raise OrbitileError(
            f"{row.path}: scene {row.scene} has no georeferencing; give a map-projected image, or set "
            "pixel_coordinates: true to map it in pixels"
        )
    grid = Grid(source.crs.to_wkt(), source.transform, source.width, source.height)
    if not lies_on(grid.crs, expected):
        radius = grid.crs.ellipsoid.semi_major_metre / 1000
        raise OrbitileError(
            f"{row.path}: scene {row.scene} lies on another body ({grid.crs.datum.name}, radius {radius:.1f} km); "
            f"the run's body is {expected.name} ({expected.radius_m / 1000:.1f} km)"
        )
    return grid


def _check_map(settings: Settings, expected: Body) -> None:
    """Refuse a map for the whole run that is none, not in metres, or of another body."""
    if settings.crs is None:
        return
    try:
        crs = CRS.from_user_input(settings.crs)
    except CRSError as error:
        raise OrbitileError(f"crs: {settings.crs!r} is no coordinate system that PROJ knows") from error
    westward = any(axis.direction == "west" for axis in (*crs.axis_info, *crs.geodetic_crs.axis_info))
    if not crs.is_projected or not lies_on(crs, expected) or westward or crs.ellipsoid.inverse_flattening:
        raise OrbitileError(
            f"crs: {crs.name} is not a map in metres of {expected.name} as a sphere, longitudes to the east; "
            f"allowed is e.g. IAU_2015:{expected.code + 10}"
        )


def _refuse_unfit(grid: Grid, row: Row, settings: Settings) -> None:
    """Refuse scenes that are too coarse, or in degrees where no map is set."""
    if settings.crs is not None and grid.crs.ellipsoid.inverse_flattening:
        raise OrbitileError(
            f"{row.path}: scene {row.scene} lies on an ellipsoid, the run's map on a sphere; PROJ would take one's "
            "latitudes for the other's; leave crs out, or reproject the scene to a sphere first"
        )
    if settings.crs is None and grid.crs.is_geographic:
        raise OrbitileError(
            f"{row.path}: scene {row.scene} is in degrees; set crs to a map in metres for the run, "
            f"e.g. IAU_2015:{body(settings.body).code + 10}"
        )
    if grid.gsd_m > settings.finest_m * 1.01:
        raise OrbitileError(
            f"{row.path}: scene {row.scene} has {grid.gsd_m:.2f} m/px, coarser than the finest scale asked for "
            f"(scales.0.gsd_m = {settings.finest_m:g}); raise it or leave the scene out"
        )


def _neighbours(table: pd.DataFrame, settings: Settings, where: Body) -> dict[str, list[str]]:
    """Groups whose scenes come closer than the largest object, for each group; none in pixels."""
    found: dict[str, set[str]] = {group: set() for group in table["group"]}
    if not settings.pixel_coordinates:
        reach = max(scale.largest_px * scale.gsd_m for scale in settings.scales) / where.radius_m
        for i, j in close_pairs(_outlines(table), reach):
            one, other = table["group"].iloc[i], table["group"].iloc[j]
            if one != other:
                found[one].add(other)
                found[other].add(one)
    return {group: sorted(others) for group, others in found.items()}


def _outlines(table: pd.DataFrame) -> Iterable[tuple[np.ndarray, np.ndarray]]:
    return [(np.array(r.outline_lon), np.array(r.outline_lat)) for r in table.itertuples()]
