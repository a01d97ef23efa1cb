from pathlib import Path

import numpy as np
import pytest

from orbitile.base.errors import OrbitileError
from orbitile.tables.column_names import plain_name
from orbitile.tables.crater_columns import (
    DIAMETER,
    LAT,
    LON,
    CraterColumns,
    ScaledColumn,
    find_diameter,
    find_pixels,
    find_position,
    find_scene,
)

PATH = Path("t.csv")


def test_usual_names_are_plain():
    assert all(name == plain_name(name) for name in (*LON, *LAT, *DIAMETER))


def test_circles_go_before_ellipses():
    header = ["LAT_ELLI_IMG", "LON_ELLI_IMG", "DIAM_ELLI_MAJOR_IMG", "LAT_CIRC_IMG", "LON_CIRC_IMG", "DIAM_CIRC_IMG"]
    lon, lat = find_position(header, CraterColumns(), PATH)
    assert (lon.name, lat.name) == ("lon_circ_img", "lat_circ_img")
    assert find_diameter(header, CraterColumns(), PATH) == ScaledColumn("diam_circ_img", 1000)


def test_named_columns_go_before_the_usual_ones():
    header, columns = ["lon", "lat", "diameter_km", "X", "D", "Image"], CraterColumns("X", None, None, "D", "Image")
    assert [column.name for column in find_position(header, columns, PATH)] == ["x", "lat"]
    assert find_diameter(header, columns, PATH) == ScaledColumn("d", 1)
    assert find_scene(header, columns, PATH) == "image"
    assert columns.wanted >= {"x", "d", "image", "lon"}


@pytest.mark.parametrize(
    ("lon", "lat", "factors"),
    [
        ("Longitude (W)", "Latitude", (-1, 1)), ("lon_rad", "lat_rad", (180 / np.pi, 180 / np.pi)),
        ("Longitude", "Lat", (1, 1)), ("x", "y", (1, 1)),
    ],
)  # fmt: skip
def test_named_columns_keep_the_unit_and_direction_of_their_usual_name(lon, lat, factors):
    columns = find_position([lon, lat], CraterColumns(lon=lon, lat=lat), PATH)
    assert tuple(column.factor for column in columns) == pytest.approx(factors)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (["diameter"], "column diameter names no unit; call it diameter_km or diameter_m"),
        (["lon"], "no column named diameter_km, diam_km or similar; it has lon; are its fields separated by"),
    ],
)
def test_a_diameter_needs_a_unit(header, message):
    with pytest.raises(OrbitileError, match=rf"t\.csv: {message}"):
        find_diameter(header, CraterColumns(), PATH)


def test_places_in_pixels():
    assert find_pixels(["scene", "X_px", "Y_px", "Diam (px)"]) == ("x_px", "y_px", "diam_px")
    assert find_pixels(["scene", "x_px", "y_px"]) is None


@pytest.mark.parametrize(
    "header, lon, lat, diameter, factor",
    [
        (["CRATER_ID", "LATITUDE_CIRCLE_IMAGE", "LONGITUDE_CIRCLE_IMAGE", "DIAM_CIRCLE_IMAGE"],
         "longitude_circle_image", "latitude_circle_image", "diam_circle_image", 1000.0),
        (["CRATER_ID", "LAT_CIRC_IMG", "LON_CIRC_IMG", "DIAM_CIRC_IMG"],
         "lon_circ_img", "lat_circ_img", "diam_circ_img", 1000.0),
        (["Diam_km", "x_coord", "y_coord", "tag"], "x_coord", "y_coord", "diam_km", 1000.0),
        (["lon", "lat", "radius_km"], "lon", "lat", "radius_km", 2000.0),
        (["lon", "lat", "Radius (m)"], "lon", "lat", "radius_m", 2.0),
    ],
)  # fmt: skip
def test_tables_of_robbins_opencratertool_and_of_radii(header, lon, lat, diameter, factor):
    position = find_position(header, CraterColumns(), PATH)
    assert [column.name for column in position] == [lon, lat]
    assert find_diameter(header, CraterColumns(), PATH) == (ScaledColumn(diameter, factor))
