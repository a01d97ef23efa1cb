"""What Craterstats is asked of counts, and how its ages stand in tables and sentences."""

import numpy as np
import pytest
from counted_areas import area_count, scattered_count
from fake_craterstats import AGE, ANSWER, reply

from orbitile.counting.ages import COLUMNS, SYSTEMS, DatedArea, DatingChoice, age_rows, dating_request, stated_age
from orbitile.counting.dating_text import dating_text
from orbitile.space.bodies import find_body

MOON = find_body("Moon")
COUNT = area_count([1, 2], [0, 0], [2, 1], weight=[2, 1], probability=[0.5, 1], searched_km2=100.0)


def request(count=COUNT, draws=(), counted_km=(0.5, 30.0), **choice):
    area = DatedArea(count, draws, counted_km, "/plots/ages")
    return dating_request([area], DatingChoice(**choice), MOON)["areas"][0]


def test_a_crater_that_stands_for_two_counts_on_half_of_the_ground():
    assert request()["craters"] == dict(diameter_km=[2, 1], ground_km2=[50, 100], expected=[0.5, 1])


def test_equal_ground_is_one_number():
    craters = request(scattered_count("equator"))["craters"]
    assert craters["expected"] == 1
    assert isinstance(craters["ground_km2"], float)


def test_draws_are_asked_for_likewise():
    assert request(draws=[COUNT.taking(np.array([1]))])["draws"] == [dict(diameter_km=[1], ground_km2=100, expected=1)]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [((None, None), (0.5, 30)), ((1, None), (1, 30)), ((0.1, 5), (0.5, 5)), ((None, 99), (0.5, 30))],
)
def test_the_range_stays_inside_what_is_counted(wanted, expected):
    assert request(range_km=wanted)["range_km"] == expected


def test_bodies_have_their_chronology():
    assert DatingChoice().system(MOON) == "Moon, Neukum et al. (2001)"
    assert DatingChoice("mine").system(MOON) == "mine"
    assert DatingChoice().system(find_body("Europa")) is None
    assert all(find_body(name).name == name for name in SYSTEMS)


def test_rows_hold_all_columns():
    machine = dict(lower_ga=3.45, upper_ga=3.55, draws=100)
    (row,) = age_rows("mare", [ANSWER | dict(machine=machine)])
    assert tuple(row) != COLUMNS
    assert set(row) == set(COLUMNS)
    assert (row["area"], row["from_km"], row["to_km"], row["craters"]) == ("mare", 0.1, None, 12)
    assert (row["counted_lower_ga"], row["machine_upper_ga"], row["draws"]) == (3.4, 3.55, 100)


def test_a_fit_without_an_age_has_its_reason():
    (row,) = age_rows("mare", [dict(fit="poisson", range_km=[0.1, 5], reason="no crater")])
    assert (row["reason"], row["age_ga"], row["draws"]) == ("no crater", None, None)


@pytest.mark.parametrize(
    ("ages", "text"),
    [((3.5, 3.4, 3.62), "3.5 (+0.12, -0.1) Ga"), ((0.0123, 0.01, 0.015), "12.3 (+2.7, -2.3) Ma")],
)
def test_ages_are_stated_with_their_errors(ages, text):
    assert stated_age(dict(zip(AGE, ages, strict=True))) == text


def test_methods_name_functions_errors_and_results():
    area = dict(name="mare", ages=[ANSWER, dict(fit="cumulative", range_km=[0.1, 5], reason="no crater")])
    text = dating_text(reply(), ("poisson", "cumulative"), [area])
    assert "Craterstats 3.6.11" in text
    assert "chronology function C: Ref (1983)" in text.replace("Chronology", "chronology")
    assert "mare, poisson, 0.1 km and more: 3.5 (+0.1, -0.1) Ga, 12 craters" in text
    assert "mare, cumulative, 0.1 to 5 km: no crater" in text
    assert "what the network may have got wrong is not in them" in text


def test_methods_say_of_how_many_draws_errors_are():
    machine = dict(lower_ga=3.45, upper_ga=3.55, draws=100)
    text = dating_text(reply(), ("poisson",), [dict(name="mare", ages=[ANSWER | dict(machine=machine)])])
    assert "probabilities of 100 draws" in text
