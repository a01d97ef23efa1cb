"""The plan of a run: its scenes, their groups, and which groups are neighbours."""

import json
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from orbitile.errors import OrbitileError
from orbitile.files import atomic
from orbitile.jobs.place import DETECTION
from orbitile.tables.ways import CORNERS, PROJECTED

IMAGE = [
    pa.field("scene", pa.string(), metadata={"about": "id from the scene table; of a mosaic, its name"}),
    pa.field("path", pa.string(), metadata={"about": "the image"}),
    pa.field("inputs", pa.list_(pa.string()), metadata={"about": "the image, kernels and other files it depends on"}),
    pa.field("fingerprint", pa.string(), metadata={"about": "size and time of each of them"}),
    pa.field("way", pa.string(), metadata={"about": "how it comes onto the map: projected, isis, spice or corners"}),
    pa.field(
        "error_m", pa.float64(), metadata={"unit": "m", "about": "how far off places are expected to be, if known"}
    ),
    pa.field("instrument", pa.string(), metadata={"about": "of a raw image"}),
    pa.field("kernels", pa.string(), metadata={"about": "meta-kernel, folder of kernels or camera model"}),
    pa.field("corners", pa.string(), metadata={"about": "corners, or a file of control points"}),
    pa.field("elevation", pa.string(), metadata={"about": "elevation model that it is projected onto"}),
    pa.field("image_gsd_m", pa.float64(), metadata={"unit": "m/px", "about": "of the image itself"}),
    pa.field("incidence_deg", pa.float64(), metadata={"unit": "degree", "about": "between Sun and vertical"}),
    pa.field("crs_wkt", pa.string()),
    pa.field("transform", pa.list_(pa.float64(), 6), metadata={"about": "affine a, b, c, d, e, f"}),
    pa.field("width", pa.int64(), metadata={"unit": "px"}),
    pa.field("height", pa.int64(), metadata={"unit": "px"}),
    pa.field("gsd_m", pa.float64(), metadata={"unit": "m/px"}),
    pa.field("dtype", pa.string()),
    pa.field("nodata", pa.float64()),
]
"""What is known of an image: its grid is its own where it is projected, else the one on the map that it goes to."""

SCHEMA = pa.schema(
    [
        *IMAGE,
        pa.field("group", pa.string(), metadata={"about": "unit of work; the workflow's wildcard"}),
        pa.field("body", pa.string()),
        pa.field("asked", pa.string(), metadata={"about": "key of what the scene table and the settings ask for"}),
        pa.field("strips", pa.list_(pa.struct(IMAGE)), metadata={"about": "images that a mosaic is made of"}),
        pa.field("in_mosaic", pa.bool_(), metadata={"about": "a piece of a mosaic: its tiles look into others"}),
        pa.field("beside", pa.list_(pa.string()), metadata={"about": "scenes that lend it pixels"}),
        pa.field("turns", pa.list_(pa.int64()), metadata={"about": "turns around the body from it to each of them"}),
        pa.field("outline_lon", pa.list_(pa.float64()), metadata={"unit": "degree east, -180..180"}),
        pa.field("outline_lat", pa.list_(pa.float64()), metadata={"unit": "degree, planetocentric"}),
    ]
)

FORMAT = 5
"""Changes with SCHEMA, Group, Unplanned or Origin; plans of another format are made anew."""

OF_IMAGE = [field.name for field in IMAGE] + ["strips"]
OF_MOSAIC = ["in_mosaic", "beside", "turns"]
FOR_JOBS = OF_IMAGE + OF_MOSAIC


@dataclass(frozen=True)
class Group:
    """What the workflow's graph must know of a group.

    Groups among its `neighbours` may hold detections that overlap its own, groups `beside` it lend it pixels.
    `version` changes with anything its jobs depend on, `gigapixels` are those of the finest scale, `own`
    groups are named in the scene table. `has_isis`: whether some of its images go through ISIS.
    """

    name: str
    neighbours: list[str]
    beside: list[str]
    version: str
    gigapixels: float
    own: bool = False
    has_isis: bool = False


@dataclass(frozen=True)
class Unplanned:
    """A scene whose header cannot be used, and why; `fingerprint` is that of its `inputs`."""

    scene: str
    path: str
    fingerprint: str
    reason: str
    inputs: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Plan:
    """What the graph of a run is made of; all else stays in the file until a job asks for it.

    `ways` tells how many images come onto the map in which way.
    """

    members: dict[str, Group]
    group_of_scene: dict[str, str]
    unplanned: list[Unplanned]
    chain: str = DETECTION
    ways: dict[str, int] = field(default_factory=dict)

    @cached_property
    def groups(self) -> list[str]:
        """All groups, sorted."""
        return sorted(self.members)

    @cached_property
    def names(self) -> list[str]:
        """All scene ids, sorted."""
        return sorted(self.group_of_scene)

    @property
    def caution(self) -> str | None:
        """What should be known of the ways taken before anything runs; None where all images have maps of their own."""
        others = sorted(set(self.ways) - {PROJECTED})
        if not others:
            return None
        told = ", ".join(f"{self.ways[way]} by {way}" for way in others)
        warning = "; by corners alone, places may be a kilometre off" if CORNERS in others else ""
        return f"images without a map of their own: {told}{warning} (plan.parquet: way, error_m; docs/raw-images.md)"

    def group(self, name: str) -> Group:
        """The group of a name; OrbitileError where the plan has none."""
        if name not in self.members:
            raise OrbitileError(f"no group {name!r} in the plan; its {len(self.groups)} groups: {_some(self.groups)}")
        return self.members[name]

    def rings(self, name: str, most: int) -> list[list[str]]:
        """The rings of groups around one: its neighbours, their other neighbours, and so on; some may be empty."""
        seen, last, rings = {name}, [name], []
        for _ in range(most):
            last = sorted({near for group in last for near in self.group(group).neighbours} - seen)
            seen |= set(last)
            rings.append(last)
        return rings

    def gigapixels(self, name: str | None) -> float:
        """Pixels at the finest scale, in 10^9, of a group or of the whole run."""
        return self.group(name).gigapixels if name else self._gigapixels

    @cached_property
    def _gigapixels(self) -> float:
        return sum(group.gigapixels for group in self.members.values())

    def group_of(self, scene: str) -> str:
        """The group a scene belongs to; OrbitileError where the plan has no such scene."""
        if scene not in self.group_of_scene:
            raise OrbitileError(f"no scene {scene!r} in the plan; its {len(self.names)} scenes: {_some(self.names)}")
        return self.group_of_scene[scene]


@dataclass(frozen=True)
class Origin:
    """What a plan was made from: keys of all that matters, of its partition, of how headers are read, and for what.

    `chain` is one of orbitile.jobs.place.CHAINS.
    """

    state: str
    partition: str
    headers: str
    chain: str = DETECTION


def write_plan(rows: list[dict], groups: list[Group], unplanned: list[Unplanned], origin: Origin, path: Path) -> None:
    """Write the rows of a plan (see SCHEMA); what the graph needs of groups goes into the metadata."""
    metadata = dict(
        format=FORMAT,
        groups=[vars(group) for group in groups],
        unplanned=[vars(one) for one in unplanned],
        ways=Counter(image.get("way", PROJECTED) for image in images_of(rows)),
        **vars(origin),
    )
    table = pa.Table.from_pylist(rows, SCHEMA)
    with atomic(path) as temporary:
        pq.write_table(table.replace_schema_metadata({"plan": json.dumps(metadata)}), temporary)


def read_origin(path: Path) -> Origin | None:
    """What a plan was made from; None where there is none, or one that cannot be read."""
    try:
        metadata = _metadata(path)
        return Origin(metadata["state"], metadata["partition"], metadata["headers"], metadata["chain"])
    except (OrbitileError, KeyError):
        return None


def read_plan(path: Path) -> Plan:
    """Read what the graph needs of a plan."""
    metadata = _metadata(path)
    members = {group["name"]: Group(**group) for group in metadata["groups"]}
    columns = read_columns(path, ["scene", "group"])
    by_scene = dict(zip(columns["scene"], columns["group"], strict=True))
    return Plan(members, by_scene, _unplanned(metadata), metadata["chain"], metadata["ways"])


def read_scenes(path: str | Path, group: str) -> list[dict]:
    """What a job must know of each scene of a group, sorted by scene; OrbitileError for no such group."""
    rows = pq.read_table(path, columns=FOR_JOBS, filters=[("group", "==", group)]).to_pylist()
    if not rows:
        raise OrbitileError(f"{path}: has no group {group} any more; the scene table or scenes_per_group was changed")
    return sorted(rows, key=lambda row: row["scene"])


def images_of(scenes: list[dict]) -> list[dict]:
    """The images of some scenes (rows of a plan): the scenes themselves, or the strips they are made of."""
    return [image for scene in scenes for image in (scene.get("strips") or [scene])]


def read_unplanned(path: Path) -> list[Unplanned]:
    """The scenes that a plan had to leave out."""
    return _unplanned(_metadata(path))


def read_columns(path: Path, names: list[str]) -> dict[str, list]:
    """Some columns of a plan, without the memory that `pyarrow.parquet.read_table` takes."""
    with pq.ParquetFile(path) as file:
        return file.read(columns=names, use_threads=False).to_pydict()


def read_ways(path: Path) -> dict[str, dict]:
    """How each scene comes onto the map, and how far off (m) places may be where that is known: way and error_m."""
    columns = read_columns(path, ["scene", "way", "error_m"])
    told = zip(columns["way"], columns["error_m"], strict=True)
    return {scene: dict(way=way, error_m=error) for scene, (way, error) in zip(columns["scene"], told, strict=True)}


def read_outlines(path: Path) -> list[tuple[str, tuple[np.ndarray, np.ndarray]]]:
    """The group of every scene, and longitudes and latitudes (degrees) along its border."""
    columns = read_columns(path, ["group", "outline_lon", "outline_lat"])
    outlines = zip(map(np.array, columns["outline_lon"]), map(np.array, columns["outline_lat"]), strict=True)
    return list(zip(columns["group"], outlines, strict=True))


def read_rows(path: Path) -> list[dict]:
    """All rows of a plan."""
    return pq.read_table(path).to_pylist()


def _metadata(path: Path) -> dict:
    """What a plan holds beside its rows; OrbitileError for a file that is none."""
    try:
        metadata = json.loads(pq.read_schema(path).metadata[b"plan"])
        if metadata["format"] != FORMAT:
            raise KeyError("format")
        return metadata
    except (pa.ArrowException, OSError, KeyError, TypeError) as error:
        raise OrbitileError(f"{path}: not a readable plan; a dry run (snakemake -n) makes it anew") from error


def _unplanned(metadata: dict) -> list[Unplanned]:
    return [Unplanned(**one) for one in metadata["unplanned"]]


def _some(names: list[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (" ..." if len(names) > most else "")
