"""Does the catalogue depend on the map? One region in its own projection, around a pole, and at the antimeridian.

    .venv/bin/python benchmarks/exactness/projections.py MOSAIC [FOLDER]

MOSAIC is the global lunar mosaic, 0-360 E, 60 S-60 N, from which the demo's scenes were cut. Takes 170-210 E,
20 S-20 N of it as it is, and as other maps show it: turned about the Moon's centre until its middle is the north pole,
in polar stereographic projection (one image with the pole inside; four that meet at the pole), and with another
central meridian, so that the antimeridian of the map and that of longitudes run through the image, or between images.
Runs the workflow on each set of images, turns what it finds back, and compares. A copy of the region shifted by half a
pixel shows how much the network's answers change with resampling alone. Prints tables in Markdown and writes
benchmarks/results/projections.json.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import rasterio
from affine import Affine
from pyproj import CRS
from rasterio.windows import Window
from runs import (
    MOON_M,
    ROOT,
    STRETCH,
    Run,
    Scene,
    as_percent,
    craters_of,
    keep,
    markdown,
    pairs_inside,
    same_rows,
    share,
    working_folder,
    write_scenes,
)
from scipy.ndimage import map_coordinates

from orbitile.detections.matching import match_craters, pair_greedily
from orbitile.detections.nms.boxes import GroundBoxes
from orbitile.detections.nms.find_overlaps import OverlapCriterion, find_overlaps_between
from orbitile.space.ground import Ground, distance, unit_vectors, wrap_longitude
from orbitile.tables.craters import Craters, read_craters

PX_PER_DEG = 64
WEST, EAST, SOUTH, NORTH = 170, 210, -20, 20
MIDDLE = 190, 0
POLAR = "IAU_2015:30130"
POLAR_HALF_PX = 1280
# 24 degrees are 1536 px, a whole number of tile steps at all scales: tiles lie where they do on the mosaic's own map.
TURN = 24
ANTIMERIDIANS = 180, 180 + TURN
SURE, LARGE_PX = 0.5, 10
"""Least score and size of the craters looked for again."""
ALIKE_DEG = 6
"""So near the region's middle all maps show the ground alike, within 0.6 %."""
AGAIN_IOU, TRUE_IOU, MIN_DIAMETER_M = 0.5, 0.3, 5000
BAR_PX, BAR_SIZE = 1.0, 0.02
"""What centres and diameters may differ by."""


@dataclass(frozen=True)
class Turned:
    """The body as it is, or turned about its centre: rows of `matrix` are its new axes."""

    matrix: np.ndarray

    def there(self, lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where places (degrees) lie on the turned body."""
        return _degrees(unit_vectors(lon, lat) @ self.matrix.T)

    def back(self, lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where places on the turned body lie on the body as it is."""
        return _degrees(unit_vectors(lon, lat) @ self.matrix)


@dataclass(frozen=True)
class View:
    """A set of images of the region: name, map, how the body is turned, scenes, whether they look into each other."""

    name: str
    crs: str
    turned: Turned
    scenes: list[Scene]
    margin: str = "always"

    @property
    def ground(self) -> Ground:
        """The way between the map and the body."""
        return Ground(CRS.from_user_input(self.crs).to_wkt(), MOON_M)

    def run(self, folder: Path) -> pd.DataFrame:
        """Run the workflow; the catalogue, with places turned back."""
        name = self.name.replace(" ", "_")
        images = write_scenes(self.scenes, folder / name)
        run = Run(folder, f"{name}_{self.margin}", dict(margin=self.margin, stretch_values=STRETCH))
        catalogue = run.make(images)
        lon, lat = self.turned.back(catalogue["lon"].to_numpy(), catalogue["lat"].to_numpy())
        return catalogue.assign(lon=lon, lat=lat, own_lon=catalogue["lon"], own_lat=catalogue["lat"])

    def inside(self, craters: Craters, diameters: float = 1.0) -> np.ndarray:
        """Which craters lie at least so many diameters inside the area that the images show."""
        frame, step = self._frame, self._step
        x, y = self.ground.xy(*self.turned.there(craters.lon, craters.lat), *self.middle)
        reach = diameters * craters.diameter_m / np.cos(np.radians(np.minimum(np.abs(craters.lat), 60)))
        around = np.array([x - frame[0], y - frame[1], frame[2] - x, frame[3] - y]).min(axis=0)
        return around >= np.maximum(reach, step)

    @property
    def middle(self) -> tuple[float, float]:
        """The middle of the area on the map."""
        left, bottom, right, top = self._frame
        return (left + right) / 2, (bottom + top) / 2

    @property
    def _step(self) -> float:
        return self.scenes[0].transform.a

    @property
    def _frame(self) -> tuple[float, float, float, float]:
        """The area on the map (left, bottom, right, top); pieces beyond the map's edge are put back."""
        turn = 360 * PX_PER_DEG * self._step
        lefts = [s.transform.c + turn * (s.transform.c < 0 and self.crs != POLAR) for s in self.scenes]
        rights = [left + s.pixels.shape[1] * self._step for left, s in zip(lefts, self.scenes, strict=True)]
        tops = [s.transform.f for s in self.scenes]
        bottoms = [top - s.pixels.shape[0] * self._step for top, s in zip(tops, self.scenes, strict=True)]
        return min(lefts), min(bottoms), max(rights), max(tops)


def _degrees(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x, y, z = np.moveaxis(vectors, -1, 0)
    return np.degrees(np.arctan2(y, x)), np.degrees(np.arctan2(z, np.hypot(x, y)))


AS_IT_IS = Turned(np.eye(3))


def middle_at_pole() -> Turned:
    """The body turned so that the region's middle is the north pole, and north is up on the polar map.

    On a north polar map with longitude 0 downwards, 180 E is up and 90 E to the right. Like this the light falls
    from the same side as before.
    """
    up, east, north = unit_vectors(*MIDDLE), unit_vectors(MIDDLE[0] + 90, 0), np.array([0, 0, 1.0])
    return Turned(np.stack([-north, east, up]))


@dataclass(frozen=True)
class Mosaic:
    """The global mosaic."""

    path: Path

    def crop(self, west: float, east: float, south: float, north: float) -> tuple[np.ndarray, Affine, str]:
        """The pixels of an area in degrees, their transform and map."""
        window = Window(west * PX_PER_DEG, (60 - north) * PX_PER_DEG,
                        (east - west) * PX_PER_DEG, (north - south) * PX_PER_DEG)  # fmt: skip
        with rasterio.open(self.path) as source:
            return source.read(1, window=window), source.window_transform(window), source.crs.to_wkt()

    def sampled(self, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        """Pixels at places around the region, by cubic splines."""
        west, north = WEST - 20, NORTH + 20
        pixels, _, _ = self.crop(west, EAST + 20, SOUTH - 20, north)
        row, col = (north - lat) * PX_PER_DEG - 0.5, (lon % 360 - west) * PX_PER_DEG - 0.5
        values = map_coordinates(pixels.astype(np.float32), [row, col], order=3, mode="nearest")
        return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def views(mosaic: Mosaic) -> list[View]:
    """The sets of images; the first is what the others are compared with."""
    original = _original(mosaic)
    other_tiles = replace(original, margin="auto")
    return [original, other_tiles, _shifted(mosaic), *_antimeridian(mosaic), *_polar(mosaic)]


def _original(mosaic: Mosaic) -> View:
    pixels, transform, crs = mosaic.crop(WEST, EAST, SOUTH, NORTH)
    return View("original", crs, AS_IT_IS, [Scene("s", pixels, transform, crs)])


def _shifted(mosaic: Mosaic) -> View:
    """The region resampled half a pixel to the right and down, on the same map."""
    _, transform, crs = mosaic.crop(WEST, EAST, SOUTH, NORTH)
    side = (EAST - WEST) * PX_PER_DEG
    lon = WEST + (np.arange(side) + 1) / PX_PER_DEG
    lat = NORTH - (np.arange(side) + 1) / PX_PER_DEG
    pixels = mosaic.sampled(*np.meshgrid(lon, lat))
    scene = Scene("s", pixels, transform * Affine.translation(0.5, 0.5), crs)
    return View("shifted by half a pixel", crs, AS_IT_IS, [scene])


def _antimeridian(mosaic: Mosaic) -> list[View]:
    """Central meridian 24 E, so that the map ends at 204 E: an image across it, and images that meet there."""
    pixels, transform, _ = mosaic.crop(WEST, EAST, SOUTH, NORTH)
    crs = f"+proj=eqc +lon_0={TURN} +R={MOON_M:.0f} +units=m +type=crs"
    shifted = transform * Affine.translation(-TURN * PX_PER_DEG, 0)
    scenes = []
    for west, east in pairwise([WEST, *ANTIMERIDIANS, EAST]):
        first, last = (west - WEST) * PX_PER_DEG, (east - WEST) * PX_PER_DEG
        beyond = 360 * PX_PER_DEG * (west >= ANTIMERIDIANS[-1])
        scenes.append(Scene(f"s{west}", pixels[:, first:last], shifted * Affine.translation(first - beyond, 0), crs))
    return [
        View("antimeridian inside", crs, AS_IT_IS, [Scene("s", pixels, shifted, crs)]),
        View("antimeridian between", crs, AS_IT_IS, scenes),
        View("antimeridian between", crs, AS_IT_IS, scenes, "never"),
    ]


def _polar(mosaic: Mosaic) -> list[View]:
    """The region around the pole: one scene with the pole inside, and four that meet there."""
    half, turned = POLAR_HALF_PX, middle_at_pole()
    step = mosaic.crop(WEST, EAST, SOUTH, NORTH)[1].a
    along = (np.arange(2 * half) - half + 0.5) * step
    x, y = np.meshgrid(along, -along)
    lon, lat = Ground(CRS.from_user_input(POLAR).to_wkt(), MOON_M).lonlat(x, y)
    pixels = mosaic.sampled(*turned.back(lon, lat))
    transform = Affine(step, 0, -half * step, 0, -step, half * step)
    quarters = [
        Scene(
            f"s{row}{col}", pixels[row : row + half, col : col + half], transform * Affine.translation(col, row), POLAR
        )
        for row in (0, half) for col in (0, half)
    ]  # fmt: skip
    return [
        View("pole inside", POLAR, turned, [Scene("s", pixels, transform, POLAR)]),
        View("four meet at pole", POLAR, turned, quarters),
        View("four meet at pole", POLAR, turned, quarters, "never"),
    ]


def found_again(
    original: pd.DataFrame, view: pd.DataFrame, inside: Callable[[Craters], np.ndarray], step: float
) -> dict:
    """What becomes of the sure, large craters of one catalogue in another."""
    sure = original[(original["score"] >= SURE) & (original["diameter_km"] * 1000 >= LARGE_PX * step)]
    sure = sure[inside(craters_of(sure))]
    i, j = _same_craters(sure, view)
    before, after = craters_of(sure.iloc[i]), craters_of(view.iloc[j])
    off = distance(before.lon, before.lat, after.lon, after.lat) * MOON_M / step
    ratio = after.diameter_m / before.diameter_m
    within = (off <= BAR_PX) & (np.abs(ratio - 1) <= BAR_SIZE)
    return dict(
        again=share(len(i), len(sure)), offset_px=_quantiles(off), size_ratio=_quantiles(ratio),
        size_off=_quantiles(np.abs(ratio - 1)), within_bar=share(within.sum(), len(i)),
        centre_within_bar=share((off <= BAR_PX).sum(), len(i)),
        size_within_bar=share((np.abs(ratio - 1) <= BAR_SIZE).sum(), len(i)),
    )  # fmt: skip


def _same_craters(first: pd.DataFrame, second: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of rows, one to one, whose boxes as wide and high as the diameter overlap."""
    boxes = []
    for craters in map(craters_of, (first, second)):
        side = craters.diameter_m / MOON_M
        boxes.append(GroundBoxes(craters.lon, craters.lat, side, side))
    return pair_greedily(*find_overlaps_between(*boxes, OverlapCriterion(AGAIN_IOU)))


def _quantiles(values: np.ndarray) -> dict:
    return dict(median=float(np.median(values)), p05=float(np.percentile(values, 5)),
                p95=float(np.percentile(values, 95)))  # fmt: skip


def geometry(view: View, truth: Craters) -> dict:
    """The largest errors of true craters put on the view's map as boxes and measured there again."""
    craters = truth.select(view.inside(truth, 0.5))
    lon, lat = view.turned.there(craters.lon, craters.lat)
    boxes = view.ground.circle_boxes(lon, lat, craters.diameter_m, *view.middle)
    lon_, lat_, width, height = view.ground.measure(boxes)
    step = view.scenes[0].transform.a
    off = distance(lon, lat, lon_, lat_) * MOON_M / step
    size = np.abs(np.stack([width, height, (width + height) / 2]) / craters.diameter_m - 1)
    return dict(craters=len(craters), largest_km=float(craters.diameter_m.max() / 1000), offset_px=float(off.max()),
                size_off=float(size[2].max()), side_off=float(size[:2].max()))  # fmt: skip


def seam_m(view: View, craters: Craters) -> np.ndarray:
    """Distance of craters' centres in metres from where the view's images meet."""
    if view.crs == POLAR:
        x, y = view.ground.xy(*view.turned.there(craters.lon, craters.lat), *view.middle)
        return np.minimum(np.abs(x), np.abs(y))
    away = [np.abs(np.radians(wrap_longitude(craters.lon - west))) for west in ANTIMERIDIANS]
    return np.min(away, axis=0) * np.cos(np.radians(craters.lat)) * MOON_M


def recall(seams: View, catalogue: pd.DataFrame, truth: Craters) -> dict:
    """Recall of true craters that lie across where a view's images meet, and of all others."""
    result = match_craters(craters_of(catalogue), truth, TRUE_IOU, MIN_DIAMETER_M, MOON_M).truth
    craters = craters_of(result)
    across, hit = seam_m(seams, craters) < craters.diameter_m / 2, result["hit"].to_numpy()
    judged = seams.inside(craters)
    return dict(across=share(hit[judged & across].sum(), (judged & across).sum()),
                elsewhere=share(hit[judged & ~across].sum(), (judged & ~across).sum()))  # fmt: skip


def measure(folder: Path, mosaic: Mosaic) -> dict:
    """Make all runs and compare them with the first."""
    all_views = views(mosaic)
    catalogues = [view.run(folder) for view in all_views]
    truth = read_craters(ROOT / "demo" / "craters.csv")
    names = [f"{view.name}, {view.margin}" for view in all_views]
    by_name = dict(zip(names, zip(all_views, catalogues, strict=True), strict=True))
    return dict(
        again={name: _again(by_name, name) for name in names[1:]},
        again_near_middle={name: _again(by_name, name, ALIKE_DEG) for name in names[1:]},
        geometry={name: geometry(view, truth) for name, (view, _) in by_name.items() if view.margin == "always"},
        doubled={name: _doubled(table) for name, (_, table) in by_name.items()},
        recall=_recalls(by_name, truth),
        same_rows={f"{one} and {other}": _same(by_name[one][1], by_name[other][1]) for one, other in EQUAL},
    )


# What differs only in how the same pixels are called and cut.
EQUAL = [
    ("original, always", "antimeridian inside, always"),
    ("original, always", "antimeridian between, always"),
    ("pole inside, always", "four meet at pole, always"),
]
CUT = {
    "antimeridian": ["original, always", "antimeridian between, always", "antimeridian between, never"],
    "pole": ["pole inside, always", "four meet at pole, always", "four meet at pole, never"],
}


def _again(by_name: dict, name: str, within_deg: float = 180) -> dict:
    """Craters of the original found again in another view, away from the rims of both, near the region's middle."""
    (original, expected), (view, catalogue) = by_name["original, always"], by_name[name]

    def inside(craters: Craters) -> np.ndarray:
        away = np.degrees(distance(craters.lon, craters.lat, *MIDDLE))
        return original.inside(craters) & view.inside(craters) & (away <= within_deg)

    return found_again(expected, catalogue, inside, original.scenes[0].transform.a)


def _doubled(table: pd.DataFrame) -> dict:
    """Pairs of rows that overlap more than suppression allows, and nearly so, where they were found."""
    positions = table.assign(lon=table["own_lon"], lat=table["own_lat"])
    pairs = pairs_inside(positions, 0.2)
    return dict(rows=len(table), above_threshold=int((pairs["iou"] > 0.4).sum()), iou_02_to_04=len(pairs))


def _recalls(by_name: dict, truth: Craters) -> dict:
    """Recall where images meet: of the images that do, and as a control of one image of the same place."""
    return {
        place: {name: recall(by_name[names[1]][0], by_name[name][1], truth) for name in names}
        for place, names in CUT.items()
    }


def _same(first: pd.DataFrame, second: pd.DataFrame) -> dict:
    return dict(rows=[len(first), len(second)], same=len(same_rows(first, second)[0]))


def tables(figures: dict) -> str:
    """The figures as tables in Markdown."""
    again, near = (
        [(name, *_shown(one)) for name, one in figures[which].items()] for which in ("again", "again_near_middle")
    )
    shapes = [
        (name, one["craters"], f"{one['offset_px']:.4f}", f"{one['size_off']:.4%}")
        for name, one in figures["geometry"].items()
    ]
    same = [(names, *one["rows"], one["same"]) for names, one in figures["same_rows"].items()]
    doubled = [(name, *one.values()) for name, one in figures["doubled"].items()]
    meeting = [
        (name, as_percent(one["across"]), as_percent(one["elsewhere"]))
        for some in figures["recall"].values() for name, one in some.items()
    ]  # fmt: skip
    return "\n\n".join([
        markdown(["images", *AGAIN], again),
        markdown([f"within {ALIKE_DEG} degrees of the middle", *AGAIN], near),
        markdown(["images", "true craters", "largest error of centre (px)", "of diameter"], shapes),
        markdown(["images", "rows", "rows", "same"], same),
        markdown(["images", "rows", "pairs above IoU 0.4", "pairs above 0.2"], doubled),
        markdown(["images", "recall of craters across where images meet", "elsewhere"], meeting),
    ])  # fmt: skip


AGAIN = ["found again", "centres apart (px): median, 95 %", "diameter: median ratio", "diameter off: median, 95 %",
         "centre within 1 px", "diameter within 2 %"]  # fmt: skip


def _shown(row: dict) -> list[str]:
    """How well craters were found again, as text in the order of AGAIN."""
    off, size_off = row["offset_px"], row["size_off"]
    return [
        as_percent(row["again"]), f"{off['median']:.2f}, {off['p95']:.2f}", f"{row['size_ratio']['median']:.4f}",
        f"{size_off['median']:.1%}, {size_off['p95']:.1%}", f"{row['centre_within_bar']['share']:.1%}",
        f"{row['size_within_bar']['share']:.1%}",
    ]  # fmt: skip


def main() -> None:
    """Run, write the figures, print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mosaic", type=Path, help="the global lunar mosaic")
    parser.add_argument("folder", nargs="?", type=Path, help="for scenes and results; a temporary one if left out")
    arguments = parser.parse_args()
    with working_folder(arguments.folder) as folder:
        figures = measure(Path(folder), Mosaic(arguments.mosaic.resolve()))
    keep("projections", figures)
    print(tables(figures))


if __name__ == "__main__":
    main()
