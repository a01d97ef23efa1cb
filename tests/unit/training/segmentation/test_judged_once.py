"""Tiles that overlap: in which of them a pixel is judged."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orbitile.detections.tiling import TileSize, scene_tiles, spans_of_scene
from orbitile.training.segmentation.judged_once import JudgedOnce
from orbitile.training.segmentation.tiles import NOT_VALID


def table_of(width, height, tile_px, overlap_px, scene="a"):
    """The tiles of a scene, as cut_tiles places them."""
    spans = (spans_of_scene(length, TileSize(tile_px, overlap_px)) for length in (width, height))
    return pd.DataFrame([dict(scene=scene, scale_m=1.0, **vars(tile.window)) for tile in scene_tiles(*spans)])


def judged(table, width, height, side):
    """How often each pixel (rows, columns) of a scene counts, and the tile in which it does."""
    once, counts, owner = JudgedOnce(table), np.zeros((height, width), int), np.full((height, width), -1)
    for number, tile in enumerate(table.itertuples()):
        labels = once.labels(number, np.zeros((side, side), np.uint8))
        area = np.s_[tile.row : tile.row + tile.height, tile.col : tile.col + tile.width]
        counts[area] += labels[: tile.height, : tile.width] == 0
        owner[area][labels[: tile.height, : tile.width] == 0] = number
    return counts, owner


@settings(deadline=None, max_examples=40)
@given(st.integers(5, 60), st.integers(5, 60), st.sampled_from([(16, 0), (16, 2), (16, 8), (32, 16)]), st.data())
def test_every_pixel_of_a_tile_counts_once(width, height, size, data):
    """Also where tiles are missing, as those without data are."""
    table = table_of(width, height, *size)
    chosen = data.draw(st.lists(st.booleans(), min_size=len(table), max_size=len(table)))
    table = table[chosen].reset_index(drop=True)
    covered = np.zeros((height, width), bool)
    for tile in table.itertuples():
        covered[tile.row : tile.row + tile.height, tile.col : tile.col + tile.width] = True
    assert np.array_equal(judged(table, width, height, size[0])[0], covered.astype(int))


def test_a_pixel_is_judged_where_the_network_sees_most_around_it():
    """Two tiles of 16 px that share 8 columns, of which either has the half on its side."""
    _, owner = judged(table_of(24, 16, 16, 8), 24, 16, 16)
    assert (owner[:, :12] == 0).all() and (owner[:, 12:] == 1).all()


def test_tiles_of_other_scenes_share_nothing():
    table = pd.concat([table_of(16, 16, 16, 0, name) for name in "ab"], ignore_index=True)
    labels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    for number in range(2):
        assert np.array_equal(JudgedOnce(table).labels(number, labels), labels)
    assert NOT_VALID in labels


@pytest.mark.parametrize("side", [16, 32])
def test_what_tiles_are_filled_up_with_stays(side):
    labels = np.zeros((side, side), np.uint8)
    assert (JudgedOnce(table_of(10, 12, 16, 0)).labels(0, labels) == 0).all()
