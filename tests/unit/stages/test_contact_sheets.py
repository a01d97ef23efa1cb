"""Pages of chips of a catalogue, and the table that says what is on them."""

import json

import numpy as np
import pandas as pd
import pytest
from reviewed_catalogues import made_up_rows, write_reviewed_catalogue

from orbitile.stages.contact_sheets import SheetFiles, SheetInputs, contact_sheets
from orbitile.tables.detections import GEOLOCATED
from orbitile.tables.enlarged_rasters import NOT_ENLARGED
from orbitile.tables.parquet import write_table
from orbitile.tables.rasters import write_rasters

LIMITS = {100.0: dict(slack_px=4, min_object_px=10.0, max_object_px=100.0, is_coarsest=True)}


@pytest.fixture
def run(tmp_path, raster):
    """Draws the sheets of a catalogue of a group on a scene of 20 km; gives their folder and what they say."""

    def draw(rows, limits=LIMITS, enlarged=NOT_ENLARGED, exclusions=()):
        folder = tmp_path / "results" / "r"
        write_reviewed_catalogue(folder / "catalogue", rows)
        manifest = folder / "catalogue" / "craters.json"
        manifest.write_text(json.dumps(json.loads(manifest.read_text()) | dict(exclusions=exclusions)))
        write_rasters([raster(np.full((200, 200), 90, np.uint8))], folder / "scaled" / "part0.parquet")
        write_table(rows.assign(out_of_reach=False), GEOLOCATED, folder / "detections" / "part0.parquet")
        out = SheetFiles(*(str(folder / "contact_sheets" / name) for name in ("contact_sheets.json", "craters.csv")))
        inputs = SheetInputs(str(manifest), [str(folder / "detections" / "part0.parquet")],
                             [str(folder / "scaled" / "part0.parquet")], enlarged)  # fmt: skip
        contact_sheets(inputs, limits, dict(iou_threshold=0.4, scenes_apart=False), out)
        return folder / "contact_sheets", json.loads((folder / "contact_sheets" / "contact_sheets.json").read_text())

    return draw


def placed_rows():
    """Eight craters of 1 km in the scene, of which one is cut."""
    rows = made_up_rows(8)
    size = dict(width_m=1000.0, height_m=1000.0, diameter_km=1.0, scene="a", probability=0.5)
    x = np.linspace(0.05, 0.6, 8)
    rows = rows.assign(**size, lon=x, lat=-0.3, truncated=[True] + [False] * 7, scale_m=100.0)
    centre = x * np.pi * 1737400 / 180
    return rows.assign(xmin=centre - 500, xmax=centre + 500, ymin=-9600.0, ymax=-8600.0)


def test_each_sheet_with_craters_is_a_page(run):
    folder, about = run(placed_rows())
    counts = {sheet["sheet"]: (sheet["shown"], sheet["craters"]) for sheet in about["sheets"]}
    assert counts == dict(
        most_certain=(4, 8), least_certain=(4, 8), largest=(8, 8), truncated=(1, 1), borders=(0, 0), one_scale=(0, 0)
    )
    pages = {sheet["path"] for sheet in about["sheets"] if sheet["path"]}
    assert {path.name for path in folder.iterdir()} == pages | {"contact_sheets.json", "craters.csv"}
    table = pd.read_csv(folder / "craters.csv")
    assert table.groupby("sheet")["number"].max().to_dict() == {name: n for name, (n, _) in counts.items() if n}


def test_a_page_that_has_no_craters_any_more_goes(run):
    rows = placed_rows()
    run(rows)
    folder, _ = run(rows.assign(truncated=False))
    assert not (folder / "truncated.png").exists() and (folder / "largest.png").exists()


def test_an_empty_catalogue(run):
    folder, about = run(placed_rows()[:0])
    assert [sheet["craters"] for sheet in about["sheets"]] == [0] * 6
    assert sorted(path.name for path in folder.iterdir()) == ["contact_sheets.json", "craters.csv"]


@pytest.mark.parametrize(
    ("failed", "craters"), [([], 7), (["50 m/px, tile 0 (200 x 400 px from column 0, row 0)"], 4), (["50 m/px"], 0)]
)
def test_where_a_scale_failed_it_did_not_miss_anything(run, failed, craters):
    """Tiles of enlarged pixels, up to 10 km (0.33 degrees) from the left, or all of them."""
    exclusions = [dict(scene="a", detail=detail, reason="broken") for detail in failed]
    _, about = run(placed_rows(), {50.0: LIMITS[100.0]} | LIMITS, {50.0: 2}, exclusions)
    assert [sheet["craters"] for sheet in about["sheets"] if sheet["sheet"] == "one_scale"] == [craters]
