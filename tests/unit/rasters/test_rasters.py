import os
import re
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from pyproj import CRS
from rasterio.enums import Resampling

from orbitile.base.errors import OrbitileError
from orbitile.rasters.histogram import ValueCounts
from orbitile.rasters.mosaic import Mosaic, RasterPart
from orbitile.rasters.read import opened_raster, raster_grid, read_window, row_windows
from orbitile.rasters.resample import averages_by_factor, pixel_type, unchanged_blocks, warped_blocks
from orbitile.rasters.stretch import FILL, Stretch
from orbitile.rasters.write import PixelType, write_cog
from orbitile.space.grids import Grid, Window

MOON_MAP = CRS("IAU_2015:30110").to_wkt()
GREY = np.arange(1, 81, dtype=np.uint8).reshape(8, 10)
sides = st.integers(1, 12)


def grid(width, height, col=0, row=0, gsd=100.0):
    return Grid(MOON_MAP, Affine(gsd, 0, col * gsd, 0, -gsd, -row * gsd), width, height)


def whole(pixels, valid, width, height):
    return iter([(Window(0, 0, width, height), pixels, valid)])


@pytest.mark.parametrize(
    ("low", "high", "pixel", "grey"),
    [(0, 255, 7, 7), (100, 200, 100, 0), (100, 200, 150, 128), (100, 200, 200, 255), (0, 1, -9, 0), (0, 1, 9, 255)],
)
def test_stretch(low, high, pixel, grey):
    assert Stretch((low,), (high,)).apply(np.array([pixel], np.int16), np.array([True])).tolist() == [grey]


def test_stretch_fills_what_is_not_valid():
    pixels = np.array([np.nan, 0.5, np.inf], np.float32)
    assert Stretch((0,), (1,)).apply(pixels, np.isfinite(pixels)).tolist() == [FILL, 128, FILL]


@pytest.mark.parametrize(
    "dtype, low, step",
    [
        ("int32", 10**9, 1),
        ("uint32", 4 * 10**9, 1),
        ("int64", 2**40, 3),
        ("float64", 1737400, 1e-3),
        ("float64", 0, 1e300),
    ],
)
def test_a_stretch_of_values_that_differ_by_less_than_float32_can_tell(dtype, low, step):
    greys = np.arange(256)
    pixels = (low + greys * np.array(step, dtype)).astype(dtype)
    assert Stretch((low,), (low + 255 * step,)).apply(pixels, greys >= 0).tolist() == greys.tolist()


def test_special_pixels_of_isis_are_no_data(geotiff):
    pixels = np.arange(-32768, -32758, dtype=np.int16).reshape(2, 5)
    with opened_raster(geotiff(pixels, nodata=-32768)) as source:
        _, valid = read_window(source, Window(0, 0, 5, 2))
    assert np.array_equal(valid, pixels > -32764)


def test_each_band_has_its_stretch():
    pixels, valid = np.arange(1, 13, dtype=np.uint8).reshape(3, 2, 2), np.array([[True, False], [True, True]])
    grey = Stretch((0, 5, 6), (255, 9, 12)).apply(pixels, valid)
    expected = np.stack([pixels[0], [[0, 0], [128, 191]], [[128, 0], [212, 255]]])
    assert np.array_equal(grey, np.where(valid, expected, FILL))


@pytest.mark.parametrize("bands", [1, 2, 4])
def test_a_stretch_of_another_number_of_bands_is_refused(bands):
    with pytest.raises(ValueError):
        Stretch((0,) * bands, (255,) * bands).apply(np.ones((3, 2, 2), np.uint8), np.ones((2, 2), bool))


def test_stretch_of_a_scene_of_one_value():
    with np.errstate(all="raise"):
        assert Stretch((5,), (5,)).apply(np.array([5.0], np.float32), np.array([True])).tolist() == [0]


def test_stretch_of_a_scene_without_data():
    grey = Stretch((np.nan,), (np.nan,)).apply(np.zeros(2, np.uint8), np.zeros(2, bool))
    assert grey.tolist() == [FILL, FILL]


def test_read_a_window(geotiff):
    with opened_raster(geotiff(GREY)) as source:
        pixels, valid = read_window(source, Window(2, 1, 3, 2))
    assert pixels.tolist() == GREY[1:3, 2:5].tolist()
    assert valid.all()


@pytest.mark.parametrize(
    ("pixels", "how"),
    [
        (np.array([[1, 0]], np.uint8), dict(nodata=0)),
        (np.array([[1, 0]], np.uint8), dict(valid=np.array([[True, False]]))),
        (np.array([[1, -9999]], np.float32), dict(nodata=-9999)),
        (np.array([[1, np.nan]], np.float32), dict(nodata=-9999)),
        (np.array([[1, np.nan]], np.float32), dict(nodata=np.nan)),
        (np.array([[1, np.inf]], np.float32), dict()),
    ],
)
def test_read_tells_what_is_valid(geotiff, pixels, how):
    with opened_raster(geotiff(pixels, **how)) as source:
        assert read_window(source, Window(0, 0, 2, 1))[1].tolist() == [[True, False]]


@pytest.mark.parametrize("content", [None, b"", b"not an image"])
def test_what_is_no_image_is_named(tmp_path, content):
    path = tmp_path / "bad.tif"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(OrbitileError, match=r"bad\.tif: cannot be read as an? (image|file)"), opened_raster(str(path)):
        pass


def test_truncated_images_are_named(geotiff, tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (200, 200), np.uint8)
    content = Path(geotiff(noise)).read_bytes()
    (tmp_path / "half.tif").write_bytes(content[: len(content) // 2])
    with (
        pytest.raises(OrbitileError, match=r"half\.tif: cannot be read as an image \(.*truncated"),
        opened_raster(str(tmp_path / "half.tif")) as source,
    ):
        read_window(source, Window(0, 0, 200, 200))


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "pgm", "jp2", "gif", "tif"])
@pytest.mark.parametrize("share", [0.5, 0.7, 0.95])
def test_truncated_images_of_every_format_are_named(tmp_path, suffix, share):
    """What is read of them before is right."""
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (600, 600), np.uint8)).save(path)
    with opened_raster(path) as image:
        pixels, _ = read_window(image, Window(0, 0, 600, 600))
    os.truncate(path, int(path.stat().st_size * share))
    with (
        pytest.raises(OrbitileError, match=rf"a\.{suffix}: .*is it truncated or still being copied"),
        opened_raster(path) as image,
    ):
        for top in range(0, 600, 40):
            part, _ = read_window(image, Window(0, top, 600, 40))
            assert (part == pixels[top : top + 40]).all()
    with (
        pytest.raises(OrbitileError, match=rf"a\.{suffix}: .*is it truncated or still being copied"),
        opened_raster(path) as image,
    ):
        read_window(image, Window(0, 0, 600, 600))


@given(st.integers(1, 200_000), st.integers(1, 5000), st.sampled_from([64, 512]))
def test_bands_cover_a_grid(width, height, multiple_of):
    cut = list(row_windows(grid(width, height), multiple_of))
    assert [b.row for b in cut] == [0, *np.cumsum([b.height for b in cut])[:-1]]
    assert sum(b.height for b in cut) == height
    assert {(b.col, b.width) for b in cut} == {(0, width)}
    assert all(b.height % multiple_of == 0 for b in cut[:-1])


@pytest.mark.parametrize(
    ("dtype", "nodata"),
    [("uint8", None), ("uint8", 0), ("int16", -32768), ("uint16", None), ("float32", None), ("float32", np.nan)],
)
def test_written_images_read_back(tmp_path, dtype, nodata):
    pixels, valid = GREY.astype(dtype), GREY % 3 > 0
    write_cog(tmp_path / "a.tif", grid(10, 8, 5, 6), PixelType(dtype, nodata), whole(pixels, valid, 10, 8))
    with opened_raster(str(tmp_path / "a.tif")) as source:
        found, found_valid = read_window(source, Window(0, 0, 10, 8))
        assert source.dtypes == (dtype,)
        assert list(source.transform)[:6] == [100, 0, 500, 0, -100, -600]
        assert source.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
    assert np.array_equal(found_valid, valid)
    assert np.array_equal(found[valid], pixels[valid])


def test_large_images_get_overviews(tmp_path):
    pixels = np.full((600, 1100), 7, np.uint8)
    write_cog(tmp_path / "a.tif", grid(1100, 600), PixelType("uint8", 0), whole(pixels, pixels > 0, 1100, 600))
    with opened_raster(str(tmp_path / "a.tif")) as source:
        assert source.overviews(1) == [2, 4]
        assert source.block_shapes == [(512, 512)]


def test_a_failed_write_leaves_nothing(tmp_path):
    def blocks():
        yield Window(0, 0, 10, 4), GREY[:4], GREY[:4] > 0
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_cog(tmp_path / "a.tif", grid(10, 8), PixelType("uint8", None), blocks())
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def small_disk(tmp_path):
    """A made-up disk of 2 MB."""
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(tmp_path)]
    if os.getuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("mounting a file system is not permitted here")
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


@pytest.mark.parametrize("nodata", [None, 0])
@pytest.mark.parametrize("side", [256, 700, 900, 960, 1000, 1024, 1100, 1300, 1500, 2100])
def test_on_a_full_disk_an_image_is_whole_or_not_there(small_disk, side, nodata):
    """Noise does not get smaller by compression: from about 700 x 700 pixels on, it does not fit in twice."""
    pixels = np.random.default_rng(side).integers(1, 255, (side, side)).astype(np.uint8)
    valid = pixels > 9
    written = np.where(valid, pixels, 0)
    rows = range(0, side, 512)
    blocks = [
        (Window(0, row, side, min(512, side - row)), written[row : row + 512], valid[row : row + 512]) for row in rows
    ]
    try:
        write_cog(small_disk / "a.tif", grid(side, side), PixelType("uint8", nodata), blocks)
    except OrbitileError as error:
        assert side > 256
        assert re.match(r".*a\.tif: cannot be written \(.+\); its disk has \d+ MB free$", str(error))
        assert list(small_disk.iterdir()) == []
    else:
        assert side < 2100
        assert [path.name for path in small_disk.iterdir()] == ["a.tif"]
        with opened_raster(str(small_disk / "a.tif")) as source:
            found, found_valid = read_window(source, Window(0, 0, side, side))
        assert np.array_equal(found_valid, valid)
        assert np.array_equal(found[valid], pixels[valid])


def test_as_it_is(geotiff):
    with opened_raster(geotiff(GREY, nodata=1)) as source:
        ((window, pixels, valid),) = unchanged_blocks(source, raster_grid(source))
        assert pixel_type(source) == PixelType("uint8", 1)
    assert window == Window(0, 0, 10, 8)
    assert np.array_equal(pixels, GREY)
    assert np.array_equal(valid, GREY != 1)


@pytest.mark.parametrize("how", [dict(nodata=0), dict(valid=np.eye(4) == 0), dict(nodata=0, left=-200, top=300)])
def test_warped_averages_ignore_what_is_not_valid(geotiff, how):
    """A made-up scene of value 50 with holes on its diagonal: the average is 50 everywhere."""
    pixels = np.where(np.eye(4) == 0, 50, 0).astype(np.uint8)
    with opened_raster(geotiff(pixels, **how)) as source:
        target = raster_grid(source).coarser(2)
        ((_, averaged, valid),) = warped_blocks(source, target, Resampling.average)
    assert valid.all()
    assert (averaged == 50).all()


@pytest.mark.parametrize("method", [Resampling.average, Resampling.cubic])
@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("nodata", [None, -9999.0])
def test_what_is_no_number_spreads_nowhere(geotiff, nodata, odd, method):
    """A made-up scene of value 50 with a pixel that is no number and, where it is declared, one of nodata."""
    pixels = np.full((12, 12), 50, np.float32)
    pixels[4, 5] = odd
    if nodata is not None:
        pixels[8, 9] = nodata
    with opened_raster(geotiff(pixels, nodata=nodata)) as source:
        target = raster_grid(source).coarser(3) if method == Resampling.average else grid(11, 11, 0.5, 0.5)
        ((_, warped, valid),) = warped_blocks(source, target, method)
    np.testing.assert_allclose(warped[valid], 50, rtol=1e-5)
    assert valid.mean() > 0.9


@pytest.mark.parametrize("nodata", [None, 255])
def test_warped_knows_the_outside(geotiff, nodata):
    with opened_raster(geotiff(GREY, nodata=nodata)) as source:
        ((_, pixels, valid),) = warped_blocks(source, grid(14, 12, -2, -2), Resampling.nearest)
    assert np.array_equal(valid, np.pad(np.ones((8, 10), bool), 2))
    assert np.array_equal(pixels[2:-2, 2:-2], GREY)


def averages_by_loop(pixels, valid, first_col, first_row, shape, factor):
    """Reference: mean and validity of blocks, pixel by pixel."""
    means, enough = np.zeros(shape), np.zeros(shape, bool)
    for row, col in np.ndindex(*shape):
        values = [
            float(pixels[y, x])
            for y in range(first_row + row * factor, first_row + (row + 1) * factor)
            for x in range(first_col + col * factor, first_col + (col + 1) * factor)
            if 0 <= y < pixels.shape[0] and 0 <= x < pixels.shape[1] and valid[y, x]
        ]
        enough[row, col] = 2 * len(values) >= factor**2
        means[row, col] = np.mean(values) if values else 0
    return means, enough


@given(
    st.tuples(sides, sides).flatmap(lambda shape: hnp.arrays(np.uint8, shape, elements=st.integers(0, 9))),
    st.sampled_from(["uint8", "int16", "float32"]),
    st.integers(1, 5),
    st.integers(-7, 7),
    st.integers(-7, 7),
    st.sampled_from([0, 0.5, -0.2, 1 / 3]),
)
@settings(max_examples=40)
def test_block_averages_agree_with_a_loop(pixels, dtype, factor, col, row, fraction):
    """Value 0 is nodata. The scene's pixels need not lie whole pixels from the map's origin."""
    pixels = pixels.astype(dtype)
    fine = grid(pixels.shape[1], pixels.shape[0], col + fraction, row + fraction)
    profile = dict(driver="GTiff", width=fine.width, height=fine.height, count=1, dtype=dtype, nodata=0)
    with rasterio.MemoryFile() as memory:
        with memory.open(crs=MOON_MAP, transform=fine.transform, **profile) as sink:
            sink.write(pixels, 1)
        with memory.open() as source:
            alone = Mosaic([RasterPart(memory.name, 0, 0, fine.width, fine.height)], [source])
            ((_, (_, found, enough)),) = averages_by_factor(alone, fine, [factor])
    first_col, first_row = -(col % factor), -(row % factor)
    means, expected = averages_by_loop(pixels, pixels > 0, first_col, first_row, enough.shape, factor)
    assert found.dtype == np.dtype(dtype)
    assert np.array_equal(enough, expected)
    means = np.rint(means) if dtype != "float32" else means
    assert np.allclose(found[enough], means[enough], rtol=1e-6)


percents = st.integers(0, 200).map(lambda n: n / 2)


def percentile_by_definition(values, percent):
    enough = [v for v in np.unique(values) if Fraction(int((values <= v).sum()), values.size) * 100 >= percent]
    return float(enough[0])


TYPES = ("uint8", "int8", "uint16", "int16", "int32", "uint32", "int64", "uint64", "float32", "float64")


def count_values(pixels, percents=(), blocks=2, valid=None):
    """The histogram of pixels that are fed in blocks, with as many passes as it asks for."""
    counts, valid = ValueCounts(str(pixels.dtype), percents), np.ones(pixels.shape, bool) if valid is None else valid
    while True:
        for block in range(blocks):
            counts.feed(pixels[block::blocks], valid[block::blocks])
        if not counts.end_pass():
            return counts.histogram


@given(
    st.sampled_from(TYPES).flatmap(
        lambda dtype: hnp.arrays(
            dtype, st.integers(1, 60), elements=hnp.from_dtype(np.dtype(dtype), allow_nan=False, allow_infinity=False)
        )
    ),
    percents,
    st.integers(1, 4),
)
def test_percentiles_are_those_of_the_pixels(pixels, percent, blocks):
    histogram = count_values(pixels, (percent,), blocks)
    assert histogram.count == pixels.size
    assert histogram.percentile(percent) == percentile_by_definition(pixels, percent)


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint32", "int64"])
def test_many_values_far_apart_have_exact_percentiles(dtype):
    """Values of a thousand leading digits: far more than are refined."""
    random = np.random.default_rng(0)
    pixels = (random.lognormal(0, 4, 100_000) * 1e5).clip(0, 4e9).astype(dtype)
    histogram = count_values(pixels, (0.5, 99.5))
    assert len(histogram.values) < 70_000
    for percent in (0, 0.5, 99.5, 100):
        target = max(1, int(np.ceil(pixels.size * percent / 100)))
        assert histogram.percentile(percent) == np.sort(pixels)[target - 1]


@pytest.mark.parametrize("outlier", [1000, 1e32, -1e32, 3e38])
def test_outliers_do_not_blur_percentiles(outlier):
    pixels = np.linspace(0, 0.25, 10_000, dtype=np.float32)
    expected = percentile_by_definition(pixels, 99)
    pixels[5000] = outlier
    assert count_values(pixels, (1, 99)).percentile(99) == pytest.approx(expected, abs=1e-4)


def test_zeros_of_both_signs_are_one_value():
    assert count_values(np.array([0.0, -0.0, 1.0], np.float32)).counts.tolist() == [2, 1]


@given(hnp.arrays(np.float32, 50, elements=st.floats(-1000, 1000, width=32)), st.randoms(use_true_random=False))
def test_the_order_of_pixels_does_not_matter(pixels, random):
    shuffled = np.array(random.sample(pixels.tolist(), pixels.size), np.float32)
    for ours, theirs in zip(*(vars(count_values(p, (5, 95))).values() for p in (pixels, shuffled)), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_histogram_counts_valid_pixels_only():
    pixels, valid = np.array([1, 2, 255], np.uint8), np.array([True, True, False])
    histogram = count_values(pixels, (), 1, valid)
    assert (histogram.count, histogram.percentile(100)) == (2, 2)


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_percentile_of_nothing(dtype):
    assert np.isnan(count_values(np.zeros(0, dtype), (50,)).percentile(50))


READS_A_LARGE_RASTER = """
import resource, sys
from orbitile.rasters.read import opened_raster, read_window
from orbitile.space.grids import Window
with opened_raster(sys.argv[1]) as source:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for row in range(0, source.height - 512, 512):
        read_window(source, Window(0, row, source.width, 512))
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


def test_memory_of_blocks_that_were_read_does_not_grow_with_the_machine(tmp_path):
    path, side = tmp_path / "sparse.tif", 32_000  # 1 GB, all of which GDAL would keep on a machine of 20 GB
    profile = dict(driver="GTiff", width=side, height=side, count=1, dtype="uint8", tiled=True, sparse_ok=True,
                   crs="IAU_2015:49910", transform=Affine(6, 0, 0, 0, -6, 0))  # fmt: skip
    rasterio.open(path, "w", **profile).close()
    variables = {name: value for name, value in os.environ.items() if name != "GDAL_CACHEMAX"}
    words = [sys.executable, "-c", READS_A_LARGE_RASTER, str(path)]
    grown_mb = float(subprocess.run(words, capture_output=True, text=True, check=True, env=variables).stdout)
    assert grown_mb < 450
