"""Training tiles of a segmentation network: cutting, reading, changing. Scenes are made up."""

import dataclasses
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orbitile.base.errors import OrbitileError
from orbitile.rasters.stretch import FILL
from orbitile.training.segmentation.augmentation import (
    MAX_PERSPECTIVE,
    LabelledPixels,
    TileAugmentation,
    equalised,
    moved,
    noisy,
    perspective_matrix,
    rotated,
)
from orbitile.training.segmentation.dataset import AugmentedTiles, TileShape, TrainingTiles, ValidationTiles
from orbitile.training.segmentation.tiles import NOT_VALID, SCHEMA, TrainingTileCut, cut_tiles, tile_channels
from orbitile.training.split import split_of

MOON_M = 1737400
DEGREE_M = MOON_M * np.pi / 180
GSD_M = DEGREE_M / 64
"""64 px are a degree."""
CUT = TrainingTileCut(tile_px=32, overlap_share=0.25, block_deg=1.0, validation_share=0.4, seed=0)


@pytest.fixture
def scene(raster, geotiff):
    """A scene of 192 px, whose grey value is its column, with features in every fourth column, and its labels."""

    def make(labels=None, size=192, name="a", valid=None):
        pixels = np.broadcast_to(np.arange(size, dtype=np.uint8), (size, size)).copy()
        row = raster(pixels, scene=name, scale_m=GSD_M, valid=valid)
        if labels is None:
            labels = np.where(pixels % 4 == 0, 1, 0).astype(np.uint8)
        return row, geotiff(labels, f"{name}-labels.tif", gsd=GSD_M, nodata=NOT_VALID)

    return make


def cut(scenes, out, **changes):
    rows, labels = zip(*scenes, strict=True)
    cut_tiles(rows, labels, dataclasses.replace(CUT, **changes), str(out))
    return pd.read_parquet(out)


def test_tiles_overlap_and_fill_the_scene(scene, tmp_path):
    """Those that straddle squares of one degree, 64 px, may be left out, all others are there."""
    table = cut([scene()], tmp_path / "tiles.parquet")
    assert list(table.columns) == SCHEMA.names
    assert set(table["col"]) <= {0, 24, 48, 72, 96, 120, 144, 160}
    assert set(product([0, 24, 72, 96, 144, 160], repeat=2)) <= set(zip(table["col"], table["row"], strict=True))
    assert (table["width"] == 32).all()
    assert (table["valid_share"] == 1).all()
    assert (table["positive_px"] == 8 * 32).all()
    assert set(table["split"]) == {"train", "val"}


def test_no_pixel_is_in_both_splits(scene, tmp_path):
    table = cut([scene()], tmp_path / "tiles.parquet", overlap_share=0.5)
    covered = {split: np.zeros((192, 192), bool) for split in ("train", "val")}
    for tile in table.itertuples():
        covered[tile.split][tile.row : tile.row + 32, tile.col : tile.col + 32] = True
    assert not (covered["train"] & covered["val"]).any()
    assert covered["train"].any()


def test_scenes_of_one_place_share_the_split(scene, tmp_path):
    table = cut([scene(), scene(name="b")], tmp_path / "tiles.parquet")
    places = table.groupby(["col", "row"])["split"]
    assert (places.nunique() == 1).all()
    assert (places.size() == 2).all()


def test_squares_of_a_fraction_of_a_degree_split_as_whole_ones_do():
    """However many there are: 2.6 million million squares need no memory."""
    fine = TrainingTileCut(block_deg=1e-4, validation_share=0.5)
    of_places = [split_of(np.array([lon]), np.array([12.3]), fine) for lon in np.arange(0, 0.05, 1e-4) + 5e-5]
    assert 200 < of_places.count("val") < 300


def test_the_draw_is_that_of_the_generator_in_a_row():
    draws = np.random.default_rng(7).random(18 * 36 + 36) < 0.3
    lon, lat = (part.ravel() for part in np.meshgrid(np.arange(-175, 180, 10.0), np.arange(-85, 90, 10.0)))
    tens = TrainingTileCut(block_deg=10, validation_share=0.3, seed=7)
    is_validation = [split_of(lon[[k]], lat[[k]], tens) == "val" for k in range(len(lon))]
    assert is_validation == draws[: len(lon)].tolist()


def test_pixels_of_each_class_are_counted(scene, tmp_path):
    labels = np.zeros((192, 192), np.uint8)
    labels[:, ::4], labels[:, 2::8] = 1, 3
    table = cut([scene(labels)], tmp_path / "tiles.parquet", class_count=3)
    assert {tuple(px) for px in table["class_px"]} == {(8 * 32, 0, 4 * 32)}
    assert (table["positive_px"] == 12 * 32).all()


def test_pixels_without_data_or_label_do_not_count(scene, tmp_path):
    valid = np.full((192, 192), 255, np.uint8)
    valid[:, 16:] = 0
    labels = np.ones((192, 192), np.uint8)
    labels[:, :8] = NOT_VALID
    table = cut([scene(), scene(labels, name="b", valid=valid)], tmp_path / "tiles.parquet")
    partial = table[(table["scene"] == "b") & (table["col"] == 0)]
    assert (partial["valid_share"] == 0.25).all()
    assert (partial["positive_px"] == 8 * 32).all()
    assert set(table.loc[table["scene"] == "b", "col"]) == {0}


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (np.zeros((192, 192), np.uint8), r"a-labels\.tif: empty labels"),
        (np.full((192, 192), NOT_VALID, np.uint8), r"a-labels\.tif: empty labels"),
        (np.full((192, 192), 2, np.uint8), r"a-labels\.tif: label 2; allowed are 1 to 1"),
        (np.ones((192, 191), np.uint8), r"a-labels\.tif: not on the grid of its scene, 192 x 192 px"),
        (np.ones((192, 192), np.uint16), r"a-labels\.tif: labels must be uint8, not uint16"),
    ],
)
def test_wrong_labels_are_refused(scene, tmp_path, labels, reason):
    with pytest.raises(OrbitileError, match=reason):
        cut([scene(labels)], tmp_path / "tiles.parquet")
    assert not (tmp_path / "tiles.parquet").exists()


@pytest.mark.parametrize("change", [dict(validation_share=0), dict(block_deg=90)])
def test_splits_without_features_are_refused(scene, tmp_path, change):
    with pytest.raises(OrbitileError, match=r"block_deg \d+: no (train|val) tile has features"):
        cut([scene()], tmp_path / "tiles.parquet", **change)


def test_tiles_are_read_as_they_lie_in_the_scene(scene, tmp_path):
    tiles = TrainingTiles(cut([scene()], tmp_path / "tiles.parquet"), TileShape(32, 1))
    for tile, place in zip(tiles, tiles.table.itertuples(), strict=True):
        assert (tile.image == np.arange(place.col, place.col + 32)).all()
        assert ((tile.image[0] % 4 == 0) == tile.labels).all()
        assert tile.valid.all()


def test_pixels_by_class_are_counted_by_the_table(scene, tmp_path):
    tiles = TrainingTiles(cut([scene()], tmp_path / "tiles.parquet"), TileShape(40, 1))
    counts = sum(np.bincount(tile.labels.ravel(), minlength=NOT_VALID + 1) for tile in tiles)
    assert tiles.class_pixels().tolist() == counts[:2].tolist()
    assert counts[:2].min() > 0


def test_smaller_tiles_are_reflected_and_not_judged(scene, tmp_path):
    tiles = TrainingTiles(cut([scene()], tmp_path / "tiles.parquet"), TileShape(40, 1))
    tile, place = tiles[0], tiles.table.iloc[0]
    assert tile.image.shape == (1, 40, 40)
    assert (tile.image[0, 39, 32:] == place.col + np.arange(30, 22, -1)).all()
    assert (tile.labels[32:] == NOT_VALID).all()


def test_scaling_is_that_of_pixels_with_data(scene, tmp_path):
    tiles = TrainingTiles(cut([scene()], tmp_path / "tiles.parquet"), TileShape(32, 1))
    pixels = np.stack([tile.image for tile in tiles]) / 255
    (mean,), (std,) = tiles.scaling
    assert (mean, std) == (pytest.approx(pixels.mean(), abs=1e-6), pytest.approx(pixels.std(), abs=1e-6))


def scene_of_bands(scene, raster, bands, **changes):
    """The scene with more bands, each 10 brighter than the one before, and its labels."""
    labels = scene()[1]
    columns = np.broadcast_to(np.arange(192, dtype=np.uint8), (192, 192))
    return raster(np.stack([columns + 10 * band for band in range(bands)]), scale_m=GSD_M, **changes), labels


@pytest.mark.parametrize("bands", [2, 3, 5])
def test_tiles_have_all_bands_in_their_order(scene, raster, tmp_path, bands):
    table = cut([scene_of_bands(scene, raster, bands)], tmp_path / "tiles.parquet")
    assert tile_channels(table) == bands
    tiles = TrainingTiles(table, TileShape(40, bands))
    tile, place = tiles[0], tiles.table.iloc[0]
    assert tile.image.shape == (bands, 40, 40)
    for band in range(bands):
        assert (tile.image[band, :32, :32] == np.arange(place.col, place.col + 32) + 10 * band).all()
    assert np.diff(tiles.scaling[0]) * 255 == pytest.approx([10] * (bands - 1), abs=0.01)


def test_every_band_has_its_own_stretch(scene, raster, tmp_path):
    row, labels = scene_of_bands(scene, raster, 2)
    stretched = dataclasses.replace(row, low=[0.0, 10.0], high=[255.0, 265.0])
    tile = TrainingTiles(cut([(stretched, labels)], tmp_path / "tiles.parquet"), TileShape(32, 2))[0]
    assert np.array_equal(*tile.image)


def test_pixels_are_valid_where_all_bands_are(scene, raster, tmp_path):
    """The first band alone has no data in column 0, whose value is the nodata value."""
    table = cut([scene_of_bands(scene, raster, 2, nodata=0)], tmp_path / "tiles.parquet")
    assert (table.loc[table["col"] == 0, "valid_share"] == 31 / 32).all()
    table = cut([scene_of_bands(scene, raster, 2, nodata=10)], tmp_path / "tiles.parquet")
    assert (table.loc[table["col"] == 0, "valid_share"] == 30 / 32).all()


def test_scenes_of_different_bands_are_refused(scene, raster, tmp_path):
    grey = scene(name="b")
    with pytest.raises(OrbitileError, match="same number of bands, but b has 1, a has 2"):
        cut([scene_of_bands(scene, raster, 2), grey], tmp_path / "tiles.parquet")


@pytest.mark.parametrize("bands", [2, 3])
def test_changes_keep_bands_apart(bands):
    """Band by band they are what they are for a tile of that band alone; noise is drawn for each band."""
    image = np.concatenate([striped().image, 255 - striped().image, striped().image // 2])[:bands]
    tile = striped()._replace(image=image)
    moved = seen_aslant(tile, 0.3, 1)
    for band in range(bands):
        alone = tile._replace(image=image[band : band + 1])
        assert np.array_equal(seen_aslant(alone, 0.3, 1).image[0], moved.image[band])
        assert np.array_equal(equalised(alone.image, 2.0)[0], equalised(image, 2.0)[band])
    noise = noisy(np.full_like(image, 128), 0.05, np.random.default_rng(0))
    assert not np.array_equal(noise[0], noise[1])


@pytest.fixture
def some_tiles(scene, tmp_path):
    table = cut([scene()], tmp_path / "tiles.parquet")
    table.loc[table.index[0], "positive_px"] = 0
    return TrainingTiles(table, TileShape(32, 1))


def test_tiles_with_features_are_learnt_from_in_four_directions(some_tiles):
    still = TileAugmentation(clahe=0, noise=0, perspective=0)
    examples = AugmentedTiles(some_tiles, still, seed=0, epoch=0)
    assert len(examples) == 1 + 4 * (len(some_tiles) - 1)
    first, second = examples[1], examples[2]
    assert (first.image.numpy() * 255).round().astype(int).tolist() == some_tiles[1].image.tolist()
    assert np.array_equal(second.labels.numpy(), np.rot90(first.labels.numpy()))
    assert np.array_equal(second.image[0].numpy(), np.rot90(first.image[0].numpy()))
    assert len(ValidationTiles(some_tiles)) == len(some_tiles)


def test_changes_depend_on_seed_epoch_and_item_alone(some_tiles):
    def image(item=3, **when):
        return AugmentedTiles(some_tiles, TileAugmentation(noise=1), **dict(seed=0, epoch=0) | when)[
            item
        ].image.tolist()

    assert image() == image()
    assert image() != image(epoch=1)
    assert image() != image(seed=1)


def seen_aslant(tile, scale, seed):
    return moved(tile, perspective_matrix(tile.labels.shape, scale, np.random.default_rng(seed)))


def striped(side=64):
    image = np.full((1, side, side), 120, np.uint8)
    labels = np.zeros((side, side), np.uint8)
    labels[20:26] = labels[:, 40:44] = 1
    image[0][labels == 1] = 30
    points = np.where(labels == 1, labels, np.uint8(NOT_VALID))
    return LabelledPixels(image, labels, np.ones((side, side), bool), points)


@given(st.integers(0, 2**32), st.floats(0, MAX_PERSPECTIVE))
def test_image_labels_and_validity_move_together(seed, scale):
    """Grey values are interpolated, so labelled pixels may be mixed with their neighbours, but with no others."""
    moved = seen_aslant(striped(), scale, seed)
    assert (moved.valid == (moved.labels != NOT_VALID)).all()
    assert np.array_equal(moved.points, np.where(moved.labels == 1, moved.labels, NOT_VALID))
    inside = np.array(moved.valid)
    inside[1:-1, 1:-1] &= (
        moved.valid[:-2, 1:-1] & moved.valid[2:, 1:-1] & moved.valid[1:-1, :-2] & moved.valid[1:-1, 2:]
    )
    inside[[0, -1]] = inside[:, [0, -1]] = False
    assert (moved.image[0][inside & (moved.labels == 1)] < 114).all()
    share = (moved.labels == 1).sum() / max(moved.valid.sum(), 1)
    assert 0.02 < share < 0.5
    assert moved.valid.mean() > (1 - scale) ** 2 - 0.1


def test_without_scale_nothing_moves():
    for before, after in zip(striped(), seen_aslant(striped(), 0, 0), strict=True):
        assert np.array_equal(before, after)


def test_four_quarters_are_a_whole_turn():
    tile = striped()
    again = rotated(rotated(tile, 1), 3)
    assert all(np.array_equal(before, after) for before, after in zip(tile, again, strict=True))
    assert not np.array_equal(rotated(tile, 1).labels, tile.labels)


def test_noise_has_the_standard_deviation_asked_for():
    grey = np.full((1, 256, 256), 128, np.uint8)
    changed = noisy(grey, 0.0125, np.random.default_rng(0)).astype(float)
    assert changed.std() / 255 == pytest.approx(0.0125, rel=0.05)
    assert changed.mean() == pytest.approx(128, abs=0.1)


def test_equalising_raises_contrast():
    faint = (striped().image // 10 + 100).astype(np.uint8)
    assert equalised(faint, 2.0).std() > 1.3 * faint.std()


def test_pixels_without_data_stay_filled():
    tile = striped()
    tile.valid[:10] = False
    changed = TileAugmentation(clahe=1, noise=1, perspective=0).apply(tile, np.random.default_rng(0))
    assert (changed.image[0, :10] == FILL).all()
    assert (changed.image[0, 10:] != tile.image[0, 10:]).any()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (dict(clahe=1.5), "clahe: 1.5"),
        (dict(noise=-0.1), "noise: -0.1"),
        (dict(noise_sigma=(0.2, 0.1)), "noise_sigma"),
        (dict(perspective_scale=(0.1,)), "perspective_scale"),
        (dict(perspective_scale=(0.5, 1.5)), "perspective_scale: 1.5; the largest that never folds a tile is 0.66"),
    ],
)
def test_wrong_augmentation_is_refused(change, reason):
    with pytest.raises(OrbitileError, match=rf"segmentation_training\.augmentation\.{reason}"):
        TileAugmentation(**change)
