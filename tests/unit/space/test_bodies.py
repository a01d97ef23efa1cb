import pytest
from pyproj import CRS
from pyproj.database import query_crs_info

from orbitile.base.errors import OrbitileError
from orbitile.space.bodies import find_body, lies_on

MOON_2000 = (
    'GEOGCS["GCS_Moon_2000",DATUM["D_Moon_2000",SPHEROID["Moon_2000_IAU_IAG",1737400,0]],'
    'PRIMEM["Reference_Meridian",0],UNIT["Degree",0.0174532925199433]]'
)


@pytest.mark.parametrize(
    ("name", "code", "radius_m"),
    [("Moon", 30100, 1737400), ("mars", 49900, 3396190), (" MERCURY ", 19900, 2440530), ("Europa", 50200, 1560800)],
)
def test_body(name, code, radius_m):
    body = find_body(name)
    assert (body.name, body.code) == (name.strip().title(), code)
    assert body.radius_m == pytest.approx(radius_m, rel=1e-3)
    assert body.crs.ellipsoid.semi_minor_metre == body.radius_m


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (30100, "Moon"), ("30100", "Moon"), ("IAU_2015:30100", "Moon"), (" iau_2015:30115 ", "Moon"), (30110, "Moon"),
        (30115, "Moon"), (30102, "Moon"), (301, "Moon"), ("301", "Moon"), (49911, "Mars"), (49990, "Mars"),
        (499, "Mars"), (19920, "Mercury"), (50230, "Europa"), (200005200, "52 Europa"), (2000052, "52 Europa"),
        (10, "Sun"), (1000, "Sun"), ("IAU_2015:1000", "Sun"),
    ],
)  # fmt: skip
def test_body_by_code(code, name):
    assert find_body(code) == find_body(name)
    assert find_body(code).name == name


def test_every_body_goes_by_its_name_and_its_numbers():
    """No number means two bodies: as a code of a system, or as a NAIF id."""
    systems = query_crs_info(auth_name="IAU_2015")
    names = {int(crs.code): crs.name.split(" (2015)")[0] for crs in systems}
    assert len(names) > 2000
    for code, name in names.items():
        assert [find_body(key).name for key in (name, code, code // 100)] == [name] * 3


@pytest.mark.parametrize(
    "name",
    ["Endor", "", "Moo", 0, -30100, 302, 30200, 3010, "IAU_2015:301", "IAU_2015:", "EPSG:30100", "301.0", "٣٠١", True],
)
def test_unknown_body(name):
    with pytest.raises(OrbitileError, match=r"is not a body of the IAU 2015 codes; allowed are .* 30100 ") as error:
        find_body(name)
    assert repr(str(name)) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["Moon", "Mars", "Europa", "52 Europa", "Hartley 2", "Churyumov-Gerasimenko", "Pan"])
def test_every_body_has_its_own_crs(name):
    assert lies_on(find_body(name).crs, find_body(name))


@pytest.mark.parametrize(
    ("crs", "name", "expected"),
    [
        ("IAU_2015:30110", "Moon", True),
        ("IAU_2015:30130", "Moon", True),
        (MOON_2000, "Moon", True),
        ("+proj=longlat +R=1737400", "Moon", True),
        ("IAU_2015:49910", "Mars", True),
        ("IAU_2015:49912", "Mars", True),
        ("+proj=eqc +R=3389500", "Mars", True),
        ("+proj=eqc +a=3396190 +b=3376200", "Mars", True),
        ("+proj=stere +lat_0=90 +R=3376200", "Mars", True),
        ("+proj=stere +lat_0=90 +R=3350000", "Mars", False),
        ("EPSG:4326", "Earth", True),
        ("EPSG:4326", "Moon", False),
        ("IAU_2015:49910", "Moon", False),
        (MOON_2000, "Mars", False),
        ("IAU_2015:50200", "Io", False),
        ("+proj=longlat +R=1748100", "Moon", False),
    ],
)
def test_lies_on(crs, name, expected):
    assert lies_on(CRS(crs), find_body(name)) == expected


def test_a_name_counts_more_than_a_radius():
    """A made-up system of Europa's name with the Moon's radius."""
    assert not lies_on(CRS(MOON_2000.replace("Moon", "Europa")), find_body("Moon"))
