"""Seams of scenes that were merged from strips, in the map; a made-up scene of 100 x 60 pixels of 100 m."""

from dataclasses import replace

import numpy as np
import pytest
import shapely
from mask_runs import MOON, MaskRun, lying, pieces
from plain_map import feature_layers

from orbitile.base.errors import OrbitileError
from orbitile.features.filter import FilterArea, PolygonFilters
from orbitile.georeferencing.mosaicking.seams import Seams, write_seams
from orbitile.tables.rasters import read_rasters, write_rasters

SHAPE = (60, 100)
GROOVES = [(40, 5, 80, 9), (48, 20, 52, 40), (10, 20, 13, 40)]
"""Boxes: across the seams, along the one at column 50, and along the one at column 12."""


def seams_file(path, grid, *lines):
    strips = np.array([[1, 2]] * len(lines))
    write_seams(Seams(np.array([shapely.LineString(line) for line in lines], object), strips), ["x", "y"], grid, path)
    return str(path)


def with_seams(run, seams):
    """Names the seams of scenes in the tables of their rasters, as georeferencing does."""
    for group in run.groups:
        rows = [replace(row, seams=seams.get(row.scene)) for row in read_rasters(run.table("stitched", group))]
        write_rasters(rows, run.table("stitched", group))


@pytest.fixture
def run(tmp_path):
    return MaskRun(tmp_path).stitched(lying(SHAPE, *GROOVES), pieces(100, 60))


@pytest.mark.parametrize(
    ("edge_px", "dropped"), [(0, {}), (1, {}), (1.5, {"along a seam": 1}), (9, {"along a seam": 1})]
)
def test_what_lies_along_a_scene_s_own_seam_is_dropped(run, tmp_path, edge_px, dropped):
    """The seam goes through the middle of a groove 4 px wide: within 1 px of it is a half of that, not more."""
    (row,) = read_rasters(run.table("stitched", "a"))
    with_seams(run, dict(a=seams_file(tmp_path / "s.parquet", row.grid, [(50, 60), (50, 0)])))
    assert run.united(edge_px=edge_px).proof["dropped"] == dropped


def test_scene_seams_count_with_those_of_the_settings(run, tmp_path):
    (row,) = read_rasters(run.table("stitched", "a"))
    with_seams(run, dict(a=seams_file(tmp_path / "s.parquet", row.grid, [(50, 60), (50, 0)])))
    given = FilterArea.read(seams_file(tmp_path / "given.parquet", row.grid, [(12, 60), (12, 0)]), MOON)
    assert run.united(edge_px=2, seams=given).proof["dropped"] == {"along a seam": 2}


def test_seams_of_another_image_of_the_place_do_not_count(tmp_path):
    """Two made-up images of one place, of which only one is made of strips."""
    run = MaskRun(tmp_path, margin="never")
    for scene in "ab":
        run.stitched(lying(SHAPE, *GROOVES), {scene: pieces(100, 60)["a"]})
    (row,) = read_rasters(run.table("stitched", "a"))
    with_seams(run, dict(a=seams_file(tmp_path / "s.parquet", row.grid, [(50, 60), (50, 0)])))
    found = run.united(edge_px=2)
    assert found.proof["dropped"] == {"along a seam": 1}
    assert sorted(found.polygons["scene"]) == ["a", "a", "b", "b", "b"]


def test_seams_go_for_all_pieces_that_a_polygon_lies_in(tmp_path):
    """A groove across the border of two made-up pieces of a mosaic, each along a seam of its own."""
    run = MaskRun(tmp_path).stitched(lying(SHAPE, (35, 20, 75, 24)), pieces(100, 60, [50]))
    paths = {}
    for scene, line in (("a", [(0, 22), (50, 22)]), ("b", [(0, 22), (50, 22)])):
        (row,) = read_rasters(run.table("stitched", scene))
        paths[scene] = seams_file(tmp_path / f"{scene}.parquet", row.grid, line)
    with_seams(run, dict(a=paths["a"]))
    assert run.united(edge_px=2).proof["dropped"] == {}
    with_seams(run, paths)
    assert run.united(edge_px=2).proof["dropped"] == {"along a seam": 1}


def test_a_file_of_seams_that_has_gone_is_named(run, tmp_path):
    with_seams(run, dict(a=str(tmp_path / "gone.parquet")))
    with pytest.raises(OrbitileError, match=r"gone\.parquet: cannot be read as vectors"):
        run.united()


def test_a_long_seam_covers_the_same_in_pieces(run, tmp_path):
    """A staircase of 600 steps of a sixth of a pixel, read from a file and as one line."""
    (row,) = read_rasters(run.table("stitched", "a"))
    stairs = np.repeat(np.arange(601) / 10, 2)
    line = np.column_stack([stairs[1:] + 20, stairs[:-1]])
    area = FilterArea.read(seams_file(tmp_path / "s.parquet", row.grid, line), MOON)
    assert len(area.geometry) == 5
    assert shapely.length(area.geometry).sum() == pytest.approx(12_000)
    (layer,) = feature_layers(run.outlined(), run.rasters, MOON.radius_m)
    whole = FilterArea(np.array([shapely.union_all(area.geometry)], object), area.crs_wkt)
    assert area.covered_shares(layer, MOON.radius_m, 3) == pytest.approx(
        whole.covered_shares(layer, MOON.radius_m, 3), abs=1e-9
    )
    assert (area.covered_shares(layer, MOON.radius_m, 3) > 0).any()


def test_filters_keep_the_rest(tmp_path, run):
    (row,) = read_rasters(run.table("stitched", "a"))
    path = seams_file(tmp_path / "s.parquet", row.grid, [(50, 60), (50, 0)])
    before = PolygonFilters(1.0, 2.0, None, None, None)
    after = before.with_seams({"a": path}, MOON)
    assert replace(after, scene_seams={}) == before
    assert list(after.scene_seams) == ["a"]
