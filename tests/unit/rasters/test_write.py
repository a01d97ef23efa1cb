import numpy as np
import rasterio
from affine import Affine
from pyproj import CRS

from orbitile.rasters.read import opened_raster, read_window
from orbitile.rasters.write import PixelType, write_cog
from orbitile.space.grids import Grid, Window

GRID = Grid(CRS("IAU_2015:30110").to_wkt(), Affine(100, 0, 0, 0, -100, 0), 700, 600)


def test_bands_keep_their_names_pixels_and_one_mask(tmp_path):
    """Written in two blocks, of noise."""
    noise = np.random.default_rng(0)
    pixels = noise.integers(0, 256, (3, 600, 700)).astype(np.uint8)
    valid = noise.random((600, 700)) < 0.7
    blocks = [
        (Window(0, top, 700, rows), pixels[:, top : top + rows], valid[top : top + rows])
        for top, rows in ((0, 512), (512, 88))
    ]
    path = tmp_path / "p.tif"
    write_cog(path, GRID, PixelType("uint8", None, bands=("ridge", "graben", "pit")), blocks)
    with opened_raster(str(path)) as source:
        assert source.descriptions == ("ridge", "graben", "pit")
        found, known = read_window(source, Window(0, 0, 700, 600), (1, 2, 3))
        second, _ = read_window(source, Window(5, 7, 20, 30), 2)
    assert np.array_equal(found, pixels)
    assert np.array_equal(known, valid)
    assert np.array_equal(second, pixels[1, 7:37, 5:25])
    with rasterio.open(path) as source:
        assert source.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert source.overviews(1)


def test_tags_are_kept(tmp_path):
    block = Window(0, 0, 700, 600), np.ones((600, 700), np.uint8), np.ones((600, 700), bool)
    write_cog(
        tmp_path / "p.tif", GRID, PixelType("uint8", 0), [block], dict(georef_method="made up", error='{"m": 1.5}')
    )
    with rasterio.open(tmp_path / "p.tif") as source:
        assert {name: source.tags()[name] for name in ("georef_method", "error")} == dict(
            georef_method="made up", error='{"m": 1.5}'
        )
