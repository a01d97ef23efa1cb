"""What runs are compared by, as tables in Markdown."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from orbitile.detections.matching import pair_greedily
from orbitile.detections.nms.boxes import PlaneBoxes
from orbitile.detections.nms.find_overlaps import OverlapCriterion, find_overlaps_between
from orbitile.inference.models.zoo_card import markdown_table

SAME_IOU = 0.5
"""Rows of two catalogues that overlap by so much are the same crater."""


def share_of_changed_rows(first: pd.DataFrame, second: pd.DataFrame) -> float:
    """The share of the rows of two catalogues without a partner of an IoU of 0.5 and more in the other, both ways.

    Both have the columns scene, xmin, ymin, xmax, ymax on one map; rows of different scenes are no partners where
    their scenes lie at one place, so that a caller with a map gives all of them one name.
    """
    kept = 0
    for scene in sorted(set(first["scene"]) & set(second["scene"])):
        boxes = [_boxes(table[table["scene"] == scene]) for table in (first, second)]
        criterion = OverlapCriterion(np.nextafter(SAME_IOU, 0))
        kept += len(pair_greedily(*find_overlaps_between(*boxes, criterion))[0])
    rows = len(first) + len(second)
    return (rows - 2 * kept) / rows if rows else 0.0


def _boxes(table: pd.DataFrame) -> PlaneBoxes:
    return PlaneBoxes(table[["xmin", "ymin", "xmax", "ymax"]].to_numpy(float))


def overall_table(results: Sequence[dict]) -> str:
    """Precision, recall, F1 with intervals, diameters, offsets and time of each network on each set."""
    head = ["images", "network", "F1 (95 %)", "precision (95 %)", "recall (95 %)", "true", "found over true diameter",
            "centre off by (px)", "best score", "s per Mpx"]  # fmt: skip
    rows = [
        [r["set"], r["network"], *(_with_interval(r["metrics"], name) for name in ("f1", "precision", "recall")),
         r["metrics"]["n_truth"], _spread(r["metrics"]["diameter_ratio"]), _spread(r["metrics"]["center_offset_px"]),
         _best(r), f"{r['seconds_per_megapixel']:.2f}"]
        for r in results
    ]  # fmt: skip
    return markdown_table(head, rows)


def size_table(results: Sequence[dict]) -> str:
    """The same by classes of size."""
    head = ["images", "network", "diameter (px)", "true", "recall (95 %)", "precision", "F1",
            "found over true diameter", "centre off by (px)"]  # fmt: skip
    rows = [
        [r["set"], r["network"], _class_name(size), size["n_truth"], _with_interval(size, "recall"),
         f"{size['precision']:.3f}", f"{size['f1']:.3f}", _spread(size["diameter_ratio"]),
         _spread(size["center_offset_px"])]
        for r in results for size in r["metrics"]["by_size_px"]
    ]  # fmt: skip
    return markdown_table(head, rows)


def change_table(changes: Sequence[dict]) -> str:
    """What changes of images do."""
    head = ["images", "network", "changed", "F1 (95 %)", "precision", "recall", "F1, change", "rows that change"]
    rows = [
        [c["set"], c["network"], c["title"], _with_interval(c["metrics"], "f1"), f"{c['metrics']['precision']:.3f}",
         f"{c['metrics']['recall']:.3f}", f"{c['f1_change']:+.3f}", f"{100 * c['changed_rows']:.1f} %"]
        for c in changes
    ]  # fmt: skip
    return markdown_table(head, rows)


def _with_interval(figures: dict, name: str) -> str:
    limits = figures["intervals"][name]
    return f"{figures[name]:.3f}" + (f" ({limits[0]:.3f}-{limits[1]:.3f})" if limits else "")


def _spread(values: dict | None) -> str:
    return f"{values['median']:.2f} ({values['p16']:.2f}-{values['p84']:.2f})" if values else "-"


def _best(result: dict) -> str:
    best = result["best_score"]
    if best is None:
        return "-"
    f1 = next(row["f1"] for row in result["by_score"] if row["score"] == best)
    return f"{best:g} (F1 {f1:.3f})"


def _class_name(size: dict) -> str:
    return f"{size['from']:g}-{size['to']:g}" if size["to"] else f"{size['from']:g} and more"
