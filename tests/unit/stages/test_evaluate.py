import json
import logging
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from small_catalogues import write_small_catalogue

from orbitile.base.errors import OrbitileError
from orbitile.detections.match_tally import DIAMETERS_KM, LATITUDES, MatchTally, SizeClasses
from orbitile.detections.matching import MatchCriteria, match_craters
from orbitile.detections.truth_on_ground import JudgedGround, TruthOnGround
from orbitile.space.grids import Window
from orbitile.stages.evaluate import EvaluatedRun, EvaluationOutputs, evaluate_catalogue
from orbitile.tables.coverage import Coverage
from orbitile.tables.craters import Craters, CraterTable
from orbitile.tables.enlarged_rasters import NOT_ENLARGED
from orbitile.tables.rasters import write_rasters
from orbitile.tables.tile_areas import tile_area_text

MOON_M = 1737400.0
DEGREE_M = MOON_M * np.pi / 180
CRITERIA = MatchCriteria(iou_threshold=0.3, min_diameter_m=1000, radius_m=MOON_M)
HEADER = "lon,lat,diam_km"


@pytest.fixture
def judged(raster, tmp_path):
    """Judges found against true craters (lon, lat, diameter in km) of a made-up scene of 8 x 4 degrees."""

    def run(detected, truth, part_of=None, exclusions=(), enlarged=NOT_ENLARGED, **position):
        position = dict(left=0, top=2 * DEGREE_M) | position
        write_rasters(
            [raster(np.ones((40, 80), np.uint8), scale_m=DEGREE_M / 10, **position)], tmp_path / "rasters.parquet"
        )
        (tmp_path / "truth.csv").write_text("\n".join([HEADER, *(",".join(map(str, row)) for row in truth)]))
        manifest = write_small_catalogue(tmp_path, detected, part_of=part_of, exclusions=exclusions)
        evaluated = EvaluatedRun(manifest, [str(tmp_path / "rasters.parquet")], enlarged=enlarged)
        outputs = EvaluationOutputs(str(tmp_path / "metrics.json"), str(tmp_path / "plot.png"))
        evaluate_catalogue(evaluated, CraterTable(str(tmp_path / "truth.csv")), CRITERIA, outputs)
        return json.loads((tmp_path / "metrics.json").read_text())

    return run


@pytest.mark.parametrize(
    ("detected", "truth", "precision", "recall", "f1"),
    [
        ([(1, 1, 5)], [(1, 1, 5)], 1, 1, 1),
        ([(1, 1, 5), (3, 1, 5)], [(1, 1, 5), (5, 1, 5)], 1 / 2, 1 / 2, 1 / 2),
        ([(1, 1, 5)], [(1, 1, 5), (5, 1, 5), (3, 0, 9)], 1, 1 / 3, 1 / 2),
        ([(3, 1, 5)], [(1, 1, 5)], 0, 0, 0),
        ([(3, 1, 5)], [], None, None, None),
        ([], [(3, 1, 5)], 0, 0, 0),
        ([(1, 1, 5), (1, 30, 5), (3, 1, 0.5)], [(1, 1, 5), (-9, 1, 5), (5, 1, 0.5)], 1, 1, 1),
    ],
)
def test_figures(judged, detected, truth, precision, recall, f1):
    metrics = judged(detected, truth)
    assert (metrics["precision"], metrics["recall"], metrics["f1"]) == pytest.approx((precision, recall, f1))


@pytest.mark.parametrize("enlarge", [1, 2])
def test_where_tiles_failed_nothing_is_judged(judged, enlarge):
    """From 4 degrees on: a true crater that nobody could have detected, and detections of other tiles."""
    window, scale_m = Window(40 * enlarge, 0, 40 * enlarge, 40 * enlarge), SCENE_PX_M / enlarge
    exclusions = [dict(scene="a", detail=tile_area_text(scale_m, [1], window), reason="no memory")]
    craters = [(1, 1, 5), (3, 1, 5)], [(1, 1, 5), (3, 1, 5), (5, 1, 5)]
    assert judged(*craters)["recall"] == pytest.approx(2 / 3)
    metrics = judged(*craters, exclusions=exclusions, enlarged={scale_m: enlarge})
    assert (metrics["n_truth"], metrics["recall"]) == (2, 1)
    metrics = judged([*craters[0], (5, -1, 5)], craters[1], exclusions=exclusions, enlarged={scale_m: enlarge})
    assert (metrics["n_found"], metrics["precision"]) == (2, 1)


def test_figures_by_size_and_place(judged):
    metrics = judged([(1, 1, 5), (3, -1, 12)], [(1, 1, 5), (5, -1, 600)])
    assert [(row["from"], row["to"], row["n_truth"], row["n_found"]) for row in metrics["by_diameter_km"]] == [
        (5, 7.5, 1, 1), (10, 15, 0, 1), (500, None, 1, 0)
    ]  # fmt: skip
    assert [(row["from"], row["f1"]) for row in metrics["by_latitude"]] == [(-15, 0), (0, 1)]


SCENE_PX_M = DEGREE_M / 10
"""3032 m: the least diameter of 1000 m has 0.33 px."""


def test_figures_by_size_in_pixels(judged):
    """A match belongs to the class of the true crater; ratio and offset are those of matches."""
    detected = [(1, 1, 5 * SCENE_PX_M / 1000), (3, -1, 11), (5, 0, 13 * SCENE_PX_M / 1000)]
    truth = [(1, 1, 5 * SCENE_PX_M / 1000), (3, -1, 13), (7, 0, 13 * SCENE_PX_M / 1000)]
    metrics = judged(detected, truth)
    rows = metrics["by_size_px"]
    assert [(row["from"], row["to"], row["n_truth"], row["n_found"], row["n_matched"]) for row in rows] == [
        (4, 6, 2, 2, 2), (12, 16, 1, 1, 0)
    ]  # fmt: skip
    assert rows[0]["diameter_ratio"]["median"] == pytest.approx((1 + 11 / 13) / 2, abs=1e-6)
    assert rows[0]["center_offset_px"] == dict(p16=0, median=0, p84=0)
    assert rows[1]["diameter_ratio"] is rows[1]["center_offset_px"] is None
    assert (rows[0]["recall"], rows[1]["recall"], rows[1]["precision"], rows[1]["f1"]) == (1, 0, 0, 0)
    assert rows[0]["intervals"]["recall"] == pytest.approx([0.3424, 1], abs=1e-4)
    assert metrics["n_truth"] == 3 and metrics["n_doubtful"] == 0


def test_offsets_are_in_pixels_of_the_finest_scale(judged):
    metrics = judged([(1.02, 0, 5)], [(1, 0, 5)])
    assert metrics["center_offset_px"]["median"] == pytest.approx(0.2, rel=1e-6)


def test_intervals_hold_the_figures(judged):
    random = np.random.default_rng(1)
    truth = [(*place, 5) for place in random.uniform((0, -2), (8, 2), (200, 2))]
    metrics = judged(truth[:120] + [(lon, lat, 9) for lon, lat, _ in truth[:30]], truth)
    for name in ("precision", "recall", "f1"):
        low, high = metrics["intervals"][name]
        assert 0 < low < metrics[name] < high < 1
    assert (metrics["intervals"]["unit"], metrics["intervals"]["units"]) == ("blocks", 32)


def test_nothing_to_judge_has_no_intervals(judged):
    metrics = judged([], [])
    assert [metrics["intervals"][name] for name in ("precision", "recall", "f1")] == [None] * 3
    assert metrics["by_size_px"] == [] and metrics["best_score"] is None


def test_by_score_begins_with_the_catalogue(judged):
    """All made-up detections have the score 0.5."""
    by_score = judged([(1, 1, 5), (3, 1, 5)], [(1, 1, 5)])["by_score"]
    assert [row["score"] for row in by_score[:2]] == [0, 0.025]
    assert by_score[-1]["score"] == 0.5
    assert {(row["n_found"], row["n_matched"], row["n_truth"]) for row in by_score} == {(2, 1, 1)}


@pytest.mark.parametrize("crs", ["IAU_2015:30130", "IAU_2015:30135"])
def test_bins_hold_every_crater(judged, crs):
    """Craters on the very pole too."""
    pole = 90 if crs.endswith("30") else -90
    truth = [(0, pole, 5), (90, 0.99 * pole, 9)]
    metrics = judged(truth[:1], truth, crs=crs, left=-4 * DEGREE_M)
    for bins in (metrics["by_diameter_km"], metrics["by_latitude"]):
        assert sum(row["n_truth"] for row in bins) == metrics["n_truth"] == 2
        assert sum(row["n_found"] for row in bins) == metrics["n_found"] == 1


def test_nothing_to_judge(judged):
    metrics = judged([], [(100, 50, 5)])
    assert (metrics["n_truth"], metrics["n_found"], metrics["f1"]) == (0, 0, None)


@pytest.mark.parametrize(
    ("truth", "reason"),
    [
        ([], "has no craters: give a table of this ground (evaluation.truth)"),
        ([(100, 50, 5), (1, 70, 5)], "none of its 2 craters lies on valid pixels of a scene: give a table of this "
         "ground (evaluation.truth)"),
        ([(1, 1, 0.5), (100, 50, 5)], "none of its craters on the scenes is judged, as they are smaller than 1 km "
         "(evaluation.min_diameter_px) or doubtful (evaluation.least_agreement)"),
    ],
)  # fmt: skip
def test_without_true_craters_nothing_is_measured(judged, tmp_path, caplog, truth, reason):
    """Whether anybody has searched that ground is not known, so detections are not false either."""
    metrics = judged([(3, 1, 5), (5, -1, 9)], truth)
    assert (metrics["n_truth"], metrics["n_found"], metrics["n_matched"]) == (0, 2, 0)
    assert metrics["best_score"] is None
    rows = [
        metrics,
        *(row for part in ("by_size_px", "by_score", "by_diameter_km", "by_latitude") for row in metrics[part]),
    ]
    measures = [row[name] for row in rows for name in ("precision", "recall", "f1")]
    measures += [metrics["intervals"][name] for name in ("precision", "recall", "f1")]
    assert len(rows) > 5 and set(measures) == {None}
    (warning,) = (record.getMessage() for record in caplog.records)
    assert warning == f"{tmp_path / 'truth.csv'}: {reason}; precision, recall and F1 are not defined"


def test_figures_with_true_craters_are_numbers(judged, caplog):
    metrics = judged([], [(3, 1, 5)])
    assert [metrics[name] for name in ("precision", "recall", "f1")] == [0, 0, 0]
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_the_plot_is_not_blank(judged, tmp_path):
    judged([(1, 1, 5)], [(1, 1, 5), (5, -1, 600)])
    image = np.array(Image.open(tmp_path / "plot.png").convert("RGB"))
    assert image.shape[1] > 1000
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 10


@pytest.mark.parametrize(
    ("lon", "lat", "expected"),
    [(1, 1, True), (7.99, 1, True), (8.01, 1, False), (1, 2.01, False), (-0.01, 0, False), (2.5, 0.5, False),
     (361, 1, True), (181, 1, False)],
)  # fmt: skip
def test_covered(raster, lon, lat, expected):
    """A made-up hole from 2 E to 3 E."""
    pixels = np.ones((40, 80), np.uint8)
    pixels[:, 20:30] = 0
    scene = raster(pixels, scale_m=DEGREE_M / 10, top=2 * DEGREE_M, nodata=0)
    assert Coverage.of([scene], CRITERIA.radius_m).holds(np.array([lon]), np.array([lat])).tolist() == [expected]


def test_covered_by_any_scene(raster):
    """Two made-up scenes, one of them across the antimeridian."""
    scenes = [raster(np.ones((10, 20), np.uint8), name, DEGREE_M / 10, left=left * DEGREE_M, top=DEGREE_M)
              for name, left in (("a", 0), ("b", 179))]  # fmt: skip
    craters = Craters(np.array([1, 180, -179.5, 50]), np.full(4, 0.5), np.ones(4))
    assert Coverage.of(scenes, CRITERIA.radius_m).holds(craters.lon, craters.lat).tolist() == [True, True, True, False]


def test_the_far_side_is_not_covered(raster):
    """On an orthographic map it has no place at all."""
    scene = raster(
        np.ones((40, 40), np.uint8), crs="IAU_2015:30165", scale_m=DEGREE_M, left=-20 * DEGREE_M, top=20 * DEGREE_M
    )
    craters = Craters(np.array([0.0, 180, 10]), np.array([0.0, 0, 5]), np.ones(3))
    assert Coverage.of([scene], CRITERIA.radius_m).holds(craters.lon, craters.lat).tolist() == [True, False, True]


@pytest.fixture
def judged_in_pixels(raster, tmp_path):
    """Judges craters of the scenes a and b in pixel coordinates, each of 100 x 100 pixels of 100 m."""

    def run(truth, detected="", scenes="ab"):
        rows = [raster(np.ones((100, 100), np.uint8), name, crs="IAU_2015:30110") for name in scenes]
        write_rasters(rows, tmp_path / "rasters.parquet")
        (tmp_path / "truth.csv").write_text(truth)
        manifest = write_small_catalogue(tmp_path, [PLACE] * len(detected), detected)
        evaluated = EvaluatedRun(manifest, [str(tmp_path / "rasters.parquet")], unmapped_scenes=len(scenes))
        outputs = EvaluationOutputs(str(tmp_path / "metrics.json"), str(tmp_path / "plot.png"))
        evaluate_catalogue(evaluated, CraterTable(str(tmp_path / "truth.csv")), CRITERIA, outputs)
        return json.loads((tmp_path / "metrics.json").read_text())

    return run


PLACE = (5000 / DEGREE_M, -5000 / DEGREE_M, 2)
TEXT = ",".join(map(str, PLACE))
IN_PIXELS = "50,50,20"


@pytest.mark.parametrize(
    ("truth", "hits"),
    [
        (f"scene,lon,lat,diam_km\na,{TEXT}\n", 1),
        (f"scene,lon,lat,diam_km\nb,{TEXT}\n", 0),
        (f"lon,lat,diam_km,scene\n{TEXT},a\n{TEXT},b\n", 1),
        (f"scene,col_px,row_px,diameter_px\na,{IN_PIXELS}\n", 1),
        (f"scene,x_px,y_px,diam_px\nb,{IN_PIXELS}\n", 0),
    ],
)
def test_without_a_map_craters_belong_to_their_scene(judged_in_pixels, truth, hits):
    """The only detection lies on the scene a; a crater at the same place of b is another."""
    metrics = judged_in_pixels(truth, "a")
    assert (metrics["n_found"], metrics["n_matched"]) == (1, hits)
    assert metrics["n_truth"] == truth.count("\n") - 1


@pytest.mark.parametrize(
    ("truth", "message"),
    [
        (f"lon,lat,diam_km\n{TEXT}\n", r"truth\.csv: has no column scene, but the 2 images of this run have no map"),
        (f"scene,lon,lat,diam_km\na.tif,{TEXT}\n", "column scene names no scene of this run, but a.tif"),
        (f"scene,lon,lat,diam_km\na,{TEXT}\n,{TEXT}\n", "line 3: column scene is empty; name the scene"),
    ],
)
def test_without_a_map_each_crater_needs_its_scene(judged_in_pixels, truth, message):
    with pytest.raises(OrbitileError, match=message):
        judged_in_pixels(truth)


def test_a_lone_scene_needs_no_column(judged_in_pixels):
    assert judged_in_pixels(f"lon,lat,diam_km\n{TEXT}\n", "a", "a")["n_matched"] == 1
    assert judged_in_pixels(f"scene,lon,lat,diam_km\na,{TEXT}\nb,{TEXT}\n", "a", "a")["n_truth"] == 1


def test_on_a_map_the_position_decides(judged, tmp_path):
    judged([(1, 1, 5)], [(1, 1, 5)])
    (tmp_path / "truth.csv").write_text("lon,lat,diam_km,scene\n1,1,5,another\n")
    evaluated = EvaluatedRun(str(tmp_path / "craters.json"), [str(tmp_path / "rasters.parquet")])
    outputs = EvaluationOutputs(str(tmp_path / "metrics.json"), str(tmp_path / "plot.png"))
    evaluate_catalogue(evaluated, CraterTable(str(tmp_path / "truth.csv")), CRITERIA, outputs)
    assert json.loads((tmp_path / "metrics.json").read_text())["n_matched"] == 1


def test_truth_on_other_scenes_is_no_match_in_pixels(judged_in_pixels):
    """Of a catalogue of two scenes at one place; each crater belongs to its own."""
    metrics = judged_in_pixels(f"scene,lon,lat,diam_km\na,{TEXT}\nb,{TEXT}\n", "ab")
    assert (metrics["n_found"], metrics["n_matched"]) == (2, 2)
    assert judged_in_pixels(f"scene,lon,lat,diam_km\na,{TEXT}\n", "bb")["n_matched"] == 0


def test_the_file_is_the_same_however_the_catalogue_is_parted(judged, tmp_path):
    random = np.random.default_rng(7)
    detected = [(*place, 5 + random.random()) for place in random.uniform((0, -2), (8, 2), (40, 2))]
    truth = [(lon + 0.02, lat, size) for lon, lat, size in detected[::2]]
    files = []
    for parts in (1, 2, 5, 40):
        judged(detected, truth, part_of=[number % parts for number in range(40)])
        files.append((tmp_path / "metrics.json").read_bytes())
    assert len(set(files)) == 1


class Everywhere:
    """A coverage without any gap."""

    def holds(self, lon, lat):
        return np.ones(len(lon), bool)


places = st.tuples(st.integers(0, 6), st.integers(0, 6), st.sampled_from([0.8, 1.0, 1.3, 5.0]))


def made_up(rows):
    """Craters 0.02 degrees apart, across 0 N, from rows of steps and diameters in kilometres."""
    lon, lat, diameter_km = np.array(rows, float).reshape(-1, 3).T
    return Craters(lon * 0.02, lat * 0.02 - 0.06, diameter_km * 1000)


@given(
    st.lists(places, max_size=25), st.lists(places, max_size=25), st.lists(st.integers(0, 4), min_size=25, max_size=25)
)
def test_counts_are_those_of_one_table_however_craters_are_parted(detected, truth, part_of):
    """By the plain way: all craters in one table in the catalogue's order."""
    parts = [
        made_up([row for row, part in zip(detected, part_of, strict=False) if part == number]) for number in range(5)
    ]
    true = TruthOnGround.of(made_up(truth), JudgedGround({"map": Everywhere()}), CRITERIA)
    tally = MatchTally(true, SizeClasses.of(CRITERIA.min_diameter_m, 100))
    for part in parts:
        tally.feed(part, np.full(len(part), 0.5))
    totals = tally.totals()
    counts = np.concatenate([totals.by_diameter, totals.by_latitude], axis=1)
    ordered = sorted(detected, key=lambda row: (row[1], row[0], row[2]))
    matches = match_craters(made_up(ordered), made_up(truth), 0.3, CRITERIA.min_diameter_m, MOON_M)
    for column, members in enumerate((matches.detected, matches.truth)):
        every, hits = counts[2 * column], counts[2 * column + 1]
        hit = members[members["hit"]]
        for numbers, table in ((every, members), (hits, hit)):
            for offset, edges, name in ((0, DIAMETERS_KM, "diameter_km"), (len(DIAMETERS_KM) - 1, LATITUDES, "lat")):
                expected = [int(((table[name] >= low) & (table[name] < high)).sum()) for low, high in pairwise(edges)]
                assert numbers[offset : offset + len(expected)].tolist() == expected
