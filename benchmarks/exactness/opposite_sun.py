"""Two images of one place under opposite sun: what suppression across scenes leaves of craters found twice.

    .venv/bin/python benchmarks/exactness/opposite_sun.py DATA [FOLDER]

DATA holds two lunar images at 118 m/px, lit from the west and from the east, that share 68-72 E, 5-17 N, and a table of
craters. Runs the workflow on both at four scales and counts, in the area that both show, pairs of detections of
different scenes that overlap, and true craters with several detections: among all detections, among what each scene
would report alone, and in the catalogue. Prints a table in Markdown and writes
benchmarks/results/opposite-sun.json and a picture.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import rasterio
from affine import Affine
from matplotlib.axes import Axes
from matplotlib.patches import Ellipse
from PIL import Image
from rasterio.windows import Window, transform
from runs import MOON_M, RESULTS, Run, craters_of, keep, markdown, pairs_inside, share, working_folder, write_table

from orbitile.base.files import scratch
from orbitile.detections.matching import match_craters
from orbitile.detections.nms.boxes import GroundBoxes
from orbitile.detections.nms.catalogue_nms import catalogue_nms, select_candidates
from orbitile.detections.nms.find_overlaps import OverlapCriterion, find_overlaps_between
from orbitile.tables.craters import Craters, read_craters

IMAGES = {"A": "A_60-72E_5-17N_az285_shade.tif", "B": "B_68-80E_5-17N_az075_shade.tif"}
CRATERS = "GLOBAL_0-360E_60S-60N_craters_Head_LROC.csv"
WEST, EAST, SOUTH, NORTH = 68, 72, 5, 17
# Craters of 0.9 to 113 km; those of 3.8 to 57 km are found at two scales or more.
SCALES = [{"gsd_m": gsd, "min_object_px": least, "max_object_px": 120}
          for gsd, least in ((118, 8), (236, 16), (472, 16), (944, 16))]  # fmt: skip
SCORES = 0.1, 0.3
"""Least scores: more to count, and as in the demo."""
IOU = 0.4
NEARLY = 0.2
"""Pairs with an IoU between this and the threshold are what suppression may have missed."""
TRUE_IOU = 0.3
PICTURE = Window(2048, 1400, 1000, 1000)
COLOURS = {"A": "#ff9d2e", "B": "#3cc8ff"}
COLOURS_KEPT = 200


def in_both(table: pd.DataFrame) -> pd.DataFrame:
    """The detections whose centre lies in both images."""
    return table[table["lon"].between(WEST, EAST) & table["lat"].between(SOUTH, NORTH)].reset_index(drop=True)


def across(table: pd.DataFrame, least: float, greatest: float = 1.0) -> pd.DataFrame:
    """Pairs of detections of different scenes with an IoU in a range: their numbers and IoU."""
    pairs, scene = pairs_inside(table, least), table["scene"].to_numpy()
    return pairs[(scene[pairs["one"]] != scene[pairs["other"]]) & (pairs["iou"] <= greatest)]


def true_craters(table: pd.DataFrame, truth: Craters) -> np.ndarray:
    """For each detection (n) the true crater it shows best; -1 for none."""
    side = truth.diameter_m / MOON_M
    i, j, iou = find_overlaps_between(
        GroundBoxes.of(table, MOON_M), GroundBoxes(truth.lon, truth.lat, side, side), OverlapCriterion(TRUE_IOU)
    )
    shown = np.full(len(table), -1)
    order = np.argsort(iou, kind="stable")
    shown[i[order]] = j[order]
    return shown


def count(table: pd.DataFrame, truth: Craters, threshold: float) -> dict:
    """What of a set of detections in the area is there twice."""
    shown = true_craters(table, truth)
    visible = table.assign(shown=shown)[shown >= 0].groupby("shown")["scene"]
    twice, nearly = across(table, threshold), across(table, NEARLY, threshold)
    first, second = shown[nearly["one"]], shown[nearly["other"]]
    return dict(
        detections=len(table), pairs_above_threshold=len(twice),
        pairs_inside_one_scene=len(pairs_inside(table, threshold)) - len(twice),
        least_iou_of_these=round(float(twice["iou"].min()), 3) if len(twice) else None,
        pairs_nearly=len(nearly), pairs_nearly_of_one_true_crater=int(((first == second) & (first >= 0)).sum()),
        true_craters_found=len(visible), true_craters_in_both=int((visible.nunique() > 1).sum()),
        true_craters_more_than_once=int((visible.size() > 1).sum()),
    )  # fmt: skip


def recall(table: pd.DataFrame, truth: Craters) -> dict:
    """Share of the true craters that a set of detections holds."""
    hit = match_craters(craters_of(table), truth, TRUE_IOU, 0, MOON_M).truth["hit"]
    return share(hit.sum(), len(hit))


def sets_of(run: Run) -> dict[str, pd.DataFrame]:
    """Detections of the run that both images show: all, each scene's own survivors, the catalogue."""
    candidates = select_candidates(run.table("detections"), run.rules)
    alone = [part[catalogue_nms(part, run.rules).alive] for _, part in candidates.groupby("scene")]
    sets = {"all detections": candidates, "each scene alone": pd.concat(alone), "catalogue": run.catalogue}
    return {name: in_both(table) for name, table in sets.items()}


def known_craters(data: Path) -> Craters:
    """The true craters in the area that both images show."""
    craters = read_craters(data / CRATERS)
    inside = (craters.lon >= WEST) & (craters.lon <= EAST) & (craters.lat >= SOUTH) & (craters.lat <= NORTH)
    return craters.select(inside)


def measure(sets: dict[str, pd.DataFrame], truth: Craters, threshold: float) -> dict:
    """The figures of each set, and recall of the scenes alone and together."""
    alone = sets["each scene alone"]
    return dict(
        true_craters=len(truth), sets={name: count(table, truth, threshold) for name, table in sets.items()},
        recall={name: recall(alone[alone["scene"] == name], truth) for name in IMAGES}
        | {"catalogue": recall(sets["catalogue"], truth)},
    )  # fmt: skip


def make(score: float, folder: Path, data: Path) -> tuple[dict, dict[str, pd.DataFrame]]:
    """Run the workflow with a least score: the figures, and the sets of detections."""
    suppression = dict(iou_threshold=IOU, score_threshold=score)
    run = Run(folder, "opposite_sun", dict(scales=SCALES, suppression=suppression))
    run.make(write_table({name: data / image for name, image in IMAGES.items()}, folder))
    sets = sets_of(run)
    return measure(sets, known_craters(data), IOU), sets


def draw(sets: dict[str, pd.DataFrame], image: Path, path: Path) -> None:
    """A part of the area in A's image: what each scene finds alone (left), and what the catalogue keeps (right)."""
    with rasterio.open(image) as source:
        pixels, place = source.read(1, window=PICTURE), transform(PICTURE, source.transform)
    figure, axes = plt.subplots(1, 2, figsize=(10, 5.2), layout="constrained")
    titles = {"each scene alone": "each scene alone", "catalogue": "catalogue"}
    for panel, (name, title) in zip(axes, titles.items(), strict=True):
        panel.imshow(pixels, cmap="gray", vmin=40, vmax=230)
        _outline(panel, sets[name], place)
        panel.set(title=title, xlim=(0, PICTURE.width), ylim=(PICTURE.height, 0), xticks=[], yticks=[])
    for name, colour in COLOURS.items():
        axes[0].plot([], [], color=colour, label=f"found in {name}")
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    _save_small(figure, path)


def _outline(axes: Axes, table: pd.DataFrame, place: Affine) -> None:
    """Draw detections as the ellipses in their map boxes, in the colour of their scene."""
    for row in table.itertuples():
        left, top = ~place * (row.xmin, row.ymax)
        right, bottom = ~place * (row.xmax, row.ymin)
        # B's boxes drawn with a dash, so that both are seen where they coincide.
        style = "-" if row.scene == "A" else (0, (4, 3))
        axes.add_patch(Ellipse(((left + right) / 2, (top + bottom) / 2), right - left, bottom - top, fill=False,
                               edgecolor=COLOURS[row.scene], linewidth=1.5, linestyle=style))  # fmt: skip


def _save_small(figure: plt.Figure, path: Path) -> None:
    """Save a picture with few colours: a third of the bytes."""
    with scratch(path) as plain:
        figure.savefig(plain, dpi=100)
        with Image.open(plain) as picture:
            quantised = picture.convert("RGB").quantize(
                COLOURS_KEPT, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
            )
            quantised.save(plain, optimize=True)
        plain.replace(path)
    plt.close(figure)


def main() -> None:
    """Run, write the figures and the picture, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the images and the table of craters")
    parser.add_argument("folder", nargs="?", type=Path, help="for results; a temporary one if left out")
    arguments = parser.parse_args()
    data = arguments.data.resolve()
    with working_folder(arguments.folder) as folder:
        results = {score: make(score, Path(folder), data) for score in SCORES}
    figures = {f"score {score:g} and more": figures_of_score for score, (figures_of_score, _) in results.items()}
    keep("opposite-sun", figures | dict(iou_threshold=IOU, nearly=NEARLY))
    draw(results[SCORES[-1]][1], data / IMAGES["A"], RESULTS / "opposite-sun.png")
    print("\n\n".join(table(title, figures_of_score) for title, figures_of_score in figures.items()))


WORDS = dict(
    detections="detections",
    pairs_above_threshold=f"pairs from A and B, IoU above {IOU}",
    least_iou_of_these="least IoU of these",
    pairs_inside_one_scene=f"pairs from one scene, IoU above {IOU}",
    pairs_nearly=f"pairs from A and B, IoU {NEARLY} to {IOU}",
    pairs_nearly_of_one_true_crater="of these, of one true crater",
    true_craters_found="true craters found",
    true_craters_in_both="in A and in B",
    true_craters_more_than_once="more than once",
)


def table(title: str, figures: dict) -> str:
    """The figures of one run as a table in Markdown."""
    sets = figures["sets"]
    rows = [(words, *(counts[column] for counts in sets.values())) for column, words in WORDS.items()]
    return markdown([title, *sets], rows)


if __name__ == "__main__":
    main()
