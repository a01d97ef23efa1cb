"""Images of several bands: read, stretched, counted, resampled and written. All are made up."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from images import colour_pixels
from pyproj import CRS
from rasterio.enums import ColorInterp, Resampling

from orbitile.base.errors import OrbitileError
from orbitile.rasters import write
from orbitile.rasters.histogram import band_histograms
from orbitile.rasters.mosaic import RasterPart, opened_mosaic
from orbitile.rasters.read import band_names, channel_numbers, opened_raster, raster_grid, read_window
from orbitile.rasters.resample import averages_by_factor, pixel_type, unchanged_blocks, warped_blocks
from orbitile.rasters.source import RasterPixels
from orbitile.rasters.write import PixelType, write_cog
from orbitile.space.grids import Grid, Window

MOON_MAP = CRS("IAU_2015:30110").to_wkt()
WIDTH, HEIGHT = 50, 40
ALL = Window(0, 0, WIDTH, HEIGHT)


def grid(width=WIDTH, height=HEIGHT, gsd=100.0):
    return Grid(MOON_MAP, Affine(gsd, 0, 0, 0, -gsd, 0), width, height)


@pytest.fixture
def colours():
    """Three bands with holes (0) at other pixels in each."""
    pixels = colour_pixels(HEIGHT, WIDTH)
    return np.where(np.random.default_rng(1).random(pixels.shape) < 0.1, 0, pixels).astype(np.uint8)


@pytest.fixture
def image_with_heights(tmp_path, geotiff):
    """An image (uint8, nodata 0) and its elevation model (float32, nodata -9999) as the bands of a virtual raster."""
    rng = np.random.default_rng(2)
    image = rng.integers(0, 9, (HEIGHT, WIDTH)).astype(np.uint8)
    heights = np.where(rng.random((HEIGHT, WIDTH)) < 0.1, -9999, rng.normal(0, 900, (HEIGHT, WIDTH))).astype(np.float32)
    heights[3, 4] = np.nan
    bands = [
        ("Byte", 0, geotiff(image, "i.tif", nodata=0)),
        ("Float32", -9999, geotiff(heights, "h.tif", nodata=-9999)),
    ]
    described = "".join(
        f'<VRTRasterBand dataType="{dtype}" band="{number}"><NoDataValue>{nodata}</NoDataValue><SimpleSource>'
        f"<SourceFilename>{path}</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand>"
        for number, (dtype, nodata, path) in enumerate(bands, start=1)
    )
    (tmp_path / "both.vrt").write_text(
        f'<VRTDataset rasterXSize="{WIDTH}" rasterYSize="{HEIGHT}"><SRS>{MOON_MAP.replace("&", "&amp;")}</SRS>'
        f"<GeoTransform>0, 100, 0, 0, 0, -100</GeoTransform>{described}</VRTDataset>"
    )
    valid = (image > 0) & (heights != -9999) & np.isfinite(heights)
    return str(tmp_path / "both.vrt"), np.stack([image, heights]), valid


@pytest.mark.parametrize("channels", [(1, 2, 3), (3, 1), (2,), range(1, 4)])
def test_bands_are_read_in_their_order_and_valid_where_all_are(geotiff, colours, channels):
    with opened_raster(geotiff(colours, nodata=0)) as source:
        pixels, valid = read_window(source, Window(5, 7, 20, 30), channels)
    expected = colours[np.array(channels) - 1, 7:37, 5:25]
    assert np.array_equal(pixels, expected)
    assert np.array_equal(valid, (expected > 0).all(axis=0))


def test_the_number_of_a_band_reads_that_band_alone(geotiff, colours):
    with opened_raster(geotiff(colours, nodata=0)) as source:
        pixels, valid = read_window(source, ALL, 3)
    assert np.array_equal(pixels, colours[2])
    assert np.array_equal(valid, colours[2] > 0)


def test_a_mask_goes_for_all_bands(geotiff, colours):
    expected = colours[0] > 0
    with opened_raster(geotiff(colours, valid=expected)) as source:
        assert np.array_equal(read_window(source, ALL, (2, 3))[1], expected)


@pytest.mark.parametrize("channels", [(1, 2), (2, 1)])
def test_bands_of_two_types_and_nodata_values(image_with_heights, channels):
    path, expected, expected_valid = image_with_heights
    with opened_raster(path) as source:
        pixels, valid = read_window(source, ALL, channels)
        assert pixel_type(source, channels, ("a", "b")) == PixelType("float32", None, bands=("a", "b"))
        assert pixel_type(source, channels[0]).dtype == ("uint8" if channels[0] == 1 else "float32")
    expected = expected[np.array(channels) - 1]
    assert pixels.dtype == np.float32
    assert np.array_equal(valid, expected_valid)
    assert np.array_equal(pixels[:, valid], expected[:, valid])


def test_bands_are_shrunk_together(image_with_heights):
    """A coarse pixel is valid where both bands have data in it."""
    path, _, _ = image_with_heights
    with opened_raster(path) as source:
        pixels, valid = read_window(source, ALL, (1, 2), shape=(HEIGHT // 2, WIDTH // 2))
        apart = [read_window(source, ALL, number, shape=(HEIGHT // 2, WIDTH // 2)) for number in (1, 2)]
    assert pixels.shape == (2, HEIGHT // 2, WIDTH // 2)
    assert np.array_equal(valid, apart[0][1] & apart[1][1])
    assert np.array_equal(pixels[0][valid], apart[0][0][valid])
    assert np.array_equal(pixels[1][valid], apart[1][0][valid])


@pytest.mark.parametrize(
    ("nodata", "dtypes", "expected"),
    [
        ((0, 0), ("uint8", "uint8"), 0),
        ((0, None), ("uint8", "uint8"), None),
        ((np.nan, np.nan), ("float32",) * 2, np.nan),
    ],
)
def test_a_nodata_value_is_kept_where_all_bands_share_it(geotiff, tmp_path, nodata, dtypes, expected):
    paths = [
        geotiff(np.ones((2, 2), dtype), f"{number}.tif", nodata=value)
        for number, (value, dtype) in enumerate(zip(nodata, dtypes, strict=True))
    ]
    bands = "".join(
        f'<VRTRasterBand dataType="{"Byte" if dtype == "uint8" else "Float32"}" band="{number}">'
        + (f"<NoDataValue>{value}</NoDataValue>" if value is not None else "")
        + f"<SimpleSource><SourceFilename>{path}</SourceFilename></SimpleSource></VRTRasterBand>"
        for number, (path, value, dtype) in enumerate(zip(paths, nodata, dtypes, strict=True), start=1)
    )
    (tmp_path / "two.vrt").write_text(f'<VRTDataset rasterXSize="2" rasterYSize="2">{bands}</VRTDataset>')
    with opened_raster(str(tmp_path / "two.vrt")) as source:
        assert pixel_type(source, (1, 2)).nodata == pytest.approx(expected, nan_ok=True)


def test_a_source_of_pixels_has_the_bands_chosen(geotiff, colours, image_with_heights):
    with opened_raster(geotiff(colours, nodata=0)) as image:
        source = RasterPixels(image, [3, 1])
        assert (source.bands, source.dtype, source.width, source.height) == (2, "uint8", WIDTH, HEIGHT)
        assert np.array_equal(source.read(ALL)[0], colours[[2, 0]])
        assert RasterPixels(image, 2).bands == 1
    with opened_raster(image_with_heights[0]) as image:
        assert RasterPixels(image, [1, 2]).dtype == "float32"


def test_a_mosaic_takes_all_bands_of_a_pixel_from_one_part(geotiff):
    """The first part lacks its second band at one pixel, and so that pixel."""
    first = np.array([[[1, 2, 3]], [[4, 0, 6]]], np.uint8)
    second = np.array([[[11, 12, 13, 14]], [[15, 16, 17, 0]]], np.uint8)
    parts = [
        RasterPart(geotiff(first, "one.tif", nodata=0), 0, 0, 3, 1),
        RasterPart(geotiff(second, "two.tif", nodata=0), 0, 0, 4, 1),
    ]
    with opened_mosaic(parts) as mosaic:
        pixels, valid = mosaic.read(Window(-1, 0, 6, 1), (2, 1))
        assert np.array_equal(mosaic.read(Window(0, 0, 3, 1), (1, 2))[0][:, 0, 0], [1, 4])
    assert valid.tolist() == [[False, True, True, True, False, False]]
    assert pixels[:, valid].tolist() == [[4, 16, 6], [1, 12, 3]]


def averaged(pixels, valid, factor):
    """Reference: means of the valid pixels of blocks of `factor` x `factor` pixels, and how many there are."""
    rows, cols = valid.shape[0] // factor, valid.shape[1] // factor
    shape = rows, factor, cols, factor
    count = valid.reshape(shape).sum(axis=(1, 3))
    total = np.where(valid, pixels, 0.0).reshape(len(pixels), *shape).sum(axis=(2, 4))
    return total / np.maximum(count, 1), count


@pytest.mark.parametrize("channels", [(1, 2, 3), (3, 1), (2,), 2])
@pytest.mark.parametrize("options", [dict(nodata=0), dict()])
def test_warping_averages_the_pixels_that_all_bands_have(geotiff, colours, channels, options):
    """With a nodata value, and with a mask."""
    mask = dict(valid=colours[0] > 0) if not options else {}
    numbers = np.atleast_1d(channels)
    with opened_raster(geotiff(colours, **options, **mask)) as source:
        ((_, pixels, valid),) = warped_blocks(source, grid(25, 20, 200.0), Resampling.average, channels)
    joint = mask["valid"] if mask else (colours[numbers - 1] > 0).all(axis=0)
    expected, count = averaged(colours[numbers - 1], joint, 2)
    assert pixels.shape == ((len(numbers),) if isinstance(channels, tuple) else ()) + (20, 25)
    assert np.array_equal(valid, count > 0)
    assert np.abs(pixels.reshape(-1, 20, 25) - expected)[:, valid].max() <= 0.51


def test_warping_bands_of_two_types(image_with_heights):
    path, expected, joint = image_with_heights
    expected[:, 3, 4] = 0  # in place of NaN, which is not valid
    with opened_raster(path) as source:
        ((_, pixels, valid),) = warped_blocks(source, grid(25, 20, 200.0), Resampling.average, (2, 1))
    expected, count = averaged(expected[::-1], joint, 2)
    assert valid[1, 2] and np.array_equal(valid, count > 0)
    assert pixels[:, valid] == pytest.approx(expected[:, valid], rel=1e-5, abs=1e-3)


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
@pytest.mark.parametrize("nodata", [None, 0])
def test_transparency_is_a_mask(tmp_path, bands, nodata):
    """Of images of any number of bands, though GDAL itself heeds it in those of one and three only."""
    rng = np.random.default_rng(bands)
    pixels, opaque = rng.integers(0, 9, (bands, HEIGHT, WIDTH)).astype(np.uint8), rng.random((HEIGHT, WIDTH)) < 0.8
    profile = dict(driver="GTiff", width=WIDTH, height=HEIGHT, count=bands + 1, dtype="uint8", nodata=nodata)
    with rasterio.open(tmp_path / "a.tif", "w", crs=MOON_MAP, transform=grid().transform, **profile) as sink:
        sink.colorinterp = [ColorInterp.gray] + [ColorInterp.undefined] * (bands - 1) + [ColorInterp.alpha]
        sink.write(np.concatenate([pixels, np.where(opaque, 255, 0).astype(np.uint8)[None]]))
    joint = opaque & (pixels > 0).all(axis=0) if nodata == 0 else opaque
    channels = channel_numbers(bands)
    with opened_raster(str(tmp_path / "a.tif")) as source:
        found, valid = read_window(source, ALL, channels)
        ((_, warped, warped_valid),) = warped_blocks(source, grid(25, 20, 200.0), Resampling.average, channels)
    assert np.array_equal(found.reshape(pixels.shape), pixels)
    assert np.array_equal(valid, joint)
    expected, count = averaged(pixels, joint, 2)
    assert np.array_equal(warped_valid, count > 0)
    assert np.abs(warped.reshape(bands, 20, 25) - expected)[:, warped_valid].max() <= 0.51


def test_a_truncated_image_that_is_warped_is_named(geotiff, tmp_path):
    content = Path(geotiff(colour_pixels(300, 300))).read_bytes()
    (tmp_path / "half.tif").write_bytes(content[: len(content) // 2])
    with (
        opened_raster(str(tmp_path / "half.tif")) as source,
        pytest.raises(OrbitileError, match=r"half\.tif: cannot be read as an image") as error,
    ):
        list(warped_blocks(source, grid(200, 200, 150.0), Resampling.average, (1, 2)))
    assert "<VRT" not in str(error.value)


@pytest.mark.parametrize("factor", [2, 3])
def test_block_averages_of_bands(geotiff, colours, factor):
    with opened_mosaic([RasterPart(geotiff(colours, nodata=0), 0, 0, WIDTH, HEIGHT)]) as mosaic:
        ((_, (_, pixels, valid)),) = averages_by_factor(mosaic, grid(), [factor], (3, 1))
    rows, cols = HEIGHT // factor, WIDTH // factor
    cut = np.s_[:, : rows * factor, : cols * factor]
    chosen = colours[[2, 0]][cut]
    expected, count = averaged(chosen, (chosen > 0).all(axis=0), factor)
    enough = 2 * count >= factor**2
    assert np.array_equal(valid[:rows, :cols], enough)
    assert np.array_equal(pixels[:, :rows, :cols][:, enough], np.rint(expected)[:, enough])


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_each_band_has_its_histogram_over_the_pixels_that_all_have(geotiff, colours, dtype):
    """The second band is ten times as bright as the first."""
    pixels = (colours // 10 * np.array([1, 10, 3])[:, None, None]).astype(dtype)
    with opened_raster(geotiff(pixels, nodata=0)) as source:
        histograms = band_histograms(source, raster_grid(source))
    valid = (pixels > 0).all(axis=0)
    assert [histogram.count for histogram in histograms] == [valid.sum()] * 3
    for histogram, band in zip(histograms, pixels, strict=True):
        expected = np.percentile(band[valid], [0, 50, 100], method="inverted_cdf")
        assert [histogram.percentile(percent) for percent in (0, 50, 100)] == pytest.approx(expected.tolist(), abs=0.01)


def test_histograms_of_nothing(geotiff):
    with opened_raster(geotiff(np.zeros((2, 4, 4), np.float32), nodata=0)) as source:
        assert [histogram.count for histogram in band_histograms(source, raster_grid(source))] == [0, 0]


def blocks_of(pixels, valid):
    return [
        (Window(0, top, WIDTH, rows), pixels[:, top : top + rows], valid[top : top + rows])
        for top, rows in ((0, 16), (16, 24))
    ]


@pytest.mark.parametrize(("dtype", "nodata"), [("uint8", None), ("uint8", 0), ("float32", None), ("float32", -1.0)])
@pytest.mark.parametrize("bands", [2, 3, 4, 5])
def test_bands_are_written_with_one_validity(tmp_path, dtype, nodata, bands):
    """No band becomes transparency, which GDAL makes of the fourth of four bands, and none loses a valid pixel."""
    rng = np.random.default_rng(bands)
    pixels, valid = rng.integers(0, 9, (bands, HEIGHT, WIDTH)).astype(dtype), rng.random((HEIGHT, WIDTH)) < 0.7
    names = tuple(f"band {number}" for number in range(bands))
    write_cog(tmp_path / "a.tif", grid(), PixelType(dtype, nodata, bands=names), blocks_of(pixels, valid))
    with opened_raster(str(tmp_path / "a.tif")) as source:
        assert band_names(source) == names
        assert source.nodata == nodata
        assert ColorInterp.alpha not in source.colorinterp
        found, found_valid = read_window(source, ALL, channel_numbers(bands))
        each = [read_window(source, ALL, number)[1] for number in range(1, bands + 1)]
    expected = np.where(pixels == 0, 1, pixels) if nodata == 0 else pixels
    assert np.array_equal(found_valid, valid)
    assert all(np.array_equal(band_valid, valid) for band_valid in each)
    assert np.array_equal(found[:, valid], expected[:, valid])


@pytest.mark.parametrize("fault", ["last band", "mask"])
@pytest.mark.parametrize("nodata", [None, 0])
def test_what_is_read_back_is_compared_in_all_bands(tmp_path, monkeypatch, colours, fault, nodata):
    """A made-up driver loses a pixel of the last band, or of the mask."""
    copy = write.copy

    def lossy_copy(plain, final, **options):
        with rasterio.open(plain, "r+") as sink:
            if fault == "mask":
                sink.write_mask(np.zeros((1, 1), bool), window=((0, 1), (0, 1)))
            else:
                sink.write(np.array([[77]], np.uint8), 3, window=((20, 21), (20, 21)))
        copy(plain, final, **options)

    monkeypatch.setattr(write, "copy", lossy_copy)
    colours[2, 20, 20], valid = 5, np.ones((HEIGHT, WIDTH), bool)
    if fault == "mask" and nodata is not None:
        pytest.skip("without a mask none can be lost")
    with pytest.raises(OrbitileError, match="what was read back differs from what was written"):
        write_cog(tmp_path / "a.tif", grid(), PixelType("uint8", nodata, bands=("", "", "")), blocks_of(colours, valid))
    assert list(tmp_path.glob("*.tif")) == []


def test_unchanged_blocks_of_chosen_bands(geotiff, colours):
    with opened_raster(geotiff(colours, nodata=0)) as source:
        ((window, pixels, valid),) = unchanged_blocks(source, raster_grid(source), (3, 2))
    assert window == ALL
    assert np.array_equal(pixels, colours[[2, 1]])
    assert np.array_equal(valid, (colours[1:] > 0).all(axis=0))
