import numpy as np
import pytest
from disc_scenes import BACKGROUND, BRIGHT, drawn_disc, measured_disc
from hypothesis import given, settings
from hypothesis import strategies as st

from orbitile.rasters.stretch import FILL
from orbitile.training.detection.crops import Crop, Placement, VisibleBoxes, changed_tones
from orbitile.training.detection.recipe import CropAugmentation

UNCHANGED = dict(tone=0.0, gamma=0.0, blur=0.0, noise=0.0)
STILL = CropAugmentation(sun="fixed", turn_deg=0, zoom=0, **UNCHANGED)
SIDE = 96


def cut(pixels: np.ndarray, window) -> np.ndarray:
    """Pixels (1, rows, columns) of a window, which may reach beyond an image (rows, columns)."""
    margin = 2000
    padded = np.pad(pixels, margin, constant_values=FILL)
    col, row = window.col + margin, window.row + margin
    return padded[None, row : row + window.height, col : col + window.width]


def placed(seed: int, centre: tuple[float, float] = (100, 100), side: int = SIDE, **changes: object) -> Placement:
    drawn = CropAugmentation(**UNCHANGED | changes)
    return Placement.draw(np.array(centre, float), side, drawn, np.random.default_rng(seed))


def box_of(col: float, row: float, diameter: float) -> np.ndarray:
    return np.array([[col - diameter / 2, row - diameter / 2, col + diameter / 2, row + diameter / 2]])


@settings(deadline=None, max_examples=200)
@given(
    st.sampled_from(["any", "mirrored", "fixed"]), st.floats(0, 180), st.floats(0, 1), st.integers(0, 10**6),
    st.tuples(st.floats(60, 140), st.floats(60, 140)), st.tuples(st.floats(-12, 12), st.floats(-12, 12)),
    st.floats(8, 16),
)  # fmt: skip
def test_a_disc_lands_where_its_pixels_land(sun, turn_deg, zoom, seed, centre, offset, diameter):
    """Turned, mirrored, scaled: the label is where the pixels are, to a tenth of a pixel, and as large."""
    col, row = np.add(centre, offset)
    scene = np.rint(BACKGROUND + (BRIGHT - BACKGROUND) * drawn_disc((200, 200), col, row, diameter))
    placement = placed(seed, centre, sun=sun, turn_deg=turn_deg, zoom=zoom)
    image = placement.image(cut(scene.astype(np.uint8), placement.window))
    ((left, top, right, bottom),) = placement.boxes(box_of(col, row, diameter))
    assert image.shape == (1, SIDE, SIDE)
    assert image.dtype == np.uint8
    measured = measured_disc(image[0])
    assert measured[:2] == pytest.approx(((left + right) / 2, (top + bottom) / 2), abs=0.1)
    assert measured[2] == pytest.approx(right - left, rel=0.02, abs=0.15)
    assert right - left == pytest.approx(bottom - top) == pytest.approx(placement.scale * diameter)


@pytest.mark.parametrize("centre", [(100, 100), (48, 60), (3, 150), (199, 1)])
def test_a_tile_that_is_not_turned_is_a_window(centre):
    scene = np.random.default_rng(0).integers(0, 255, (200, 200)).astype(np.uint8)
    placement = Placement.draw(np.array(centre, float), SIDE, STILL, np.random.default_rng(0))
    image = placement.image(cut(scene, placement.window))[0]
    padded = np.pad(scene, SIDE, constant_values=FILL)
    top, left = centre[1] + SIDE // 2, centre[0] + SIDE // 2
    assert (image == padded[top : top + SIDE, left : left + SIDE]).all()
    ((x, y, *_),) = placement.boxes(np.array([[*centre, centre[0] + 1.0, centre[1] + 1.0]]))
    assert (x, y) == (SIDE / 2, SIDE / 2)


@pytest.mark.parametrize(("sun", "count"), [("any", 8), ("mirrored", 4), ("fixed", 1)])
def test_light_comes_from_where_it_may(sun, count):
    """any: the eight symmetries of a square; mirrored: those that keep rows rows; fixed: none."""
    linear = {tuple(placed(seed, sun=sun, turn_deg=0, zoom=0).linear.round(9).ravel() + 0.0) for seed in range(300)}
    assert len(linear) == count
    if sun != "any":
        assert all(b == c == 0 for _, b, c, _ in linear)
    assert (sun == "fixed") == (linear == {(1, 0, 0, 1)})


def test_bounds_of_changes_are_kept_and_reached():
    drawn = [placed(seed, sun="fixed", turn_deg=20, zoom=0.4) for seed in range(500)]
    turns = np.degrees([np.arctan2(placement.linear[1, 0], placement.linear[0, 0]) for placement in drawn])
    scales = np.log([placement.scale for placement in drawn])
    assert [turns.min(), turns.max()] == pytest.approx([-20, 20], abs=1)
    assert [scales.min(), scales.max()] == pytest.approx([-0.4, 0.4], abs=0.02)
    assert np.abs(turns).max() <= 20
    assert np.abs(scales).max() <= 0.4


@settings(deadline=None)
@given(st.integers(0, 10**6), st.floats(0, 180), st.floats(2, 30), st.floats(2, 30))
def test_boxes_are_around_turned_ellipses(seed, turn_deg, width, height):
    """As a polygon of the ellipse says: exactly, in the limit of many corners."""
    placement = placed(seed, turn_deg=turn_deg, zoom=0.5)
    angle = np.linspace(0, 2 * np.pi, 20_000)
    ring = np.column_stack([100 + width / 2 * np.cos(angle), 90 + height / 2 * np.sin(angle)])
    ring = ring @ placement.linear.T + placement.shift
    box = np.array([[100 - width / 2, 90 - height / 2, 100 + width / 2, 90 + height / 2]])
    assert placement.boxes(box)[0] == pytest.approx([*ring.min(axis=0), *ring.max(axis=0)], abs=1e-4)


@settings(deadline=None)
@given(st.integers(0, 10**6), st.floats(0, 180), st.floats(0, 1))
def test_the_window_holds_all_that_a_tile_shows(seed, turn_deg, zoom):
    """An image of 0 within the window, of 255 beyond, gives a tile of 0."""
    placement = placed(seed, turn_deg=turn_deg, zoom=zoom)
    window = placement.window
    assert (placement.image(np.zeros((1, window.height, window.width), np.uint8)) == 0).all()


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((10, 20, 30, 40), [(10, 20, 30, 40, 0.7)]),
        ((0, 0, 75, 75), [(0, 0, 75, 75, 0.7)]),
        ((0, 0, 76, 76), [(0, 0, 76, 76, 0)]),
        ((-8, 50, 12, 70), [(0, 50, 12, 70, 0.7)]),
        ((-9, 50, 11, 70), [(0, 50, 11, 70, 0)]),
        ((-10, 50, 10, 70), [(0, 50, 10, 70, 0)]),
        ((-11, 50, 9, 70), []),
        ((92, 93, 104, 105), []),
        ((90, 91, 102, 103), [(90, 91, 100, 100, 0.7)]),
        ((40, 40, 46, 46), [(40, 40, 46, 46, 0.7)]),
        ((40, 40, 45.9, 45.9), [(40, 40, 45.9, 45.9, 0)]),
        ((-1, 40, 1, 42), []),
        ((200, 200, 220, 220), []),
        ((-30, -30, -10, -10), []),
        ((-50, -50, 150, 150), []),
    ],
)
def test_what_a_tile_shows_of_boxes(box, expected):
    """0.6 of a box is learnt, half of it counts neither way, less is left out; so of the smallest and the largest."""
    shown = VisibleBoxes.of(np.array([box], float), np.array([0.7]), 100)
    assert np.column_stack([shown.boxes, shown.agreement]) == pytest.approx(np.array(expected).reshape(-1, 5))


def test_no_boxes():
    shown = VisibleBoxes.of(np.zeros((0, 4)), np.zeros(0), 100)
    assert (shown.boxes.shape, shown.agreement.shape) == ((0, 4), (0,))
    assert Crop(np.zeros((1, 4, 4), np.uint8), *shown, smallest_px=3).smallest_px == 3


NOTHING = dict(tone=0, gamma=0, blur=0, noise=0)
GREY = np.random.default_rng(5).integers(0, 256, (3, 40, 50)).astype(np.uint8)


def changed(seed: int, image: np.ndarray = GREY, **changes: object) -> np.ndarray:
    return changed_tones(image, CropAugmentation(**NOTHING | changes), np.random.default_rng(seed))


def test_tones_without_changes():
    assert (changed(0) == GREY).all()


@pytest.mark.parametrize("change", ["tone", "gamma", "blur", "noise"])
def test_each_change_of_tones_changes_and_can_be_repeated(change):
    first, again, other = (changed(seed, **{change: 1}) for seed in (1, 1, 2))
    assert (first.shape, first.dtype) == (GREY.shape, np.uint8)
    assert (first != GREY).any()
    assert (first == again).all()
    assert (first != other).any()


def test_contrast_and_brightness_are_about_the_middle():
    ramp = np.arange(256, dtype=np.uint8)[None, None]
    for seed in range(50):
        tones = changed(seed, ramp, tone=1, contrast=0.4, brightness=0.1)[0, 0].astype(float)
        inner = tones[(tones > 0) & (tones < 255)]
        slope = (inner[-1] - inner[0]) / (len(inner) - 1)
        assert np.exp(-0.41) < slope < np.exp(0.41)
        assert abs(tones[127:129].mean() - 127.5) <= 0.1 * 255 + 1


@pytest.mark.parametrize("change", ["tone", "gamma", "blur"])
def test_bands_change_alike(change):
    """Equal bands stay equal; the noise of each is its own."""
    equal = np.repeat(GREY[:1], 3, axis=0)
    tones = changed(3, equal, **{change: 1})
    assert (tones == tones[:1]).all()
    noisy = changed(3, equal, noise=1)
    assert (noisy[0] != noisy[1]).any()


def test_noise_and_blur_are_within_bounds():
    flat = np.full((1, 200, 200), 128, np.uint8)
    spreads = [changed(seed, flat, noise=1, noise_sigma=0.1).std() for seed in range(30)]
    assert max(spreads) < 0.101 * 255
    assert max(spreads) > 0.07 * 255
    impulse = np.zeros((1, 41, 41), np.uint8)
    impulse[0, 20, 20] = 255
    peaks = [changed(seed, impulse, blur=1)[0, 20, 20] / 255 for seed in range(30)]
    assert 1 / (2 * np.pi * 1.25**2) < min(peaks) < max(peaks) < 1
