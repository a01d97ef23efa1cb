import numpy as np
import pandas as pd
import pytest
import shapely

from orbitile.features.filter import REASONS
from orbitile.features.summary import sectors_m, summarise

DEGREE_M = np.pi / 180 * 1_737_400


def test_figures_of_each_class_and_scale():
    """A ridge and a graben are left out at scales that keep something, a pit at one that keeps nothing."""
    polygons = pd.DataFrame({"class": ["ridge", "ridge", "graben"], "scale_m": 1.0, "area_m2": [10.0, 30.0, 5.0]})
    lines = pd.DataFrame({"class": ["ridge"] * 3, "scale_m": 1.0, "length_m": [1.0, 2.0, 6.0]})
    dropped = pd.DataFrame(
        {"class": ["ridge", "ridge", "pit", "pit"], "scale_m": [1.0, 1.0, 2.0, 2.0],
         "reason": [*REASONS[:3], REASONS[2]], "count": [1, 1, 2, 3]}
    )  # fmt: skip
    table = summarise(polygons, lines, dropped).set_index(["class", "scale_m"])
    assert table.index.tolist() == [("graben", 1.0), ("pit", 2.0), ("ridge", 1.0)]
    ridge = table.loc[("ridge", 1.0)]
    assert ridge[["polygons", "area_m2", "mean_area_m2", "lines", "length_m", "mean_length_m"]].tolist() == [
        2, 40, 20, 3, 9, 3
    ]  # fmt: skip
    assert ridge["std_area_m2"] == pytest.approx(200**0.5)
    counts = [f"dropped: {reason}" for reason in REASONS]
    assert table[["polygons", "lines", *counts]].to_numpy().tolist() == [
        [1, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 5, 0, 0], [2, 3, 1, 1, 0, 0, 0]
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("LINESTRING (0 0, 0 3)", {0: 3}), ("LINESTRING (0 3, 0 0)", {0: 3}),
        ("LINESTRING (0 0, 1 0, 1 2)", {9: 1, 0: 2}),
        ("MULTILINESTRING ((179 0, 180 0), (-180 0, -179 0))", {9: 2}), ("LINESTRING (0 0, 0 0)", {}),
        ("LINESTRING (0 0, 0.1 0.1)", {4: 0.02**0.5}),
    ],
)  # fmt: skip
def test_metres_in_each_direction(line, expected):
    found = sectors_m(np.array([shapely.from_wkt(line)]), 1_737_400) / DEGREE_M
    assert len(found) == 18
    assert {sector: found[sector] for sector in np.flatnonzero(found).tolist()} == pytest.approx(expected, rel=1e-4)


def test_no_lines():
    assert sectors_m(np.zeros(0, object), 1_737_400).tolist() == [0] * 18
