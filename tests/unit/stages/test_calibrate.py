import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from orbitile.base.errors import OrbitileError
from orbitile.calibration.network_calibration import read_calibration
from orbitile.detections.matching import MatchCriteria
from orbitile.detections.nms.settings import NmsSettings
from orbitile.space.grids import Window
from orbitile.stages.calibrate import CalibrationInputs, CalibrationOutputs, calibrate
from orbitile.tables.craters import CraterTable
from orbitile.tables.detections import GEOLOCATED
from orbitile.tables.enlarged_rasters import NOT_ENLARGED
from orbitile.tables.parquet import write_table
from orbitile.tables.rasters import write_rasters
from orbitile.tables.tile_areas import tile_area_text
from orbitile.tables.tiles import SCHEMA

MOON_M = 1737400.0
DEGREE_M = MOON_M * np.pi / 180
CRITERIA = MatchCriteria(iou_threshold=0.3, min_diameter_m=4000, radius_m=MOON_M)
NMS = NmsSettings(0.4, 0.05, True, "box", rings=2, scenes_apart=False, reach_m=20_000, slack_m=400, radius_m=MOON_M)


@pytest.fixture
def calibrated(raster, detections, tmp_path):
    """Calibrates detections (lon, lat, diameter in m, score) of groups by true craters on a scene of 8 x 4 degrees."""

    def run(groups, truth, failed=(), enlarged=NOT_ENLARGED):
        write_rasters(
            [raster(np.ones((40, 80), np.uint8), scale_m=DEGREE_M / 10, left=0, top=2 * DEGREE_M)],
            tmp_path / "rasters.parquet",
        )
        (tmp_path / "truth.csv").write_text("\n".join(["lon,lat,diameter_m", *(",".join(map(str, t)) for t in truth)]))
        paths = [str(tmp_path / f"group{number}.parquet") for number in range(len(groups))]
        for path, rows in zip(paths, groups, strict=True):
            lon, lat, size_m, score = np.array(rows, float).reshape(-1, 4).T
            write_table(detections(lon, lat, size_m, score), GEOLOCATED, path)
        outputs = CalibrationOutputs(str(tmp_path / "calibration.json"), str(tmp_path / "calibration.png"))
        table = CraterTable(str(tmp_path / "truth.csv"))
        tiles = pd.DataFrame([dict.fromkeys(SCHEMA.names, 1) | dict(scene="a", appearance=[0.5] * 14)] * 3)
        write_table(tiles, SCHEMA, tmp_path / "tiles.parquet")
        tables = [str(tmp_path / "rasters.parquet")], [str(tmp_path / "tiles.parquet")]
        inputs = CalibrationInputs(paths, *tables, failed, enlarged)
        calibrate(inputs, table, CRITERIA, NMS, outputs, "ab" * 32)
        return read_calibration(outputs.calibration)

    return run


def test_detections_of_all_groups_are_judged_after_one_suppression(calibrated):
    """Right; a double of it in the next group; below the threshold of sizes; false; a small one that matches; off."""
    groups = [
        [(1, 1, 9000, 0.9), (3, 1, 3000, 0.8)],
        [(1, 1, 9100, 0.6), (5, 1, 9000, 0.4), (7, 1, 3900, 0.3), (60, 1, 9000, 0.9)],
        [],
    ]
    truth = [(1, 1, 9000), (7, 1, 4100), (3, -1, 9000), (1, -1, 2000), (50, 1, 9000)]
    calibration = calibrated(groups, truth)
    score, diameter_px, is_right, _ = calibration.sample.detections
    assert score.tolist() == pytest.approx([0.9, 0.4, 0.3], abs=1e-3)
    assert is_right.tolist() == [True, False, True]
    assert diameter_px * DEGREE_M / 10 == pytest.approx([9000, 9000, 3900], rel=4e-3)
    assert calibration.sample.truth.score.tolist() == pytest.approx([0.9, 0.3, 0.0], abs=1e-3)
    assert (calibration.least_px, calibration.iou_threshold) == (pytest.approx(4000 / DEGREE_M * 10), 0.3)
    assert (calibration.basis, calibration.model_sha256) == ("3 craters of truth.csv", "ab" * 32)
    assert calibration.sample.least_score == 0.05
    assert calibration.appearances.tolist() == [[0.5] * 14] * 3


@pytest.mark.parametrize("enlarge", [1, 2])
def test_where_tiles_failed_nothing_is_judged(calibrated, enlarge):
    """From 4 degrees on."""
    window, scale_m = Window(40 * enlarge, 0, 40 * enlarge, 40 * enlarge), DEGREE_M / 10 / enlarge
    failed = [dict(scene="a", detail=tile_area_text(scale_m, [1], window), reason="no memory")]
    groups, truth = [[(1, 1, 9000, 0.9), (5, 1, 9000, 0.4)]], [(1, 1, 9000), (7, 1, 9000)]
    sample = calibrated(groups, truth, failed, {scale_m: enlarge}).sample
    assert (len(sample.detections.score), len(sample.truth.score)) == (1, 1)
    sample = calibrated(groups, truth).sample
    assert (len(sample.detections.score), len(sample.truth.score)) == (2, 2)


def test_figures_and_their_picture_are_there_however_few_craters(calibrated, tmp_path):
    calibrated([[]], [(1, 1, 9000)])
    figures = json.loads((tmp_path / "calibration.json").read_text())["figures"]
    assert figures["calibration_error"] == dict(before=None, after=None)
    assert [bound["score"] for bound in figures["bounds"]] == [None, None, None]
    with Image.open(tmp_path / "calibration.png") as picture:
        assert picture.size > (1000, 300)


def test_many_craters_give_bounds_and_probabilities(calibrated):
    """Every second one of 400 places of low score is a crater, all those of high score are."""
    random = np.random.default_rng(0)
    places = [(lon, lat) for lon in np.linspace(0.2, 7.8, 40) for lat in np.linspace(-1.8, 1.8, 10)]
    is_true = random.random(400) < np.linspace(0.5, 1, 400)
    truth = [(*place, 4500) for place, true in zip(places, is_true, strict=True) if true]
    rows = [(*place, 4500, score) for place, score in zip(places, np.linspace(0.3, 0.95, 400), strict=True)]
    figures = calibrated([rows[::2], rows[1::2]], truth)
    assert figures.sample.blocks >= 32
    assert figures.scores.probability(np.array([0.35, 0.9]), np.array([2.0, 2.0])) == pytest.approx(
        [0.5, 0.97], abs=0.1
    )


def test_scenes_without_true_craters_cannot_calibrate(calibrated):
    with pytest.raises(OrbitileError, match=r"truth.csv: none of its craters lies on a scene .* is large enough"):
        calibrated([[(1, 1, 9000, 0.9)]], [(1, 1, 900), (60, 1, 9000)])
