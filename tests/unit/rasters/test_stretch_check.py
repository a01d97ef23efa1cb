"""What a stretch does to an image, and fill that no header declares. Values are made up."""

import numpy as np
import pytest

from orbitile.rasters.histogram import Histogram
from orbitile.rasters.stretch_check import CheckedBand, without_fill

PERCENTS = (0.5, 99.5)
GROUND = np.random.default_rng(0).normal(1000, 60, 50_000).round()


def histogram(*values):
    distinct, counts = np.unique(np.concatenate(values), return_counts=True)
    return Histogram(distinct.astype(float), counts)


def checked(band, stretch=None):
    """A band with a stretch that is set, or with that of its percentiles."""
    brightness = without_fill(band, PERCENTS)
    ends = tuple(brightness.percentile(percent) for percent in PERCENTS)
    return CheckedBand(band, brightness, stretch or ends, PERCENTS, stretch is not None)


def test_ordinary_ground_needs_no_word():
    band = checked(histogram(GROUND))
    assert band.brightness.count == GROUND.size
    assert band.warnings == []


@pytest.mark.parametrize("fill", [0, -32768, -9999, -1e32, -3.4e38, 65535, 1e32])
@pytest.mark.parametrize("share", [0.01, 0.3, 0.95])
def test_fill_far_from_the_ground_is_left_out_with_a_word(fill, share):
    band = checked(histogram(GROUND, np.full(round(GROUND.size * share / (1 - share)), fill)))
    assert band.brightness.count == GROUND.size
    assert band.stretch == tuple(histogram(GROUND).percentile(percent) for percent in PERCENTS)
    (warning,) = band.warnings
    assert f"of its pixels are {fill:.9g}, far from all others" in warning
    assert "gdal_edit.py -a_nodata" in warning


def test_fill_at_both_ends_and_of_several_values():
    fills = [np.full(2000, fill) for fill in (-32768, -32767, 32767)]
    band = checked(histogram(GROUND, *fills))
    assert band.brightness.count == GROUND.size
    assert "-32768 or -32767 or 32767" in band.warnings[0]


def test_mixtures_of_fill_and_ground_go_with_the_fill():
    mixtures = np.linspace(-9000, 500, 1500)
    band = checked(histogram(GROUND, np.full(20_000, -9999), mixtures))
    assert band.stretch == pytest.approx([histogram(GROUND).percentile(percent) for percent in PERCENTS], abs=20)


@pytest.mark.parametrize("shadows", [500, 10_000, 40_000])
def test_shadows_are_no_fill(shadows):
    """Sunlit ground from 40 on, black shadows, and dim ground in between."""
    ground = np.random.default_rng(1).normal(120, 25, 50_000).round().clip(1, 255)
    dim = np.random.default_rng(2).uniform(1, 60, shadows // 10).round()
    values = histogram(ground, dim, np.zeros(shadows))
    band = checked(values)
    assert band.brightness.count == values.count
    assert band.warnings == []


def test_shadows_on_flat_ground_are_no_fill():
    """As narrow as ground may be, its dim slopes lie between it and shadows."""
    ground, dim = np.repeat(np.arange(100, 116), 3000), np.random.default_rng(2).uniform(1, 99, 400).round()
    values = histogram(ground, dim, np.zeros(1000))
    assert checked(values).brightness.count == values.count


def test_a_black_border_near_dark_ground_is_only_doubted():
    ground = np.random.default_rng(1).normal(100, 30, 50_000).round().clip(45, 255)
    band = checked(histogram(ground, np.zeros(10_000)))
    assert band.stretch[0] == 0
    assert band.warnings[0].startswith("16.7 % of its pixels are 0, and hardly any nearly so")


@pytest.mark.parametrize("count", [1, 40])
def test_outliers_are_no_fill(count):
    band = checked(histogram(GROUND, np.full(count, 1e32)))
    assert band.brightness.count == GROUND.size + count
    assert band.warnings == []


@pytest.mark.parametrize("stretch", [(57, 217), (0, 100), (3000, 9000), (990, 1010)])
def test_a_stretch_that_saturates(stretch):
    (warning,) = checked(histogram(GROUND), stretch).warnings
    assert warning.startswith(f"stretch_values [{stretch[0]}, {stretch[1]}] turns ")
    low, high = checked(histogram(GROUND)).stretch
    assert f"leave stretch_values out, or set it to [{low:g}, {high:g}], its 0.5 and 99.5 %" in warning


@pytest.mark.parametrize("stretch, words", [((0, 65535), "one or two greys"), ((0, 8000), "of 256 greys")])
def test_a_stretch_that_leaves_few_greys(stretch, words):
    (warning,) = checked(histogram(GROUND), stretch).warnings
    assert words in warning


@pytest.mark.parametrize("stretch", [(800, 1200), (0, 2000), (940, 1060 + 60)])
def test_a_stretch_that_another_scene_may_need(stretch):
    assert checked(histogram(GROUND), stretch).warnings == []


def test_scattered_outliers_that_decide_a_percentile():
    scattered = np.random.default_rng(0).uniform(1e5, 1e6, 1000)
    (warning,) = checked(histogram(GROUND, scattered)).warnings
    assert "one or two greys" in warning and "set stretch_values" in warning


@pytest.mark.parametrize("values, words", [([], "none of its pixels"), ([7, 7], "all of its pixels have the value 7")])
def test_nothing_to_see(values, words):
    (warning,) = checked(histogram(np.array(values, float))).warnings
    assert words in warning


def test_masks_and_classes_have_no_fill():
    band = checked(histogram(np.repeat([0, 1, 255], [9000, 10, 1000])))
    assert band.brightness.count == 10_010
    assert "one or two greys" in band.warnings[0]


@pytest.mark.parametrize("share, is_saturated", [(0.05, False), (0.1, False), (0.15, True), (0.4, True)])
def test_a_saturated_image_gets_a_word(share, is_saturated):
    """White slopes as bright as the detector goes, with values of all kinds below, so that they are no fill."""
    ground = np.random.default_rng(1).normal(150, 40, 50_000).round().clip(1, 254)
    bright = np.random.default_rng(2).uniform(230, 255, 5000).round()
    white = np.full(round((ground.size + bright.size) * share / (1 - share)), 255)
    warnings = checked(histogram(ground, bright, white)).warnings
    assert [text for text in warnings if "of its pixels white: the image is saturated" in text] == warnings
    assert bool(warnings) == is_saturated


def test_what_percentiles_make_white_is_not_saturated():
    band = histogram(GROUND)
    ends = tuple(band.percentile(percent) for percent in (5, 85))
    assert CheckedBand(band, band, ends, (5, 85)).warnings == []


@pytest.mark.parametrize("counts", [{0: 700, 255: 300}, {0: 44, 127: 9900, 159: 30, 255: 26}])
def test_masks_and_spots_that_the_settings_stretch_need_no_word(counts):
    """Bands beside an image: no stretch gives them more greys."""
    band = histogram(np.repeat(list(counts), list(counts.values())))
    assert checked(band, (0, 255)).warnings == []
    assert "one or two greys" in checked(band).warnings[0]
