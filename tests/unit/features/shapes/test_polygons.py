from itertools import pairwise

import numpy as np
import pytest
import rasterio.features
import shapely
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from orbitile.features.shapes.polygons import (
    FeaturePieces,
    PieceLayers,
    join_features,
    mask_pieces,
    mask_polygons,
    reach_edge,
)
from orbitile.space.grids import Window


def mask_of(*rows):
    return np.array([[pixel == "#" for pixel in row] for row in rows])


def pieces_of(mask, col=0, row=0):
    return mask_polygons(PieceLayers(mask), col, row)


def as_rasterio_finds(mask):
    found = rasterio.features.shapes(mask.astype(np.uint8), mask=mask, connectivity=4)
    return np.array([shapely.geometry.shape(geometry) for geometry, _ in found], object)


def in_order(polygons):
    polygons = shapely.normalize(polygons)
    return polygons[np.argsort(shapely.to_wkb(polygons))] if len(polygons) else polygons


@st.composite
def masks(draw, side=24):
    """Noise of any density, and the same with larger pixels, which has holes within islands within holes."""
    height, width = draw(st.integers(1, side)), draw(st.integers(1, side))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    zoom, share = draw(st.sampled_from([1, 1, 2, 3])), draw(st.sampled_from([0.1, 0.3, 0.5, 0.6, 0.8, 0.95]))
    small = rng.random((height, width)) < share
    return np.kron(small, np.ones((zoom, zoom), bool))[:height, :width]


CASES = {
    "pixel": (mask_of("#"), ["POLYGON ((0 0, 0 1, 1 1, 1 0, 0 0))"]),
    "bar": (mask_of("...", "###"), ["POLYGON ((0 1, 0 2, 3 2, 3 1, 0 1))"]),
    "corner": (mask_of("#.", ".#"), ["POLYGON ((0 0, 0 1, 1 1, 1 0, 0 0))", "POLYGON ((1 1, 1 2, 2 2, 2 1, 1 1))"]),
    "hole": (
        mask_of("###", "#.#", "###"),
        ["POLYGON ((0 0, 0 3, 3 3, 3 0, 0 0), (1 1, 2 1, 2 2, 1 2, 1 1))"],
    ),
    "two holes that meet": (
        mask_of("####", "#.##", "##.#", "####"),
        ["POLYGON ((0 0, 0 4, 4 4, 4 0, 0 0), (1 1, 2 1, 2 2, 1 2, 1 1), (2 2, 3 2, 3 3, 2 3, 2 2))"],
    ),
    "hole that meets the outside": (
        mask_of("##.", "#.#", "###"),
        ["POLYGON ((0 0, 0 3, 3 3, 3 1, 2 1, 2 0, 0 0), (1 1, 2 1, 2 2, 1 2, 1 1))"],
    ),
    "island in a hole": (
        mask_of("#####", "#...#", "#.#.#", "#...#", "#####"),
        [
            "POLYGON ((0 0, 0 5, 5 5, 5 0, 0 0), (1 1, 4 1, 4 4, 1 4, 1 1))",
            "POLYGON ((2 2, 2 3, 3 3, 3 2, 2 2))",
        ],
    ),
    "nothing": (mask_of("..", ".."), []),
}


@pytest.mark.parametrize(("mask", "expected"), CASES.values(), ids=CASES.keys())
def test_outlines(mask, expected):
    assert in_order(pieces_of(mask).polygons).tolist() == in_order(shapely.from_wkt(np.array(expected))).tolist()


@given(mask=masks())
def test_outlines_are_those_of_gdal(mask):
    ours, theirs = in_order(pieces_of(mask).polygons), in_order(as_rasterio_finds(mask))
    assert shapely.is_valid(ours).all()
    assert len(ours) == len(theirs)
    assert shapely.area(shapely.symmetric_difference(ours, theirs)).sum() == 0
    assert shapely.equals_exact(ours, theirs)[shapely.is_valid(theirs)].all()


@pytest.mark.parametrize("phase", [0, 1])
def test_checkerboard(phase):
    mask = (np.indices((40, 41)).sum(axis=0) + phase) % 2 == 0
    pieces = pieces_of(mask)
    assert len(pieces) == mask.sum()
    assert shapely.area(pieces.polygons).tolist() == [1.0] * len(pieces)
    features, index = pieces.features()
    assert len(features) == 1
    assert set(index) == {0}
    assert features[0].area == mask.sum()


def test_lattice_coordinates():
    pieces = pieces_of(mask_of(".#"), col=100, row=-7)
    assert pieces.polygons[0].bounds == (101, -7, 102, -6)


@given(mask=masks(), seed=st.integers(0, 2**32))
def test_sums(mask, seed):
    rng = np.random.default_rng(seed)
    probability, near = rng.integers(0, 256, mask.shape, np.uint8), rng.random(mask.shape) < 0.3
    pieces = mask_polygons(PieceLayers(mask, probability, near), 5, 6)
    rows, cols = np.nonzero(mask)
    centres = shapely.points(cols + 5.5, rows + 6.5)
    for i, polygon in enumerate(pieces.polygons):
        inside = shapely.contains(polygon, centres)
        assert pieces.pixels[i] == inside.sum() == polygon.area
        assert pieces.probability[i] == probability[mask][inside].sum()
        assert pieces.near_nodata[i] == near[mask][inside].sum()


def test_layers_left_out_count_nothing():
    pieces = pieces_of(mask_of("#.#"))
    assert pieces.probability.tolist() == pieces.near_nodata.tolist() == [0, 0]


@st.composite
def cuts(draw, length):
    return [0, *sorted(draw(st.sets(st.integers(1, length - 1), max_size=4)) if length > 1 else []), length]


@given(mask=masks(), data=st.data())
def test_features_do_not_depend_on_cuts(mask, data):
    rows, cols = data.draw(cuts(mask.shape[0])), data.draw(cuts(mask.shape[1]))
    parts = [
        pieces_of(mask[top:bottom, left:right], left, top)
        for top, bottom in pairwise(rows)
        for left, right in pairwise(cols)
    ]
    whole, _ = pieces_of(mask).features()
    cut = FeaturePieces.concat(parts)
    features, index = cut.features()
    assert shapely.is_valid(features).all()
    assert len(features) == len(whole)
    assert shapely.equals_exact(features, whole).all()
    assert np.bincount(index, cut.pixels, minlength=len(whole)).tolist() == shapely.area(whole).tolist()


@given(mask=masks(), data=st.data())
def test_features_do_not_depend_on_overlaps(mask, data):
    """Scenes that share pixels, cut in the middle: nothing is said about which pieces may touch."""
    row, overlap = data.draw(st.integers(0, mask.shape[0])), data.draw(st.integers(0, 5))
    upper, lower = mask[: row + overlap], mask[max(row - overlap, 0) :]
    pieces = [pieces_of(upper).polygons, pieces_of(lower, 0, max(row - overlap, 0)).polygons]
    features, _ = join_features(np.concatenate(pieces))
    whole, _ = pieces_of(mask).features()
    assert len(features) == len(whole)
    assert shapely.equals_exact(features, whole).all()


@given(mask=masks())
def test_features_are_8_connected(mask):
    labels, number = ndimage.label(mask, np.ones((3, 3)))
    features, _ = pieces_of(mask).features()
    assert len(features) == number
    assert sorted(shapely.area(features)) == sorted(np.bincount(labels.ravel())[1:])


@given(mask=masks())
def test_features_again_are_features(mask):
    features, _ = pieces_of(mask).features()
    again, index = join_features(features)
    assert index.tolist() == list(range(len(features)))
    assert again.tolist() == features.tolist()


@pytest.mark.parametrize("side", [3, 7, 1000])
def test_mask_in_blocks(side):
    mask = np.random.default_rng(1).random((20, 30)) < 0.55
    asked = []

    def read(window):
        asked.append(window)
        return PieceLayers(mask[window.slices_within(Window(-4, 9, 30, 20))])

    pieces = mask_pieces(read, Window(-4, 9, 30, 20), side)
    features, _ = pieces.features()
    whole, _ = pieces_of(mask, -4, 9).features()
    assert sum(window.width * window.height for window in asked) == 600
    assert max(max(window.width, window.height) for window in asked) <= side
    assert features.tolist() == whole.tolist()


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        (mask_of("...", ".#.", "..."), [False]),
        (mask_of(".#.", "...", "..."), [True]),
        (mask_of("...", "...", "#.#"), [True, True]),
        (mask_of("....", ".#.#", "...."), [False, True]),
    ],
)
def test_which_pieces_reach_the_edge(mask, expected):
    pieces = pieces_of(mask, 3, 4)
    assert pieces.at_edge.tolist() == expected
    window = Window(3, 4, mask.shape[1], mask.shape[0])
    assert reach_edge(pieces.polygons, window).tolist() == expected


def test_nothing_joined():
    features, index = FeaturePieces.concat([]).features()
    assert len(features) == len(index) == 0
