from itertools import permutations

import pytest
from strips import grid

from orbitile.errors import OrbitileError
from orbitile.mosaicking.order import Strip, ordered


def strip(name, gsd_m=1.0, incidence_deg=None):
    return Strip(name, f"{name}.tif", grid(2, 2), gsd_m, incidence_deg)


@pytest.mark.parametrize(
    ("by", "options", "strips", "expected"),
    [
        ("resolution", {}, [("a", 2.0), ("b", 0.5), ("c", 1.0)], "bca"),
        ("resolution", {}, [("b", 1.0), ("c", 0.5), ("a", 1.0)], "cab"),
        ("incidence", {}, [("a", 1, 30.0), ("b", 1, 60.0), ("c", 1, 85.0)], "bca"),
        ("incidence", {}, [("b", 1, 70.0), ("c", 1, 0.0), ("a", 2, 66.0)], "abc"),
        ("incidence", dict(wanted_deg=0.0), [("a", 1, 30.0), ("b", 1, 60.0), ("c", 1, 0.0)], "cab"),
    ],
)
def test_the_best_comes_first_whatever_the_order_given(by, options, strips, expected):
    for some in permutations(strips):
        assert "".join(one.name for one in ordered((strip(*one) for one in some), by, **options)) == expected


def test_every_strip_needs_an_incidence_where_it_is_gone_by():
    with pytest.raises(OrbitileError, match=r"^b\.tif: strip b has no incidence angle") as error:
        ordered([strip("c"), strip("a", 1, 30.0), strip("b")], "incidence")
    assert "\n" not in str(error.value)
    assert [one.name for one in ordered([strip("b"), strip("a", 1, 30.0)], "resolution")] == ["a", "b"]


def test_names_are_given_once():
    with pytest.raises(OrbitileError, match="all are called 'a'"):
        ordered([strip("a"), strip("b"), strip("a", 2.0)], "resolution")
