from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from disc_scenes import GSD_M, MOON_M, WKT, write_disc_scene
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS

from orbitile.base.errors import OrbitileError
from orbitile.rasters.stretch import FILL
from orbitile.space.grids import Window
from orbitile.space.ground import Ground
from orbitile.tables.craters import Craters
from orbitile.tables.rasters import RasterRow
from orbitile.tables.scenes import SceneOrigin
from orbitile.training.detection.labelled_scenes import ScenePixels, SceneSplit, SplitChoice, label_scenes

DEGREE_M = MOON_M * np.pi / 180
CHOICE = SplitChoice((), 1.0, 0.3, seed=0)
SIDE = 60


def made_row(scene: str = "a", scale_m: float = GSD_M, side: int = SIDE, left: float = 0, top: float = 0) -> RasterRow:
    """A raster that is not there."""
    transform = [scale_m, 0, left, 0, -scale_m, top]
    return RasterRow(scene, scale_m, "nowhere.tif", WKT, transform, side, side, 1, [0], [255], "")


def craters(*places: tuple[float, float, float], scene: list[str] | None = None, agreement: list[float] | None = None
            ) -> Craters:  # fmt: skip
    """Craters by column, row and diameter in pixels of the finest scale."""
    col, row, diameter = np.array(places, float).reshape(-1, 3).T
    lon, lat = Ground(WKT, MOON_M).lonlat(col * GSD_M, -row * GSD_M)
    return Craters(lon, lat, diameter * GSD_M, scene and np.array(scene, object), agreement and np.array(agreement))


@pytest.fixture(autouse=True)
def no_memory(monkeypatch: pytest.MonkeyPatch):
    """Else the rasters would have to be there."""
    monkeypatch.setattr("orbitile.training.detection.labelled_scenes.MEMORY_BYTES", 0)


def labelled(rows: list[RasterRow], truth: Craters, choice: SplitChoice | None = None, labelled_from_px: float = 8):
    choice = choice or replace(CHOICE, validation_scenes=(rows[0].scene,))
    return label_scenes(rows, truth, choice, MOON_M, labelled_from_px)


def by_name(truth: Craters, labelled_from_px: float = 8):
    """Scenes a, kept for validation, and b at two scales."""
    rows = [made_row(name, scale_m, side) for name in "ba" for scale_m, side in ((200.0, 30), (100.0, 60))]
    return labelled(rows, truth, replace(CHOICE, validation_scenes=("a",)), labelled_from_px)


def test_boxes_lie_around_craters_at_each_scale():
    scenes = by_name(craters((20, 30, 10)))
    order = [(scene.row.scale_m, scene.row.scene) for scene in scenes]
    assert order == [(100, "a"), (100, "b"), (200, "a"), (200, "b")]
    for scene, box in zip(scenes, [(15, 25, 25, 35)] * 2 + [(7.5, 12.5, 12.5, 17.5)] * 2, strict=True):
        assert scene.boxes[0] == pytest.approx(box, abs=1e-3)
        assert scene.agreement.tolist() == [1]
    assert [scene.smallest_px for scene in scenes] == [8, 8, 4, 4]


def test_only_what_reaches_in_is_labelled():
    places = [(-4, 30, 10), (-6, 30, 10), (64, 64, 10), (66, 64, 10), (30, 30, 200)]
    scene = by_name(craters(*places, agreement=[0.1, 0.2, 0.3, 0.4, 0.5]))[0]
    assert scene.agreement.tolist() == [0.1, 0.3, 0.5]


def test_craters_belong_to_the_scene_that_they_name():
    scenes = by_name(craters((20, 30, 10), (40, 30, 12), scene=["b", "a"], agreement=[0.2, 0.9]))
    assert [scene.agreement.tolist() for scene in scenes[:2]] == [[0.9], [0.2]]
    assert [len(scene.boxes) for scene in scenes] == [1, 1, 1, 1]


def test_named_scenes_are_kept_for_validation():
    validation, training = by_name(craters((20, 30, 10)))[:2]
    window = Window(0, 0, 10, 10)
    assert (validation.is_for_validation(window), validation.is_for_training(window)) == (True, False)
    assert (training.is_for_validation(window), training.is_for_training(window)) == (False, True)
    assert validation.judges(validation.boxes).tolist() == [True]
    assert training.judges(training.boxes).tolist() == [False]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("a", "c"), r"training\.validation_scenes: c is no scene of this run, or failed; its scenes are a, b"),
        (("a", "b"), r"training\.validation_scenes: names all scenes; leave at least one"),
    ],
)
def test_scenes_that_cannot_be_kept_for_validation(names, message):
    with pytest.raises(OrbitileError, match=message):
        labelled([made_row("a"), made_row("b")], craters(), replace(CHOICE, validation_scenes=names))


def test_a_single_scene_without_a_map_is_refused():
    with pytest.raises(OrbitileError, match="the only scene cannot be kept for validation and be learnt from"):
        labelled([made_row()], craters((5, 5, 9), scene=["a"]), CHOICE)


def test_scenes_in_a_single_square_are_refused():
    with pytest.raises(OrbitileError, match=r"training\.block_deg: all scenes lie in the same square"):
        labelled([made_row(left=1000, top=-1000 + DEGREE_M)], craters((5, 5, 9)), CHOICE)


@pytest.mark.parametrize("is_mapped", [True, False])
@pytest.mark.parametrize(
    ("named", "expected"), [((), dict(a="train", b="val", d="train")), (("a",), dict(a="val", b="train", d="train"))]
)
def test_the_scene_table_says_what_is_learnt_from(is_mapped, named, expected):
    """Scenes for tests were learnt from."""
    splits = dict(a="train", b="val", c="test", d="train")
    origins = {name: SceneOrigin(None, split) for name, split in splits.items()}
    truth = craters((5, 5, 9), scene=None if is_mapped else ["a"])
    choice = replace(CHOICE, origins=origins, validation_scenes=named)
    scenes = labelled([made_row(name) for name in splits], truth, choice)
    assert {scene.row.scene: scene.split.whole for scene in scenes} == expected


def test_places_without_a_map_are_kept_for_validation_as_a_whole():
    origins = {f"crop{number}": SceneOrigin(f"image{number // 4}") for number in range(20)}
    choice = replace(CHOICE, origins=origins)
    scenes = labelled([made_row(name) for name in origins], craters((5, 5, 9), scene=["crop0"]), choice)
    by_place = {origins[scene.row.scene].place: set() for scene in scenes}
    for scene in scenes:
        by_place[origins[scene.row.scene].place].add(scene.split.whole)
    assert all(len(splits) == 1 for splits in by_place.values())
    assert set.union(*by_place.values()) == {"train", "val"}


def test_scenes_for_tests_alone_are_refused():
    with pytest.raises(OrbitileError, match="all scenes with labels are for tests in the column split; training needs"):
        labelled([made_row()], craters((5, 5, 9)), replace(CHOICE, origins=dict(a=SceneOrigin(None, "test"))))


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 30), st.floats(0, 1), st.integers(0, 99))
def test_scenes_without_a_map_are_drawn(count, share, seed):
    rows = [made_row(f"scene{number}") for number in range(count)]
    choice = replace(CHOICE, validation_share=share, seed=seed)
    names = [row.scene for row in rows]
    scenes, again = (labelled(order, craters((5, 5, 9), scene=["scene0"]), choice) for order in (rows, rows[::-1]))
    kept = {scene.row.scene for scene in scenes if scene.split.whole == "val"}
    assert kept == {scene.row.scene for scene in again if scene.split.whole == "val"}
    assert len(kept) == min(max(1, round(share * count)), count - 1)
    assert kept < set(names)


@settings(deadline=None, max_examples=30)
@given(st.floats(0.05, 1), st.floats(0, 1), st.integers(0, 99))
def test_squares_of_a_map_are_drawn_from_all_that_scenes_have(block_deg, share, seed):
    """Also of a scene that has far more squares than a lattice of 5 x 5 points would show."""
    rows = [made_row(side=620, left=-DEGREE_M, top=DEGREE_M)]
    (scene,) = labelled(rows, craters((5, 5, 9)), SplitChoice((), block_deg, share, seed))
    col, row = np.meshgrid(np.arange(0.5, 620, 4), np.arange(0.5, 620, 4))
    is_kept = scene.split.judges(scene.row, scene.ground, np.column_stack([col.ravel(), row.ravel()]))
    assert 0 < is_kept.mean() < 1
    if block_deg < 0.2:
        assert is_kept.mean() == pytest.approx(share, abs=0.15)


MAPS = [WKT, CRS("IAU_2015:30130").to_wkt()]
"""An equirectangular map and one around the north pole, where squares lie askew."""


@settings(deadline=None, max_examples=30)
@given(
    st.sampled_from(MAPS), st.integers(0, 500), st.integers(0, 500), st.integers(20, 100), st.integers(20, 100),
    st.floats(0.1, 3), st.integers(0, 9),
)  # fmt: skip
def test_windows_belong_to_what_their_pixels_belong_to(wkt, col, row, width, height, block_deg, seed):
    """A window for training, less the margin of 4 px that tiles have, has no pixel that is kept for validation."""
    raster = replace(made_row(side=600, left=100_000, top=500_000), crs_wkt=wkt)
    squares = frozenset(np.random.default_rng(seed).choice(180 * 360, 20_000, replace=False).tolist())
    split, ground = SceneSplit(None, squares, block_deg), Ground(wkt, MOON_M)
    points = np.stack(np.meshgrid(np.arange(4, width - 4) + col + 0.5, np.arange(4, height - 4) + row + 0.5), axis=-1)
    is_kept = split.judges(raster, ground, points.reshape(-1, 2))
    whole = split.of_window(raster, ground, Window(col, row, width, height))
    if whole == "train":
        assert not is_kept.any()
    elif whole == "val":
        assert is_kept.all()
    assert split.reaches_validation(raster, ground, Window(col, row, width, height)) == (whole != "train")


@pytest.mark.parametrize("bands", [1, 3])
@pytest.mark.parametrize("in_memory", [True, False])
def test_pixels_of_windows(tmp_path: Path, bands: int, in_memory: bool):
    """Stretched, and FILL beyond the scene, whether or not they are kept in memory."""
    row = replace(write_disc_scene(tmp_path, "a", np.zeros((0, 3)), 40, bands), low=[50] * bands, high=[150] * bands)
    pixels = ScenePixels(row, in_memory)
    with rasterio.open(row.path) as source:
        stretched = row.stretch.apply(source.read(), np.ones((40, 40), bool))
    padded = np.pad(stretched, ((0, 0), (60, 60), (60, 60)), constant_values=FILL)
    windows = [(0, 0, 40, 40), (5, 7, 9, 11), (-10, 30, 20, 50), (-50, -50, 20, 30), (45, 3, 9, 9)]
    for col, line, width, height in windows:
        window = pixels.window(Window(col, line, width, height))
        assert (window == padded[:, 60 + line : 60 + line + height, 60 + col : 60 + col + width]).all()


def test_pixels_without_data_are_fill(tmp_path: Path):
    with rasterio.open(tmp_path / "a.tif", "w", driver="GTiff", width=8, height=8, count=1, dtype="uint8", nodata=0,
                       crs=WKT, transform=Affine(GSD_M, 0, 0, 0, -GSD_M, 0)) as sink:  # fmt: skip
        sink.write(np.diag(np.full(8, 200, np.uint8))[None])
    row = replace(made_row(side=8), path=str(tmp_path / "a.tif"))
    assert (ScenePixels(row, True).window(Window(0, 0, 8, 8))[0] == np.where(np.eye(8), 200, FILL)).all()


def test_large_scenes_and_those_with_many_craters_are_drawn_more_often():
    truth = craters((20, 30, 10), (40, 30, 12), scene=["b", "b"])
    rows = [made_row("a"), made_row("b"), made_row("c", side=90)]
    few, many, large = (scene.weight for scene in labelled(rows, truth, replace(CHOICE, validation_scenes=("a",))))
    assert few < many < large < 2.25 * few
