"""The chosen bands of images on their way onto the map. All images are made up: colours, and images with heights."""

import numpy as np
import pytest
import rasterio
from images import colour_pixels, describe_bands, planned_row
from pyproj import CRS
from rasterio.control import GroundControlPoint
from rasterio.enums import ColorInterp

from orbitile.georeferencing.image_header import read_image_header
from orbitile.georeferencing.project_image import TargetGrid, project_image
from orbitile.georeferencing.request import GeorefRequest
from orbitile.georeferencing.source_pixels import opened_source
from orbitile.planning.camera_placement import place_by_geometry
from orbitile.planning.scene_rows import TargetMap, row_of_placement
from orbitile.rasters.write import write_cog
from orbitile.space.bodies import find_body
from orbitile.space.grids import Window
from orbitile.tables.georef_methods import CORNERS, ISIS

MOON = find_body("Moon")
COLOURS = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
HEIGHT, WIDTH = 40, 60
ALL_BANDS = ([1, 2, 3], [3, 1], [2], [2, 2, 1])


@pytest.fixture
def georeferenced(tmp_path):
    """Pixels (bands, rows, columns), where they are valid in all bands, and the names of the bands of a raster."""

    def make(row, target):
        with project_image(row, target) as projected:
            write_cog(tmp_path / "out.tif", projected.grid, projected.type, projected.blocks, projected.tags)
        with rasterio.open(tmp_path / "out.tif") as source:
            valid = (source.read_masks() > 0).all(axis=0)
            return source.read(), valid, source.descriptions

    return make


@pytest.fixture
def rgb(geotiff):
    """Writes colours and returns the image's path."""
    return lambda **place: describe_bands(geotiff(colour_pixels(HEIGHT, WIDTH), **place), roles=COLOURS)


@pytest.mark.parametrize("bands", ALL_BANDS)
def test_colours_on_their_own_grid(georeferenced, rgb, bands):
    pixels, valid, names = georeferenced(planned_row(rgb(), bands=bands), TargetGrid(MOON, None, 100))
    np.testing.assert_array_equal(pixels, colour_pixels(HEIGHT, WIDTH)[[band - 1 for band in bands]])
    assert valid.all()
    assert names == tuple(("red", "green", "blue")[band - 1] for band in bands)


@pytest.mark.parametrize("bands", ALL_BANDS)
def test_resampled_colours_are_the_resampled_bands(georeferenced, rgb, bands):
    """Band by band what each of them alone becomes on another map."""
    target, path = TargetGrid(MOON, "IAU_2015:30115", 100), rgb(left=200, top=300)
    pixels, valid, _ = georeferenced(planned_row(path, bands=bands), target)
    for band, band_pixels in zip(bands, pixels, strict=True):
        alone, alone_valid, _ = georeferenced(planned_row(path, bands=[band]), target)
        np.testing.assert_array_equal(np.where(valid, band_pixels, 0), np.where(alone_valid, alone[0], 0))
    assert valid.any()


@pytest.mark.parametrize("bands", ALL_BANDS)
def test_colours_that_are_placed_by_their_corners(georeferenced, rgb, bands):
    """Band by band what each of them alone becomes on the map."""
    path = rgb(crs=None)
    request = GeorefRequest(path, corners="1.0 0.0; 1.2 0.0; 1.2 -0.13; 1.0 -0.13")
    placement = place_by_geometry(request, CORNERS, read_image_header(path), TargetMap(None, 100.0, MOON))

    def row(numbers):
        chosen = [placement.bands[number - 1] for number in numbers]
        return row_of_placement(
            placement, chosen, scene="a", path=path, inputs=[path], fingerprint="", group=None, body="Moon",
            request_key="", kernels=None, corners=request.corners, elevation=None,
        )  # fmt: skip

    pixels, valid, names = georeferenced(row(bands), TargetGrid(MOON, None, 100))
    assert valid.mean() > 0.9
    assert names == tuple(("red", "green", "blue")[band - 1] for band in bands)
    for band, band_pixels in zip(bands, pixels, strict=True):
        alone, alone_valid, _ = georeferenced(row([band]), TargetGrid(MOON, None, 100))
        np.testing.assert_array_equal(np.where(valid, band_pixels, 0), np.where(alone_valid, alone[0], 0))


VRT = """<VRTDataset rasterXSize="60" rasterYSize="40"><SRS>IAU_2015:30110</SRS>
<GeoTransform>0, 100, 0, 0, 0, -100</GeoTransform>
<VRTRasterBand dataType="Byte" band="1"><Description>image</Description><NoDataValue>0</NoDataValue>
<SimpleSource><SourceFilename>{image}</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand>
<VRTRasterBand dataType="Float32" band="2"><Description>elevation</Description><NoDataValue>-9999</NoDataValue>
<SimpleSource><SourceFilename>{heights}</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand>
</VRTDataset>"""


def test_an_image_and_its_elevation_model(georeferenced, geotiff, tmp_path):
    """Of other data types and nodata values: a pixel is valid where both are, and keeps both values."""
    image = np.arange(HEIGHT * WIDTH, dtype=np.uint16).reshape(HEIGHT, WIDTH).astype(np.uint8)
    heights = np.linspace(-3000.5, 4000.25, HEIGHT * WIDTH, dtype=np.float32).reshape(HEIGHT, WIDTH)
    image[5, :9], heights[:7, 3] = 0, -9999
    paths = dict(image=geotiff(image, "image.tif"), heights=geotiff(heights, "heights.tif"))
    (tmp_path / "both.vrt").write_text(VRT.format(**paths))
    pixels, valid, names = georeferenced(planned_row(tmp_path / "both.vrt"), TargetGrid(MOON, None, 100))
    np.testing.assert_array_equal(valid, (image > 0) & (heights > -9999))
    np.testing.assert_array_equal(pixels[0][valid], image[valid])
    np.testing.assert_array_equal(pixels[1][valid], heights[valid])
    assert names == ("image", "elevation")


def test_the_cube_that_isis_made_is_one_band(georeferenced, geotiff):
    cube = geotiff(np.full((HEIGHT, WIDTH), 7, np.float32), "a.cub.tif")
    row = planned_row(cube, georef_method=ISIS, path="raw.IMG")
    pixels, _, names = georeferenced(row, TargetGrid(MOON, None, 100, cubes={"a": cube}))
    assert (pixels.shape, pixels.max(), names) == ((1, HEIGHT, WIDTH), 7, (None,))


def test_sources_tell_how_many_bands_they_have(rgb, tmp_path):
    header = read_image_header(rgb(crs=None))
    window = Window(0, 0, WIDTH, HEIGHT)
    with opened_source(header, [3, 1]) as source:
        assert source.pixels.bands == 2
        assert source.pixels.read(window)[0].shape == (2, HEIGHT, WIDTH)
    with opened_source(header, 2) as source:
        assert source.pixels.bands == 1
        assert source.pixels.read(window)[0].shape == (HEIGHT, WIDTH)


def test_headers_of_images_hold_what_is_needed_once(tmp_path):
    """Size, all data bands, the map and the control points of an image that has them."""
    points = [GroundControlPoint(row, col, 137 + col / 600, -4 - row / 400) for col, row in ((0, 0), (60, 0), (60, 40))]
    profile = dict(driver="GTiff", width=60, height=40, count=2, dtype="uint8")
    with rasterio.open(tmp_path / "gcps.tif", "w", gcps=points, crs="IAU_2015:49900", **profile) as sink:
        sink.write(np.ones((2, 40, 60), np.uint8))
    header = read_image_header(str(tmp_path / "gcps.tif"))
    assert (header.size, len(header.bands)) == ((60, 40), 2)
    assert (header.grid, header.product, header.label) == (None, None, None)
    assert header.gcps is not None
    assert (len(header.gcps[0]), CRS(header.gcps[1])) == (3, CRS("IAU_2015:49900"))
