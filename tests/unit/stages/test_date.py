"""The stage date: files for other programs always, ages where Craterstats runs."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from counted_areas import area_count, scattered_count
from counted_runs import write_counts
from fake_craterstats import ANSWER, reply, request_of, write_program

from orbitile.base.errors import OrbitileError
from orbitile.counting.ages import DatingChoice
from orbitile.counting.count_files import REFERENCE, write_count
from orbitile.space.bodies import find_body
from orbitile.stages.date import date

MOON = find_body("Moon")
ABSENT = Path("no/such/python")


@pytest.fixture
def counts(tmp_path):
    areas = [scattered_count("equator"), scattered_count("over 180")]
    return write_counts(tmp_path / "counting", areas, draws=3)


def dated(counts, program, body=MOON, **choice):
    manifest = counts.parent.parent / "dating" / "ages.json"
    date(str(counts), DatingChoice(**choice), program, body, str(manifest))
    return manifest.parent, json.loads(manifest.read_text())


def test_without_craterstats_all_but_the_ages_is_made(counts, caplog):
    folder, manifest = dated(counts, ABSENT)
    assert "Craterstats does not run here: there is no no/such/python; make its environment" in manifest["statement"]
    assert manifest["statement"] in caplog.text
    assert [area["ages"] for area in manifest["areas"]] == [[], []]
    assert all((folder / file["path"]).stat().st_size == file["bytes"] for file in manifest["files"])
    assert (folder / "area_1" / "area_1.scc").is_file()
    assert not (folder / "ages.csv").exists()


def test_ages_stand_in_manifest_table_and_methods(counts, tmp_path):
    folder, manifest = dated(counts, write_program(tmp_path, reply([ANSWER], [ANSWER])))
    assert manifest["statement"] is None
    assert manifest["craterstats_version"] == "3.6.11"
    assert manifest["areas"][1]["ages"] == [ANSWER]
    rows = list(csv.DictReader((folder / "ages.csv").read_text().splitlines()))
    assert [(row["area"], row["age_ga"], row["to_km"]) for row in rows] == [
        ("equator", "3.5", ""), ("over 180", "3.5", "")
    ]  # fmt: skip
    assert "Craterstats 3.6.11" in (folder / "methods.txt").read_text()
    assert {"ages.csv", "methods.txt"} <= {file["path"] for file in manifest["files"]}


def test_craters_of_a_table_are_dated_beside_those_of_the_catalogue(counts, tmp_path):
    about = json.loads(counts.read_text())
    about["settings"]["reference"] = "tables/robbins.csv"
    counts.write_text(json.dumps(about))
    reference = scattered_count("over 180")
    write_count(reference, np.ones(len(reference), bool), counts.parent / "area_1" / REFERENCE)
    folder, manifest = dated(counts, write_program(tmp_path, reply([ANSWER], [ANSWER], [ANSWER])))
    names = [(area["name"], area["folder"]) for area in manifest["areas"]]
    assert names[1:] == [("over 180", "area_1"), ("over 180 (robbins.csv)", "area_1/reference")]
    assert request_of(tmp_path)["areas"][2]["draws"] == []
    assert (folder / "area_1" / "reference" / "reference.scc").is_file()
    assert all((folder / file["path"]).is_file() for file in manifest["files"])


def test_craterstats_is_asked_for_counts_and_draws_in_their_range(counts, tmp_path):
    dated(counts, write_program(tmp_path, reply([ANSWER], [ANSWER])), range_km=(0.2, None))
    request = request_of(tmp_path)
    assert (request["body"], request["chronology_system"]) == ("Moon", "Moon, Neukum et al. (2001)")
    assert [area["range_km"] for area in request["areas"]] == [[0.2, 100], [0.2, 100]]
    assert [len(area["draws"]) for area in request["areas"]] == [3, 3]
    assert request["areas"][0]["draws"][0] != request["areas"][0]["draws"][1]


def test_ages_of_an_earlier_run_do_not_stay(counts, tmp_path):
    dated(counts, write_program(tmp_path, reply([ANSWER], [ANSWER])))
    folder, _ = dated(counts, ABSENT)
    assert not (folder / "ages.csv").exists()
    assert not (folder / "methods.txt").exists()
    assert not list(folder.glob("*/ages.*"))


def test_an_unknown_chronology_is_one_line(counts, tmp_path):
    program = write_program(tmp_path, dict(refused="dating.chronology_system: 'x' is none; there are: a; b"))
    with pytest.raises(OrbitileError, match="'x' is none; there are: a; b"):
        dated(counts, program, chronology_system="x")


def test_a_body_without_chronology_gets_its_files(counts, tmp_path):
    _, manifest = dated(counts, write_program(tmp_path, reply()), find_body("Europa"))
    assert "has no chronology system for Europa" in manifest["statement"]
    assert len(manifest["files"]) > 10


def test_an_area_without_craters_is_no_hole(tmp_path):
    counts = write_counts(tmp_path / "counting", [area_count([], [], [])])
    _, manifest = dated(counts, ABSENT)
    assert (manifest["areas"][0]["craters"], manifest["areas"][0]["files"]) == (0, [])
