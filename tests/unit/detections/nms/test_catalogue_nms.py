import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orbitile.detections.nms.catalogue_nms import catalogue_nms, select_candidates
from orbitile.detections.nms.settings import NmsSettings

MOON_M = 1737400.0
SETTINGS = NmsSettings(
    0.4, 0.25, True, "box", rings=2, scenes_apart=False, reach_m=10_000, slack_m=400, radius_m=MOON_M
)


def changed(**change):
    return NmsSettings(**vars(SETTINGS) | change)


def survives(table, settings=SETTINGS):
    """Which rows (n, bool) compete and survive."""
    candidates = select_candidates(table.assign(number=np.arange(len(table))), settings)
    return np.isin(np.arange(len(table)), candidates["number"][catalogue_nms(candidates, settings).alive])


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
    assert survives(table).tolist() == expected


@pytest.mark.parametrize(("class_aware", "expected"), [(True, [True, True]), (False, [True, False])])
def test_classes(detections, class_aware, expected):
    table = detections([0, 0], 0, 1000, [0.9, 0.8], **{"class": ["crater", "pit"]})
    assert survives(table, changed(class_aware=class_aware)).tolist() == expected


@pytest.mark.parametrize(("scenes_apart", "expected"), [(True, [True, True]), (False, [True, False])])
def test_scenes(detections, scenes_apart, expected):
    table = detections([0, 0], 0, 1000, [0.9, 0.8], scene=["a", "b"])
    assert survives(table, changed(scenes_apart=scenes_apart)).tolist() == expected


@st.composite
def crowds(draw):
    """Made-up detections on a coarse lattice, most of them with equal scores."""
    row = st.tuples(st.integers(0, 4), st.integers(0, 4), st.sampled_from([1, 2, 3]), st.sampled_from([0.2, 0.5, 0.9]),
                    st.sampled_from("ab"), st.booleans())  # fmt: skip
    rows = draw(st.lists(row, min_size=1, max_size=20, unique=True))
    table = pd.DataFrame(rows, columns=["x", "y", "size", "score", "scene", "truncated"])
    return table.assign(
        lon=table["x"] * 0.01, lat=table["y"] * 0.01, width_m=table["size"] * 700.0, height_m=table["size"] * 700.0,
        score=table["score"].astype(np.float32), scale_m=100.0, tile=0, out_of_reach=False, **{"class": "crater"},
    )  # fmt: skip


@given(crowds(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(table, random):
    order = random.sample(range(len(table)), len(table))
    assert np.array_equal(survives(table.iloc[order]), survives(table)[order])


@given(crowds())
def test_survivors_survive_again(table):
    assert survives(table[survives(table)]).all()


@given(crowds())
def test_the_best_whole_detection_survives(table):
    whole = table[~table["truncated"]]
    best = whole["score"].max() if len(whole) else 0
    assert best < 0.25 or (survives(table) & (table["score"] == best) & ~table["truncated"]).any()


@pytest.mark.parametrize(
    ("score", "cut", "expected"),
    [
        ([0.3, 0.9], [False, True], [True, False]), ([0.9, 0.3], [True, True], [True, False]),
        ([0.9, 0.2], [True, False], [True, False]), ([0.9, 0.3], [False, True], [True, False]),
    ],
)  # fmt: skip
def test_whole_objects_go_before_cut_ones(detections, score, cut, expected):
    """As long as their scores are high enough."""
    assert survives(detections([0, 0], 0, 1000, score, truncated=cut)).tolist() == expected


@pytest.mark.parametrize(("shape", "expected"), [("box", [True, False]), ("circle", [True, True])])
def test_shapes_that_overlap(detections, shape, expected):
    """Boxes a quarter of their side apart have an IoU of 0.6, circles one of 0.52."""
    table = detections([0, np.degrees(250 / MOON_M)], 0, 1000, [0.9, 0.8])
    assert survives(table, changed(iou_threshold=0.55, shape=shape)).tolist() == expected


def test_what_is_out_of_reach_neither_survives_nor_suppresses(detections):
    table = detections([0, 0, 5], 0, 1000, [0.9, 0.8, 0.7], out_of_reach=[True, False, True])
    assert survives(table).tolist() == [False, True, False]


def test_detections_without_all_rivals_in_view_are_open(detections):
    """Made-up detections in a row, each better than the one before; of the last one not all rivals are known."""
    table = detections([0, 0.02, 0.04, 1], 0, 2000, [0.7, 0.8, 0.9, 0.9])
    found = catalogue_nms(table, SETTINGS, np.array([True, True, False, True]))
    assert found.undecided.tolist() == [True, True, True, False]
    assert catalogue_nms(table, SETTINGS).undecided.tolist() == [False] * 4
    assert catalogue_nms(table, SETTINGS).alive.tolist() == [True, False, True, True]
    assert catalogue_nms(table, SETTINGS).longest_chain == 3
