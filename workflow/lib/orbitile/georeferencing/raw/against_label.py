"""Compare images as GDAL reads them with their PVL labels: GDAL shears or misplaces some without a warning."""

from dataclasses import dataclass

import numpy as np
import rasterio

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.raw.label import PvlLabel
from orbitile.rasters.read import raster_grid
from orbitile.space.footprints import image_border
from orbitile.space.grids import Grid
from orbitile.space.ground import Ground, wrap_longitude

TOLERANCE_PX = 3.0
"""Pixels by which corners may lie off: labels round, and count from the centres or from the edges of pixels."""

CYLINDRICAL = ("EQUIRECTANGULAR", "SIMPLECYLINDRICAL", "EQUIDISTANTCYLINDRICAL", "MERCATOR")
"""Projections in which the sides of an image are meridians and parallels, so that they are the label's limits."""

BORDER_POINTS = 256
"""Points along each side of an image in any other projection, at which its latitudes are computed."""

ISIS_MAPPING = "IsisCube.Mapping"
"""The group of an ISIS cube's label that describes its map."""

_KEYS = {
    "north": ("MAXIMUM_LATITUDE", "MaximumLatitude"),
    "south": ("MINIMUM_LATITUDE", "MinimumLatitude"),
    "east": ("EASTERNMOST_LONGITUDE", "MaximumLongitude"),
    "west": ("WESTERNMOST_LONGITUDE", "MinimumLongitude"),
}
"""Keywords of a map's limits in PDS3 labels and in those of ISIS cubes."""


def check_against_label(source: rasterio.DatasetReader, label: PvlLabel | None) -> None:
    """Refuse an image that does not agree with its label; images without a label pass.

    The label is a PDS3 one in the file or in a .lbl file beside it, or that of an ISIS cube. Compared are lines and
    samples, and of map-projected images the latitudes and longitudes of the sides, within TOLERANCE_PX pixels; in
    projections that are not cylindrical, the label's latitudes must lie inside those of the image. OrbitileError with
    both values.
    """
    if label is None:
        return
    _check_size(source, label)
    _check_line_bytes(source, label)
    mapping = next((name for name in ("IMAGE_MAP_PROJECTION", ISIS_MAPPING) if label.has(name)), None)
    if mapping is not None and source.crs is not None:
        _check_limits(source, _Limits(label, mapping))


def _check_size(source: rasterio.DatasetReader, label: PvlLabel) -> None:
    core = "IsisCube.Core.Dimensions"
    keys = (f"{core}.Lines", f"{core}.Samples") if label.has("IsisCube") else ("IMAGE.LINES", "IMAGE.LINE_SAMPLES")
    for key, size in zip(keys, (source.height, source.width), strict=True):
        if label.has(key) and label.integer(key) != size:
            name = key.rsplit(".", 1)[1]
            raise OrbitileError(
                f"{source.name}: GDAL reads {size} as {name}, but {label.path} says {label.integer(key)}; is it the "
                "label of another image?"
            )


def _check_line_bytes(source: rasterio.DatasetReader, label: PvlLabel) -> None:
    """Refuse lines with prefixes or suffixes, which GDAL takes for pixels, so that the image is sheared."""
    sizes = [label.integer(key) if label.has(key := f"IMAGE.LINE_{side}_BYTES") else 0 for side in ("PREFIX", "SUFFIX")]
    if source.driver == "PDS" and any(sizes):
        raise OrbitileError(
            f"{source.name}: its lines have {sizes[0]} bytes before and {sizes[1]} after the pixels, and GDAL reads "
            "them sheared; give it as a raw image, or convert it with ISIS"
        )


@dataclass(frozen=True)
class _Limits:
    """The limits of a label's map, in planetocentric degrees, longitudes east; `mapping` is the map's object in it."""

    label: PvlLabel
    mapping: str

    @property
    def is_cylindrical(self) -> bool:
        """Whether the map's sides are meridians and parallels."""
        return self._text("MAP_PROJECTION_TYPE", "ProjectionName") in CYLINDRICAL

    @property
    def _is_westward(self) -> bool:
        return "WEST" in self._text("POSITIVE_LONGITUDE_DIRECTION", "LongitudeDirection")

    def key(self, side: str) -> str:
        """The keyword of a side's latitude or longitude; empty if there is none."""
        if self._is_westward and self.mapping == ISIS_MAPPING:
            # ISIS' least and greatest longitudes are those of the numbers, which rise to the west here.
            side = {"east": "west", "west": "east"}.get(side, side)
        return self._first(*_KEYS[side])

    def of(self, side: str) -> float | None:
        """The latitude or longitude of a side (degrees); None if the label has none."""
        key = self.key(side)
        if not key:
            return None
        value = self.label.number(f"{self.mapping}.{key}", "deg")
        if side in ("north", "south"):
            return self._planetocentric(value)
        return -value if self._is_westward else value

    def _first(self, *names: str) -> str:
        """The first of the keys that the map's object has; empty if it has none of them."""
        return next((name for name in names if self.label.has(f"{self.mapping}.{name}")), "")

    def _text(self, *names: str) -> str:
        """The value of the first key there is, in capitals without spaces, underscores and hyphens."""
        key = self._first(*names)
        text = self.label.text(f"{self.mapping}.{key}") if key else ""
        return text.upper().translate(str.maketrans("", "", " _-"))

    def _planetocentric(self, lat: float) -> float:
        """A latitude (degrees) as planetocentric: tan(planetocentric) is (c / a)^2 tan(planetographic latitude)."""
        kind = self._text("PROJECTION_LATITUDE_TYPE", "LatitudeType", "COORDINATE_SYSTEM_NAME")
        if "GRAPHIC" not in kind or abs(lat) >= 90:
            return lat
        a, c = (
            self.label.number(f"{self.mapping}.{self._first(*names)}", "km")
            for names in (("A_AXIS_RADIUS", "EquatorialRadius"), ("C_AXIS_RADIUS", "PolarRadius"))
        )
        return float(np.degrees(np.arctan((c / a) ** 2 * np.tan(np.radians(lat)))))


def _check_limits(source: rasterio.DatasetReader, limits: _Limits) -> None:
    grid = raster_grid(source)
    ellipsoid = grid.crs.ellipsoid
    if ellipsoid is None:
        raise OrbitileError(
            f"{source.name}: its coordinate reference system has no ellipsoid; give an image on a map of a body"
        )
    ground = Ground(grid.crs_wkt, ellipsoid.semi_major_metre)
    if limits.is_cylindrical:
        _check_sides(source.name, grid, ground, limits)
    else:
        _check_latitudes(source.name, grid, ground, limits)


def _check_sides(name: str, grid: Grid, ground: Ground, limits: _Limits) -> None:
    """Compare each side of an image in a cylindrical projection with what its label says."""
    width, height = grid.width, grid.height
    edge_points = dict(
        north=((0, 0), (0, 1)), south=((0, height), (0, height - 1)),
        west=((0, 0), (1, 0)), east=((width, 0), (width - 1, 0)),
    )  # fmt: skip
    for side, edge_and_neighbour in edge_points.items():
        expected = limits.of(side)
        if expected is None:
            continue
        cols, rows = np.transpose(edge_and_neighbour).astype(float)
        actual, neighbour = ground.lonlat(*grid.to_map(cols, rows))[side in ("north", "south")].tolist()
        pixel_deg = abs(float(wrap_longitude(np.array(actual - neighbour))))
        off_px = abs(float(wrap_longitude(np.array(actual - expected)))) / pixel_deg
        # Rows beyond a pole, by which some global maps are padded, have no latitude: NaN is not above anything.
        if off_px > TOLERANCE_PX:
            raise OrbitileError(
                f"{name}: its {side} side lies at {actual:.6g} degrees as GDAL reads it, but at {expected:.6g} "
                f"(planetocentric, east) by {limits.key(side)} of its label, {off_px:.1f} pixels off; is it the label "
                "of another image?"
            )


def _check_latitudes(name: str, grid: Grid, ground: Ground, limits: _Limits) -> None:
    """Refuse a label with latitudes that an image does not reach."""
    south, north = _latitudes(grid, ground)
    tolerance_deg = TOLERANCE_PX * np.degrees(grid.gsd_m / ground.radius_m)
    for side in ("south", "north"):
        expected = limits.of(side)
        if expected is not None and not south - tolerance_deg <= expected <= north + tolerance_deg:
            raise OrbitileError(
                f"{name}: reaches from {south:.6g} to {north:.6g} degrees of latitude as GDAL reads it, but "
                f"{limits.key(side)} of its label is {expected:.6g} (planetocentric); is it the label of another image?"
            )


def _latitudes(grid: Grid, ground: Ground) -> tuple[float, float]:
    """The southernmost and northernmost latitude of an image: on its border, or at a pole inside."""
    _, lat = ground.lonlat(*grid.to_map(*image_border(grid.width, grid.height, BORDER_POINTS)))
    lat = lat[np.isfinite(lat)]
    south, north = (float(lat.min()), float(lat.max())) if lat.size else (-90.0, 90.0)
    south_pole, north_pole = (_contains_pole(grid, ground, latitude) for latitude in (-90.0, 90.0))
    return (-90.0 if south_pole else south), (90.0 if north_pole else north)


def _contains_pole(grid: Grid, ground: Ground, latitude: float) -> bool:
    """Whether the pole at a latitude of 90 or -90 degrees lies inside an image."""
    x, y = ground.xy(np.zeros(1), np.array([latitude]), *grid.middle)
    if not np.isfinite([x, y]).all():
        return False
    col, row = grid.to_pixel(x, y)
    return bool(0 <= col[0] <= grid.width and 0 <= row[0] <= grid.height)
