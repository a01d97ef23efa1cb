import pytest

from orbitile.base.errors import OrbitileError
from orbitile.tables.column_names import column_places, listed_names, plain_name


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Diameter (km)", "diameter_km"), (" lon ", "lon"), ("\ufefflon", "lon"), ("lоn", "lon"), ("ＬＯＮ", "lon"),  # noqa: RUF001
     ("LAT_CIRC_IMG", "lat_circ_img"), ("Lon\u00a0[deg]", "lon_deg"), ("", ""), (7, "7")],
)  # fmt: skip
def test_plain_names(name, expected):
    assert plain_name(name) == expected


def test_only_wanted_columns_need_names_of_their_own():
    names = ["note", "lon", "Note", "", ""]
    assert column_places(names, {"lon"}, "t.csv") == dict(lon=1)
    with pytest.raises(OrbitileError, match=r"t\.csv: columns 1 \('note'\) and 3 \('Note'\) have the same name"):
        column_places(names, None, "t.csv")


def test_long_lists_are_cut():
    assert listed_names([*"abc"]) == "a, b, c"
    assert listed_names(range(20)).endswith("10, 11 and 8 more")
