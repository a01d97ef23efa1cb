"""From a catalogue to its precision, by a made-up person: the way of the command line, and what it refuses."""

import json
import sys

import numpy as np
import pytest
from reviewed_catalogues import judge_rows_of, made_up_rows, read_sheet, write_reviewed_catalogue

from orbitile.__main__ import main
from orbitile.base.errors import OrbitileError
from orbitile.review.draw import draw_review
from orbitile.review.figures import figures_text, judge_review
from orbitile.review.verdicts import Verdicts
from orbitile.tables.rasters import write_rasters

ROWS = 2000


@pytest.fixture
def catalogue(tmp_path):
    return write_reviewed_catalogue(tmp_path / "run" / "catalogue", made_up_rows(ROWS))


@pytest.fixture
def review(catalogue, tmp_path):
    draw_review(catalogue, tmp_path / "review", 200, 0)
    return tmp_path / "review"


def is_false(row):
    """Made up: low scores are often false."""
    return float(row["score"]) < 0.5 and row["scene"] in "ab"


def command(monkeypatch, capsys, *words):
    monkeypatch.setattr(sys, "argv", ["orbitile", "review", *map(str, words)])
    return main(), capsys.readouterr()


def test_the_commands(monkeypatch, capsys, catalogue, tmp_path, raster):
    """A run with a scene's raster: sheet, record and chips; then the precision, which the interval holds."""
    grey = np.random.default_rng(0).integers(0, 255, (400, 400)).astype(np.uint8)
    write_rasters([raster(grey, scene) for scene in "abcd"], tmp_path / "run" / "scaled" / "g.parquet")
    status, printed = command(monkeypatch, capsys, "draw", catalogue, tmp_path / "review", "--rows", 100)
    assert status == 0 and "review.csv: 100 of 2,000 rows, from 8 strata" in printed.out
    assert read_sheet(tmp_path / "review").columns.tolist()[:2] == ["number", "verdict"]
    judge_rows_of(tmp_path / "review", lambda row: "No" if is_false(row) else "YES")
    status, printed = command(monkeypatch, capsys, "judge", tmp_path / "review", "--confidence", 0.9)
    figures = json.loads((tmp_path / "review" / "precision.json").read_text())
    rows = made_up_rows(ROWS)
    truth = 1 - ((rows["score"] < 0.5) & rows["scene"].isin(["a", "b"])).mean()
    assert status == 0 and "Precision 0." in printed.out and "with 90 % confidence" in printed.out
    assert figures["low"] < truth < figures["high"] and figures["rows"] == ROWS
    assert sum(each["rows"] for each in figures["by_diameter_km"]) == ROWS
    assert command(monkeypatch, capsys, "judge", tmp_path / "nowhere")[0] == 1


def test_without_rasters_the_table_is_there_and_a_line_says_so(catalogue, tmp_path):
    text = draw_review(catalogue, tmp_path / "review", 50, 0)
    assert "There are no chips of all rows: " in text and "no table has rasters of scene" in text
    assert {path.name for path in (tmp_path / "review").iterdir()} == {"review.csv", "review.json"}


def test_a_review_is_not_written_over(review, catalogue):
    with pytest.raises(OrbitileError, match="review: is there already, maybe with verdicts; give a folder"):
        draw_review(catalogue, review, 200, 1)
    with pytest.raises(OrbitileError, match="where nothing else may lie"):
        draw_review(catalogue, catalogue / "review", 200, 1)


def test_nothing_is_left_of_a_review_that_fails(catalogue, tmp_path, monkeypatch):
    monkeypatch.setattr("orbitile.review.draw.draw_chips", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        draw_review(catalogue, tmp_path / "review", 50, 0)
    assert not [path for path in tmp_path.iterdir() if "review" in path.name]


@pytest.mark.parametrize(
    ("word", "counts"),
    [("yes", "right"), ("Y", "right"), ("TRUE", "right"), ("1", "right"), ("no", "false"), ("n", "false"),
     ("False", "false"), ("0", "false"), ("Unsure", "unsure"), ("?", "unsure")],
)  # fmt: skip
def test_words(review, word, counts):
    judge_rows_of(review, word)
    assert {name: count for name, count in Verdicts.read(review).counts().items() if count} == {counts: 200}


def test_unsure_rows_count_once_as_right_and_once_as_false(review):
    judge_rows_of(review, lambda row: "?" if int(row["number"]) % 10 == 0 else "yes")
    figures = judge_review(review, 0.95)
    assert figures["unsure_right"]["value"] == figures["high"] == 1
    assert figures["unsure_false"]["value"] == pytest.approx(0.9, abs=0.04)
    assert figures["low"] == figures["unsure_false"]["low"] < 0.88
    assert "Were all unsure rows right: 1.000" in figures_text(figures)


def test_the_first_rows_are_a_review_with_a_wider_interval(review):
    judge_rows_of(review, "yes")
    complete = judge_review(review, 0.95)
    judge_rows_of(review, lambda row: "yes" if int(row["number"]) <= 100 else "")
    half = judge_review(review, 0.95)
    assert half["judged"] == 100 and half["low"] < complete["low"]
    assert "100 rows after the last verdict do not count" in figures_text(half)


def test_rows_that_were_skipped_count_as_unsure(review):
    judge_rows_of(review, lambda row: "" if row["number"] in ("3", "5") else "yes")
    figures = judge_review(review, 0.95)
    assert figures["verdicts"] == dict(right=198, false=0, unsure=0, skipped=2)
    assert figures["unsure_false"]["value"] < 1 and "all skipped rows" in figures_text(figures)


def test_a_spreadsheet_may_round_and_sort_and_write_semicolons(review):
    sheet = read_sheet(review).sort_values("score")
    sheet["verdict"] = "yes"
    for name in ("lon", "lat", "diameter_km", "score"):
        digits = 4 if name == "diameter_km" else 3
        sheet[name] = [f"{float(value):.{digits}g}" if name == "diameter_km" else f"{float(value):.{digits}f}"
                       for value in sheet[name]]  # fmt: skip
    sheet.to_csv(review / "review.csv", index=False, sep=";")
    assert Verdicts.read(review).last == 200


def test_the_order_of_lines_does_not_count(review):
    judge_rows_of(review, lambda row: "no" if is_false(row) else "yes")
    figures = judge_review(review, 0.95)
    sheet = read_sheet(review)
    sheet[::-1].to_csv(review / "review.csv", index=False)
    assert judge_review(review, 0.95) == figures


def edited(review, change):
    sheet = read_sheet(review).assign(verdict="yes")
    change(sheet).to_csv(review / "review.csv", index=False)


def with_cell(number, name, value):
    return lambda sheet: sheet.assign(**{name: [value if n == str(number) else v for n, v in zip(sheet["number"], sheet[name], strict=True)]})  # fmt: skip  # noqa: E501


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (with_cell(4, "verdict", "maybe"), r"review\.csv: line 5: column verdict is 'maybe'; write yes, no or unsure"),
        (with_cell(4, "lon", "99.5"), r"review\.csv: line 5: column lon is '99\.5', where .* was drawn; put it back"),
        (with_cell(4, "diameter_km", "x"), r"review\.csv: line 5: column diameter_km is 'x', not a number"),
        (with_cell(4, "number", "999"), r"line 5: column number is '999', but numbers of this review are 1 to 200"),
        (with_cell(4, "number", "7"), r"line 8: column number is '7', as in an earlier row; keep each row once"),
        (lambda sheet: sheet[sheet["number"] != "4"], "rows are missing: number 4; put them back"),
        (lambda sheet: sheet.drop(columns="verdict"), "column verdict is missing; put it back"),
        (with_cell(4, "verdict", "yes and no"), "line 5: column verdict is 'yes and no'"),
        (lambda sheet: sheet.assign(verdict=""), r"verdicts stand nowhere yet, which leaves out a stratum; judge rows"),
        (lambda sheet: sheet.assign(verdict=["yes"] + [""] * 199), r"verdicts stand only up to number 1, .* at least"),
    ],
)
def test_a_sheet_that_is_not_right(review, change, message):
    edited(review, change)
    with pytest.raises(OrbitileError, match=message):
        judge_review(review, 0.95)


def test_another_catalogue(review, catalogue):
    judge_rows_of(review, "yes")
    write_reviewed_catalogue(catalogue, made_up_rows(ROWS, seed=1), sha256="another")
    with pytest.raises(OrbitileError, match=r"craters\.json: the catalogue is not the one that rows were drawn from"):
        judge_review(review, 0.95)
    (catalogue / "craters.json").unlink()
    assert judge_review(review, 0.95)["high"] == 1


def test_the_sheet_of_another_review(review, catalogue, tmp_path):
    draw_review(catalogue, tmp_path / "other", 200, 1)
    judge_rows_of(tmp_path / "other", "yes")
    (review / "review.csv").write_text((tmp_path / "other" / "review.csv").read_text())
    with pytest.raises(OrbitileError, match=r"line 2: column lon is .* or is it another review's sheet\?"):
        judge_review(review, 0.95)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"rows": 3}', '{"rows": [[1, 2]], "strata": []}'])
def test_a_record_that_cannot_be_read(review, text):
    (review / "review.json").write_text(text)
    with pytest.raises(OrbitileError, match=r"review\.json: not a readable record of a review"):
        judge_review(review, 0.95)


def test_no_review(tmp_path):
    with pytest.raises(OrbitileError, match="so this is no folder of a review; make one: python -m orbitile review"):
        judge_review(tmp_path, 0.95)
    with pytest.raises(OrbitileError, match="--confidence 95: give a number between 0 and 1"):
        judge_review(tmp_path, 95)
