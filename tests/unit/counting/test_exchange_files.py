"""All files of a count for other programs, and lists of craters under the names of JMARS and Robbins."""

import csv

import numpy as np
import pytest
from counted_areas import area_count, scattered_count

from orbitile.counting.crater_lists import jmars_text, robbins_text
from orbitile.counting.exchange_files import write_exchange_files
from orbitile.space.bodies import find_body
from orbitile.space.ground import wrap_longitude
from orbitile.tables.craters import read_craters

MOON = find_body("Moon")
NAMES = {
    "mare.scc", "mare.diam", "mare_craterstats2.diam", "mare_jmars.csv", "mare_robbins.csv", "mare_CRATER.shp",
    "mare_AREA.shp",
}  # fmt: skip


def test_every_format_is_written(tmp_path):
    paths = write_exchange_files(scattered_count("equator"), MOON, str(tmp_path / "new" / "mare"))
    assert {path.name for path in paths} == NAMES
    assert all(path.is_file() for path in paths)


def test_files_are_the_same_each_time(tmp_path):
    for folder in ("a", "b"):
        write_exchange_files(scattered_count("lat 60"), MOON, str(tmp_path / folder / "mare"))
    first, second = ({f.name: f.read_bytes() for f in (tmp_path / n).iterdir() if f.suffix != ".dbf"} for n in "ab")
    assert first == second


def test_an_empty_count_is_a_line_and_no_file(tmp_path, caplog):
    assert write_exchange_files(area_count([], [], []), MOON, str(tmp_path / "mare")) == []
    assert "area area: no crater was counted in it" in caplog.text
    assert list(tmp_path.iterdir()) == []


def test_an_outline_of_another_size_than_the_area_is_said(tmp_path, caplog):
    write_exchange_files(area_count([11], [0], [1], searched_km2=100.0), MOON, str(tmp_path / "mare"))
    assert "of which 100 km2 were searched" in caplog.text


def test_robbins_columns_come_back(tmp_path):
    count = scattered_count("over 180")
    path = tmp_path / "robbins.csv"
    path.write_text(robbins_text(count))
    craters, order = read_craters(path), count.largest_first
    assert craters.diameter_m / 1000 == pytest.approx(count.diameter_km[order])
    assert wrap_longitude(craters.lon - count.lon[order]) == pytest.approx(np.zeros(len(count)), abs=1e-9)
    assert craters.lat == pytest.approx(count.lat[order])


def test_jmars_has_metres_with_decimals(tmp_path):
    rows = list(csv.DictReader(jmars_text(area_count([-170, 5], [1, 2], [2, 0.0000015])).splitlines()))
    assert rows[0] == dict(longitude="-170.000000000000", latitude="1.000000000000", Diameter="2000.0", Note="")
    assert rows[1]["Diameter"] == "0.0015"
