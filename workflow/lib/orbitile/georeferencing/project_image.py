"""Bringing an image onto its map: the target grid, the pixels there, and the metadata of the raster."""

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import NamedTuple

from rasterio.enums import Resampling

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.request import GeorefRequest
from orbitile.rasters.band_selection import opened_values
from orbitile.rasters.resample import common_grid, pixel_type, unchanged_blocks, warped_blocks
from orbitile.rasters.write import Block, PixelType
from orbitile.space.bodies import Body
from orbitile.space.grids import Grid, crs_from_wkt, wkt_of
from orbitile.space.scales import whole_factor
from orbitile.tables.georef_methods import CORNERS, ISIS, PROJECTED
from orbitile.tables.plan import ImageRow

log = logging.getLogger(__name__)


class TargetGrid(NamedTuple):
    """Where images go: the body, the run's map (None: each image's own), its pixel size in metres.

    `corrected`: whether raw images are corrected for echo, odd-even columns and stripes; `cubes` are the map-projected
    cubes that ISIS has made, by scene; `threads` is how many may work. Strips must all lie `on_lattice`: on the map's
    common pixel grid, of multiples of the pixel size.
    """

    body: Body
    crs: str | None
    gsd_m: float
    corrections: bool = True
    cubes: Mapping[str, str] = {}
    threads: int = 1
    on_lattice: bool = False

    def fits(self, image_grid: Grid) -> bool:
        """Whether a map-projected image may keep its grid."""
        same_map = self.crs is None or crs_from_wkt(wkt_of(self.crs)) == image_grid.crs
        same_scale = image_grid.is_upright and whole_factor(image_grid.gsd_m, self.gsd_m) == 1
        return same_map and same_scale and not (self.on_lattice and any(image_grid.fraction))

    def grid(self, image_grid: Grid) -> Grid:
        """The grid that a map-projected image is resampled to; its own if that fits."""
        if self.fits(image_grid):
            return image_grid
        wkt = wkt_of(self.crs) if self.crs else image_grid.crs_wkt
        return common_grid(image_grid, wkt, self.gsd_m)


def strip_target(target: TargetGrid, crs_wkt: str) -> TargetGrid:
    """Where the strips of a mosaic go that lies on a given map."""
    return target._replace(crs=crs_wkt, on_lattice=True)


class ProjectedImage(NamedTuple):
    """An image on a grid: its pixels there, how a raster holds them, and what its metadata tells."""

    grid: Grid
    type: PixelType
    blocks: Iterable[Block]
    tags: dict[str, str]


@contextmanager
def project_image(image: ImageRow, target: TargetGrid) -> Iterator[ProjectedImage]:
    """Bring an image onto its map, with the bands that the plan names; blocks are computed as they are consumed."""
    project = {PROJECTED: _resample, ISIS: _use_isis_cube}.get(image.georef_method, _project_by_camera)
    with project(image, target) as projected:
        kind = replace(projected.type, bands=tuple(image.band_names))
        yield projected._replace(type=kind, tags=provenance_tags(image) | projected.tags)


def provenance_tags(image: ImageRow) -> dict[str, str]:
    """The metadata of every raster: how the image was georeferenced, and its expected error."""
    tags = dict(
        georef_method=image.georef_method, expected_error_m=image.error_m, instrument=image.instrument,
        kernels=image.kernels, corners=image.corners, elevation=image.elevation,
    )  # fmt: skip
    return {name: str(value) for name, value in tags.items() if value is not None}


@contextmanager
def _resample(image: ImageRow, target: TargetGrid) -> Iterator[ProjectedImage]:
    """A map-projected image: its own pixels where its grid fits, else warped."""
    grid = target.grid(image.grid)
    shrinks = image.gsd_m < target.gsd_m * 0.99
    with opened_values(image.path, image.channels) as (source, channels):
        if grid == image.grid:
            blocks = unchanged_blocks(source, grid, channels)
        else:
            blocks = warped_blocks(source, grid, Resampling.average if shrinks else Resampling.cubic, channels)
        yield ProjectedImage(grid, pixel_type(source, channels), blocks, {})


@contextmanager
def _use_isis_cube(image: ImageRow, target: TargetGrid) -> Iterator[ProjectedImage]:
    """The cube that ISIS has made, with the map that it was asked for: the WKT in the cube differs a little."""
    cube = target.cubes.get(image.scene)
    if cube is None:
        raise OrbitileError(f"{image.path}: ISIS has not made a cube of it; see the log of the rule isis")
    with opened_values(cube, image.channels) as (source, channels):
        grid = Grid(image.crs_wkt, source.transform, source.width, source.height)
        if not grid.is_upright or whole_factor(grid.gsd_m, target.gsd_m) != 1:
            raise OrbitileError(f"{cube}: has {grid.gsd_m:g} m/px instead of {target.gsd_m:g}; delete it and run again")
        yield ProjectedImage(grid, pixel_type(source, channels), unchanged_blocks(source, grid, channels), {})


@contextmanager
def _project_by_camera(image: ImageRow, target: TargetGrid) -> Iterator[ProjectedImage]:
    """By the image's camera, or by the one that its corners or control points make."""
    # Imported here: cameras and instruments take longer than a map-projected image needs to be read.
    from orbitile.georeferencing.image_geometry import image_geometry
    from orbitile.georeferencing.image_header import read_image_header
    from orbitile.georeferencing.projection.remap import remap_image
    from orbitile.georeferencing.source_pixels import opened_source

    if image.georef_method == CORNERS:
        log.warning(
            "scene %s: georeferenced by its corners or control points alone: positions may be %.0f m off; SPICE "
            "kernels or ISIS would do better", image.scene, image.error_m,
        )  # fmt: skip
    header = read_image_header(image.path)
    geometry = image_geometry(GeorefRequest.of(image), header, target.body)
    with opened_source(header, image.channels, target.corrections) as (pixels, kind, tags):
        remapped = remap_image(
            geometry.camera, geometry.surface, pixels, image.grid, target.body.radius_m, target.threads
        )
        measured = dict(projection_error_px=f"{remapped.error_px:.4f}", node_spacing_px=str(remapped.spacing_px))
        log.info("scene %s: %s", image.scene, json.dumps(measured))
        yield ProjectedImage(remapped.grid, kind, remapped.blocks, tags | measured)
