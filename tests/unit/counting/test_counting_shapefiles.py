"""The pair of Shapefiles by the rules of OpenCraterTool and of Craterstats: attributes, single rings, maps."""

import geopandas
import numpy as np
import pyogrio
import pytest
import shapely
from counted_areas import SHAPES, area_count, exact_km2, scattered_count

from orbitile.base.errors import OrbitileError
from orbitile.counting.area_rings import AreaRings
from orbitile.counting.counting_shapefiles import write_shapefile_pair
from orbitile.counting.counting_sphere import CountingSphere
from orbitile.features.shapes.ground import areas_m2
from orbitile.space.bodies import find_body, lies_on

MOON = find_body("Moon")


@pytest.fixture(scope="module", params=SHAPES)
def pair(request, tmp_path_factory):
    """A count, and its Shapefiles as they are read back."""
    count, stem = scattered_count(request.param), tmp_path_factory.mktemp("pair") / "name"
    write_pair(count, stem)
    return count, *(geopandas.read_file(f"{stem}_{kind}.shp") for kind in ("CRATER", "AREA"))


def write_pair(count, stem):
    rings = AreaRings.of(count.shape)
    return write_shapefile_pair(count, rings, CountingSphere.of(count, rings, MOON), str(stem))


def test_opencratertool_finds_its_attributes(pair):
    count, craters, _ = pair
    assert list(craters.columns) == ["Diam_km", "x_coord", "y_coord", "tag", "geometry"]
    assert set(craters["tag"]) == {"standard"}
    order = count.largest_first
    for name, expected in (("Diam_km", count.diameter_km), ("x_coord", count.lon), ("y_coord", count.lat)):
        assert craters[name].to_numpy() == pytest.approx(expected[order], rel=1e-12, abs=1e-12)


def test_every_crater_is_a_single_ring_of_100_vertices_and_more(pair):
    _, craters, _ = pair
    assert set(craters.geometry.geom_type) == {"Polygon"}
    assert shapely.get_num_interior_rings(craters.geometry.to_numpy()).sum() == 0
    assert shapely.get_num_coordinates(craters.geometry.to_numpy()).min() > 100


def test_area_parts_are_single_and_named(pair):
    count, _, areas = pair
    assert list(areas.columns) == ["area", "area_name", "geometry"]
    assert set(areas.geometry.geom_type) == {"Polygon"}
    assert set(areas["area_name"]) == {count.name}
    assert areas["area"].sum() == pytest.approx(exact_km2(count.shape), rel=1e-4)


def test_both_lie_on_the_body_on_one_map(pair):
    _, craters, areas = pair
    assert craters.crs == areas.crs
    assert lies_on(craters.crs, MOON)
    assert craters.crs.ellipsoid.semi_major_metre == MOON.radius_m


def test_rings_on_the_map_have_their_diameters(pair):
    _, craters, _ = pair
    degrees = craters.to_crs(MOON.crs) if craters.crs.is_projected else craters
    areas = areas_m2(degrees.geometry.to_numpy(), MOON.radius_m)
    diameters = 4 * MOON.radius_m * np.arcsin(np.sqrt(areas / (4 * np.pi)) / MOON.radius_m)
    assert diameters / 1000 == pytest.approx(craters["Diam_km"].to_numpy(), rel=1e-4)


@pytest.mark.parametrize("name", ["north pole", "south pole", "off the pole"])
def test_maps_around_a_pole_are_polar(name, tmp_path):
    write_pair(scattered_count(name), tmp_path / "name")
    craters, areas = (geopandas.read_file(tmp_path / f"name_{kind}.shp") for kind in ("CRATER", "AREA"))
    assert craters.crs.is_projected
    assert craters.geometry.is_valid.all()
    assert areas.geometry.is_valid.all()
    assert areas.geometry.area.sum() > 0.9e6 * exact_km2(SHAPES[name])


def test_a_crater_around_a_pole_takes_its_area_onto_a_polar_map(tmp_path):
    write_pair(area_count([5], [89.9], [30], SHAPES["to the pole"]), tmp_path / "name")
    assert pyogrio.read_info(tmp_path / "name_AREA.shp")["crs"].startswith(("PROJCS", "EPSG", "ESRI", "IAU"))
    assert geopandas.read_file(tmp_path / "name_CRATER.shp").geometry.is_valid.all()


def test_a_crater_of_half_the_body_is_one_line(tmp_path):
    with pytest.raises(OrbitileError, match=r"area 'area': a crater of 6000 km is larger than half of Moon; leave"):
        write_pair(area_count([0], [0], [6000]), tmp_path / "name")
