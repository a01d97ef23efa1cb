"""Detections as polygons on the body: their areas, the antimeridian, the poles, and the plain way ring by ring."""

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orbitile.features.shapes import detection_shapes as module
from orbitile.features.shapes.detection_shapes import VectorStyle, detection_shapes
from orbitile.features.shapes.on_body import ring_polygon as polygon
from orbitile.space.bodies import find_body
from orbitile.space.ground import ground_boxes, ground_ellipses
from orbitile.tables.vectors import add_georef_methods

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


def test_files_tell_how_scenes_came_onto_the_map(detections, moon):
    methods = {"a": dict(georef_method="spice", error_m=25.0), "b": dict(georef_method="projected", error_m=None)}
    table = detections([0, 1], [0, 1], 1000, [0.9, 0.8]).assign(scene=["b", "a"])
    frame = add_georef_methods(detection_shapes(table, VectorStyle("ellipse", 128), moon), methods)
    assert frame["georef_method"].tolist() == ["projected", "spice"]
    assert np.isnan(frame["error_m"][0])
    assert frame["error_m"][1] == 25


def plain_shapes(table, style, body):
    """Ring by ring."""
    lon, lat, width, height = (table[name].to_numpy(float) for name in ("lon", "lat", "width_m", "height_m"))
    if style.shape == "circle":
        width = height = (width + height) / 2
    rings = ground_boxes if style.shape == "box" else ground_ellipses
    rings = rings(lon, lat, width, height, body.radius_m, style.vertices)
    return [polygon(*ring) for ring in zip(*rings, strict=True)]


PLACES = st.tuples(
    st.one_of(st.floats(-180, 180), st.sampled_from([-180.0, 180.0, 179.999, -179.999, 0.0])),
    st.one_of(st.floats(-90, 90), st.sampled_from([-90.0, 90.0, 89.999, -89.9, 85.0])),
    st.floats(1, 1e6),
    st.floats(0.2, 3),
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(PLACES, max_size=30), st.sampled_from(["ellipse", "circle", "box"]), st.integers(3, 200),
    st.integers(1, 2000),
)  # fmt: skip
@example([(0.0, 90.0, 1e5, 1.0), (180.0, 0.0, 1e5, 1.0), (10.0, 10.0, 1e5, 1.0)], "ellipse", 128, 256)
def test_shapes_are_exactly_those_made_ring_by_ring(places, shape, vertices, points_per_block):
    body, style = find_body("Moon"), VectorStyle(shape, vertices)
    lon, lat, width, ratio = np.array(places, float).reshape(-1, 4).T
    table = pd.DataFrame(dict(lon=lon, lat=lat, width_m=width, height_m=width * ratio))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "POINTS_PER_BLOCK", points_per_block)
        frame = detection_shapes(table, style, body)
    assert frame.geometry.to_wkb().tolist() == shapely.to_wkb(plain_shapes(table, style, body)).tolist()


def test_few_shapes_go_ring_by_ring(detections, moon, monkeypatch):
    """Those that cross 180 E or hold a pole."""
    calls = []
    monkeypatch.setattr("orbitile.features.shapes.on_body.ring_polygon", lambda *ring: calls.append(polygon(*ring)))
    places = [(0, 0), (179.99, 0), (-179.99, 40), (50, 90), (50, -89.99), (170, 20), (-20, 85)]
    detection_shapes(detections(*np.transpose(places), 5000, np.full(7, 0.9)), VectorStyle("ellipse", 128), moon)
    assert len(calls) == 4


def test_georeferencing_is_that_of_each_row_s_scene(detections, moon):
    """Also of scenes as categories, with any index."""
    methods = {name: dict(georef_method=f"by {name}", error_m=n) for n, name in enumerate("abc")}
    table = detections(np.arange(5), np.arange(5), 1000, np.full(5, 0.9)).assign(scene=list("cabca"))
    table = table.astype(dict(scene="category")).set_index([[9, 7, 5, 3, 3]])
    frame = add_georef_methods(detection_shapes(table, VectorStyle("ellipse", 128), moon), methods)
    assert frame["georef_method"].tolist() == ["by c", "by a", "by b", "by c", "by a"]
    assert frame["error_m"].tolist() == [2, 0, 1, 2, 0]
    assert frame.index.tolist() == [9, 7, 5, 3, 3]
