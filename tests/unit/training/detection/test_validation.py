from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from orbitile.detections.matching import match_craters
from orbitile.detections.nms.catalogue_nms import catalogue_nms, select_candidates
from orbitile.detections.nms.settings import NmsSettings
from orbitile.detections.tiling import SizeLimits, TileSize
from orbitile.inference.models.network import BoxOutput
from orbitile.jobs.pieces import JobWork
from orbitile.rasters.stretch import FILL
from orbitile.space.ground import Ground
from orbitile.stages.tile import tile_scenes
from orbitile.stages.untile import UntileInputs, untile
from orbitile.tables.craters import Craters
from orbitile.tables.detections import TILE_DETECTIONS
from orbitile.tables.parquet import read_table, write_table
from orbitile.tables.rasters import write_rasters
from orbitile.training.detection.labelled_scenes import LabelledScene, ScenePixels, SceneSplit
from orbitile.training.detection.validation import (
    THRESHOLDS,
    DetectedBoxes,
    JudgedScene,
    SearchScale,
    ThresholdCounts,
    count_at_thresholds,
    overlapping_pairs,
    reported_boxes,
    validation_tiles,
)

MOON_M = 1737400.0
GSD_M = 100.0


def squares(col, row, side) -> np.ndarray:
    return np.column_stack([col - side / 2, row - side / 2, col + side / 2, row + side / 2])


def random_squares(rng: np.random.Generator, count: int, extent: float = 120) -> np.ndarray:
    return squares(*rng.uniform(0, extent, (2, count)), rng.uniform(6, 30, count))


def judged(detected, scores, true, agreement) -> JudgedScene:
    found = DetectedBoxes(np.array(detected, float).reshape(-1, 4), np.array(scores, np.float32))
    return JudgedScene(found, np.array(true, float).reshape(-1, 4), np.array(agreement, float) >= 0.5)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6), st.integers(0, 40), st.integers(0, 25), st.sampled_from([0.2, 0.3, 0.5]))
def test_f1_counts_as_the_evaluation_does(seed, detected, true, iou_threshold):
    """On random squares near the equator, where those on the ground are those of pixels; doubtful ones among them."""
    rng = np.random.default_rng(seed)
    boxes, truth = random_squares(rng, true), rng.random(true).round(1)
    near = boxes[rng.integers(0, true, detected)] + rng.normal(0, 3, (detected, 4)) if true else np.zeros((detected, 4))
    near = squares((near[:, 0] + near[:, 2]) / 2, (near[:, 1] + near[:, 3]) / 2, np.abs(near[:, 2] - near[:, 0]) + 1)
    found = np.where(rng.random((detected, 1)) < 0.6, near, random_squares(rng, detected))
    scores = rng.random(detected).astype(np.float32)
    counts = count_at_thresholds([judged(found, scores, boxes, truth)], iou_threshold, least_px=12)
    for number in (0, 15, 40):
        taken = scores >= THRESHOLDS[number]
        expected = match_craters(craters(found[taken]), replace(craters(boxes), agreement=truth), iou_threshold,
                                 12 * GSD_M, MOON_M, least_agreement=0.5)  # fmt: skip
        assert counts.detected[number] == len(expected.detected)
        assert counts.right[number] == expected.detected["hit"].sum() == expected.truth["hit"].sum()
        assert counts.true == len(expected.truth)


def craters(boxes: np.ndarray) -> Craters:
    """Squares (n, 4; pixels of 100 m) as craters at the equator of the Moon."""
    degree_px = MOON_M * np.pi / 180 / GSD_M
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2 / degree_px
    return Craters(centre[:, 0], -centre[:, 1], (boxes[:, 2] - boxes[:, 0]) * GSD_M)


A, B, FAR = (10, 10, 30, 30), (12, 10, 32, 30), (80, 80, 100, 100)


@pytest.mark.parametrize(
    ("detected", "true", "agreement", "expected"),
    [
        ([], [], [], (0, 0, 0)),
        ([A], [], [], (1, 0, 0)),
        ([], [A], [1], (0, 0, 1)),
        ([A], [A], [1], (1, 1, 1)),
        ([A], [FAR], [1], (1, 0, 1)),
        ([A], [A], [0.49], (0, 0, 0)),
        ([], [A], [0.49], (0, 0, 0)),
        ([A], [A], [0.5], (1, 1, 1)),
        ([A, FAR], [A, FAR], [0.4, 0.6], (1, 1, 1)),
        ([A, B], [A], [1], (2, 1, 1)),
        ([A], [A, B], [1, 0.2], (1, 1, 1)),
        ([A], [A, B], [0.2, 1], (1, 1, 1)),
        ([(10, 10, 20, 20)], [(10, 10, 20, 20)], [1], (0, 0, 0)),
        ([(10, 10, 20, 20)], [(10, 10, 22, 22)], [1], (1, 1, 1)),
        ([(10, 10, 22, 22)], [(10, 10, 20, 20)], [1], (0, 0, 0)),
    ],
)
def test_what_counts(detected, true, agreement, expected):
    """Detected, right and true craters of 12 px and more."""
    counts = count_at_thresholds([judged(detected, [0.9] * len(detected), true, agreement)], 0.3, 12)
    assert (counts.detected[0], counts.right[0], counts.true) == expected


def test_scenes_and_thresholds_are_counted_apart():
    scenes = [judged([A, FAR], [0.3, 0.6], [A], [1]), judged([A], [0.55], [A, FAR], [1, 1])]
    counts = count_at_thresholds(scenes, 0.3, 12)
    counted = zip(THRESHOLDS.round(2).tolist(), counts.detected, counts.right, strict=True)
    by_score = {score: (detected, right) for score, detected, right in counted}
    assert [by_score[score] for score in (0.05, 0.3, 0.31, 0.55, 0.56, 0.61)] == [
        (3, 2), (3, 2), (2, 1), (2, 1), (1, 0), (0, 0),
    ]  # fmt: skip
    assert counts.true == 3


def test_measures_of_counts():
    counts = ThresholdCounts(np.array([8, 4, 0]), np.array([4, 3, 0]), 5)
    assert counts.precision.tolist() == [0.5, 0.75, 0]
    assert counts.recall.tolist() == [0.8, 0.6, 0]
    assert counts.f1 == pytest.approx([8 / 13, 6 / 9, 0])
    assert ThresholdCounts(np.zeros(3, int), np.zeros(3, int), 0).f1.tolist() == [0, 0, 0]


def test_a_lucky_threshold_is_not_the_best():
    """A plateau is better than a peak that its neighbours do not share."""
    right = np.zeros(len(THRESHOLDS), int)
    right[10], right[30:33] = 9, 8
    assert ThresholdCounts(np.full(len(right), 10), right, 10).best == 31


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.integers(0, 15), st.integers(0, 15), st.floats(0, 0.9))
def test_matching_is_greedy(seed, detected, true, iou_threshold):
    """As plain loops have it: of all pairs, the best overlap first, doubtful ones last."""
    rng = np.random.default_rng(seed)
    boxes, truth = random_squares(rng, detected, 40), random_squares(rng, true, 40)
    is_true = rng.random(true) < 0.7
    scene = JudgedScene(DetectedBoxes(boxes, np.ones(detected)), truth, is_true)
    pairs = sorted((not is_true[j], -plain_iou(boxes[i], truth[j]), i, j) for i in range(detected) for j in range(true))
    expected: list[tuple[int, int]] = []
    for _, overlap, i, j in pairs:
        if -overlap >= max(iou_threshold, 1e-3) and not any(i == a or j == b for a, b in expected):
            expected.append((i, j))
    overlapping = overlapping_pairs(scene, iou_threshold)
    chosen = overlapping.matches()
    assert sorted(zip(overlapping.detected[chosen], overlapping.truth[chosen], strict=True)) == sorted(expected)


def plain_iou(a: np.ndarray, b: np.ndarray) -> float:
    width = max(min(a[2], b[2]) - max(a[0], b[0]), 0)
    height = max(min(a[3], b[3]) - max(a[1], b[1]), 0)
    return width * height / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - width * height)


SIZES = {100.0: TileSize(64, 32), 200.0: TileSize(64, 32)}
LIMITS = {100.0: SizeLimits(4, 5, 24, False), 200.0: SizeLimits(4, 8, 24, True)}
SCALES = {scale_m: SearchScale(SIZES[scale_m], LIMITS[scale_m]) for scale_m in SIZES}


def made_scenes(raster) -> list[LabelledScene]:
    """A scene of 160 x 96 px of noise at two scales, kept for validation."""
    rng, scenes = np.random.default_rng(0), []
    for scale_m, shape in ((100.0, (96, 160)), (200.0, (48, 80))):
        row = raster(rng.integers(1, 255, shape).astype(np.uint8), scale_m=scale_m, left=0, top=4800)
        scenes.append(LabelledScene(row, Ground(row.crs_wkt, MOON_M), np.zeros((0, 4)), np.zeros(0), 8,
                                    SceneSplit("val"), ScenePixels(row, in_memory=True)))  # fmt: skip
    return scenes


def test_tiles_are_those_of_a_run(raster, tmp_path):
    """Their windows, their cores, and what of them lies beyond the scene."""
    scenes = made_scenes(raster)
    write_rasters([scene.row for scene in scenes], tmp_path / "rasters.parquet")
    table = tmp_path / "tiles.parquet"
    tile_scenes(str(tmp_path / "rasters.parquet"), SIZES, str(tmp_path / "work"), str(table), JobWork())
    expected = read_table(table).sort_values(["scale_m", "tile"])
    tiles = list(validation_tiles(scenes, SCALES))
    columns = ["col", "row", "width", "height"]
    assert [list(vars(tile.window).values()) for tile in tiles] == expected[columns].to_numpy().tolist()
    cores = ["core_left", "core_top", "core_right", "core_bottom"]
    assert np.array_equal([tile.core for tile in tiles], expected[cores].to_numpy(float))
    for tile in tiles:
        pixels = scenes[tile.scene].pixels.window(tile.window)
        assert tile.image.shape == (1, 64, 64)
        assert (tile.image[:, : tile.window.height, : tile.window.width] == pixels).all()
        assert (tile.image[:, tile.window.height :] == FILL).all()


def test_only_tiles_that_reach_into_validation_are_searched(raster):
    scenes = made_scenes(raster)
    scenes[0] = replace(scenes[0], split=SceneSplit("train"))
    assert {tile.scene for tile in validation_tiles(scenes, SCALES)} == {1}


@pytest.mark.parametrize("seed", range(3))
def test_boxes_are_those_that_a_run_catalogues(raster, tmp_path, seed):
    """Random boxes in tiles at two scales, through untile and suppression, and as the training judges them.

    But for those that the end of the scene truncates, which a run ranks behind all others.
    """
    rng, scenes = np.random.default_rng(seed), made_scenes(raster)
    tiles = list(validation_tiles(scenes, SCALES))
    counts = [sum(scenes[tile.scene].row.scale_m == scale_m for tile in tiles) for scale_m in SIZES]
    numbers = [number for count in counts for number in range(count)]
    parts, rows = [], []
    for tile, number in zip(tiles, numbers, strict=True):
        scene = scenes[tile.scene]
        boxes = squares(*rng.uniform(0, 64, (2, 20)), rng.uniform(4, 23, 20)).astype(np.float32)
        in_scene = boxes + [tile.window.col, tile.window.row] * 2
        size = np.array([scene.row.width, scene.row.height])
        boxes = boxes[(in_scene[:, :2] > 3).all(axis=1) & (in_scene[:, 2:] < size - 3).all(axis=1)]
        scores = (rng.permutation(len(boxes)) + 20 * len(parts)).astype(np.float32) / 2000 + 0.1
        corners, nothing = torch.from_numpy(boxes), torch.zeros(len(boxes))
        output = BoxOutput(nothing, corners, torch.from_numpy(scores), nothing, torch.zeros(1, dtype=torch.bool))
        parts.append(reported_boxes(tile, scene, SCALES[scene.row.scale_m], output, 100.0))
        rows += [dict(scene=scene.row.scene, scale_m=scene.row.scale_m, tile=number, score=score, truncated=False,
                      **dict(zip(("left", "top", "right", "bottom"), box, strict=True))) | {"class": "crater"}
                 for box, score in zip(boxes, scores, strict=True)]  # fmt: skip
    found = DetectedBoxes.of(parts, 0.4)
    detections = in_the_catalogue(tmp_path, [scene.row for scene in scenes], rows)
    order = np.argsort(found.scores)
    assert found.scores[order] == pytest.approx(np.sort(detections["score"].to_numpy()))
    assert len(found.boxes) > 20
    expected = detections.sort_values("score")[["xmin", "ymin", "xmax", "ymax"]].to_numpy() / 100
    as_map = found.boxes[order] * [1, -1, 1, -1] + [0, 48, 0, 48]
    assert as_map[:, [0, 3, 2, 1]] == pytest.approx(expected, abs=1e-3)


def in_the_catalogue(folder, rasters, rows) -> pd.DataFrame:
    """Boxes of tiles after the stages of a run."""
    write_rasters(rasters, folder / "rasters.parquet")
    tables = UntileInputs(*(str(folder / f"{name}.parquet") for name in ("predictions", "tiles", "rasters")))
    tile_scenes(tables.rasters, SIZES, str(folder / "work"), tables.tiles, JobWork())
    write_table(pd.DataFrame(rows), TILE_DETECTIONS, tables.predictions)
    untile(tables, LIMITS, MOON_M, str(folder / "detections.parquet"))
    nms = NmsSettings(0.4, 0.0, False, "box", 1, False, 1e6, 400, MOON_M)
    candidates = select_candidates(read_table(folder / "detections.parquet"), nms)
    return candidates[catalogue_nms(candidates, nms, np.ones(len(candidates), bool)).alive]


def test_what_lies_outside_of_what_is_kept_does_not_count(raster):
    """Neither detections nor craters, by their centres."""
    (scene, _) = made_scenes(raster)

    class Halved(SceneSplit):
        def judges(self, row, ground, points):
            return points[:, 0] < 80

    boxes = squares(np.array([20.0, 68, 81, 120]), np.full(4, 40.0), np.full(4, 10.0))
    scene = replace(scene, split=Halved(None), boxes=boxes, agreement=np.array([0.4, 1, 1, 1]))
    parts = [DetectedBoxes(boxes[:2], np.array([0.5, 0.6])), DetectedBoxes(boxes[2:], np.array([0.7, 0.8]))]
    result = JudgedScene.of(parts, scene, 0.4)
    assert sorted(result.detected.scores.tolist()) == pytest.approx([0.5, 0.6])
    assert result.is_true.tolist() == [False, True, False, False]
    assert len(JudgedScene.of([], scene, 0.4).detected.boxes) == 0
