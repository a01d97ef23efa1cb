import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from orbitile.features.shapes.detection_shapes import VectorStyle, detection_shapes
from orbitile.features.shapes.on_body import ring_polygon as polygon
from orbitile.space.ground import ground_ellipses
from orbitile.stages.vectorise import vectorise
from orbitile.tables.detections import DETECTIONS
from orbitile.tables.parquet import write_table

MOON_M = 1737400.0


def ground_area(geometry):
    """Area in square metres on the Moon: longitude times the sine of latitude is an equal-area map."""
    flat = shapely.transform(
        shapely.segmentize(geometry, 0.5), lambda p: np.column_stack([np.radians(p[:, 0]), np.sin(np.radians(p[:, 1]))])
    )
    return shapely.area(flat) * MOON_M**2


def cap_area(diameter_m):
    return 2 * np.pi * MOON_M**2 * (1 - np.cos(diameter_m / 2 / MOON_M))


def circle(lon, lat, diameter_m):
    ring_lon, ring_lat = ground_ellipses([lon], [lat], [diameter_m], [diameter_m], MOON_M)
    return polygon(ring_lon[0], ring_lat[0])


def test_a_plain_ring():
    square = polygon(np.array([0, 2, 2, 0]), np.array([0, 0, 1, 1]))
    assert square.equals(shapely.box(0, 0, 2, 1))


@pytest.mark.parametrize("shift", [0, 360, -360])
def test_a_ring_across_the_antimeridian_is_cut(shift):
    found = polygon(np.array([179, 182, 182, 179]) + shift, np.array([0, 0, 1, 1]))
    assert found.geom_type == "MultiPolygon"
    assert found.equals(shapely.union(shapely.box(179, 0, 180, 1), shapely.box(-180, 0, -178, 1)))


@pytest.mark.parametrize(("west", "east"), [(-182, -181), (181, 182), (541, 542)])
def test_a_ring_beyond_the_antimeridian_is_moved(west, east):
    found = polygon(np.array([west, east, east, west]), np.array([0, 0, 1, 1]))
    assert found.bounds == pytest.approx((((west + 180) % 360) - 180, 0, ((east + 180) % 360) - 180, 1))


@pytest.mark.parametrize("pole", [90, -90])
@pytest.mark.parametrize("first", [0, -180, 100])
@pytest.mark.parametrize("direction", [1, -1])
def test_a_ring_around_a_pole_holds_the_pole(pole, first, direction):
    cap = [pole, pole * 8 / 9]
    found = polygon(first + direction * np.arange(0, 360, 30), np.full(12, cap[1]))
    assert found.is_valid
    assert shapely.area(shapely.symmetric_difference(found, shapely.box(-180, min(cap), 180, max(cap)))) < 1e-9


@given(st.floats(-180, 179.99), st.floats(-80, 80), st.floats(1000, 400_000))
def test_circles_are_whole_at_every_longitude(lon, lat, diameter):
    found = circle(lon, lat, diameter)
    assert found.is_valid
    assert found.bounds[0] >= -180 and found.bounds[2] <= 180
    assert ground_area(found) == pytest.approx(cap_area(diameter), rel=0.01)


@pytest.mark.parametrize(
    ("lat", "diameter"), [(89, 200_000), (90, 200_000), (85, 335_200), (-89, 200_000), (-90, 200_000)]
)
def test_circles_around_a_pole(lat, diameter):
    found = circle(30, lat, diameter)
    assert found.is_valid
    assert ground_area(found) == pytest.approx(cap_area(diameter), rel=5e-3)
    assert shapely.covers(shapely.buffer(found, 1e-9), shapely.Point(-170, np.copysign(89.9, lat)))


@pytest.mark.parametrize("lat", [89, 80, -89])
@pytest.mark.parametrize("lon", [-180, 0, 30, 179.999])
@pytest.mark.parametrize("beyond", [0, 1e-6, -1e-6, 1e-3, -1e-3])
def test_circles_that_just_reach_a_pole(lon, lat, beyond):
    """By a part of their radius more or less; the pole itself may be a point of the ring."""
    diameter = 2 * MOON_M * np.radians(90 - abs(lat)) * (1 + beyond)
    found = circle(lon, lat, diameter)
    assert found.is_valid
    assert ground_area(found) == pytest.approx(cap_area(diameter), rel=6e-3)


@pytest.mark.parametrize(
    ("shape", "area"), [("ellipse", np.pi * 10e3 * 5e3), ("circle", np.pi * 7.5e3**2), ("box", 20e3 * 10e3)]
)
@pytest.mark.parametrize(("lon", "lat"), [(0, 0), (180, 30), (-75, -60)])
def test_shapes(detections, moon, shape, area, lon, lat):
    table = detections([lon], [lat], 20_000, [0.9]).assign(height_m=10_000.0)
    frame = detection_shapes(table, VectorStyle(shape, 128), moon)
    assert frame.crs == moon.crs
    assert ground_area(frame.geometry.item()) == pytest.approx(area, rel=2e-3)
    assert frame.drop(columns="geometry").equals(table)


def test_shapes_have_as_many_vertices_as_asked_for(detections, moon):
    frame = detection_shapes(detections([0], [0], 1000, [0.9]), VectorStyle("ellipse", 200), moon)
    assert shapely.get_num_coordinates(frame.geometry.item()) == 201


def test_no_shapes(detections, moon):
    assert len(detection_shapes(detections([], [], 1000, []), VectorStyle("ellipse", 128), moon)) == 0


@pytest.mark.parametrize("count", [0, 3])
def test_vectorise(detections, moon, tmp_path, count):
    table = detections(np.arange(count), np.arange(count), 1000, np.full(count, 0.9))
    write_table(table, DETECTIONS, tmp_path / "survivors.parquet")
    vectorise(str(tmp_path / "survivors.parquet"), VectorStyle("ellipse", 128), moon, str(tmp_path / "group"))
    assert {p.suffix for p in tmp_path.glob("group*")} == {
        ".parquet", ".gpkg", ".shp", ".shx", ".dbf", ".prj", ".cpg", ".csv"
    }  # fmt: skip


def test_files_tell_how_scenes_came_onto_the_map(detections, moon):
    ways = {"a": dict(georef_method="spice", error_m=25.0), "b": dict(georef_method="projected", error_m=None)}
    table = detections([0, 1], [0, 1], 1000, [0.9, 0.8]).assign(scene=["b", "a"])
    frame = detection_shapes(table, VectorStyle("ellipse", 128, ways), moon)
    assert frame["georef_method"].tolist() == ["projected", "spice"]
    assert np.isnan(frame["error_m"][0])
    assert frame["error_m"][1] == 25
