import json
import shutil

import geopandas
import pandas as pd
import pyarrow.parquet as pq
import pytest
from suppressed_groups import suppress_group

import orbitile.catalogue
from orbitile.base.errors import OrbitileError
from orbitile.detections.nms.settings import NmsSettings
from orbitile.features.shapes.detection_shapes import VectorStyle
from orbitile.stages.catalogue import CatalogueInputs, catalogue
from orbitile.tables.craters import read_craters
from orbitile.tables.detections import DETECTIONS, ORDER

SETTINGS = NmsSettings(
    0.4, 0.25, True, "box", rings=2, scenes_apart=False, reach_m=10_000, slack_m=400, radius_m=1737400
)
ORIGIN = dict(run="made up", body="Moon")


@pytest.fixture
def run(moon, planned_groups, tmp_path):
    """Suppresses made-up groups, each with the given neighbours, and makes the catalogue of them."""
    return Run(moon, planned_groups, tmp_path)


class Run:
    """A folder with the tables of some groups, and their catalogue."""

    def __init__(self, body, planned_groups, folder):
        self.body, self.planned_groups, self.folder = body, planned_groups, folder
        self.manifest = folder / "catalogue" / "craters.json"

    def suppress(self, tables, neighbours, footprints=None):
        plan = self.planned_groups(self.folder, tables, neighbours, footprints)
        for name in tables:
            suppress_group(name, plan, SETTINGS, self.table(name))
        return self

    def table(self, name, stage="suppressed"):
        return str(self.folder / stage / f"{name}.parquet")

    def unite(self, names):
        inputs = CatalogueInputs(
            [self.table(name) for name in names], [self.table(name, "detections") for name in names]
        )
        catalogue(inputs, SETTINGS, self.body, VectorStyle("ellipse", 128), ORIGIN, str(self.manifest))
        return self

    @property
    def proof(self):
        return json.loads(self.manifest.read_text())

    @property
    def rows(self):
        return geopandas.read_parquet(self.manifest.with_suffix(".parquet"))


@pytest.fixture
def two_groups(detections):
    """Two made-up groups with one crater in common, on the antimeridian."""
    return {
        "a": detections([180, 170], 0, 5000, [0.9, 0.8], scene="a"),
        "b": detections([-180, -170], 0, 5000, [0.7, 0.6], scene="b"),
    }


NEIGHBOURS = {"a": ["b"], "b": ["a"]}


def test_groups_that_know_each_other_agree(two_groups, run):
    run.suppress(two_groups, NEIGHBOURS).unite("ab")
    assert run.rows["lon"].tolist() == [-170, 170, 180]
    proof = run.proof
    assert (proof["rows"], proof["detections"], proof["suppressed_globally_alike"]) == (3, 4, True)
    assert proof["alarm"] is None
    assert proof["run"] == "made up"
    in_file = json.loads(pq.read_schema(run.manifest.with_suffix(".parquet")).metadata[b"orbitile"])
    assert in_file.items() <= proof.items() and in_file["sha256"] == proof["sha256"]


def test_the_dataset_holds_the_same_rows(two_groups, run):
    run.suppress(two_groups, NEIGHBOURS).unite("ab")
    parts = [part["path"] for part in run.proof["parts"]]
    assert parts == ["craters/a.parquet", "craters/b.parquet"]
    frames = [geopandas.read_parquet(run.manifest.parent / path) for path in parts]
    rows = pd.concat(frames, ignore_index=True)[DETECTIONS.names].sort_values(ORDER, ignore_index=True)
    assert rows.astype({"scene": "str", "class": "str"}).equals(pd.DataFrame(run.rows[DETECTIONS.names]))
    assert len(orbitile.catalogue.open(run.manifest.parent)) == 3


@pytest.mark.parametrize("name", ["craters.parquet", "craters.gpkg", "craters.shp", "craters/a.parquet"])
def test_a_catalogue_is_a_crater_table(two_groups, run, name):
    run.suppress(two_groups, NEIGHBOURS).unite("ab")
    rows = 2 if "/" in name else 3
    assert sorted(read_craters(run.manifest.parent / name).diameter_m) == [5000] * rows


def test_groups_that_do_not_know_each_other_are_refused(two_groups, run):
    """The made-up plan says that each lies far from the other's detections."""
    footprints = dict(a=([170, 180], [60, 60]), b=([-180, -170], [-60, -60]))
    run.suppress(two_groups, {}, footprints)
    with pytest.raises(OrbitileError, match=r"suppressed/b\.parquet: .* scene b at .* although a better one overlaps"):
        run.unite("ab")
    assert not list(run.manifest.parent.iterdir())


def test_the_order_of_groups_does_not_matter(two_groups, run):
    run.suppress(two_groups, NEIGHBOURS).unite("ab")
    first = run.proof
    assert run.unite("ba").proof == first


def test_the_partition_does_not_matter(two_groups, run):
    """But for the list of parts."""
    separate = run.suppress(two_groups, NEIGHBOURS).unite("ab").proof
    together = pd.concat(two_groups.values(), ignore_index=True)
    joined = run.suppress({"a": together.assign(scene="a")}, {}).unite("a").proof
    assert [len(proof.pop("parts")) for proof in (separate, joined)] == [2, 1]
    scene_free = [{name: value for name, value in proof.items() if name not in ("sha256", "georef_methods", "files")}
                  for proof in (separate, joined)]  # fmt: skip
    assert scene_free[0] == scene_free[1]


def test_a_part_that_was_swapped_with_an_older_one(two_groups, run, detections, tmp_path):
    run.suppress(two_groups, NEIGHBOURS)
    shutil.copy(run.table("a"), tmp_path / "older.parquet")
    newer = two_groups | dict(a=detections([180, 170.5], 0, 5000, [0.9, 0.8], scene="a"))
    run.suppress(newer, NEIGHBOURS).unite("ab")
    shutil.copy(tmp_path / "older.parquet", run.table("a"))
    with pytest.raises(OrbitileError, match=r"suppressed/a\.parquet: the detection in scene a at 170\.0000 E"):
        run.unite("ab")


def test_an_empty_catalogue(detections, run):
    run.suppress({"a": detections([], [], 5000, [])}, {}).unite("a")
    assert run.proof["rows"] == len(run.rows) == 0
    assert run.proof["alarm"].startswith("NOTHING WAS FOUND. Likely: ")
    assert len(read_craters(run.manifest.with_suffix(".parquet"))) == 0
    assert len(orbitile.catalogue.open(run.manifest)) == 0


def test_the_proof_has_the_longest_chain(detections, run):
    """Three made-up craters in a row, each of which overlaps the next."""
    run.suppress({"a": detections([0, 0.02, 0.04], 0, 2000, [0.9, 0.8, 0.7])}, {}).unite("a")
    assert run.proof["longest_chain"] == 3


def test_the_proof_names_what_is_out_of_reach(detections, run):
    """Each object once, and none that suppression's rules would not let in."""
    tables = {
        "a": detections([10, 0, 5], 0, [50_000, 5000, 50_000], [0.9, 0.8, 0.1], out_of_reach=[True, False, True]),
        "b": detections([10.1, 20], 0, 50_000, [0.7, 0.6], scene="b", out_of_reach=True),
    }
    run.suppress(tables, NEIGHBOURS).unite("ab")
    assert run.rows["lon"].tolist() == [0]
    assert (run.proof["rows"], run.proof["detections"]) == (1, 5)
    assert [(item["scene"], item["lon"], item["diameter_km"]) for item in run.proof["out_of_reach"]] == [
        ("a", 10, 50), ("b", 20, 50),
    ]  # fmt: skip


def test_nothing_is_out_of_reach(two_groups, run):
    assert run.suppress(two_groups, NEIGHBOURS).unite("ab").proof["out_of_reach"] == []
