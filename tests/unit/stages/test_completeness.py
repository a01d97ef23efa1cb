import json
from dataclasses import replace

import geopandas
import numpy as np
import pytest
import shapely
from judged_samples import made_up_sample

from orbitile.calibration.network_calibration import NetworkCalibration
from orbitile.calibration.row_confidence import RowConfidence
from orbitile.calibration.statement import CatalogueStatement, ScoreChoice
from orbitile.detections.tiling import TileSize
from orbitile.jobs.pieces import JobWork
from orbitile.space.bodies import find_body
from orbitile.space.grids import Window
from orbitile.stages.completeness import SearchedTables, completeness
from orbitile.stages.tile import tile_scenes
from orbitile.tables.enlarged_rasters import NOT_ENLARGED
from orbitile.tables.rasters import read_rasters, write_rasters
from orbitile.tables.tile_areas import tile_area_text
from orbitile.tables.tiles import read_appearances

ERRORS = dict(complete_50_m=4800.0, complete_90_m=9100.0)


@pytest.fixture
def searched(raster, tmp_path):
    """Two made-up scenes of noise, far from each other, the second of which has more; the stage runs on both."""
    random = np.random.default_rng(0)
    noise = [random.normal(128, spread, (256, 320)).clip(1, 255).astype(np.uint8) for spread in (10, 60)]
    rasters = [raster(pixels, name, left=left) for pixels, name, left in zip(noise, "ab", (0, 90_000), strict=True)]
    tables = SearchedTables([str(tmp_path / "rasters.parquet")], [str(tmp_path / "tiles.parquet")])
    write_rasters(rasters, tables.rasters[0])
    tile_scenes(tables.rasters[0], {100.0: TileSize(64, 0)}, str(tmp_path / "work"), tables.tiles[0], JobWork())

    def run(errors, statement=None, exclusions=(), enlarged=NOT_ENLARGED, **options):
        (tmp_path / "craters.json").write_text(json.dumps(dict(errors=errors, exclusions=list(exclusions))))
        manifest = tmp_path / "completeness.json"
        completeness(tables._replace(enlarged=enlarged), str(tmp_path / "craters.json"), find_body("Moon"),
                     ["gpkg", "shp"], str(manifest), statement, **options)  # fmt: skip
        return json.loads(manifest.read_text()), geopandas.read_file(tmp_path / "completeness.gpkg")

    run.tables = tables
    return run


def statement_of(appearances):
    calibration = NetworkCalibration(made_up_sample(), 10.0, 0.3, "made-up craters", appearances=appearances)
    return CatalogueStatement(RowConfidence(calibration, 0.9, 100.0), ScoreChoice(0.5))


def test_footprints_state_how_complete_the_catalogue_is(searched):
    manifest, layer = searched(ERRORS)
    assert layer["scene"].tolist() == ["a", "b"]
    assert layer["complete_50_km"].tolist() == [4.8, 4.8] and layer["complete_90_km"].tolist() == [9.1, 9.1]
    assert layer["area_km2"].tolist() == pytest.approx([25.6 * 32] * 2, rel=1e-3)
    assert manifest["area_km2"] == pytest.approx(2 * 25.6 * 32, rel=1e-3)
    assert (manifest["scenes"], manifest["complete_90_m"], manifest["body"]) == (2, 9100.0, "Moon")
    assert [file["path"] for file in manifest["files"]] == ["completeness.gpkg", "completeness.shp"]
    fields = geopandas.read_file(searched.tables.rasters[0].replace("rasters.parquet", "completeness.shp")).columns
    assert {"compl50_km", "compl90_km"} <= set(fields)


def test_nothing_is_stated_of_scenes_that_look_otherwise(searched):
    usual = read_appearances(searched.tables.tiles)["a"]
    random = np.random.default_rng(1)
    calibrated = usual[random.integers(0, len(usual), 60)] + random.normal(0, 0.05, (60, usual.shape[1]))
    manifest, layer = searched(ERRORS, statement_of(calibrated))
    assert layer["unlike"].isna().tolist() == [True, False] and layer["unlike"][1] == "roughness"
    assert layer["complete_90_km"].isna().tolist() == [False, True]
    assert manifest["unlike_scenes"] == 1


def test_without_a_calibration_the_area_is_there(searched):
    manifest, layer = searched(None)
    assert layer["complete_50_km"].isna().all() and layer["unlike"].isna().all()
    assert manifest["complete_50_m"] is None and manifest["area_km2"] > 0


@pytest.mark.parametrize(
    ("piece", "enlarged", "lost_km2"),
    [
        (dict(detail=tile_area_text(100, [1], Window(192, 0, 64, 256))), {}, 6.4 * 25.6),
        (dict(detail=tile_area_text(50, [1], Window(384, 0, 128, 512))), {50.0: 2}, 6.4 * 25.6),
        (dict(detail=""), {}, 32 * 25.6),
        (dict(detail="100 m/px"), {}, 32 * 25.6),
        (dict(detail="100 m/px", scene="c"), {}, 0),
    ],
)
def test_what_failed_was_not_searched(searched, piece, enlarged, lost_km2):
    manifest, layer = searched(ERRORS, exclusions=[dict(scene="b", reason="no memory") | piece], enlarged=enlarged)
    areas = dict(zip(layer["scene"], layer["area_km2"], strict=True))
    assert (areas["a"], areas.get("b", 0)) == pytest.approx((25.6 * 32, 25.6 * 32 - lost_km2), rel=1e-3)
    assert manifest["area_km2"] == pytest.approx(sum(areas.values())) and manifest["scenes"] == len(layer)
    place = shapely.Point(np.degrees(np.array([90e3 + 22_400, -12_800]) / find_body("Moon").radius_m))
    assert layer.intersects(place).any() == (lost_km2 == 0)
    assert layer["complete_90_km"].tolist() == [9.1] * len(layer) and layer.geometry.is_valid.all()


def test_ground_that_failed_at_a_scale_is_left_out_at_all(searched, raster):
    """What is said of its completeness holds for all sizes."""
    coarse = [raster(np.ones((128, 160), np.uint8), name, 200.0, left=left) for name, left in (("a", 0), ("b", 90_000))]
    write_rasters([*read_rasters(searched.tables.rasters[0]), *coarse], searched.tables.rasters[0])
    pieces = [
        dict(scene="a", detail=tile_area_text(200, [1], Window(0, 0, 64, 128)), reason="no memory"),
        dict(scene="a", detail=tile_area_text(100, [1], Window(64, 0, 128, 256)), reason="no memory"),
    ]
    _, layer = searched(ERRORS, exclusions=pieces)
    assert layer["area_km2"].tolist() == pytest.approx([25.6 * (32 - 19.2), 25.6 * 32], rel=1e-3)


def test_scenes_in_pixel_coordinates_lie_at_one_place_and_add_up(searched, raster):
    rows = [raster(np.ones((256, 320), np.uint8), name) for name in "ab"]
    write_rasters([replace(row, scene=name) for row, name in zip(rows, "ab", strict=True)], searched.tables.rasters[0])
    assert searched(None)[0]["area_km2"] == pytest.approx(25.6 * 32, rel=1e-3)
    assert searched(None, unmapped_scenes=2)[0]["area_km2"] == pytest.approx(2 * 25.6 * 32, rel=1e-3)
