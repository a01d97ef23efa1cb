"""Columns of crater tables: the names that the catalogues of the field give to positions and diameters, and units.

Names count in upper or lower case, with any spacing: DIAM_KM, "Diam (km)" and diam_km are one. Of several columns for
one quantity the first of these lists counts, so that the circle fits of Robbins' catalogues go before the ellipses.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from math import pi
from pathlib import Path

from orbitile.base.errors import OrbitileError
from orbitile.tables.column_names import listed_names, plain_name

KM, RADIAN = 1000.0, 180 / pi
LON = dict.fromkeys(
    (
        "lon", "lon_deg", "lon_deg_e", "lon_deg_e360", "lon_e", "longitude", "longitude_deg", "longitude_e",
        "longitude_deg_e", "x_lon", "long",
        "lon_circ_img", "longitude_circle_image",  # Robbins 2018; Robbins and Hynek 2012
        "center_lon", "center_longitude", "centre_lon", "centre_longitude",  # IAU nomenclature
        "x_coord",  # OpenCraterTool, CraterTools
        "lon_elli_img", "longitude_ellipse_image",
    ), 1.0,
) | dict.fromkeys(("lon_rad", "longitude_rad"), RADIAN) | dict.fromkeys(
    ("lon_w", "lon_deg_w", "lon_w_deg", "longitude_w", "longitude_deg_w", "west_lon", "west_longitude"), -1.0
)  # fmt: skip
"""Names of longitudes, with the factor that makes degrees east of them."""
LAT = dict.fromkeys(
    (
        "lat", "lat_deg", "lat_deg_n", "lat_n", "latitude", "latitude_deg", "latitude_n", "latitude_deg_n", "y_lat",
        "lat_circ_img", "latitude_circle_image", "center_lat", "center_latitude", "centre_lat", "centre_latitude",
        "y_coord", "lat_elli_img", "latitude_ellipse_image",
    ), 1.0,
) | dict.fromkeys(("lat_rad", "latitude_rad"), RADIAN)  # fmt: skip
"""Names of latitudes, with the factor that makes degrees north of them."""
DIAMETER = (
    dict.fromkeys(("diameter_km", "diam_km", "d_km", "dia_km", "diamkm", "diam_circ_img", "diam_circle_image"), KM)
    | dict.fromkeys(("diameter_m", "diam_m", "d_m", "dia_m"), 1.0)
    | dict(radius_km=2 * KM, r_km=2 * KM, radius_m=2.0, r_m=2.0)
)
"""Names of diameters, with the factor that makes metres of them."""
WITHOUT_UNIT = ("diameter", "diam", "dia", "d", "radius", "size")
IN_KM_BESIDE = (
    ({"center_lon", "center_longitude"}, "diameter"),  # IAU nomenclature
    ({"fraction"}, "diam"),  # Craterstats
)
"""Diameters without a unit that are kilometres, by columns that only such tables have."""
COLUMN_PX, ROW_PX, DIAMETER_PX = ("col_px", "x_px"), ("row_px", "y_px"), ("diameter_px", "diam_px")
"""Names of places and diameters in pixels of a scene, from its upper left corner."""
SCENE = "scene"
AGREEMENT = ("agreement", "annotators")
"""Names of columns that tell which share, 0..1, or what number of annotators marked a crater."""


@dataclass(frozen=True)
class CraterColumns:
    """Which columns of a crater table hold what, by their names; None: those with one of the usual names."""

    lon: str | None = None
    lat: str | None = None
    diameter_km: str | None = None
    diameter_m: str | None = None
    scene: str | None = None

    @property
    def named(self) -> dict[str, str]:
        """The columns that are named, by what they hold."""
        return {field.name: name for field in fields(self) if (name := getattr(self, field.name)) is not None}

    @property
    def wanted(self) -> set[str]:
        """The plain names of all columns that may be read."""
        usual = {*LON, *LAT, *DIAMETER, *WITHOUT_UNIT, *COLUMN_PX, *ROW_PX, *DIAMETER_PX, SCENE, "class", "fraction"}
        return usual | {*AGREEMENT} | {plain_name(name) for name in self.named.values()}


@dataclass(frozen=True)
class ScaledColumn:
    """A column by its plain name, and the factor that its numbers are multiplied by."""

    name: str
    factor: float


def find_position(header: Sequence[str], columns: CraterColumns, path: Path) -> tuple[ScaledColumn, ScaledColumn]:
    """The columns of longitude and latitude; OrbitileError where the table has none."""
    names = {plain_name(name) for name in header}
    lon = _find_named(columns.lon, _factor(LON, columns.lon), names, header, path) or _find_usual(LON, names)
    lat = _find_named(columns.lat, _factor(LAT, columns.lat), names, header, path) or _find_usual(LAT, names)
    for column, usual in ((lon, LON), (lat, LAT)):
        if column is None:
            raise _missing(path, [*usual][:3], header)
    assert lon is not None and lat is not None
    return lon, lat


def find_diameter(header: Sequence[str], columns: CraterColumns, path: Path) -> ScaledColumn:
    """The column of the diameter; OrbitileError where the table has none, or none with a unit."""
    names = {plain_name(name) for name in header}
    column = (
        _find_named(columns.diameter_km, KM, names, header, path)
        or _find_named(columns.diameter_m, 1.0, names, header, path)
        or _find_usual(DIAMETER, names)
        or next((ScaledColumn(d, KM) for signs, d in IN_KM_BESIDE if d in names and signs & names), None)
    )
    if column is not None:
        return column
    if bare := next((name for name in WITHOUT_UNIT if name in names), None):
        raise OrbitileError(
            f"{path}: column {bare} names no unit; call it {bare}_km or {bare}_m, or name it in the settings "
            "(columns: diameter_km or diameter_m)"
        )
    raise _missing(path, [*DIAMETER][:2], header)


def find_pixels(header: Sequence[str]) -> tuple[str, str, str] | None:
    """The columns of column, row and diameter in pixels; None where the table lacks one of them."""
    names = {plain_name(name) for name in header}
    col, row, diameter = (next((n for n in usual if n in names), "") for usual in (COLUMN_PX, ROW_PX, DIAMETER_PX))
    return (col, row, diameter) if col and row and diameter else None


def has_places(header: Sequence[str]) -> bool:
    """Whether a header has the usual columns of craters' places, in degrees or in pixels."""
    names = {plain_name(name) for name in header}
    return bool(names & {*LON} and names & {*LAT}) or find_pixels(header) is not None


def find_scene(header: Sequence[str], columns: CraterColumns, path: Path) -> str | None:
    """The column that names each crater's scene; None where there is none."""
    names = {plain_name(name) for name in header}
    column = _find_named(columns.scene, 1.0, names, header, path)
    return column.name if column else SCENE if SCENE in names else None


def _find_named(
    name: str | None, factor: float, names: Collection[str], header: Sequence[str], path: Path
) -> ScaledColumn | None:
    if name is None:
        return None
    if plain_name(name) not in names:
        raise OrbitileError(f"{path}: no column {name!r}, which the settings name; it has {listed_names(header)}")
    return ScaledColumn(plain_name(name), factor)


def _factor(usual: Mapping[str, float], name: str | None) -> float:
    """That of a named column: of its own where its name is a usual one, as of longitudes to the west."""
    return usual.get(plain_name(name), 1.0) if name is not None else 1.0


def _find_usual(usual: Mapping[str, float], names: Collection[str]) -> ScaledColumn | None:
    return next((ScaledColumn(name, factor) for name, factor in usual.items() if name in names), None)


def _missing(path: Path, usual: Sequence[str], header: Sequence[str]) -> OrbitileError:
    hint = "; are its fields separated by commas, semicolons or tabs?" if len(header) == 1 else ""
    return OrbitileError(
        f"{path}: no column named {', '.join(usual)} or similar; it has {listed_names(header)}{hint}; rename one, or "
        "name it in the settings (columns)"
    )
