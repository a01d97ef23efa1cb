"""Does the catalogue depend on how a mosaic was cut into scenes? The demo's nine scenes, cut anew.

    .venv/bin/python benchmarks/exactness/cuts.py [FOLDER]

Puts the demo's scenes together and runs the workflow on the whole as one image, cut into 9, into 36, and into 7 of
odd sizes, with one stretch for all. Counts rows that are the same as with one image, and compares recall beside the
scenes' borders with recall elsewhere, also for scenes that see nothing of each other (`margin: never`) and with a
stretch for each scene. Prints tables in Markdown and writes benchmarks/results/cuts.json.
"""

import argparse
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import rasterio
from affine import Affine
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
    overlaps,
    same_rows,
    share,
    working_folder,
    write_scenes,
)

from orbitile.detections.matching import match_craters, pair_greedily
from orbitile.space.ground import Ground
from orbitile.tables.craters import Craters, read_craters

SIDE = 5760
MIN_DIAMETER_M = 5000
IOU = 0.3
COMPARED = ["lon", "lat", "width_m", "height_m", "score"]
ALIKE_IOU = 0.5
"""Rows of two catalogues that overlap more than this are one crater."""
LOW_SCORE = 0.4
"""Rows below this are near the least score of the catalogue, 0.3."""
SEAM = 30
Piece = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels of the whole."""


def grid_cut(count: int) -> list[Piece]:
    """The whole cut into count x count equal pieces."""
    edges = np.linspace(0, SIDE, count + 1).astype(int).tolist()
    spans = list(pairwise(edges))
    return [(left, top, right, bottom) for top, bottom in spans for left, right in spans]


def with_seams(pieces: list[Piece]) -> list[Piece]:
    """Pieces that overlap by SEAM pixels."""
    half = SEAM // 2
    return [tuple(np.clip([le - half, to - half, ri + half, bo + half], 0, SIDE).tolist()) for le, to, ri, bo in pieces]


# No inner border is a multiple of a coarse pixel (4 px) or of the tiles' step (384 px), and there are T-junctions.
UNEVEN = [
    (0, 0, 1357, 2111), (0, 2111, 1357, SIDE),
    (1357, 0, 3802, 995), (1357, 995, 3802, 3123), (1357, 3123, 3802, SIDE),
    (3802, 0, SIDE, 4447), (3802, 4447, SIDE, SIDE),
]  # fmt: skip
CUTS = {
    "1": grid_cut(1),
    "9": grid_cut(3),
    "36": grid_cut(6),
    "7 uneven": UNEVEN,
    "9 with seams": with_seams(grid_cut(3)),
}


@dataclass(frozen=True)
class Variant:
    """One run: which cut, whether tiles look into neighbours, and whether all scenes share a stretch."""

    cut: str
    margin: str
    one_stretch: bool = True
    scenes_per_group: int = 1

    @property
    def title(self) -> str:
        """What it is called in tables."""
        stretch = "" if self.one_stretch else ", stretch of each scene"
        return f"{self.cut}, {self.margin}{stretch}"

    def run(self, folder: Path) -> Run:
        """The run in a folder."""
        name = "_".join([self.cut.replace(" ", "_"), self.margin])
        changes = dict(margin=self.margin, scenes_per_group=self.scenes_per_group)
        if self.one_stretch:
            return Run(folder, name, changes | dict(stretch_values=STRETCH))
        return Run(folder, f"{name}_percentiles", changes)


VARIANTS = [
    Variant("1", "always"), Variant("9", "always"), Variant("36", "always", scenes_per_group=9),
    Variant("7 uneven", "always"), Variant("9", "auto"), Variant("9 with seams", "auto"), Variant("1", "auto"),
    Variant("9", "never"), Variant("36", "never", scenes_per_group=9), Variant("9", "always", one_stretch=False),
]  # fmt: skip


@dataclass(frozen=True)
class Whole:
    """The mosaic: pixels, transform, map."""

    pixels: np.ndarray
    transform: Affine
    crs: str

    def pieces(self, cut: str) -> list[Scene]:
        """The scenes of a cut."""
        return [self._scene(f"s{number:02d}", piece) for number, piece in enumerate(CUTS[cut])]

    def _scene(self, name: str, piece: Piece) -> Scene:
        left, top, right, bottom = piece
        return Scene(
            name, self.pixels[top:bottom, left:right], self.transform * Affine.translation(left, top), self.crs
        )

    def to_pixel(self, craters: Craters) -> tuple[np.ndarray, np.ndarray]:
        """Columns and rows of craters' centres."""
        wkt = rasterio.crs.CRS.from_user_input(self.crs).to_wkt()
        middle = self.transform * (SIDE / 2, SIDE / 2)
        x, y = Ground(wkt, MOON_M).xy(craters.lon, craters.lat, *middle)
        return ~self.transform * (x, y)


def demo_mosaic() -> Whole:
    """The demo's nine scenes as one image."""
    paths = sorted((ROOT / "demo" / "scenes").glob("*.tif"))
    places = []
    for path in paths:
        with rasterio.open(path) as source:
            places.append((source.transform, source.read(1), source.crs.to_string()))
    corner_x, corner_y = min(t.c for t, _, _ in places), max(t.f for t, _, _ in places)
    step = places[0][0].a
    pixels = np.zeros((SIDE, SIDE), np.uint8)
    for transform, image, _ in places:
        left, top = round((transform.c - corner_x) / step), round((corner_y - transform.f) / step)
        pixels[top : top + image.shape[0], left : left + image.shape[1]] = image
    return Whole(pixels, Affine(step, 0, corner_x, 0, -step, corner_y), places[0][2])


def borders_m(mosaic: Whole, craters: Craters, pieces: list[Piece]) -> tuple[np.ndarray, np.ndarray]:
    """Distance on the ground (metres) of craters' centres to the nearest border between pieces, and to the rim."""
    col, row = mosaic.to_pixel(craters)
    step = mosaic.transform.a
    across = step * np.cos(np.radians(craters.lat))
    inner, rim = np.full(len(craters), np.inf), np.full(len(craters), np.inf)
    for left, top, right, bottom in pieces:
        apart_m = np.maximum(np.maximum(top - row, row - bottom), 0) * step
        above = np.maximum(np.maximum(left - col, col - right), 0) * across
        for edge, away in ((left, np.hypot((col - left) * across, apart_m)),
                           (right, np.hypot((col - right) * across, apart_m)),
                           (top, np.hypot((row - top) * step, above)),
                           (bottom, np.hypot((row - bottom) * step, above))):  # fmt: skip
            target = rim if edge in (0, SIDE) else inner
            np.minimum(target, away, out=target)
    return inner, rim


def differences(catalogue: pd.DataFrame, reference: pd.DataFrame) -> dict:
    """How many rows of two catalogues are the same, how many the same crater, and what the others are like."""
    i, j = same_rows(catalogue, reference)
    apart = np.abs(catalogue[COMPARED].to_numpy(float)[i] - reference[COMPARED].to_numpy(float)[j])
    pairs = pair_greedily(*overlaps(catalogue, reference, ALIKE_IOU))
    alone = [table.drop(index=table.index[paired]) for table, paired in zip((catalogue, reference), pairs, strict=True)]
    return dict(
        rows=len(reference), same=len(i), same_to_the_last_bit=int((apart == 0).all(axis=1).sum()),
        largest_difference=dict(zip(COMPARED, apart.max(axis=0, initial=0).tolist(), strict=True)),
        alike=len(pairs[0]), not_here=_described(alone[0]), only_here=_described(alone[1]),
        cut=int(reference["truncated"].sum()),
    )  # fmt: skip


def _described(alone: pd.DataFrame) -> dict:
    return dict(
        rows=len(alone), of_low_score=int((alone["score"] < LOW_SCORE).sum()), cut=int(alone["truncated"].sum())
    )


def recall(mosaic: Whole, table: pd.DataFrame, pieces: list[Piece]) -> dict:
    """Recall of true craters within a diameter of a border between pieces, and of all others off the rim."""
    truth = match_craters(
        craters_of(table), read_craters(ROOT / "demo" / "craters.csv"), IOU, MIN_DIAMETER_M, MOON_M
    ).truth
    craters = craters_of(truth)
    inner, rim = borders_m(mosaic, craters, pieces)
    judged, near = rim > craters.diameter_m, inner <= craters.diameter_m
    hit = truth["hit"].to_numpy()
    return dict(
        beside_borders=share(hit[judged & near].sum(), (judged & near).sum()),
        elsewhere=share(hit[judged & ~near].sum(), (judged & ~near).sum()),
    )


def measure(folder: Path) -> dict:
    """Make all runs and compare them."""
    mosaic = demo_mosaic()
    tables = {cut: write_scenes(mosaic.pieces(cut), folder / cut.replace(" ", "_")) for cut in CUTS}
    catalogues = {variant: variant.run(folder).make(tables[variant.cut]) for variant in VARIANTS}
    reference = catalogues[VARIANTS[0]]
    return dict(
        catalogues={v.title: differences(reference, table) for v, table in catalogues.items()},
        recall={
            f"borders of {cut}": {
                v.title: recall(mosaic, table, CUTS[cut]) for v, table in catalogues.items() if v.cut in ("1", cut)
            }
            for cut in ("9", "36")
        },
    )


def tables(figures: dict) -> str:
    """The figures as tables in Markdown."""
    same = [
        (
            title,
            one["rows"],
            one["same"],
            one["alike"],
            _shown(one["not_here"]),
            _shown(one["only_here"]),
            one["truncated"],
        )
        for title, one in figures["catalogues"].items()
    ]
    near = [
        (where, title, as_percent(one["beside_borders"]), as_percent(one["elsewhere"]))
        for where, some in figures["recall"].items()
        for title, one in some.items()
    ]
    return "\n\n".join([
        markdown(["scenes, margin", "rows", "the same row", "the same crater", "not found here (score below 0.4)",
                  "only found here", "cut"], same),
        markdown(["", "scenes, margin", "recall beside the borders", "recall elsewhere"], near),
    ])  # fmt: skip


def _shown(alone: dict) -> str:
    return f"{alone['rows']} ({alone['of_low_score']})"


def main() -> None:
    """Run, write the figures, print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="for scenes and results; a temporary one if left out")
    with working_folder(parser.parse_args().folder) as folder:
        figures = measure(Path(folder))
    keep("cuts", figures)
    print(tables(figures))


if __name__ == "__main__":
    main()
