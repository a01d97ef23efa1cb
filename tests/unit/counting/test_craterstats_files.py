"""The text files of Craterstats: what its readers, and OpenCraterTool's, take from them."""

import re

import numpy as np
import pytest
import shapely
from counted_areas import SHAPES, area_count, exact_km2, scattered_count
from hypothesis import given
from hypothesis import strategies as st

from orbitile.counting.area_rings import AreaRings
from orbitile.counting.counting_sphere import CountingSphere
from orbitile.counting.craterstats_files import diam_text, diam_text_of_craterstats_2, scc_text
from orbitile.counting.plain_numbers import plain_number
from orbitile.space.bodies import find_body

MOON = find_body("Moon")


def scc(count):
    rings = AreaRings.of(count.shape)
    return scc_text(count, rings, CountingSphere.of(count, rings, MOON))


def table(text, name):
    """The named columns of a table of a file of Craterstats."""
    header, rows = re.search(rf"^{name} = {{(.*?)\n(.*?)^}}", text, flags=re.M | re.S).groups()
    values = [line.split("\t") for line in rows.splitlines() if not line.startswith("#")]
    return dict(zip(header.split(", "), zip(*values, strict=True), strict=True))


@given(st.floats(1e-9, 1e12))
def test_numbers_have_no_exponent(value):
    text = plain_number(value)
    assert re.fullmatch(r"[0-9]+(\.[0-9]+)?", text)
    assert float(text) == pytest.approx(value, rel=1e-11)


def test_scc_holds_area_radius_and_craters():
    count = scattered_count("over 180")
    text = scc(count)
    craters = table(text, "crater")
    assert list(craters) == ["diam", "fraction", "lon", "lat", "topo_scale_factor"]
    assert [float(d) for d in craters["diam"]] == pytest.approx(sorted(count.diameter_km, reverse=True))
    assert "\na_axis_radius = 1737.4 <km>\n" in text
    assert "\na-axis radius = 1737.4 <km>\n" in text
    total = re.search(r"^Total_area = ([\d.]+) <km\^2>$", text, flags=re.M)
    assert float(total[1]) == pytest.approx(exact_km2(SHAPES["over 180"]))


def test_scc_outlines_holes_after_their_part():
    boundary = table(scc(scattered_count("hole")), "unit_boundary")
    assert list(dict.fromkeys(zip(boundary["sub_area"], boundary["tag"], strict=True))) == [("1", "ext"), ("2", "int")]
    assert boundary["vertex"] == tuple(map(str, range(1, len(boundary["vertex"]) + 1)))


def test_opencratertool_s_lines_begin_each_ring():
    """It takes five columns, separated by tabs, after comments with the area's name and size."""
    lines = scc(scattered_count("two parts")).splitlines()
    named = [number for number, line in enumerate(lines) if line.startswith("# Area_name")]
    sizes = [float(lines[number + 1].split("= ")[1].split()[0]) for number in named]
    assert [lines[number] for number in named] == ["# Area_name 1 = two parts", "# Area_name 2 = two parts"]
    assert sum(sizes) == pytest.approx(exact_km2(SHAPES["two parts"]), rel=1e-4)
    assert {len(line.split("\t")) for line in lines if "\t" in line} == {5}


def test_fraction_is_weight_by_probability():
    count = area_count([1, 2], [0, 0], [2, 1], weight=[0.5, 1], probability=[0.8, 0.25])
    assert table(scc(count), "crater")["fraction"] == ("0.4", "0.25")
    assert table(diam_text(count), "crater")["fraction"] == ("0.4", "0.25")


def test_diam_holds_the_area_where_all_craters_count_on_it():
    text = diam_text(area_count([1, 2], [0, 0], [0.0000025, 1], searched_km2=12_345_678.9))
    assert "\narea = 12345678.9\n" in text
    assert table(text, "crater")["diameter"] == ("1", "0.0000025")


def test_diam_holds_the_ground_of_each_crater_where_it_differs():
    text = diam_text(area_count([1, 2], [0, 0], [2, 1], weight=[0.5, 1], area_km2=[100, 50], searched_km2=100.0))
    craters = table(text, "crater")
    assert "area =" not in text.replace("reference_area", "")
    assert dict(zip(craters["diameter"], craters["reference_area"], strict=True)) == {"2": "200", "1": "50"}


def test_diam_of_craterstats_2_has_bare_columns():
    count = area_count([1, 2], [0, -3], [2, 1], searched_km2=100.0)
    lines = diam_text_of_craterstats_2(count).splitlines()
    assert "Area <km^2> = 100" in lines
    assert lines[-1].split("\t") == ["1", "1", "2.000000000000", "-3.000000000000"]
    assert not any("{" in line for line in lines)


def test_a_single_area_that_is_not_all_is_said():
    count = area_count([1, 2], [0, 0], [2, 1], area_km2=[100, 50], searched_km2=100.0)
    assert "which this format cannot hold" in diam_text_of_craterstats_2(count)


def test_names_stay_on_their_line():
    count = area_count([1], [0], [2], name="a\nTotal_area = 1")
    assert "\nTotal_area = 1\n" not in scc(count)


def test_sphere_is_the_body_s_where_sizes_agree():
    count = scattered_count("equator")
    sphere = CountingSphere.of(count, AreaRings.of(count.shape), MOON)
    assert sphere.radius_m == MOON.radius_m
    assert sphere.crs == MOON.crs


def test_sphere_has_a_local_radius_where_the_size_is_the_ellipsoid_s():
    mars, shape = find_body("Mars"), SHAPES["lat 85"]
    count = area_count([20], [85], [1], shape, searched_km2=exact_km2(shape, 3376.5))
    sphere = CountingSphere.of(count, AreaRings.of(shape), mars)
    assert sphere.radius_m == pytest.approx(3376.5e3, rel=1e-5)
    assert sphere.crs.ellipsoid.semi_major_metre == sphere.radius_m
    assert sphere.polar_crs(1).ellipsoid.semi_major_metre == sphere.radius_m


def test_sphere_tells_how_far_the_outline_is_from_the_searched_area():
    count = area_count([11], [0], [1], searched_km2=exact_km2(SHAPES["equator"]) / 2)
    assert CountingSphere.of(count, AreaRings.of(count.shape), MOON).area_error == pytest.approx(1, rel=1e-4)


def test_order_of_rows_changes_nothing():
    count = scattered_count("equator")
    shuffled = count.taking(np.random.default_rng(2).permutation(len(count)))
    assert scc(shuffled) == scc(count)
    assert diam_text(shuffled) == diam_text(count)


def test_shapes_of_any_kind_have_an_outline():
    count = area_count([1], [1], [1], shapely.MultiPolygon([shapely.box(0, 0, 2, 2)]))
    assert len(set(table(scc(count), "unit_boundary")["sub_area"])) == 1
