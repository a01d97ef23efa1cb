"""Which label rasters are made again; tests/workflow/test_bad_maps.py holds whole runs."""

import geopandas
import numpy as np
import pandas as pd
import pyogrio
import pytest
import rasterio
import shapely
from pyproj import CRS

from orbitile.base.errors import OrbitileError
from orbitile.stages import rasterise_labels as stage
from orbitile.stages.rasterise_labels import (
    LabelRasterisation,
    PointSource,
    SceneTable,
    VectorSource,
    label_source,
    rasterise_labels,
)
from orbitile.tables.rasters import write_rasters
from orbitile.training.scene_deal import SceneDeal
from orbitile.training.segmentation.tiles import TrainingTileCut


@pytest.fixture
def labelled(raster, moon, tmp_path, monkeypatch):
    """Rasterises a line of a width across a scene of 24 x 24 px; the labelled pixels of each raster that is there."""
    monkeypatch.setattr(stage, "cut_tiles", lambda *arguments: None)
    write_rasters([raster(np.ones((24, 24), np.uint8))], tmp_path / "scaled.parquet")
    (tmp_path / "scenes.csv").write_text("scene,path\na,a.tif\n")

    def run(width, **options):
        rasterisation = LabelRasterisation.of(moon, ["fracture"], "width", None, {}, **options)
        line = shapely.LineString([(0, -1200), (2400, -1200)])
        frame = geopandas.GeoDataFrame(dict(width=[width]), geometry=[line], crs=CRS("IAU_2015:30110"))
        pyogrio.write_dataframe(frame, tmp_path / "labels.shp")
        source = VectorSource.read([str(tmp_path / "labels.shp")], rasterisation)
        table = SceneTable(str(tmp_path / "scenes.csv"), SceneDeal(), is_mapped=True)
        rasters, outputs = [str(tmp_path / "scaled.parquet")], (str(tmp_path / "labels"), str(tmp_path / "t.parquet"))
        rasterise_labels(rasters, source, table, None, *outputs)
        counts = []
        for path in (tmp_path / "labels").glob("*.tif"):
            with rasterio.open(path) as source:
                counts.append(int((source.read(1) == 1).sum()))
        return sorted(counts)

    return run


@pytest.fixture
def masked(raster, tmp_path):
    """Cuts scenes of 8 x 8 px with masks, whose first column is of the class of their number; returns the tiles."""
    (tmp_path / "masks").mkdir()
    rows = {name: raster(np.full((8, 8), 9, np.uint8), scene=name) for name in "abcd"}
    write_rasters(list(rows.values()), tmp_path / "scaled.parquet")

    def run(numbers, deal=None, table="scene,path\na,a.png\nb,b.png\nc,c.png\nd,d.png\n"):
        (tmp_path / "scenes.csv").write_text(table)
        for name, number in numbers.items():
            mask = np.zeros((8, 8), np.uint8)
            mask[:, 0] = number
            with rasterio.open(tmp_path / "masks" / f"{name}.png", "w", driver="PNG", width=8, height=8, count=1,
                               dtype="uint8") as sink:  # fmt: skip
                sink.write(mask[None])
        masks = dict(folder=str(tmp_path / "masks"), classes=["sand", "rock"], values=None)
        source = label_source([], None, None, masks, len(rows))
        scenes = SceneTable(str(tmp_path / "scenes.csv"), deal or SceneDeal(), is_mapped=False)
        cut = TrainingTileCut(tile_px=8, block_deg=1, class_count=2)
        outputs = str(tmp_path / "labels"), str(tmp_path / "tiles.parquet")
        rasterise_labels([str(tmp_path / "scaled.parquet")], source, scenes, cut, *outputs)
        return pd.read_parquet(tmp_path / "tiles.parquet")

    return run


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
class TestMasks:
    def test_scenes_are_dealt_out_as_a_whole(self, masked, caplog):
        """One without a mask is left out, by name; one without features is there."""
        tiles = masked(dict(a=1, b=2, d=0), SceneDeal(validation_scenes=("b",)))
        assert dict(zip(tiles["scene"], tiles["split"], strict=True)) == dict(a="train", b="val", d="train")
        assert [px.tolist() for px in tiles["class_px"]] == [[8, 0], [0, 8], [0, 0]]
        assert tiles["positive_px"].tolist() == [8, 8, 0]
        assert "1 scenes have no mask" in caplog.text and "not for training: c" in caplog.text

    def test_masks_of_no_scene_are_named(self, masked, caplog):
        """Perhaps the mask of c by another name."""
        masked(dict(a=1, b=2, d=0, c_mask=1), SceneDeal(validation_scenes=("b",)))
        assert "1 masks in" in caplog.text and "are of no scene of this run: c_mask" in caplog.text

    def test_the_scene_table_names_splits(self, masked):
        table = "scene,path,split\na,a.png,train\nb,b.png,test\nc,c.png,val\nd,d.png,train\n"
        tiles = masked(dict.fromkeys("abcd", 1), table=table)
        assert dict(zip(tiles["scene"], tiles["split"], strict=True)) == dict(a="train", c="val", d="train")

    def test_a_changed_mask_is_read_again(self, masked, tmp_path):
        deal = SceneDeal(validation_scenes=("b",))
        masked(dict(a=1, b=2), deal)
        tiles = masked(dict(a=2, b=2), deal)
        assert [px.tolist() for px in tiles["class_px"]] == [[0, 8], [0, 8]]
        assert len(list((tmp_path / "labels").glob("*.tif"))) == 3

    def test_splits_without_features_are_refused(self, masked):
        with pytest.raises(OrbitileError, match="no val tile has features; keep other scenes for validation"):
            masked(dict(a=1, b=0), SceneDeal(validation_scenes=("b",)))


def test_a_change_in_the_table_beside_a_shapefile_is_one_of_the_labels(labelled):
    """The shapes, and so the .shp, stay the same."""
    assert labelled("small") == [24 * 8]
    assert labelled("small") == [24 * 8]
    assert labelled("large") == [24 * 8, 24 * 24]


@pytest.fixture
def with_points(raster, moon, tmp_path, monkeypatch):
    """Rasterises a polygon and points at (column, row) of a scene of 24 x 24 px; another is elsewhere."""
    monkeypatch.setattr(stage, "cut_tiles", lambda *arguments: None)
    pixels = np.ones((24, 24), np.uint8)
    rows = [raster(pixels, "a"), raster(pixels, "b", left=1500)]
    write_rasters(rows, tmp_path / "scaled.parquet")

    def run(*places, radius_px=1.001, uncertain_px=0):
        area = geopandas.GeoDataFrame(geometry=[shapely.box(0, -400, 2400, 0)], crs=CRS("IAU_2015:30110"))
        points = [shapely.Point(col * 100, -row * 100) for col, row in places]
        pyogrio.write_dataframe(area, tmp_path / "areas.fgb")
        pyogrio.write_dataframe(geopandas.GeoDataFrame(geometry=points, crs=area.crs), tmp_path / "points.fgb")
        rasterisation = LabelRasterisation.of(moon, ["vein"], "width", None, {}, uncertain_px=uncertain_px)
        source = VectorSource.read([str(tmp_path / "areas.fgb")], rasterisation)
        by = dict(classes=["vein"], width_field="width", class_field=None, radius_px=radius_px)
        points = PointSource.read([str(tmp_path / "points.fgb")], moon, by)
        (tmp_path / "scenes.csv").write_text("scene,path\na,a.tif\nb,b.tif\n")
        table = SceneTable(str(tmp_path / "scenes.csv"), SceneDeal(), is_mapped=True)
        outputs = str(tmp_path / "labels"), str(tmp_path / "tiles.parquet")
        rasterise_labels([str(tmp_path / "scaled.parquet")], source, table, None, *outputs, points)
        counts = []
        for path in (tmp_path / "labels").glob("a-*.tif"):
            with rasterio.open(path) as source:
                counts.append(int((source.read(2) == 2).sum()))
        return sorted(counts)

    return run


def test_points_are_burnt_beside_labels_and_anew_where_they_change(with_points, caplog):
    caplog.set_level("INFO")
    assert with_points((5.5, 5.5), (50, 50)) == [5]
    assert "scene a: 1 of 2 points lie in it" in caplog.messages
    assert with_points((5.5, 5.5), (50, 50)) == [5]
    assert with_points((5.5, 5.5), (9.5, 5.5)) == [5, 10]
    assert with_points((5.5, 5.5), (9.5, 5.5), radius_px=0.9) == [2, 5, 10]


def test_points_count_where_labels_are_uncertain(with_points, tmp_path):
    """The polygon ends in row 4; within 3 px of it nothing is known but the point."""
    assert with_points((5.5, 5.5), uncertain_px=3) == [5]
    (path,) = (tmp_path / "labels").glob("a-*.tif")
    with rasterio.open(path) as source:
        labels, points = source.read()
        assert (source.read_masks(1) > 0).all()
    assert (labels[4:7] == 255).all()
    assert points[5, 5] == 2


def test_points_outside_of_all_scenes_are_an_error(with_points):
    with pytest.raises(OrbitileError, match=r"points\.fgb: none of 2 points lies at a pixel with data of a scene"):
        with_points((50, 50), (-9, 5))


def test_too_many_classes_for_points(moon):
    names = [f"class_{number}" for number in range(254)]
    by = dict(classes=names, width_field="width", class_field="kind", radius_px=2)
    with pytest.raises(
        OrbitileError, match=r"segmentation_training\.points: 254 classes; with points allowed are at most"
    ):
        PointSource.read(["points.gpkg"], moon, by)


def test_other_uncertain_surroundings_make_other_rasters(labelled):
    assert labelled("small") == [24 * 8]
    assert labelled("small", uncertain_px=2) == [24 * 8, 24 * 8]
    assert labelled("small", uncertain_px=2) == [24 * 8, 24 * 8]
