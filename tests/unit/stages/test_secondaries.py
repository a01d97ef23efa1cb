import csv
import json
import shutil

import geopandas
import numpy as np
import pytest
import shapely
from small_catalogues import write_small_catalogue

from orbitile.base.errors import OrbitileError
from orbitile.base.files import write_json
from orbitile.counting.ground_plane import GroundPlane
from orbitile.space.bodies import find_body
from orbitile.space.ground import destination
from orbitile.stages.secondaries import SecondaryChoice, SecondaryOutputs, secondaries

MOON = find_body("Moon")
SEARCHED = shapely.box(-10, -10, 10, 10)
USUAL = SecondaryChoice(fields=39)
PRIMARY = dict(lon=0.0, lat=0.0, diameter_km=40.0, range_radii=(2, 14), sectors=24, rings=4, largest_share=0.1)


@pytest.fixture
def compared(tmp_path):
    """Run the stage on craters (lon, lat, diameter); returns its figures, with the outputs at `compared.outputs`."""

    def run(craters, choice=USUAL, parts=None):
        shutil.rmtree(tmp_path / "catalogue", ignore_errors=True)
        manifest = write_small_catalogue(tmp_path / "catalogue", craters, part_of=parts)
        footprints = geopandas.GeoDataFrame(dict(scene=["a"]), geometry=[SEARCHED], crs=MOON.crs)
        footprints.to_parquet(tmp_path / "completeness.parquet")
        file = dict(path="completeness.parquet", rows=1, bytes=1)
        write_json(tmp_path / "completeness.json", dict(body="Moon", files=[file]))
        names = ("secondaries.json", "craters.parquet", "craters.gpkg", "groups.csv", "rays.csv", "secondaries.png")
        run.outputs = SecondaryOutputs(*(str(tmp_path / "secondaries" / name) for name in names))
        secondaries(manifest, str(tmp_path / "completeness.json"), choice, run.outputs)
        return json.loads((tmp_path / "secondaries" / "secondaries.json").read_text())

    return run


def random_craters(count, seed=0):
    random = np.random.default_rng(seed)
    ground = GroundPlane.of([SEARCHED], MOON)
    lon, lat = ground.lonlat(*ground.random_points(count, random))
    return list(zip(lon, lat, 2 * np.minimum(random.random(count) ** -0.5, 20), strict=True))


def chain_of_craters(lon, lat, azimuth_deg, length_km, count, seed=0):
    random = np.random.default_rng(seed)
    along, across = random.uniform(-length_km / 2, length_km / 2, count), random.normal(0, length_km / 30, count)
    angle = np.radians(azimuth_deg)
    east, north = along * np.sin(angle) + across * np.cos(angle), along * np.cos(angle) - across * np.sin(angle)
    ends = destination(np.full(count, lon), np.full(count, lat), 1000 * east, 1000 * north, MOON.radius_m)
    return list(zip(*ends, random.uniform(2, 3.5, count), strict=True))


def rows_of(path):
    with open(path) as file:
        return list(csv.DictReader(file))


def test_a_planted_chain_is_flagged_grouped_and_radial(compared):
    craters = random_craters(300) + chain_of_craters(5, 5, 45, 40, 14)
    figures = compared(craters, SecondaryChoice(fields=39, primary=PRIMARY))
    frame = geopandas.read_parquet(compared.outputs.parquet)
    flagged = frame[frame["clustered"]]
    assert (figures["craters"], figures["clustered"]) == (314, len(flagged))
    assert len(flagged) >= 12 and flagged["lon"].between(4, 6).all() and flagged["lat"].between(4, 6).all()
    assert (flagged["q_cluster"] <= 0.05).all() and (frame.loc[~frame["clustered"], "cluster"] == 0).all()
    assert frame.crs == MOON.crs
    group = rows_of(compared.outputs.groups)[0]
    assert group["is_chain"] == "True" and abs(float(group["azimuth_deg"]) - 45) < 6
    assert float(group["off_radial_deg"]) < 6
    assert float(group["from_place_km"]) == pytest.approx(np.radians(7.06) * 1737.4, rel=0.06)
    assert figures["rays"]["chains"] == figures["chains"] == 1
    small = figures["diameters"][0]
    assert (small["from_km"], small["to_km"]) == (2, 4)
    assert small["ripley_k"]["clustered"] < 0.05
    assert len(geopandas.read_file(compared.outputs.geopackage)) == 314
    rays = rows_of(compared.outputs.rays)
    assert len(rays) == 24 * 4 and sum(int(row["craters"]) for row in rays) == figures["rays"]["craters"]


def test_craters_beside_the_searched_ground_are_left_out(compared):
    """A dense field, of which the last crater of a chain lies on the ground."""
    craters, chain = random_craters(100), [(10 + 0.1 * number, 0.0, 2.5) for number in range(12)]
    figures = compared(craters + chain)
    assert figures == compared(craters + chain[:1]) | dict(craters_outside=11)
    with pytest.raises(OrbitileError, match="none of its 11 craters lies on the searched ground"):
        compared(chain[1:])


def test_a_planted_ray_is_found(compared):
    angle = np.radians(200)
    away = np.linspace(60e3, 270e3, 30)
    ends = destination(np.zeros(30), np.zeros(30), away * np.sin(angle), away * np.cos(angle), MOON.radius_m)
    ray = list(zip(*ends, np.full(30, 2.5), strict=True))
    figures = compared(random_craters(400, 1) + ray, SecondaryChoice(fields=39, primary=PRIMARY))["rays"]
    assert figures["p_anisotropy"] < 0.01
    assert figures["rays"][0]["from_deg"] <= 200 <= figures["rays"][0]["to_deg"]
    assert figures["rays"][0]["probability"] < 0.01


def test_random_fields_have_few_flags(compared, monkeypatch):
    """Without a cluster any flag at all is a false discovery, at 5 % of the fields at most."""
    monkeypatch.setattr("orbitile.stages.secondaries.draw_secondaries", lambda *_: None)
    flags = [compared(random_craters(150, seed), SecondaryChoice(fields=19))["clustered"] for seed in range(20)]
    assert sum(count > 0 for count in flags) <= 4


def test_a_seed_gives_the_same_whatever_the_order_of_parts(compared):
    craters = random_craters(120, 3)
    choice = SecondaryChoice(fields=19, background_km=150, primary=PRIMARY, seed=5)
    first = compared(craters, choice)
    frame = geopandas.read_parquet(compared.outputs.parquet)
    again = compared(craters[::-1], choice, parts=[number % 4 for number in range(120)])
    assert again == first
    assert geopandas.read_parquet(compared.outputs.parquet).drop(columns="scene").equals(frame.drop(columns="scene"))
    assert compared(craters, SecondaryChoice(fields=19, seed=6))["diameters"] != first["diameters"]


def test_few_craters_are_not_judged(compared):
    figures = compared(random_craters(4))
    assert (figures["clustered"], figures["untested"]) == (0, 4)
    assert all(row["ripley_k"] is None for row in figures["diameters"])
    assert figures["rays"] is None and rows_of(compared.outputs.rays) == rows_of(compared.outputs.groups) == []


def test_ranges_of_diameters(compared):
    places = [crater[:2] for crater in random_craters(30)]
    craters = [(*place, diameter) for place, diameter in zip(places, [2, 3, 5] * 10, strict=True)]
    edges = [(row["from_km"], row["to_km"], row["craters"]) for row in compared(craters)["diameters"]]
    assert edges == [(2, 4, 20), (4, 8, 10)]
    figures = compared(craters, SecondaryChoice(fields=19, diameters_km=(3.0, 2.5)))
    assert [(row["from_km"], row["to_km"], row["craters"]) for row in figures["diameters"]] == [
        (2.5, 3, 0),
        (3, None, 20),
    ]
    assert compared(craters, SecondaryChoice(fields=19, least_diameter_km=4))["craters"] == 10


@pytest.mark.parametrize(
    ("craters", "choice", "words"),
    [
        ([], SecondaryChoice(), "holds no craters"),
        (random_craters(20), SecondaryChoice(least_diameter_km=100),
         r"secondaries.least_diameter_km: no crater has 100 km or more"),
        (random_craters(20), SecondaryChoice(diameters_km=(1, 500)), r"secondaries.diameters_km: no .* has 500"),
        (random_craters(20), SecondaryChoice(background_km=1e4), r"secondaries.background_km: 10000 km is"),
        (random_craters(20), SecondaryChoice(primary=PRIMARY | dict(lon=120.0)),
         r"secondaries.primary: .* around 120, 0 only 0 of 24 sectors"),
        (random_craters(20), SecondaryChoice(primary=PRIMARY | dict(diameter_km=10)),
         r"secondaries.primary: no crater has 1 km or less"),
    ],
)  # fmt: skip
def test_what_does_not_suit_is_said_in_a_line(compared, craters, choice, words):
    with pytest.raises(OrbitileError, match=words) as error:
        compared(craters, choice)
    assert "\n" not in str(error.value)
