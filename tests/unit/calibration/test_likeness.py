import numpy as np
import pytest

from orbitile.calibration.likeness import LEAST_TILES, MOST_TILES, Likeness, checked_appearances, thinned
from orbitile.rasters.appearance import STATISTICS

LIT = {"asymmetry_columns_1.5": -0.2}


def tiles(count, seed=0, spread=0.05, **means):
    """Made-up appearances (count, k) around means, most of which are 0."""
    centre = np.array([means.get(name, 0.0) for name in STATISTICS])
    return centre + np.random.default_rng(seed).normal(0, spread, (count, len(STATISTICS)))


LIKENESS = Likeness.fit(tiles(200, **LIT))


def test_scenes_like_those_of_the_calibration_are_alike():
    scenes = {f"s{seed}": tiles(12, seed + 1, **LIT) for seed in range(200)}
    assert LIKENESS.unlike_scenes(scenes) == ({}, 200)


@pytest.mark.parametrize(
    "means, reason",
    [
        (dict(brightness=60), "brightness"),
        (dict(contrast=1.0), "contrast"),
        ({"roughness_rows_4": 1.0}, "roughness"),
        ({"asymmetry_columns_1.5": 0.2}, "light"),
        ({"asymmetry_rows_4": 0.9}, "light"),
    ],
)
def test_what_makes_a_scene_unlike(means, reason):
    assert LIKENESS.difference(tiles(12, 1, **LIT | means)) == reason


@pytest.mark.parametrize("means", [dict(brightness=8), dict(contrast=0.1), {"roughness_rows_4": 0.1}])
def test_what_networks_shrug_off_makes_no_scene_unlike(means):
    assert LIKENESS.difference(tiles(12, 1, **LIT | means)) is None


def test_light_from_anywhere_in_the_calibration_tells_no_side():
    both = np.concatenate([tiles(100, 1, **LIT), tiles(100, 2, **{"asymmetry_columns_1.5": 0.2})])
    likeness = Likeness.fit(both)
    assert likeness.light is None
    assert likeness.difference(tiles(12, 3, **{"asymmetry_columns_1.5": 0.2})) is None


@pytest.mark.parametrize("count, reason", [(3, None), (12, "light")])
def test_few_tiles_tell_nothing_of_light(count, reason):
    likeness = Likeness.fit(tiles(200, **{"asymmetry_columns_1.5": -0.06}))
    assert likeness.difference(tiles(count, 1, **{"asymmetry_columns_1.5": 0.06})) == reason


def test_a_scene_without_tiles_is_not_compared():
    assert LIKENESS.unlike_scenes({"a": tiles(0), "b": tiles(5, 1, brightness=90)}) == ({"b": "brightness"}, 1)


def test_too_few_tiles_to_calibrate_by():
    assert Likeness.fit(tiles(LEAST_TILES - 1)) is None


def test_a_calibration_keeps_some_of_many_tiles():
    many = np.arange(3.0 * MOST_TILES)[:, None]
    kept = thinned(many)[:, 0]
    assert (len(kept), kept[0], kept[-1]) == (MOST_TILES, 0, 3 * MOST_TILES - 1)
    assert thinned(many[:7]).tolist() == many[:7].tolist()


@pytest.mark.parametrize(
    "stated",
    [[[1.0, 2.0]], [["a"] * 14], [[float("nan")] * 14], 5, {"a": 1}, [[0.0] * 14] * (MOST_TILES + 1), [[1], 2]],
)
def test_what_is_no_table_of_appearances(stated):
    with pytest.raises((ValueError, TypeError)):
        checked_appearances(stated)
