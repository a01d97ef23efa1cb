"""Images of several bands on their way to the map: colours, and an image with its elevation model. All are made up."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from images import colour_pixels, describe_bands, planned_row
from rasterio.enums import ColorInterp

from orbitile.base.errors import OrbitileError
from orbitile.detections.tiling import TileSize
from orbitile.georeferencing.image_geometry import image_geometry
from orbitile.georeferencing.image_header import read_image_header
from orbitile.georeferencing.mosaicking.merge import MergeOptions
from orbitile.georeferencing.project_image import TargetGrid
from orbitile.georeferencing.projection.choose_crs import choose_crs, grid_around
from orbitile.georeferencing.request import GeorefRequest
from orbitile.jobs.pieces import JobWork
from orbitile.rasters.read import band_names, channel_numbers, opened_raster, read_window
from orbitile.space.bodies import find_body
from orbitile.space.grids import Window
from orbitile.stages.downsample import downsample
from orbitile.stages.georeference import GeoreferenceTarget, georeference
from orbitile.stages.tile import tile_scenes
from orbitile.tables.georef_methods import CORNERS
from orbitile.tables.parquet import read_table
from orbitile.tables.plan import ImageRow
from orbitile.tables.rasters import RasterTables, read_rasters, write_rasters

MOON = find_body("Moon")
SHAPE = HEIGHT, WIDTH = 80, 100
LEFT, TOP = 1_900_000.0, 2_300_000.0
POLAR = "IAU_2015:30130"
CORNER_POINTS = "10.0 5.0; 10.4 5.1; 10.5 4.8; 10.1 4.7"
METHODS = ["unchanged", "warped", "corners", "mosaic"]
HOLES = np.random.default_rng(7).random(SHAPE) < 0.05


def hilly(bands):
    """Values that bands share only in part: a made-up ground, brighter and noisier from band to band."""
    noise = np.random.default_rng(3)
    ground = np.add.outer(np.sin(np.arange(HEIGHT) / 9), np.cos(np.arange(WIDTH) / 7))
    return np.stack([100 + 20 * band + 20 * ground + noise.normal(0, 6, SHAPE) for band in range(bands)])


def corner_row(image):
    """The row of an image of which only the corners are known, on a map that fits."""
    by_corners = replace(image, georef_method=CORNERS, corners=CORNER_POINTS, error_m=100.0)
    border = image_geometry(GeorefRequest.of(by_corners), read_image_header(image.path), MOON).border
    grid = grid_around(*border, choose_crs(*border, MOON), 100.0, MOON.radius_m)
    place = dict(crs_wkt=grid.crs_wkt, transform=list(grid.transform)[:6], width=grid.width, height=grid.height)
    return replace(by_corners, **place)


class Run:
    """Georeferences an image by a method; returns the row of the table of rasters."""

    def __init__(self, folder):
        self.folder, self.out = folder, str(folder / "out.parquet")

    def __call__(self, path, method="unchanged", bands=None, **options):
        image = planned_row(path, bands=bands)
        if method == "corners":
            image = corner_row(image)
        if method == "mosaic":
            image = replace(image, strips=self._strips(path, bands))
        crs = POLAR if method == "warped" else None
        target = GeoreferenceTarget(TargetGrid(MOON, crs, 100.0), **dict(stretch_percentiles=(2, 98)) | options)
        georeference([image], target, str(self.folder / "rasters"), self.out, JobWork())
        (row,) = read_rasters(self.out)
        return row

    def _strips(self, path, bands):
        """The left and the right part of an image, the right one darker."""
        parts = [(self.folder / f"{name}-{Path(path).stem}.tif", name) for name in ("a", "b")]
        for (part, _), (left, right, gain) in zip(parts, ((0, 60, 1), (40, WIDTH, 0.5)), strict=True):
            if not part.is_file():
                write_part(path, part, left, right, gain)
        return [ImageRow.of(planned_row(part, name, bands=bands)) for part, name in parts]


def write_part(path, part, left, right, gain):
    """Write some columns of an image, its values times a gain."""
    window = (0, HEIGHT), (left, right)
    with rasterio.open(path) as source:
        transform = source.transform * source.transform.translation(left, 0)
        profile = source.profile | dict(width=right - left, transform=transform)
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(part, "w", **profile) as sink:
            sink.descriptions = source.descriptions
            sink.write((source.read(window=window) * gain).astype(source.dtypes[0]))
            if source.nodata is None:
                sink.write_mask(source.read_masks(1, window=window))


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path)


def read_all(row):
    """All bands (bands, rows, columns) of a raster, and where they are valid together."""
    with opened_raster(row.path) as source:
        assert source.count == row.bands
        pixels, valid = read_window(source, Window(0, 0, row.width, row.height), channel_numbers(row.bands))
    return pixels.reshape(-1, *valid.shape), valid


def assert_as_alone(run, geotiff, row, bands, method, dtype, joint):
    """Each band is what it would be alone, with the holes of all of them."""
    pixels, valid = read_all(row)
    assert len(pixels) == len(bands) == row.bands
    for number, band in enumerate(bands):
        alone = run(
            geotiff(band.astype(dtype), f"alone-{number}.tif", left=LEFT, top=TOP, valid=joint), method, bands=[1]
        )
        (expected,), expected_valid = read_all(alone)
        np.testing.assert_array_equal(valid, expected_valid)
        np.testing.assert_array_equal(pixels[number][valid], expected[valid])
        assert (row.low[number], row.high[number]) == (alone.low[0], alone.high[0])
    assert row.valid_share == valid.mean()
    assert 0 < valid.mean() < 1


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("bands", [None, [3, 1], [2]])
def test_colours(run, geotiff, method, bands):
    """Each band has holes where others have none."""
    pixels = hilly(3).clip(1, 255).astype(np.uint8)
    pixels[0][HOLES], pixels[1][np.roll(HOLES, 9)], pixels[2][np.roll(HOLES, 99)] = 0, 0, 0
    row = run(geotiff(pixels, "rgb.tif", left=LEFT, top=TOP, nodata=0), method, bands)
    chosen = pixels[np.array(bands or [1, 2, 3]) - 1]
    assert_as_alone(run, geotiff, row, chosen, method, "uint8", (chosen > 0).all(axis=0))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("bands", [[1, 2], [2, 1]])
def test_an_image_and_its_elevation_model(run, geotiff, tmp_path, method, bands):
    """An image of bytes and heights of floats, with a nodata value each, as a virtual raster holds them."""
    pixels = hilly(2)
    image, heights = pixels[0].clip(1, 255).astype(np.uint8), (pixels[1] * 30 - 2000).astype(np.float32)
    image[HOLES], heights[np.roll(HOLES, 9)] = 0, -9999
    paths = [
        geotiff(image, "image.tif", left=LEFT, top=TOP, nodata=0),
        geotiff(heights, "heights.tif", left=LEFT, top=TOP, nodata=-9999),
    ]
    joint = (image > 0) & (heights != -9999)
    if method == "mosaic":  # strips are written anew here, in one type
        both = np.stack([image.astype(np.float32), heights])
        path = geotiff(np.where(joint, both, 1), "both.tif", left=LEFT, top=TOP, valid=joint)
    else:
        path = virtual_raster(tmp_path / "both.vrt", paths)
    describe_bands(path, ("image", "elevation"))
    row = run(path, method, bands)
    with opened_raster(row.path) as source:
        assert source.dtypes == ("float32", "float32")
        assert band_names(source) == tuple(("image", "elevation")[number - 1] for number in bands)
        assert source.nodata is None
    chosen = np.where(joint, np.stack([image.astype(np.float32), heights]), 1)[np.array(bands) - 1]
    assert_as_alone(run, geotiff, row, chosen, method, "float32", joint)


def virtual_raster(path, paths):
    """The bands of two files as those of one."""
    with rasterio.open(paths[0]) as source:
        wkt, numbers = source.crs.to_wkt().replace("&", "&amp;"), ", ".join(map(repr, source.transform.to_gdal()))
    bands = "".join(
        f'<VRTRasterBand dataType="{dtype}" band="{number}"><NoDataValue>{nodata}</NoDataValue><SimpleSource>'
        f"<SourceFilename>{file}</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand>"
        for number, (file, dtype, nodata) in enumerate(
            zip(paths, ("Byte", "Float32"), (0, -9999), strict=True), start=1
        )
    )
    path.write_text(
        f'<VRTDataset rasterXSize="{WIDTH}" rasterYSize="{HEIGHT}"><SRS>{wkt}</SRS>'
        f"<GeoTransform>{numbers}</GeoTransform>{bands}</VRTDataset>"
    )
    return str(path)


@pytest.mark.parametrize("method", ["unchanged", "warped", "corners"])
def test_transparency_is_no_band_and_hides_pixels(run, geotiff, tmp_path, method):
    """Of three colours, and of four bands, of which GDAL itself does not see that a fifth hides them."""
    for bands in (3, 4):
        pixels = hilly(bands).clip(1, 255).astype(np.uint8)
        path = geotiff(
            np.concatenate([pixels, np.where(HOLES, 0, 255).astype(np.uint8)[None]]), "a.tif", left=LEFT, top=TOP
        )
        colours = [ColorInterp.gray] + [ColorInterp.undefined] * (bands - 1) + [ColorInterp.alpha]
        describe_bands(path, roles=colours)
        row = run(path, method)
        assert_as_alone(run, geotiff, row, pixels, method, "uint8", ~HOLES)


def test_names_of_bands_are_kept(run, geotiff):
    path = geotiff(colour_pixels(*SHAPE), left=LEFT, top=TOP)
    row = run(describe_bands(path, ("red", "nir", "")), bands=[2, 1])
    with opened_raster(row.path) as source:
        assert band_names(source) == ("nir", "red")


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [((2, 9), [2, 2, 2], [9, 9, 9]), (((1, 2), (3, 4), (5, 6)), [1, 3, 5], [2, 4, 6]), (((2, 9),), [2] * 3, [9] * 3)],
)
def test_a_stretch_by_values_is_for_all_bands_or_for_each(run, geotiff, values, low, high):
    row = run(geotiff(colour_pixels(*SHAPE)), stretch_values=values)
    assert (row.low, row.high) == (low, high)


def test_a_stretch_for_another_number_of_bands_is_refused(run, geotiff):
    with pytest.raises(OrbitileError, match="stretch_values lists 2 pairs, but the scene has 3 bands"):
        run(geotiff(colour_pixels(*SHAPE)), stretch_values=((1, 2), (3, 4)))


def test_other_bands_make_another_raster(run, geotiff):
    path = geotiff(colour_pixels(*SHAPE))
    paths = [run(path, bands=bands).path for bands in ([1, 2, 3], [3, 2, 1], [1, 2], [1], [2], [1, 2, 3])]
    assert len(set(paths)) == 5
    assert paths[0] == paths[-1]


def test_other_bands_of_strips_make_another_mosaic(run, geotiff):
    """And new strips for it, as its pixels show."""
    pixels = colour_pixels(*SHAPE)
    path = geotiff(pixels, left=LEFT, top=TOP)
    options = dict(merge_options=MergeOptions(match_levels=False))
    rows = [(bands, run(path, "mosaic", bands, **options)) for bands in ([1, 2], [2, 1], [1], [3])]
    assert len({row.path for _, row in rows}) == 4
    for bands, row in rows:
        found, _ = read_all(row)
        np.testing.assert_array_equal(found[:, :, :60], pixels[np.array(bands) - 1, :, :60])


def test_downsampled_colours_keep_all_bands_and_names(run, geotiff, tmp_path):
    pixels = hilly(3).clip(1, 255).astype(np.uint8)
    pixels[0][HOLES] = 0
    path = geotiff(pixels, left=4000.0, top=8000.0, nodata=0)
    fine = run(describe_bands(path, ("red", "green", "blue")), bands=[3, 1, 2])
    downsample(RasterTables(run.out), {100.0: 1, 400.0: 4}, str(tmp_path), str(tmp_path / "all.parquet"), JobWork())
    _, coarse = read_rasters(tmp_path / "all.parquet")
    assert (coarse.low, coarse.high, coarse.bands) == (fine.low, fine.high, 3)
    with opened_raster(coarse.path) as source:
        assert band_names(source) == ("blue", "red", "green")
    found, valid = read_all(coarse)
    shape, joint = (HEIGHT // 4, 4, WIDTH // 4, 4), (pixels > 0).all(axis=0)
    count = joint.reshape(shape).sum(axis=(1, 3))
    expected = np.where(joint, pixels[[2, 0, 1]], 0).reshape(3, *shape).sum(axis=(2, 4)) / count
    np.testing.assert_array_equal(valid, count >= 8)
    np.testing.assert_array_equal(found[:, valid], np.rint(expected)[:, valid])


def test_tiles_count_pixels_that_all_bands_have(raster, tmp_path):
    """The first made-up band has data everywhere, the second in the right half only, the third in the lower half."""
    pixels = np.ones((3, 64, 128), np.uint8)
    pixels[1, :, :64], pixels[2, :32] = 0, 0
    write_rasters([raster(pixels, nodata=0)], tmp_path / "rasters.parquet")
    tile_scenes(
        str(tmp_path / "rasters.parquet"), {100.0: TileSize(64, 32)}, str(tmp_path), str(tmp_path / "t"), JobWork()
    )
    table = read_table(tmp_path / "t")
    assert table["tile"].tolist() == [1, 2]
    assert table["valid_share"].tolist() == [0.25, 0.5]
