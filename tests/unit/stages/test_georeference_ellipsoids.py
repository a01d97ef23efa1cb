"""Scenes of Mars on the maps of its sphere and of its ellipsoid. Images are made up."""

import numpy as np
import pytest
import rasterio
from images import planned_row

from orbitile.georeferencing.project_image import TargetGrid
from orbitile.jobs.pieces import JobWork
from orbitile.space.bodies import find_body
from orbitile.space.ground import Ground
from orbitile.stages.georeference import GeoreferenceTarget, georeference
from orbitile.tables.rasters import read_rasters

MARS_M = 3396190.0
DEGREE_M = MARS_M * np.pi / 180
ELLIPSOID = "+proj=eqc +a=3396190 +b=3376200"


@pytest.mark.parametrize(
    ("own", "target"),
    [
        ("IAU_2015:49910", "IAU_2015:49915"),
        (ELLIPSOID, "IAU_2015:49912"),
    ],
)
def test_a_warped_scene_stays_in_place(geotiff, tmp_path, own, target):
    """A bright spot at 10 E, 45 N of the map; a pixel is 0.017 degrees."""
    pixels = np.zeros((80, 80), np.uint8)
    pixels[38:42, 38:42] = 200
    path = geotiff(pixels, crs=own, gsd=1000, left=10 * DEGREE_M - 40_000, top=45 * DEGREE_M + 40_000)
    scene = planned_row(path, body=find_body("Mars"))
    onto = GeoreferenceTarget(TargetGrid(find_body("Mars"), target, 1000), (0, 100))
    georeference([scene], onto, str(tmp_path), str(tmp_path / "out.parquet"), JobWork())
    (row,) = read_rasters(tmp_path / "out.parquet")
    with rasterio.open(row.path) as source:
        rows, columns = np.nonzero(source.read(1) > 100)
    found = Ground(row.crs_wkt, MARS_M).lonlat(*row.grid.to_map(columns.mean() + 0.5, rows.mean() + 0.5))
    expected = Ground(scene.crs_wkt, MARS_M).lonlat(10 * DEGREE_M, 45 * DEGREE_M)
    assert np.ravel(found) == pytest.approx(np.ravel(expected), abs=0.03)
