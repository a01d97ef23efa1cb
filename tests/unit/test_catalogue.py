import json

import geopandas
import pyarrow.parquet as pq
import pytest

from orbitile.errors import OrbitileError
from orbitile.stages.catalogue import catalogue, content_hash
from orbitile.stages.suppress import Rules, suppress
from orbitile.tables.craters import read_craters
from orbitile.tables.detections import DETECTIONS
from orbitile.tables.parquet import write_table

RULES = Rules(iou_threshold=0.4, score_threshold=0.25, class_aware=True, scenes_apart=False, radius_m=1737400)
LOOK = dict(shape="ellipse", vertices=128)
ORIGIN = dict(run="made up", body="Moon")


@pytest.fixture
def united(moon, tmp_path):
    """Suppresses made-up groups, each with the given neighbours, and unites them."""

    def unite(tables, neighbours):
        paths = {name: str(tmp_path / f"{name}.parquet") for name in tables}
        for name, table in tables.items():
            write_table(table, DETECTIONS, paths[name])
        survivors = {name: str(tmp_path / f"{name}-survivors.parquet") for name in tables}
        for name in tables:
            suppress(paths[name], [paths[other] for other in neighbours.get(name, [])], RULES, survivors[name])
        groups = dict(detections=list(paths.values()), suppressed=list(survivors.values()))
        catalogue(groups, RULES, moon, LOOK, ORIGIN, str(tmp_path / "craters"))
        return geopandas.read_parquet(tmp_path / "craters.parquet")

    return unite


@pytest.fixture
def two_groups(detections):
    """Two made-up groups with one crater in common, on the antimeridian."""
    return {
        "a": detections([180, 170], 0, 5000, [0.9, 0.8], scene="a"),
        "b": detections([-180, -170], 0, 5000, [0.7, 0.6], scene="b"),
    }


def test_groups_that_know_each_other_agree(two_groups, united, tmp_path):
    found = united(two_groups, {"a": ["b"], "b": ["a"]})
    assert found["lon"].tolist() == [-170, 170, 180]
    proof = json.loads((tmp_path / "craters.json").read_text())
    assert (proof["rows"], proof["detections"], proof["suppressed_globally_alike"]) == (3, 4, True)
    assert (proof["run"], proof["sha256"]) == ("made up", content_hash(found))
    assert json.loads(pq.read_schema(tmp_path / "craters.parquet").metadata[b"orbitile"]) == proof


@pytest.mark.parametrize("name", ["craters.parquet", "craters.gpkg", "craters.shp"])
def test_a_catalogue_is_a_crater_table(two_groups, united, tmp_path, name):
    united(two_groups, {"a": ["b"], "b": ["a"]})
    assert sorted(read_craters(tmp_path / name).diameter_m) == [5000] * 3


def test_groups_that_do_not_know_each_other_are_refused(two_groups, united, tmp_path):
    with pytest.raises(OrbitileError, match=r"4 survivors of the groups, but 3 of one suppression .* in scene b at"):
        united(two_groups, {})
    assert not (tmp_path / "craters.parquet").exists()


def test_the_order_of_groups_does_not_matter(two_groups, united):
    first = united(two_groups, {"a": ["b"], "b": ["a"]})
    second = united(dict(reversed(two_groups.items())), {"a": ["b"], "b": ["a"]})
    assert content_hash(first) == content_hash(second)


def test_the_hash_tells_values_apart(detections):
    table = detections([0, 1], 0, 5000, [0.9, 0.8])
    assert content_hash(table) == content_hash(table.assign(note="made up"))
    assert content_hash(table) != content_hash(table.assign(lat=1e-9))
    assert content_hash(table) != content_hash(table[::-1])


def test_an_empty_catalogue(detections, united, tmp_path):
    assert len(united({"a": detections([], [], 5000, [])}, {})) == 0
    assert json.loads((tmp_path / "craters.json").read_text())["rows"] == 0
    assert len(read_craters(tmp_path / "craters.parquet")) == 0
