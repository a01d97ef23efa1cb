"""Random changes of training tiles by name: rotation, zoom, flips, tone, blur, repeated tiles."""

import dataclasses

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orbitile.base.errors import OrbitileError
from orbitile.rasters.stretch import FILL
from orbitile.training.segmentation.augmentation import (
    LabelledPixels,
    TileAugmentation,
    blurred,
    flipped,
    moved,
    rotated,
    toned,
    turn_matrix,
)
from orbitile.training.segmentation.dataset import AugmentedTiles, repeats
from orbitile.training.segmentation.examples import EXAMPLES, draw_examples, example_items, labelled_picture
from orbitile.training.segmentation.tiles import NOT_VALID

STILL = TileAugmentation(clahe=0, noise=0, perspective=0)
NEW = ("rotation", "zoom", "flip", "tone", "blur")


def disc_tile(side=64, channels=1):
    """A bright disc (class 2) around (40, 24), smooth enough to be interpolated, on a grey ground; points within it."""
    row, col = np.mgrid[:side, :side]
    distance = np.hypot(col - 40, row - 24)
    image = np.rint(120 + 100 / (1 + np.exp(distance - 8))).astype(np.uint8)
    labels = np.where(distance < 8, 2, 0).astype(np.uint8)
    points = np.where(distance < 3, 2, NOT_VALID).astype(np.uint8)
    return LabelledPixels(np.stack([image] * channels), labels, np.ones((side, side), bool), points)


class MadeUpTiles:
    """Tiles in memory, as TrainingTiles gives them."""

    def __init__(self, class_px, tile=None):
        self.table = pd.DataFrame(dict(class_px=class_px, positive_px=[sum(px) for px in class_px]))
        self.tile = tile or disc_tile()

    def __len__(self):
        return len(self.table)

    def __getitem__(self, number):
        return self.tile


def plain(pixels, rng):
    """What defaults do, written down plainly: other changes, which are off, must not touch a draw of it."""
    a = TileAugmentation()
    is_seen_aslant, is_equalised, is_noisy = rng.random(3) < (a.perspective, a.clahe, a.noise)
    image, labels, valid, points = pixels
    if is_seen_aslant:
        scale, (height, width) = rng.uniform(*a.perspective_scale), labels.shape
        corners = np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], np.float32)
        inwards = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * rng.random((4, 2)) * scale / 2 * (width, height)
        matrix = cv2.getPerspectiveTransform(corners, (corners + inwards).astype(np.float32))

        def warp(plane, flags, outside):
            return cv2.warpPerspective(plane, matrix, (width, height), flags=flags, borderValue=outside)

        image = np.stack([warp(channel, cv2.INTER_LINEAR, FILL) for channel in image])
        labels, points = (warp(plane, cv2.INTER_NEAREST, NOT_VALID) for plane in (labels, points))
        valid = warp(valid.astype(np.uint8), cv2.INTER_NEAREST, 0).astype(bool)
    if is_equalised:
        image = np.stack([cv2.createCLAHE(a.clahe_clip, (8, 8)).apply(channel) for channel in image])
    if is_noisy:
        sigma = np.float32(255 * rng.uniform(*a.noise_sigma))
        image = np.clip(np.rint(image + rng.standard_normal(image.shape, np.float32) * sigma), 0, 255)
    return np.where(valid, image, FILL).astype(np.uint8), labels, valid, points


@pytest.mark.parametrize("seed", range(40))
def test_defaults_are_what_they_were_to_the_last_bit(seed):
    tile = disc_tile(channels=1 + seed % 3)
    changed = TileAugmentation().apply(tile, np.random.default_rng([seed, 0, 7]))
    for layer, expected in zip(changed, plain(tile, np.random.default_rng([seed, 0, 7])), strict=True):
        assert np.array_equal(layer, expected)


@pytest.mark.parametrize("name", NEW)
def test_a_change_leaves_the_draws_of_the_others_alone(name):
    """With strength nought it changes nothing: the noise drawn beside it is the same."""
    none = dict(rotation_deg=0.0, zoom_factor=1.0, contrast=0.0, brightness=0.0, blur_sigma=(0.0, 0.0))
    with_noise = dataclasses.replace(STILL, noise=1, **none)
    tile = disc_tile()
    both = dataclasses.replace(with_noise, **{name: 1.0}).apply(tile, np.random.default_rng(3))
    alone = with_noise.apply(flipped(tile, name == "flip", name == "flip"), np.random.default_rng(3))
    assert all(np.array_equal(*layers) for layers in zip(both, alone, strict=True))


@pytest.mark.parametrize("name", NEW)
def test_each_change_changes_tiles_and_repeats_itself(name):
    changes = dataclasses.replace(STILL, **{name: 1.0})
    first, again, other = (changes.apply(disc_tile(), np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert all(np.array_equal(*layers) for layers in zip(first, again, strict=True))
    assert not np.array_equal(first.image, disc_tile().image)
    assert name == "flip" or not np.array_equal(first.image, other.image)


@pytest.mark.parametrize(("quarters", "degrees"), [(0, 0), (1, 90), (2, 180), (3, 270), (3, -90)])
def test_a_quarter_of_a_turn_is_that_of_arrays(quarters, degrees):
    tile = disc_tile(48)
    for turned, expected in zip(moved(tile, turn_matrix((48, 48), degrees, 1)), rotated(tile, quarters), strict=True):
        assert np.array_equal(turned, expected)


@given(st.floats(-180, 180), st.floats(0.77, 1.3))
def test_image_and_labels_are_turned_and_enlarged_about_the_middle(degrees, factor):
    """The disc of the labels lies where its centre goes, and is as large as it becomes; that of the image as well."""
    changed = moved(disc_tile(), turn_matrix((64, 64), degrees, factor))
    x, y, turn = 40 - 31.5, 24 - 31.5, np.deg2rad(degrees)
    centre = 31.5 + factor * np.array([x * np.cos(turn) + y * np.sin(turn), -x * np.sin(turn) + y * np.cos(turn)])
    row, col = np.nonzero(changed.labels == 2)
    assert (col.mean(), row.mean()) == pytest.approx(centre, abs=0.5)
    assert len(row) == pytest.approx((disc_tile().labels == 2).sum() * factor**2, rel=0.12)
    assert (changed.image[0][changed.labels == 2] > 150).all()
    assert ((changed.labels == NOT_VALID) == ~changed.valid).all()
    assert set(np.unique(changed.labels)) <= {0, 2, NOT_VALID}
    assert (changed.labels[changed.points == 2] == 2).all()
    assert (changed.points == 2).sum() == pytest.approx((disc_tile().points == 2).sum() * factor**2, rel=0.35)


def test_what_comes_from_beyond_the_tile_is_not_valid():
    changed = moved(disc_tile(), turn_matrix((64, 64), 45, 1))
    assert changed.valid.mean() == pytest.approx(2 * (np.sqrt(2) - 1), abs=0.02)
    assert not changed.valid[0, 0]
    small = moved(disc_tile(), turn_matrix((64, 64), 0, 0.5))
    assert small.valid.sum() == pytest.approx(32**2, abs=64)


@pytest.mark.parametrize(
    ("mirrored", "upside_down", "expected"),
    [(False, False, [[1, 2], [3, 4]]), (True, False, [[2, 1], [4, 3]]), (False, True, [[3, 4], [1, 2]]),
     (True, True, [[4, 3], [2, 1]])],
)  # fmt: skip
def test_flips(mirrored, upside_down, expected):
    plane = np.array([[1, 2], [3, 4]], np.uint8)
    for layer in flipped(LabelledPixels(plane[None], plane, plane, plane), mirrored, upside_down):
        assert layer.reshape(2, 2).tolist() == expected


@pytest.mark.parametrize(
    ("factor", "shift", "values", "expected"),
    [
        (1, 0, [0, 100, 255], [0, 100, 255]),
        (2, 0, [0, 100, 150], [0, 72, 172]),
        (1, 0.1, [0, 200, 250], [26, 226, 255]),
    ],
)
def test_tones(factor, shift, values, expected):
    assert toned(np.array([[values]], np.uint8), factor, shift).ravel().tolist() == expected


def test_a_blur_spreads_a_point_by_its_sigma():
    point = np.zeros((1, 41, 41), np.uint8)
    point[0, 20, 20] = 255
    wide = blurred(np.repeat(point, 2, axis=0), 1.5).astype(float)
    assert np.array_equal(wide[0], wide[1])
    row = wide[0].sum(axis=0)
    assert np.sqrt((row * (np.arange(41) - 20) ** 2).sum() / row.sum()) == pytest.approx(1.5, abs=0.15)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (dict(rotation=2), "rotation: 2 is neither a probability"),
        (dict(flip=-1), "flip: -1"),
        (dict(blur_sigma=(2, 1)), "blur_sigma"),
        (dict(zoom_factor=0.5), "zoom_factor: 0.5; at least 1"),
    ],
)
def test_changes_that_cannot_be(change, reason):
    with pytest.raises(OrbitileError, match=rf"segmentation_training\.augmentation\.{reason}"):
        TileAugmentation(**change)


@pytest.mark.parametrize(
    ("factors", "expected"),
    [
        ({}, [1, 1, 1, 1]),
        (dict(rock=4), [1, 1, 4, 4]),
        (dict(rock=4, sand=2), [1, 2, 4, 4]),
        (dict(sand=3), [1, 3, 1, 3]),
    ],
)
def test_tiles_with_a_rare_class_are_repeated(factors, expected):
    table = pd.DataFrame(dict(class_px=[[0, 0], [5, 0], [0, 1], [9, 9]]))
    assert repeats(table, ("sand", "rock"), factors).tolist() == expected


@pytest.mark.parametrize(("quarter_turns", "expected"), [(True, 1 + 4 * 3 + 4), (False, 1 + 3 + 1)])
def test_items_of_an_epoch(quarter_turns, expected):
    """A tile without features, one with a rare class three times, another one; those with features in four ways."""
    changes = dataclasses.replace(STILL, quarter_turns=quarter_turns)
    examples = AugmentedTiles(MadeUpTiles([[0], [4], [2]]), changes, 0, 0, np.array([1, 3, 1]))
    assert len(examples) == expected
    assert [examples.tile(item) for item in range(expected)] == sorted(examples.tile(i) for i in range(expected))


def test_repeated_tiles_are_changed_each_in_another_way():
    changes = dataclasses.replace(STILL, noise=1, quarter_turns=False)
    examples = AugmentedTiles(MadeUpTiles([[4]]), changes, 0, 0, np.array([2]))
    assert not np.array_equal(examples.pixels(0).image, examples.pixels(1).image)


@pytest.mark.parametrize("seed", [0, 3])
def test_examples_show_tiles_with_features_first_and_each_once(seed):
    examples = AugmentedTiles(MadeUpTiles([[0]] * 20 + [[5]] * 5), STILL, seed, 0)
    tiles = [examples.tile(item) for item in example_items(examples)]
    assert sorted(tiles[:5]) == [20, 21, 22, 23, 24]
    assert len(set(tiles)) == EXAMPLES
    assert example_items(examples) == example_items(AugmentedTiles(MadeUpTiles([[0]] * 20 + [[5]] * 5), STILL, seed, 0))


@pytest.mark.parametrize(("tiles", "channels"), [(1, 1), (2, 2), (30, 3)])
def test_the_picture_is_drawn_whatever_there_is_and_always_alike(tmp_path, tiles, channels):
    made_up = MadeUpTiles([[0, 5]] * tiles, disc_tile(channels=channels))
    for name in ("first.png", "again.png"):
        draw_examples(AugmentedTiles(made_up, TileAugmentation(), 0, 0), ("sand", "rock"), str(tmp_path / name))
    first = (tmp_path / "first.png").read_bytes()
    assert first.startswith(b"\x89PNG")
    assert first == (tmp_path / "again.png").read_bytes()


def test_labels_colour_the_picture_and_background_does_not():
    picture = labelled_picture(np.full((1, 3, 3), 0.5), np.array([[0, 1, NOT_VALID]], np.uint8))
    assert picture[0, 0].tolist() == [0.5] * 3
    assert len({tuple(pixel) for pixel in picture[0].tolist()}) == 3
