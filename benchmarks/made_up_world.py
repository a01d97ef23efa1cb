"""A made-up Mars: scenes that cover all of it, in groups as a plan has them, and what a network would report in them.

Objects are drawn in cells, each from its own seed; the cells are the scenes without their overlap. A scene reports
the objects of its own cell and of those around it, again from its own seed. So every group's table of detections can
be made by itself, whatever the grouping, in memory for one group, and objects near a border are reported on both sides.

Diameters follow N(>D) ~ D^-2, with 9 x 10^7 objects of 50 m and more; with fewer objects the smallest is larger
(150 m for 10^7), so that every world is as crowded as another in units of its smallest object.
"""

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
from affine import Affine
from pyproj import CRS

from orbitile.planning.headers import group_scenes
from orbitile.planning.scene_rows import place_projected, row_of_placement
from orbitile.rasters.data_bands import DataBand
from orbitile.settings import Settings
from orbitile.space.bodies import find_body
from orbitile.space.grids import Grid
from orbitile.space.ground import wrap_longitude
from orbitile.tables.detections import GEOLOCATED
from orbitile.tables.parquet import write_arrow
from orbitile.tables.plan import PlanOrigin, PlanRow, write_plan

SEED = 20260
SCENES, SCENES_PER_GROUP = 15_000, 49
OVERLAP = 0.1
"""Of neighbouring scenes, as a share of their sides."""
BODY, MAP = "Mars", "IAU_2015:49910"
SCALES_M = (5.0, 20.0, 80.0)
"""Names of the three looks that every scene takes at an object, whatever its size."""
REPORTED = 0.76
"""Share of looks that report the object: with the overlaps 2.8 reports of each."""
OBJECTS_PER_SURVIVOR = 1.02
"""Nobody reports 2 % of all objects with a score that counts, or another object suppresses them."""
DENSITY = 9e7 * 50.0**2 / (4 * math.pi * 3_396_190.0**2)
"""Objects on an area of the smallest diameter squared."""
LARGEST_M = 4e5
JITTER = 0.05
"""Of position and size of a report, as a share of the object's size (one sigma)."""
UNMOVED, TIED = 0.05, 0.02
"""Shares of reports without jitter, as of the same pixels in two scenes, and with the object's score, not their own."""
SCORES = (0.2, 1.0)
TILES = dict(tile_px=1280, overlap_px=640)
"""Large enough for objects of 50 km at the coarsest scale; some 90 of any world are larger, and out of reach."""


@dataclass(frozen=True)
class SceneLayout:
    """Scenes in rows of latitude from the south pole to the north pole, with nearly the same area.

    `rows` (n) are the numbers of scenes in the rows, which are equally high.
    """

    rows: tuple[int, ...]

    @classmethod
    def of(cls, scenes: int) -> "SceneLayout":
        """So many scenes, nearly square; each pole has three or more around it."""
        count = max(round(math.sqrt(math.pi * scenes) / 2), 2)
        areas = np.diff(np.sin(np.linspace(-np.pi / 2, np.pi / 2, count + 1))) / 2
        ends = np.round(np.cumsum(areas) * (scenes - 3 * count)).astype(int)
        return cls(tuple((3 + np.diff(ends, prepend=0)).tolist()))

    @cached_property
    def first(self) -> np.ndarray:
        """Number of the first scene of each row, and of all scenes."""
        return np.concatenate([[0], np.cumsum(self.rows)])

    @property
    def count(self) -> int:
        """Number of scenes."""
        return int(self.first[-1])

    def cell(self, scene: int) -> tuple[float, float, float, float]:
        """West, south, east, north in degrees of a scene without its overlap."""
        row = int(np.searchsorted(self.first, scene, "right")) - 1
        width, height = 360 / self.rows[row], 180 / len(self.rows)
        west, south = (scene - int(self.first[row])) * width - 180, row * height - 90
        return west, south, west + width, south + height

    def bounds(self, scene: int) -> tuple[float, float, float, float]:
        """West, south, east, north in degrees of a scene; it may reach over 180 degrees, not over a pole."""
        west, south, east, north = self.cell(scene)
        lon, lat = (east - west) * OVERLAP / 2, (north - south) * OVERLAP / 2
        return west - lon, max(south - lat, -90), east + lon, min(north + lat, 90)

    def cells_within(self, scene: int) -> list[int]:
        """The scenes whose cells a scene's bounds touch, itself included, sorted."""
        west, south, east, north = self.bounds(scene)
        height = 180 / len(self.rows)
        low, high = int((south + 90) / height), min(int((north + 90) / height), len(self.rows) - 1)
        return sorted({cell for row in range(low, high + 1) for cell in self._cells_of_row(row, west, east)})

    def _cells_of_row(self, row: int, west: float, east: float) -> list[int]:
        width, count = 360 / self.rows[row], self.rows[row]
        first, last = math.floor((west + 180) / width), math.floor((east + 180) / width)
        return [int(self.first[row]) + column % count for column in range(first, min(last, first + count - 1) + 1)]


@dataclass(frozen=True)
class World:
    """A made-up world in a folder: about so many detections of it survive suppression."""

    folder: Path
    survivors: int
    scenes: int = SCENES

    @cached_property
    def layout(self) -> SceneLayout:
        """Where its scenes lie."""
        return SceneLayout.of(self.scenes)

    @property
    def objects(self) -> int:
        """Number of its objects."""
        return round(self.survivors * OBJECTS_PER_SURVIVOR)

    @property
    def smallest_m(self) -> float:
        """Diameter of its smallest objects."""
        return find_body(BODY).radius_m * math.sqrt(4 * math.pi * DENSITY / self.objects)

    @cached_property
    def settings(self) -> Settings:
        """Settings of a run on it, as config.yaml would have them."""
        model = dict(weights=str(self.folder / "none.safetensors"), sha256="0" * 64)
        scales = [dict(gsd_m=scale, min_object_px=8, **TILES) for scale in SCALES_M]
        return Settings.model_validate(
            dict(run="world", body=BODY, scenes=str(self.folder / "scenes.csv"), margin="never", scales=scales,
                 scenes_per_group=SCENES_PER_GROUP, model=model)
        )  # fmt: skip

    @property
    def plan_path(self) -> Path:
        """The plan of the run."""
        return self.folder / "plan.parquet"

    def table(self, folder: str, group: str) -> Path:
        """The table of a group in a folder of the run."""
        return self.folder / folder / f"{group}.parquet"


def name_scene(number: int) -> str:
    """A scene's name; names sort as numbers do."""
    return f"s{number:05d}"


def write_plan_of(world: World) -> None:
    """Write the plan: rows with outlines, groups and neighbours as the planner finds them, of images that are not."""
    settings, body = world.settings, find_body(BODY)
    wkt = CRS.from_user_input(MAP).to_wkt()
    rows = [_plan_row(world, number, wkt) for number in range(world.layout.count)]
    planned, groups = group_scenes(rows, settings, SCENES_PER_GROUP, {})
    origin = PlanOrigin("made up", str(settings.scenes_per_group), body.name)
    world.folder.mkdir(parents=True, exist_ok=True)
    write_plan(planned, groups, [], origin, world.plan_path)


def _plan_row(world: World, number: int, wkt: str) -> PlanRow:
    body, gsd = find_body(BODY), SCALES_M[0]
    left, bottom, right, top = np.radians(world.layout.bounds(number)) * body.radius_m
    grid = Grid(wkt, Affine(gsd, 0, left, 0, -gsd, top), round((right - left) / gsd), round((top - bottom) / gsd))
    bands = (DataBand(1, "uint8", 0),)
    name = name_scene(number)
    return row_of_placement(
        place_projected(grid, bands, body), bands, scene=name, path=f"{name}.tif", group=None, body=body.name,
        inputs=[f"{name}.tif"], fingerprint="made up", kernels=None, corners=None, elevation=None, request_key="",
    )  # fmt: skip


@dataclass(frozen=True)
class Objects:
    """Objects (n): centres in degrees, sides in metres, and the score that tied reports share."""

    lon: np.ndarray
    lat: np.ndarray
    width: np.ndarray
    height: np.ndarray
    score: np.ndarray

    def __getitem__(self, chosen: np.ndarray) -> "Objects":
        return Objects(*(values[chosen] for values in vars(self).values()))

    @classmethod
    def concat(cls, parts: "list[Objects]") -> "Objects":
        """All objects of several parts."""
        return cls(*(np.concatenate(values) for values in zip(*(vars(part).values() for part in parts), strict=True)))


@lru_cache(maxsize=2048)
def cell_objects(world: World, cell: int) -> Objects:
    """The objects with a centre in a cell: the same whoever asks."""
    first, end = (world.objects * number // world.layout.count for number in (cell, cell + 1))
    west, south, east, north = world.layout.cell(cell)
    rng = np.random.default_rng([SEED, world.objects, cell])
    across, up, size, shape, score = rng.random((5, end - first))
    low, high = math.sin(math.radians(south)), math.sin(math.radians(north))
    # N(>D) falls with D^-2, cut off at the largest.
    diameter = world.smallest_m / np.sqrt(1 - size * (1 - (world.smallest_m / LARGEST_M) ** 2))
    aspect = np.exp((shape - 0.5) * math.log(1.25))
    lat = np.degrees(np.arcsin(low + up * (high - low)))
    return Objects(west + across * (east - west), lat, diameter * aspect, diameter / aspect, _scores(score))


def group_detections(world: World, scenes: list[int]) -> pa.Table:
    """What the scenes (sorted numbers) of a group report, in the schema GEOLOCATED and sorted by ORDER."""
    parts = [scene_detections(world, scene) for scene in scenes]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    # Within equal latitudes, which only reports of one object without jitter have, parts are in the right order.
    order = np.argsort(columns["lat"], kind="stable")
    arrays = {name: pa.array(values[order]) for name, values in columns.items()}
    codes = pa.array(np.repeat(np.arange(len(parts), dtype=np.int32), [len(part["lat"]) for part in parts])[order])
    names = pa.array([name_scene(scene) for scene in scenes])
    arrays["scene"] = pa.DictionaryArray.from_arrays(codes, names).cast(pa.string())
    arrays["class"] = pa.DictionaryArray.from_arrays(pa.array(np.zeros(len(order), np.int8)), ["crater"]).cast(
        pa.string()
    )
    return pa.Table.from_arrays([arrays[name] for name in GEOLOCATED.names], schema=GEOLOCATED)


def write_group(world: World, group: str, scenes: list[int]) -> int:
    """Write a group's table of detections; the number of its rows."""
    table = group_detections(world, scenes)
    path = world.table("detections", group)
    path.parent.mkdir(exist_ok=True)
    write_arrow(table, path)
    cell_objects.cache_clear()
    return len(table)


def scene_detections(world: World, scene: int) -> dict[str, np.ndarray]:
    """The columns of what a scene reports, but for names; reports of an object one after another, by scale."""
    bounds = world.layout.bounds(scene)
    around = [cell_objects(world, cell) for cell in world.layout.cells_within(scene)]
    objects = Objects.concat([part[_inside(bounds, part.lon, part.lat)] for part in around])
    rng = np.random.default_rng([SEED, world.objects, scene, 1])
    reported, look = np.nonzero(rng.random((len(objects.lon), len(SCALES_M))) < REPORTED)
    reports = _jittered(objects[reported], rng, find_body(BODY).radius_m)
    within = _inside(bounds, reports.lon, reports.lat)
    return _columns(reports[within], np.array(SCALES_M)[look[within]], world, bounds)


def _inside(bounds: tuple[float, float, float, float], lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """Which points (n, degrees) lie in bounds that may reach over 180 degrees."""
    west, south, east, north = bounds
    return ((lon - west) % 360 < east - west) & (lat >= south) & (lat < north)


def _scores(uniform: np.ndarray) -> np.ndarray:
    low, high = SCORES
    return (low + uniform * (high - low)).astype(np.float32)


def _jittered(objects: Objects, rng: np.random.Generator, radius_m: float) -> Objects:
    """What reports of objects say: moved, resized, with scores of their own but for ties."""
    count = len(objects.lon)
    noise = rng.normal(0, JITTER, (4, count))
    unmoved, tied, score = rng.random((3, count))
    noise[:, unmoved < UNMOVED] = 0
    lat = objects.lat + np.degrees(noise[1] * objects.height / radius_m)
    east = noise[0] * objects.width / np.maximum(np.cos(np.radians(objects.lat)), 1e-6)
    return Objects(
        objects.lon + np.degrees(east / radius_m), lat, objects.width * np.exp(noise[2]),
        objects.height * np.exp(noise[3]), np.where(tied < TIED, objects.score, _scores(score)),
    )  # fmt: skip


def _columns(
    reports: Objects, scale_m: np.ndarray, world: World, bounds: tuple[float, float, float, float]
) -> dict[str, np.ndarray]:
    """The columns of GEOLOCATED but for names; `scale_m` (n) are the reports' scales."""
    radius_m, coarsest = find_body(BODY).radius_m, world.settings.scales[-1]
    left, bottom, right, top = np.radians(bounds) * radius_m
    x = left + np.radians((reports.lon - bounds[0]) % 360) * radius_m
    y = np.radians(reports.lat) * radius_m
    # Beside a pole a box is as wide as the map, as one of a real scene there.
    half = np.minimum(reports.width / 2 / np.maximum(np.cos(np.radians(reports.lat)), 1e-6), math.pi * radius_m)
    box = dict(xmin=x - half, ymin=y - reports.height / 2, xmax=x + half, ymax=y + reports.height / 2)
    step_m = scale_m * (TILES["tile_px"] - TILES["overlap_px"])
    tile = (np.floor((top - y) / step_m) * np.ceil((right - left) / step_m) + np.floor((x - left) / step_m)).astype(int)
    truncated = (box["xmin"] < left) | (box["ymin"] < bottom) | (box["xmax"] > right) | (box["ymax"] > top)
    largest_m = coarsest.largest_object_px * coarsest.gsd_m
    return dict(
        scale_m=scale_m, tile=tile, score=reports.score, lon=wrap_longitude(reports.lon), lat=reports.lat,
        width_m=reports.width, height_m=reports.height, diameter_km=(reports.width + reports.height) / 2000,
        truncated=truncated, **box, out_of_reach=np.maximum(reports.width, reports.height) > largest_m,
    )  # fmt: skip
