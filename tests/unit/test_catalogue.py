"""Reading a catalogue back: any selection is what a plain filter of all rows gives."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import orbitile.catalogue
from orbitile.base.errors import OrbitileError
from orbitile.space.bodies import find_body
from orbitile.tables.crater_parts import write_part
from orbitile.tables.datasets import describe_part

METHODS = {name: dict(georef_method="projected", error_m=None) for name in "abc"}


@pytest.fixture(scope="module")
def rows():
    """Made-up craters of three scenes all over the Moon, some of them on borders."""
    rng = np.random.default_rng(0)
    lon = np.concatenate([rng.uniform(-180, 180, 297), [-180.0, 180.0, 0.0]])
    lat = np.concatenate([rng.uniform(-90, 90, 297), [10.0, -10.0, 90.0]])
    size = np.round(10 ** rng.uniform(3, 5, 300))
    frame = pd.DataFrame(dict(lon=lon, lat=lat, width_m=size, height_m=size, diameter_km=size / 1000))
    frame = frame.assign(scene=rng.choice(list("abc"), 300), score=rng.uniform(0, 1, 300).astype(np.float32), tile=0)
    frame["class"] = "crater"
    return frame.assign(scale_m=100.0, truncated=False, xmin=0.0, ymin=0.0, xmax=1.0, ymax=1.0)


@pytest.fixture(scope="module")
def folder(rows, tmp_path_factory):
    """The catalogue of them, a part for each scene and an empty one."""
    folder = tmp_path_factory.mktemp("catalogue")
    parts = [part_of(rows[rows["scene"] == name], folder / "craters" / f"{name}.parquet") for name in "abcd"]
    manifest = dict(rows=len(rows), body="Moon", parts=parts, files=[])
    (folder / "craters.json").write_text(json.dumps(manifest))
    return folder


def part_of(rows, path):
    write_part(rows, METHODS, find_body("Moon"), 1, path)
    return describe_part(path)


@pytest.fixture
def catalogue(folder):
    return orbitile.catalogue.open(folder)


def chosen_by(rows, box=None, diameter_km=None, score=None, scenes=None):
    """The plain way."""
    chosen = np.ones(len(rows), bool)
    if box:
        west, south, east, north = box
        turned = (rows["lon"] - west) % 360
        chosen &= ((turned <= (east - west) % 360) | (east - west >= 360)) & rows["lat"].between(south, north)
    for name, limits in (("diameter_km", diameter_km), ("score", score)):
        least, most = limits or (None, None)
        chosen &= (least is None or rows[name] >= least) & (most is None or rows[name] <= most)
    return rows[chosen & (scenes is None or rows["scene"].isin(scenes or []))]


def places(table):
    return sorted(zip(table["lon"].to_numpy(), table["lat"].to_numpy(), strict=True))


def test_everything(catalogue, rows):
    assert len(catalogue) == 300
    assert places(catalogue.table()) == places(rows)
    assert [path.rpartition("/")[2] for path in catalogue.parts] == ["a.parquet", "b.parquet", "c.parquet"]
    assert catalogue.metadata["body"] == catalogue.body.name == "Moon"


BOXES = st.tuples(st.integers(-36, 36), st.integers(-9, 8), st.integers(-36, 36), st.integers(-8, 9)).map(
    lambda sides: tuple(10 * side for side in (sides[0], min(sides[1], sides[3]), sides[2], max(sides[1], sides[3])))
)


@settings(max_examples=80)
@given(BOXES)
def test_a_box(folder, rows, box):
    """Over 180 degrees, in longitudes of 0 to 360, around the body."""
    found = orbitile.catalogue.open(folder).select(box=box)
    expected = places(chosen_by(rows, box))
    assert places(found.table(["lon", "lat"])) == expected
    assert len(found) == len(expected)


def test_a_box_up_to_a_border_holds_what_lies_on_it(catalogue):
    for box in ((170, -20, 180, 20), (-180, -20, -170, 20), (180, -20, 190, 20), (-190, -20, -180, 20)):
        assert {-180.0, 180.0} <= set(catalogue.select(box=box).table(["lon"])["lon"].to_pylist()), box


@pytest.mark.parametrize(
    "selection",
    [
        dict(diameter_km=(5, None)), dict(diameter_km=(None, 5)), dict(diameter_km=(2, 5)), dict(score=(0.5, None)),
        dict(scenes=["a", "c"]), dict(scenes=[]), dict(scenes=["nowhere"]), dict(score=(None, None)),
        dict(box=(-90, 0, 90, 90), diameter_km=(2, 50), score=(0.2, 0.8), scenes=["b"]),
    ],
)  # fmt: skip
def test_a_selection(catalogue, rows, selection):
    assert places(catalogue.select(**selection).table()) == places(chosen_by(rows, **selection))


def test_selections_narrow_each_other(catalogue, rows):
    found = catalogue.select(diameter_km=(5, None)).select(scenes=["a"])
    assert places(found.table()) == places(chosen_by(rows, diameter_km=(5, None), scenes=["a"]))
    assert len(catalogue) == 300


def test_batches_come_part_by_part(catalogue, rows):
    batches = list(catalogue.select(diameter_km=(5, None)).batches(["scene", "lon", "lat"]))
    assert [set(batch["scene"].to_pylist()) for batch in batches] == [{"a"}, {"b"}, {"c"}]
    assert batches[0].schema.names == ["scene", "lon", "lat"]
    expected = places(chosen_by(rows, diameter_km=(5, None)))
    assert sorted(place for batch in batches for place in places(batch)) == expected


def test_a_box_opens_only_the_parts_that_reach_into_it(folder, tmp_path):
    """The manifest tells where they lie."""
    manifest = json.loads((folder / "craters.json").read_text())
    for number, part in enumerate(manifest["parts"]):
        part["bounds"] = [20 * number, 0, 20 * number + 10, 10]
    (tmp_path / "craters.json").write_text(json.dumps(manifest))
    (tmp_path / "craters").symlink_to(folder / "craters")
    found = orbitile.catalogue.open(tmp_path).select(box=(5, 5, 25, 6))
    assert [path.rpartition("/")[2] for path in found.parts] == ["a.parquet", "b.parquet"]


@pytest.mark.parametrize("shape", [None, "ellipse", "circle", "box"])
def test_a_frame_of_geopandas(catalogue, rows, moon, shape):
    frame = catalogue.select(box=(-90, -60, 90, 60)).geodataframe(shape, vertices=100)
    assert frame.crs == moon.crs
    assert places(frame) == places(chosen_by(rows, (-90, -60, 90, 60)))
    assert set(frame.geom_type) == {"Point" if shape is None else "Polygon"}
    bounds = frame.geometry.bounds
    assert np.abs((bounds["minx"] + bounds["maxx"]) / 2 - frame["lon"]).max() < 0.5


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        (dict(box=(0, 10, 5, 0)), "south not above north"),
        (dict(box=(0, float("nan"), 5, 10)), "in degrees"),
        (dict(score=(float("nan"), 1)), "score from nan to 1"),
        (dict(diameter_km=(5, 1)), "diameter_km from 5 to 1: give the lower limit first"),
    ],
)
def test_a_selection_without_sense(catalogue, selection, message):
    with pytest.raises(OrbitileError, match=message):
        catalogue.select(**selection)


def test_a_catalogue_that_changes_while_it_is_made_again(folder, tmp_path):
    (tmp_path / "craters.json").write_text((folder / "craters.json").read_text())
    (tmp_path / "craters").mkdir()
    with pytest.raises(OrbitileError, match=r"has changed since it was checked: .*a\.parquet is missing; run again"):
        orbitile.catalogue.open(tmp_path)


def test_the_folder_of_a_run(folder, rows, tmp_path):
    shutil.copytree(folder, tmp_path / "r" / "catalogue")
    opened = orbitile.catalogue.open(tmp_path / "r")
    assert opened.manifest == tmp_path / "r/catalogue/craters.json"
    assert len(opened) == len(rows)


def test_a_run_without_a_catalogue(tmp_path):
    with pytest.raises(OrbitileError, match=r"craters\.json: there is no such file"):
        orbitile.catalogue.open(tmp_path)


@pytest.mark.parametrize("name", ["r", "r/catalogue", "r/catalogue/craters.json"])
def test_a_run_that_made_a_map(tmp_path, name):
    """It is finished, so that to run it again is no way out."""
    (tmp_path / "r" / "map").mkdir(parents=True)
    for made in ("plan.parquet", "map/polygons.json"):
        (tmp_path / "r" / made).write_text("{}")
    with pytest.raises(OrbitileError, match=r"r: this run maps pixels and has no catalogue; .* in \S*r/map, which"):
        orbitile.catalogue.open(tmp_path / name)


def test_a_run_that_has_just_begun(tmp_path):
    (tmp_path / "plan.parquet").write_text("")
    with pytest.raises(OrbitileError, match=r"catalogue/craters\.json: there is no such file: the run has not come"):
        orbitile.catalogue.open(tmp_path)
