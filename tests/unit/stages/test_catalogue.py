import json

import geopandas
import pyarrow.parquet as pq
import pytest
from suppressed_groups import suppress_group

from orbitile.base.errors import OrbitileError
from orbitile.detections.nms.settings import NmsSettings
from orbitile.features.shapes.detection_shapes import VectorStyle
from orbitile.stages.catalogue import CatalogueInputs, catalogue, content_hash
from orbitile.tables.craters import read_craters

SETTINGS = NmsSettings(
    0.4, 0.25, True, "box", rings=2, scenes_apart=False, reach_m=10_000, slack_m=400, radius_m=1737400
)
STYLE = VectorStyle("ellipse", 128)
ORIGIN = dict(run="made up", body="Moon")


@pytest.fixture
def united(moon, planned_groups, tmp_path):
    """Suppresses made-up groups, each with the given neighbours, and unites them."""

    def unite(tables, neighbours, footprints=None):
        plan = planned_groups(tmp_path, tables, neighbours, footprints)
        inputs = CatalogueInputs([str(tmp_path / f"{name}-survivors.parquet") for name in tables],
                                 [str(tmp_path / "detections" / f"{name}.parquet") for name in tables])  # fmt: skip
        for name, out in zip(tables, inputs.suppressed, strict=True):
            suppress_group(name, plan, SETTINGS, out)
        catalogue(inputs, SETTINGS, moon, STYLE, ORIGIN, str(tmp_path / "craters"))
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
    """The made-up plan says that each lies far from the other's detections."""
    footprints = dict(a=([170, 180], [60, 60]), b=([-180, -170], [-60, -60]))
    with pytest.raises(
        OrbitileError,
        match=r"group by group leaves 4 detections, .* all groups leaves 3; the first difference is in scene b at",
    ):
        united(two_groups, {}, footprints)
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


def test_the_proof_has_the_longest_chain(detections, united, tmp_path):
    """Three made-up craters in a row, each of which overlaps the next."""
    united({"a": detections([0, 0.02, 0.04], 0, 2000, [0.9, 0.8, 0.7])}, {})
    assert json.loads((tmp_path / "craters.json").read_text())["longest_chain"] == 3


def test_the_proof_names_what_is_out_of_reach(detections, united, tmp_path):
    """Each object once, and none that suppression's rules would not let in."""
    tables = {
        "a": detections([10, 0, 5], 0, [50_000, 5000, 50_000], [0.9, 0.8, 0.1], out_of_reach=[True, False, True]),
        "b": detections([10.1, 20], 0, 50_000, [0.7, 0.6], scene="b", out_of_reach=True),
    }
    found = united(tables, {"a": ["b"], "b": ["a"]})
    assert found["lon"].tolist() == [0]
    proof = json.loads((tmp_path / "craters.json").read_text())
    assert (proof["rows"], proof["detections"]) == (1, 5)
    assert [(one["scene"], one["lon"], one["diameter_km"]) for one in proof["out_of_reach"]] == [
        ("a", 10, 50), ("b", 20, 50),
    ]  # fmt: skip


def test_nothing_is_out_of_reach(two_groups, united, tmp_path):
    united(two_groups, {"a": ["b"], "b": ["a"]})
    assert json.loads((tmp_path / "craters.json").read_text())["out_of_reach"] == []
