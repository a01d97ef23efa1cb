"""The proof group by group: what it lets pass is the global answer, and every fault is refused by the group's name."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_suppression import MOON_M, PLACES, ground_crowd

from orbitile.base.errors import OrbitileError
from orbitile.detections.nms.catalogue_nms import catalogue_nms, select_candidates
from orbitile.detections.nms.settings import NmsSettings
from orbitile.detections.proof import GroupTables, prove
from orbitile.space.bodies import find_body
from orbitile.tables.crater_parts import write_part
from orbitile.tables.detections import DETECTIONS, GEOLOCATED
from orbitile.tables.parquet import write_table

SETTINGS = NmsSettings(0.4, 0.25, True, "box", rings=2, scenes_apart=False, reach_m=1e6, slack_m=0, radius_m=MOON_M)
METHODS = {name: dict(georef_method="projected", error_m=None) for name in "abcdefgh"}


class Run:
    """Tables of some groups in a folder: their detections, and what survives."""

    def __init__(self, folder, detections, survivors, nms=SETTINGS):
        self.folder, self.nms = folder, nms
        for name, table in detections.items():
            write_table(table, GEOLOCATED, folder / f"{name}-detections.parquet")
            self.write(name, survivors[name])

    def write(self, name, survivors):
        write_part(survivors, METHODS, find_body("Moon"), 1, self.path(name))

    def path(self, name):
        return str(self.folder / f"{name}.parquet")

    def prove(self, *limits):
        names = sorted(path.stem.removesuffix("-detections") for path in self.folder.glob("*-detections.parquet"))
        tables = {name: GroupTables(self.path(name), str(self.folder / f"{name}-detections.parquet")) for name in names}
        return prove(tables, self.nms, *limits)


def crowd_of_groups(detections, seed, place, groups, ties=False):
    """Made-up detections of some groups that mingle, and the survivors of one suppression over all of them."""
    crowd = ground_crowd(seed, place, count=120, ties=ties)
    boxes, rng = crowd.boxes, np.random.default_rng(seed)
    scene = rng.choice(list("abcdefgh"[:groups]), len(boxes))
    table = detections(boxes.lon, boxes.lat, boxes.width * MOON_M, crowd.score, scene=scene)
    table = table.assign(height_m=boxes.height * MOON_M, tile=np.arange(len(boxes)), out_of_reach=False)
    return table, survivors_of(table)


def survivors_of(table, nms=SETTINGS):
    candidates = select_candidates(table, nms)
    return candidates[catalogue_nms(candidates, nms).alive]


def by_group(table):
    return {name: rows.reset_index(drop=True) for name, rows in table.groupby("scene")}


def tables_of(table, survivors):
    parts, left = by_group(table), by_group(survivors)
    return parts, {name: left.get(name, survivors.iloc[:0]) for name in parts}


ANYWHERE = st.sampled_from([None, *PLACES])
LIMITS = st.tuples(st.sampled_from([0, 60, 10**6]), st.sampled_from([0, 5, 10**6]))
"""Of the rows of a batch, and of the survivors in memory."""


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), ANYWHERE, st.integers(1, 6), st.booleans(), LIMITS)
def test_one_suppression_over_everything_is_proved(detections, tmp_path_factory, seed, place, groups, ties, limits):
    """However the detections are put into groups, and however few rows are kept in memory."""
    table, survivors = crowd_of_groups(detections, seed, place, groups, ties)
    proof = Run(tmp_path_factory.mktemp("run"), *tables_of(table, survivors)).prove(*limits)
    assert sum(group.rows for group in proof.groups.values()) == len(survivors)
    assert sum(group.detections for group in proof.groups.values()) == len(table)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), ANYWHERE, st.sampled_from(["lost", "doubled", "too many"]), LIMITS)
def test_any_other_set_is_refused(detections, tmp_path_factory, seed, place, fault, limits):
    """A survivor less, a survivor twice, or a detection more."""
    table, survivors = crowd_of_groups(detections, seed, place, 4)
    rng = np.random.default_rng(seed)
    dead = table[~table["tile"].isin(survivors["tile"])]
    other = dict(
        lost=survivors.drop(survivors.index[rng.integers(len(survivors))]),
        doubled=pd.concat([survivors, survivors.sample(1, random_state=seed)]),
    ) | {"too many": pd.concat([survivors, dead.sample(min(1, len(dead)), random_state=seed)])}
    if len(other[fault]) == len(survivors):
        return
    with pytest.raises(OrbitileError, match=r"^suppressed/[a-d]\.parquet: the detection in scene [a-d] at"):
        Run(tmp_path_factory.mktemp("run"), *tables_of(table, other[fault])).prove(*limits)


def test_every_subset_of_a_small_crowd(detections, tmp_path):
    """Of all subsets only the one that suppression leaves is proved."""
    lon = np.arange(5) * 0.02  # each overlaps the next by an IoU of 0.53
    table = detections(lon, 0, 2000, [0.5, 0.7, 0.6, 0.9, 0.8], scene=list("aabba"), tile=np.arange(5))
    expected = set(survivors_of(table)["tile"])
    proved = []
    for size in range(6):
        for tiles in combinations(range(5), size):
            run = Run(tmp_path, *tables_of(table, table[table["tile"].isin(tiles)]))
            try:
                run.prove()
            except OrbitileError:
                continue
            proved.append(set(tiles))
    assert proved == [expected]


@pytest.fixture
def run(detections, tmp_path):
    """Two groups side by side whose detections overlap over the border, and what survives."""
    lon = np.array([0, 0.02, 0.04, 0.06, 1, 1])
    table = detections(lon, 0, 2000, [0.9, 0.8, 0.7, 0.6, 0.9, 0.5], scene=list("aabbab"), tile=np.arange(6))
    return Run(tmp_path, *tables_of(table, survivors_of(table))), by_group(survivors_of(table)), table


def test_a_survivor_that_was_moved_by_a_pixel(run):
    """In its map coordinates, too, which say nothing of where it lies on the body."""
    finished, survivors, _ = run
    for column, step in (("lon", 1e-9), ("xmin", 100.0), ("score", 1e-3), ("tile", 1)):
        moved = survivors["a"].copy()
        moved.loc[0, column] += step
        finished.write("a", moved.astype(survivors["a"].dtypes))
        with pytest.raises(OrbitileError, match=r"^suppressed/a\.parquet: .* is not among the group's detections"):
            finished.prove()
    finished.write("a", survivors["a"])
    finished.prove()


def test_a_table_of_an_older_run(run):
    """With another threshold of scores."""
    finished, _, table = run
    older = table[(table["scene"] == "b") & (table["score"] > 0.75)]
    finished.write("b", older)
    with pytest.raises(
        OrbitileError,
        match=r"^suppressed/b\.parquet: the detection in scene b at 0\.0400 E, 0\.0000 N \(2\.00 km\) is left out, "
        r"although no better one overlaps it; of all groups 2 rows are not what one suppression",
    ):
        finished.prove()


def test_groups_that_did_not_see_each_other(detections, tmp_path):
    table = detections([180, 170, -180, -170], 0, 5000, [0.9, 0.8, 0.7, 0.6], scene=list("aabb"))
    parts = by_group(table)
    with pytest.raises(OrbitileError, match=r"^suppressed/b\.parquet: .* survives, although a better one overlaps it"):
        Run(tmp_path, parts, {name: survivors_of(part) for name, part in parts.items()}).prove()


def test_scenes_without_a_map_have_nothing_to_do_with_each_other(detections, tmp_path):
    apart = NmsSettings(**vars(SETTINGS) | dict(scenes_apart=True))
    table = detections([0, 0], 0, 5000, [0.9, 0.8], scene=["a", "b"])
    assert len(Run(tmp_path, *tables_of(table, table), nms=apart).prove().groups) == 2
    with pytest.raises(OrbitileError):
        Run(tmp_path, *tables_of(table, table)).prove()


def test_the_table_at_fault_is_named_and_not_those_that_suffer_from_it(detections, tmp_path):
    """Without its survivor, those that it suppresses in other groups are unbeaten, too."""
    table = detections([0, 0.001, 0.002, 0.003], 0, 2000, [0.9, 0.8, 0.7, 0.6], scene=list("baac"), tile=np.arange(4))
    run = Run(tmp_path, *tables_of(table, survivors_of(table).iloc[:0]))
    for limits in ((10**6,), (0,)):
        with pytest.raises(OrbitileError, match=r"^suppressed/b\.parquet: .* is left out, .* of all groups 4 rows are"):
            run.prove(*limits)


def test_a_survivor_in_the_table_of_another_group(run):
    """Though all of them together would be right."""
    finished, survivors, _ = run
    finished.write("a", pd.concat([survivors["a"], survivors["b"]]))
    finished.write("b", survivors["b"].iloc[:0])
    with pytest.raises(
        OrbitileError, match=r"^suppressed/a\.parquet: the detection in scene b .* is not among the group's"
    ):
        finished.prove()


def test_more_than_one_fault_is_counted(run):
    finished, survivors, _ = run
    finished.write("a", survivors["a"].iloc[:0])
    with pytest.raises(
        OrbitileError, match=r"is left out, although no better one overlaps it; of all groups 4 rows are not"
    ):
        finished.prove()


def test_a_group_without_detections(detections, tmp_path):
    nothing = detections([], [], 1000, [])
    proof = Run(tmp_path, dict(a=nothing), dict(a=nothing[DETECTIONS.names])).prove()
    assert (proof.groups["a"].rows, proof.groups["a"].content) == (0, 0)


def test_what_is_too_large_is_handed_on(detections, tmp_path):
    table = detections([0, 5], 0, 5000, [0.9, 0.8], out_of_reach=[False, True])
    proof = Run(tmp_path, dict(a=table), dict(a=table[:1])).prove()
    assert proof.out_of_reach["lon"].tolist() == [5]
