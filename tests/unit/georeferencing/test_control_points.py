"""Corners and control points: where they come from, and what is expected of an image placed by them. All made up."""

import numpy as np
import pytest
import rasterio
from rasterio.control import GroundControlPoint
from raw_archive import Archive
from scipy.spatial.transform import Rotation

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.control_points import control_points, points_of_image, points_of_label, read_points
from orbitile.georeferencing.image_geometry import (
    CORNERS_ERROR_M,
    LABEL_ROTATION_M,
    corners_error_m,
    image_geometry,
)
from orbitile.georeferencing.image_header import read_image_header
from orbitile.georeferencing.raw.label import PvlLabel
from orbitile.georeferencing.request import GeorefRequest
from orbitile.space.bodies import find_body
from orbitile.space.ground import unit_vectors
from orbitile.tables.georef_methods import CORNERS

MARS, MERCURY = find_body("Mars"), find_body("Mercury")
SIZE = 60, 40
OUTER = [(0, 0), (60, 0), (60, 40), (0, 40)]
OCENTRIC = {-4: -3.9532, -4.1: -4.052038}
"""Planetocentric latitudes of planetographic ones on Mars."""
PLACES = [(137, -4), (137.1, -4), (137.1, -4.1), (137, -4.1)]
METRES_PER_DEGREE = np.pi / 180 * MARS.radius_m


def pixels(points):
    return list(zip(points.col, points.row, strict=True))


def places(points):
    return [(round(lon, 9), round(lat, 9)) for lon, lat in zip(points.lon, points.lat, strict=True)]


@pytest.fixture
def points_file(tmp_path):
    """Writes a file of control points."""

    def write(text):
        (tmp_path / "points.csv").write_text(text)
        return str(tmp_path / "points.csv")

    return write


@pytest.fixture
def image(tmp_path):
    """Writes an image, with ground control points (col, row, lon, lat) if any are given."""

    def write(points=(), crs="IAU_2015:49900"):
        known = dict(gcps=[GroundControlPoint(row, col, x, y) for col, row, x, y in points], crs=crs) if points else {}
        path = tmp_path / "image.tif"
        with rasterio.open(path, "w", driver="GTiff", width=60, height=40, count=1, dtype="uint8", **known) as sink:
            sink.write(np.ones((40, 60), np.uint8), 1)
        return str(path)

    return write


def geometry(path, **known):
    """The geometry of an image by its corners."""
    return image_geometry(GeorefRequest(path, CORNERS, **known), read_image_header(path), MARS)


def label(tmp_path, **keywords):
    return PvlLabel.find(Archive(tmp_path).ctx(np.ones((40, 5056), np.uint8), **keywords))


def corners_of_label(unit="", lon=str):
    names = ("UPPER_LEFT", "UPPER_RIGHT", "LOWER_RIGHT", "LOWER_LEFT")
    return {
        f"{name}_{axis}": f"{text}{unit}"
        for name, place in zip(names, PLACES, strict=True)
        for axis, text in zip(("LONGITUDE", "LATITUDE"), (lon(place[0]), place[1]), strict=True)
    }


@pytest.mark.parametrize(
    ("text", "decimals"),
    [
        ("137 -4; 137.1 -4; 137.1 -4.1; 137 -4.1", 0),
        ("137.00 -4.00; 137.10 -4.00; 137.10 -4.10; 137.00 -4.10", 2),
        ("137.000,-4.000  137.100,-4.000  137.100,-4.100  137.000,-4.100", 3),
        ("-223.0 -4.0; -222.9 -4.0; -222.9 -4.1; -223.0 -4.1", 1),
        ("497.0 -4.0; 497.1 -4.0; 497.1 -4.1; 497.0 -4.1", 1),
    ],
)
def test_four_corners_as_text(text, decimals):
    points = read_points(text, SIZE)
    assert pixels(points) == OUTER
    assert places(points) == PLACES
    assert points.decimals == decimals


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("137 -4; 138 -4", r"corners: '137 -4; 138 -4' contains 4 numbers; allowed are four corners"),
        ("somewhere", "contains 0 numbers"),
        ("1 2 3 4 5 6 7 8 9", "contains 9 numbers"),
        ("137W 4S; 138W 4S; 138W 5S; 137W 5S", "contains 'W'; allowed are four corners"),
        ("137,1 -4,0; 138,1 -4,0; 138,1 -5,0; 137,1 -5,0", "contains 16 numbers"),
        ("1e2 -4; 138 -4; 138 -5; 137 -5", "contains 9 numbers"),
        ("-4 137; -4 138; -5 138; -5 137", "write the longitude of each corner before its latitude"),
        ("-9999 -4; 138 -4; 138 -5; 137 -5", r"longitudes in -360\.\.540"),
    ],
)
def test_other_texts_are_refused(text, message):
    with pytest.raises(OrbitileError, match=message):
        read_points(text, SIZE)


def test_a_file_of_control_points(points_file):
    points = read_points(
        points_file("# made up\nrow, col, lat, lon, name\n0.5, 1, -4, 360, a\n2, 3, 5, 181, b\n"), SIZE
    )
    assert pixels(points) == [(1, 0.5), (3, 2)]
    assert places(points) == [(0, -4), (-179, 5)]
    assert points.decimals is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("col,row,lon\n1,2,3\n", "is not a table of control points: column lat is missing; .*has col, row, lon"),
        ("col,row,lon,lat\n1,2,3,north\n", "line 2: column lat is 'north', not a number"),
        ("col,row,lon,lat\n1,2,3,4\n1,2,3,4,5\n", "line 3 has 5 fields, but the header names 4 columns"),
        ("col,row,lon,lat\n1,2,3,91\n", "line 2: column lat is '91'; latitudes lie in -90..90 degrees"),
        ("col,row,lon,lat\n1,2,-9999,4\n", "line 2: column lon is '-9999'; longitudes lie in -360..540 degrees"),
        ("col,row,lon,lat,Lat\n1,2,3,4,5\n", r"line 1: columns 4 \('lat'\) and 5 \('Lat'\) have the same name"),
        ("", "is empty"),
    ],
)
def test_other_files_are_refused(points_file, text, message):
    with pytest.raises(OrbitileError, match=rf"points\.csv: {message}"):
        read_points(points_file(text), SIZE)


def test_a_file_that_is_missing():
    with pytest.raises(OrbitileError, match=r"gone\.csv: there is no such file of control points"):
        read_points("gone.csv", SIZE)


@pytest.mark.parametrize("scale", [1, METRES_PER_DEGREE])
def test_control_points_of_an_image(image, scale):
    """In degrees, or in metres of a map that is equidistant along the equator and meridians."""
    crs = "IAU_2015:49900" if scale == 1 else "IAU_2015:49910"
    given = [(*pixel, lon * scale, lat * scale) for pixel, (lon, lat) in zip(OUTER, PLACES, strict=True)]
    points = points_of_image(read_image_header(image(given, crs)), MARS)
    assert pixels(points) == OUTER
    np.testing.assert_allclose(places(points), PLACES, atol=1e-7)


def test_control_points_of_another_body_do_not_count(image):
    given = [(*pixel, *place) for pixel, place in zip(OUTER, PLACES, strict=True)]
    assert points_of_image(read_image_header(image(given, "IAU_2015:30100")), MARS) is None


@pytest.mark.parametrize(
    ("unit", "lon", "decimals"),
    [("", str, 0), ("", lambda lon: f"{lon + 360:.3f}", 0), (" <DEG>", str, 2)],
)
def test_corners_of_a_label(tmp_path, unit, lon, decimals):
    points = points_of_label(label(tmp_path, **corners_of_label(unit, lon)), SIZE, MARS)
    assert (pixels(points), places(points)) == (OUTER, PLACES)
    assert points.decimals == decimals


@pytest.mark.parametrize(
    ("keyword", "value", "expected"),
    [
        ("POSITIVE_LONGITUDE_DIRECTION", "WEST", [(-lon, lat) for lon, lat in PLACES]),
        ("POSITIVE_LONGITUDE_DIRECTION", "EAST", PLACES),
        ("COORDINATE_SYSTEM_NAME", "PLANETOCENTRIC", PLACES),
        ("COORDINATE_SYSTEM_NAME", "PLANETOGRAPHIC", [(lon, OCENTRIC[lat]) for lon, lat in PLACES]),
    ],
)
def test_labels_say_how_their_corners_count(tmp_path, keyword, value, expected):
    """Planetographic ones by tan(planetocentric) = (3376.2 / 3396.19)^2 tan(planetographic)."""
    points = points_of_label(label(tmp_path, **corners_of_label(), **{keyword: f'"{value}"'}), SIZE, MARS)
    np.testing.assert_allclose(places(points), expected, atol=1e-5)


def test_labels_without_all_corners(tmp_path):
    some = corners_of_label()
    del some["LOWER_LEFT_LATITUDE"]
    assert points_of_label(label(tmp_path, **some), SIZE, MARS) is None
    assert points_of_label(None, SIZE, MARS) is None


def test_the_scene_table_counts_before_the_image(image):
    path = image([(*pixel, *place) for pixel, place in zip(OUTER, PLACES, strict=True)])
    header = read_image_header(path)
    named = control_points(GeorefRequest(path, corners="7 1; 8 1; 8 0; 7 0"), header, MARS)
    assert places(named) == [(7, 1), (8, 1), (8, 0), (7, 0)]
    assert places(control_points(GeorefRequest(path), header, MARS)) == PLACES


@pytest.mark.parametrize(
    ("decimals", "rounding_m"), [(1, 0.05 * METRES_PER_DEGREE), (3, 0.0005 * METRES_PER_DEGREE), (9, 0)]
)
def test_the_expected_error_of_corners_grows_with_their_rounding(image, decimals, rounding_m):
    """Both degrees of a corner are rounded; at 4 degrees from the equator they are of one length within 0.3 %."""
    text = "; ".join(f"{lon:.{decimals}f} {lat:.{decimals}f}" for lon, lat in PLACES)
    found = geometry(image(), corners=text)
    assert found.error_m == pytest.approx(np.hypot(CORNERS_ERROR_M, np.sqrt(2) * rounding_m), rel=2e-3)


def iau_rotation(pole_ra, pole_dec, meridian):
    """The rotation (3, 3) from inertial to body-fixed axes by the IAU's angles (degrees)."""
    return Rotation.from_euler("ZXZ", [90 + pole_ra, 90 - pole_dec, meridian], degrees=True).as_matrix().T


def test_labels_of_mercury_count_by_an_old_rotation():
    """IAU until 2009 against IAU 2015 with its largest libration; root mean square, while MESSENGER was in orbit."""
    random = np.random.default_rng(0)
    points = unit_vectors(random.uniform(-180, 180, 5000), np.degrees(np.arcsin(random.uniform(-1, 1, 5000))))
    shifts = []
    for days in np.linspace(2011.2 - 2000, 2015.3 - 2000, 50) * 365.25:
        turns = days / 36525
        libration = 0.01067257 * np.sin(np.radians(174.7910857 + 4.092335 * days))
        old = iau_rotation(281.01 - 0.033 * turns, 61.45 - 0.005 * turns, 329.548 + 6.1385025 * days)
        new = iau_rotation(281.0103 - 0.0328 * turns, 61.4155 - 0.0049 * turns, 329.5988 + 6.1385108 * days + libration)
        shifts.append(np.linalg.norm(points @ (new @ old.T).T - points, axis=1) * MERCURY.radius_m)
    assert np.sqrt(np.square(shifts).mean()) == pytest.approx(LABEL_ROTATION_M["Mercury"], rel=0.02)
    assert np.max(shifts) == pytest.approx(4800, rel=0.02)


def test_corners_of_mercury_are_expected_further_off(image, tmp_path):
    path = image()
    header = read_image_header(path)
    for request in (GeorefRequest(path, corners="7 1; 8 1; 8 0; 7 0"), GeorefRequest(path)):
        assert corners_error_m(request, header, MARS) == 1000
        assert corners_error_m(request, header, MERCURY) == pytest.approx(3544, abs=1)


def test_many_control_points_tell_their_own_error(image):
    """Six and more are compared with each other, so that the error of unknown corners does not count."""
    col, row = (axis.ravel() for axis in np.meshgrid([0, 30, 60], [0, 20, 40]))
    given = [(c, r, 137 + c / 600, -4 - r / 400) for c, r in zip(col, row, strict=True)]
    found = geometry(image(given))
    assert found.error_m < 10
    assert found.gsd_m == pytest.approx(METRES_PER_DEGREE * np.mean([1 / 600, 1 / 400]), rel=0.01)


def test_an_image_without_any(image):
    with pytest.raises(OrbitileError, match=r"image\.tif: has no corners to be georeferenced by; .* column corners"):
        geometry(image())


def test_crossed_corners(image):
    with pytest.raises(OrbitileError, match="the four corners are crossed"):
        geometry(image(), corners="137 -4; 137.1 -4.1; 137.1 -4; 137 -4.1")
