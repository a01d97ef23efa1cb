import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orbitile.rasters.appearance import SIDE_PX, STATISTICS, TILES_PER_SCENE, appearance, tile_appearances
from orbitile.space.grids import Window


def stated(grey):
    return dict(zip(STATISTICS, appearance(grey).tolist(), strict=True))


def lit_craters(side=192, seed=0):
    """Made-up terrain of bowls under light from the left: walls that face away are dark, and end sharply."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side]
    height = np.zeros((side, side))
    for row, column, radius in zip(*random.uniform(0, side, (2, 60)), random.uniform(6, 20, 60), strict=True):
        away = np.hypot(rows - row, columns - column) / radius
        height += np.where(away < 1, (away**2 - 1) * radius / 3, 0)
    return np.clip(128 + 60 * -np.gradient(height, axis=1) + random.normal(0, 2, height.shape), 0, 255)


def test_brightness_contrast_and_roughness():
    checks = np.indices((64, 64)).sum(axis=0) % 2 * 20.0 + 100
    values = stated(checks)
    assert values["brightness"] == 110
    assert values["contrast"] == pytest.approx(np.log(10.1), abs=1e-4)
    assert values["roughness_columns_0"] == values["roughness_rows_0"] == pytest.approx(np.log(20.1), abs=1e-2)
    assert values["roughness_columns_4"] < np.log(0.2)  # nothing of it is left
    assert values["asymmetry_columns_0"] == pytest.approx(0, abs=0.01)


def test_a_plain_image_has_an_appearance():
    assert np.isfinite(appearance(np.full((300, 300), 7))).all()


def test_light_from_the_other_side_changes_signs():
    image = lit_craters()
    values, mirrored, upright = stated(image), stated(image[:, ::-1]), stated(image.T)
    assert abs(values["asymmetry_columns_1.5"]) > 0.1 > abs(values["asymmetry_rows_1.5"])
    assert mirrored["asymmetry_columns_1.5"] == pytest.approx(-values["asymmetry_columns_1.5"], abs=1e-4)
    assert upright["asymmetry_rows_1.5"] == pytest.approx(values["asymmetry_columns_1.5"], abs=1e-4)


@given(st.integers(0, 3), st.integers(-40, 40))
def test_only_brightness_depends_on_a_constant(seed, added):
    image = 100 + lit_craters(64, seed) / 4
    assert appearance(image + added)[1:] == pytest.approx(appearance(image)[1:], abs=2e-3)
    assert appearance(image + added)[0] == pytest.approx(appearance(image)[0] + added, abs=1e-2)


@pytest.fixture
def image():
    """Made-up pixels (300, 600), of which the last columns hold no data, and what reads windows of them."""
    pixels = np.random.default_rng(0).integers(1, 200, (300, 600)).astype(np.uint8)

    def read(window):
        area = np.s_[window.row : window.row + window.height, window.col : window.col + window.width]
        return pixels[area][None], np.arange(600)[None].repeat(300, axis=0)[area] < 580

    return read, pixels


def test_the_middle_of_a_tile_stands_for_it(image):
    read, pixels = image
    windows = [Window(0, 0, 300, 300), Window(10, 20, 30, 40), Window(300, 0, 300, 300), Window(330, 0, 270, 270)]
    looks = tile_appearances(read, windows)
    first = (300 - SIDE_PX) // 2
    assert looks[0] == pytest.approx(appearance(pixels[first : first + SIDE_PX, first : first + SIDE_PX]))
    assert looks[1] == pytest.approx(appearance(pixels[20:60, 10:40]))
    assert looks[2] is not None and looks[3] is None  # of the last, the middle reaches pixels without data


def test_of_many_tiles_some_are_read(image):
    read, _ = image
    looks = tile_appearances(read, [Window(n, 0, 16, 16) for n in range(400)])
    read = [number for number, look in enumerate(looks) if look is not None]
    assert len(read) == TILES_PER_SCENE
    assert (read[0], read[-1]) == (0, 399)
    assert np.ptp(np.diff(read)) <= 1
    assert tile_appearances(read, []) == []
