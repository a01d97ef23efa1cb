"""Run folders, built by hand with the library's own writers."""

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from plan_rows import plan_row

from orbitile.base.files import write_text
from orbitile.jobs.lock import hold_lock
from orbitile.jobs.paths import JobPaths
from orbitile.jobs.pieces import JobProgress
from orbitile.jobs.records import DONE, RUNNING, Attempt
from orbitile.pipeline import DETECTION
from orbitile.tables.detections import GEOLOCATED
from orbitile.tables.parquet import write_table
from orbitile.tables.plan import PlanGroup, PlanOrigin, UnplannedScene, write_plan

TABLE = pa.schema([pa.field("scene", pa.string())])


@dataclass(frozen=True)
class RunFolder:
    """A made-up run's folder; nothing in it was computed."""

    path: Path

    def plan(self, groups, unplanned="", gigapixels=1.0, chain=DETECTION):
        """A plan of groups, as strings of scenes named by letters."""
        rows = [plan_row(scene, group) for group, scenes in groups.items() for scene in scenes]
        refused = [UnplannedScene(scene, f"{scene}.tif", "1-1", f"{scene}.tif: made up") for scene in unplanned]
        members = [PlanGroup(name, [], [], "version", gigapixels) for name in groups]
        write_plan(rows, members, refused, PlanOrigin("", "", "", chain), self.path / "plan.parquet")

    def job(self, rule, group):
        return JobPaths(self.path, rule, group)

    def table(self, rule, group, pieces=(), rows=0):
        """A stage's table of a group, made of pieces."""
        path = self.job(rule, group).table
        metadata = dict(pieces=json.dumps([str(piece) for piece in pieces]))
        write_table(pd.DataFrame(dict(scene=["a"] * rows)), TABLE, path, metadata)
        return path

    def piece(self, folder, scene, name):
        """A finished piece of work of a scene: 1000 bytes."""
        path = self.path / folder / scene / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(1000))
        return path

    def attempts(self, rule, group, *states, progress=None, **columns):
        """The record of a job whose attempts ended in the given states."""
        fixed = dict(host="node7", threads=4, slurm_job=None) | columns
        attempts = [
            Attempt(time.time() - 100, ended=None if state == RUNNING else time.time(), state=state, **fixed,
                    progress=progress or JobProgress())
            for state in states
        ]  # fmt: skip
        write_text(self.job(rule, group).record, json.dumps([asdict(attempt) for attempt in attempts]))

    def done(self, rule, group, progress=None, **table):
        """A stage of a group that has finished."""
        self.attempts(rule, group, DONE, progress=progress)
        return self.table(rule, group, **table)

    def running(self, rule, group):
        """Hold a job's lock."""
        return hold_lock(self.job(rule, group).lock)

    def files(self):
        """All files, relative to the folder."""
        return {
            str(Path(folder, name).relative_to(self.path)) for folder, _, names in os.walk(self.path) for name in names
        }


@pytest.fixture
def run_folder(tmp_path, monkeypatch):
    """A run's folder, under the path that users give: results/r in the folder where they are."""
    monkeypatch.chdir(tmp_path)
    return RunFolder(Path("results/r"))


def write_groups(folder, tables, neighbours, footprints=None):
    """Write a plan of groups and their tables of detections into a folder; return the plan's path.

    `neighbours` are each group's. Footprints are the places of a group's detections, or those of `footprints`
    (longitudes and latitudes) by group.
    """
    rows = []
    (folder / "detections").mkdir(exist_ok=True)
    for name, table in tables.items():
        write_table(table.assign(scene=name), GEOLOCATED, folder / "detections" / f"{name}.parquet")
        lon, lat = (footprints or {}).get(name, (table["lon"].tolist(), table["lat"].tolist()))
        rows.append(plan_row(name, name, outline_lon=lon, outline_lat=lat))
    groups = [PlanGroup(name, neighbours.get(name, []), [], "version", 1.0) for name in tables]
    write_plan(rows, groups, [], PlanOrigin("", "", ""), folder / "plan.parquet")
    return str(folder / "plan.parquet")


@pytest.fixture(scope="session")
def planned_groups():
    """Writes plans of made-up groups with their detections."""
    return write_groups


@pytest.fixture
def brightness(monkeypatch):
    """The made-up network instead of the one that weights would give."""
    from mask_runs import Brightness

    network = Brightness()
    monkeypatch.setattr("orbitile.stages.infer.load_network", lambda choice: network)
    return network
