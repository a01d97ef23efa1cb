"""What a plan holds of images that have no map yet, and of strips that become one scene."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from pyproj import CRS

from orbitile.cameras.from_kernels import INSTRUMENTS
from orbitile.errors import OrbitileError
from orbitile.projecting.maps import fitting_map, grid_around
from orbitile.rasters.read import opened
from orbitile.raw.against_label import check_against_label
from orbitile.raw.checks import check_file
from orbitile.raw.products import RawProduct, read_product
from orbitile.space.bodies import Body
from orbitile.space.footprints import POINTS_PER_SIDE, Outline, outline
from orbitile.space.grids import Grid, around
from orbitile.space.ground import Ground
from orbitile.tables.plan import Unplanned
from orbitile.tables.ways import CORNERS, ISIS, PROJECTED, SPICE, WAYS
from orbitile.ways.placed import Placing, strip_placing
from orbitile.ways.request import Request
from orbitile.ways.seen import DENSE, Seen, seen

RAW_TYPE = "uint16", 0.0
ISIS_TYPE = "float32", None


class Maps(NamedTuple):
    """Where images go: the run's map (None: one that fits), its pixel size in metres, the body.

    Beyond a latitude of `polar_deg` polar maps fit.
    """

    crs: str | None
    gsd_m: float
    body: Body
    polar_deg: float = 65.0

    def wkt(self, lon: np.ndarray, lat: np.ndarray) -> str:
        """The map that images with a border (n, degrees) go to."""
        if self.crs is not None:
            return CRS.from_user_input(self.crs).to_wkt()
        return fitting_map(lon, lat, self.body, self.polar_deg)

    def grid(self, border: Outline, wkt: str) -> Grid:
        """The window of the common pixel grid around a border."""
        return grid_around(*border, wkt, self.gsd_m, self.body.radius_m)


def header(
    way: str, grid: Grid, pixels: tuple[str, float | None], border: Outline, image: Mapping | None = None
) -> dict:
    """What a plan keeps of an image: the way it goes, its grid, data type and nodata value, its outline in degrees.

    `image` holds what is known beyond that: image_gsd_m, error_m, incidence_deg, instrument.
    """
    dtype, nodata = pixels
    lon, lat = border
    known = dict(image_gsd_m=grid.gsd_m, error_m=None, incidence_deg=None, instrument=None) | dict(image or {})
    return known | dict(
        way=way, crs_wkt=grid.crs_wkt, transform=list(grid.transform)[:6], width=grid.width, height=grid.height,
        gsd_m=grid.gsd_m, dtype=dtype, nodata=nodata, outline_lon=lon.tolist(), outline_lat=lat.tolist(), strips=[],
    )  # fmt: skip


def onto_map(request: Request, maps: Maps) -> dict:
    """The header of an image that goes to a map by ISIS, by its camera or by its corners; its grid is the map's.

    With all of its `border`, which the plan does not keep, for the grid on another map, if it is a strip of a mosaic.
    OrbitileError where kernels do not cover it, or where it lies is not known.
    """
    product = _checked(request.path, maps.body)
    found = _seen(request, maps.body)
    border = found.border
    grid = maps.grid(border, maps.wkt(*border))
    instrument = product.instrument if product else None
    error_m = INSTRUMENTS[instrument].error_m if request.way == ISIS and request.kernels is None else found.error_m
    about = dict(image_gsd_m=found.gsd_m, error_m=error_m, incidence_deg=found.incidence_deg, instrument=instrument)
    return header(request.way, grid, _pixel_type(request, product), _sparse(border), about) | dict(border=border)


def _checked(path: str, where: Body) -> RawProduct | None:
    """The raw product of an image; refused where its file is not what its label says, or it shows another body."""
    product = read_product(path)
    if product is None:
        with opened(path) as source:
            check_against_label(source)
        return None
    check_file(product)
    if product.body != where.name:
        raise OrbitileError(
            f"{path}: TARGET_NAME of its label means {product.body}, but the run's body is {where.name}; leave the "
            f"scene out, or make a run for {product.body}"
        )
    return product


def _seen(request: Request, where: Body) -> Seen:
    """Where an image lies; before ISIS has worked, as far as kernels or corners tell."""
    if request.way != ISIS:
        return seen(request, where)
    try:
        return seen(replace(request, way=SPICE if request.kernels else CORNERS), where)
    except OrbitileError as error:
        raise OrbitileError(
            f"{error}; the plan must know roughly where an image lies before ISIS works on it"
        ) from error


def _pixel_type(request: Request, product: RawProduct | None) -> tuple[str, float | None]:
    if request.way == ISIS:
        return ISIS_TYPE
    if product is not None:
        return RAW_TYPE
    with opened(request.path) as source:
        return source.dtypes[0], source.nodata


def _sparse(border: Outline) -> Outline:
    """Some points of a dense border, those on the body."""
    lon, lat = (side[:: DENSE // POINTS_PER_SIDE] for side in border)
    known = np.isfinite(lon)
    if not known.any():
        lon, lat = border
        known = np.isfinite(lon)
    return lon[known], lat[known]


def merged(
    rows: Sequence[dict], unplanned: Sequence[Unplanned], mosaics: Mapping[str, str | None], maps: Maps
) -> tuple[list[dict], list[Unplanned]]:
    """Rows of a plan with the strips of each mosaic (by scene) made one, sorted by scene, and what cannot be planned.

    A mosaic that lacks a strip cannot.
    """
    faults = {mosaics[one.scene]: one for one in reversed(unplanned) if mosaics[one.scene]}
    strips: dict[str, list[dict]] = {}
    for row in rows:
        if mosaics[row["scene"]]:
            strips.setdefault(mosaics[row["scene"]], []).append(row)
    whole = {name: some for name, some in strips.items() if name not in faults}
    single = [row for row in rows if not mosaics[row["scene"]]]
    lost = [one for one in unplanned if not mosaics[one.scene]]
    lost += [replace(one, scene=name, reason=f"strip {one.scene}: {one.reason}") for name, one in faults.items()]
    scenes = single + [_mosaic(name, some, maps) for name, some in whole.items()]
    return sorted(scenes, key=lambda row: row["scene"]), sorted(lost, key=lambda one: one.scene)


def _mosaic(name: str, strips: list[dict], maps: Maps) -> dict:
    """The row of the scene that strips become, on one map; its way is the least trusted of theirs."""
    strips = sorted(strips, key=lambda row: row["scene"])
    wkt = _common_map(strips, maps)
    strips = [strip | _on(strip, wkt, maps) for strip in strips]
    grid = around([_grid_there(strip, wkt, maps) for strip in strips])
    border = outline(grid, Ground(wkt, maps.body.radius_m))
    way = max((strip["way"] for strip in strips), key=WAYS.index)
    about = dict(image_gsd_m=min(strip["image_gsd_m"] for strip in strips), error_m=_worst(strips))
    first = strips[0]
    return header(way, grid, (first["dtype"], first["nodata"]), border, about) | dict(
        scene=name, group=first["group"], path=first["path"], body=first["body"], asked="", strips=strips,
        inputs=[file for strip in strips for file in strip["inputs"]],
        fingerprint="+".join(strip["fingerprint"] for strip in strips),
        kernels=None, corners=None, elevation=None,
    )  # fmt: skip


def _worst(strips: Iterable[dict]) -> float | None:
    return max((strip["error_m"] for strip in strips if strip["error_m"] is not None), default=None)


def _common_map(strips: Sequence[dict], maps: Maps) -> str:
    """The run's map, that of projected strips, or one that fits all of them."""
    own = [strip["crs_wkt"] for strip in strips if strip["way"] == PROJECTED]
    if maps.crs is None and own:
        return own[0]
    lon, lat = (np.concatenate([strip[side] for strip in strips]) for side in ("outline_lon", "outline_lat"))
    return maps.wkt(lon, lat)


def _on(strip: dict, wkt: str, maps: Maps) -> dict:
    """The grid, on a map, of a strip that has no map of its own, as columns of the plan."""
    if strip["way"] == PROJECTED:
        return {}
    grid = maps.grid(strip["border"], wkt)
    return dict(crs_wkt=wkt, transform=list(grid.transform)[:6], width=grid.width, height=grid.height)


def _grid_there(strip: dict, wkt: str, maps: Maps) -> Grid:
    """The grid that a strip gets on the map of its mosaic."""
    own = Grid.of(strip)
    return strip_placing(Placing(maps.body, None, maps.gsd_m), wkt).grid(own) if strip["way"] == PROJECTED else own
