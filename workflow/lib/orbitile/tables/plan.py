"""The plan of a run: its scenes, their groups, and which groups are neighbours."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from affine import Affine

from orbitile.base.errors import OrbitileError
from orbitile.base.files import atomic
from orbitile.base.messages import format_count, shorten_names
from orbitile.base.provenance import provenance
from orbitile.pipeline import DETECTION
from orbitile.space.grids import Grid
from orbitile.tables.georef_methods import CORNERS, PROJECTED

IMAGE = [
    pa.field("scene", pa.string(), metadata={"about": "id from the scene table; of a mosaic, its name"}),
    pa.field("path", pa.string(), metadata={"about": "the image"}),
    pa.field("inputs", pa.list_(pa.string()), metadata={"about": "the image, kernels and other files it depends on"}),
    pa.field("fingerprint", pa.string(), metadata={"about": "size and time of each of them"}),
    pa.field(
        "georef_method",
        pa.string(),
        metadata={"about": "how the image is georeferenced: projected, isis, spice or corners"},
    ),
    pa.field("error_m", pa.float64(), metadata={"unit": "m", "about": "expected error of positions, where known"}),
    pa.field("instrument", pa.string(), metadata={"about": "of a raw image"}),
    pa.field("kernels", pa.string(), metadata={"about": "meta-kernel, folder of kernels or camera model"}),
    pa.field("corners", pa.string(), metadata={"about": "corners, or a file of control points"}),
    pa.field("elevation", pa.string(), metadata={"about": "elevation model that it is projected onto"}),
    pa.field("image_gsd_m", pa.float64(), metadata={"unit": "m/px", "about": "of the image itself"}),
    pa.field("incidence_deg", pa.float64(), metadata={"unit": "degree", "about": "between Sun and vertical"}),
    pa.field("crs_wkt", pa.string(), metadata={"about": "coordinate system of its map, as WKT 2"}),
    pa.field("transform", pa.list_(pa.float64(), 6), metadata={"about": "affine a, b, c, d, e, f"}),
    pa.field("width", pa.int64(), metadata={"unit": "px"}),
    pa.field("height", pa.int64(), metadata={"unit": "px"}),
    pa.field("gsd_m", pa.float64(), metadata={"unit": "m/px"}),
    pa.field("dtype", pa.string(), metadata={"about": "data type that holds the values of all its bands"}),
    pa.field("nodata", pa.float64(), metadata={"about": "null also where its bands have different nodata values"}),
    pa.field("bands", pa.list_(pa.int64()), metadata={"about": "numbers of the image's bands to use, from 1"}),
    pa.field("band_names", pa.list_(pa.string()), metadata={"about": "their descriptions or colours, else empty"}),
]
"""What is known of an image; the grid is the image's own if it is map-projected, else its grid on the target map."""

SCHEMA = pa.schema(
    [
        *IMAGE,
        pa.field("group", pa.string(), metadata={"about": "unit of work; the workflow's wildcard"}),
        pa.field("body", pa.string(), metadata={"about": "name by the IAU"}),
        pa.field(
            "request_key", pa.string(), metadata={"about": "key of what the scene table and the settings ask for"}
        ),
        pa.field("strips", pa.list_(pa.struct(IMAGE)), metadata={"about": "images that a mosaic is made of"}),
        pa.field("in_mosaic", pa.bool_(), metadata={"about": "a piece of a mosaic: its tiles reach into neighbours"}),
        pa.field("lenders", pa.list_(pa.string()), metadata={"about": "neighbouring scenes that lend it pixels"}),
        pa.field(
            "longitude_wraps", pa.list_(pa.int64()), metadata={"about": "turns around the body from it to each of them"}
        ),
        pa.field("outline_lon", pa.list_(pa.float64()), metadata={"unit": "degree east, -180..180"}),
        pa.field("outline_lat", pa.list_(pa.float64()), metadata={"unit": "degree, planetocentric"}),
        pa.field("warnings", pa.list_(pa.string()), metadata={"about": "what is doubtful about it, one line each"}),
    ]
)

FORMAT = 10
"""Changes with SCHEMA, PlanGroup, Grouping, RunSize, UnplannedScene or PlanOrigin; others' plans are made anew."""

OF_IMAGE = [field.name for field in IMAGE]
OF_MOSAIC = ["in_mosaic", "lenders", "longitude_wraps"]
FOR_JOBS = [*OF_IMAGE, "strips", *OF_MOSAIC]


@dataclass(frozen=True, kw_only=True)
class ImageRow:
    """What a plan tells a job of an image: a strip of a mosaic, or the one that a scene is made of (see IMAGE)."""

    scene: str
    path: str
    inputs: list[str]
    fingerprint: str
    georef_method: str
    error_m: float | None
    instrument: str | None
    kernels: str | None
    corners: str | None
    elevation: str | None
    image_gsd_m: float
    incidence_deg: float | None
    crs_wkt: str
    transform: list[float]
    width: int
    height: int
    gsd_m: float
    dtype: str
    nodata: float | None
    bands: list[int]
    band_names: list[str]

    @classmethod
    def of(cls, row: "ImageRow") -> "ImageRow":
        """Only what a plan keeps of a strip."""
        return ImageRow(**{name: getattr(row, name) for name in OF_IMAGE})

    @property
    def grid(self) -> Grid:
        """The image's own grid if it is map-projected, else its grid on the target map."""
        return Grid(self.crs_wkt, Affine(*self.transform), self.width, self.height)

    @property
    def channels(self) -> int | list[int]:
        """The bands to use, as images are read by: the number of one band, or the numbers of several."""
        return self.bands[0] if len(self.bands) == 1 else self.bands

    @property
    def images(self) -> "list[ImageRow]":
        """The images it is made of."""
        return [self]

    @property
    def image_columns(self) -> dict[str, Any]:
        """Its values that its raster depends on, by column, as plain lists, texts and numbers."""
        return {name: getattr(self, name) for name in OF_IMAGE}


@dataclass(frozen=True, kw_only=True)
class SceneRow(ImageRow):
    """What a plan tells a job of a scene: an image or, with `strips`, a mosaic (see FOR_JOBS)."""

    strips: list[ImageRow] = field(default_factory=list)
    in_mosaic: bool = False
    lenders: list[str] = field(default_factory=list)
    longitude_wraps: list[int] = field(default_factory=list)

    @classmethod
    def from_columns(cls, columns: dict[str, Any]) -> Self:
        """The row that a plan's file holds."""
        return cls(**columns | dict(strips=[ImageRow(**strip) for strip in columns["strips"]]))

    @property
    def image_columns(self) -> dict[str, Any]:
        """See ImageRow; with those of its strips."""
        return super().image_columns | dict(strips=[strip.image_columns for strip in self.strips])

    @property
    def columns(self) -> dict[str, Any]:
        """All its values by column, as plain lists, texts and numbers."""
        return vars(self) | dict(strips=[strip.image_columns for strip in self.strips])

    @property
    def images(self) -> "list[ImageRow]":
        """The images it is made of: its strips, or itself."""
        return self.strips or [self]


@dataclass(frozen=True, kw_only=True)
class PlanRow(SceneRow):
    """A row of a plan (see SCHEMA). The group is None until one is assigned, unless the scene table names one."""

    group: str | None
    body: str
    request_key: str
    outline_lon: list[float]
    outline_lat: list[float]
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class PlanGroup:
    """What the workflow's graph must know of a group.

    `neighbours` are groups that may hold detections overlapping those of this group, `lenders` groups whose scenes
    lend it pixels. `version` changes with anything its jobs depend on, `gigapixels` are counted at the finest scale.
    `named_by_user`: whether the scene table names the group. `has_isis`: whether any of its images goes through ISIS.
    """

    name: str
    neighbours: list[str]
    lenders: list[str]
    version: str
    gigapixels: float
    named_by_user: bool = False
    has_isis: bool = False


@dataclass(frozen=True)
class UnplannedScene:
    """A scene that cannot be planned, and the reason in one line; `fingerprint` is that of its `inputs`."""

    scene: str
    path: str
    fingerprint: str
    reason: str
    inputs: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Grouping:
    """How many scenes a group holds at most, and what that was chosen for; None where the settings name the number."""

    scenes_per_group: int = 1
    chosen_for: str | None = None


@dataclass(frozen=True)
class RunSize:
    """What the disk and the memory that a run takes follow from.

    `tiles` and `searched_px` are counted at all scales, of the ground that holds data as far as images tell;
    `raster_bytes` is what georeferenced scenes take on disk, `pictured_px` counts the pixels of a picture of each.
    """

    tiles: int = 0
    searched_px: float = 0.0
    raster_bytes: float = 0.0
    pictured_px: float = 0.0
    bands: int = 1


@dataclass(frozen=True)
class Plan:
    """What the graph of a run is made of; everything else stays in the file until a job reads it.

    `georef_methods` counts the images by method.
    """

    members: dict[str, PlanGroup]
    group_of_scene: dict[str, str]
    unplanned: list[UnplannedScene]
    chain: str = DETECTION
    georef_methods: dict[str, int] = field(default_factory=dict)
    grouping: Grouping = Grouping()
    size: RunSize = RunSize()

    @cached_property
    def groups(self) -> list[str]:
        """All groups, sorted."""
        return sorted(self.members)

    @cached_property
    def names(self) -> list[str]:
        """All scene ids, sorted."""
        return sorted(self.group_of_scene)

    @property
    def grouping_text(self) -> str | None:
        """How many scenes were put into a group, and why, in one line; None where the settings say it."""
        if self.grouping.chosen_for is None:
            return None
        return (
            f"{format_count(len(self.names), 'scene')} in {format_count(len(self.groups), 'group')}, at most "
            f"{self.grouping.scenes_per_group:,} in each, as was chosen for {self.grouping.chosen_for} "
            "(scenes_per_group: auto)"
        )

    @property
    def warning(self) -> str | None:
        """How images that are not map-projected will be georeferenced, in one line; None if all are map-projected."""
        methods = sorted(set(self.georef_methods) - {PROJECTED})
        if not methods:
            return None
        counts = ", ".join(f"{self.georef_methods[method]} by {method}" for method in methods)
        caveat = "; positions from corners alone may be kilometres off" if CORNERS in methods else ""
        return (
            f"images that are not map-projected: {counts}{caveat} "
            "(see columns georef_method and error_m of plan.parquet, and docs/raw-images.md)"
        )

    def group(self, name: str) -> PlanGroup:
        """The group of a name; OrbitileError where the plan has none."""
        if name not in self.members:
            raise OrbitileError(
                f"the plan has no group {name!r}; its {len(self.groups)} groups are {shorten_names(self.groups)}"
            )
        return self.members[name]

    def rings(self, name: str, count: int) -> list[list[str]]:
        """The first rings of groups around a group: its neighbours, their other neighbours ...; they may be empty."""
        inner, ring, rings = {name}, [name], []
        for _ in range(count):
            ring = sorted({neighbour for group in ring for neighbour in self.group(group).neighbours} - inner)
            inner |= set(ring)
            rings.append(ring)
        return rings

    def gigapixels(self, name: str | None) -> float:
        """Pixels at the finest scale, in 10^9, of a group or of the whole run."""
        return self.group(name).gigapixels if name else self._gigapixels

    @cached_property
    def _gigapixels(self) -> float:
        return sum(group.gigapixels for group in self.members.values())


@dataclass(frozen=True)
class PlanOrigin:
    """What a plan was made from.

    `state` is a key of everything that it depends on, `partition` of how scenes are put into groups, `headers` of how
    headers are read. `chain` is one of orbitile.pipeline.CHAINS.
    """

    state: str
    partition: str
    headers: str
    chain: str = DETECTION


def write_plan(
    rows: Sequence[PlanRow],
    groups: Sequence[PlanGroup],
    unplanned: Sequence[UnplannedScene],
    origin: PlanOrigin,
    path: Path,
    grouping: Grouping = Grouping(),
    size: RunSize = RunSize(),
) -> None:
    """Write the rows of a plan (see SCHEMA); what the graph needs of groups goes into the metadata."""
    metadata = dict(
        format=FORMAT,
        provenance=provenance(),
        groups=[vars(group) for group in groups],
        grouping=vars(grouping),
        size=vars(size),
        unplanned=[vars(scene) for scene in unplanned],
        georef_methods=Counter(image.georef_method for image in scene_images(rows)),
        **vars(origin),
    )
    table = pa.Table.from_pylist([row.columns for row in rows], SCHEMA)
    with atomic(path) as temporary:
        pq.write_table(table.replace_schema_metadata({"plan": json.dumps(metadata)}), temporary)


def read_origin(path: Path) -> PlanOrigin | None:
    """What a plan was made from; None if there is no plan, or none that can be read."""
    try:
        metadata = _metadata(path)
        return PlanOrigin(metadata["state"], metadata["partition"], metadata["headers"], metadata["chain"])
    except (OrbitileError, KeyError):
        return None


def read_plan(path: Path) -> Plan:
    """Read what the graph needs of a plan."""
    metadata = _metadata(path)
    members = {group["name"]: PlanGroup(**group) for group in metadata["groups"]}
    columns = read_columns(path, ["scene", "group"])
    by_scene = dict(zip(columns["scene"], columns["group"], strict=True))
    grouping = Grouping(**metadata["grouping"])
    size = RunSize(**metadata["size"])
    return Plan(members, by_scene, _unplanned(metadata), metadata["chain"], metadata["georef_methods"], grouping, size)


def refused_plan(path: Path) -> Path:
    """Where the rows of a plan are kept that was refused, beside the plan at `path` that it did not replace."""
    return path.with_name("plan-refused.parquet")


def read_scenes(path: str | Path, group: str) -> list[SceneRow]:
    """What a job must know of each scene of a group, sorted by scene; OrbitileError for no such group."""
    rows = pq.read_table(path, columns=FOR_JOBS, filters=[("group", "==", group)]).to_pylist()
    if not rows:
        raise OrbitileError(f"{path}: no longer has a group {group}; the scene table or scenes_per_group has changed")
    return sorted(map(SceneRow.from_columns, rows), key=lambda scene: scene.scene)


def scene_images(scenes: Sequence[SceneRow]) -> list[ImageRow]:
    """The images of all scenes: the scenes themselves, or the strips they are made of."""
    return [image for scene in scenes for image in scene.images]


def read_unplanned(path: Path) -> list[UnplannedScene]:
    """The scenes that could not be planned."""
    return _unplanned(_metadata(path))


def read_columns(path: Path, names: list[str]) -> dict[str, list]:
    """Columns of a plan, in less memory than `pyarrow.parquet.read_table` takes."""
    with pq.ParquetFile(path) as file:
        return file.read(columns=names, use_threads=False).to_pydict()


def read_georef_methods(path: Path) -> dict[str, dict[str, str | float | None]]:
    """How each scene is georeferenced: its georef_method and error_m (metres; None where not known), by scene."""
    columns = read_columns(path, ["scene", "georef_method", "error_m"])
    rows = zip(columns["scene"], columns["georef_method"], columns["error_m"], strict=True)
    return {scene: dict(georef_method=method, error_m=error_m) for scene, method, error_m in rows}


def read_outlines(path: Path) -> list[tuple[str, tuple[np.ndarray, np.ndarray]]]:
    """The group of every scene, and longitudes and latitudes (n, degrees) along its border."""
    columns = read_columns(path, ["group", "outline_lon", "outline_lat"])
    outlines = zip(map(np.array, columns["outline_lon"]), map(np.array, columns["outline_lat"]), strict=True)
    return list(zip(columns["group"], outlines, strict=True))


def read_rows(path: Path) -> list[PlanRow]:
    """All rows of a plan."""
    return list(map(PlanRow.from_columns, pq.read_table(path).to_pylist()))


def _metadata(path: Path) -> dict:
    """A plan's metadata; OrbitileError for a file that is not a plan."""
    try:
        metadata = json.loads(pq.read_schema(path).metadata[b"plan"])
        if metadata["format"] != FORMAT:
            raise KeyError("format")
        return metadata
    except (pa.ArrowException, OSError, KeyError, TypeError) as error:
        raise OrbitileError(f"{path}: is not a readable plan; a dry run makes it again") from error


def _unplanned(metadata: dict) -> list[UnplannedScene]:
    return [UnplannedScene(**scene) for scene in metadata["unplanned"]]
