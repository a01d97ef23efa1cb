"""Whether the place that an image claims makes sense: its map, its pixels, its size, its footprint on the body.

All georeferencing passes here before anything computes with it, whatever it comes from. What cannot be is refused, in
one line; what is doubtful is noted in the plan.
"""

import math
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from affine import Affine
from pyproj import CRS
from pyproj._crs import Axis
from pyproj.exceptions import CRSError, ProjError

from orbitile.base.errors import OrbitileError, first_line
from orbitile.base.messages import shortened
from orbitile.georeferencing.image_header import ImageHeader
from orbitile.planning.scene_rows import ImagePlacement
from orbitile.settings import Settings
from orbitile.space.bodies import Body, find_body, lies_on
from orbitile.space.footprints import FootprintOutline
from orbitile.space.grids import Grid, crs_from_wkt, wkt_of
from orbitile.space.ground import Ground
from orbitile.space.map_stretch import map_stretch
from orbitile.tables.georef_methods import CORNERS, PROJECTED
from orbitile.tables.plan import ImageRow, PlanRow

MAX_COARSENESS = 1.01
"""Pixel size in units of the run's finest scale that is not yet coarser."""
MAX_FINENESS = 4000.0
"""Finest scale in units of an image's pixel size: a centimetre at 40 m. Degrees taken for metres are 8,000 (Ceres) to
60,000 times (Mars) too fine."""
MAX_SIDE_RATIO = 10.0
"""A pixel's longer side in units of its shorter one; no product has more than about 4."""
DOUBTFUL_SIDE_RATIO = 2.0
"""As MAX_SIDE_RATIO, from which on it is noted."""
MIN_SINE = 0.01
"""Sine of the angle between rows and columns, below which pixels are no areas."""
MAX_SIDE_PX = 5_000_000
"""Columns or rows of a scene: Mars all around at 4.3 m. A band of 512 rows of that takes 10 GB of memory."""
MAX_PIXELS = 10**12
"""Pixels of a scene at the finest scale: 10^12 bytes on the disk."""
MAX_AREA_RATIO = 1000.0
"""Factor by which an image's middle may be larger or smaller on the ground than on its map. A scene at 88 degrees on an
equirectangular map true at the equator has 29."""
MAX_LONGITUDE = 540.0
"""Degrees: of maps around the antimeridian that count from 0 to 360 east of it."""
PADDING_PX = 2.0
"""Pixels by which images may reach beyond a pole or once around: some global maps are padded."""
FLATTENING_TOLERANCE = 0.02
"""By how much flattenings of one body may differ between sources: Mars' is 0.006, that of small moons less certain."""
DOUBTFUL_STRETCH = 2.1
"""How many times as long as wide a map may show round craters before it is noted. Equirectangular maps that are true at
the equator, and end at 60 degrees, have 2."""
STRETCHED = "its map shows round craters"
"""Begin of the note on that."""
FAR_FROM_NETWORK = 2.0
"""How many times finer or coarser than the images that the network is for an image is when that is noted."""
DOUBTFUL_DISTORTION = 0.01
"""Share by which sizes may be wrong in pixel coordinates, from which on it is noted."""
CHECKED_SHARES = np.array([(0.5, 0.5)] * 3 + [(col, row) for row in (0.0, 0.5, 1.0) for col in (0.0, 0.5, 1.0)]).T
NEXT = np.array([(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)] + [(0.0, 0.0)] * 9).T
"""Where images are looked at: shares (2, 12) of their width and height, and pixels right of and below that."""


class MisplacedError(OrbitileError):
    """What is wrong with a scene's place, as the rest of a sentence that begins with the scene."""


class PlaceLimits(NamedTuple):
    """What a run expects of its images: the body, its finest scale (m/px), and whether they lie in plain pixels.

    `network` are the least and the largest m/px that its network is for, None where it does not say, `network_body` is
    the body that it is for where that is another, with the kind of images; `assumes_gsd`
    tells whether nobody but the network says how many metres a plain pixel is.
    """

    body: Body
    finest_m: float
    in_pixels: bool = False
    network: tuple[float, float] | None = None
    assumes_gsd: bool = False
    network_body: str | None = None

    @classmethod
    def of(cls, settings: Settings, body: Body) -> "PlaceLimits":
        """Those of a run's settings."""
        network = settings.model.gsd_range_m if settings.model else None
        is_assumed = settings.pixel_coordinates and settings.assumed_gsd_m is not None
        return cls(
            body, settings.finest_m, settings.pixel_coordinates, network, is_assumed, _other_body(settings, body)
        )


def _other_body(settings: Settings, body: Body) -> str | None:
    """The body that the run's network is for, with the kind of images, where it is not the run's."""
    model = settings.model
    if model is None or model.body is None or model.body.casefold() == body.name.casefold():
        return None
    return f"{model.body} ({model.images})" if model.images else model.body


def check_map(grid: Grid, limits: PlaceLimits) -> None:
    """Refuse, with MisplacedError, an image's own map that is no map of the body, and pixels that cannot be."""
    _check_crs(grid.crs_wkt, limits.body)
    _check_pixels(grid.transform)
    _check_scale(grid, limits)


def check_control_points(header: ImageHeader, limits: PlaceLimits) -> None:
    """Refuse ground control points in an image that lie nowhere on the body."""
    if header.gcps is None:
        return
    points, wkt = header.gcps
    _check_crs(wkt, limits.body)
    x, y = np.array([point.x for point in points]), np.array([point.y for point in points])
    pixels = np.array([[point.col, point.row] for point in points])
    lon, lat = Ground(wkt, limits.body.radius_m).lonlat(x, y)
    if not (np.isfinite(pixels).all() and np.isfinite(lon).all() and (np.abs(lat) <= 90).all()):
        raise MisplacedError(
            f"has ground control points that do not lie on {limits.body.name}; remove them, or give its corners"
        )


def check_placement(placement: ImagePlacement, limits: PlaceLimits) -> None:
    """Refuse an image that does not lie on the body, or that no disk or memory can hold."""
    _check_size(placement.grid, limits)
    _check_outline(placement.outline, limits.body)
    if limits.in_pixels:
        _check_pixel_extent(placement.grid, limits)
    elif placement.georef_method == PROJECTED:
        _check_footprint(placement.grid, limits)
    elif placement.image_gsd_m * MAX_FINENESS < limits.finest_m:
        raise MisplacedError(
            f"has pixels of {placement.image_gsd_m:g} m on the ground; check its kernels or its corners"
        )


def check_mosaic_grid(grid: Grid, limits: PlaceLimits) -> None:
    """Refuse a scene of strips that lie so far apart that no disk or memory can hold it."""
    _check_size(grid, limits)


def check_fit(row: ImageRow, settings: Settings) -> None:
    """Refuse scenes that are too coarse, in degrees where no map is set, or on an ellipsoid where one is."""
    crs = row.grid.crs
    if settings.crs is not None and _is_flattened(crs):
        raise OrbitileError(
            f"{row.path}: scene {row.scene} lies on an ellipsoid, but the run's map on a sphere, and PROJ would "
            f"confuse latitudes on the two; {_way_off_ellipsoid(crs, find_body(settings.body))}"
        )
    if settings.crs is None and crs.is_geographic:
        raise OrbitileError(
            f"{row.path}: scene {row.scene} is in degrees; set crs to a map in metres for the run, "
            f"e.g. IAU_2015:{find_body(settings.body).code + 10}"
        )
    if row.image_gsd_m > settings.finest_m * MAX_COARSENESS:
        raise OrbitileError(
            f"{row.path}: scene {row.scene} has {row.image_gsd_m:.2f} m/px, coarser than the finest scale "
            f"({settings.finest_key} = {settings.finest_m:g}); raise that, or leave the scene out"
        )


def _way_off_ellipsoid(crs: CRS, body: Body) -> str:
    """What to do with images on an ellipsoid; those in degrees cannot do without a map."""
    if not crs.is_geographic:
        return "leave crs out"
    codes = f" (gdalwarp -t_srs IAU_2015:{body.code + 11}, or {body.code + 12} of planetocentric latitudes)"
    command = codes if body.polar_m != body.radius_m else ""
    return f"bring it to a map in metres of its ellipsoid{command}, and leave crs out"


def check_run_map(settings: Settings, body: Body) -> None:
    """Refuse a map for the whole run that does not exist, is not in metres, or is of another body."""
    if settings.crs is None:
        return
    try:
        crs = CRS.from_user_input(settings.crs)
    except CRSError as error:
        raise OrbitileError(f"crs: {settings.crs!r} is not a coordinate system that PROJ knows") from error
    is_westward = any(axis.direction == "west" for axis in _axes(crs))
    is_in_metres = crs.is_projected and all(axis.unit_conversion_factor == 1 for axis in crs.axis_info)
    if not is_in_metres or not lies_on(crs, body) or is_westward or _is_flattened(crs):
        raise OrbitileError(
            f"crs: {crs.name} is not a map in metres of {body.name} as a sphere, longitudes to the east; "
            f"allowed is e.g. IAU_2015:{body.code + 10}"
        )


def _is_flattened(crs: CRS) -> bool:
    """Whether a map is one of an ellipsoid that is no sphere."""
    return crs.ellipsoid is not None and bool(crs.ellipsoid.inverse_flattening)


def _axes(crs: CRS) -> list[Axis]:
    """The axes of a map and of the longitudes and latitudes that it is made from."""
    return [*crs.axis_info, *(crs.geodetic_crs.axis_info if crs.geodetic_crs else [])]


def placement_warnings(placement: ImagePlacement, limits: PlaceLimits) -> list[str]:
    """What is doubtful about where an image lies, and about the size of its pixels, one line each."""
    notes = [
        _corners_note(placement), _unused_map_note(placement), _turned_note(placement), _side_note(placement),
        _distortion_note(placement.grid, limits), _network_note(placement.image_gsd_m, limits), _body_note(limits),
        _assumption_note(limits),
    ]  # fmt: skip
    return [note for note in notes if note]


def _corners_note(placement: ImagePlacement) -> str:
    if placement.georef_method != CORNERS:
        return ""
    return (
        f"placed by its corners or control points alone: positions may be {placement.error_m:.0f} m off; kernels or "
        "ISIS would do better"
    )


def _unused_map_note(placement: ImagePlacement) -> str:
    name = placement.unused_grid and _map_name(placement.unused_grid)
    if not name:
        return ""
    return (
        f"it lies on a map ({name}), which pixel_coordinates does not use; leave that setting out to get places on the "
        "body"
    )


def _turned_note(placement: ImagePlacement) -> str:
    """Viewers, and programs in which labels are drawn, turn such images; GDAL does not."""
    if placement.exif_orientation == 1:
        return ""
    return (
        f"its EXIF data ask viewers to turn or mirror it (orientation {placement.exif_orientation}), but places count "
        "in pixels as they are stored; labels drawn in such a viewer do not fit; turn it for good (exiftran -ai)"
    )


def _map_name(grid: Grid) -> str | None:
    """The name of a grid's map; None where its system is no map of a body, or none that PROJ can compute with."""
    try:
        crs = grid.crs
    except ProjError:
        return None
    return shortened(crs.name) if crs.is_projected or crs.is_geographic else None


def _side_note(placement: ImagePlacement) -> str:
    ratio = _side_ratio(placement.grid.transform)
    return "" if ratio < DOUBTFUL_SIDE_RATIO else f"its pixels are {ratio:.1f} times as long as wide; is that right?"


def with_map_warning(row: PlanRow, settings: Settings) -> PlanRow:
    """A scene with a note where its map, or that of the run, stretches it; near a pole an equirectangular map does.

    Craters are then so oblong that a network finds none.
    """
    note = "" if settings.pixel_coordinates else _stretch_note(row, settings)
    return replace(row, warnings=[*row.warnings, note]) if note else row


def without_map_warning(row: PlanRow) -> PlanRow:
    """An image of an earlier plan without the note on its map there: now it may come to another one, or be a strip."""
    return replace(row, warnings=[text for text in row.warnings if not text.startswith(STRETCHED)])


def _stretch_note(row: PlanRow, settings: Settings) -> str:
    wkt = wkt_of(settings.crs) if settings.crs else row.crs_wkt
    lon, lat = np.array(row.outline_lon), np.array(row.outline_lat)
    stretch = np.nan_to_num(map_stretch(wkt, lon, lat), nan=1.0)
    worst = int(stretch.argmax())
    if stretch[worst] < DOUBTFUL_STRETCH:
        return ""
    times = f"{stretch[worst]:.1f} times" if stretch[worst] < 100 else "hundreds of times"
    hemisphere = "S" if lat[worst] < 0 else "N"
    return (
        f"{STRETCHED} {times} as long as wide at {abs(lat[worst]):.1f} {hemisphere}, and a network may miss them; "
        f"{_way_off_stretch(lat, find_body(settings.body))}"
    )


def _way_off_stretch(lat: np.ndarray, body: Body) -> str:
    """A polar map for a scene on one side of the equator, for others several scenes."""
    if lat.min() < 0 < lat.max():
        return "cut it into scenes with maps of their own"
    return f"set crs to a map that fits, such as the polar IAU_2015:{body.polar_map_code(lat.max())}"


def _distortion_note(grid: Grid, limits: PlaceLimits) -> str:
    """In pixel coordinates, on an equirectangular map from the equator down, the last row is the shortest."""
    if not limits.in_pixels:
        return ""
    share = 1 - math.cos(grid.height * limits.finest_m / limits.body.radius_m)
    return "" if share < DOUBTFUL_DISTORTION else (
        f"in pixel coordinates it reaches so far over {limits.body.name} that widths are up to {share:.0%} off at its "
        "lower end; a smaller scales.0.gsd_m avoids that"
    )  # fmt: skip


def _network_note(gsd_m: float, limits: PlaceLimits) -> str:
    least, largest = limits.network or (gsd_m, gsd_m)
    if least / FAR_FROM_NETWORK <= gsd_m <= largest * FAR_FROM_NETWORK:
        return ""
    return (
        f"it has {gsd_m:.4g} m/px, but the network is for images of {least:g} to {largest:g} m/px: craters may look "
        "other than those that it learnt; compare with a truth, or use another network"
    )


def _body_note(limits: PlaceLimits) -> str:
    if limits.network_body is None:
        return ""
    return (
        f"it shows {limits.body.name}, but the network is for {limits.network_body}: craters may look other than those "
        "that it learnt; compare with a truth, or use another network"
    )


def _assumption_note(limits: PlaceLimits) -> str:
    if not limits.assumes_gsd:
        return ""
    return f"its pixels count as {limits.finest_m:g} m, as in the network's images; gsd_m says what they are"


@lru_cache(maxsize=256)
def _check_crs(wkt: str, body: Body) -> None:
    """Refuse what is no map, or no longitudes and latitudes, of the body; once for all scenes that share it."""
    try:
        crs = crs_from_wkt(wkt)
        _check_datum(crs, body)
        _check_body(crs, body)
        _check_units(crs)
        Ground(wkt, body.radius_m).degrees(np.zeros(1), np.zeros(1))
    except ProjError as error:
        raise MisplacedError(
            f"has a coordinate reference system that PROJ cannot compute with ({first_line(error)}); assign another"
        ) from error


def _check_datum(crs: CRS, body: Body) -> None:
    if not (crs.is_projected or crs.is_geographic) or crs.ellipsoid is None or crs.geodetic_crs is None:
        raise MisplacedError(
            f"has a coordinate reference system ({crs.type_name} {crs.name!r}) that is no map of a body: it lacks a "
            f"datum or an ellipsoid; assign one of {body.name}, e.g. IAU_2015:{body.code + 10}"
        )


def _check_body(crs: CRS, body: Body) -> None:
    """By name, radius and flattening."""
    ellipsoid = crs.ellipsoid
    if ellipsoid is not None and not lies_on(crs, body):
        name = crs.datum.name if crs.datum else crs.name
        raise MisplacedError(
            f"lies on another body ({name}, radius {ellipsoid.semi_major_metre / 1000:.1f} km); the run's body is "
            f"{body.name} ({body.radius_m / 1000:.1f} km)"
        )
    flattening = _flattening(crs)
    if flattening > FLATTENING_TOLERANCE and abs(flattening - _flattening_of_body(body)) > FLATTENING_TOLERANCE:
        raise MisplacedError(
            f"has a coordinate reference system ({crs.name!r}) whose ellipsoid is flattened by {flattening:.3g}, but "
            f"{body.name} is by {_flattening_of_body(body):.3g}; assign the right one"
        )


def _flattening(crs: CRS) -> float:
    """(a - b) / a of a system's ellipsoid; infinite where that is none."""
    ellipsoid = crs.ellipsoid
    if ellipsoid is None or not ellipsoid.semi_major_metre > 0:
        return math.inf
    return abs(1 - ellipsoid.semi_minor_metre / ellipsoid.semi_major_metre)


def _flattening_of_body(body: Body) -> float:
    """That of its planetographic system; 0 for bodies that have none."""
    return _flattening(body.planetographic_crs) if body.planetographic_crs else 0.0


def _check_units(crs: CRS) -> None:
    """Refuse degrees that are none, units without a length, and longitudes that count from another meridian."""
    odd = {axis.unit_name for axis in _axes(crs) if not 0 < axis.unit_conversion_factor < math.inf}
    degrees = crs.geodetic_crs.axis_info[:2] if crs.geodetic_crs else []
    odd |= {axis.unit_name for axis in degrees if not math.isclose(axis.unit_conversion_factor, math.pi / 180)}
    if odd:
        raise MisplacedError(
            f"has a coordinate reference system ({crs.name!r}) that counts in {', '.join(sorted(odd))} where degrees "
            "or lengths are needed; reproject it"
        )
    meridian = crs.prime_meridian
    if meridian is not None and not abs(meridian.longitude) < 1e-6:
        raise MisplacedError(
            f"has a coordinate reference system ({crs.name!r}) that counts longitudes from {meridian.longitude:g} "
            "degrees instead of the body's prime meridian; reproject it"
        )


def _sides(transform: Affine) -> tuple[float, float]:
    """Lengths of a pixel's sides along a row and along a column, in the map's units."""
    return math.hypot(transform.a, transform.d), math.hypot(transform.b, transform.e)


def _side_ratio(transform: Affine) -> float:
    return max(sides := _sides(transform)) / min(sides)


def _check_pixels(transform: Affine) -> None:
    """Refuse geotransforms that are not finite, and pixels that are no areas or far from square."""
    numbers = ", ".join(f"{number:g}" for number in transform[:6])
    along_row, along_column = _sides(transform)
    if not all(map(math.isfinite, (*transform[:6], along_row, along_column))):
        raise MisplacedError(f"has a geotransform that is not finite ({numbers}); assign the right one")
    if not min(along_row, along_column) > 0:
        raise MisplacedError(f"has pixels of no size: its geotransform is {numbers}; assign the right one")
    if _side_ratio(transform) > MAX_SIDE_RATIO:
        raise MisplacedError(
            f"has pixels of {along_row:g} by {along_column:g} map units, far from square; assign the right "
            "geotransform, or resample it to square pixels"
        )
    t = transform
    sine = abs(t.a / along_row * (t.e / along_column) - t.b / along_column * (t.d / along_row))
    if sine < MIN_SINE:
        raise MisplacedError(f"has rows and columns in one direction: its geotransform is {numbers}; assign another")


def _check_scale(grid: Grid, limits: PlaceLimits) -> None:
    """Refuse pixels far finer than the run's scale, and those of which only the longer side is too coarse."""
    shorter_m, longer_m = sorted(grid.sides_m)
    if shorter_m * MAX_FINENESS < limits.finest_m:
        in_degrees = "are its coordinates degrees, declared as metres?"
        raise MisplacedError(
            f"has pixels of {shorter_m:.3g} m, {limits.finest_m / shorter_m:.3g} times finer than the finest scale "
            f"(scales.0.gsd_m = {limits.finest_m:g}); {in_degrees if _looks_like_degrees(grid) else 'check its header'}"
        )
    if grid.gsd_m < longer_m and longer_m > limits.finest_m * MAX_COARSENESS:
        raise MisplacedError(
            f"has pixels {longer_m:.2f} m high, coarser than the finest scale (scales.0.gsd_m = "
            f"{limits.finest_m:g}); raise that, or leave the scene out"
        )


def _looks_like_degrees(grid: Grid) -> bool:
    """Whether a map that should be in metres lies within the numbers of degrees."""
    x, y = grid.to_map(np.array([0.0, grid.width]), np.array([0.0, grid.height]))
    return not grid.crs.is_geographic and bool((np.abs(x) <= 361).all() and (np.abs(y) <= 91).all())


def _check_size(grid: Grid, limits: PlaceLimits) -> None:
    """Refuse what memory and disk cannot hold: `grid` is the image's own, or the one that it is projected onto."""
    factor = max(1.0, grid.gsd_m / limits.finest_m)
    width, height = math.ceil(grid.width * factor), math.ceil(grid.height * factor)
    if max(width, height) > MAX_SIDE_PX or width * height > MAX_PIXELS:
        raise MisplacedError(
            f"has {width} x {height} pixels; a scene may have {MAX_SIDE_PX} a side and {MAX_PIXELS:.0e} in all; check "
            "its header, corners or kernels, or cut it into several scenes"
        )


def _check_outline(outline: FootprintOutline, body: Body) -> None:
    """Refuse an outline that leaves the body."""
    lon, lat = outline
    if not (lon.size and np.isfinite(lon).all() and np.isfinite(lat).all()):
        raise MisplacedError(f"has a border that lies off {body.name}; crop it to the disc")


def _check_footprint(grid: Grid, limits: PlaceLimits) -> None:
    """Refuse a map-projected image beyond a pole, further than once around, or far off its map's scale."""
    lon, lat = Ground(grid.crs_wkt, limits.body.radius_m).degrees(*grid.to_map(*_checked_points(grid)))
    padding = PADDING_PX * max(_sides(grid.transform)) * grid.metres_per_unit / limits.body.radius_m
    padding_deg = math.degrees(padding)
    if not np.abs(lat).max() <= 90 + padding_deg:
        raise MisplacedError(
            f"reaches to {lat[np.argmax(np.abs(lat))]:.6g} degrees of latitude, beyond the pole of "
            f"{limits.body.name}; assign the right geotransform, or crop it"
        )
    if not (np.abs(lon).max() <= MAX_LONGITUDE + padding_deg and np.ptp(lon) <= 360 + padding_deg):
        raise MisplacedError(
            f"reaches from {lon.min():.6g} to {lon.max():.6g} degrees of longitude, more than once around "
            f"{limits.body.name}; assign the right geotransform, or crop it"
        )
    _check_area(lon, lat, grid, limits.body)


def _checked_points(grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Pixel coordinates (12): the middle, those next to it right and below, the corners and the sides' middles."""
    return CHECKED_SHARES[0] * grid.width + NEXT[0], CHECKED_SHARES[1] * grid.height + NEXT[1]


def _check_area(lon: np.ndarray, lat: np.ndarray, grid: Grid, body: Body) -> None:
    """Refuse a map that is far off its scale at the image's middle, such as beyond the far pole of a polar map.

    `lon`, `lat` are those of `_checked_points`.
    """
    middle, right, below = map(_unit_vector, lon[:3].tolist(), lat[:3].tolist())
    ground = math.dist(middle, right) * math.dist(middle, below) * body.radius_m**2
    along_row, along_column = _sides(grid.transform)
    on_map = along_row * along_column * grid.metres_per_unit**2
    if not on_map / MAX_AREA_RATIO < ground < on_map * MAX_AREA_RATIO:
        raise MisplacedError(
            f"has pixels of {ground:.3g} square metres on the ground, but of {on_map:.3g} on its map, in its middle; "
            "assign the right geotransform and map"
        )


def _unit_vector(lon: float, lat: float) -> tuple[float, float, float]:
    """That of a place in degrees; ten times as fast as of arrays."""
    lon, lat = math.radians(lon), math.radians(lat)
    return math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)


def _check_pixel_extent(grid: Grid, limits: PlaceLimits) -> None:
    """In pixel coordinates an image lies right of and below 0 N 0 E, and must end before the pole."""
    quarter_m = math.pi / 2 * limits.body.radius_m
    if grid.height * limits.finest_m > quarter_m or grid.width * limits.finest_m > 4 * quarter_m:
        raise MisplacedError(
            f"has {grid.width} x {grid.height} pixels, which at {limits.finest_m:g} m (scales.0.gsd_m) reach around "
            f"{limits.body.name} or beyond its pole; set a smaller scales.0.gsd_m"
        )
