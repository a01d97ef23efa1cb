import base64
import json

import numpy as np
import pytest
from page_runs import (
    CRATERS,
    CRITERIA,
    GSD_M,
    MOON,
    RADIUS_M,
    SIDE,
    TRUE_CRATERS,
    write_page,
    write_scenes,
    write_world_run,
)
from small_catalogues import write_small_catalogue

from orbitile import catalogue
from orbitile.space.grids import Window
from orbitile.stages.page import PageInputs, page
from orbitile.tables.craters import CraterTable
from orbitile.tables.tile_areas import tile_area_text
from orbitile.web.data_scripts import write_data_script
from orbitile.web.run_page import PageChoice, bounds_of, plain_outline, tile_runs

CHOICE = PageChoice(most_tiles=30, review_rows=10, review_seed=0)
"""Few tiles, so that the tests are quick."""
HOSTILE = '"</script><script>alert(1)</script><img src=x onerror=alert(1)>\u2028'


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return write_world_run(tmp_path_factory.mktemp("results") / "world", CHOICE)


def read_script(path):
    """The name and the value that a data script hands over."""
    text = path.read_text(encoding="ascii")
    assert text.startswith("received(") and text.endswith(");\n")
    return json.loads(f"[{text[len('received(') : -len(');') - 1]}]")


def read_rows(folder):
    """The rows of all blocks as the page reads them: ids, longitudes, latitudes, diameters, scores and scenes."""
    rows = []
    for path in sorted((folder / "data" / "rows").glob("*.js")):
        _, value = read_script(path)
        data, n = base64.b64decode(value["columns"]), value["count"]
        lon, lat = (np.frombuffer(data, "<i4", n, offset) / 1e7 for offset in (0, 4 * n))
        diameter, scene = np.frombuffer(data, "<f4", n, 8 * n), np.frombuffer(data, "<u4", n, 12 * n)
        score = np.frombuffer(data, "<u2", n, 16 * n) / 65534
        ids = [base64.b32encode(data[24 * n + 10 * i : 24 * n + 10 * i + 10]).decode() for i in range(n)]
        assert len(data) == 35 * n
        rows += zip(ids, lon, lat, diameter, score, scene, strict=True)
    return rows


def test_its_rows_are_those_of_the_catalogue(index):
    run = read_script(index.parent / "data" / "run.js")[1]
    expected = {row["id"]: row for row in catalogue.open(index.parents[1] / "catalogue").table().to_pylist()}
    rows = read_rows(index.parent)
    assert len(rows) == len(expected) == run["rows"] == sum(run["blocks"].values())
    for row_id, lon, lat, diameter_km, score, scene in rows:
        row = expected[row_id]
        assert (lon, lat) == (pytest.approx(row["lon"], abs=1e-7), pytest.approx(row["lat"], abs=1e-7))
        assert diameter_km == pytest.approx(row["diameter_km"]) and score == pytest.approx(row["score"], abs=1e-5)
        assert run["scene_names"][scene] == row["scene"]


def test_what_it_knows_of_the_run(index):
    name, run = read_script(index.parent / "data" / "run.js")
    assert (name, run["run"], run["body"], run["radius_m"]) == ("run", "world", "Moon", 1737400.0)
    assert set(run["maps"]) == {"cylindrical", "north", "south"} and "page.most_tiles: 30" in run["notes"][0]
    assert set(run["scenes"]) == set(CRATERS) == set(run["scene_names"])
    assert run["row_counts"] == [2, 2, 2, 2] and sum(run["sizes"]["rows"]) == 8
    assert len(run["sample"]) == 8 and {row["id"] for row in run["sample"]} == {
        row[0] for row in read_rows(index.parent)
    }
    assert run["catalogue"] == "made up" and run["has_probability"] is False
    assert len(run["searched"]) >= 4


def test_rows_are_compared_with_the_truth(index):
    run = read_script(index.parent / "data" / "run.js")[1]
    words = dict(name="the truth", kinds=["not judged", "right", "false"], missed_title="true craters that were missed")
    assert run["comparison"] == words | dict(counts=[0, 2, 6], missed=1)
    _, missed = read_script(index.parent / "data" / "missed.js")
    data = base64.b64decode(missed["columns"])
    place = (*(np.frombuffer(data[:8], "<i4") / 1e7), *np.frombuffer(data[8:], "<f4"))
    assert place == pytest.approx(TRUE_CRATERS[-1])
    kinds = {}
    for path in (index.parent / "data" / "rows").glob("*.js"):
        value = read_script(path)[1]
        data, n = base64.b64decode(value["columns"]), value["count"]
        kinds |= dict(zip(np.frombuffer(data, "<f4", n, 8 * n).tolist(), data[34 * n :], strict=True))
    assert kinds[20.0] == kinds[30.0] == 2 and kinds[50.0] == 1


def test_another_table_is_compared_by_its_name(tmp_path):
    folder = tmp_path / "results" / "other"
    rows = write_scenes(folder)[:1]
    manifest = write_small_catalogue(folder / "catalogue", CRATERS["sixty"])
    table = folder / "by hand.csv"
    table.write_text("x,y,size\n40,60,60000\n37.5,59,15000\n")
    columns = dict(lon="x", lat="y", diameter_m="size")
    index = write_page(folder, rows, manifest, CHOICE, CraterTable.of(table, columns), table.name)
    comparison = read_script(index.parent / "data" / "run.js")[1]["comparison"]
    assert comparison["counts"] == [0, 1, 1] and comparison["missed"] == 1
    assert comparison["kinds"] == ["not compared", "in both", "only in this run"]
    assert (comparison["name"], comparison["missed_title"]) == ("by hand.csv", "craters only in by hand.csv")


@pytest.mark.parametrize("enlarge", [1, 2])
def test_what_was_left_out_is_there_with_its_place(tmp_path, enlarge):
    """A scene as its outline, tiles where they lie: a quarter of the scene at 180 degrees, cut at its end."""
    folder, half = tmp_path / "results" / "left_out", SIDE // 2
    rows = write_scenes(folder)[:3]
    window = Window(*(enlarge * place for place in (half, half, SIDE, SIDE)))
    detail = tile_area_text(GSD_M / enlarge, [3], window)
    exclusions = [
        dict(scene="border", detail=detail, reason="no memory"),
        dict(scene="north", detail="", reason="gone"),
    ]
    options = dict(exclusions=exclusions, enlarged={GSD_M / enlarge: enlarge})
    index = write_page(folder, rows, write_small_catalogue(folder / "catalogue", []), CHOICE, **options)
    run = read_script(index.parent / "data" / "run.js")[1]
    reasons = {name: scene["left_out"] for name, scene in run["scenes"].items()}
    assert reasons == dict(sixty=None, border=None, north="gone")
    (failed,) = run["failed"]
    assert (failed["scene"], failed["why"]) == ("border", f"{detail} no memory")
    (outline,) = failed["outlines"]
    degrees = half * GSD_M / (RADIUS_M * np.pi / 180)
    assert np.ptp(outline, axis=0) == pytest.approx([degrees, degrees], abs=1e-4)
    assert np.abs(np.array(outline)[:, 0]).max() == pytest.approx(180) and np.max(outline, axis=0)[1] == 0
    assert "2 scenes were left out, in part or as a whole." in run["notes"]


def test_rows_where_a_scene_failed_are_not_judged(tmp_path):
    """The true crater that is missed lies there, too."""
    folder = tmp_path / "results" / "failed"
    rows, truth = write_scenes(folder)[:2], folder / "truth.csv"
    manifest = write_small_catalogue(folder / "catalogue", [*CRATERS["sixty"], CRATERS["border"][0]])
    truth.write_text("lon,lat,diameter_km\n" + "".join(f"{lon},{lat},{size}\n" for lon, lat, size in TRUE_CRATERS))
    detail = tile_area_text(GSD_M, [3], Window(0, 0, SIDE, SIDE))
    exclusions = [dict(scene="sixty", detail=detail, reason="no memory")]
    index = write_page(folder, rows, manifest, CHOICE, CraterTable.of(truth, {}), exclusions=exclusions)
    comparison = read_script(index.parent / "data" / "run.js")[1]["comparison"]
    assert comparison["counts"] == [2, 1, 0] and comparison["missed"] == 0


def test_all_its_files_are_there_and_no_others_are_named(index):
    run = read_script(index.parent / "data" / "run.js")[1]
    for name, shown in run["maps"].items():
        tiles = {f"{z}-{c}-{r}.webp" for z, r, first, last in shown["tiles"] for c in range(first, last + 1)}
        assert tiles == {path.name for path in (index.parent / "tiles" / name).iterdir()}
    text = index.read_text()
    assert "default-src 'none'" in text and "://" not in text


def test_hostile_names_are_text(tmp_path):
    folder = tmp_path / "results" / "hostile"
    rows = write_scenes(folder)[:1]
    manifest = write_small_catalogue(folder / "catalogue", [(40, 60, 9)], [HOSTILE])
    index = write_page(folder, rows, manifest, CHOICE)
    scripts = [path.read_text(encoding="ascii") for path in (index.parent / "data").rglob("*.js")]
    assert all("\u2028" not in text and text.count("\n") == 1 for text in scripts)
    assert read_script(index.parent / "data" / "run.js")[1]["scene_names"] == [HOSTILE]
    assert "alert(" not in index.read_text()


def test_a_name_of_a_script_is_no_code(tmp_path):
    write_data_script(tmp_path, "rows/0-0-0", dict(a="</script>"))
    assert read_script(tmp_path / "rows" / "0-0-0.js") == ["rows/0-0-0", dict(a="</script>")]


def test_it_is_there_as_a_whole_or_not_at_all(index, monkeypatch):
    before = sorted(path.name for path in index.parent.rglob("*"))
    folder = index.parents[1]
    inputs = PageInputs(
        str(folder / "catalogue" / "craters.json"), str(folder / "plan.parquet"), [str(folder / "rasters.parquet")],
        str(folder / "catalogue" / "completeness.json"),
    )  # fmt: skip
    monkeypatch.setattr("orbitile.web.run_page.RunPage.write_run", lambda *words: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        page(inputs, CRITERIA, MOON, CHOICE, str(index))
    assert sorted(path.name for path in index.parent.rglob("*")) == before
    assert not list(folder.glob(".page*"))


def test_a_catalogue_without_rows(tmp_path):
    folder = tmp_path / "results" / "empty"
    rows = write_scenes(folder)[:1]
    manifest = write_small_catalogue(folder / "catalogue", [])
    run = read_script(write_page(folder, rows, manifest, CHOICE).parent / "data" / "run.js")[1]
    assert (run["rows"], run["sample"], run["blocks"]) == (0, [], {})


@pytest.mark.parametrize(
    ("tiles", "runs"),
    [
        ([], []),
        ([(0, 0, 0)], [(0, 0, 0, 0)]),
        ([(1, 0, 0), (1, 1, 0), (1, 3, 0), (1, 0, 1)], [(1, 0, 0, 1), (1, 0, 3, 3), (1, 1, 0, 0)]),
    ],
)
def test_runs_of_tiles(tiles, runs):
    assert tile_runs(tiles) == runs


@pytest.mark.parametrize(
    ("outlines", "bounds"),
    [
        ([([10, 20, 20, 10], [0, 0, 5, 5])], [10, 0, 20, 5]),
        ([([170, -170, -170, 170], [0, 0, 5, 5])], [170, 0, 190, 5]),
        ([([170, 175, 175, 170], [0, 0, 5, 5]), ([-160, -150, -150, -160], [-5, 0, 0, -5])], [170, -5, 210, 5]),
        ([([0, 90, 180, -90], [80, 80, 80, 80])], [-180, 80, 180, 80]),
        ([([-170, -100, 100, 170], [0, 0, 5, 5]), ([-120, 0, 120, 0], [1, 1, 2, 2])], [-180, 0, 180, 5]),
    ],
)
def test_bounds_of_outlines(outlines, bounds):
    assert bounds_of([tuple(map(np.array, outline)) for outline in outlines]) == pytest.approx(bounds)


def test_outlines_do_not_jump():
    assert plain_outline(np.array([179.0, -179.0, 179.0]), np.zeros(3)) == [[179, 0], [181, 0], [179, 0]]
