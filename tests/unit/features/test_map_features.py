"""Features joined group by group, against one join over all outlines, to the last bit."""

from dataclasses import replace

import geopandas
import numpy as np
import pyarrow as pa
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from mask_runs import EVERYTHING, MOON, Lattice, MaskRun, lying, pieces
from plain_map import arrow_rows, plain_map, plain_rows
from scipy.ndimage import gaussian_filter

from orbitile.features.feature_store import FeatureStore
from orbitile.features.join import MapFrames
from orbitile.features.map_features import MapFeatures
from orbitile.tables.content_hash import ContentHash, content_hash
from orbitile.tables.feature_parts import CONTENT
from orbitile.tables.features import KINDS

WIDE_LATTICE = Lattice(gsd_m=118.45, col=25_234, row=-6_777)
"""At 98 E, 26 N; neither its pixels nor its place are whole numbers of metres."""
FILTERS = replace(EVERYTHING, min_area_m2=4 * 118.45**2, edge_px=2.0)


def joined_by_groups(outlines, rasters, filters, groups, folder):
    """The tables of polygons and lines in the map's order, from groups (name: scenes) one after another."""
    features = MapFeatures(MapFrames.of(outlines, rasters), rasters, filters, MOON)
    store = FeatureStore(folder, features.layers)
    for group, scenes in groups.items():
        store.add(group, features.of_group(group, outlines[outlines["scene"].isin(scenes)]))
    for group, crossing in features.across_groups():
        store.add(group, crossing)
    numbered = store.numbered()
    return {kind: in_order(numbered, kind) for kind in KINDS}


def in_order(numbered, kind):
    batches = [batch for group in numbered.groups for batch in numbered.rows(kind, group)]
    table = pa.concat_tables([rows for rows, _ in batches])
    return table.take(np.argsort(np.concatenate([ranks for _, ranks in batches])))


def assert_same(found, expected):
    for kind in KINDS:
        assert arrow_rows(found[kind]) == plain_rows(expected[kind])


@st.composite
def networks(draw):
    """A mask of blobs and winding bands, where it is cut into scenes, and groups of the scenes."""
    random = np.random.default_rng(draw(st.integers(0, 9999)))
    smooth = gaussian_filter(random.normal(size=(90, 120)), draw(st.sampled_from([1.5, 3.0])))
    level = np.abs(smooth - np.quantile(smooth, draw(st.sampled_from([0.3, 0.5]))))
    mask = level < np.quantile(level, draw(st.sampled_from([0.15, 0.3])))
    cols, rows = draw(st.sets(st.integers(3, 117), max_size=3)), draw(st.sets(st.integers(3, 87), max_size=2))
    cut = pieces(120, 90, sorted(cols), sorted(rows), names="abcdefghijkl")
    groupings = [{scene: str(random.integers(0, count)) for scene in cut} for count in (2, 3, len(cut))]
    left_out = draw(st.sampled_from([None, *cut]))
    return mask, cut, groupings, left_out


@settings(max_examples=8)
@given(networks())
def test_groups_do_not_change_a_bit(tmp_path_factory, case):
    mask, cut, groupings, left_out = case
    layers = dict(pit=(mask * 200).astype(np.uint8), ridge=(mask[::-1] * 200).astype(np.uint8))
    run = MaskRun(tmp_path_factory.mktemp("n"), WIDE_LATTICE, margin="always").stitched(layers, cut)
    outlines = run.outlined()
    outlines = outlines[outlines["scene"] != left_out].reset_index(drop=True)
    expected = plain_map(outlines, run.rasters, FILTERS, MOON)
    for grouping in groupings:
        groups = {}
        for scene, group in grouping.items():
            groups.setdefault(group, []).append(scene)
        found = joined_by_groups(outlines, run.rasters, FILTERS, groups, tmp_path_factory.mktemp("s"))
        assert_same(found, expected)


def groups_of_their_own(cut):
    return {scene: [scene] for scene in cut}


def test_a_fracture_through_many_groups_is_one(tmp_path):
    """A staircase over eight scenes, each a group, and a short one in each; its line runs through, without a joint."""
    cut = pieces(160, 110, range(20, 160, 20), names="abcdefgh")
    stairs = [(col, 5 + col // 2, col + 2, 10 + col // 2) for col in range(2, 158, 2)]
    run = MaskRun(tmp_path / "r", WIDE_LATTICE).stitched(
        lying((110, 160), *stairs, *((col + 4, 100, col + 16, 103) for col in range(0, 160, 20))), cut
    )
    outlines = run.outlined()
    found = joined_by_groups(outlines, run.rasters, FILTERS, groups_of_their_own(cut), tmp_path)
    assert sorted(found["polygons"]["scenes"].to_pylist()) == [1] * 8 + [8]
    assert len(found["lines"]) == 9
    assert_same(found, plain_map(outlines, run.rasters, FILTERS, MOON))


def test_lines_meet_in_a_scene_that_was_left_out(tmp_path):
    """A "V" whose lowest pixel lies below a and b, in a scene that was left out; its left arm goes on from a into c.

    The arms are two features, the left one of two groups, and their line is one: it ends at the pixel for both.
    """
    probability = lying((60, 100), (61, 30, 62, 31))
    for step in range(25):
        probability[29 - step, [60 - step, 62 + step]] = 200
    run = MaskRun(tmp_path / "r", margin="always").stitched(
        probability, pieces(100, 60, [45, 61], [30], names="cabdef")
    )
    outlines = run.outlined()
    present = outlines[outlines["scene"].isin(["a", "b", "c"])].reset_index(drop=True)
    found = joined_by_groups(present, run.rasters, EVERYTHING, dict(first=["a", "b"], second=["c"]), tmp_path)
    assert sorted(found["polygons"]["scenes"].to_pylist()) == [1, 2]
    assert len(found["lines"]) == 1
    assert_same(found, plain_map(present, run.rasters, EVERYTHING, MOON))


@pytest.mark.parametrize("groups", [["ab"], ["a", "b"], ["b", "a"]])
def test_what_is_equal_is_sorted_by_its_layer(tmp_path, groups):
    """Two images of one place, each with the same grooves: equal in all columns that sort, but for the scene."""
    run = MaskRun(tmp_path / "r", margin="never")
    for scene in "ab":
        run.stitched(lying((60, 100), (30, 20, 70, 30), (2, 40, 15, 50)), {scene: pieces(100, 60)["a"]})
    outlines = run.outlined()
    found = joined_by_groups(outlines, run.rasters, EVERYTHING, {name: list(name) for name in groups}, tmp_path)
    assert found["polygons"]["scene"].to_pylist() == ["a", "b", "a", "b"]
    assert found["lines"]["feature"].to_pylist() == [1, 2, 3, 4]
    assert_same(found, plain_map(outlines, run.rasters, EVERYTHING, MOON))


@pytest.mark.parametrize("edge_px", [0, 3.0])
def test_seams_of_scenes_of_other_groups_count_close_to_the_border(tmp_path, edge_px):
    """A seam in b along the border, and a groove in a along it; a groove across, less than half of it along a seam."""
    run = MaskRun(tmp_path / "r").stitched(lying((60, 100), (47, 5, 49, 30), (10, 40, 75, 43)), pieces(100, 60, [50]))
    outlines, rasters = run.outlined(), run.rasters
    grid = rasters["b", 100.0].grid
    lines = [
        shapely.LineString([grid.to_map(*end) for end in ends]) for ends in ([(0.5, 0), (0.5, 60)], [(0, 41), (50, 41)])
    ]
    path = str(tmp_path / "s.parquet")
    geopandas.GeoDataFrame(geometry=lines, crs=grid.crs_wkt).to_parquet(path)
    rasters["b", 100.0] = replace(rasters["b", 100.0], seams=path)
    filters = replace(EVERYTHING, edge_px=edge_px)
    found = joined_by_groups(outlines, rasters, filters, groups_of_their_own("ab"), tmp_path)
    assert_same(found, plain_map(outlines, rasters, filters, MOON))
    assert len(found["polygons"]) == (2 if edge_px == 0 else 1)


def test_the_hash_depends_on_the_rows_alone(tmp_path):
    run = MaskRun(tmp_path / "r").stitched(lying((60, 100), (30, 20, 70, 30), (2, 40, 15, 50)), pieces(100, 60, [50]))
    outlines = run.outlined()
    tables = joined_by_groups(outlines, run.rasters, EVERYTHING, groups_of_their_own("ab"), tmp_path)
    for kind, table in tables.items():
        rows = [content_hash(table.slice(row, 1), CONTENT[kind]) for row in range(len(table))]
        assert ContentHash.joined(rows[::-1]) == content_hash(table, CONTENT[kind])
        moved = table.set_column(
            len(table.column_names) - 1, "geometry", pa.array(shapely.to_wkb(shapely.points(np.zeros((2, 2)))))
        )
        assert content_hash(moved, CONTENT[kind]) != content_hash(table, CONTENT[kind])
