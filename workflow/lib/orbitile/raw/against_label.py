"""Images that GDAL reads, compared with their labels: GDAL shears or misplaces some without a word."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio

from orbitile.errors import OrbitileError
from orbitile.rasters.read import grid_of
from orbitile.raw.label import Label
from orbitile.space.footprints import border
from orbitile.space.grids import Grid
from orbitile.space.ground import Ground, wrap

TOLERANCE_PX = 3.0
"""Pixels by which corners may lie off: labels round, and count from the centres or from the edges of pixels."""

CYLINDRICAL = ("EQUIRECTANGULAR", "SIMPLECYLINDRICAL", "EQUIDISTANTCYLINDRICAL", "MERCATOR")
"""Projections in which the sides of an image are meridians and parallels, so that a label's limits are its sides'."""

BORDER_POINTS = 256
"""Points along each side of an image in other projections, at which the latitudes that it reaches are looked for."""

ISIS_MAPPING = "IsisCube.Mapping"
"""Where the map of an ISIS cube's label stands."""

_KEYS = {
    "north": ("MAXIMUM_LATITUDE", "MaximumLatitude"),
    "south": ("MINIMUM_LATITUDE", "MinimumLatitude"),
    "east": ("EASTERNMOST_LONGITUDE", "MaximumLongitude"),
    "west": ("WESTERNMOST_LONGITUDE", "MinimumLongitude"),
}
"""What limits are called in PDS3 labels and in those of ISIS cubes."""


def check_against_label(source: rasterio.DatasetReader) -> None:
    """Refuse an image that is not what its label says; images without a label pass.

    The label is a PDS3 one in the file or in a .lbl file beside it, or that of an ISIS cube. Compared are lines and
    samples, and of map-projected images the latitudes and longitudes of the sides, within 3 pixels; in projections
    that are not cylindrical, the label's latitudes must lie inside those of the image. OrbitileError with both values.
    """
    path = Path(source.name)
    label = Label.find(path) if path.is_file() else None
    if label is None:
        return
    _check_size(source, label)
    _check_prefixes(source, label)
    mapping = next((name for name in ("IMAGE_MAP_PROJECTION", ISIS_MAPPING) if label.has(name)), None)
    if mapping is not None and source.crs is not None:
        _check_limits(source, _Limits(label, mapping))


def _check_size(source: rasterio.DatasetReader, label: Label) -> None:
    core = "IsisCube.Core.Dimensions"
    keys = (f"{core}.Lines", f"{core}.Samples") if label.has("IsisCube") else ("IMAGE.LINES", "IMAGE.LINE_SAMPLES")
    for key, found in zip(keys, (source.height, source.width), strict=True):
        if label.has(key) and label.whole(key) != found:
            name = key.rsplit(".", 1)[1]
            raise OrbitileError(
                f"{source.name}: GDAL reads {found} as {name}, but {label.path} says {label.whole(key)}; is it the "
                "label of another image?"
            )


def _check_prefixes(source: rasterio.DatasetReader, label: Label) -> None:
    """Refuse lines with prefixes or suffixes, which GDAL takes for pixels, so that the image is sheared."""
    sizes = [label.whole(key) if label.has(key := f"IMAGE.LINE_{side}_BYTES") else 0 for side in ("PREFIX", "SUFFIX")]
    if source.driver == "PDS" and any(sizes):
        raise OrbitileError(
            f"{source.name}: its lines have {sizes[0]} bytes before and {sizes[1]} after the pixels, and GDAL reads "
            "them sheared; give it as a raw image, or convert it with ISIS"
        )


@dataclass(frozen=True)
class _Limits:
    """The limits of a label's map, in planetocentric degrees, longitudes east; `mapping` is the map's object in it."""

    label: Label
    mapping: str

    @property
    def is_cylindrical(self) -> bool:
        """Whether the map's sides are meridians and parallels."""
        return self._text("MAP_PROJECTION_TYPE", "ProjectionName") in CYLINDRICAL

    @property
    def _is_westward(self) -> bool:
        return "WEST" in self._text("POSITIVE_LONGITUDE_DIRECTION", "LongitudeDirection")

    def key(self, side: str) -> str:
        """The keyword that says where a side lies; empty if there is none."""
        if self._is_westward and self.mapping == ISIS_MAPPING:
            # ISIS' least and greatest longitudes are those of the numbers, which rise to the west here.
            side = {"east": "west", "west": "east"}.get(side, side)
        return self._first(*_KEYS[side])

    def of(self, side: str) -> float | None:
        """The latitude or longitude of a side; None if the label does not say it."""
        key = self.key(side)
        if not key:
            return None
        value = self.label.number(f"{self.mapping}.{key}", "deg")
        if side in ("north", "south"):
            return self._planetocentric(value)
        return -value if self._is_westward else value

    def _first(self, *names: str) -> str:
        """The first of some keys that there is; empty for none."""
        return next((name for name in names if self.label.has(f"{self.mapping}.{name}")), "")

    def _text(self, *names: str) -> str:
        """What the first key that there is says, in capitals without spaces, underscores and hyphens."""
        found = self._first(*names)
        text = self.label.text(f"{self.mapping}.{found}") if found else ""
        return text.upper().translate(str.maketrans("", "", " _-"))

    def _planetocentric(self, lat: float) -> float:
        """tan(planetocentric) is (c / a)^2 tan(planetographic latitude)."""
        kind = self._text("PROJECTION_LATITUDE_TYPE", "LatitudeType", "COORDINATE_SYSTEM_NAME")
        if "GRAPHIC" not in kind or abs(lat) >= 90:
            return lat
        a, c = (
            self.label.number(f"{self.mapping}.{self._first(*names)}", "km")
            for names in (("A_AXIS_RADIUS", "EquatorialRadius"), ("C_AXIS_RADIUS", "PolarRadius"))
        )
        return float(np.degrees(np.arctan((c / a) ** 2 * np.tan(np.radians(lat)))))


def _check_limits(source: rasterio.DatasetReader, limits: _Limits) -> None:
    grid = grid_of(source)
    ground = Ground(grid.crs_wkt, grid.crs.ellipsoid.semi_major_metre)
    if limits.is_cylindrical:
        _check_sides(source.name, grid, ground, limits)
    else:
        _check_latitudes(source.name, grid, ground, limits)


def _check_sides(name: str, grid: Grid, ground: Ground, limits: _Limits) -> None:
    """Compare each side of an image in a cylindrical projection with what its label says."""
    width, height = grid.width, grid.height
    edges = dict(
        north=((0, 0), (0, 1)), south=((0, height), (0, height - 1)),
        west=((0, 0), (1, 0)), east=((width, 0), (width - 1, 0)),
    )  # fmt: skip
    for side, (at, beside) in edges.items():
        expected = limits.of(side)
        if expected is None:
            continue
        cols, rows = np.transpose([at, beside]).astype(float)
        found, next_one = ground.lonlat(*grid.to_map(cols, rows))[side in ("north", "south")].tolist()
        pixel = abs(float(wrap(np.array(found - next_one))))
        apart = abs(float(wrap(np.array(found - expected)))) / pixel
        # Rows beyond a pole, by which some global maps are padded, have no latitude: NaN is not above anything.
        if apart > TOLERANCE_PX:
            raise OrbitileError(
                f"{name}: its {side} side lies at {found:.6g} degrees as GDAL reads it, but {limits.key(side)} of its "
                f"label means {expected:.6g} (planetocentric, east), {apart:.1f} pixels off; is it the label of "
                "another image?"
            )


def _check_latitudes(name: str, grid: Grid, ground: Ground, limits: _Limits) -> None:
    """Refuse a label with latitudes that an image does not reach."""
    south, north = _latitudes(grid, ground)
    slack = TOLERANCE_PX * np.degrees(grid.gsd_m / ground.radius_m)
    for side in ("south", "north"):
        expected = limits.of(side)
        if expected is not None and not south - slack <= expected <= north + slack:
            raise OrbitileError(
                f"{name}: reaches from {south:.6g} to {north:.6g} degrees of latitude as GDAL reads it, but "
                f"{limits.key(side)} of its label means {expected:.6g} (planetocentric); is it the label of another "
                "image?"
            )


def _latitudes(grid: Grid, ground: Ground) -> tuple[float, float]:
    """The southernmost and northernmost latitude of an image: on its border, or at a pole inside."""
    _, lat = ground.lonlat(*grid.to_map(*border(grid.width, grid.height, BORDER_POINTS)))
    lat = lat[np.isfinite(lat)]
    south, north = (float(lat.min()), float(lat.max())) if lat.size else (-90.0, 90.0)
    return (-90.0 if _holds(grid, ground, -90.0) else south), (90.0 if _holds(grid, ground, 90.0) else north)


def _holds(grid: Grid, ground: Ground, pole: float) -> bool:
    """Whether a pole lies inside an image."""
    at = ground.xy(np.zeros(1), np.array([pole]), *grid.middle)
    if not np.isfinite(at).all():
        return False
    col, row = grid.to_pixel(*at)
    return bool(0 <= col[0] <= grid.width and 0 <= row[0] <= grid.height)
