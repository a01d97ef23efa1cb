"""Which label rasters are made again; tests/workflow/test_bad_maps.py holds whole runs."""

import geopandas
import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from pyproj import CRS

from orbitile.stages import rasterise_labels as stage
from orbitile.stages.rasterise_labels import LabelRasterisation, rasterise_labels
from orbitile.tables.rasters import write_rasters


@pytest.fixture
def labelled(raster, moon, tmp_path, monkeypatch):
    """Rasterises a line of a width across a scene of 24 x 24 px; the labelled pixels of each raster that is there."""
    monkeypatch.setattr(stage, "cut_tiles", lambda *arguments: None)
    write_rasters([raster(np.ones((24, 24), np.uint8))], tmp_path / "scaled.parquet")
    rasterisation = LabelRasterisation.of(moon, ["fracture"], "width", None, {})

    def run(width):
        line = shapely.LineString([(0, -1200), (2400, -1200)])
        frame = geopandas.GeoDataFrame(dict(width=[width]), geometry=[line], crs=CRS("IAU_2015:30110"))
        pyogrio.write_dataframe(frame, tmp_path / "labels.shp")
        files = [str(tmp_path / "scaled.parquet")], [str(tmp_path / "labels.shp")]
        rasterise_labels(*files, rasterisation, None, str(tmp_path / "labels"), str(tmp_path / "tiles.parquet"))
        counts = []
        for path in (tmp_path / "labels").glob("*.tif"):
            with rasterio.open(path) as source:
                counts.append(int((source.read(1) == 1).sum()))
        return sorted(counts)

    return run


def test_a_change_in_the_table_beside_a_shapefile_is_one_of_the_labels(labelled):
    """The shapes, and so the .shp, stay the same."""
    assert labelled("small") == [24 * 8]
    assert labelled("small") == [24 * 8]
    assert labelled("large") == [24 * 8, 24 * 24]
