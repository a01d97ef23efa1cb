"""Masks beside images without a map, as label rasters: made up."""

import numpy as np
import pytest
import rasterio

from orbitile.base.errors import OrbitileError
from orbitile.features.labels.masks import MaskFolder

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
VALUES = np.array([[0, 1, 2, 255], [2, 2, 0, 0], [1, 0, 0, 1]], np.uint8)


@pytest.fixture
def labelled(raster, tmp_path):
    """Writes a mask of the scene a, and reads the label raster that becomes of it."""
    folder = tmp_path / "masks"
    folder.mkdir()

    def run(pixels, name="a.png", classes=("sand", "rock"), values=None, valid=None, nodata=None, colours=None):
        pixels = pixels.reshape(-1, *pixels.shape[-2:])
        driver = "PNG" if name.lower().endswith("png") else "GTiff"
        profile = dict(driver=driver, width=pixels.shape[2], height=pixels.shape[1], count=len(pixels), nodata=nodata)
        with rasterio.open(folder / name, "w", dtype=pixels.dtype, **profile) as sink:
            if colours:
                sink.write_colormap(1, colours)
            sink.write(pixels)
        row = raster(np.full((3, 4), 9, np.uint8), valid=valid)
        masks = MaskFolder(folder, tuple(classes), values)
        masks.check_scenes(["a"])
        masks.write_raster(row, row.grid, tmp_path / "labels.tif")
        with rasterio.open(tmp_path / "labels.tif") as source:
            assert (source.width, source.height, source.nodata) == (4, 3, 255)
            assert source.transform.almost_equals(row.grid.transform)
            return source.read(1)

    return run


@pytest.mark.parametrize("name", ["a.png", "a.TIF", "a.tiff"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_values_are_classes_in_their_order(labelled, name, dtype):
    assert np.array_equal(labelled(VALUES.astype(dtype), name), VALUES)


def test_values_of_masks_with_colours_are_their_numbers(labelled):
    colours = {number: (number, 255 - number, 9, 255) for number in range(256)}
    assert np.array_equal(labelled(VALUES, colours=colours), VALUES)


def test_named_values(labelled):
    mask = np.array([[0, 7, 255, 40]] * 3, np.uint8)
    assert labelled(mask, values=dict(sand=40, rock=7))[0].tolist() == [0, 2, 255, 1]
    two_values = np.array([[0, 255, 255, 0]] * 3, np.uint8)
    assert labelled(two_values, classes=["crater"], values=dict(crater=255))[0].tolist() == [0, 1, 1, 0]
    assert labelled(two_values, classes=["crater"], values=dict(crater=1))[0].tolist() == [0, 255, 255, 0]


def test_pixels_without_data_have_no_label(labelled):
    valid = np.full((3, 4), 255, np.uint8)
    valid[1] = 0
    assert labelled(VALUES, valid=valid)[1].tolist() == [255] * 4


def test_unknown_may_be_nodata(labelled):
    assert np.array_equal(labelled(VALUES, "a.tif", nodata=255), VALUES)


def test_a_mask_may_hold_background_alone(labelled):
    assert not labelled(np.zeros((3, 4), np.uint8)).any()


@pytest.mark.parametrize(
    ("pixels", "options", "reason"),
    [
        (np.stack([VALUES] * 3), {}, r"a\.png: has 3 bands, as colours have"),
        (VALUES[:2], {}, r"a\.png: 4 x 2 px, but the scene a has 4 x 3; a mask has the size of its image"),
        (VALUES, dict(classes=["crater"]), r"a\.png: value 2 is no class; allowed are 0 \(background\), 1 \(crater\), "
                                           r"255 \(unknown\)$"),
        (VALUES, dict(values=dict(sand=1, rock=9)), r"value 2 is no class; allowed are 0 .*, 9 \(rock\)"),
        (VALUES.astype(np.uint16) * 300, {}, "value 300 is no class"),
        (VALUES.astype(np.int16) - 1, dict(name="a.tif"), "value -1 is no class"),
        (VALUES.astype(np.float32), dict(name="a.tif"), "holds float32; a mask holds whole numbers"),
        (VALUES, dict(name="a.tif", nodata=0), r"its nodata value is 0, .* take it away .rio edit-info FILE --unset"),
        (VALUES, dict(nodata=0), "which is also a label; take it away .save it without transparent colours"),
        (VALUES, dict(name="b.png"), r"none of its masks \(b\) has the name of a scene \(a\)"),
        (np.array([[0, 255, 255, 0]] * 3, np.uint8), dict(classes=["crater"]),
         r"a\.png: holds 0 and 255 alone, .* labels\.mask_values: \{crater: 255\} if it is the class"),
    ],
)  # fmt: skip
def test_wrong_masks_are_refused(labelled, tmp_path, pixels, options, reason):
    with pytest.raises(OrbitileError, match=reason) as error:
        labelled(pixels, **options)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "labels.tif").exists()


def test_what_is_no_image_is_refused(labelled, tmp_path):
    (tmp_path / "masks" / "a.tif").write_text("no image")
    with pytest.raises(OrbitileError, match=r"a\.png and a\.tif are both masks of the scene a"):
        labelled(VALUES)
