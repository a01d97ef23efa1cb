"""The map of a made-up run, from its scenes' probabilities to its files."""

from dataclasses import replace

import geopandas
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from mask_runs import MOON, Lattice, MaskRun, lying, pieces
from plain_map import plain_rows
from pyproj import CRS

from orbitile.features.filter import FilterArea
from orbitile.space.bodies import lies_on
from orbitile.space.ground import Ground, distance
from orbitile.stages import assemble_map as assembling
from orbitile.tables.features import LINES, ORDER, POLYGONS
from orbitile.tables.rasters import read_rasters, write_rasters
from orbitile.tables.vectors import GEOREF_COLUMNS

SHAPE = (60, 100)
SPHERE = f"+R={MOON.radius_m} +units=m +no_defs"


@pytest.fixture(scope="module")
def grooves(tmp_path_factory):
    """Three boxes in two scenes, the second across their border; the third is small."""
    boxes = [(5, 40, 45, 46), (30, 10, 90, 18), (60, 30, 70, 32)]
    run = MaskRun(tmp_path_factory.mktemp("r")).stitched(lying(SHAPE, *boxes), pieces(100, 60, [50]))
    return run, run.united(min_area_m2=30 * 1e4)


def test_polygons_and_lines_are_sorted_and_numbered(grooves):
    _, found = grooves
    assert found.polygons.columns.tolist() == ["id", *POLYGONS, *GEOREF_COLUMNS, "geometry"]
    assert found.lines.columns.tolist() == ["id", *LINES, *GEOREF_COLUMNS, "geometry"]
    assert found.polygons["feature"].tolist() == [1, 2]
    assert found.polygons[["scene", "scenes"]].to_numpy().tolist() == [["a", 1], ["b", 2]]
    assert found.lines["feature"].tolist() == [1, 2]
    for table in (found.polygons, found.lines):
        assert table.sort_values(ORDER)["feature"].tolist() == table["feature"].tolist()
    assert shapely.within(found.lines.geometry.to_numpy(), found.polygons.geometry.to_numpy()).all()


def test_sizes_on_the_ground(grooves):
    _, found = grooves
    low, high = found.polygons.to_dict("records")
    assert (low["area_m2"], high["area_m2"]) == pytest.approx((240e4, 480e4), rel=1e-4)
    assert (low["width_m"], high["width_m"]) == pytest.approx((600, 800), rel=1e-3)
    assert high["length_m"] == pytest.approx(5200, rel=1e-2)
    assert high["azimuth_deg"] == pytest.approx(90, abs=0.1)
    assert high["probability"] == pytest.approx(200 / 255)


def test_the_proof_sums_up_the_tables(grooves):
    _, found = grooves
    proof = found.proof
    assert (proof["rows"], proof["lines"], proof["what"], proof["run"]) == (2, 2, "polygons on the map", "r")
    assert proof["dropped"] == {"too small": 1}
    assert proof["area_m2"] == found.polygons["area_m2"].sum()
    assert proof["length_m"] == found.lines["length_m"].sum()


def test_the_summary_counts_what_was_left_out(grooves):
    run, _ = grooves
    (row,) = pd.read_csv(run.folder / "map" / "summary.csv").to_dict("records")
    assert (row["class"], row["scale_m"], row["polygons"], row["lines"]) == ("fracture", 100, 2, 2)
    assert row["area_m2"] == pytest.approx(720e4, rel=1e-4)
    assert row["dropped: too small"] == 1
    assert sum(row[name] for name in row if name.startswith("dropped")) == 1


@pytest.mark.parametrize("kind", ["polygons", "lines"])
def test_all_formats_hold_the_same(grooves, kind):
    run, found = grooves
    table = getattr(found, kind)
    for suffix in ("gpkg", "shp"):
        other = pyogrio.read_dataframe(run.folder / "map" / f"{kind}.{suffix}")
        assert lies_on(other.crs, MOON)
        assert other["lat"].tolist() == pytest.approx(table["lat"].tolist())
        assert shapely.equals(other.geometry.to_numpy(), table.geometry.to_numpy()).all()


def test_areas_filter_the_map(grooves, tmp_path):
    run, _ = grooves
    box = geopandas.GeoDataFrame(geometry=[shapely.box(0, -2500, 9900, 0)], crs=CRS("IAU_2015:30110"))
    pyogrio.write_dataframe(box.to_crs(MOON.crs), tmp_path / "area.gpkg")
    area = FilterArea.read(tmp_path / "area.gpkg", MOON)
    other = MaskRun(tmp_path / "o", groups=run.groups)
    for group in run.groups:
        write_rasters(read_rasters(run.table("stitched", group)), other.table("stitched", group))
    assert other.united(inside=area).proof["dropped"] == {"outside the area": 2}
    assert other.united(outside=area).proof["dropped"] == {"in an excluded area": 1}


@pytest.mark.parametrize("what", ["no positive pixel", "no tile", "all left out"])
def test_an_empty_map_is_whole_and_valid(tmp_path, what):
    box = [(5, 5, 40, 10)] if what == "all left out" else []
    run = MaskRun(tmp_path).stitched(lying(SHAPE, *box), pieces(100, 60))
    if what == "no tile":
        write_rasters([], run.table("stitched", "a"))
    found = run.united(min_area_m2=1e12)
    assert (found.proof["rows"], found.proof["lines"], found.proof["area_m2"], found.proof["length_m"]) == (0, 0, 0, 0)
    for kind, names in (("polygons", POLYGONS), ("lines", LINES)):
        table = getattr(found, kind)
        assert table.columns.tolist() == ["id", *names, *GEOREF_COLUMNS, "geometry"]
        assert table[["feature"]].dtypes.astype(str).tolist() == ["int64"]
        assert {str(table[name].dtype) for name in ("scale_m", "length_m", "lon", "lat")} == {"float64"}
        for suffix in ("gpkg", "shp"):
            info = pyogrio.read_info(run.folder / "map" / f"{kind}.{suffix}")
            assert info["features"] == 0
            assert lies_on(CRS(info["crs"]), MOON)
            assert info["dtypes"][info["fields"].tolist().index("lat")] == "float64"
    assert (run.folder / "map" / "rose.png").stat().st_size > 1000
    summary = pd.read_csv(run.folder / "map" / "summary.csv")
    assert len(summary) == (what == "all left out")
    assert {"polygons", "lines", "area_m2", "length_m", "dropped: too small"} <= set(summary)
    assert summary[["polygons", "lines", "dropped: too small"]].to_numpy().tolist() == [[0, 0, 1]] * len(summary)


@pytest.mark.parametrize(
    ("crs", "lon", "lat"),
    [
        ("IAU_2015:30110", 20, 0), (f"+proj=sinu +lon_0=20 {SPHERE}", 22, 60),
        (f"+proj=stere +lat_0=90 +lon_0=0 +k=1 {SPHERE}", 100, 85),
    ],
    ids=["equator", "60 N", "85 N"],
)  # fmt: skip
def test_a_groove_has_its_size_on_the_ground(tmp_path, crs, lon, lat):
    """A circle of 15 km around a place, 1 km wide, cut into two scenes; it has no ends that a line could miss."""
    ground, side, radius_m = Ground(CRS(crs).to_wkt(), MOON.radius_m), 340, MOON.radius_m
    x, y = ground.xy(np.array([lon]), np.array([lat]), 0.0, 0.0)
    lattice = Lattice(crs, 100.0, int(x[0] // 100) - side // 2, int(-y[0] // 100) - side // 2)
    cols, rows = np.meshgrid(lattice.col + np.arange(side) + 0.5, lattice.row + np.arange(side) + 0.5)
    away = distance(lon, lat, *ground.lonlat(cols * 100, -rows * 100)) * radius_m
    mask = np.abs(away - 15_000) <= 500
    assert not (mask[[0, -1]].any() or mask[:, [0, -1]].any())
    found = MaskRun(tmp_path, lattice).stitched((mask * 255).astype(np.uint8), pieces(side, side, [150])).united()
    (polygon,), (line,) = found.polygons.to_dict("records"), found.lines.to_dict("records")
    ring_m2 = 2 * np.pi * radius_m**2 * (np.cos(14_500 / radius_m) - np.cos(15_500 / radius_m))
    assert polygon["area_m2"] == pytest.approx(ring_m2, rel=0.01)
    assert polygon["length_m"] == line["length_m"]
    assert line["length_m"] == pytest.approx(2 * np.pi * radius_m * np.sin(15_000 / radius_m), rel=0.01)
    assert line["width_m"] == pytest.approx(1000, rel=0.01)


def test_the_dataset_holds_the_rows_of_the_files(grooves):
    """A part for each group, with the features whose largest part lies in it; the manifest names all files."""
    run, found = grooves
    assert [(part["kind"], part["group"], part["rows"]) for part in found.proof["parts"]] == [
        ("polygons", "a", 1), ("polygons", "b", 1), ("lines", "a", 1), ("lines", "b", 1)
    ]  # fmt: skip
    for described in (*found.proof["parts"], *found.proof["files"]):
        path = run.folder / "map" / described["path"]
        assert path.is_file()
        assert path.suffix == ".shp" or path.stat().st_size == described["bytes"]
    assert {file["path"] for file in found.proof["files"]} == {
        f"{kind}.{suffix}" for kind in ("polygons", "lines") for suffix in ("gpkg", "shp", "parquet")
    }
    for kind in ("polygons", "lines"):
        parts = [geopandas.read_parquet(path) for path in sorted((run.folder / "map" / kind).glob("*.parquet"))]
        rows = pd.concat(parts).sort_values("feature", ignore_index=True)
        texts = dict.fromkeys(("class", "scene", "georef_method"), object)
        assert plain_rows(rows.astype(texts)) == plain_rows(getattr(found, kind))


@pytest.mark.parametrize(("scenes_apart", "count"), [(True, 2), (False, 1)])
def test_the_same_image_under_two_names_has_the_same_ids_in_all_files(tmp_path, scenes_apart, count):
    """In the dataset, made by group, and in files of all rows; in pixel coordinates alone ids differ by scene."""
    run = MaskRun(tmp_path, margin="never").stitched(lying(SHAPE, (5, 40, 45, 46)), pieces(100, 60))
    (scene,) = run.groups
    for stage in ("scaled", "stitched"):
        (row,) = read_rasters(run.table(stage, scene))
        write_rasters([replace(row, scene="z")], run.table(stage, "z"))
    run.groups.append("z")
    found = run.united(scenes_apart=scenes_apart)
    parts = pd.concat(geopandas.read_parquet(path) for path in sorted((run.folder / "map" / "polygons").iterdir()))
    in_file = found.polygons.sort_values("scene")
    assert in_file["scene"].tolist() == [scene, "z"]
    assert in_file["id"].tolist() == parts.sort_values("scene")["id"].tolist()
    assert in_file["id"].nunique() == count


def test_a_map_of_more_rows_than_a_file_may_hold_is_in_several(tmp_path, monkeypatch):
    """The earlier files, which held it in one, are gone; a smaller map then removes the folder of files."""
    boxes = [(5 + 12 * n, 40, 15 + 12 * n, 46) for n in range(5)]
    run = MaskRun(tmp_path).stitched(lying(SHAPE, *boxes), pieces(100, 60, [50]))
    monkeypatch.setattr(assembling, "ROWS_AT_ONCE", 3)
    alone = run.united()
    assert alone.polygons["feature"].tolist() == [1, 2, 3, 4, 5]
    parted = run.united(rows_per_file=2).proof
    folder = run.folder / "map"
    assert not list(folder.glob("polygons.gpkg")) + list(folder.glob("lines.shp")) + list(folder.glob("*.names.csv"))
    assert parted["sha256"] == alone.proof["sha256"]
    for kind in ("polygons", "lines"):
        for suffix in ("gpkg", "shp"):
            paths = [
                folder / file["path"] for file in parted["files"] if file["path"].startswith(f"{kind}_files/{kind}-")
            ]
            tables = [pyogrio.read_dataframe(path) for path in paths if path.suffix == f".{suffix}"]
            assert list(map(len, tables)) == [2, 2, 1]
            assert all(lies_on(table.crs, MOON) for table in tables)
            rows = pd.concat(tables).sort_values("feature", ignore_index=True)
            expected = getattr(alone, kind)
            assert rows["lat"].tolist() == pytest.approx(expected["lat"].tolist())
            assert shapely.equals(rows.geometry.to_numpy(), expected.geometry.to_numpy()).all()
        assert pyogrio.read_info(folder / f"{kind}_files" / "all.vrt")["features"] == 5
    assert run.united(formats=["gpkg"]).proof["files"] == [
        dict(path=f"{kind}.gpkg", rows=5, bytes=(folder / f"{kind}.gpkg").stat().st_size)
        for kind in ("polygons", "lines")
    ]
    assert not list(folder.glob("*_files"))


def test_without_a_manifest_there_is_no_map(tmp_path, monkeypatch):
    """A job that dies while it writes leaves no manifest, not even the one of before, and the next one tidies up."""
    run = MaskRun(tmp_path).stitched(lying(SHAPE, (5, 40, 45, 46)), pieces(100, 60))
    before = run.united().proof
    with monkeypatch.context() as patched:
        patched.setattr(assembling, "draw_rose", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run.united()
    assert not (run.folder / "map" / "polygons.json").exists()
    (run.folder / "map" / ".features-killed").mkdir()
    assert run.united().proof == before
    assert not list((run.folder / "map").glob(".*"))
