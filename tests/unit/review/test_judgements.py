"""Judgements are read strictly, from text and from layers of QGIS; the last of a reviewer counts."""

import re

import geopandas
import numpy as np
import pandas as pd
import pytest
import shapely
from judgements import SHA256, judgement, write_judgements

from orbitile.base.errors import OrbitileError
from orbitile.features.shapes.detection_shapes import VectorStyle
from orbitile.review.judgements import COLUMNS, read_judgements
from orbitile.space.bodies import find_body
from orbitile.stages.judging import write_judging_layer

MOON = find_body("Moon")


@pytest.fixture
def read(tmp_path):
    """What is read of judgements, written as a file for each list."""

    def read(*lists):
        paths = [write_judgements(tmp_path / f"{number}.csv", judged) for number, judged in enumerate(lists)]
        return read_judgements(paths, SHA256, MOON)

    return read


def test_all_columns_come_back(rows, read):
    frame = read([judgement(rows[0], "moved", lon=200.0), judgement(verdict="added", scene="a")])
    assert frame["verdict"].tolist() == ["moved", "added"] and frame["id"].tolist() == [rows[0]["id"], ""]
    assert frame["lon"].tolist() == [-160.0, 0.5] and frame["scene"].tolist() == [rows[0]["scene"], "a"]
    assert frame["judged_at"].iloc[0] == pd.Timestamp("2026-05-31T14:05:00Z")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(verdict="maybe"), "line 3: column verdict is 'maybe'; write right, false, unsure, moved or added"),
        (dict(catalogue="abc"), "line 3: column catalogue is 'abc', but the catalogue of this run is made up"),
        (dict(id=""), "line 3: column id is empty; give the id of the row, or write added"),
        (dict(verdict="added"), "line 3: column id is .*, but the verdict is added"),
        (dict(reviewer=" "), "line 3: column reviewer is empty; write who judged"),
        (dict(judged_at="yesterday"), "line 3: column judged_at is 'yesterday', no time; write it such as 2026"),
        (dict(judged_at=""), "line 3: column judged_at is empty, no time"),
        (dict(lon="x"), "line 3: column lon is 'x', not a number"),
        (dict(lat=95), "line 3: column lat is '95.0'; latitudes lie in -90..90 degrees"),
        (dict(diameter_km=0), "line 3: column diameter_km is '0.0'; diameters are above 0"),
        (dict(list="mine"), "line 3: column list is 'mine'; write sample or filter, or leave it empty"),
    ],
)
def test_a_fault_is_a_line(rows, read, changes, message):
    with pytest.raises(OrbitileError, match=message) as error:
        read([judgement(rows[0]), judgement(rows[1]) | changes])
    assert "\n" not in str(error.value)


def test_a_missing_column_and_a_missing_file(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id,verdict\n")
    with pytest.raises(OrbitileError, match="no column lon; judgements have id, verdict, lon"):
        read_judgements([path], SHA256, MOON)
    with pytest.raises(OrbitileError, match="there is no such file of judgements"):
        read_judgements([tmp_path / "b.csv"], SHA256, MOON)


def test_rows_without_a_verdict_are_not_judged(rows, read):
    assert len(read([judgement(rows[0]), judgement(rows[1], "", judged_at="", reviewer="")])) == 1
    assert len(read([])) == 0


def test_of_repeated_judgements_the_last_counts_whatever_the_order_of_files(rows, read):
    early, late = judgement(rows[0], "right"), judgement(rows[0], "false", judged_at="2026-06-01 00:00:00+02:00")
    for lists in ([[early], [late]], [[late], [early]], [[late, early]]):
        assert read(*lists)["verdict"].tolist() == ["false"]
    assert len(read([early, judgement(rows[0], reviewer="ben")])) == 2
    added = judgement(verdict="added")
    assert len(read([added, added, added | dict(lon=1.0)])) == 2


@pytest.fixture
def layer(scattered, tmp_path):
    """The layer to judge; gives its frame, and reads what a frame says once it is saved."""
    manifest = tmp_path / "judging.json"
    write_judging_layer(str(scattered.manifest), 20, 0, VectorStyle("ellipse", 128), str(manifest))
    frame = geopandas.read_file(tmp_path / "judge.gpkg", layer="judge")

    def read(frame):
        frame.to_file(tmp_path / "edited.gpkg", layer="judge")
        return read_judgements([tmp_path / "edited.gpkg"], SHA256, MOON)

    return frame, read


def edited(frame, index, verdict, geometry=None):
    changed = frame.astype(dict(verdict=object, reviewer=object))
    changed.loc[index, ["verdict", "reviewer"]] = [verdict, "anna"]
    changed.loc[index, "judged_at"] = pd.Timestamp("2026-05-31T14:05:00")
    return (
        changed if geometry is None else changed.set_geometry(changed.geometry.where(changed.index != index, geometry))
    )


def test_an_edited_layer_is_a_file_of_judgements(layer):
    frame, read = layer
    judged = read(edited(frame, 0, "right"))
    assert judged[["id", "verdict", "reviewer"]].to_numpy().tolist() == [[frame["id"][0], "right", "anna"]]
    assert judged["judged_at"][0] == pd.Timestamp("2026-05-31T14:05:00Z")
    assert re.search(r"edited.gpkg: row 1$", judged["file"][0])


def test_the_outline_says_where_a_crater_was_moved_to(layer):
    frame, read = layer
    moved = shapely.affinity.translate(frame.geometry[3], 0.02, 0)
    judged = read(edited(frame, 3, "moved", moved)).iloc[0]
    assert judged["lon"] == pytest.approx(frame["lon"][3] + 0.02, abs=1e-6)
    assert judged["diameter_km"] == pytest.approx(frame["diameter_km"][3], rel=1e-3)
    assert read(edited(frame, 3, "right", moved)).iloc[0]["lon"] == pytest.approx(frame["lon"][3], abs=1e-9)


def test_a_crater_that_was_drawn_has_place_and_size_of_its_outline(layer):
    frame, read = layer
    outline = frame.geometry[5]
    drawn = frame.iloc[[5]].assign(
        id=None, lon=np.nan, lat=np.nan, diameter_km=np.nan, scene=None, verdict="added", reviewer="anna",
        judged_at=pd.Timestamp("2026-05-31T14:05:00"),
    )  # fmt: skip
    added = read(pd.concat([frame, drawn], ignore_index=True)).iloc[0]
    place = frame.loc[5, ["lon", "lat", "diameter_km"]].to_numpy(float)
    assert added["id"] == "" and added[["lon", "lat", "diameter_km"]].to_numpy(float) == pytest.approx(place, rel=1e-3)
    line = drawn.set_geometry([outline.centroid.buffer(0.1).boundary])
    with pytest.raises(OrbitileError, match="row 1: its shape is no polygon with an area; draw the crater's outline"):
        read(line)


def test_a_layer_on_another_body_is_refused(layer):
    frame, read = layer
    with pytest.raises(OrbitileError, match="is not one of Moon"):
        read(edited(frame, 0, "right").set_crs(find_body("Mars").crs, allow_override=True))


def test_the_columns_are_those_of_the_exchange_file():
    assert COLUMNS == ("id", "verdict", "lon", "lat", "diameter_km", "scene", "reviewer", "judged_at", "catalogue")
