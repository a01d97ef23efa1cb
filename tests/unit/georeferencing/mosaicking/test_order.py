from itertools import permutations

import pytest
from strips import grid

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.mosaicking.order import Strip, order_strips


def strip(name, gsd_m=1.0, incidence_deg=None):
    return Strip(name, f"{name}.tif", grid(2, 2), gsd_m, incidence_deg)


@pytest.mark.parametrize(
    ("criterion", "options", "strips", "expected"),
    [
        ("resolution", {}, [("a", 2.0), ("b", 0.5), ("c", 1.0)], "bca"),
        ("resolution", {}, [("b", 1.0), ("c", 0.5), ("a", 1.0)], "cab"),
        ("incidence", {}, [("a", 1, 30.0), ("b", 1, 60.0), ("c", 1, 85.0)], "bca"),
        ("incidence", {}, [("b", 1, 70.0), ("c", 1, 0.0), ("a", 2, 66.0)], "abc"),
        ("incidence", dict(incidence_deg=0.0), [("a", 1, 30.0), ("b", 1, 60.0), ("c", 1, 0.0)], "cab"),
    ],
)
def test_the_best_comes_first_whatever_the_order_given(criterion, options, strips, expected):
    for shuffled in permutations(strips):
        ordered = order_strips((strip(*fields) for fields in shuffled), criterion, **options)
        assert "".join(member.name for member in ordered) == expected


def test_every_strip_needs_an_incidence_where_it_is_gone_by():
    with pytest.raises(OrbitileError, match=r"^b\.tif: the incidence angle of strip b is unknown") as error:
        order_strips([strip("c"), strip("a", 1, 30.0), strip("b")], "incidence")
    assert "\n" not in str(error.value)
    assert [strip.name for strip in order_strips([strip("b"), strip("a", 1, 30.0)], "resolution")] == ["a", "b"]


def test_names_are_given_once():
    with pytest.raises(OrbitileError, match="all are named 'a'"):
        order_strips([strip("a"), strip("b"), strip("a", 2.0)], "resolution")
