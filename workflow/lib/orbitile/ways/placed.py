"""An image on its way onto the map: the grid it goes to, its pixels there, and what its raster tells of the way."""

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from pyproj import CRS
from rasterio.enums import Resampling

from orbitile.errors import OrbitileError
from orbitile.projecting.remap import project
from orbitile.rasters.read import opened
from orbitile.rasters.resample import as_it_is, common_grid, pixel_type, warped
from orbitile.rasters.write import Block, PixelType
from orbitile.space.bodies import Body
from orbitile.space.grids import Grid
from orbitile.space.scales import factor_between
from orbitile.tables.ways import CORNERS, ISIS, PROJECTED
from orbitile.ways.pixels import opened_image
from orbitile.ways.request import Request
from orbitile.ways.seen import seen

log = logging.getLogger(__name__)


class Placing(NamedTuple):
    """Where images go: the body, the run's map (None: each image's own), its pixel size in metres.

    `corrected`: whether raw images lose echo, odd-even columns and stripes; `cubes` are those that ISIS has made, by
    image; `threads` is how many may work. Strips must all lie `on_lattice`: on the map's common pixel grid, of
    multiples of the pixel size.
    """

    body: Body
    crs: str | None
    gsd_m: float
    corrected: bool = True
    cubes: Mapping[str, str] = {}
    threads: int = 1
    on_lattice: bool = False

    def fits(self, own: Grid) -> bool:
        """Whether an image that has a map of its own may stay as it is."""
        same_map = self.crs is None or CRS.from_user_input(self.crs) == own.crs
        same_scale = own.is_upright and factor_between(own.gsd_m, self.gsd_m) == 1
        return same_map and same_scale and not (self.on_lattice and any(own.fraction))

    def grid(self, own: Grid) -> Grid:
        """The grid on which an image is put that has a map of its own."""
        if self.fits(own):
            return own
        return common_grid(own, CRS.from_user_input(self.crs).to_wkt() if self.crs else own.crs_wkt, self.gsd_m)


def strip_placing(placing: Placing, crs_wkt: str) -> Placing:
    """Where the strips of a mosaic go, which lies on a map."""
    return placing._replace(crs=crs_wkt, on_lattice=True)


class Placed(NamedTuple):
    """An image on a grid: its pixels there, how a raster holds them, and what its metadata tells."""

    grid: Grid
    type: PixelType
    blocks: Iterable[Block]
    tags: dict[str, str]


@contextmanager
def placed(image: Mapping, placing: Placing) -> Iterator[Placed]:
    """Bring an image (a row of a plan, see orbitile.tables.plan.IMAGE) onto its map; pixels come as they are taken."""
    way = {PROJECTED: _as_projected, ISIS: _by_isis}.get(image["way"], _by_camera)
    with way(image, placing) as found:
        yield found._replace(tags=about(image) | found.tags)


def about(image: Mapping) -> dict[str, str]:
    """What is said of every image: the way it went, and how far to trust it."""
    told = {name: image[name] for name in ("way", "error_m", "instrument", "kernels", "corners", "elevation")}
    names = dict(error_m="expected_error_m")
    return {names.get(name, name): str(value) for name, value in told.items() if value is not None}


@contextmanager
def _as_projected(image: Mapping, placing: Placing) -> Iterator[Placed]:
    """Its own pixels where they fit, else warped."""
    own = Grid.of(image)
    grid = placing.grid(own)
    shrinks = own.gsd_m < placing.gsd_m * 0.99
    with opened(image["path"]) as source:
        method = Resampling.average if shrinks else Resampling.cubic
        blocks = as_it_is(source, own) if grid == own else warped(source, grid, method)
        yield Placed(grid, pixel_type(source), blocks, {})


@contextmanager
def _by_isis(image: Mapping, placing: Placing) -> Iterator[Placed]:
    """The cube that ISIS has made, on the map that it was asked for; its own words for that map differ a little."""
    cube = placing.cubes.get(image["scene"])
    if cube is None:
        raise OrbitileError(f"{image['path']}: ISIS has made no cube of it; see the log of isis")
    with opened(cube) as source:
        grid = Grid(image["crs_wkt"], source.transform, source.width, source.height)
        if not grid.is_upright or factor_between(grid.gsd_m, placing.gsd_m) != 1:
            raise OrbitileError(f"{cube}: has {grid.gsd_m:g} m/px, not {placing.gsd_m:g}; delete it and run again")
        yield Placed(grid, pixel_type(source), as_it_is(source, grid), {})


@contextmanager
def _by_camera(image: Mapping, placing: Placing) -> Iterator[Placed]:
    """By the image's camera, or by what stands for one."""
    if image["way"] == CORNERS:
        log.warning(
            "scene %s: only its corners or control points are known: places may be %.0f m off; SPICE kernels or ISIS "
            "would do better", image["scene"], image["error_m"],
        )  # fmt: skip
    found = seen(Request.of(image), placing.body)
    with opened_image(image["path"], placing.corrected) as (pixels, kind, tags):
        projected = project(found.camera, found.surface, pixels, Grid.of(image), placing.body.radius_m, placing.threads)
        measured = dict(projection_error_px=f"{projected.error_px:.4f}", node_spacing_px=str(projected.spacing_px))
        log.info("scene %s: %s", image["scene"], json.dumps(measured))
        yield Placed(projected.grid, kind, projected.blocks, tags | measured)
