"""Outlines of made-up probabilities, scene by scene."""

import json

import numpy as np
import pytest
import shapely
import torch
from hypothesis import given
from hypothesis import strategies as st
from mask_runs import Lattice, MaskRun, lying, pieces
from safetensors.torch import save_file

from orbitile.base.errors import OrbitileError
from orbitile.inference.mask_threshold import is_positive
from orbitile.space.grids import Window
from orbitile.stages.outline import OutlineSettings, subtract_windows
from orbitile.tables.masks import OUTLINES
from orbitile.tables.rasters import write_rasters

SHAPE = (60, 100)


@pytest.fixture
def outlined(tmp_path):
    """Outlines an image of probabilities, cut into scenes; returns the tables of all groups as one."""

    def run(probability, cut=None, tracing=(0.5, 8.0, 0.0), valid=None, **lattice):
        cut = cut or pieces(probability.shape[1], probability.shape[0])
        made = MaskRun(tmp_path / "r", Lattice(**lattice)).stitched(probability, cut, valid)
        return made.outlined(OutlineSettings(*tracing))

    return run


def polygons(table):
    return table[table["kind"] == "polygon"].reset_index(drop=True)


boxes = st.builds(Window, st.integers(-9, 9), st.integers(-9, 9), st.integers(1, 9), st.integers(1, 9))


def pixels_of(window):
    right, bottom = window.col + window.width, window.row + window.height
    return {(col, row) for col in range(window.col, right) for row in range(window.row, bottom)}


@given(boxes, st.lists(boxes, max_size=4))
def test_a_window_less_others(window, others):
    left = subtract_windows(window, others)
    pixels = [pixel for one in left for pixel in pixels_of(one)]
    assert len(pixels) == len(set(pixels))
    assert set(pixels) == pixels_of(window) - set().union(*map(pixels_of, others))
    assert all(one.width > 0 and one.height > 0 for one in left)


@pytest.mark.parametrize(
    ("threshold", "stated", "expected"),
    [(0.3, None, 0.3), (0.3, 0.7, 0.3), (None, 0.7, 0.7), (None, None, 0.5)],
)
def test_the_threshold_of_the_settings_comes_before_that_of_the_weights(tmp_path, threshold, stated, expected):
    save_file(dict(a=torch.zeros(1)), tmp_path / "w.safetensors", stated and dict(threshold=json.dumps(stated)))
    model = dict(weights=str(tmp_path / "w.safetensors"), sha256="")
    assert OutlineSettings.of(threshold, 8, 3, model) == OutlineSettings(expected, 8, 3)


def test_the_threshold_without_a_model():
    assert OutlineSettings.of(None, 8, 3, None).threshold == 0.5


@pytest.mark.parametrize(("threshold", "least"), [(0, 1), (0.001, 1), (0.2, 51), (0.5, 128), (0.501, 128), (1, 255)])
def test_the_least_probability_that_is_positive(threshold, least):
    assert np.flatnonzero(is_positive(np.arange(256, dtype=np.uint8), threshold))[0] == least


@pytest.mark.parametrize(
    ("threshold", "level", "found"),
    [(0.5, 127, 0), (0.5, 128, 1), (1, 254, 0), (1, 255, 1), (0.001, 0, 0), (0.001, 1, 1), (0.2, 51, 1), (0.2, 50, 0)],
)
def test_from_which_probability_on_a_pixel_counts(outlined, threshold, level, found):
    table = outlined(lying(SHAPE, (10, 10, 40, 20), level=level), tracing=(threshold, 8.0, 0.0))
    assert len(polygons(table)) == found


def test_what_is_known_of_a_polygon(outlined):
    """On the lattice of the map: the scene begins at its column 7 and row 5."""
    probability = lying(SHAPE, (10, 10, 40, 20), level=200)
    probability[12:14, 12:14] = 250
    table = outlined(probability, col=7, row=5)
    assert table.columns.tolist() == OUTLINES.names
    (polygon,) = polygons(table).itertuples()
    assert shapely.from_wkb(polygon.geometry).equals(shapely.box(17, 15, 47, 25))
    assert (polygon.pixels, polygon.probability, polygon.near_nodata) == (300, 296 * 200 + 4 * 250, 0)
    (line,) = table[table["kind"] == "line"].itertuples()
    centre = shapely.from_wkb(line.geometry)
    assert shapely.get_coordinates(centre)[:, 1] == pytest.approx(20, abs=0.6)
    assert shapely.get_coordinates(centre, include_z=True)[:, 2] == pytest.approx(10, abs=0.01)


def test_nodata_is_never_positive(outlined):
    """Its pixels hold the highest probability all the same: as after a mistake on the way."""
    valid = np.ones(SHAPE, bool)
    valid[14:16, 20:30] = False
    (polygon,) = polygons(outlined(lying(SHAPE, (10, 10, 40, 20), level=255), valid=valid)).itertuples()
    shape = shapely.from_wkb(polygon.geometry)
    assert polygon.pixels == 300 - 20 == shape.area
    assert not shape.contains(shapely.Point(25, 15))


def near(valid, edge_px):
    """The plain reference: pixels whose centre is that close to that of one without data, the border counts as such."""
    bad = np.argwhere(~np.pad(valid, 8)) - 8
    good = np.argwhere(valid)
    close = np.array([(np.hypot(*(bad - pixel).T) <= edge_px).any() for pixel in good])
    found = np.zeros(valid.shape, bool)
    found[tuple(good[close].T)] = True
    return found


@pytest.mark.parametrize("edge_px", [0, 0.5, 1, 1.5, 3, 5])
def test_pixels_close_to_nodata_are_counted(outlined, edge_px):
    valid = np.ones((30, 40), bool)
    valid[12, 17], valid[20:23, 30:33] = False, False
    probability = lying(valid.shape, (2, 2, 38, 28))
    (polygon,) = polygons(outlined(probability, valid=valid, tracing=(0.5, 8.0, edge_px))).itertuples()
    expected = (near(valid, edge_px) & (probability > 0)).sum() if edge_px else 0
    assert polygon.near_nodata == expected


def test_the_border_between_two_scenes_is_no_nodata(outlined):
    """The image's border is."""
    probability = lying(SHAPE, (40, 20, 60, 30), (0, 50, 30, 60))
    found = polygons(outlined(probability, pieces(100, 60, [50]), tracing=(0.5, 8.0, 3.0)))
    assert found["near_nodata"].tolist() == [0, 3 * 30 + 3 * 10 - 9, 0]
    assert found["continues_beyond_scene"].tolist() == [True, True, True]


def test_a_scene_that_stands_alone_does_not_go_on(outlined):
    assert polygons(outlined(lying(SHAPE, (0, 20, 60, 30))))["continues_beyond_scene"].tolist() == [False]


@pytest.mark.parametrize("overlap", [0, 1])
def test_a_seam_belongs_to_the_first_of_two_scenes(outlined, overlap):
    cut = dict(a=Window(0, 0, 50 + overlap, 60), b=Window(50, 0, 50, 60))
    found = polygons(outlined(lying(SHAPE, (30, 20, 70, 30)), cut))
    assert found["pixels"].tolist() == [200 + 10 * overlap, 200 - 10 * overlap]
    assert found["continues_beyond_scene"].tolist() == [True, True]
    first, second = shapely.from_wkb(found["geometry"].to_numpy())
    assert first.intersection(second).area == 0


def test_all_scenes_see_the_same_seam(tmp_path):
    """Two scenes whose probabilities differ where they overlap: that of the first counts for both."""
    cut = dict(a=Window(0, 0, 51, 60), b=Window(50, 0, 50, 60))
    run = MaskRun(tmp_path / "r").stitched(lying(SHAPE, (30, 20, 70, 30)), cut)
    other = MaskRun(tmp_path / "o").stitched(lying(SHAPE, (51, 20, 70, 30)), cut)
    raster = "stitched-b-100.tif"
    (run.folder / raster).write_bytes((other.folder / raster).read_bytes())
    table = run.outlined()
    assert polygons(table)["pixels"].tolist() == [210, 190]
    lines = shapely.from_wkb(table.loc[table["kind"] == "line", "geometry"].to_numpy())
    assert shapely.line_merge(shapely.union_all(lines)).geom_type == "LineString"


@pytest.mark.parametrize("cols", [[], [180], [100, 250]])
def test_mosaics_around_the_whole_body(outlined, cols):
    """A scene is its own neighbour there, or has another on both sides; what lies in it is found all the same."""
    degree_m = np.pi * 1_737_400 / 180
    probability = lying((60, 360), (10, 20, 200, 26), (0, 40, 5, 45), (350, 40, 360, 45))
    found = polygons(outlined(probability, pieces(360, 60, cols), gsd_m=degree_m, col=-180))
    assert found["pixels"].sum() == 6 * 190 + 25 + 50


def test_classes_are_traced_apart(outlined, tmp_path):
    layers = dict(ridge=lying(SHAPE, (10, 10, 40, 20)), pit=lying(SHAPE, (10, 10, 40, 14)))
    run = MaskRun(tmp_path / "c").stitched(layers, pieces(100, 60))
    table = polygons(run.outlined())
    assert dict(zip(table["class"], table["pixels"], strict=True)) == dict(ridge=300, pit=120)


def test_no_positive_pixel_and_no_scene(outlined, tmp_path):
    assert len(outlined(np.zeros(SHAPE, np.uint8))) == 0
    run = MaskRun(tmp_path / "n").stitched(np.zeros(SHAPE, np.uint8), pieces(100, 60))
    write_rasters([], run.table("stitched", "a"))
    table = run.outlined()
    assert table.columns.tolist() == OUTLINES.names
    assert len(table) == 0


def test_a_changed_setting_or_neighbour_is_outlined_anew(tmp_path):
    run = MaskRun(tmp_path).stitched(lying(SHAPE, (30, 20, 70, 30)), pieces(100, 60, [50]))

    def paths():
        run.outlined()
        return len(list((tmp_path / "work" / "outline" / "a").glob("*.parquet")))

    assert (paths(), paths()) == (1, 1)
    run.outlined(OutlineSettings(0.6, 8.0, 0.0))
    assert paths() == 2
    write_rasters([], run.table("stitched", "b"))
    assert paths() == 3


def test_every_class_may_have_a_threshold_of_its_own(tmp_path):
    layers = dict(rift=lying((64, 64), (5, 5, 25, 15), level=120), pit=lying((64, 64), (35, 35, 55, 45), level=120))
    run = MaskRun(tmp_path / "r").stitched(layers, pieces(64, 64))
    thresholds = dict(rift=120 / 255, pit=121 / 255)
    outlines = run.outlined(OutlineSettings(thresholds, 8.0, 0.0))
    assert set(outlines["class"]) == {"rift"}
    with pytest.raises(OrbitileError, match=r"mapping.calibration: knows nothing of the class pit"):
        run.outlined(OutlineSettings(dict(rift=0.5), 8.0, 0.0))
