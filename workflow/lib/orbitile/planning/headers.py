"""Reading the headers of all scenes: where they lie, which bands they are used with, and which cannot be planned."""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from orbitile.base.cores import core_count
from orbitile.base.errors import OrbitileError
from orbitile.base.file_access import FileAccess
from orbitile.base.files import cache_key
from orbitile.base.processes import worker_pool
from orbitile.base.remote_files import is_remote, is_served_by
from orbitile.base.unforeseen import unforeseen_reason
from orbitile.base.versions import FileVersions, files_version
from orbitile.georeferencing.image_header import ImageHeader, read_dataset_header, read_image_header, read_remote_header
from orbitile.georeferencing.instruments.isis_support import isis_enabled
from orbitile.georeferencing.methods import choose_method
from orbitile.georeferencing.project_image import TargetGrid
from orbitile.georeferencing.request import GeorefRequest
from orbitile.planning.band_choice import BandRules, check_stretch, choose_bands, network_bands, odd_band_counts
from orbitile.planning.groups import SceneCentre, assign_groups
from orbitile.planning.inputs import absence_of, geometry_files, inputs_of_refused
from orbitile.planning.placement_checks import (
    MisplacedError,
    PlaceLimits,
    check_control_points,
    check_fit,
    check_map,
    check_mosaic_grid,
    check_placement,
    check_run_map,
    placement_warnings,
    with_map_warning,
    without_map_warning,
)
from orbitile.planning.scene_rows import (
    ImagePlacement,
    PlannedImage,
    TargetMap,
    merge_mosaics,
    place_projected,
    row_of_placement,
)
from orbitile.rasters.references import image_files
from orbitile.settings import Settings
from orbitile.space.bodies import Body, find_body
from orbitile.space.footprints import close_pairs, outline_centre
from orbitile.space.grids import Grid
from orbitile.space.mosaics import LendingNeighbour, LendingRules, lending_neighbours, turns_on_map
from orbitile.space.pixel_grid import pixel_grid
from orbitile.tables.georef_methods import CORNERS, ISIS, PROJECTED
from orbitile.tables.plan import FOR_JOBS, PlanGroup, PlanRow, UnplannedScene, scene_images
from orbitile.tables.scenes import SceneEntry, read_scene_table

READERS = 8
"""Headers read at once; a parallel file system answers many requests as fast as one.

In processes of their own: PROJ, SPICE and the parsing of labels, up to 0.2 s each, keep one core busy each, and a file
that brings a library down takes no other scene with it.
"""
HEADER_LIMIT_S = 60.0
"""Seconds within which a header, its kernels included, must be read."""
LOGGED_WARNINGS = 20
"""Warnings that are logged; the plan holds them all."""

log = logging.getLogger(__name__)


class PlanningContext(NamedTuple):
    """What headers are read for; `with_isis`: whether ISIS may be used, found out once for all."""

    settings: Settings
    body: Body
    with_isis: bool

    @property
    def maps(self) -> TargetMap:
        """Where images go that are not map-projected."""
        settings = self.settings
        return TargetMap(settings.crs, settings.finest_m, self.body, settings.georeferencing.polar_latitude)

    @property
    def access(self) -> FileAccess:
        """The folders in which files may lie that images name."""
        return FileAccess(self.settings.access.folders)

    @property
    def limits(self) -> PlaceLimits:
        """What is expected of images."""
        return PlaceLimits.of(self.settings, self.body)


class ReadingContext(NamedTuple):
    """What all scenes are read with; `earlier_rows` are rows of an earlier plan by image.

    `version` is an orbitile.base.versions.FileVersions; `call_in_process` calls a function in another process (see
    orbitile.base.processes.WorkerPool).
    """

    run: PlanningContext
    earlier_rows: Mapping[str, PlanRow]
    bands: BandRules
    version: FileVersions
    call_in_process: Callable[..., Any]


def read_headers(settings: Settings, earlier_rows: Mapping[str, PlanRow]) -> tuple[list[PlanRow], list[UnplannedScene]]:
    """Read all headers: the rows of the plan, sorted by scene, and the scenes that cannot be planned.

    Rows have a group only where the scene table names it. Strips of a mosaic become one scene; if one of them cannot
    be planned, that scene cannot. Images of an earlier plan (its rows by path) that have not changed are not opened.
    """
    body = find_body(settings.body)
    check_run_map(settings, body)
    entries = [SceneEntry(*row) for row in read_scene_table(settings.scenes).itertuples(index=False, name=None)]
    run = PlanningContext(settings, body, isis_enabled(settings.georeferencing.isis))
    bands = BandRules(settings.bands, cache(partial(network_bands, settings)))
    with worker_pool(min(READERS, core_count(), len(entries)), HEADER_LIMIT_S) as pool:
        context = ReadingContext(run, earlier_rows, bands, FileVersions(settings.access.servers), pool.call)
        images, unplanned = _read_all(entries, context)
    check_stretch([image.row for image in images], settings)
    mosaics = {entry.scene: entry.mosaic for entry in entries}
    rows, unplanned = merge_mosaics(
        images, unplanned, mosaics, run.maps, lambda grid: check_mosaic_grid(grid, run.limits)
    )
    rows = [with_map_warning(row, settings) for row in rows]
    _log_warnings(rows)
    return rows, unplanned


def _log_warnings(rows: Sequence[PlanRow]) -> None:
    """Log what is doubtful about scenes, of very many the first."""
    warnings = [f"scene {row.scene}: {text}" for row in rows for text in row.warnings]
    for warning in warnings[:LOGGED_WARNINGS]:
        log.warning("%s", warning)
    if len(warnings) > LOGGED_WARNINGS:
        log.warning("%d more warnings: see column warnings of plan.parquet", len(warnings) - LOGGED_WARNINGS)


def group_scenes(
    rows: Sequence[PlanRow], settings: Settings, max_size: int, frozen: Mapping[str, str]
) -> tuple[list[PlanRow], list[PlanGroup]]:
    """Put scenes (rows of the plan) into groups of at most `max_size`, and find which groups are neighbours.

    `frozen` are the groups of an earlier plan by scene.
    """
    named_groups = {row.group for row in rows if row.group is not None}
    centres = [SceneCentre(row.scene, row.group, outline_centre(row.outline_lon, row.outline_lat)) for row in rows]
    groups = assign_groups(centres, max_size, frozen)
    loans = zip(rows, _loans(rows, settings), strict=True)
    rows = [replace(row, group=groups[row.scene], **loan) for row, loan in loans]
    neighbours = _neighbours(rows, groups, settings)
    members: dict[str, list[PlanRow]] = {name: [] for name in sorted(neighbours)}
    for row in rows:
        members[groups[row.scene]].append(row)
    described = [
        PlanGroup(
            name,
            neighbours[name],
            _lending_groups(scenes, groups),
            _version(scenes, settings),
            _gigapixels(scenes, settings),
            name in named_groups,
            any(image.georef_method == ISIS for image in scene_images(scenes)),
        )
        for name, scenes in members.items()
    ]
    return rows, described


def _read_all(
    entries: Sequence[SceneEntry], context: ReadingContext
) -> tuple[list[PlannedImage], list[UnplannedScene]]:
    """The images that can be planned, and the scenes that cannot."""
    with ThreadPoolExecutor(READERS) as pool:
        attempts = pool.map(lambda entry: _try_to_plan(entry, context), entries)
        results = list(tqdm(attempts, "headers", len(entries), delay=3, disable=None))
    images = [result for result in results if isinstance(result, PlannedImage)]
    unplanned = [result for result in results if isinstance(result, UnplannedScene)]
    reasons = odd_band_counts([image.row for image in images])
    unplanned += [
        UnplannedScene(row.scene, row.path, row.fingerprint, reasons[row.scene], row.inputs)
        for row, _ in images
        if row.scene in reasons
    ]
    return [image for image in images if image.row.scene not in reasons], unplanned


def _try_to_plan(entry: SceneEntry, context: ReadingContext) -> PlannedImage | UnplannedScene:
    """An image's row of the plan, or why there is none: whatever goes wrong is the fault of this scene alone."""
    request = _georef_request(entry, context.run.settings)
    try:
        return _plan_image(entry, request, context)
    except Exception as error:
        log.debug("scene %s cannot be planned", entry.scene, exc_info=error)
        inputs, fingerprint = _version_of_inputs(request, context)
        reason = _name_image(entry, unforeseen_reason(error))
        return UnplannedScene(entry.scene, entry.path, fingerprint, reason, inputs)


def _version_of_inputs(request: GeorefRequest, context: ReadingContext) -> tuple[list[str], str]:
    """What a scene that cannot be planned depends on; nothing where its files cannot even be named to the system."""
    if is_remote(request.path) and not is_served_by(request.path, context.run.settings.access.servers):
        return [], ""  # nobody is asked
    try:
        inputs = inputs_of_refused(request)
        return inputs, files_version(inputs, context.version)
    except (OSError, ValueError):
        return [], ""


def _name_image(entry: SceneEntry, reason: str) -> str:
    """A reason that names the image: kernels, corners and maps belong to many."""
    is_named = entry.path in reason or f"scene {entry.scene}" in reason
    return reason if is_named else f"{entry.path}: {reason}"


def _georef_request(entry: SceneEntry, settings: Settings) -> GeorefRequest:
    """How a row of the scene table, and else the settings, ask for an image to be georeferenced."""
    defaults = settings.georeferencing
    kernels = entry.kernels or (str(defaults.kernels) if defaults.kernels else None)
    elevation = str(defaults.elevation) if defaults.elevation else None
    return GeorefRequest(entry.path, entry.georef_method, kernels, entry.corners, elevation)


def _isis_shape_model(method: str, settings: Settings) -> list[str]:
    """The shape model that ISIS projects onto, if it does."""
    shape = settings.georeferencing.isis_shape
    return [str(shape)] if method == ISIS and shape else []


def _loans(rows: Sequence[PlanRow], settings: Settings) -> list[dict[str, Any]]:
    """For each scene whether it is a piece of a mosaic, and which scenes lend it pixels: of its own data type only."""
    margin = "never" if settings.pixel_coordinates else settings.margin
    rules = LendingRules(margin, settings.margin_m, math.lcm(*settings.factors))
    neighbours: dict[str, list[LendingNeighbour] | None] = {}
    for dtype in {row.dtype for row in rows}:
        neighbours |= lending_neighbours({row.scene: row.grid for row in rows if row.dtype == dtype}, rules)
    target = TargetGrid(find_body(settings.body), settings.crs, settings.finest_m)
    grids = {row.scene: (row.grid, target.grid(row.grid)) for row in rows if neighbours[row.scene]}
    return [_loan(row.scene, neighbours[row.scene], grids, rules.multiple_px) for row in rows]


def _loan(
    scene: str,
    lenders: Sequence[LendingNeighbour] | None,
    grids: Mapping[str, tuple[Grid, Grid]],
    multiple_px: int,
) -> dict[str, Any]:
    """A scene's columns of its mosaic; `grids` are those of images and of what they become, by scene."""
    loans = []
    for lender, wraps in lenders or []:
        images, on_map = zip(grids[scene], grids[lender], strict=True)
        turns = turns_on_map(wraps, images, on_map, multiple_px)
        loans += [(lender, turns)] if turns is not None else []
    return dict(
        in_mosaic=lenders is not None,
        lenders=[lender for lender, _ in loans],
        longitude_wraps=[turns for _, turns in loans],
    )


def _lending_groups(scenes: Sequence[PlanRow], groups: Mapping[str, str]) -> list[str]:
    """The other groups whose scenes lend pixels to those of one group."""
    members = {scene.scene for scene in scenes}
    return sorted({groups[lender] for scene in scenes for lender in scene.lenders if lender not in members})


def _version(scenes: Sequence[PlanRow], settings: Settings) -> str:
    """A key of everything that a group's jobs read of the plan, and of where images lie that are used in place."""
    columns = [scene.columns for scene in scenes]
    local = [image.path for image in scene_images(scenes) if not is_remote(image.path)]
    moves = settings.georeferencing.in_place and not all(Path(path).is_absolute() for path in local)
    place = dict(place=str(Path.cwd())) if moves else {}
    return cache_key(scenes=[{name: scene[name] for name in FOR_JOBS} for scene in columns], **place)


def _gigapixels(scenes: Sequence[PlanRow], settings: Settings) -> float:
    """A group's pixels at the finest scale, in 10^9."""
    return sum(scene.width * scene.height * (scene.gsd_m / settings.finest_m) ** 2 for scene in scenes) / 1e9


def _plan_image(entry: SceneEntry, request: GeorefRequest, context: ReadingContext) -> PlannedImage:
    """An image's row of the plan, from its header alone."""
    settings, body = context.run.settings, context.run.body
    body_name = entry.body or settings.body
    if is_remote(entry.path):
        _check_server(entry, settings)
    elif not Path(entry.path).is_file():
        reason = absence_of(entry.path) or f"there is no file {entry.path}"
        raise OrbitileError(f"{settings.scenes}: scene {entry.scene}: {reason}")
    if find_body(body_name) != body:
        raise OrbitileError(
            f"{settings.scenes}: scene {entry.scene} lies on {body_name}, but the run's body is {body.name}"
        )
    row = _reusable_row(entry, request, context)
    image = PlannedImage(row) if row is not None else _read_image(entry, request, context)
    check_fit(image.row, settings)
    return image


def _check_server(entry: SceneEntry, settings: Settings) -> None:
    """OrbitileError for an image on a server that the settings do not name."""
    if not is_served_by(entry.path, settings.access.servers):
        raise OrbitileError(
            f"{settings.scenes}: scene {entry.scene}: {entry.path}: lies on a server that may not be asked; name the "
            "server in the settings: access: {servers: [https://HOST]}, or download the image and name the file"
        )


def _read_image(entry: SceneEntry, request: GeorefRequest, context: ReadingContext) -> PlannedImage:
    context.version(entry.path)  # kept from before it is read: what changes meanwhile counts as changed since
    companions = context.version.companions(entry.path)
    placement: ImagePlacement = context.call_in_process(_place, entry.scene, request, context.run, companions)
    method = placement.georef_method
    requested = context.bands.requested(entry.bands)
    bands = choose_bands(placement.bands, requested, context.bands.network, f"{entry.path}: scene {entry.scene}")
    relevant = _relevant_request(request, method)
    inputs = [*placement.inputs, *_isis_shape_model(method, context.run.settings)]
    row = row_of_placement(
        placement, bands, scene=entry.scene, path=entry.path, group=entry.group, body=context.run.body.name,
        inputs=inputs, fingerprint=files_version(inputs, context.version), kernels=relevant.kernels,
        corners=relevant.corners, elevation=relevant.elevation,
        request_key=_request_key(entry, request, method, context),
        warnings=placement_warnings(placement, context.run.limits),
    )  # fmt: skip
    if entry.incidence is not None:
        row = replace(row, incidence_deg=entry.incidence)
    return PlannedImage(row, placement.border)


def _relevant_request(request: GeorefRequest, method: str) -> GeorefRequest:
    """What of a request matters to an image that is georeferenced by a method; kernels do not to projected images."""
    return GeorefRequest(request.path, request.method) if method == PROJECTED else request


def _reusable_row(entry: SceneEntry, request: GeorefRequest, context: ReadingContext) -> PlanRow | None:
    """An image's row of an earlier plan, if nothing has changed and it holds all that is needed now."""
    row = context.earlier_rows.get(entry.path)
    if row is None or row.request_key != _request_key(entry, request, row.georef_method, context):
        return None
    is_unchanged = row.fingerprint == files_version(row.inputs, context.version)
    # Plans do not keep the dense border around which the grid of a strip is fitted.
    has_border = entry.mosaic is None or row.georef_method == PROJECTED
    if not is_unchanged or not has_border or not context.bands.still_hold(row, context.bands.requested(entry.bands)):
        return None
    alone = replace(row, scene=entry.scene, group=entry.group, in_mosaic=False, lenders=[], longitude_wraps=[])
    return without_map_warning(alone)


def _request_key(entry: SceneEntry, request: GeorefRequest, method: str, context: ReadingContext) -> str:
    """A key of everything but files that an image's row depends on; projected images depend on less."""
    parts: dict[str, object] = dict(
        request=asdict(_relevant_request(request, method)),
        incidence=entry.incidence,
        bands=context.bands.requested(entry.bands),
    )
    if method != PROJECTED:
        settings = context.run.settings
        parts |= settings.model_dump(include={"crs", "georeferencing"})
        parts |= dict(finest_m=settings.finest_m, isis=context.run.with_isis)
    limits = context.run.limits
    if limits.network_body:  # these make warnings
        parts |= dict(network_body=limits.network_body)
    if limits.network or limits.assumes_gsd:
        parts |= dict(network=limits.network, assumes_gsd=limits.assumes_gsd)
    return cache_key(**parts)


def _place(scene: str, request: GeorefRequest, run: PlanningContext, companions: Sequence[str]) -> ImagePlacement:
    """Read an image's header: how it is georeferenced, its grid and bands, and its outline on the body, all checked."""
    try:
        remote = is_remote(request.path)
        files = [request.path] if remote else image_files(request.path, run.access, companions)
        placement = _place_by_header(scene, request, run)
        check_placement(placement, run.limits)
        return replace(placement, inputs=tuple(dict.fromkeys([*files, *placement.inputs])))
    except MisplacedError as error:
        raise OrbitileError(f"{request.path}: scene {scene} {error}") from error


def _place_by_header(scene: str, request: GeorefRequest, run: PlanningContext) -> ImagePlacement:
    remote = is_remote(request.path)
    if run.settings.pixel_coordinates:
        read = read_remote_header if remote else read_dataset_header
        return _place_in_pixels(read(request.path), run.settings, run.body)
    header = (read_remote_header if remote else read_image_header)(request.path)
    method = choose_method(request, header, run.body, run.with_isis)
    if remote and method != PROJECTED:
        raise OrbitileError(
            f"{request.path}: scene {scene} has no map, and such images are not read from servers; download it first, "
            "and name the file"
        )
    if method == PROJECTED:
        return _place_on_own_map(scene, header, run.limits)
    if method == CORNERS and not request.corners:
        check_control_points(header, run.limits)
    # Imported here: cameras and instruments take longer than the headers of a small run.
    from orbitile.planning.camera_placement import place_by_geometry

    files = geometry_files(request, header, run.access)
    return replace(place_by_geometry(request, method, header, run.maps), inputs=tuple(files))


def _place_in_pixels(header: ImageHeader, settings: Settings, body: Body) -> ImagePlacement:
    """Of an image that is mapped in plain pixels."""
    placement = place_projected(pixel_grid(body, settings.finest_m, *header.size), header.bands, body)
    return replace(placement, unused_grid=header.grid, exif_orientation=header.exif_orientation)


def _place_on_own_map(scene: str, header: ImageHeader, limits: PlaceLimits) -> ImagePlacement:
    """Of a map-projected image."""
    if header.grid is None:
        raise OrbitileError(
            f"{header.path}: scene {scene} has no georeferencing; leave its georef_method empty, or name another"
        )
    check_map(header.grid, limits)
    return place_projected(header.grid, header.bands, limits.body)


def _neighbours(rows: Sequence[PlanRow], groups: Mapping[str, str], settings: Settings) -> dict[str, list[str]]:
    """Groups whose scenes may hold detections of the same object, for each group; none in pixels."""
    group_of_row = [groups[row.scene] for row in rows]
    neighbours: dict[str, set[str]] = {group: set() for group in group_of_row}
    if not settings.pixel_coordinates:
        reach = (settings.reach_m + 2 * settings.slack_m) / find_body(settings.body).radius_m
        outlines = [(np.array(row.outline_lon), np.array(row.outline_lat)) for row in rows]
        for i, j in close_pairs(outlines, reach, group_of_row):
            neighbours[group_of_row[i]].add(group_of_row[j])
            neighbours[group_of_row[j]].add(group_of_row[i])
    return {group: sorted(near) for group, near in neighbours.items()}
