"""Reading the headers of all scenes: where they lie, and what cannot be mapped."""

import math
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import rasterio
from affine import Affine
from pyproj import CRS
from pyproj.exceptions import CRSError

from orbitile.errors import OrbitileError
from orbitile.files import key, version_of
from orbitile.grouping import assign
from orbitile.rasters.read import opened
from orbitile.settings import Settings
from orbitile.space.bodies import Body, body, lies_on
from orbitile.space.footprints import close_pairs, middle, outline
from orbitile.space.grids import Grid
from orbitile.space.ground import Ground
from orbitile.space.mosaics import Lending, Neighbour, neighbours
from orbitile.tables.plan import FOR_JOBS, Group, Unplanned
from orbitile.tables.scenes import read_scene_table

READERS = 8
"""Headers read at once; a parallel file system answers many requests as fast as one."""


class Row(NamedTuple):
    """A row of the scene table."""

    scene: str
    path: str
    body: str | None
    group: str | None


class Context(NamedTuple):
    """What all scenes are read with; `known` are rows of an earlier plan by image."""

    settings: Settings
    body: Body
    known: Mapping[str, dict]


def read_headers(settings: Settings, known: Mapping[str, dict]) -> tuple[list[dict], list[Unplanned]]:
    """Read all headers: the rows of the plan without groups, sorted by scene, and the scenes that cannot be planned.

    Images that are `known` from an earlier plan (its rows by path) and have not changed are not opened.
    """
    where = body(settings.body)
    _check_map(settings, where)
    scenes = read_scene_table(settings.scenes)
    rows, unplanned = _read_all(scenes, Context(settings, where, known))
    own = dict(zip(scenes["scene"], scenes["group"], strict=True))
    return [row | dict(group=own[row["scene"]]) for row in rows], unplanned


def group_scenes(rows: list[dict], settings: Settings, frozen: Mapping[str, str]) -> tuple[list[dict], list[Group]]:
    """Put scenes (rows of the plan) into groups, and find which groups are neighbours.

    `frozen` are the groups of an earlier plan by scene.
    """
    table = pd.DataFrame(rows, columns=["scene", "group"])
    own = set(table["group"].dropna())
    centres = [middle(row["outline_lon"], row["outline_lat"]) for row in rows]
    groups = assign(table.assign(centre=centres), settings.scenes_per_group, frozen)
    rows = [
        row | dict(group=groups[row["scene"]]) | lent for row, lent in zip(rows, _lent(rows, settings), strict=True)
    ]
    table = pd.DataFrame(rows)
    near = _neighbours(table, settings, body(settings.body))
    described = [
        Group(name, near[name], _beside(part, groups), _version(part), _gigapixels(part, settings), name in own)
        for name, part in table.groupby("group")
    ]
    return rows, described


def _read_all(scenes: pd.DataFrame, context: Context) -> tuple[list[dict], list[Unplanned]]:
    """The rows of scenes that can be planned, and the others."""
    with ThreadPoolExecutor(READERS) as pool:
        results = list(pool.map(lambda row: _try(Row(*row), context), scenes.to_numpy()))
    unplanned = [one for one in results if isinstance(one, Unplanned)]
    return [one for one in results if isinstance(one, dict)], unplanned


def _try(row: Row, context: Context) -> dict | Unplanned:
    """A scene's row of the plan, or why there is none."""
    try:
        return _inspect(row, context)
    except OrbitileError as error:
        return Unplanned(row.scene, row.path, version_of(row.path), str(error))


def _lent(rows: list[dict], settings: Settings) -> list[dict]:
    """For each scene whether it is a piece of a mosaic, and which others lend it pixels: of its own data type only."""
    margin = "never" if settings.pixel_coordinates else settings.margin
    lending = Lending(margin, settings.margin_m, math.lcm(*settings.factors))
    found: dict[str, list[Neighbour] | None] = {}
    for dtype in {row["dtype"] for row in rows}:
        found |= neighbours({row["scene"]: Grid.of(row) for row in rows if row["dtype"] == dtype}, lending)
    return [
        dict(in_mosaic=some is not None, beside=[n.scene for n in some or []], turns=[n.turn for n in some or []])
        for some in (found[row["scene"]] for row in rows)
    ]


def _beside(scenes: pd.DataFrame, groups: Mapping[str, str]) -> list[str]:
    """The other groups whose scenes lend pixels to those of one group."""
    own = set(scenes["scene"])
    return sorted({groups[other] for beside in scenes["beside"] for other in beside if other not in own})


def _version(scenes: pd.DataFrame) -> str:
    """A key of all that a group's jobs read of the plan."""
    return key(scenes=scenes[FOR_JOBS].to_dict("records"))


def _gigapixels(scenes: pd.DataFrame, settings: Settings) -> float:
    """A group's pixels at the finest scale, in 10^9."""
    return float((scenes["width"] * scenes["height"] * (scenes["gsd_m"] / settings.finest_m) ** 2).sum() / 1e9)


def _inspect(row: Row, context: Context) -> dict:
    """One scene's row of the plan, from its header alone."""
    settings, expected = context.settings, context.body
    named = row.body if isinstance(row.body, str) and row.body else settings.body
    if not Path(row.path).is_file():
        raise OrbitileError(f"{settings.scenes}: scene {row.scene}: no file at {row.path}")
    if body(named) != expected:
        raise OrbitileError(f"{settings.scenes}: scene {row.scene} lies on {named}, the run on {expected.name}")
    version = version_of(row.path)
    known = context.known.get(row.path)
    header = known if known and known["fingerprint"] == version else _header(row, settings, expected)
    _refuse_unfit(Grid.of(header), row, settings)
    return header | dict(scene=row.scene, path=row.path, fingerprint=version, body=expected.name)


def _header(row: Row, settings: Settings, expected: Body) -> dict:
    """What a scene's image says of its grid and pixels, and its outline on the body."""
    with opened(row.path) as source:
        grid = _grid(source, row, settings, expected)
        dtype, nodata = source.dtypes[0], source.nodata
    lon, lat = outline(grid, Ground(grid.crs_wkt, expected.radius_m))
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
        raise OrbitileError(f"{row.path}: scene {row.scene}: its border lies off {expected.name}; cut it to the disc")
    return dict(
        crs_wkt=grid.crs_wkt, transform=list(grid.transform)[:6], width=grid.width, height=grid.height,
        gsd_m=grid.gsd_m, dtype=dtype, nodata=nodata, outline_lon=lon.tolist(), outline_lat=lat.tolist(),
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
    """Groups whose scenes may hold detections of one object, for each group; none in pixels."""
    found: dict[str, set[str]] = {group: set() for group in table["group"]}
    if not settings.pixel_coordinates:
        reach = (settings.reach_m + 2 * settings.slack_m) / where.radius_m
        groups = table["group"].to_numpy()
        outlines = [(np.array(r.outline_lon), np.array(r.outline_lat)) for r in table.itertuples()]
        for i, j in close_pairs(outlines, reach, groups):
            found[groups[i]].add(groups[j])
            found[groups[j]].add(groups[i])
    return {group: sorted(others) for group, others in found.items()}
