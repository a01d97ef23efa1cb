import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orbitile.stages.suppress import Rules, suppress, surviving
from orbitile.tables.detections import DETECTIONS
from orbitile.tables.parquet import read_table, write_table

MOON_M = 1737400.0
RULES = Rules(iou_threshold=0.4, score_threshold=0.25, class_aware=True, scenes_apart=False, radius_m=MOON_M)


def rules(**change):
    return Rules(**vars(RULES) | change)


@pytest.mark.parametrize(
    ("lon", "size_m", "score", "expected"),
    [
        ([0, 0], 1000, [0.5, 0.9], [False, True]),
        ([0, 5], 1000, [0.5, 0.9], [True, True]),
        ([0, 0], 1000, [0.9, 0.2], [True, False]),
        ([0, 5], 1000, [0.25, 0.24], [True, False]),
        ([0, 0], [1000, 5000], [0.9, 0.8], [True, True]),
        ([0, 0.02, 0.04], 2000, [0.9, 0.8, 0.7], [True, False, True]),
        ([180, -180, 179.999], 1000, [0.5, 0.6, 0.7], [False, False, True]),
        ([], 1000, [], []),
    ],
)
def test_surviving(detections, lon, size_m, score, expected):
    table = detections(lon, 0, size_m, score)
    assert surviving(table, RULES).tolist() == expected


@pytest.mark.parametrize(("class_aware", "expected"), [(True, [True, True]), (False, [True, False])])
def test_classes(detections, class_aware, expected):
    table = detections([0, 0], 0, 1000, [0.9, 0.8], **{"class": ["crater", "pit"]})
    assert surviving(table, rules(class_aware=class_aware)).tolist() == expected


@pytest.mark.parametrize(("scenes_apart", "expected"), [(True, [True, True]), (False, [True, False])])
def test_scenes(detections, scenes_apart, expected):
    table = detections([0, 0], 0, 1000, [0.9, 0.8], scene=["a", "b"])
    assert surviving(table, rules(scenes_apart=scenes_apart)).tolist() == expected


@st.composite
def crowds(draw):
    """Made-up detections on a coarse lattice, most of them with equal scores."""
    row = st.tuples(st.integers(0, 4), st.integers(0, 4), st.sampled_from([1, 2, 3]), st.sampled_from([0.2, 0.5, 0.9]),
                    st.sampled_from("ab"))  # fmt: skip
    rows = draw(st.lists(row, min_size=1, max_size=20, unique=True))
    table = pd.DataFrame(rows, columns=["x", "y", "size", "score", "scene"])
    return table.assign(
        lon=table["x"] * 0.01, lat=table["y"] * 0.01, width_m=table["size"] * 700.0, height_m=table["size"] * 700.0,
        score=table["score"].astype(np.float32), scale_m=100.0, tile=0, **{"class": "crater"},
    )  # fmt: skip


@given(crowds(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(table, random):
    order = random.sample(range(len(table)), len(table))
    assert np.array_equal(surviving(table.iloc[order], RULES), surviving(table, RULES)[order])


@given(crowds())
def test_survivors_survive_again(table):
    assert surviving(table[surviving(table, RULES)], RULES).all()


@given(crowds())
def test_the_best_detection_survives(table):
    best = table["score"].max()
    assert best < 0.25 or (surviving(table, RULES) & (table["score"] == best)).any()


@pytest.fixture
def written(tmp_path):
    def write(name, table):
        write_table(table, DETECTIONS, tmp_path / f"{name}.parquet")
        return str(tmp_path / f"{name}.parquet")

    return write


@pytest.mark.parametrize(("other_score", "kept"), [(0.95, 1), (0.5, 2)])
def test_neighbours_compete_but_stay_theirs(detections, written, tmp_path, other_score, kept):
    own = written("own", detections([0, 5], 0, 1000, [0.9, 0.8]))
    other = written("other", detections([0, 9], 0, 1000, [other_score, 0.9], scene="b"))
    suppress(own, [other], RULES, str(tmp_path / "out.parquet"))
    found = read_table(tmp_path / "out.parquet")
    assert len(found) == kept
    assert set(found["scene"]) == {"a"}


def test_survivors_are_sorted_by_place(detections, written, tmp_path):
    own = written("own", detections([3, 1, 2], [0, 0, -1], 1000, [0.9, 0.8, 0.7]))
    suppress(own, [], RULES, str(tmp_path / "out.parquet"))
    assert read_table(tmp_path / "out.parquet")["lon"].tolist() == [2, 1, 3]


def test_groups_without_detections(detections, written, tmp_path):
    nothing = written("own", detections([], [], 1000, []))
    suppress(nothing, [nothing], RULES, str(tmp_path / "out.parquet"))
    assert len(read_table(tmp_path / "out.parquet")) == 0


def test_two_groups_decide_alike(detections, written, tmp_path):
    """Each made-up pair across the border is judged twice and survives once."""
    rng = np.random.default_rng(0)
    tables = [
        detections(rng.uniform(0, 0.3, 60), rng.uniform(0, 0.3, 60), 2000, rng.choice([0.5, 0.6, 0.7], 60), scene=scene)
        for scene in "ab"
    ]
    paths = [written(scene, table) for scene, table in zip("ab", tables, strict=True)]
    for own, other, name in ((0, 1, "x"), (1, 0, "y")):
        suppress(paths[own], [paths[other]], RULES, str(tmp_path / f"{name}.parquet"))
    united = pd.concat([read_table(tmp_path / f"{name}.parquet") for name in "xy"])
    whole = pd.concat(tables, ignore_index=True)
    expected = whole[surviving(whole, RULES)]
    key = ["scene", "lat", "lon"]
    assert 20 < len(united) < 120
    assert np.array_equal(united.sort_values(key)[key], expected.sort_values(key)[key])
