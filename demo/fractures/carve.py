"""Carve made-up fractures into real terrain, shade it, and write the lines they follow.

    python demo/fractures/carve.py ELEVATION.tif SHADE.tif OUT_FOLDER [--name B] [--seed 2] [--split COLUMN]

ELEVATION.tif holds metres and SHADE.tif its shaded relief, 8 bit, on one grid; the azimuth of the sun is
read from the name of the latter (..._az075_shade.tif). Writes fractured_NAME.tif and truth_NAME.gpkg, or,
split at a column, fractured_NAME_west.tif and fractured_NAME_east.tif. See README.md.
"""

import argparse
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import geopandas
import numpy as np
import pyogrio
import rasterio
import shapely
from rasterio.windows import Window
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter
from scipy.spatial import Voronoi, cKDTree

WORDS = {"tiny": 5, "small": 10, "medium": 20, "large": 30, "huge": np.inf}
"""Upper ends in pixels of the classes of width."""
WIDTH_PX = (3.0, 40.0)
PATCHES = 16
PATCH_PX = (170, 420)
"""Radii of the patches of fractured ground."""
SPREAD = 0.35
"""Standard deviation of the logarithm of the widths of a patch's fractures."""
SHARPNESS_PX = 0.5
"""Fractures are blurred by this, for the terrain model does not resolve single pixels either."""
STEP_PX = 0.25
FADE = 3.0
"""Fractures fade over this many widths towards their free ends."""
TRUTH_FROM = 0.25
"""Share of the full depth from which on a fading fracture is in the truth."""
RIM = 0.12
"""Height of a raised rim over the depth of its fracture."""


@dataclass(frozen=True, eq=False)
class Fracture:
    """A fracture: its path (n, 2: column, row), full width in pixels, depth over width, and whether its ends fade."""

    path: np.ndarray
    width_px: float
    depth_ratio: float
    profile: str
    rim: bool
    network: str
    fades: tuple[bool, bool] = (True, True)


@dataclass(frozen=True, eq=False)
class Patch:
    """A patch of fractured ground: a disc with a wavy border; usual width and direction (radians) of its fractures."""

    col: float
    row: float
    radius: float
    waves: np.ndarray
    width_px: float
    azimuth: float

    @property
    def centre(self) -> np.ndarray:
        """Its middle: column, row."""
        return np.array([self.col, self.row])

    @property
    def spacing(self) -> float:
        """Usual distance of its fractures in pixels."""
        return float(np.clip(9 * self.width_px, 40, 140))

    def holds(self, points: np.ndarray) -> np.ndarray:
        """Which points (n, 2: column, row) lie in it."""
        col, row = (points - self.centre).T
        angle = np.arctan2(row, col)
        order = np.arange(2, 2 + len(self.waves))[:, None]
        border = 1 + (self.waves[:, :1] * np.cos(order * angle + self.waves[:, 1:])).sum(axis=0)
        return np.hypot(col, row) <= self.radius * border


def patches(rng: np.random.Generator, side: tuple[int, int]) -> list[Patch]:
    """Patches in a scene of (columns, rows), apart from each other; fewer where there is no room."""
    placed: list[Patch] = []
    for _ in range(40 * PATCHES):
        radius = rng.uniform(*PATCH_PX)
        col, row = rng.uniform(0.4 * radius, np.array(side) - 0.4 * radius)
        if all(np.hypot(col - p.col, row - p.row) > 1.1 * (radius + p.radius) for p in placed):
            waves = np.column_stack([rng.uniform(0.02, 0.13, 4), rng.uniform(0, 2 * np.pi, 4)])
            width = float(np.clip(rng.lognormal(np.log(7), 0.45), 4, 16))
            azimuth = (len(placed) // 2 + rng.random()) * 2 * np.pi / PATCHES  # evenly spread over every second patch
            placed.append(Patch(col, row, radius, waves, width, azimuth))
        if len(placed) == PATCHES:
            break
    return placed


def fracture_of(rng: np.random.Generator, path: np.ndarray, patch: Patch, network: str) -> Fracture:
    """A fracture along a path, with a width, a depth and a profile drawn for it."""
    width = float(np.clip(patch.width_px * rng.lognormal(0, SPREAD), *WIDTH_PX))
    shaped = "V" if rng.random() < 0.6 else "U"
    depth = rng.lognormal(np.log(0.105), 0.35) * (1 if shaped == "V" else 0.6)
    return Fracture(path, width, float(depth), shaped, bool(rng.random() < 0.35), network)


def polygonal(rng: np.random.Generator, patch: Patch) -> list[Fracture]:
    """Bent edges of Voronoi cells, most of them; only ends that meet no other edge fade."""
    reach = patch.radius * 1.5
    count = int((2 * reach / patch.spacing) ** 2)
    seeds = relaxed(rng.uniform(-reach, reach, (count, 2)), patch.spacing / 2) + patch.centre
    cells = Voronoi(seeds)
    edges = [edge for edge in long_edges(cells, 0.25 * patch.spacing, patch) if rng.random() < 0.78]
    degree = np.bincount(np.ravel(edges).astype(int), minlength=len(cells.vertices))
    lines = [fracture_of(rng, bent(rng, *cells.vertices[edge]), patch, "polygonal") for edge in edges]
    return [replace(line, fades=tuple(degree[edge] == 1)) for line, edge in zip(lines, edges, strict=True)]


def long_edges(cells: Voronoi, least: float, patch: Patch) -> list[list[int]]:
    """The edges of cells, as pairs of vertices, that lie in a patch and are longer than `least` pixels."""
    inside = patch.holds(cells.vertices)
    finite = [edge for edge in cells.ridge_vertices if -1 not in edge and inside[edge].all()]
    return [edge for edge in finite if np.hypot(*np.diff(cells.vertices[edge], axis=0)[0]) > least]


def relaxed(points: np.ndarray, least: float) -> np.ndarray:
    """Points (n, 2) without those closer than `least` to an earlier one."""
    tree, gone = cKDTree(points), set()
    for i, j in sorted(tree.query_pairs(least)):
        if i not in gone:
            gone.add(j)
    return np.delete(points, sorted(gone), axis=0)


def bent(rng: np.random.Generator, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """A smooth wavy path between two points."""
    along = end - start
    length = np.hypot(*along)
    knots = np.linspace(0, 1, max(4, int(length / 15)))
    off = rng.normal(0, 0.045 * length, len(knots)) * np.sin(np.pi * knots)
    square = np.array([-along[1], along[0]]) / length
    return start + knots[:, None] * along + off[:, None] * square


def parallel(rng: np.random.Generator, patch: Patch) -> list[Fracture]:
    """Curves side by side, en echelon, whose azimuth wanders."""
    cosine, sine = np.cos(patch.azimuth), np.sin(patch.azimuth)
    turn = np.array([[cosine, sine], [-sine, cosine]])
    reach = 1.4 * patch.radius
    swing = wave(rng, 0.12 * patch.radius, 1.6 * patch.radius)
    lines = []
    for across in np.arange(-reach, reach, 0.8 * patch.spacing):
        at = -reach + rng.uniform(0, patch.radius)
        while at < reach:
            length = patch.spacing * rng.uniform(2, 8)
            along = np.arange(at, at + length, 8.0)
            wiggle = wave(rng, 2.5, 70)
            shift = across + rng.normal(0, 0.15 * patch.spacing)
            path = np.column_stack([along, shift + swing(along) + wiggle(along)]) @ turn + patch.centre
            inside = patch.holds(path)
            if inside.sum() >= 6:
                lines.append(fracture_of(rng, path[longest_run(inside)], patch, "parallel"))
            at += length + patch.spacing * rng.uniform(-0.3, 1.2)
    return lines


def wave(rng: np.random.Generator, amplitude: float, length: float) -> Callable[[np.ndarray], np.ndarray]:
    """A smooth function of a distance: three waves of about a length."""
    size, phase = amplitude * rng.uniform(0.3, 1, 3), rng.uniform(0, 2 * np.pi, 3)
    rate = 2 * np.pi / (length * rng.uniform(0.7, 2, 3))
    return lambda along: (size * np.sin(np.multiply.outer(along, rate) + phase)).sum(axis=-1)


def longest_run(chosen: np.ndarray) -> slice:
    """Where the longest run of true values lies."""
    edges = np.flatnonzero(np.diff(chosen, prepend=False, append=False)).reshape(-1, 2)
    first, last = edges[np.argmax(edges[:, 1] - edges[:, 0])]
    return slice(first, last)


def fractures(seed: int, side: tuple[int, int]) -> list[Fracture]:
    """The fractures of a scene of (columns, rows): polygonal networks and parallel sets in turn."""
    rng = np.random.default_rng(seed)
    kinds = (polygonal, parallel)
    return [fracture for i, patch in enumerate(patches(rng, side)) for fracture in kinds[i % 2](rng, patch)]


def smooth(path: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points every STEP_PX along a smooth curve through a path (n, 2), and their distances from its start."""
    chord = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
    curve = CubicSpline(chord, path)
    points = curve(np.linspace(0, chord[-1], int(chord[-1] / STEP_PX) + 2))
    return points, np.concatenate([[0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])


def strength(fracture: Fracture, along: np.ndarray) -> np.ndarray:
    """Share 0..1 of the full depth at distances along a fracture: it fades towards its free ends."""
    fade = min(FADE * fracture.width_px, along[-1] / 2)
    start, end = (np.clip(way / fade, 0, 1) if free else np.ones_like(along)
                  for way, free in zip((along, along[-1] - along), fracture.fades, strict=True))  # fmt: skip
    return np.sqrt(start * end)


def cross_section(fracture: Fracture, off: np.ndarray) -> np.ndarray:
    """Change of height over the full depth at distances from the middle, in half widths: -1 in the middle."""
    off = np.abs(off)
    floor = -np.clip(1 - (off if fracture.profile == "V" else off**3), 0, None)
    rim = RIM * np.sin(np.pi * np.clip((off - 1) / 0.8, 0, 1)) if fracture.rim else 0
    return floor + rim


def groove(fracture: Fracture, side: tuple[int, int], gsd_m: float) -> tuple[tuple[slice, slice], np.ndarray]:
    """Change of height in metres that a fracture makes, and where (rows, columns) in a scene of (columns, rows)."""
    points, along = smooth(fracture.path)
    share = strength(fracture, along)
    reach = 0.9 * fracture.width_px + 1
    left, top = np.clip(np.floor(points.min(axis=0) - reach), 0, side).astype(int)
    right, bottom = np.clip(np.ceil(points.max(axis=0) + reach), 0, side).astype(int)
    window = slice(top, bottom), slice(left, right)
    rows, cols = np.mgrid[window]
    off, nearest = cKDTree(points).query(
        np.column_stack([cols.ravel() + 0.5, rows.ravel() + 0.5]), distance_upper_bound=reach
    )
    share = np.append(share, 0)[nearest]
    half = fracture.width_px / 2 * np.maximum(0.4 + 0.6 * share, 1e-9)
    change = (
        fracture.depth_ratio
        * fracture.width_px
        * gsd_m
        * share
        * cross_section(fracture, np.where(share > 0, off / half, 9))
    )
    return window, change.reshape(rows.shape)


def carved(drawn: list[Fracture], side: tuple[int, int], gsd_m: float) -> np.ndarray:
    """Change of height in metres (rows, columns) that fractures make: where they meet, the deepest holds."""
    floor, rim = np.zeros(side[::-1]), np.zeros(side[::-1])
    for fracture in drawn:
        window, change = groove(fracture, side, gsd_m)
        floor[window] = np.minimum(floor[window], change)
        rim[window] = np.maximum(rim[window], change)
    return gaussian_filter(floor + rim, SHARPNESS_PX)


@dataclass(frozen=True)
class Sun:
    """Where the sun stands in degrees, and how a shaded relief's grey values follow from the cosine of incidence."""

    azimuth: float
    altitude: float
    slope: float = 1.0
    offset: float = 0.0

    def cosine(self, height: np.ndarray, gsd_m: float) -> np.ndarray:
        """Cosine of the sun's incidence on terrain (metres), slopes by central differences."""
        down, east = np.gradient(height, gsd_m)
        azimuth, altitude = np.radians([self.azimuth, self.altitude])
        towards = east * np.sin(azimuth) - down * np.cos(azimuth)
        return (np.sin(altitude) - np.cos(altitude) * towards) / np.sqrt(1 + east**2 + down**2)

    def grey(self, height: np.ndarray, gsd_m: float) -> np.ndarray:
        """Grey values, not rounded and not clipped to what 8 bits hold."""
        return self.slope * np.maximum(self.cosine(height, gsd_m), 0) + self.offset


def sun_of(height: np.ndarray, shade: np.ndarray, gsd_m: float, azimuth: float) -> tuple[Sun, float]:
    """The sun that a shaded relief was made with, to half a degree of altitude, and the correlation reached."""
    unsaturated = (shade > 1) & (shade < 255)
    best = (-1.0, Sun(azimuth, 0))
    for altitude in np.arange(20, 60, 0.5):
        cosine = Sun(azimuth, altitude).cosine(height, gsd_m)[unsaturated]
        slope, offset = np.polyfit(cosine[::7], shade[unsaturated][::7], 1)
        correlation = np.corrcoef(cosine[::7], shade[unsaturated][::7])[0, 1]
        best = max(best, (correlation, Sun(azimuth, float(altitude), float(slope), float(offset))), key=lambda b: b[0])
    return best[1], float(best[0])


def fractured(shade: np.ndarray, height: np.ndarray, change: np.ndarray, sun: Sun, gsd_m: float) -> np.ndarray:
    """The shaded relief with the fractures' change of grey values added: it keeps what the model's rounding lost."""
    difference = sun.grey(height + change, gsd_m) - sun.grey(height, gsd_m)
    return np.clip(np.round(shade + difference), 1, 255).astype(np.uint8)


def word_of(width_px: float) -> str:
    """The class of a width."""
    return next(word for word, end in WORDS.items() if width_px < end)


def truth(drawn: list[Fracture], transform: rasterio.Affine, crs: object) -> geopandas.GeoDataFrame:
    """The lines of fractures on the map, as far as they are deep enough to be seen."""
    lines, rows = [], []
    for fracture in drawn:
        points, along = smooth(fracture.path)
        deep = points[strength(fracture, along) >= TRUTH_FROM]
        lines.append(shapely.LineString(np.column_stack(transform @ deep.T)).simplify(0.1 * transform.a))
        rows.append(dict(width_px=round(fracture.width_px, 2), width=word_of(fracture.width_px),
                         profile=fracture.profile, network=fracture.network))  # fmt: skip
    return geopandas.GeoDataFrame(rows, geometry=lines, crs=crs)


def write_scene(path: Path, pixels: np.ndarray, like: rasterio.DatasetReader, first_col: int = 0) -> None:
    """Write pixels that begin at a column of another image, on its map."""
    transform = like.window_transform(Window(first_col, 0, pixels.shape[1], pixels.shape[0]))
    with rasterio.open(
        path, "w", driver="GTiff", width=pixels.shape[1], height=pixels.shape[0], count=1, dtype="uint8", crs=like.crs,
        transform=transform, compress="DEFLATE", predictor=2, zlevel=9, tiled=True, blockxsize=512, blockysize=512,
    ) as scene:  # fmt: skip
        scene.write(pixels, 1)


def main(elevation: Path, shade: Path, out: Path, name: str, seed: int, split: int | None) -> None:
    """Write the scene or scenes and the truth."""
    out.mkdir(parents=True, exist_ok=True)
    with rasterio.open(elevation) as terrain, rasterio.open(shade) as relief:
        height, grey, gsd_m = terrain.read(1).astype(float), relief.read(1), relief.transform.a
        sun, correlation = sun_of(height, grey, gsd_m, float(re.search(r"_az(\d+)", shade.name)[1]))
        drawn = fractures(seed, (relief.width, relief.height))
        pixels = fractured(grey, height, carved(drawn, (relief.width, relief.height), gsd_m), sun, gsd_m)
        print(f"{name}: {sun}, correlation {correlation:.4f}; {len(drawn)} fractures")
        for part, first, last in [("", 0, None)] if split is None else [("_west", 0, split), ("_east", split, None)]:
            write_scene(out / f"fractured_{name}{part}.tif", pixels[:, first:last], relief, first)
        lines = truth(drawn, relief.transform, relief.crs)
    pyogrio.write_dataframe(lines, out / f"truth_{name}.gpkg", layer="fractures", driver="GPKG")


def arguments() -> dict:
    """The command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("elevation", "shade", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--name", default="B")
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--split", type=int)
    return vars(parser.parse_args())


if __name__ == "__main__":
    main(**arguments())
