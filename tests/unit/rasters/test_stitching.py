"""Patches of probabilities put together; all of them made up."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orbitile.rasters import stitching
from orbitile.rasters.stitching import LARGEST_WEIGHT, ROWS_PX, ProbabilityPatch, Stitcher, taper_weights
from orbitile.space.grids import Window


def stitched(patches, classes, width, height, ramp):
    """The whole raster: probability (classes, rows, columns), and where it is known."""
    bands = list(Stitcher(classes, width, height, ramp).finished_rows(patches))
    windows = [window for window, *_ in bands]
    assert [(w.col, w.width) for w in windows] == [(0, width)] * len(bands)
    assert [w.row for w in windows] == list(range(0, height, ROWS_PX))
    assert sum(w.height for w in windows) == height
    return np.concatenate([p for _, p, _ in bands], axis=1), np.concatenate([known for *_, known in bands])


def reference(patches, classes, width, height, ramp):
    """Weighted means in floating point, patch by patch and pixel by pixel."""
    total, weight = np.zeros((classes, height, width)), np.zeros((height, width))
    for patch in patches:
        w = patch.window
        for j in range(max(w.row, 0), min(w.row + w.height, height)):
            for i in range(max(w.col, 0), min(w.col + w.width, width)):
                down = min(j - w.row, w.row + w.height - 1 - j) + 1
                across = min(i - w.col, w.col + w.width - 1 - i) + 1
                share = min(down, max(ramp, 1)) * min(across, max(ramp, 1))
                total[:, j, i] += share * patch.probability[:, j - w.row, i - w.col].astype(float)
                weight[j, i] += share
    return total / np.maximum(weight, 1), weight > 0


@st.composite
def rasters(draw):
    """Patches in the order of their rows, number of classes, width, height and ramp; windows reach beyond."""
    classes, width, height = draw(st.integers(1, 3)), draw(st.integers(1, 24)), draw(st.integers(1, 40))
    ramp, side = draw(st.integers(0, 6)), draw(st.integers(1, 12))
    noise = np.random.default_rng(draw(st.integers(0, 999)))
    places = draw(st.lists(st.tuples(st.integers(-11, 39), st.integers(-11, 23)), max_size=8))
    patches = [
        ProbabilityPatch(Window(col, row, side, side), noise.integers(0, 256, (classes, side, side)).astype(np.uint8))
        for row, col in sorted(places)
    ]
    return patches, classes, width, height, ramp


@given(rasters())
def test_means_are_those_of_a_plain_reference(case):
    found, known = stitched(*case)
    expected, covered = reference(*case)
    assert np.array_equal(known, covered)
    assert np.abs(found - expected).max() <= 0.5 + 1e-9
    assert (found[:, ~known] == 0).all()


@given(rasters(), st.integers(1, 5), st.randoms(use_true_random=False))
def test_bands_and_the_order_of_patches_in_a_row_change_nothing(case, band_px, random):
    patches, *others = case
    shuffled = sorted(random.sample(patches, len(patches)), key=lambda patch: patch.window.row)
    whole = stitched(*case)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(stitching, "ROWS_PX", band_px)
        bands = list(Stitcher(*others).finished_rows(shuffled))
    assert np.array_equal(np.concatenate([p for _, p, _ in bands], axis=1), whole[0])
    assert np.array_equal(np.concatenate([k for *_, k in bands]), whole[1])


@given(rasters(), st.integers(0, 255))
def test_constant_tiles_give_the_constant(case, level):
    patches, *others = case
    same = [ProbabilityPatch(patch.window, np.full_like(patch.probability, level)) for patch in patches]
    found, known = stitched(same, *others)
    assert (found[:, known] == level).all()


def test_weights_taper_towards_the_edges():
    """Two tiles of 6 pixels overlap by 4: weights 1, 2, 3 rise in one where they fall in the other."""
    patches = [
        ProbabilityPatch(Window(col, 0, 6, 6), np.full((1, 6, 6), level, np.uint8)) for col, level in ((0, 0), (2, 240))
    ]
    found, _ = stitched(patches, 1, 8, 6, 4)
    assert found[0, 3].tolist() == [0, 0, 60, 96, 144, 180, 240, 240]


@pytest.mark.parametrize(
    ("side", "ramp", "expected"),
    [
        (5, 2, [1, 2, 2, 2, 1]), (5, 9, [1, 2, 3, 2, 1]), (4, 9, [1, 2, 2, 1]), (3, 0, [1, 1, 1]), (1, 3, [1]),
        (0, 3, []),
    ],
)  # fmt: skip
def test_taper(side, ramp, expected):
    assert taper_weights(side, ramp).tolist() == expected


def test_sums_of_many_large_tiles_fit():
    """Sixteen tiles with the highest weights one over the other."""
    assert taper_weights(4 * LARGEST_WEIGHT, 10**6).max() == LARGEST_WEIGHT
    full = np.full((1, 4 * LARGEST_WEIGHT, 4 * LARGEST_WEIGHT), 255, np.uint8)
    found, _ = stitched(
        [ProbabilityPatch(Window(0, 0, *full.shape[1:]), full)] * 16, 1, 4 * LARGEST_WEIGHT, 4 * LARGEST_WEIGHT, 10**6
    )
    assert (found == 255).all()


def test_a_scene_smaller_than_a_tile():
    """Its window ends with the scene; the rest of the tile is made up."""
    pixels = np.arange(64, dtype=np.uint8).reshape(1, 8, 8)
    found, known = stitched([ProbabilityPatch(Window(0, 0, 5, 3), pixels)], 1, 5, 3, 4)
    assert np.array_equal(found[0], pixels[0, :3, :5])
    assert known.all()


@pytest.mark.parametrize("place", [(0, 2 * ROWS_PX), (0, 9 * ROWS_PX + 1), (7, 0), (-4, 0), (0, -4)])
def test_patches_beyond_the_raster_count_nothing(place):
    found, known = stitched(
        [ProbabilityPatch(Window(*place, 4, 4), np.full((1, 4, 4), 9, np.uint8))], 1, 7, ROWS_PX + 9, 2
    )
    assert not known.any()
    assert not found.any()


def test_no_patches():
    found, known = stitched([], 2, 7, ROWS_PX + 9, 2)
    assert found.shape == (2, ROWS_PX + 9, 7)
    assert not known.any()


def test_only_the_rows_that_are_not_complete_are_held():
    """Of a raster of 40 bands; a row of tiles reaches into three of them at most."""
    side, step = ROWS_PX + 100, ROWS_PX - 60
    stitcher, held = Stitcher(1, 3, 40 * ROWS_PX, 160), []

    def patches():
        for row in range(0, 39 * ROWS_PX, step):
            held.append(stitcher._sum.shape[1])
            yield ProbabilityPatch(Window(0, row, 3, side), np.ones((1, side, 3), np.uint8))

    bands = sum(1 for _ in stitcher.finished_rows(patches()))
    assert bands == 40
    assert max(held) <= 2 * ROWS_PX + side
