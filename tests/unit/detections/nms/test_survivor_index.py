"""What the index leaves out overlaps nothing; what it keeps in memory is bounded."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_suppression import MOON_M, PLACES, ground_crowd

from orbitile.detections.nms.boxes import GroundBoxes
from orbitile.detections.nms.find_overlaps import find_overlaps_between
from orbitile.detections.nms.settings import NmsSettings
from orbitile.detections.nms.survivor_index import COLUMNS, SurvivorIndex
from orbitile.space.bodies import find_body
from orbitile.tables.crater_parts import write_part

METHODS = {name: dict(georef_method="projected", error_m=None) for name in "abcdefgh"}
ANYWHERE = st.sampled_from([None, *PLACES])


def rules(shape="box", iou=0.4):
    return NmsSettings(iou, 0.25, True, shape, rings=2, scenes_apart=False, reach_m=1e6, slack_m=0, radius_m=MOON_M)


@pytest.fixture(scope="module")
def groups(detections, tmp_path_factory):
    """Writes the parts of made-up survivors that are cut into groups by longitude; gives their tables and paths."""

    def write(seed, place, longest=1):
        boxes, rng = ground_crowd(seed, place, count=150).boxes, np.random.default_rng(seed)
        stretch = np.exp(rng.uniform(-0.5, 0.5, len(boxes)) * np.log(longest))
        table = detections(boxes.lon, boxes.lat, boxes.width * MOON_M * stretch, np.full(len(boxes), 0.5), scene="a")
        table = table.assign(height_m=boxes.height * MOON_M / stretch, tile=np.arange(len(boxes)))
        parts = dict(zip("abcd", np.array_split(np.argsort(boxes.lon), 4), strict=True))
        tables = {name: table.iloc[rows].assign(scene=name) for name, rows in parts.items()}
        folder = tmp_path_factory.mktemp("parts")
        for name, part in tables.items():
            write_part(part, METHODS, find_body("Moon"), 1, folder / f"{name}.parquet")
        return tables, {name: str(folder / f"{name}.parquet") for name in tables}

    return write


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), ANYWHERE, st.sampled_from([0, 20, 10**6]), st.sampled_from(["box", "circle"]),
       st.sampled_from([0.1, 0.4, 0.8]), st.sampled_from([1, 5]))  # fmt: skip
def test_all_that_overlap_are_among_the_rivals(groups, seed, place, large_rows, shape, iou, longest):
    """Boxes up to five times as long as wide."""
    nms = rules(shape, iou)
    tables, paths = groups(seed, place, longest)
    index = SurvivorIndex.of(paths, nms, large_rows)
    for name, table in tables.items():
        others = pd.concat([other for key, other in tables.items() if key != name], ignore_index=True)
        boxes, other_boxes = (GroundBoxes.of(part, MOON_M) for part in (table, others))
        _, overlapping, _ = find_overlaps_between(boxes, other_boxes, nms.criterion)
        rivals = index.rivals([name], table)
        assert set(others["tile"].iloc[overlapping]) <= set(rivals["tile"])
        assert rivals.columns.tolist() == COLUMNS and not rivals.duplicated().any()
        assert name not in set(rivals["scene"])


def test_what_lies_far_away_is_left_out(detections, tmp_path):
    for name, lon in (("a", 0.0), ("b", 1.0), ("c", 90.0)):
        part = detections([lon, lon], [0, 1], [1000, 50_000], [0.9, 0.8], scene=name)
        write_part(part, METHODS, find_body("Moon"), 1, tmp_path / f"{name}.parquet")
    index = SurvivorIndex.of({name: str(tmp_path / f"{name}.parquet") for name in "abc"}, rules())
    rivals = index.rivals(["a"], detections([0, 0], [0, 1], [1000, 50_000], [0.9, 0.8], scene="a"))
    assert rivals[["scene", "width_m"]].to_numpy().tolist() == [["b", 50_000]]
    assert index.groups_along_curve in (["a", "b", "c"], ["b", "a", "c"])


def test_only_the_largest_are_kept_in_memory(groups):
    _, paths = groups(0, None)
    index = SurvivorIndex.of(paths, rules(), large_rows=20)
    assert 0 < len(index.large.rows) <= 20
    sizes = index.large.places.size_m
    assert (sizes >= 2.0 ** (index.large.level - 1)).all()
    assert len(SurvivorIndex.of(paths, rules()).large.rows) == 150
