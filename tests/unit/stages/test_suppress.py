import logging

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judged_samples import made_up_sample
from suppressed_groups import sorted_survivors, suppress_group

from orbitile.base.errors import OrbitileError
from orbitile.calibration.network_calibration import NetworkCalibration
from orbitile.calibration.row_confidence import RowConfidence
from orbitile.detections.nms.catalogue_nms import catalogue_nms, select_candidates
from orbitile.detections.nms.settings import NmsSettings
from orbitile.stages.suppress import DetectionTables, suppress
from orbitile.tables.crater_parts import CONFIDENCE_COLUMNS, read_survivors
from orbitile.tables.detections import DETECTIONS

MOON_M = 1737400.0
SETTINGS = NmsSettings(
    0.4, 0.25, True, "box", rings=2, scenes_apart=False, reach_m=10_000, slack_m=400, radius_m=MOON_M
)


def changed(**change):
    return NmsSettings(**vars(SETTINGS) | change)


def survives(table, nms=SETTINGS):
    """Which rows (n, bool) compete and survive."""
    candidates = select_candidates(table.assign(number=np.arange(len(table))), nms)
    return np.isin(np.arange(len(table)), candidates["number"][catalogue_nms(candidates, nms).alive])


@pytest.fixture
def suppressed(planned_groups, tmp_path):
    """The survivors of one of some made-up groups of detections, all of them neighbours unless said otherwise."""

    def run(name, tables, neighbours=None, settings=SETTINGS, footprints=None):
        everyone = {one: [other for other in tables if other != one] for one in tables}
        plan = planned_groups(tmp_path, tables, everyone if neighbours is None else neighbours, footprints)
        suppress_group(name, plan, settings, tmp_path / "out.parquet")
        return sorted_survivors(tmp_path / "out.parquet")

    return run


@pytest.mark.parametrize(("other_score", "kept"), [(0.95, 1), (0.5, 2)])
def test_neighbours_compete_but_stay_theirs(detections, suppressed, other_score, kept):
    own = detections([0, 5], 0, 1000, [0.9, 0.8])
    other = detections([0, 9], 0, 1000, [other_score, 0.9], scene="b")
    found = suppressed("own", dict(own=own, other=other))
    assert len(found) == kept
    assert set(found["scene"]) == {"own"}


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
    expected = whole[survives(whole)]
    key = ["scene", "lat", "lon"]
    assert 20 < len(united) < 120
    assert np.array_equal(united.sort_values(key)[key], expected.sort_values(key)[key])


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
    assert len(suppressed("a", tables, neighbours, changed(rings=rings, **NARROW))) == survives
    if rings > 1:
        with pytest.raises(
            OrbitileError,
            match=r"^group a: suppression cannot decide 1 of 1 detections, .* \(suppression\.rings is "
            rf"{rings - 1}\); the first is at 0\.0000 E, 0\.0000 N; raise suppression\.rings$",
        ):
            suppressed("a", tables, neighbours, changed(rings=rings - 1, **NARROW))


def test_rings_that_are_not_needed_are_not_read(detections, planned_groups, tmp_path, caplog):
    tables, neighbours = row_of_groups(detections, [0.9, 0.8, 0.7])
    plan = planned_groups(tmp_path, tables, neighbours)
    (tmp_path / "detections" / "c.parquet").unlink()
    with caplog.at_level(logging.INFO):
        suppress_group("a", plan, changed(**NARROW), tmp_path / "out.parquet")
    assert "1 of 1 detections survive, longest chain 2" in caplog.text


def test_detections_are_read_from_the_tables_handed_over(moon, detections, planned_groups, tmp_path):
    """Wherever they lie: the plan's folder says nothing of detections."""
    tables, neighbours = row_of_groups(detections, [0.7, 0.8, 0.9])
    plan = planned_groups(tmp_path, tables, neighbours)
    folder = (tmp_path / "detections").rename(tmp_path / "elsewhere")
    inputs = DetectionTables(str(folder / "a.parquet"), [str(folder / f"{name}.parquet") for name in "cb"])
    suppress(inputs, plan, changed(**NARROW), moon, str(tmp_path / "out.parquet"))
    assert len(sorted_survivors(tmp_path / "out.parquet")) == 1


@pytest.mark.parametrize(("rings", "lacking"), [("", "b"), ("b", "c"), ("c", "b")])
def test_a_ring_whose_table_is_not_handed_over(moon, detections, planned_groups, tmp_path, rings, lacking):
    """Even where it lies next to the plan."""
    tables, neighbours = row_of_groups(detections, [0.7, 0.8, 0.9])
    plan = planned_groups(tmp_path, tables, neighbours)
    paths = {name: str(tmp_path / "detections" / f"{name}.parquet") for name in "abc"}
    inputs = DetectionTables(paths["a"], [paths[name] for name in rings])
    with pytest.raises(
        OrbitileError, match=rf"group {lacking} is in a ring around a, but its detections are not among"
    ):
        suppress(inputs, plan, changed(**NARROW), moon, str(tmp_path / "out.parquet"))


def test_a_second_ring_is_logged(detections, suppressed, caplog):
    tables, neighbours = row_of_groups(detections, [0.7, 0.8, 0.9])
    with caplog.at_level(logging.INFO):
        suppressed("a", tables, neighbours, changed(**NARROW))
    assert "1 of 1 detections need more than the 2 groups read so far" in caplog.text


def test_scenes_that_are_apart_have_no_chains(detections, suppressed):
    tables, neighbours = row_of_groups(detections, [0.7, 0.8, 0.9])
    assert len(suppressed("a", tables, neighbours, changed(rings=1, scenes_apart=True))) == 1


def test_equal_boxes_of_scenes_that_are_apart_have_ids_of_their_own(detections, suppressed, tmp_path):
    """The same image under two names, in two groups."""
    tables, ids = {name: detections([0, 5], 0, 1000, [0.9, 0.8]) for name in "ab"}, []
    for name in tables:
        suppressed(name, tables, {}, changed(scenes_apart=True))
        ids += read_survivors(tmp_path / "out.parquet", ["id"])["id"].tolist()
    assert len(set(ids)) == 4


@pytest.mark.parametrize(("slack_m", "is_sure"), [(200, True), (220, False)])
def test_detections_may_lie_a_little_outside_their_scenes(detections, suppressed, slack_m, is_sure):
    """The third group's footprint is 606 m from the second's detection, its own may overlap what is 400 m away."""
    tables, neighbours = row_of_groups(detections, [0.8, 0.9, 0.7])
    nms = changed(rings=1, reach_m=400, slack_m=slack_m)
    if is_sure:
        assert len(suppressed("a", tables, neighbours, nms)) == 0
    else:
        with pytest.raises(OrbitileError, match=r"raise suppression\.rings"):
            suppressed("a", tables, neighbours, nms)


@given(st.lists(st.sampled_from([0.2, 0.5, 0.6, 0.7]), min_size=4, max_size=20), st.integers(2, 4), st.booleans())
@settings(max_examples=15)
def test_wider_views_give_the_global_answer(detections, planned_groups, tmp_path_factory, scores, groups, is_circle):
    """Made-up detections in a row, each overlapping the next, in groups of a few; narrow views agree, or refuse."""
    nms = changed(rings=groups, shape="circle" if is_circle else "box", **NARROW)
    whole = detections(np.arange(len(scores)) * STEP_DEG, 0, 2000, scores)
    folder = tmp_path_factory.mktemp("run")
    parts = np.array_split(np.arange(len(scores)), groups)
    tables = {name: whole.iloc[part] for name, part in zip("abcde", parts, strict=False)}
    near = {name: [other for other in tables if abs(ord(name) - ord(other)) == 1] for name in tables}
    plan = planned_groups(folder, tables, near)
    found = []
    for name in tables:
        suppress_group(name, plan, nms, folder / "out.parquet")
        found += sorted_survivors(folder / "out.parquet")["lon"].tolist()
    assert found == whole["lon"][survives(whole, nms)].tolist()
    for name, table in tables.items():
        try:
            suppress_group(name, plan, changed(**vars(nms) | dict(rings=1)), folder / "out.parquet")
        except OrbitileError as error:
            assert "raise suppression.rings" in str(error)
        else:
            expected = table["lon"][np.isin(table["lon"], found)].tolist()
            assert sorted_survivors(folder / "out.parquet")["lon"].tolist() == expected


def test_a_field_of_nine_groups(detections, planned_groups, tmp_path):
    """Made-up groups of 0.1 x 0.1 degrees: with their neighbours in view some are sure, and none is wrong."""
    rng = np.random.default_rng(1)
    lon, lat = rng.uniform(0, 0.3, (2, 200))
    scores = rng.choice([0.4, 0.5, 0.6, 0.7], 200)
    whole = detections(lon, lat, rng.uniform(1000, 2500, 200), scores, truncated=rng.random(200) < 0.2)
    cell = dict(zip("abcdefghi", [(x, y) for x in range(3) for y in range(3)], strict=True))
    tables = {name: whole[(lon // 0.1 == x) & (lat // 0.1 == y)] for name, (x, y) in cell.items()}
    near = {name: [other for other in cell if other != name and np.abs(np.subtract(cell[name], cell[other])).max() < 2]
            for name in cell}  # fmt: skip
    side = np.linspace(0, 1, 8, endpoint=False)
    border = np.concatenate([side, np.ones(8), 1 - side, np.zeros(8)])
    outlines = {name: ((x + border) / 10, (y + np.roll(border, 8)) / 10) for name, (x, y) in cell.items()}
    plan = planned_groups(tmp_path, tables, near, outlines)
    survivors, sure = whole[survives(whole)], 0
    for name, table in tables.items():
        expected = table.index[table.index.isin(survivors.index)]
        for rings in (1, 2):
            try:
                suppress_group(name, plan, changed(rings=rings, reach_m=2700, slack_m=0), tmp_path / "out.parquet")
            except OrbitileError:
                assert rings == 1
            else:
                sure += rings == 1
                found = sorted_survivors(tmp_path / "out.parquet")
                assert sorted(found["lon"]) == sorted(whole["lon"][expected])
    assert 0 < sure < 9
    assert 80 < len(survivors) < 180


@pytest.mark.parametrize("is_calibrated", [True, False])
def test_survivors_have_their_probability_where_a_calibration_tells_it(
    detections, planned_groups, tmp_path, is_calibrated
):
    calibration = NetworkCalibration(made_up_sample(), 10.0, 0.3, "made-up craters")
    confidence = RowConfidence(calibration, 0.9, 100.0)
    tables = dict(own=detections([0, 5, 9], 0, [2000, 500, 3000], [0.9, 0.8, 0.7]))
    plan = planned_groups(tmp_path, tables, dict(own=[]), None)
    suppress_group("own", plan, SETTINGS, tmp_path / "out.parquet", confidence if is_calibrated else None)
    rows = read_survivors(tmp_path / "out.parquet", ["lon", "score", "diameter_km", *CONFIDENCE_COLUMNS]).sort_values(
        "lon"
    )
    expected = confidence.columns(rows["score"].to_numpy(), rows["diameter_km"].to_numpy() * 1000)
    for name in CONFIDENCE_COLUMNS:
        assert rows[name].dtype == expected[name].dtype
        assert rows[name].isna().tolist() == ([False, True, False] if is_calibrated else [True] * 3)
        if is_calibrated:
            np.testing.assert_array_equal(rows[name], expected[name])
