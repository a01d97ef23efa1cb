"""Made-up probabilities against made-up truth, drawn in pixels of 100 m."""

import json

import geopandas
import numpy as np
import pyogrio
import pytest
import shapely
from mask_runs import MOON, MaskRun, lying, pieces
from PIL import Image
from pyproj import CRS

from orbitile.base.errors import OrbitileError
from orbitile.calibration.pixel_calibration import read_pixel_calibration
from orbitile.calibration.pixel_sample import FALSE, TRUE
from orbitile.stages.calibrate_map import MapCalibrationOutputs, calibrate_map

SHAPE = (128, 256)
SCENES = pieces(256, 128)
LABELS = dict(width_field="width", class_field=None, buffers_px={})


@pytest.fixture
def calibrated(tmp_path):
    """Calibrates a run by shapes in pixels, which may have classes or scenes."""

    def calibrate(run, shapes, unmapped_scenes=0, labels=LABELS, **columns):
        on_map = [shapely.transform(shape, lambda xy: xy * [100, -100]) for shape in shapes]
        frame = geopandas.GeoDataFrame(dict(geometry=on_map) | columns, crs=CRS("IAU_2015:30110"))
        pyogrio.write_dataframe(frame, tmp_path / "truth.gpkg")
        outputs = MapCalibrationOutputs(str(tmp_path / "calibration.json"), str(tmp_path / "calibration.png"))
        calibrate_map(
            run.tables("stitched"), str(tmp_path / "truth.gpkg"), MOON, labels, "ab" * 32, outputs, unmapped_scenes
        )
        with Image.open(outputs.picture) as picture:
            assert min(picture.size) > 400
        return read_pixel_calibration(outputs.calibration, "ab" * 32)

    return calibrate


def test_pixels_by_hand(tmp_path, calibrated):
    """Of 800 pixels of level 200, 300 are true, as are 200 of level 0."""
    run = MaskRun(tmp_path / "r").stitched(lying(SHAPE, (20, 40, 100, 50)), SCENES)
    calibration = calibrated(run, [shapely.box(70, 40, 120, 50)])
    counts = calibration.sample.pixels.sum(axis=0)[0]
    assert {level: counts[:, level].tolist() for level in np.flatnonzero(counts.sum(axis=0))} == {
        0: [128 * 256 - 800 - 200, 200],
        200: [500, 300],
    }
    assert calibration.sample.classes == ("fracture",)
    assert calibration.basis == "500 true pixels of truth.gpkg"


@pytest.mark.parametrize("cols", [[], [64], [50, 190]])
def test_squares_of_ground_are_the_same_however_scenes_are_cut(tmp_path, calibrated, cols):
    run = MaskRun(tmp_path / "r").stitched(lying(SHAPE, (20, 40, 100, 50)), pieces(256, 128, cols))
    sample = calibrated(run, [shapely.box(70, 40, 120, 50)]).sample
    assert (sample.blocks, sample.unit) == (8, "squares of 6.4 km")
    detected = sorted(sample.of_class("fracture").counts(0.5).detected.tolist())
    assert detected == [0, 0, 0, 0, 0, 0, 360, 440]
    assert (sample.pixels.sum(axis=(1, 2, 3)) == 64**2).all()


def test_classes_are_told_apart(tmp_path, calibrated):
    layers = dict(rift=lying(SHAPE, (20, 40, 30, 50)), pit=lying(SHAPE, (100, 40, 110, 50), level=90))
    run = MaskRun(tmp_path / "r").stitched(layers, SCENES)
    shapes = [shapely.box(20, 40, 25, 50), shapely.box(100, 40, 110, 50)]
    sample = calibrated(run, shapes, labels=LABELS | dict(class_field="kind"), kind=["rift", "pit"]).sample
    totals = {name: sample.of_class(name).pixels.sum(axis=0) for name in sample.classes}
    assert (totals["rift"][FALSE, 200], totals["rift"][TRUE, 200], totals["rift"][TRUE, 0]) == (50, 50, 0)
    assert (totals["pit"][FALSE, 90], totals["pit"][TRUE, 90]) == (0, 100)


def test_only_valid_pixels_count(tmp_path, calibrated):
    valid = np.ones(SHAPE, bool)
    valid[:, 128:] = False
    run = MaskRun(tmp_path / "r").stitched(lying(SHAPE, (20, 40, 200, 50)), SCENES, valid)
    sample = calibrated(run, [shapely.box(70, 40, 120, 50)]).sample
    assert (sample.blocks, sample.pixels.sum()) == (4, 128 * 128)


def test_many_scenes_without_a_map_are_blocks(tmp_path, calibrated):
    names = "abcdefgh"
    run = MaskRun(tmp_path / "r", margin="never")
    for name in names:
        run.stitched(lying((80, 90), (20, 40, 40, 50)), {name: pieces(90, 80)["a"]})
    shapes = [shapely.box(20, 40, 20 + width, 50) for width in range(1, 9)]
    sample = calibrated(run, shapes, unmapped_scenes=8, scene=list(names)).sample
    assert (sample.blocks, sample.unit) == (8, "scenes")
    counts = sample.of_class("fracture").counts(0.5)
    assert counts.true.tolist() == [10 * width for width in range(1, 9)]
    assert counts.detected.tolist() == [200] * 8


def test_truth_elsewhere_is_refused(tmp_path, calibrated):
    run = MaskRun(tmp_path / "r").stitched(lying(SHAPE, (20, 40, 100, 50)), SCENES)
    with pytest.raises(OrbitileError, match="none of its lines and polygons lies on valid pixels"):
        calibrated(run, [shapely.box(3000, 40, 3100, 50)])


def test_a_run_without_probabilities_is_refused(tmp_path, calibrated):
    with pytest.raises(OrbitileError, match="no scene of the run has probabilities"):
        calibrated(MaskRun(tmp_path / "r"), [shapely.box(70, 40, 120, 50)])


def test_a_calibration_says_what_it_found(tmp_path, calibrated):
    run = MaskRun(tmp_path / "r").stitched(lying(SHAPE, (20, 40, 100, 50)), SCENES)
    calibrated(run, [shapely.box(70, 40, 120, 50)])
    figures = json.loads((tmp_path / "calibration.json").read_text())["figures"]["classes"]["fracture"]
    (row,) = {(row["fdr"], row["recall"]) for row in figures["by_score"]}
    assert row == (0.625, 0.6)
