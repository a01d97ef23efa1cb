import csv
import json
import logging

import geopandas
import numpy as np
import pytest
import shapely
from judged_samples import made_up_sample
from small_catalogues import write_small_catalogue

from orbitile.base.errors import OrbitileError
from orbitile.calibration.network_calibration import NetworkCalibration
from orbitile.calibration.row_confidence import RowConfidence
from orbitile.counting.count_files import read_counts, read_draws, read_reference_counts
from orbitile.counting.searched_ground import DiameterRange
from orbitile.settings import CountingSettings
from orbitile.space.grids import Window
from orbitile.stages.count import CountInputs, count
from orbitile.tables.enlarged_rasters import NOT_ENLARGED
from orbitile.tables.rasters import write_rasters
from orbitile.tables.tile_areas import tile_area_text

SCALE_M = 1000.0
RANGES = {SCALE_M: DiameterRange(5.0, 100.0)}
CRATERS = [
    (1.0, -1.0, 6.0),
    (1.5, -1.5, 12.0),
    (1.2, -1.2, 4.0),
    (1.3, -1.4, 150.0),
    (4.0, -1.0, 20.0),
    (7.0, -7.0, 8.0),
]
WEST, EAST = shapely.box(0.5, -2, 2, -0.5), shapely.box(3.5, -2, 5, -0.5)
FILES = {
    "area.gpkg", "craters.parquet", "draws.parquet", "size_frequency.csv", "size_frequency.pdf", "size_frequency.png",
}  # fmt: skip


@pytest.fixture
def without_plots(monkeypatch):
    """Plots take most of the time."""

    def draw(series, title, from_km, reason, paths):
        for path in paths:
            path.write_bytes(b"plot")

    monkeypatch.setattr("orbitile.stages.count.draw_size_frequency", draw)


@pytest.fixture
def run(raster, tmp_path, moon):
    """The stage on a made-up scene of 8 by 8 degrees and six craters, in areas by name."""
    pixels = np.ones((256, 256), np.uint8)
    tables = str(tmp_path / "rasters.parquet")
    write_rasters([raster(pixels, "a", SCALE_M)], tables)

    def counted(areas, confidence=None, crs=moon.crs, ranges=RANGES, enlarged=NOT_ENLARGED, exclusions=(), **settings):
        catalogue = write_small_catalogue(tmp_path / "catalogue", CRATERS, exclusions=exclusions)
        path, manifest = tmp_path / "areas.gpkg", tmp_path / "counting" / "counts.json"
        geopandas.GeoDataFrame(dict(name=list(areas)), geometry=list(areas.values()), crs=crs).to_file(path)
        dumped = CountingSettings(areas=path, draws=4, **settings).model_dump(mode="json")
        count(CountInputs(catalogue, [tables], enlarged), dumped, ranges, moon, confidence, 0.3, str(manifest))
        return json.loads(manifest.read_text())

    counted.manifest = tmp_path / "counting" / "counts.json"
    return counted


def test_areas_are_counted_each_in_a_folder(run):
    manifest = run(dict(west=WEST, east=EAST))
    assert [(area["name"], area["craters"], area["not_counted"]) for area in manifest["areas"]] == [
        ("west", 2, 2), ("east", 1, 0),
    ]  # fmt: skip
    folder = run.manifest.parent
    assert {path.name for path in (folder / "west").iterdir()} == FILES
    assert {path.name for path in folder.iterdir()} == {
        "counts.json", "methods.txt", "size_frequency.png", "size_frequency.pdf", "west", "east",
    }  # fmt: skip
    assert all((folder / file["path"]).stat().st_size == file["bytes"] for file in manifest["files"])
    west, east = read_counts(run.manifest)
    assert sorted(west.diameter_km) == [6, 12] and east.diameter_km.tolist() == [20]
    assert west.searched_km2 == pytest.approx(manifest["areas"][0]["searched_km2"])
    assert west.area_km2 == pytest.approx(np.full(2, west.searched_km2))
    assert [len(draws) for draws in read_draws(run.manifest).values()] == [4, 4]
    rows = list(csv.DictReader((folder / "west" / "size_frequency.csv").open()))
    assert float(rows[0]["cumulative"]) == pytest.approx(2 / west.searched_km2, rel=1e-6)
    layer = geopandas.read_file(folder / "west" / "area.gpkg")
    assert layer[["from_km", "to_km"]].to_numpy().tolist() == [[5, 100]]
    assert "west: 2 craters" in (folder / "methods.txt").read_text()


@pytest.mark.usefixtures("without_plots")
def test_craters_and_ground_of_tiles_that_failed_do_not_count(run):
    """Columns 40 to 140 of pixels of 1 km: from 1.32 degrees on."""
    detail = tile_area_text(SCALE_M, [1], Window(40, 0, 100, 256))
    (searched,) = run(dict(west=WEST))["areas"]
    (area,) = run(dict(west=WEST), exclusions=[dict(scene="a", detail=detail, reason="no memory")])["areas"]
    assert (searched["craters"], area["craters"]) == (2, 1)
    share = (np.degrees(40e3 / 1737400) - 0.5) / 1.5
    assert area["searched_km2"] == pytest.approx(share * searched["searched_km2"], rel=1e-3)


@pytest.mark.usefixtures("without_plots")
def test_a_scale_in_enlarged_pixels_is_counted(run):
    (area,) = run(dict(west=WEST))["areas"]
    (enlarged,) = run(dict(west=WEST), ranges={500.0: RANGES[SCALE_M]}, enlarged={500.0: 2})["areas"]
    assert enlarged == area


@pytest.mark.usefixtures("without_plots")
def test_bad_areas_are_listed_with_a_line_each_and_the_others_counted(run, caplog):
    areas = dict(
        outside=shapely.box(50, 50, 51, 51), tiny=shapely.box(1, -1, 1.0001, -0.9999), empty=shapely.box(2, -4, 3, -3),
        line=shapely.LineString([(0, 0), (1, 1)]), bowtie=shapely.Polygon([(1, -1), (2, -2), (2, -1), (1, -2)]),
        west=WEST,
    )  # fmt: skip
    with caplog.at_level(logging.WARNING):
        manifest = run(areas)
    assert {area["name"]: area["reason"].split(";")[0].split(".gpkg: ")[-1] for area in manifest["refused"]} == {
        "line": "the feature in row 4 is a LineString",
        "outside": "lies outside of all that was searched",
        "tiny": "is smaller than a pixel of 1000 m (9.19 m2)",
    }
    notes = {area["name"]: (area["craters"], area["notes"]) for area in manifest["areas"]}
    assert notes["empty"] == (0, ["no crater in it is counted"]) and notes["west"] == (2, [])
    assert "crosses itself and was mended" in notes["bowtie"][1][0]
    assert [area.name for area in read_counts(run.manifest)] == ["empty", "bowtie", "west"]
    for name in ("outside", "tiny", "line", "empty"):
        assert f"area {name}: " in caplog.text


@pytest.mark.parametrize(
    ("areas", "options", "reason"),
    [
        (dict(a=shapely.box(50, 50, 51, 51)), {}, "no area can be counted: a: lies outside"),
        (dict(a=WEST), dict(crs="IAU_2015:49900"), "is not one of Moon"),
        (dict(a=WEST), dict(name_column="unit"), "no column 'unit'"),
    ],
)
@pytest.mark.usefixtures("without_plots")
def test_where_nothing_can_be_counted_there_is_no_manifest(run, areas, options, reason):
    with pytest.raises(OrbitileError, match=reason):
        run(areas, **options)
    assert not run.manifest.exists()


@pytest.mark.usefixtures("without_plots")
def test_folders_of_an_earlier_count_go(run):
    run(dict(west=WEST, east=EAST))
    run(dict(east=EAST))
    assert not (run.manifest.parent / "west").exists() and (run.manifest.parent / "east").exists()


@pytest.mark.usefixtures("without_plots")
def test_excluded_ground_does_not_count(run, tmp_path, moon):
    shadows = tmp_path / "shadows.gpkg"
    geopandas.GeoDataFrame(geometry=[shapely.box(0, -1.25, 9, 0)], crs=moon.crs).to_file(shadows)
    (west,) = run(dict(west=WEST), excluded=shadows)["areas"]
    assert west["craters"] == 1
    assert west["searched_km2"] == pytest.approx(west["area_km2"] / 2, rel=1e-2)


@pytest.mark.usefixtures("without_plots")
def test_a_reference_is_counted_on_the_same_ground(run, tmp_path):
    table = tmp_path / "craters.csv"
    table.write_text("lon,lat,diameter_km\n1,-1,6\n1.1,-1,7\n1.2,-1,8\n70,0,9\n")
    run(dict(west=WEST), reference=table)
    rows = csv.DictReader((run.manifest.parent / "west" / "reference_size_frequency.csv").open())
    assert sum(int(row["craters"]) for row in rows) == 3
    (name, count), *others = read_reference_counts(run.manifest).items()
    assert (name, len(count), others) == ("west", 3, [])


@pytest.mark.usefixtures("without_plots")
def test_a_calibration_limits_what_is_counted(run):
    sample = made_up_sample()
    confidence = RowConfidence(NetworkCalibration(sample, 10.0, 0.3, "made up"), 0.9, SCALE_M)
    manifest = run(dict(west=WEST), confidence, least_completeness=0.3)
    (west,) = manifest["areas"]
    assert west["from_km"] == pytest.approx(manifest["completeness"]["from_km"]) and west["from_km"] >= 10
    assert west["craters"] == 1 and west["expected"] > 1


@pytest.mark.usefixtures("without_plots")
def test_a_calibration_beyond_all_scales_leaves_nothing_to_count(run):
    far = RowConfidence(NetworkCalibration(made_up_sample(), 120.0, 0.3, "made up"), 0.9, SCALE_M)
    with pytest.raises(OrbitileError, match="would count from 120 km on"):
        run(dict(west=WEST), far)


@pytest.mark.usefixtures("without_plots")
def test_the_same_input_gives_the_same_files(run):
    def content():
        run(dict(west=WEST))
        files = sorted(path for path in run.manifest.parent.rglob("*") if path.is_file() and path.suffix != ".gpkg")
        return {path.name: path.read_bytes() for path in files}

    assert content() == content()
