"""Judgements read back: figures, the corrected catalogue in all formats, labels that trainings take as they are."""

import json
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pytest
import shapely
from judgements import judged_catalogue, judgement, rows_of, write_judgements

from orbitile.base.errors import OrbitileError
from orbitile.features.shapes.detection_shapes import VectorStyle
from orbitile.review.sampling import draw_rows
from orbitile.space.bodies import find_body
from orbitile.stages.review import ReviewChoice, ReviewFiles, ReviewInputs, write_review
from orbitile.tables.craters import CraterTable, read_craters_of_run
from orbitile.training.detection.validation import SURE

CHOICE = ReviewChoice(20, 0, None, 0.95, 0.3, 0.0, False)
STYLE = VectorStyle("ellipse", 64)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    return judged_catalogue(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def rows(catalogue):
    return draw_rows(catalogue, 20, 0)[1].to_dict("records")


@pytest.fixture
def review(catalogue, tmp_path):
    """Reads judgements back; gives the folder of the results and the summary."""

    def review(*lists, searched=None):
        paths = [str(write_judgements(tmp_path / f"{number}.csv", judged)) for number, judged in enumerate(lists)]
        files = ReviewFiles(
            *(str(tmp_path / "review" / name) for name in ("review.json", "corrected.csv", "labels.csv"))
        )
        Path(files.summary).parent.mkdir(exist_ok=True)
        write_review(ReviewInputs(str(catalogue.manifest), paths, searched), CHOICE, STYLE, files)
        return tmp_path / "review", json.loads(Path(files.summary).read_text())

    return review


def scattered(rows):
    """The sample judged: two false, one unsure, one moved, the others right; and a crater that is missing."""
    words = ["false", "false", "unsure", "moved"]
    judged = [judgement(row, word) for row, word in zip(rows, [*words, *["right"] * 16], strict=True)]
    judged[3] |= dict(diameter_km=1.1 * rows[3]["diameter_km"])
    return [*judged, judgement(None, "added", lon=11.0, lat=11.0, note="")]


def test_figures(rows, review):
    _, about = review(scattered(rows))
    precision = about["precision"]
    assert precision["verdicts"] == dict(right=17, false=2, unsure=1, skipped=0) and precision["rows"] == 60
    assert about["judgements"]["reviewers"]["anna"] == dict(added=1, false=2, moved=1, right=16, unsure=1)
    assert about["agreement"] == [] and "name its polygons in review.searched" in about["completeness"]["unknown"]


def test_rows_that_filters_chose_are_no_sample(rows, review):
    """They correct the catalogue; a row of both lists counts to the sample as it was judged there."""
    judged = scattered(rows)
    filtered = [row | dict(list="filter") for row in judged]
    _, about = review(filtered)
    assert about["precision"] == dict(unknown="filters chose all rows that were judged, which are no sample of the "
                                      "catalogue; judge the random sample")  # fmt: skip
    assert about["corrected"]["rows"] == 60 - 2 + 1 and about["judgements"]["chosen_by_filter"] == 21
    _, alone = review(judged)
    _, about = review([row | dict(list="sample") for row in judged], [row | dict(reviewer="ben") for row in filtered])
    assert about["precision"] == alone["precision"] and about["judgements"]["chosen_by_filter"] == 21
    ben = [judgement(row, "false", "ben", list="filter") for row in rows[4:8]]
    _, about = review([row | dict(list="sample") for row in judged], ben)
    assert about["precision"] == alone["precision"] and about["judgements"]["disputed"] == 4


def test_the_corrected_catalogue_is_the_same_in_all_formats(catalogue, rows, review):
    folder, about = review(scattered(rows))
    table = pd.read_csv(folder / "corrected.csv")
    assert about["corrected"]["rows"] == len(table) == 60 - 2 + 1
    for frame in (
        geopandas.read_parquet(folder / "corrected.parquet"),
        geopandas.read_file(folder / "corrected.gpkg", layer="corrected"),
    ):
        assert frame["id"].tolist() == table["id"].tolist() and frame.geometry.is_valid.all()
        assert frame["verdict"].fillna("").tolist() == table["verdict"].fillna("").tolist()
    by_id = table.set_index("id")
    assert not {rows[0]["id"], rows[1]["id"]} & set(by_id.index)
    moved, added = by_id.loc[rows[3]["id"]], table.iloc[-1]
    assert moved["diameter_km"] == pytest.approx(1.1 * rows[3]["diameter_km"]) and moved["width_m"] == pytest.approx(
        1000 * moved["diameter_km"]
    )
    assert (added["verdict"], added["lon"], added["reviewers"]) == ("added", 11.0, "anna") and len(added["id"]) == 16
    assert added["judgements"] == "anna: added, 2026-05-31T14:05:00Z"
    unjudged = rows_of(catalogue).set_index("id").drop([row["id"] for row in rows])
    assert by_id.loc[unjudged.index, ["lon", "lat"]].to_numpy() == pytest.approx(unjudged[["lon", "lat"]].to_numpy())


def test_a_training_takes_the_labels_as_they_are(rows, review):
    """What is a crater counts fully, what nobody judged or nobody is sure of neither as right nor as wrong."""
    folder, _ = review(scattered(rows))
    labels, craters = (
        pd.read_csv(folder / "labels.csv"),
        read_craters_of_run(CraterTable(str(folder / "labels.csv")), None),
    )
    assert (
        len(craters) == 59 and (craters.agreement >= SURE).sum() == 16 + 1 + 1 and (craters.agreement == 0).sum() == 41
    )
    assert craters.lon == pytest.approx(labels["lon"]) and craters.diameter_m == pytest.approx(
        1000 * labels["diameter_km"]
    )
    assert set(labels.loc[craters.agreement > 0, "verdict"]) == {"right", "moved", "added"}


def test_what_was_added_over_a_row_is_left_out_and_said(rows, review):
    row = rows[5]
    over = judgement(None, "added", lon=row["lon"], lat=row["lat"], diameter_km=row["diameter_km"])
    _, about = review([judgement(row), over])
    assert about["corrected"]["rows"] == 60 and len(about["doubled"]) == 1
    _, about = review([judgement(row, "false"), over])
    assert about["corrected"]["rows"] == 60 and about["doubled"] == []


def test_two_reviewers_who_disagree(rows, review):
    ben = [judgement(row, "false", "ben") for row in rows[:3]]
    _, about = review([judgement(row) for row in rows], ben)
    assert about["judgements"]["disputed"] == 3 and about["precision"]["verdicts"]["unsure"] == 3
    assert about["agreement"] == [dict(reviewers=["anna", "ben"], rows=3, agreed=0, share=0.0, kappa=0.0)]


def test_completeness_on_searched_ground(catalogue, rows, review, tmp_path):
    ground = geopandas.GeoDataFrame(geometry=[shapely.box(-5, -5, 5, 5)], crs=find_body("Moon").crs)
    ground.to_file(tmp_path / "ground.gpkg")
    every = rows_of(catalogue).to_dict("records")
    inside = [row for row in every if abs(row["lon"]) < 5 and abs(row["lat"]) < 5]
    far = judgement(inside[0], "moved", lat=inside[0]["lat"] * 0.5 + 0.2)
    judged = [far, *[judgement(row) for row in inside[1:]], judgement(None, "added", lon=4.0, lat=4.9)]
    outside = judgement(None, "added", lon=6.0, lat=0.0)
    _, about = review([*judged, outside], searched=str(tmp_path / "ground.gpkg"))
    assert (about["completeness"]["right"], about["completeness"]["missed"]) == (len(inside) - 1, 2)
    assert about["completeness"]["area_km2"] == pytest.approx((10 * np.pi / 180 * 1737.4) ** 2, rel=2e-3)
    _, about = review(judged[:-2], searched=str(tmp_path / "ground.gpkg"))
    assert "1 rows on the searched ground have no verdict" in about["completeness"]["unknown"]


def test_two_reviewers_lack_what_they_moved_away_as_all_do(catalogue, review, tmp_path):
    """Anna and Ben add the same three craters; anna moves two rows far away, ben one of these, and a little another."""
    ground = geopandas.GeoDataFrame(geometry=[shapely.box(-5, -5, 5, 5)], crs=find_body("Moon").crs)
    ground.to_file(tmp_path / "ground.gpkg")
    every = rows_of(catalogue).to_dict("records")
    inside = [row for row in every if abs(row["lon"]) < 5 and abs(row["lat"]) < 5]
    judged = {name: [judgement(row, reviewer=name) for row in inside] for name in ("anna", "ben")}
    for name, moved in (("anna", [0, 1]), ("ben", [0])):
        for number in moved:
            judged[name][number] |= dict(verdict="moved", lat=inside[number]["lat"] * 0.5 + 0.2)
        judged[name] += [judgement(None, "added", name, lon=lon, lat=4.9) for lon in (-1.0, 0.0, 1.0)]
    judged["ben"][2] |= dict(verdict="moved", diameter_km=1.1 * inside[2]["diameter_km"])
    completeness = review(*judged.values(), searched=str(tmp_path / "ground.gpkg"))[1]["completeness"]
    (pair,) = completeness["two_reviewers"]
    right = len(inside) - 2
    assert (completeness["right"], completeness["missed"], pair["matched"]) == (right, 5, 3)
    assert completeness["unsure_right"] == pair["completeness"]["unsure_right"] == round(right / (right + 5), 4)


def test_files_without_a_verdict_are_no_review(review):
    with pytest.raises(OrbitileError, match=r"0\.csv: no verdict stands there; judge first, and save"):
        review([])


def test_what_was_added_over_a_row_is_not_missing(rows, catalogue, review, tmp_path):
    """Two reviewers add the same crater where the catalogue has a row: neither counts, and completeness is 1."""
    row = rows[5]
    around = shapely.box(row["lon"] - 0.01, row["lat"] - 0.01, row["lon"] + 0.01, row["lat"] + 0.01)
    geopandas.GeoDataFrame(geometry=[around], crs=find_body("Moon").crs).to_file(tmp_path / "ground.gpkg")
    judged = [
        [judgement(row, reviewer=name), judgement(row, "added", name, id="", lon=row["lon"] + shift)]
        for name, shift in (("anna", 0.001), ("ben", -0.001))
    ]
    _, about = review(*judged, searched=str(tmp_path / "ground.gpkg"))
    assert [each["reviewer"] for each in about["doubled"]] == ["anna", "ben"]
    assert (about["completeness"]["right"], about["completeness"]["missed"]) == (1, 0)
