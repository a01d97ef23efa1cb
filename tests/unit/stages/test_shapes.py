import json
import shutil

import numpy as np
import pandas as pd
import pytest
from made_terrain import made_craters, raster_around, terrain_of, write_elevation
from small_catalogues import write_small_catalogue

from orbitile.base.errors import OrbitileError
from orbitile.counting.crater_shapes import SHAPES
from orbitile.stages.shapes import ShapeFiles, shapes
from orbitile.tables.parquet import read_table

LIMITS = dict(error_m=3.0, resolution_m=None, min_diameter_px=20, position_error=0.03, diameter_error=0.05,
              max_tilt_deg=10)  # fmt: skip
NAMES = ("shapes.json", "shapes.parquet", "shapes.csv", "depths.png", "profiles.png")


@pytest.fixture(scope="module")
def terrain(tmp_path_factory):
    """An elevation model with a hole, and six craters on it, the first in the hole."""
    random = np.random.default_rng(5)
    grid = raster_around("IAU_2015:30110", 50.0, 10.0, 330, 220)
    craters = made_craters(grid, random, 3, 2)
    heights = terrain_of(grid, craters, random)
    heights[30:70, 30:70] = -32768
    path = tmp_path_factory.mktemp("terrain") / "dem.tif"
    return write_elevation(path, grid, heights, nodata=-32768), [crater.catalogued for crater in craters]


def run(folder, craters, elevation, part_of=None, **limits):
    catalogue = write_small_catalogue(folder / "catalogue", craters, part_of=part_of)
    shapes(catalogue, elevation, LIMITS | limits, ShapeFiles(*(str(folder / "shapes" / name) for name in NAMES)))
    return read_table(folder / "shapes" / "shapes.parquet"), json.loads((folder / "shapes" / "shapes.json").read_text())


def test_every_crater_has_a_row_with_values_or_a_reason(terrain, tmp_path):
    path, craters = terrain
    lon, lat, _ = craters[-1]
    more = [(lon, lat + 0.01, 0.5), (120.0, 10.0, 6.0), (lon + 0.3, lat, 300.0)]
    rows, summary = run(tmp_path, craters + more, [path])
    quality = rows.set_index("diameter_km")["quality"]
    assert quality[[size for *_, size in craters]].tolist() == ["nodata"] + ["ok"] * 5
    assert quality[[0.5, 6.0, 300.0]].tolist() == ["too_small", "outside", "nodata"]
    assert summary["quality"] == dict(nodata=2, ok=5, outside=1, too_small=1)
    has_values = rows["quality"] == "ok"
    measured = [name for name in SHAPES.names[12:] if name != "elevation_px"]
    assert rows.loc[has_values, measured].notna().all(axis=None) and rows.loc[~has_values, measured].isna().all(
        axis=None
    )
    assert (summary["craters"], summary["body"], summary["pike"]["craters"]) == (9, "Moon", 5)
    assert summary["elevation"][0]["path"] == path and "Pike" in summary["definitions"]
    assert len(pd.read_csv(tmp_path / "shapes" / "shapes.csv")) == 9
    assert {file.name for file in (tmp_path / "shapes").iterdir()} == set(NAMES)


def test_craters_on_the_rim_of_a_larger_one_are_not_measured(terrain, tmp_path):
    path, craters = terrain
    lon, lat, diameter_km = craters[1]
    rows, _ = run(tmp_path, [craters[1], (lon + 0.2, lat, 1.2 * diameter_km)], [path])
    assert rows.set_index("diameter_km")["quality"][diameter_km] == "larger_crater"


def test_parts_do_not_matter(terrain, tmp_path):
    path, craters = terrain
    one, other = (run(tmp_path / name, craters, [path], part_of)[0] for name, part_of in
                  (("one", None), ("other", [0, 1, 2, 1, 0, 2])))  # fmt: skip
    pd.testing.assert_frame_equal(*(rows.sort_values("lat", ignore_index=True) for rows in (one, other)))


def test_the_first_model_with_data_counts(terrain, tmp_path):
    path, craters = terrain
    grid = raster_around("IAU_2015:30110", 50.0, 10.0, 330, 220)
    random = np.random.default_rng(5)
    heights = terrain_of(grid, made_craters(grid, random, 3, 2), random)
    second = write_elevation(tmp_path / "second.tif", grid, heights)
    rows, _ = run(tmp_path, craters, [path, second])
    names = rows.set_index("diameter_km").loc[[size for *_, size in craters], "elevation"].tolist()
    assert names == ["second.tif"] + ["dem.tif"] * 5 and (rows["quality"] == "ok").all()


@pytest.mark.parametrize(
    ("craters", "limits", "message"),
    [
        ([(120.0, 10.0, 6.0)], {}, "none of the 1 craters of the catalogue lies on it"),
        ([], {}, "the catalogue has no craters"),
        (None, dict(min_diameter_px=300), "all 6 craters on it are too small"),
    ],
)
def test_where_nothing_can_be_measured_there_is_a_line_and_no_file(terrain, tmp_path, craters, limits, message):
    path, made = terrain
    (tmp_path / "shapes").mkdir()
    (tmp_path / "shapes" / "shapes.json").write_text("{}")
    with pytest.raises(OrbitileError, match=message) as error:
        run(tmp_path, made if craters is None else craters, [path], **limits)
    assert "\n" not in str(error.value)
    assert list((tmp_path / "shapes").iterdir()) == []


def test_undeclared_nodata_leaves_nothing(terrain, tmp_path):
    path, craters = terrain
    copy = shutil.copy(path, tmp_path / "dem.tif")
    import rasterio

    with rasterio.open(copy, "r+") as target:
        target.nodata = None
    with pytest.raises(OrbitileError, match="not declared as nodata"):
        run(tmp_path, craters, [copy])
    assert list((tmp_path / "shapes").iterdir()) == []
