"""Craterstats itself: it reads every file as it is, dates its published demo as we do, and known surfaces right."""

import csv
import json
import subprocess
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from counted_areas import SHAPES, area_count, exact_km2, scattered_count
from counted_runs import write_counts

from orbitile.base.errors import OrbitileError
from orbitile.counting.ages import DatedArea, DatingChoice, dating_request
from orbitile.counting.craterstats_program import ask_craterstats, find_program
from orbitile.counting.exchange_files import write_exchange_files
from orbitile.space.bodies import find_body
from orbitile.stages.date import date

ROOT = Path(__file__).parents[2]
READER = Path(__file__).with_name("in_craterstats.py")
MOON = find_body("Moon")
SYSTEM = "Moon, Neukum (1983)"
CRATERS = 150
"""Expected number of craters of surfaces of known age."""


@pytest.fixture(scope="session")
def python():
    """The Python of Craterstats' environment, which is made where it is not there."""
    made = subprocess.run(["sh", "envs/craterstats.sh"], cwd=ROOT, capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"the environment of Craterstats cannot be made: {made.stderr.strip().splitlines()[-1]}")
    program, reason = find_program(ROOT / ".craterstats" / "bin" / "python")
    assert program, reason
    return program


def in_craterstats(python, *arguments):
    done = subprocess.run([python, READER, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Counts in areas of all kinds, and the stems of their files."""
    folder = tmp_path_factory.mktemp("files")
    counts = {name: scattered_count(name) for name in SHAPES}
    for number, count in enumerate(counts.values()):
        write_exchange_files(count, MOON, f"{folder}/{number}")
    return {name: (count, f"{folder}/{number}") for number, (name, count) in enumerate(counts.items())}


@pytest.fixture(scope="module")
def readings(files, python):
    """What Craterstats reads of each count from each file, in two starts of it."""
    kinds = (".scc", ".diam", "_CRATER.shp")
    paths = {(name, kind): f"{stem}{kind}" for name, (_, stem) in files.items() for kind in kinds}
    read = dict(zip(paths, in_craterstats(python, "read", *paths.values()), strict=True))
    outlined = {(name, "outline"): f"{stem}.scc" for name, (_, stem) in files.items()}
    return read | dict(zip(outlined, in_craterstats(python, "spatial", *outlined.values()), strict=True))


@pytest.mark.parametrize("kind", [".scc", ".diam", "_CRATER.shp", "outline"])
@pytest.mark.parametrize("name", SHAPES)
def test_every_file_is_read_as_it_is(name, kind, files, readings):
    count, reading = files[name][0], readings[name, kind]
    assert "fails" not in reading
    assert reading["area"] == pytest.approx(exact_km2(count.shape), rel=1e-3)
    assert np.sort(reading["diam"]) == pytest.approx(np.sort(count.diameter_km), rel=1e-3)


@pytest.mark.parametrize("name", ["equator", "lat 60", "lat 85", "over 180", "north pole", "around the pole", "belt"])
def test_borders_are_as_long_as_buffered_counts_need(name, readings):
    outline = readings[name, "outline"]["perimeter"]
    if name in ("north pole", "around the pole", "belt"):  # Craterstats measures the hairs between quarters, too
        assert readings[name, ".scc"]["perimeter"] < outline
    else:
        assert readings[name, ".scc"]["perimeter"] == pytest.approx(outline, rel=1e-3)


def test_fractions_come_back_from_all_text_files(tmp_path, python):
    count = area_count([11, 12], [0, 0.5], [2, 1], weight=[0.5, 1], probability=[0.8, 1])
    write_exchange_files(count, MOON, f"{tmp_path}/a")
    scc, diam = in_craterstats(python, "read", tmp_path / "a.scc", tmp_path / "a.diam")
    assert scc["fraction"] == [1, 0.4]  # from the smallest on
    assert diam["fraction"] == [0.4, 1]


def test_ground_of_each_crater_comes_back_from_the_diam(tmp_path, python):
    searched = exact_km2(SHAPES["equator"])
    write_exchange_files(area_count([11, 12], [0, 0.5], [2, 1], area_km2=[searched, 50]), MOON, f"{tmp_path}/a")
    (diam,) = in_craterstats(python, "read", tmp_path / "a.diam")
    assert diam["area"] == 1
    assert diam["fraction"] == pytest.approx([1 / searched, 1 / 50])


def test_mars_is_measured_on_its_sphere(tmp_path, python):
    mars = find_body("Mars")
    shape = SHAPES["lat 85"]
    count = area_count([20, 25], [85, 85.5], [5, 0.1], shape, searched_km2=exact_km2(shape, 3376.5))
    write_exchange_files(count, mars, f"{tmp_path}/a")
    for reading in in_craterstats(python, "read", tmp_path / "a.scc", tmp_path / "a_CRATER.shp"):
        assert reading["area"] == pytest.approx(count.searched_km2, rel=1e-3)
        assert sorted(reading["diam"]) == pytest.approx([0.1, 5], rel=1e-3)


def test_what_craterstats_itself_cannot_do(tmp_path, python):
    """Of rims below a millionth of the body's radius it computes diameters from areas that rounding has eaten."""
    write_exchange_files(area_count([11], [0], [2e-4]), MOON, f"{tmp_path}/a")
    text, rim = in_craterstats(python, "read", tmp_path / "a.scc", tmp_path / "a_CRATER.shp")
    assert text["diam"] == [2e-4]
    assert rim["diam"] != pytest.approx([2e-4], rel=1e-3)


DEMO = {
    # Of the ages in Craterstats' own demonstration commands, those of its sample Pickering.
    (0.2, 0.7): ("poisson", {}), (2, 5): ("poisson", {}), (0.3, 1): ("c-fit", dict(resurf=1)),
    (0.25, 0.7): ("c-fit", dict(resurf=1)),
}  # fmt: skip


@pytest.mark.parametrize("range_km", DEMO)
def test_demo_is_dated_as_by_craterstats_command_line(range_km, tmp_path, python):
    fit, options = DEMO[range_km]
    sample = next(python.parent.parent.glob("lib/python3.12/site-packages/craterstats/sample/Pickering.scc"))
    least, most = range_km
    overplot = ",".join([f"type={fit}", f"range=[{least},{most}]", *(f"{k}={v}" for k, v in options.items())])
    command = ["-cs", "neukumivanov", "-p", f"source={sample}", "-p", overplot, "-f", "csv", "-o", tmp_path / "demo"]
    subprocess.run([python.with_name("craterstats"), *map(str, command)], check=True, capture_output=True)
    published = list(csv.reader((tmp_path / "demo.csv").read_text().splitlines()[2:]))
    expected = [float(published[1][published[0].index(column)]) for column in ("Age", "Age-", "Age+")]
    (read,) = in_craterstats(python, "read", sample)
    ones = np.ones(len(read["diam"]))
    count = area_count(
        0 * ones, 0 * ones, read["diam"], searched_km2=read["area"], area_km2=ones * read["area"]
    )  # fmt: skip
    area = DatedArea(count, (), (0.01, 100.0), str(tmp_path / "ages"))
    choice = DatingChoice("neukumivanov", range_km=range_km)
    (answer,) = ask_craterstats(python, dating_request([area], choice, find_body("Mars")))["areas"]
    age = next(age for age in answer["ages"] if (age["fit"] == "poisson") == (fit == "poisson"))
    assert [age["age_ga"], age["lower_ga"], age["upper_ga"]] == pytest.approx(expected, rel=5e-3)  # three digits
    assert answer["plots"] == ["ages.png", "ages.pdf"]


class Surface:
    """A surface of known age, on which craters lie as a production function says."""

    def __init__(self, age_ga, diameters, frequencies):
        self.diameters, self.age_ga = diameters, age_ga
        self.cumulative = np.array(frequencies) - frequencies[-1]
        self.area_km2 = CRATERS / self.cumulative[0]
        self.counted_km = float(diameters[0]), float(diameters[-1])

    def population(self, rng):
        """The diameters of all craters."""
        ranks = rng.random(rng.poisson(CRATERS)) * self.cumulative[0]
        return np.exp(np.interp(ranks, self.cumulative[::-1], np.log(self.diameters[::-1])))

    def count(self, diameter_km, **columns):
        zeros = np.zeros(len(diameter_km))
        return area_count(zeros, zeros, diameter_km, searched_km2=self.area_km2, **columns)


@cache
def known_surfaces(python):
    ages, diameters = (0.8, 3.2, 3.7, 4.0), np.geomspace(0.5, 20, 400)
    (frequencies,) = in_craterstats(python, "frequency", SYSTEM, ",".join(map(str, ages)), *diameters)
    return [Surface(age, diameters, of_age) for age, of_age in zip(ages, frequencies, strict=True)]


def dated(python, surfaces, counts, fits, draws=None):
    """The ages of counts, each by all fits."""
    areas = [
        DatedArea(count, drawn, surface.counted_km, "")
        for surface, count, drawn in zip(surfaces, counts, draws or [()] * len(counts), strict=True)
    ]
    request = dating_request(areas, DatingChoice(SYSTEM, fits), MOON)
    for area in request["areas"]:
        del area["plot"]
    return [area["ages"] for area in ask_craterstats(python, request)["areas"]]


def shares_held(surfaces, ages, fit=0):
    """How many of known ages lie within the limits of one sigma, and of 19 of 20."""
    held = [
        (age[fit]["lower_ga"] <= s.age_ga <= age[fit]["upper_ga"],
         age[fit]["lower_95_ga"] <= s.age_ga <= age[fit]["upper_95_ga"])
        for s, age in zip(surfaces, ages, strict=True)
    ]  # fmt: skip
    return np.mean(held, axis=0)


def test_known_ages_come_back_within_their_error_in_19_of_20_cases(python):
    rng = np.random.default_rng(5)
    surfaces = known_surfaces(python) * 50
    counts = [surface.count(surface.population(rng)) for surface in surfaces]
    ages = dated(python, surfaces, counts, ("poisson", "cumulative"))
    one_sigma, of_95 = shares_held(surfaces, ages)
    assert one_sigma == pytest.approx(0.68, abs=0.09)
    assert of_95 >= 0.95 - 0.03  # two standard deviations of the share of 200
    assert shares_held(surfaces, ages, fit=1)[1] > 0.8  # fits to cumulative frequencies know of no covariance


@pytest.fixture(scope="module")
def flawed(python):
    """Counts by a network that misses craters and sees false ones, with what a calibration says of it."""
    rng = np.random.default_rng(8)
    surfaces, corrected, draws, naive = known_surfaces(python) * 25, [], [], []
    for surface in surfaces:
        diameter = surface.population(rng)
        complete = completeness(diameter)
        diameter = diameter[rng.random(len(diameter)) < complete]
        false = surface.population(rng)[: len(diameter) // 2]
        # True ones have higher probabilities, so that they are right: p of all with p are true.
        seen = np.concatenate([diameter, false])
        probability = calibrated(rng, len(diameter), len(false))
        count = surface.count(seen, weight=1 / completeness(seen), probability=probability)
        corrected.append(count)
        naive.append(surface.count(seen))
        draws.append([kept(count, np.random.default_rng(number)) for number in range(40)])
    return surfaces, corrected, draws, naive


def completeness(diameter_km):
    return np.clip(0.5 + 0.3 * np.log10(diameter_km / 0.5), 0.5, 0.95)


def calibrated(rng, true, false):
    """Probabilities of true and of false detections, from classes of which as many are true as they say."""
    share = true / max(true + false, 1)
    likely, unlikely = min(0.95, share + 0.2), max(0.05, share - 0.3)
    among_likely = (share - unlikely) / (likely - unlikely)
    true_likely = rng.random(true) < among_likely * likely / share
    false_likely = rng.random(false) < among_likely * (1 - likely) / max(1 - share, 1e-9)
    return np.where(np.concatenate([true_likely, false_likely]), likely, unlikely)


def kept(count, rng):
    drawn = count.taking(rng.random(len(count)) < count.probability)
    return area_count(
        drawn.lon, drawn.lat, drawn.diameter_km, searched_km2=drawn.searched_km2, weight=drawn.weight,
        area_km2=drawn.area_km2,
    )  # fmt: skip


def test_known_ages_come_back_from_flawed_catalogues_with_the_correction_alone(flawed, python):
    surfaces, corrected, draws, naive = flawed
    ages = dated(python, surfaces, corrected, ("poisson",), draws)
    assert shares_held(surfaces, ages)[1] >= 0.95 - 0.045
    assert shares_held(surfaces, dated(python, surfaces, naive, ("poisson",)))[1] < 0.9
    wider = [age["upper_ga"] - age["lower_ga"] > age["machine"]["upper_ga"] - age["machine"]["lower_ga"]
             for (age,) in ages]  # fmt: skip
    assert all(wider)


def test_ground_that_differs_with_the_diameter_is_counted_with(python):
    """Of craters below 1 km only those on a third of the ground."""
    rng = np.random.default_rng(3)
    surfaces, counts = known_surfaces(python) * 25, []
    for surface in surfaces:
        diameter = surface.population(rng)
        diameter = diameter[(diameter >= 1) | (rng.random(len(diameter)) < 1 / 3)]
        counts.append(surface.count(diameter, area_km2=np.where(diameter < 1, 1 / 3, 1) * surface.area_km2))
    ages = dated(python, surfaces, counts, ("poisson", "cumulative"))
    assert shares_held(surfaces, ages)[1] >= 0.95 - 0.045


def test_stage_makes_ages_tables_and_plots(tmp_path, python):
    count = scattered_count("over 180", 200, least_km=0.5)
    counts = write_counts(tmp_path / "counting", [count], draws=10, from_km=0.6)
    manifest = tmp_path / "dating" / "ages.json"
    date(str(counts), DatingChoice(epochs="wilhelms", equilibrium="trask"), python, MOON, str(manifest))
    stated = json.loads(manifest.read_text())
    (area,) = stated["areas"]
    assert [age["fit"] for age in area["ages"]] == ["poisson", "cumulative"]
    assert [age["machine"]["draws"] for age in area["ages"]] == [10, 10]
    assert area["plots"] == ["area_0/ages.png", "area_0/ages.pdf"]
    assert "Neukum et al. (2001)" in (manifest.parent / "methods.txt").read_text()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(chronology_system="nonsense"), r"dating.chronology_system: 'nonsense' is none of Craterstats'; there are"
                                             r": Moon, Neukum \(1983\); Moon, Neukum et al. \(2001\); Moon, Hartmann"),
        (dict(chronology_system="Neukum"), r"'Neukum' may be several of Craterstats'; there are: Moon, Neukum \(1983"),
        (dict(chronology_system="Mars, Ivanov (2001)"), r"'Mars, Ivanov \(2001\)' is none of Craterstats'"),
        (dict(epochs="jura"), r"dating.epochs: 'jura' is none of Craterstats'; there are: Moon, Wilhelms"),
    ],
)  # fmt: skip
def test_unknown_functions_are_one_line_that_names_those_there_are(change, message, python):
    area = DatedArea(scattered_count("equator"), (), (0.1, 100.0), "")
    with pytest.raises(OrbitileError, match=message) as raised:
        ask_craterstats(python, dating_request([area], DatingChoice(**change), MOON))
    assert "\n" not in str(raised.value)
