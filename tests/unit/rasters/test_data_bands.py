"""Which bands of an image hold data, what they are called, and what they have in common. All images are made up."""

import numpy as np
import pytest
import rasterio
from images import colour_pixels, describe_bands
from rasterio.enums import ColorInterp

from orbitile.rasters.data_bands import DataBand, data_bands, joint_dtype, joint_nodata


def bands_of(path):
    with rasterio.open(path) as source:
        return data_bands(source)


def test_colours(geotiff):
    roles = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
    bands = bands_of(describe_bands(geotiff(colour_pixels(4, 5)), roles=roles))
    assert [(band.number, band.name, str(band)) for band in bands] == [
        (1, "red", "1 red"), (2, "green", "2 green"), (3, "blue", "3 blue"),
    ]  # fmt: skip


def test_alpha_bands_hold_no_data(geotiff):
    pixels = np.concatenate([colour_pixels(4, 5), np.full((1, 4, 5), 255, np.uint8)])
    roles = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha)
    assert [band.number for band in bands_of(describe_bands(geotiff(pixels), roles=roles))] == [1, 2, 3]


def test_masks_hold_no_data(geotiff):
    path = geotiff(np.ones((4, 5), np.uint8), valid=np.zeros((4, 5), bool))
    assert len(bands_of(path)) == 1


def test_descriptions_go_before_colours(geotiff):
    path = geotiff(np.ones((2, 4, 5), np.float32))
    image, elevation = bands_of(describe_bands(path, ("image", " elevation "), (ColorInterp.gray, ColorInterp.nir)))
    assert (image.name, elevation.name) == ("image", "elevation")
    assert (image.keywords, elevation.keywords) == ({"image", "gray"}, {"elevation", "nir"})


def test_a_grey_band_has_no_name(geotiff):
    (band,) = bands_of(geotiff(np.ones((4, 5), np.uint8), nodata=0))
    assert band == DataBand(1, "uint8", 0, "", "gray")
    assert (band.name, str(band)) == ("", "1 gray")


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        (["uint8"], "uint8"),
        (["uint8", "uint8"], "uint8"),
        (["uint8", "int16"], "int16"),
        (["uint16", "float32"], "float32"),
        (["uint16", "int16"], "int32"),
    ],
)
def test_the_data_type_of_all_bands(types, expected):
    assert joint_dtype([DataBand(number, dtype, None) for number, dtype in enumerate(types, 1)]) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [([0.0], 0.0), ([0.0, 0.0], 0.0), ([0.0, -1.0], None), ([0.0, None], None), ([None, None], None)],
)
def test_the_nodata_value_of_all_bands(values, expected):
    assert joint_nodata([DataBand(number, "int16", value) for number, value in enumerate(values, 1)]) == expected


def test_nan_is_the_nodata_value_of_bands_that_have_it():
    assert np.isnan(joint_nodata([DataBand(number, "float32", float("nan")) for number in (1, 2)]))
