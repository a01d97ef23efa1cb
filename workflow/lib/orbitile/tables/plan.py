"""The plan of a run: its scenes, their groups, and which groups are neighbours."""

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from orbitile.files import atomic

SCHEMA = pa.schema(
    [
        pa.field("scene", pa.string(), metadata={"about": "id from the scene table"}),
        pa.field("group", pa.string(), metadata={"about": "unit of work; the workflow's wildcard"}),
        pa.field("path", pa.string(), metadata={"about": "the image"}),
        pa.field("fingerprint", pa.string(), metadata={"about": "size and time of the image file"}),
        pa.field("body", pa.string()),
        pa.field("crs_wkt", pa.string()),
        pa.field("transform", pa.list_(pa.float64(), 6), metadata={"about": "affine a, b, c, d, e, f"}),
        pa.field("width", pa.int64(), metadata={"unit": "px"}),
        pa.field("height", pa.int64(), metadata={"unit": "px"}),
        pa.field("gsd_m", pa.float64(), metadata={"unit": "m/px"}),
        pa.field("dtype", pa.string()),
        pa.field("nodata", pa.float64()),
        pa.field("outline_lon", pa.list_(pa.float64()), metadata={"unit": "degree east, -180..180"}),
        pa.field("outline_lat", pa.list_(pa.float64()), metadata={"unit": "degree, planetocentric"}),
        pa.field("neighbours", pa.list_(pa.string()), metadata={"about": "groups within reach of this group"}),
    ]
)


FOR_JOBS = ("scene", "path", "fingerprint", "crs_wkt", "transform", "width", "height")


@dataclass(frozen=True)
class Plan:
    """The frozen plan of a run: one row per scene, sorted by scene id (see SCHEMA)."""

    rows: list[dict]

    @property
    def groups(self) -> list[str]:
        """All groups, sorted."""
        return sorted(self._by_group)

    @property
    def names(self) -> list[str]:
        """All scene ids, sorted."""
        return [row["scene"] for row in self.rows]

    def scenes(self, group: str) -> list[dict]:
        """What a job must know of each scene of a group."""
        return [{name: row[name] for name in FOR_JOBS} for row in self._by_group[group]]

    def paths(self, group: str) -> list[str]:
        """The image files of a group."""
        return [row["path"] for row in self._by_group[group]]

    def neighbours(self, group: str) -> list[str]:
        """The groups within reach of a group, sorted."""
        return self._by_group[group][0]["neighbours"]

    def group_of(self, scene: str) -> str:
        """The group a scene belongs to."""
        return self._groups[scene]

    @cached_property
    def _groups(self) -> dict[str, str]:
        return {row["scene"]: row["group"] for row in self.rows}

    @cached_property
    def _by_group(self) -> dict[str, list[dict]]:
        found = defaultdict(list)
        for row in self.rows:
            found[row["group"]].append(row)
        return dict(found)


def write_plan(plan: Plan, state: str, path: Path) -> None:
    """Write a plan with the state of the settings and files it was made from."""
    table = pa.Table.from_pylist(plan.rows, SCHEMA)
    with atomic(path) as temporary:
        pq.write_table(table.replace_schema_metadata({"state": state}), temporary)


def read_plan(path: Path) -> tuple[Plan, str]:
    """Read a plan and the state it was made from."""
    table = pq.read_table(path)
    return Plan(table.to_pylist()), (table.schema.metadata or {}).get(b"state", b"").decode()
