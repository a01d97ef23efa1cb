"""georeference: every scene of a group as a cloud-optimised GeoTIFF on the run's map and finest scale."""

import json
import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import rasterio
from pyproj import CRS
from rasterio.enums import Resampling
from rasterio.warp import calculate_default_transform

from orbitile.files import key, write_json
from orbitile.jobs.pieces import Piece, Work
from orbitile.rasters.histogram import EXACT_TYPES, Histogram
from orbitile.rasters.read import opened
from orbitile.rasters.resample import as_it_is, pixel_type, warped
from orbitile.rasters.write import Block, write_cog
from orbitile.space.grids import Grid
from orbitile.space.scales import factor_between
from orbitile.tables.plan import OF_IMAGE, OF_MOSAIC
from orbitile.tables.rasters import RasterRow, write_rasters

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Target:
    """What georeferenced scenes look like: map (None: each scene's own), scale in m/px, stretch.

    The stretch goes by each scene's percentiles, or by the same values for all.
    """

    crs: str | None
    gsd_m: float
    stretch_percentiles: tuple[float, float]
    stretch_values: tuple[float, float] | None = None


def georeference(scenes: list[dict], target: Target, folder: str, out: str, work: Work) -> None:
    """Georeference a group's scenes (rows of the plan) into `folder`; write their table to `out`.

    Finished scenes stay in `folder` under a key of their input and target, and are not done again.
    """
    by_name = {scene["scene"]: scene for scene in scenes}
    pieces = [Piece(name, _description(scene, target, Path(folder))) for name, scene in by_name.items()]
    whole = work.each(pieces, lambda piece: _georeference_scene(by_name[piece.scene], target, piece.path))
    write_rasters([_row(by_name[piece.scene], piece.path) for piece in whole], out, work.account)


def _row(scene: dict, description: Path) -> RasterRow:
    """The table row of a finished raster; what lies beside it may have changed since it was made."""
    return RasterRow(**json.loads(description.read_text()) | {name: scene[name] for name in OF_MOSAIC})


def _description(scene: dict, target: Target, folder: Path) -> Path:
    """The file that describes a finished raster, and lies beside it."""
    version = key(scene={name: scene[name] for name in OF_IMAGE}, target=vars(target), version=2)
    return folder / scene["scene"] / f"{target.gsd_m:g}m-{version}.json"


def _georeference_scene(scene: dict, target: Target, description: Path) -> None:
    """Write a scene's raster and, once that is whole, its description."""
    own = Grid.of(scene)
    path = description.with_suffix(".tif")
    with opened(scene["path"]) as source:
        grid, blocks = _blocks(source, own, target)
        write_cog(path, grid, pixel_type(source), blocks)
    write_json(description, asdict(_describe(scene["scene"], path, target)))
    log.info("scene %s: %d x %d px at %.2f m/px", scene["scene"], grid.width, grid.height, grid.gsd_m)


def _blocks(source: rasterio.DatasetReader, own: Grid, target: Target) -> tuple[Grid, Iterable[Block]]:
    """The grid a scene goes to, and its pixels there: its own where they fit, else warped."""
    same_map = target.crs is None or CRS.from_user_input(target.crs) == own.crs
    if same_map and own.is_upright and factor_between(own.gsd_m, target.gsd_m) == 1:
        return own, as_it_is(source, own)
    grid = _common_grid(own, target)
    shrinks = own.gsd_m < target.gsd_m * 0.99
    return grid, warped(source, grid, Resampling.average if shrinks else Resampling.cubic)


def _common_grid(own: Grid, target: Target) -> Grid:
    """The window of the run's common pixel grid (multiples of its pixel size) that covers a scene."""
    wkt = CRS.from_user_input(target.crs).to_wkt() if target.crs else own.crs_wkt
    bounds = rasterio.transform.array_bounds(own.height, own.width, own.transform)
    exact, width, height = calculate_default_transform(own.crs_wkt, wkt, own.width, own.height, *bounds)
    right, bottom = exact.c + exact.a * width, exact.f + exact.e * height
    return Grid.on_lattice(wkt, target.gsd_m, (exact.c, bottom, right, exact.f))


def _describe(scene: str, path: Path, target: Target) -> RasterRow:
    """The table row of a georeferenced scene, with the percentiles of its valid pixels."""
    with opened(str(path)) as source:
        grid = Grid(source.crs.to_wkt(), source.transform, source.width, source.height)
        histogram = _histogram(source, grid)
    low, high = target.stretch_values or map(histogram.percentile, target.stretch_percentiles)
    share = histogram.count / (grid.width * grid.height)
    return RasterRow(
        scene, target.gsd_m, str(path), grid.crs_wkt, list(grid.transform)[:6], grid.width, grid.height,
        share, low, high, "projected",
    )  # fmt: skip


def _histogram(source: rasterio.DatasetReader, grid: Grid) -> Histogram:
    """Count an image's valid pixels; types wider than 16 bit take one more pass for their bounds."""
    dtype = source.dtypes[0]
    histogram = Histogram(dtype) if dtype in EXACT_TYPES else Histogram(dtype, *_bounds(as_it_is(source, grid)))
    for _, pixels, valid in as_it_is(source, grid):
        histogram.feed(pixels, valid)
    return histogram


def _bounds(blocks: Iterable[Block]) -> tuple[float, float]:
    extremes = [(float(p[v].min()), float(p[v].max())) for _, p, v in blocks if v.any()]
    return (min(low for low, _ in extremes), max(high for _, high in extremes)) if extremes else (0.0, 1.0)
