"""Reading the headers of all scenes: where they lie, and what cannot be mapped."""

import math
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from affine import Affine
from pyproj import CRS
from pyproj.exceptions import CRSError
from tqdm import tqdm

from orbitile.errors import OrbitileError
from orbitile.files import key, version_of, version_of_all
from orbitile.grouping import assign
from orbitile.isis.programs import is_taken
from orbitile.processes import elsewhere
from orbitile.rasters.read import grid_of, opened
from orbitile.raw.against_label import check_against_label
from orbitile.raw.label import Label
from orbitile.raw.products import read_product
from orbitile.settings import Settings
from orbitile.space.bodies import Body, body, lies_on
from orbitile.space.footprints import close_pairs, middle, outline
from orbitile.space.grids import Grid
from orbitile.space.ground import Ground
from orbitile.space.mosaics import Lending, Neighbour, neighbours
from orbitile.tables.plan import FOR_JOBS, Group, Unplanned, images_of
from orbitile.tables.scenes import read_scene_table
from orbitile.tables.ways import ISIS, PROJECTED
from orbitile.ways.choose import best_way, has_map
from orbitile.ways.planned import Maps, header, merged, onto_map
from orbitile.ways.request import Request

READERS = 8
"""Headers read at once; a parallel file system answers many requests as fast as one.

In processes of their own: PROJ, SPICE and the parsing of labels, up to 0.2 s each, keep one core busy each.
"""


class Run(NamedTuple):
    """What headers are read for; `with_isis`: whether ISIS is taken, found out once for all."""

    settings: Settings
    body: Body
    with_isis: bool

    @property
    def maps(self) -> Maps:
        """Where images without a map go."""
        settings = self.settings
        return Maps(settings.crs, settings.finest_m, self.body, settings.georeferencing.polar_latitude)


class Context(NamedTuple):
    """What all scenes are read with; `known` are rows of an earlier plan by image.

    `version` is orbitile.files.version_of, asked once for each file and folder; `elsewhere` calls a function in another
    process (see orbitile.processes).
    """

    run: Run
    known: Mapping[str, dict]
    version: Callable[[str], str]
    elsewhere: Callable[..., dict]


def read_headers(settings: Settings, known: Mapping[str, dict]) -> tuple[list[dict], list[Unplanned]]:
    """Read all headers: the rows of the plan without groups, sorted by scene, and the scenes that cannot be planned.

    Strips of a mosaic become one scene; where one of them cannot be read, that scene cannot be planned. Images that are
    `known` from an earlier plan (its rows by path) and have not changed are not opened.
    """
    where = body(settings.body)
    _check_map(settings, where)
    scenes = read_scene_table(settings.scenes)
    run = Run(settings, where, is_taken(settings.georeferencing.isis))
    with elsewhere() as call:
        rows, unplanned = _read_all(scenes, Context(run, known, cache(version_of), call))
    own = dict(zip(scenes["scene"], scenes["group"], strict=True))
    rows = [row | dict(group=own[row["scene"]]) for row in rows]
    mosaics = dict(zip(scenes["scene"], scenes["mosaic"], strict=True))
    return merged(rows, unplanned, mosaics, run.maps)


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
        Group(
            name,
            near[name],
            _beside(part, groups),
            _version(part),
            _gigapixels(part, settings),
            name in own,
            any(image["way"] == ISIS for image in images_of(part.to_dict("records"))),
        )
        for name, part in table.groupby("group")
    ]
    return rows, described


def _read_all(scenes: pd.DataFrame, context: Context) -> tuple[list[dict], list[Unplanned]]:
    """The rows of scenes that can be planned, and the others."""
    with ThreadPoolExecutor(READERS) as pool:
        tried = pool.map(lambda row: _try(row, context), scenes.itertuples(index=False))
        results = list(tqdm(tried, "headers", len(scenes), delay=3, disable=None))
    unplanned = [one for one in results if isinstance(one, Unplanned)]
    return [one for one in results if isinstance(one, dict)], unplanned


def _try(row: tuple, context: Context) -> dict | Unplanned:
    """A scene's row of the plan, or why there is none."""
    request = _request(row, context.run.settings)
    try:
        return _inspect(row, request, context)
    except OrbitileError as error:
        inputs = _inputs(request)
        return Unplanned(row.scene, row.path, version_of_all(inputs, context.version), _named(row, str(error)), inputs)


def _named(row: tuple, reason: str) -> str:
    """A reason with the image it concerns: kernels, corners and maps are of many."""
    return reason if row.path in reason or f"scene {row.scene}" in reason else f"{row.path}: {reason}"


def _inputs(request: Request) -> list[str]:
    """The files and folders that a header depends on; labels may be files of their own."""
    return request.inputs + Label.companions(request.path)


def _request(row: tuple, settings: Settings) -> Request:
    """What is known of a row of the scene table."""
    defaults = settings.georeferencing
    kernels = row.kernels or (defaults.kernels and str(defaults.kernels))
    return Request(row.path, row.way, kernels, row.corners, defaults.elevation and str(defaults.elevation))


def _shape(way: str, settings: Settings) -> list[str]:
    """The shape model that ISIS projects onto, where it does."""
    shape = settings.georeferencing.isis_shape
    return [str(shape)] if way == ISIS and shape else []


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


def _inspect(row: tuple, request: Request, context: Context) -> dict:
    """One scene's row of the plan, from its header alone."""
    settings, expected = context.run.settings, context.run.body
    named = row.body or settings.body
    if not Path(row.path).is_file():
        raise OrbitileError(f"{settings.scenes}: scene {row.scene}: no file at {row.path}")
    if body(named) != expected:
        raise OrbitileError(f"{settings.scenes}: scene {row.scene} lies on {named}, the run on {expected.name}")
    header = _known_header(row, request, context)
    if header is None:
        header = context.elsewhere(_header, row.scene, request, context.run)
        inputs = _inputs(_used(request, header["way"])) + _shape(header["way"], settings)
        header |= dict(inputs=inputs, fingerprint=version_of_all(inputs, context.version))
        header["asked"] = _asked(row, request, header["way"], context)
    _refuse_unfit(header, row, settings)
    used = _used(request, header["way"])
    return header | dict(
        scene=row.scene, path=row.path, body=expected.name, kernels=used.kernels, corners=used.corners,
        elevation=used.elevation,
        incidence_deg=header["incidence_deg"] if row.incidence is None else row.incidence,
    )  # fmt: skip


def _used(request: Request, way: str) -> Request:
    """What of a request matters to an image that goes a way: nothing but itself, where it has a map of its own."""
    return Request(request.path, request.way) if way == PROJECTED else request


def _known_header(row: tuple, request: Request, context: Context) -> dict | None:
    """An image's row of an earlier plan, if nothing has changed and it has all that is needed now."""
    known = context.known.get(row.path)
    if known is None or known["asked"] != _asked(row, request, known["way"], context):
        return None
    is_unchanged = known["fingerprint"] == version_of_all(known["inputs"], context.version)
    # Plans do not keep the dense border of which the grid of a strip is made.
    has_all = row.mosaic is None or known["way"] == PROJECTED
    return known if is_unchanged and has_all else None


def _asked(row: tuple, request: Request, way: str, context: Context) -> str:
    """A key of what a header depends on beside its files; an image that has a map of its own needs no other."""
    asked = dict(request=asdict(_used(request, way)), incidence=row.incidence)
    if way != PROJECTED:
        settings = context.run.settings
        asked |= settings.model_dump(include={"crs", "georeferencing"})
        asked |= dict(finest_m=settings.finest_m, isis=context.run.with_isis)
    return key(**asked)


def _header(scene: str, request: Request, run: Run) -> dict:
    """What an image says of its grid and pixels, its way onto the map, and its outline on the body."""
    settings = run.settings
    if settings.pixel_coordinates:
        return _in_pixels(request.path, settings, run.body)
    if request.way in (None, PROJECTED) and (own := _on_own_map(scene, request.path, run.body)):
        return own
    way = best_way(request, run.body, run.with_isis)
    if way == PROJECTED:
        raise OrbitileError(f"{request.path}: scene {scene} has no georeferencing; leave its way out, or give another")
    return onto_map(replace(request, way=way), run.maps)


def _in_pixels(path: str, settings: Settings, expected: Body) -> dict:
    """Of an image that is mapped in plain pixels."""
    wkt = CRS.from_authority("IAU_2015", expected.code + 10).to_wkt()
    step = settings.finest_m
    with opened(path) as source:
        check_against_label(source)
        grid = Grid(wkt, Affine(step, 0, 0, 0, -step, 0), source.width, source.height)
        dtype, nodata = source.dtypes[0], source.nodata
    lon, lat = outline(grid, Ground(grid.crs_wkt, expected.radius_m))
    return header(PROJECTED, grid, (dtype, nodata), (lon, lat))


def _on_own_map(scene: str, path: str, expected: Body) -> dict | None:
    """Of an image that has a map of its own; None for others. Most have, so that they are opened only once."""
    if read_product(path) is not None:
        return None
    with opened(path) as source:
        if not has_map(source):
            return None
        grid = grid_of(source)
        dtype, nodata = source.dtypes[0], source.nodata
        _refuse_other_body(scene, path, grid, expected)
        check_against_label(source)
    lon, lat = outline(grid, Ground(grid.crs_wkt, expected.radius_m))
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
        raise OrbitileError(f"{path}: scene {scene}: its border lies off {expected.name}; cut it to the disc")
    return header(PROJECTED, grid, (dtype, nodata), (lon, lat))


def _refuse_other_body(scene: str, path: str, grid: Grid, expected: Body) -> None:
    if lies_on(grid.crs, expected):
        return
    radius = grid.crs.ellipsoid.semi_major_metre / 1000
    raise OrbitileError(
        f"{path}: scene {scene} lies on another body ({grid.crs.datum.name}, radius {radius:.1f} km); "
        f"the run's body is {expected.name} ({expected.radius_m / 1000:.1f} km)"
    )


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


def _refuse_unfit(header: dict, row: tuple, settings: Settings) -> None:
    """Refuse scenes that are too coarse, or in degrees where no map is set."""
    grid = Grid.of(header)
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
    if header["image_gsd_m"] > settings.finest_m * 1.01:
        raise OrbitileError(
            f"{row.path}: scene {row.scene} has {header['image_gsd_m']:.2f} m/px, coarser than the finest scale asked "
            f"for (scales.0.gsd_m = {settings.finest_m:g}); raise it or leave the scene out"
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
