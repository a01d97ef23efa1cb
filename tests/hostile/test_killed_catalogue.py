"""The stage catalogue, killed at any moment: there is a whole catalogue or none, and the next call makes the same."""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import orbitile.catalogue
from orbitile.base.errors import OrbitileError
from orbitile.detections.nms.catalogue_nms import catalogue_nms, select_candidates
from orbitile.detections.nms.settings import NmsSettings
from orbitile.space.bodies import find_body
from orbitile.tables.crater_parts import write_part
from orbitile.tables.detections import GEOLOCATED
from orbitile.tables.parquet import write_table

SEED = os.environ.get("ORBITILE_SEED", "killed-catalogue")
KILLS = int(os.environ.get("ORBITILE_KILLS", "5"))
GROUPS, DETECTIONS_PER_GROUP = "abcdef", 1000
MOON_M = 1737400.0
NMS = dict(iou_threshold=0.4, score_threshold=0.25, class_aware=True, shape="box", rings=2, scenes_apart=False,
           reach_m=1e6, slack_m=0, radius_m=MOON_M)  # fmt: skip
METHODS = {group: dict(georef_method="projected", error_m=None) for group in GROUPS}
STAGE = """
import json, sys
from orbitile.detections.nms.settings import NmsSettings
from orbitile.features.shapes.detection_shapes import VectorStyle
from orbitile.space.bodies import find_body
from orbitile.stages.catalogue import CatalogueInputs, catalogue

folder, rows_per_file, nms, methods = json.loads(sys.argv[1])
survivors, detections = (
    [f"{folder}/{name}/{group}.parquet" for group in methods] for name in ("suppressed", "detections")
)
tables = CatalogueInputs(survivors, detections)
style = VectorStyle("ellipse", 100, rows_per_file=rows_per_file)
print("it begins", flush=True)
catalogue(tables, NmsSettings(**nms), find_body("Moon"), style, dict(body="Moon"), f"{folder}/catalogue/craters.json")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Made-up detections of six groups that overlap at their borders, and what survives of them."""
    folder, rng = tmp_path_factory.mktemp("run"), np.random.default_rng(0)
    count = len(GROUPS) * DETECTIONS_PER_GROUP
    lon, size = rng.uniform(-30, 30, count), 10 ** rng.uniform(3, 4.5, count)
    table = pd.DataFrame(dict(lon=lon, lat=rng.uniform(-10, 10, count), width_m=size, height_m=size))
    table = table.assign(diameter_km=size / 1000, score=rng.uniform(0.2, 1, count).astype(np.float32), tile=0)
    table["scene"] = [GROUPS[int((place + 30) // 10.0001)] for place in lon]
    table = table.assign(scale_m=100.0, truncated=False, out_of_reach=False, xmin=0.0, ymin=0.0, xmax=1.0, ymax=1.0)
    table["class"] = "crater"
    candidates = select_candidates(table, NmsSettings(**NMS))
    survivors = candidates[catalogue_nms(candidates, NmsSettings(**NMS)).alive]
    for group in GROUPS:
        write_part(
            survivors[survivors["scene"] == group],
            METHODS,
            find_body("Moon"),
            9,
            folder / f"suppressed/{group}.parquet",
        )
        (folder / "detections").mkdir(exist_ok=True)
        write_table(table[table["scene"] == group], GEOLOCATED, folder / f"detections/{group}.parquet")
    return folder


def begun(folder, rows_per_file):
    """The stage in a process of its own that has just begun, as Snakemake calls it: without an earlier manifest."""
    (folder / "catalogue" / "craters.json").unlink(missing_ok=True)
    settings = json.dumps([str(folder), rows_per_file, NMS, METHODS])
    process = subprocess.Popen([sys.executable, "-c", STAGE, settings], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "it begins\n"
    return process


def content(folder):
    """All files but temporary ones, with the bytes of those of which no time is a part."""
    paths = [path for path in sorted((folder / "catalogue").rglob("[!.]*")) if path.is_file()]
    paths = [path for path in paths if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    dated = (".gpkg", ".dbf")
    return {str(path.relative_to(folder)): path.suffix in dated or path.read_bytes() for path in paths}


def states(folder):
    """Of the groups' own tables: inode and time."""
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.glob("suppressed/*")}


@pytest.mark.parametrize("rows_per_file", [500_000, 1500])
def test_a_killed_catalogue(folder, rows_per_file):
    """With single files of polygons, and with points in several files."""
    started = time.monotonic()
    undisturbed = begun(folder, rows_per_file)
    started = time.monotonic()
    assert undisturbed.wait() == 0
    seconds, expected, tables = time.monotonic() - started, content(folder), states(folder)
    assert ("catalogue/craters.gpkg" in expected) == (rows_per_file > 10_000)
    random.seed(SEED)
    ends = []
    for _ in range(KILLS):
        process = begun(folder, rows_per_file)
        time.sleep(random.uniform(0, 1.1 * seconds))
        process.kill()
        ends.append(process.wait())
        assert_complete_or_absent(folder, expected)
    assert -9 in ends
    assert begun(folder, rows_per_file).wait() == 0
    assert content(folder) == expected
    assert not list((folder / "catalogue").glob(".*"))
    assert states(folder) == tables
    assert sorted(path.name for path in folder.iterdir()) == ["catalogue", "detections", "suppressed"]


def assert_complete_or_absent(folder: Path, expected: dict) -> None:
    try:
        catalogue = orbitile.catalogue.open(folder / "catalogue")
    except OrbitileError as error:
        assert "the run has not come to its end" in str(error)
    else:
        assert len(catalogue) == catalogue.metadata["rows"]
        assert content(folder) == expected
