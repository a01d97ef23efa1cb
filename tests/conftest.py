"""What the tests share. Every image and table made here is made up and tiny."""

import hypothesis
import numpy as np
import pandas as pd
import pytest
import rasterio
from affine import Affine
from pyproj import CRS

from orbitile.space.bodies import body
from orbitile.tables.rasters import RasterRow

hypothesis.settings.register_profile(
    "orbitile", max_examples=30, deadline=None, derandomize=True, database=None, report_multiple_bugs=False
)
hypothesis.settings.load_profile("orbitile")


@pytest.fixture(scope="session")
def moon():
    return body("Moon")


@pytest.fixture
def geotiff(tmp_path):
    """Writes pixels to a GeoTIFF whose upper left corner lies at (left, top) metres on a map."""

    def write(pixels, name="scene.tif", crs="IAU_2015:30110", left=0.0, top=0.0, gsd=100.0, valid=None, nodata=None):
        path = tmp_path / name
        profile = dict(driver="GTiff", width=pixels.shape[1], height=pixels.shape[0], count=1, dtype=pixels.dtype)
        if crs is not None:
            profile |= dict(crs=CRS(crs).to_wkt(), transform=Affine(gsd, 0, left, 0, -gsd, top))
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "w", nodata=nodata, **profile) as sink:
            sink.write(pixels, 1)
            if valid is not None:
                sink.write_mask(valid)
        return str(path)

    return write


@pytest.fixture
def raster(geotiff):
    """Writes pixels to a GeoTIFF and describes it as a row of the table of rasters."""

    def write(pixels, scene="a", scale_m=100.0, low=0.0, high=255.0, **where):
        path = geotiff(pixels, f"{scene}-{scale_m:g}.tif", gsd=scale_m, **where)
        with rasterio.open(path) as source:
            wkt, transform = source.crs.to_wkt(), list(source.transform)[:6]
        height, width = pixels.shape
        return RasterRow(scene, scale_m, path, wkt, transform, width, height, 1.0, low, high, "projected")

    return write


@pytest.fixture(scope="session")
def detections():
    """Makes a table of detections from places, sizes in metres and scores."""

    def make(lon, lat, size_m, score, **other):
        table = pd.DataFrame(dict(lon=lon, lat=lat, width_m=size_m, height_m=size_m), dtype=float)
        fixed = {
            "scene": "a",
            "scale_m": 100.0,
            "tile": 0,
            "class": "crater",
            "cut": False,
            "out_of_reach": False,
        } | other
        table = table.assign(score=np.asarray(score, np.float32), diameter_km=table["width_m"] / 1000, **fixed)
        return table.assign(xmin=0.0, ymin=0.0, xmax=1.0, ymax=1.0)

    return make
