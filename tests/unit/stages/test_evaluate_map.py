"""A made-up map against made-up truth, drawn in pixels of 100 m."""

import json

import geopandas
import numpy as np
import pyogrio
import pytest
import shapely
from mask_runs import EXCLUSIVE, MOON, MaskRun, lying, pieces
from PIL import Image
from pyproj import CRS

from orbitile.base.errors import OrbitileError
from orbitile.base.files import write_json
from orbitile.base.manifests import read_manifest
from orbitile.features.labels.read import LabelFields, read_labels
from orbitile.features.metrics import LinePoints, line_metrics
from orbitile.space.grids import Window
from orbitile.stages import evaluate_map as comparing
from orbitile.stages.evaluate_map import MapComparison, MapResults, evaluate_map
from orbitile.tables.rasters import write_rasters
from orbitile.tables.tile_areas import tile_area_text

SHAPE = (120, 200)
WHOLE = pieces(200, 120)
BOX = (20, 40, 180, 48)


@pytest.fixture
def judged(tmp_path, monkeypatch):
    """Compares a run with shapes; squares are 100 px wide. Lines may be 1.5 px off."""
    monkeypatch.setattr(comparing, "TILE_PX", 100)

    def run(mask_run, *shapes, threshold=0.5):
        on_map = [shapely.transform(shape, lambda xy: xy * [100, -100]) for shape in shapes]
        frame = geopandas.GeoDataFrame(dict(width=["tiny"] * len(shapes)), geometry=on_map, crs=CRS("IAU_2015:30110"))
        pyogrio.write_dataframe(frame, tmp_path / "truth.gpkg")
        labels = dict(width_field="width", class_field=None, buffers_px={})
        comparison = MapComparison.of(
            MOON,
            150.0,
            labels,
            dict(threshold=threshold if threshold != 0.5 else None, spur_px=8, edge_px=3, model=None),
        )
        results = MapResults(
            str(mask_run.folder / "map" / "polygons.json"), mask_run.tables("scaled"), mask_run.tables("stitched")
        )
        evaluate_map(
            results, str(tmp_path / "truth.gpkg"), comparison, str(tmp_path / "m.json"), str(tmp_path / "m.png")
        )
        assert (tmp_path / "m.png").stat().st_size > 1000
        figures = json.loads((tmp_path / "m.json").read_text())
        assert "NaN" not in (tmp_path / "m.json").read_text()
        assert figures["threshold"] == threshold
        return figures["by_scale"]

    return run


@pytest.fixture(scope="module")
def mapped(tmp_path_factory):
    """Runs with a box found, in one scene or two, and with nothing found."""

    def make(*boxes, cut=WHOLE):
        run = MaskRun(tmp_path_factory.mktemp("m")).stitched(lying(SHAPE, *boxes), cut)
        run.united()
        return run

    return make


@pytest.mark.parametrize("cols", [[], [100]])
def test_pixels_by_hand(mapped, judged, cols):
    """Half of lacking is found is true, and all that is true is found; the right squares hold nothing true."""
    (figures,) = judged(mapped(BOX, cut=pieces(200, 120, cols)), shapely.box(20, 40, 100, 48))
    pixels = figures["pixels"]["fracture"]
    assert pixels["pooled"] == pytest.approx(dict(precision=0.5, recall=1, f1=2 / 3, iou=0.5))
    assert pixels["averaged"] == pytest.approx(dict(precision=0.5, recall=1, f1=2 / 3))
    assert figures["lines"] is None
    assert figures["scale_m"] == 100


@pytest.mark.parametrize(("row", "expected"), [(44, 1), (45.4, 1), (46.4, 0), (60, 0)])
def test_lines_by_their_length(mapped, judged, row, expected):
    """The centre line runs at row 43.5 or 44.5. Half of the true line lies beyond the scene, and does not count."""
    line = shapely.LineString([(100, row), (300, row)])
    (figures,) = judged(mapped(BOX), line)
    lines = figures["lines"]
    assert lines["true_km"] == pytest.approx(10, rel=0.01)
    assert lines["found_km"] == pytest.approx(15.2, rel=0.01)
    assert lines["recall"] == pytest.approx(0.77 * expected, abs=0.02)
    assert lines["precision"] == pytest.approx(0.5 * expected, abs=0.02)
    assert lines["tolerance_m"] == 150


@pytest.mark.parametrize("seam", [0, 8, 40])
def test_ground_that_two_scenes_of_a_mosaic_show_counts_once(tmp_path, judged, seam):
    cut = dict(a=Window(0, 0, 100 + seam // 2, 120), b=Window(100 - seam // 2, 0, 100 + seam // 2, 120))
    run = MaskRun(tmp_path / "run", margin="always").stitched(lying(SHAPE, BOX), cut)
    run.united()
    (scale,) = judged(run, shapely.box(20, 40, 100, 48), shapely.box(10, 80, 60, 100))
    assert scale["pixels"]["fracture"]["pooled"] == pytest.approx(
        dict(precision=0.5, recall=640 / 1640, f1=1280 / 2920, iou=640 / 2280), abs=1e-9
    )


@pytest.mark.parametrize("dlon", [2, 20])
def test_true_lines_follow_their_map_between_vertices(tmp_path, dlon):
    """Along the parallel of 60 degrees, which is no great circle."""
    line = shapely.LineString([(0, 60), (dlon, 60)])
    frame = geopandas.GeoDataFrame(dict(width=["tiny"]), geometry=[line], crs=MOON.crs)
    pyogrio.write_dataframe(frame, tmp_path / "lines.gpkg")
    labels = read_labels(tmp_path / "lines.gpkg", MOON, LabelFields())
    true = LinePoints.of(comparing._true_lines(labels), 10, MOON.radius_m)
    mapped = LinePoints.of(np.array([shapely.segmentize(line, 0.01)]), 10, MOON.radius_m)
    assert line_metrics([mapped], true, 20, MOON.radius_m)["f1"] == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("detail", [tile_area_text(100, [1], Window(100, 0, 100, 120)), "100 m/px"])
def test_lines_where_a_scene_failed_are_not_judged(mapped, judged, detail):
    """A true line that is right up to where tiles failed, and not mapped on these; or the entire scene failed."""
    run = mapped((20, 40, 100, 48))
    line = shapely.LineString([(30, 44), (180, 44)])
    assert judged(run, line)[0]["lines"]["recall"] < 0.5
    manifest = run.folder / "map" / "polygons.json"
    exclusions = [dict(scene="a", detail=detail, reason="no memory")]
    write_json(manifest, read_manifest(manifest) | dict(exclusions=exclusions))
    (figures,) = judged(run, line)
    recall, true_km = (pytest.approx(1, abs=0.06), 7) if "tile" in detail else (None, 0)
    assert figures["lines"]["recall"] == recall
    assert figures["lines"]["true_km"] == pytest.approx(true_km, rel=0.01)


def test_lines_in_several_parts_of_the_map_count_as_in_one(mapped, judged):
    """Three grooves, found in three groups, of which two are true."""
    boxes = [(5, 20, 55, 26), (65, 60, 125, 66), (140, 90, 190, 96)]
    truth = shapely.LineString([(0, 23), (60, 23)]), shapely.LineString([(70, 64), (190, 64)])
    (at_once,), (in_parts,) = (judged(mapped(*boxes, cut=pieces(200, 120, cols)), *truth) for cols in ([], [60, 130]))
    assert in_parts["lines"] == pytest.approx(at_once["lines"], rel=1e-9)
    assert 0.6 < in_parts["lines"]["precision"] < 0.75
    assert 0.5 < in_parts["lines"]["recall"] < 0.7


@pytest.mark.parametrize("lacking", ["no positive pixel", "no tile"])
def test_nothing_found(mapped, judged, lacking):
    run = mapped()
    if lacking == "no tile":
        write_rasters([], run.table("stitched", "a"))
    (figures,) = judged(run, shapely.LineString([(20, 44), (180, 44)]))
    assert [figures["lines"][name] for name in ("precision", "recall", "f1", "found_km")] == [0, 0, 0, 0]
    none = dict(precision=0, recall=0, f1=0)
    expected = {} if lacking == "no tile" else dict(fracture=dict(pooled=none | dict(iou=0), averaged=none))
    assert figures["pixels"] == expected


def test_truth_elsewhere(mapped, judged, caplog):
    """Nothing tells how good the map is."""
    (figures,) = judged(mapped(BOX), shapely.LineString([(3000, 44), (3100, 44)]))
    none = dict(precision=None, recall=None, f1=None)
    assert figures["pixels"]["fracture"] == dict(pooled=none | dict(iou=None), averaged=none)
    assert figures["lines"] == none | dict(found_km=pytest.approx(15.2, rel=0.01), true_km=0, tolerance_m=150)
    assert "truth.gpkg: nothing of fracture is true where the map has data, at 100 m/px; its figures" in caplog.text
    assert "truth.gpkg: no true line lies where the map has data" in caplog.text


def test_what_has_no_data_is_not_judged(tmp_path, judged):
    """The right half of the scene, with lacking is found and true in it."""
    valid = np.ones(SHAPE, bool)
    valid[:, 100:] = False
    run = MaskRun(tmp_path / "v").stitched(lying(SHAPE, BOX), pieces(200, 120), valid)
    run.united()
    (figures,) = judged(run, shapely.box(20, 40, 100, 48), shapely.box(100, 60, 180, 80))
    assert figures["pixels"]["fracture"]["pooled"] == dict(precision=1, recall=1, f1=1, iou=1)


@pytest.mark.parametrize(("threshold", "recall"), [(200 / 255, 1), (201 / 255, 0)])
def test_a_threshold_of_the_class_itself(mapped, judged, threshold, recall):
    (figures,) = judged(mapped(BOX), shapely.box(*BOX), threshold=dict(fracture=threshold))
    assert figures["pixels"]["fracture"]["pooled"]["recall"] == recall


TRUE = np.array([[0, 1, 2, 2], [1, 1, 255, 0]], np.uint8)
"""Repeated over squares of 10 px."""


def squares(numbers):
    return np.kron(numbers, np.ones((10, 10), np.uint8)).astype(np.uint8)


def exclusive_run(folder, cut):
    """Classes as in TRUE, but for the last square of the first row, which is mapped as of class 1."""
    mapped = squares(np.array([[0, 1, 2, 1], [1, 1, 2, 0]], np.uint8))
    layers = dict(dune=np.where(mapped == 1, 200, 20), ridge=np.where(mapped == 2, 210, 10))
    run = MaskRun(folder).stitched({name: layer.astype(np.uint8) for name, layer in layers.items()}, cut)
    run.united(EXCLUSIVE)
    return run


def compared(run, truth, decision="argmax"):
    labels = dict(width_field="width", class_field=None, buffers_px={})
    outline = dict(threshold=None, spur_px=8, edge_px=3, model=None, decision=decision, centre_lines=False)
    comparison = MapComparison.of(MOON, 150.0, labels, outline)
    tables = (run.tables(stage) for stage in ("scaled", "stitched", "classified"))
    results = MapResults(str(run.folder / "map" / "polygons.json"), *tables)
    evaluate_map(results, str(truth), comparison, str(run.folder / "m.json"), str(run.folder / "m.png"))
    assert (run.folder / "m.png").stat().st_size > 1000
    return json.loads((run.folder / "m.json").read_text())


@pytest.mark.parametrize("cols", [[], [15]])
def test_classes_that_exclude_each_other_against_masks(tmp_path, cols):
    cut = pieces(40, 20, cols)
    run = exclusive_run(tmp_path / "r", cut)
    (tmp_path / "masks").mkdir()
    for scene, window in cut.items():
        area = np.s_[window.row : window.row + window.height, window.col : window.col + window.width]
        Image.fromarray(squares(TRUE)[area]).save(tmp_path / "masks" / f"{scene}.png")
    figures = compared(run, tmp_path / "masks")
    assert (figures["decision"], "threshold" in figures) == ("argmax", False)
    (scale,) = figures["by_scale"]
    confusion = scale["confusion"]
    assert confusion["confusion"] == dict(
        classes=["background", "dune", "ridge"], true_by_predicted=[[200, 0, 0], [0, 300, 0], [0, 100, 100]]
    )
    assert confusion["mean_iou"] == pytest.approx((1 + 0.75 + 0.5) / 3)
    assert confusion["mean_iou_without_background"] == pytest.approx((0.75 + 0.5) / 2)
    assert confusion["balanced_accuracy"] == pytest.approx((1 + 1 + 0.5) / 3)
    for name in ("dune", "ridge"):
        assert scale["pixels"][name]["pooled"]["iou"] == pytest.approx(confusion["classes"][name]["iou"])
    assert scale["lines"] is None


@pytest.mark.parametrize("decision", ["threshold", "argmax"])
def test_a_class_that_no_mask_holds_has_no_figures(tmp_path, decision, caplog):
    run = exclusive_run(tmp_path / "r", pieces(40, 20))
    (tmp_path / "masks").mkdir()
    Image.fromarray(np.where(squares(TRUE) == 2, 0, squares(TRUE))).save(tmp_path / "masks" / "a.png")
    (scale,) = compared(run, tmp_path / "masks", decision)["by_scale"]
    assert scale["pixels"]["ridge"]["pooled"] == dict.fromkeys(("precision", "recall", "f1", "iou"))
    assert scale["pixels"]["dune"]["pooled"]["iou"] == pytest.approx(0.75)
    assert "masks: nothing of ridge is true where the map has data" in caplog.text


def test_masks_serve_maps_by_threshold_too(tmp_path):
    run = exclusive_run(tmp_path / "r", pieces(40, 20))
    (tmp_path / "masks").mkdir()
    Image.fromarray(squares(TRUE)).save(tmp_path / "masks" / "a.png")
    figures = compared(run, tmp_path / "masks", decision="threshold")
    assert figures["threshold"] == 0.5
    assert "confusion" not in figures["by_scale"][0]
    assert figures["by_scale"][0]["pixels"]["dune"]["pooled"]["iou"] == pytest.approx(0.75)


def test_a_scene_without_a_mask_is_named(tmp_path):
    run = exclusive_run(tmp_path / "r", pieces(40, 20))
    (tmp_path / "masks").mkdir()
    Image.fromarray(squares(TRUE)).save(tmp_path / "masks" / "other.png")
    with pytest.raises(OrbitileError, match="no mask of scene a"):
        compared(run, tmp_path / "masks")
