"""What stored values mean. Images are made up."""

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from affine import Affine
from pyproj import CRS
from rasterio.enums import ColorInterp, Resampling

from orbitile.base.errors import OrbitileError
from orbitile.rasters.band_selection import opened_values
from orbitile.rasters.data_bands import data_bands
from orbitile.rasters.encodings import band_encoding
from orbitile.rasters.read import opened_raster, raster_grid, read_window
from orbitile.rasters.resample import warped_blocks
from orbitile.space.grids import Window

GREY = np.random.default_rng(0).integers(3, 250, (40, 60), np.uint8)
GREYS = {grey: (grey, grey, grey, 255) for grey in range(256)}


@pytest.fixture
def image(tmp_path):
    """Writes pixels ([bands,] rows, columns) with anything a GeoTIFF may say of them."""

    def write(pixels, palette=None, scales=None, offsets=None, roles=None, **profile):
        bands = pixels.reshape(-1, *pixels.shape[-2:])
        path = tmp_path / "image.tif"
        profile |= dict(width=bands.shape[2], height=bands.shape[1], count=len(bands), dtype=pixels.dtype)
        place = dict(crs=CRS("IAU_2015:30110").to_wkt(), transform=Affine(100, 0, 0, 0, -100, 0))
        with rasterio.open(path, "w", driver="GTiff", **place, **profile) as sink:
            sink.write(bands)
        with rasterio.open(path, "r+") as sink:
            if palette:
                sink.write_colormap(1, palette)
            for name, values in dict(scales=scales, offsets=offsets, colorinterp=roles).items():
                if values:
                    setattr(sink, name, tuple(values) if name == "colorinterp" else tuple(map(float, values)))
        return str(path)

    return write


def values(path, channels=1):
    """The values that an image means, and where it has any."""
    with opened_values(path, channels) as (source, numbers):
        return read_window(source, Window(0, 0, source.width, source.height), numbers)


def encoding(path, number=1):
    with opened_raster(path) as source:
        return band_encoding(source, number)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "int32", "float32", "float64"])
def test_plain_images_are_read_as_they_are(image, dtype):
    path = image((GREY.astype(int) - (100 if dtype.startswith("i") else 0)).astype(dtype))
    assert encoding(path).is_plain
    with opened_values(path) as (source, number):
        assert (source.name, number) == (path, 1)


@pytest.mark.parametrize(
    "dtype, profile, white",
    [("uint8", {}, 255), ("uint16", {}, 65535), ("uint16", dict(nbits=12), 4095), ("uint32", {}, 2**32 - 1)],
)
def test_where_the_least_value_is_white(image, dtype, profile, white):
    path = image((white - GREY.astype(np.int64)).astype(dtype), photometric="MINISWHITE", **profile)
    pixels, valid = values(path)
    assert pixels.dtype == dtype
    np.testing.assert_array_equal(pixels, GREY)
    assert valid.all()


@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_signed_values_of_which_the_least_is_white_rise_with_brightness(image, dtype):
    pixels, _ = values(image(-GREY.astype(dtype), photometric="MINISWHITE"))
    np.testing.assert_array_equal(np.diff(pixels.astype(int)), np.diff(GREY.astype(int)))


def test_only_the_first_band_of_several_can_have_white_as_least_value(image):
    path = image(np.stack([255 - GREY, GREY]), photometric="MINISWHITE")
    np.testing.assert_array_equal(values(path)[0], GREY)
    assert "MINISWHITE" in encoding(path, 2).fault


@pytest.mark.parametrize("order", [np.arange(256)[::-1], np.random.default_rng(1).permutation(256)])
def test_a_palette_of_greys(image, order):
    pixels, valid = values(image(order.astype(np.uint8)[GREY], {int(order[grey]): GREYS[grey] for grey in GREYS}))
    np.testing.assert_array_equal(pixels, GREY)
    assert valid.all()


def test_a_palette_that_says_nothing(image):
    assert encoding(image(GREY, GREYS)).is_plain


def test_a_palette_of_tints_means_its_luminance(image):
    path = image(GREY, {grey: (grey, round(grey * 0.8), round(grey * 0.5), 255) for grey in range(256)})
    expected = GREY * (0.299 + 0.587 * 0.8 + 0.114 * 0.5)
    assert np.abs(values(path)[0] - expected).max() <= 1


def test_the_colour_of_nodata_does_not_matter(image):
    pixels = np.where(GREY > 200, 255, GREY)
    path = image(pixels, GREYS | {255: (255, 0, 255, 255)}, nodata=255)
    found, valid = values(path)
    np.testing.assert_array_equal(valid, GREY <= 200)
    np.testing.assert_array_equal(found[valid], GREY[valid])


def test_transparent_colours_hold_no_data(tmp_path, image):
    """PNGs and GIFs have such palettes, which TIFFs cannot have."""
    path = image(GREY, GREYS | {5: (255, 0, 255, 255)})
    virtual = tmp_path / "palette.vrt"
    rasterio.shutil.copy(path, virtual, driver="VRT")
    entry = '<Entry c1="255" c2="0" c3="255" c4="255" />'
    assert entry in virtual.read_text()
    virtual.write_text(virtual.read_text().replace(entry, entry.replace('c4="255"', 'c4="0"')))
    found, valid = values(str(virtual))
    np.testing.assert_array_equal(valid, GREY != 5)
    np.testing.assert_array_equal(found[valid], GREY[valid])


def test_colours_without_an_order_are_refused(image):
    colours = np.random.default_rng(0).integers(0, 256, (256, 3)).tolist()
    path = image(GREY, {index: (*colour, 255) for index, colour in enumerate(colours)})
    with pytest.raises(
        OrbitileError, match=rf"^{path}: band 1 holds indices into a palette of colours, .+ -expand rgb"
    ):
        values(path)
    with opened_raster(path) as source:
        assert "palette" in data_bands(source)[0].fault


def test_complex_numbers_are_refused(image):
    with pytest.raises(OrbitileError, match=r"image.tif: band 1 holds complex numbers, .+AMPLITUDE"):
        values(image(GREY.astype(np.complex64)))


@pytest.mark.parametrize("role", [ColorInterp.cyan, ColorInterp.hue, ColorInterp.Cb])
def test_bands_of_something_else_are_refused(role, image):
    path = image(np.stack([GREY] * 2), roles=(ColorInterp.gray, role))
    np.testing.assert_array_equal(values(path, 1)[0], GREY)
    assert "colour interpretation" in encoding(path, 2).fault


@pytest.mark.parametrize("scale, offset", [(0.0001, 0.3), (-2, 7), (1, -1000), (1000, 1e9)])
@pytest.mark.parametrize("dtype", ["int16", "float32", "int32"])
def test_scale_and_offset_are_applied(image, scale, offset, dtype):
    path = image(GREY.astype(dtype), scales=(scale,), offsets=(offset,), nodata=5)
    pixels, valid = values(path)
    expected = GREY.astype(float) * scale + offset
    np.testing.assert_array_equal(valid, GREY != 5)
    assert np.abs(pixels - expected)[valid].max() <= abs(scale) / 4
    with opened_raster(path) as source:
        (band,) = data_bands(source)
    assert band.dtype == pixels.dtype
    assert band.nodata is None


@pytest.mark.parametrize("scale", [0, float("nan"), float("inf")])
def test_scales_without_meaning_are_refused(image, scale):
    with pytest.raises(OrbitileError, match=r"image.tif: band 1 has the scale .+\(gdal_edit.py"):
        values(image(GREY, scales=(scale,), offsets=(1,)))


def test_bands_with_scales_each(image):
    path = image(np.stack([GREY, GREY]).astype(np.int16), scales=(2, -1), offsets=(0, 50))
    pixels, _ = values(path, [2, 1])
    np.testing.assert_array_equal(pixels, np.stack([50.0 - GREY, 2.0 * GREY]))


@pytest.mark.parametrize("bands", [1, 2])
def test_warped_values_are_those_that_are_meant(image, bands):
    path = image(np.stack([255 - GREY] * bands), photometric="MINISWHITE", nodata=255 - 7)
    with opened_values(path) as (source, numbers):
        ((_, pixels, _),) = warped_blocks(source, raster_grid(source).coarser(4), Resampling.average, numbers)
    means = np.ma.masked_equal(GREY, 7).reshape(10, 4, 15, 4).mean(axis=(1, 3))
    assert np.abs(pixels - means).max() <= 1


@pytest.mark.parametrize("driver", ["GTiff", "ISIS3"])
@pytest.mark.parametrize(
    "dtype, special",
    [
        ("int16", np.arange(-32768, -32763)),
        ("float32", np.arange(0xFF7FFFFB, 0xFF800000, dtype=np.uint32).view(np.float32)),
        ("uint16", np.array([0, 1, 2, 65534, 65535])),
    ],
)
def test_special_pixels_hold_no_brightness(image, tmp_path, driver, dtype, special):
    """In cubes; exported as unsigned integers they are ordinary numbers."""
    pixels = GREY.astype(dtype)
    pixels[:10] = np.resize(special, (10, 60))
    path = image(pixels, nodata=float(special[0]))
    if driver == "ISIS3":
        path, original = str(tmp_path / "cube.cub"), path
        rasterio.shutil.copy(original, path, driver=driver)
    elif dtype == "uint16":
        return
    expected = np.arange(40)[:, None] >= np.full(60, 10)
    _, valid = values(path)
    np.testing.assert_array_equal(valid, expected)
    with opened_values(path) as (source, _):
        ((_, averages, averaged),) = warped_blocks(source, raster_grid(source).coarser(4), Resampling.average)
    assert averaged[3:].all() and not averaged[:2].any()
    assert averages[averaged].min() > 2
    assert averages[averaged].max() < 250


@pytest.mark.parametrize("dtype, nodata", [("uint8", 0.5), ("int16", float("nan")), ("uint8", 999)])
def test_a_nodata_value_that_no_pixel_can_have_is_none(image, tmp_path, dtype, nodata):
    virtual = tmp_path / "image.vrt"
    rasterio.shutil.copy(image(GREY.astype(dtype)), virtual, driver="VRT")
    head, tail = virtual.read_text().split("<SimpleSource", 1)
    virtual.write_text(f"{head}<NoDataValue>{nodata}</NoDataValue><SimpleSource{tail}")
    with opened_values(str(virtual)) as (source, _):
        grid = raster_grid(source).coarser(2)
        ((_, pixels, valid),) = warped_blocks(source, grid, Resampling.average)
    assert valid.all()
    assert pixels.dtype == dtype


def test_bytes_that_an_old_header_calls_signed(image, tmp_path):
    virtual = tmp_path / "image.vrt"
    rasterio.shutil.copy(image((GREY.astype(int) - 128).astype(np.int8).view(np.uint8)), virtual, driver="VRT")
    head, tail = virtual.read_text().split("<ColorInterp>", 1)
    signed = '<Metadata domain="IMAGE_STRUCTURE"><MDI key="PIXELTYPE">SIGNEDBYTE</MDI></Metadata>'
    virtual.write_text(f"{head}{signed}<ColorInterp>{tail}")
    pixels, _ = values(str(virtual))
    assert pixels.dtype == np.int8
    np.testing.assert_array_equal(pixels.astype(int) + 128, GREY)


PDS3_LABEL = """PDS_VERSION_ID = PDS3
RECORD_TYPE = FIXED_LENGTH
RECORD_BYTES = 120
^IMAGE = ("image.img", 1)
OBJECT = IMAGE
  LINES = 40
  LINE_SAMPLES = 60
  SAMPLE_TYPE = LSB_INTEGER
  SAMPLE_BITS = 16
  CORE_NULL = -32700
  CORE_HIGH_REPR_SATURATION = 16#7FFF#
  MISSING_CONSTANT = -32600
END_OBJECT = IMAGE
END
"""
PDS4_CONSTANTS = """<Special_Constants><missing_constant>-32700</missing_constant>
<saturated_constant>32767</saturated_constant><invalid_constant>-32600</invalid_constant></Special_Constants>"""


@pytest.mark.parametrize("name", ["image.lbl", "image.xml"])
def test_the_constants_of_a_label_hold_no_brightness(image, tmp_path, name):
    pixels = GREY.astype(np.int16)
    pixels[:3], pixels[3:6], pixels[6:9] = -32700, 32767, -32600
    path, end = tmp_path / name, "</Element_Array>"
    if name == "image.lbl":
        path.write_text(PDS3_LABEL)
        pixels.astype("<i2").tofile(tmp_path / "image.img")
    else:
        rasterio.shutil.copy(image(pixels), path, driver="PDS4", IMAGE_FORMAT="RAW")
        path.write_text(path.read_text().replace(end, end + PDS4_CONSTANTS))
    found, valid = values(str(path))
    np.testing.assert_array_equal(valid, np.arange(40)[:, None] >= np.full(60, 9))
    np.testing.assert_array_equal(found[valid], GREY[valid])
