"""What the tests share. Every image and table made here is made up and tiny."""

import logging
from collections.abc import Iterator
from contextlib import suppress

import hypothesis
import numpy as np
import pandas as pd
import pytest
import rasterio
from affine import Affine
from pyproj import CRS

from orbitile.space.bodies import find_body
from orbitile.tables.rasters import RasterRow

hypothesis.settings.register_profile(
    "orbitile", max_examples=30, deadline=None, derandomize=True, database=None, report_multiple_bugs=False
)
hypothesis.settings.load_profile("orbitile")


@pytest.fixture(autouse=True)
def _logging_unchanged() -> Iterator[None]:
    """Let no test's level or handlers of the log decide what the next one reads in it, as jobs set both for good."""
    loggers = [logging.getLogger(name) for name in ("", "orbitile", "py.warnings")]
    before = [(logger, logger.level, list(logger.handlers)) for logger in loggers]
    yield
    logging.captureWarnings(False)
    for logger, level, handlers in before:
        for handler in set(logger.handlers) - set(handlers):
            with suppress(OSError):
                handler.close()
        logger.handlers = handlers
        logger.setLevel(level)


@pytest.fixture(scope="session")
def moon():
    return find_body("Moon")


@pytest.fixture
def geotiff(tmp_path):
    """Writes pixels ([bands,] rows, columns) to a GeoTIFF whose upper left corner is at (left, top) metres on a map.

    Options are those of its driver.
    """

    def write(
        pixels, name="scene.tif", crs="IAU_2015:30110", left=0.0, top=0.0, gsd=100.0, valid=None, nodata=None, **options
    ):
        path = tmp_path / name
        (height, width), count = pixels.shape[-2:], len(pixels) if pixels.ndim == 3 else 1
        profile = dict(driver="GTiff", width=width, height=height, count=count, dtype=pixels.dtype) | options
        if crs is not None:
            profile |= dict(crs=CRS(crs).to_wkt(), transform=Affine(gsd, 0, left, 0, -gsd, top))
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "w", nodata=nodata, **profile) as sink:
            sink.write(pixels.reshape(count, height, width))
            if valid is not None:
                sink.write_mask(valid)
        return str(path)

    return write


@pytest.fixture
def raster(geotiff):
    """Writes pixels ([bands,] rows, columns) to a GeoTIFF and describes it as a row of the table of rasters."""

    def write(pixels, scene="a", scale_m=100.0, low=0.0, high=255.0, **placement):
        path = geotiff(pixels, f"{scene}-{scale_m:g}.tif", gsd=scale_m, **placement)
        with rasterio.open(path) as source:
            wkt, transform = source.crs.to_wkt(), list(source.transform)[:6]
        height, width = pixels.shape[-2:]
        low, high = ([value] * (len(pixels) if pixels.ndim == 3 else 1) for value in (low, high))
        return RasterRow(scene, scale_m, path, wkt, transform, width, height, 1.0, low, high, "projected")

    return write


@pytest.fixture(scope="session")
def detections():
    """Makes a table of detections from places, sizes in metres and scores."""

    def make(lon, lat, size_m, score, **columns):
        table = pd.DataFrame(dict(lon=lon, lat=lat, width_m=size_m, height_m=size_m), dtype=float)
        defaults = {
            "scene": "a",
            "scale_m": 100.0,
            "tile": 0,
            "class": "crater",
            "truncated": False,
            "out_of_reach": False,
        } | columns
        table = table.assign(score=np.asarray(score, np.float32), diameter_km=table["width_m"] / 1000, **defaults)
        return table.assign(xmin=0.0, ymin=0.0, xmax=1.0, ymax=1.0)

    return make
