import logging

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orbitile.errors import OrbitileError
from orbitile.stages.suppress import Rules, competing, suppress, surviving
from orbitile.tables.detections import DETECTIONS
from orbitile.tables.parquet import read_table

MOON_M = 1737400.0
RULES = Rules(0.4, 0.25, True, "box", rings=2, scenes_apart=False, reach_m=10_000, slack_m=400, radius_m=MOON_M)


def rules(**change):
    return Rules(**vars(RULES) | change)


def left(table, how=RULES):
    """Which rows (n, bool) compete and survive."""
    candidates = competing(table.assign(number=np.arange(len(table))), how)
    return np.isin(np.arange(len(table)), candidates["number"][surviving(candidates, how).alive])


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
    assert left(table).tolist() == expected


@pytest.mark.parametrize(("class_aware", "expected"), [(True, [True, True]), (False, [True, False])])
def test_classes(detections, class_aware, expected):
    table = detections([0, 0], 0, 1000, [0.9, 0.8], **{"class": ["crater", "pit"]})
    assert left(table, rules(class_aware=class_aware)).tolist() == expected


@pytest.mark.parametrize(("scenes_apart", "expected"), [(True, [True, True]), (False, [True, False])])
def test_scenes(detections, scenes_apart, expected):
    table = detections([0, 0], 0, 1000, [0.9, 0.8], scene=["a", "b"])
    assert left(table, rules(scenes_apart=scenes_apart)).tolist() == expected


@st.composite
def crowds(draw):
    """Made-up detections on a coarse lattice, most of them with equal scores."""
    row = st.tuples(st.integers(0, 4), st.integers(0, 4), st.sampled_from([1, 2, 3]), st.sampled_from([0.2, 0.5, 0.9]),
                    st.sampled_from("ab"), st.booleans())  # fmt: skip
    rows = draw(st.lists(row, min_size=1, max_size=20, unique=True))
    table = pd.DataFrame(rows, columns=["x", "y", "size", "score", "scene", "cut"])
    return table.assign(
        lon=table["x"] * 0.01, lat=table["y"] * 0.01, width_m=table["size"] * 700.0, height_m=table["size"] * 700.0,
        score=table["score"].astype(np.float32), scale_m=100.0, tile=0, out_of_reach=False, **{"class": "crater"},
    )  # fmt: skip


@given(crowds(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(table, random):
    order = random.sample(range(len(table)), len(table))
    assert np.array_equal(left(table.iloc[order]), left(table)[order])


@given(crowds())
def test_survivors_survive_again(table):
    assert left(table[left(table)]).all()


@given(crowds())
def test_the_best_whole_detection_survives(table):
    whole = table[~table["cut"]]
    best = whole["score"].max() if len(whole) else 0
    assert best < 0.25 or (left(table) & (table["score"] == best) & ~table["cut"]).any()


@pytest.fixture
def suppressed(planned_groups, tmp_path):
    """The survivors of one of some made-up groups of detections, all of them neighbours unless said otherwise."""

    def run(name, tables, neighbours=None, how=RULES, footprints=None):
        everyone = {one: [other for other in tables if other != one] for one in tables}
        plan = planned_groups(tmp_path, tables, everyone if neighbours is None else neighbours, footprints)
        suppress(name, plan, how, str(tmp_path / "out.parquet"))
        return read_table(tmp_path / "out.parquet")

    return run


@pytest.mark.parametrize(("other_score", "kept"), [(0.95, 1), (0.5, 2)])
def test_neighbours_compete_but_stay_theirs(detections, suppressed, other_score, kept):
    own = detections([0, 5], 0, 1000, [0.9, 0.8])
    other = detections([0, 9], 0, 1000, [other_score, 0.9], scene="b")
    found = suppressed("own", dict(own=own, other=other))
    assert len(found) == kept
    assert set(found["scene"]) == {"own"}


def test_survivors_are_sorted_by_place(detections, suppressed):
    own = detections([3, 1, 2], [0, 0, -1], 1000, [0.9, 0.8, 0.7])
    assert suppressed("own", dict(own=own))["lon"].tolist() == [2, 1, 3]


def test_groups_without_detections(detections, suppressed):
    nothing = detections([], [], 1000, [])
    found = suppressed("own", dict(own=nothing, other=nothing))
    assert len(found) == 0
    assert found.columns.tolist() == DETECTIONS.names


def test_two_groups_decide_alike(detections, suppressed):
    """Each made-up pair across the border is judged twice and survives once."""
    rng = np.random.default_rng(0)
    tables = {
        scene: detections(
            rng.uniform(0, 0.3, 60), rng.uniform(0, 0.3, 60), 2000, rng.choice([0.5, 0.6, 0.7], 60), scene=scene
        )
        for scene in "ab"
    }
    united = pd.concat([suppressed(name, tables) for name in tables])
    whole = pd.concat(tables.values(), ignore_index=True)
    expected = whole[left(whole)]
    key = ["scene", "lat", "lon"]
    assert 20 < len(united) < 120
    assert np.array_equal(united.sort_values(key)[key], expected.sort_values(key)[key])


@pytest.mark.parametrize(
    ("score", "cut", "expected"),
    [
        ([0.3, 0.9], [False, True], [True, False]), ([0.9, 0.3], [True, True], [True, False]),
        ([0.9, 0.2], [True, False], [True, False]), ([0.9, 0.3], [False, True], [True, False]),
    ],
)  # fmt: skip
def test_whole_objects_go_before_cut_ones(detections, score, cut, expected):
    """As long as their scores are high enough."""
    assert left(detections([0, 0], 0, 1000, score, cut=cut)).tolist() == expected


@pytest.mark.parametrize(("shape", "expected"), [("box", [True, False]), ("circle", [True, True])])
def test_shapes_that_overlap(detections, shape, expected):
    """Boxes a quarter of their side apart have an IoU of 0.6, circles one of 0.52."""
    table = detections([0, np.degrees(250 / MOON_M)], 0, 1000, [0.9, 0.8])
    assert left(table, rules(iou_threshold=0.55, shape=shape)).tolist() == expected


def test_what_is_out_of_reach_neither_survives_nor_suppresses(detections):
    table = detections([0, 0, 5], 0, 1000, [0.9, 0.8, 0.7], out_of_reach=[True, False, True])
    assert left(table).tolist() == [False, True, False]


def test_detections_without_all_rivals_in_view_are_open(detections):
    """Made-up detections in a row, each better than the one before; of the last one not all rivals are known."""
    table = detections([0, 0.02, 0.04, 1], 0, 2000, [0.7, 0.8, 0.9, 0.9])
    found = surviving(table, RULES, np.array([True, True, False, True]))
    assert found.open.tolist() == [True, True, True, False]
    assert surviving(table, RULES).open.tolist() == [False] * 4
    assert surviving(table, RULES).alive.tolist() == [True, False, True, True]
    assert surviving(table, RULES).longest_chain == 3


STEP_DEG = 0.02
"""Two boxes of 2000 m this far apart overlap by an IoU of 0.53, two of every second by 0.24."""


def row_of_groups(detections, scores):
    """Made-up groups a, b, c ... of one detection each, side by side, and which are neighbours."""
    names = "abcdefgh"[: len(scores)]
    tables = {
        name: detections([number * STEP_DEG], 0, 2000, [score], scene=name)
        for number, (name, score) in enumerate(zip(names, scores, strict=True))
    }
    return tables, {name: [other for other in names if abs(ord(name) - ord(other)) == 1] for name in names}


NARROW = dict(reach_m=1000, slack_m=0)
"""The reach of such boxes; wider, each group would see more of the row at once."""


@pytest.mark.parametrize(
    ("scores", "rings", "survives"),
    [
        ([0.9, 0.8, 0.7, 0.6, 0.5], 1, True), ([0.7, 0.9, 0.8, 0.6, 0.5], 2, False),
        ([0.7, 0.8, 0.9, 0.6, 0.5], 3, True), ([0.6, 0.7, 0.8, 0.9, 0.5], 4, False),
        ([0.6, 0.7, 0.2, 0.9, 0.9], 2, False), ([0.7, 0.8, 0.9, 0.2, 0.9], 3, True),
    ],
)  # fmt: skip
def test_a_chain_is_followed_from_ring_to_ring(detections, suppressed, scores, rings, survives):
    """The fate of the first hangs on all that are better than the one before, and on rivals of the last of these."""
    tables, neighbours = row_of_groups(detections, scores)
    assert len(suppressed("a", tables, neighbours, rules(rings=rings, **NARROW))) == survives
    if rings > 1:
        with pytest.raises(
            OrbitileError,
            match=rf"^suppress: 1 detections of group a hang on a chain .* leaves the {rings - 1} rings of groups "
            r"around it, the first at 0\.0000 E, 0\.0000 N; raise suppression\.rings$",
        ):
            suppressed("a", tables, neighbours, rules(rings=rings - 1, **NARROW))


def test_rings_that_are_not_needed_are_not_read(detections, planned_groups, tmp_path, caplog):
    tables, neighbours = row_of_groups(detections, [0.9, 0.8, 0.7])
    plan = planned_groups(tmp_path, tables, neighbours)
    (tmp_path / "detections" / "c.parquet").unlink()
    with caplog.at_level(logging.INFO):
        suppress("a", plan, rules(**NARROW), str(tmp_path / "out.parquet"))
    assert "1 of 1 detections survive, longest chain 2" in caplog.text


def test_a_second_ring_is_told(detections, suppressed, caplog):
    tables, neighbours = row_of_groups(detections, [0.7, 0.8, 0.9])
    with caplog.at_level(logging.INFO):
        suppressed("a", tables, neighbours, rules(**NARROW))
    assert "1 detections hang on groups beyond the 2 in view" in caplog.text


def test_scenes_that_are_apart_have_no_chains(detections, suppressed):
    tables, neighbours = row_of_groups(detections, [0.7, 0.8, 0.9])
    assert len(suppressed("a", tables, neighbours, rules(rings=1, scenes_apart=True))) == 1


@pytest.mark.parametrize(("slack_m", "is_sure"), [(200, True), (220, False)])
def test_detections_may_lie_a_little_outside_their_scenes(detections, suppressed, slack_m, is_sure):
    """The third group's footprint is 606 m from the second's detection, its own may overlap what is 400 m away."""
    tables, neighbours = row_of_groups(detections, [0.8, 0.9, 0.7])
    how = rules(rings=1, reach_m=400, slack_m=slack_m)
    if is_sure:
        assert len(suppressed("a", tables, neighbours, how)) == 0
    else:
        with pytest.raises(OrbitileError, match=r"raise suppression\.rings"):
            suppressed("a", tables, neighbours, how)


@given(st.lists(st.sampled_from([0.2, 0.5, 0.6, 0.7]), min_size=4, max_size=20), st.integers(2, 4), st.booleans())
@settings(max_examples=15)
def test_wider_views_give_the_global_answer(detections, planned_groups, tmp_path_factory, scores, groups, is_circle):
    """Made-up detections in a row, each overlapping the next, in groups of a few; narrow views agree, or refuse."""
    how = rules(rings=groups, shape="circle" if is_circle else "box", **NARROW)
    whole = detections(np.arange(len(scores)) * STEP_DEG, 0, 2000, scores)
    folder = tmp_path_factory.mktemp("run")
    parts = np.array_split(np.arange(len(scores)), groups)
    tables = {name: whole.iloc[part] for name, part in zip("abcde", parts, strict=False)}
    near = {name: [other for other in tables if abs(ord(name) - ord(other)) == 1] for name in tables}
    plan = planned_groups(folder, tables, near)
    found = []
    for name in tables:
        suppress(name, plan, how, str(folder / "out.parquet"))
        found += read_table(folder / "out.parquet")["lon"].tolist()
    assert found == whole["lon"][left(whole, how)].tolist()
    for name, table in tables.items():
        try:
            suppress(name, plan, rules(**vars(how) | dict(rings=1)), str(folder / "out.parquet"))
        except OrbitileError as error:
            assert "raise suppression.rings" in str(error)
        else:
            expected = table["lon"][np.isin(table["lon"], found)].tolist()
            assert read_table(folder / "out.parquet")["lon"].tolist() == expected


def test_a_field_of_nine_groups(detections, planned_groups, tmp_path):
    """Made-up groups of 0.1 x 0.1 degrees: with their neighbours in view some are sure, and none is wrong."""
    rng = np.random.default_rng(1)
    lon, lat = rng.uniform(0, 0.3, (2, 200))
    scores = rng.choice([0.4, 0.5, 0.6, 0.7], 200)
    whole = detections(lon, lat, rng.uniform(1000, 2500, 200), scores, cut=rng.random(200) < 0.2)
    cell = dict(zip("abcdefghi", [(x, y) for x in range(3) for y in range(3)], strict=True))
    tables = {name: whole[(lon // 0.1 == x) & (lat // 0.1 == y)] for name, (x, y) in cell.items()}
    near = {name: [other for other in cell if other != name and np.abs(np.subtract(cell[name], cell[other])).max() < 2]
            for name in cell}  # fmt: skip
    side = np.linspace(0, 1, 8, endpoint=False)
    border = np.concatenate([side, np.ones(8), 1 - side, np.zeros(8)])
    outlines = {name: ((x + border) / 10, (y + np.roll(border, 8)) / 10) for name, (x, y) in cell.items()}
    plan = planned_groups(tmp_path, tables, near, outlines)
    survivors, sure = whole[left(whole)], 0
    for name, table in tables.items():
        expected = table.index[table.index.isin(survivors.index)]
        for rings in (1, 2):
            try:
                suppress(name, plan, rules(rings=rings, reach_m=2700, slack_m=0), str(tmp_path / "out.parquet"))
            except OrbitileError:
                assert rings == 1
            else:
                sure += rings == 1
                found = read_table(tmp_path / "out.parquet")
                assert sorted(found["lon"]) == sorted(whole["lon"][expected])
    assert 0 < sure < 9
    assert 80 < len(survivors) < 180
