"""Rows of a plan: of images by their placement on a map, and of mosaics by their strips."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from orbitile.base.unforeseen import unforeseen_reason
from orbitile.georeferencing.project_image import TargetGrid, strip_target
from orbitile.georeferencing.projection.choose_crs import choose_crs, grid_around
from orbitile.rasters.data_bands import DataBand, joint_dtype, joint_nodata
from orbitile.space.bodies import Body
from orbitile.space.footprints import FootprintOutline, grid_outline
from orbitile.space.grids import Grid, grid_around_grids, wkt_of
from orbitile.space.ground import Ground
from orbitile.tables.georef_methods import GEOREF_METHODS, PROJECTED
from orbitile.tables.plan import ImageRow, PlanRow, UnplannedScene


class TargetMap(NamedTuple):
    """Where images go: the run's map (None: one that fits), its pixel size in metres, the body.

    Beyond a latitude of `polar_latitude` degrees polar maps are chosen.
    """

    crs: str | None
    gsd_m: float
    body: Body
    polar_latitude: float = 65.0

    def wkt(self, lon: np.ndarray, lat: np.ndarray) -> str:
        """The map, as WKT, of images with a border (n, degrees)."""
        if self.crs is not None:
            return wkt_of(self.crs)
        return choose_crs(lon, lat, self.body, self.polar_latitude)

    def grid(self, border: FootprintOutline, wkt: str) -> Grid:
        """The window of the common pixel grid around a border."""
        return grid_around(*border, wkt, self.gsd_m, self.body.radius_m)


@dataclass(frozen=True, kw_only=True)
class ImagePlacement:
    """Where an image lies, by its header: its grid (on the target map, unless it is map-projected) and its outline.

    `bands` are all of its data bands. `border` is the dense border (n, degrees) of images that are not map-projected;
    the plan does not keep it, but the grid of a strip on the map of its mosaic is fitted around it. `inputs` are all
    files that its pixels and its position come from. `unused_grid` is the grid on its own map of an image that is
    mapped in plain pixels nevertheless, `exif_orientation` how viewers turn one.
    """

    georef_method: str
    grid: Grid
    bands: tuple[DataBand, ...]
    outline: FootprintOutline
    image_gsd_m: float
    error_m: float | None = None
    incidence_deg: float | None = None
    instrument: str | None = None
    border: FootprintOutline | None = None
    inputs: tuple[str, ...] = ()
    unused_grid: Grid | None = None
    exif_orientation: int = 1


class PlannedImage(NamedTuple):
    """An image's row of the plan, and its dense border if it was read now and is not map-projected."""

    row: PlanRow
    border: FootprintOutline | None = None


def row_of_placement(placement: ImagePlacement, bands: Sequence[DataBand], **columns: Any) -> PlanRow:  # noqa: ANN401
    """The plan's row of an image used with certain bands; `columns` are those that its placement does not tell."""
    lon, lat = placement.outline
    return PlanRow(
        georef_method=placement.georef_method, error_m=placement.error_m, instrument=placement.instrument,
        image_gsd_m=placement.image_gsd_m, incidence_deg=placement.incidence_deg, **_grid_columns(placement.grid),
        dtype=joint_dtype(bands), nodata=joint_nodata(bands), bands=[band.number for band in bands],
        band_names=[band.name for band in bands], outline_lon=lon.tolist(), outline_lat=lat.tolist(), **columns,
    )  # fmt: skip


def _grid_columns(grid: Grid) -> dict[str, Any]:
    transform = list(grid.transform)[:6]
    return dict(crs_wkt=grid.crs_wkt, transform=transform, width=grid.width, height=grid.height, gsd_m=grid.gsd_m)


def place_projected(grid: Grid, bands: tuple[DataBand, ...], body: Body) -> ImagePlacement:
    """The placement of a map-projected image on its own grid."""
    outline = grid_outline(grid, Ground(grid.crs_wkt, body.radius_m))
    return ImagePlacement(georef_method=PROJECTED, grid=grid, bands=bands, outline=outline, image_gsd_m=grid.gsd_m)


def merge_mosaics(
    images: Sequence[PlannedImage],
    unplanned: Sequence[UnplannedScene],
    mosaics: Mapping[str, str | None],
    maps: TargetMap,
    check_grid: Callable[[Grid], None] = lambda grid: None,
) -> tuple[list[PlanRow], list[UnplannedScene]]:
    """Merge the strips of each mosaic (`mosaics`: its name by scene) into one row.

    Returns the rows of the plan and the scenes that cannot be planned, both sorted by scene. A mosaic that lacks a
    strip cannot be planned, nor one whose grid `check_grid` refuses.
    """
    faults = {mosaics[scene.scene]: scene for scene in reversed(unplanned) if mosaics[scene.scene]}
    strips: dict[str, list[PlannedImage]] = {}
    for image in images:
        if mosaic := mosaics[image.row.scene]:
            strips.setdefault(mosaic, []).append(image)
    scenes = [image.row for image in images if not mosaics[image.row.scene]]
    merged = [_try_to_merge(name, pieces, maps, check_grid) for name, pieces in strips.items() if name not in faults]
    scenes += [row for row in merged if isinstance(row, PlanRow)]
    failed = [scene for scene in unplanned if not mosaics[scene.scene]]
    failed += [scene for scene in merged if isinstance(scene, UnplannedScene)]
    failed += [
        replace(strip, scene=name, reason=f"strip {strip.scene}: {strip.reason}")
        for name, strip in faults.items()
        if name is not None
    ]
    return sorted(scenes, key=lambda row: row.scene), sorted(failed, key=lambda scene: scene.scene)


def _try_to_merge(
    name: str, images: Sequence[PlannedImage], maps: TargetMap, check_grid: Callable[[Grid], None]
) -> PlanRow | UnplannedScene:
    """The row of the scene that strips become, or why there is none: whatever goes wrong is this scene's fault."""
    try:
        row = _mosaic_row(name, images, maps)
        check_grid(row.grid)
        return row
    except Exception as error:
        first, inputs = images[0].row, [file for image in images for file in image.row.inputs]
        fingerprint = "+".join(image.row.fingerprint for image in images)
        reason = f"{first.path}: mosaic {name}: {unforeseen_reason(error)}"
        return UnplannedScene(name, first.path, fingerprint, reason, inputs)


def _mosaic_row(name: str, images: Sequence[PlannedImage], maps: TargetMap) -> PlanRow:
    """The row of the scene that strips become, on one map; its method is the least trusted of theirs."""
    images = sorted(images, key=lambda image: image.row.scene)
    wkt = _common_map([image.row for image in images], maps)
    strips = [_row_on_map(image, wkt, maps) for image in images]
    grid = grid_around_grids([_strip_grid(strip, wkt, maps) for strip in strips])
    lon, lat = grid_outline(grid, Ground(wkt, maps.body.radius_m))
    return replace(
        strips[0],
        scene=name, strips=[ImageRow.of(strip) for strip in strips], **_grid_columns(grid), request_key="",
        georef_method=max((strip.georef_method for strip in strips), key=GEOREF_METHODS.index),
        error_m=_largest_error_m(strips), image_gsd_m=min(strip.image_gsd_m for strip in strips),
        incidence_deg=None, instrument=None, kernels=None, corners=None, elevation=None,
        inputs=[file for strip in strips for file in strip.inputs],
        fingerprint="+".join(strip.fingerprint for strip in strips), outline_lon=lon.tolist(), outline_lat=lat.tolist(),
        warnings=[f"strip {strip.scene}: {text}" for strip in strips for text in strip.warnings],
    )  # fmt: skip


def _largest_error_m(strips: Iterable[PlanRow]) -> float | None:
    return max((strip.error_m for strip in strips if strip.error_m is not None), default=None)


def _common_map(strips: Sequence[PlanRow], maps: TargetMap) -> str:
    """The run's map, that of the first projected strip, or one that fits all of them."""
    projected = [strip.crs_wkt for strip in strips if strip.georef_method == PROJECTED]
    if maps.crs is None and projected:
        return projected[0]
    lon, lat = (np.concatenate([getattr(strip, side) for strip in strips]) for side in ("outline_lon", "outline_lat"))
    return maps.wkt(lon, lat)


def _row_on_map(image: PlannedImage, wkt: str, maps: TargetMap) -> PlanRow:
    """The row of a strip, with its grid on the map of the mosaic if it is not map-projected."""
    if image.row.georef_method == PROJECTED or image.border is None:
        return image.row
    grid = maps.grid(image.border, wkt)
    return replace(image.row, crs_wkt=wkt, transform=list(grid.transform)[:6], width=grid.width, height=grid.height)


def _strip_grid(strip: PlanRow, wkt: str, maps: TargetMap) -> Grid:
    """The grid that a strip gets on the map of its mosaic."""
    if strip.georef_method != PROJECTED:
        return strip.grid
    return strip_target(TargetGrid(maps.body, None, maps.gsd_m), wkt).grid(strip.grid)
