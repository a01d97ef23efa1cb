"""The results of rules in small runs, kept in tests/data/golden.json: a changed result needs a higher `code_version`.

Figures, not bytes: networks and warps differ in their last digits from processor to processor. `make golden` makes the
runs and takes the new results of the rules whose version has risen, and of no others.
"""

import json
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import rasterio
from camera_files import HIRISE
from projects import Project, demo_settings, fracture_settings, make_fracture_project, make_project, write_scenes
from raw_archive import HIRISE as HIRISE_EDR

from orbitile.pipeline import RULES, TABLE_FOLDERS, code_version

PATH = Path(__file__).parent / "data" / "golden.json"
TOLERANCE = 1e-3
"""Largest relative difference of figures that are equal: more than processors do, less than a change of code."""
RUNS = {
    "detection": [
        "georeference", "downsample", "tile", "infer", "untile", "suppress", "catalogue",
    ],
    "segmentation": ["stitch", "classify", "outline", "assemble_map", "rasterise_labels"],
    "raw": ["georeference"],
}  # fmt: skip
"""The small runs, and the rules whose results in them are kept."""
BY_HAND = {
    "plan", "isis", "overview", "evaluate", "annotate", "overview_map", "evaluate_map", "annotate_map",
    "calibrate", "calibrate_map", "completeness", "count", "train_detector", "train_segmenter", "report", "failures",
    "shapes", "qgis_project", "density", "secondaries", "date", "contact_sheets", "judging", "review", "page",
}  # fmt: skip
"""Rules whose version is raised without a golden result.

Pictures, reports and figures, from which nothing is computed; calibrations, which are made once; weights, which differ
from machine to machine; the plan, which is made again with its format; ISIS, which is not here.
"""

Figures = dict[str, list[float]]


def table_figures(path: Path) -> Figures:
    """Of each column of numbers: how many, their mean and their standard deviation; of texts how many differ.

    Keys and paths are left out, for they hold versions.
    """
    frame = pq.read_table(path).to_pandas()
    figures = {}
    for name in frame.columns.difference(["path", "geometry", "probability", "fingerprint", "bbox"]):
        column = frame[name].dropna()
        if pd.api.types.is_numeric_dtype(column):
            values = column.to_numpy(float)
            values = values[np.isfinite(values)]
            figures[name] = [len(values), float(values.mean()), float(values.std())] if len(values) else [0]
        elif len(column) and isinstance(column.iloc[0], str):
            figures[name] = [len(column), column.nunique()]
    return {name: [float(f"{value:.9g}") for value in values] for name, values in figures.items()}


def raster_figures(path: Path) -> Figures:
    """Of each band: how many pixels are valid, their mean and their standard deviation."""
    figures = {}
    with rasterio.open(path) as source:
        for band in range(1, source.count + 1):
            values = source.read(band)[source.read_masks(band) > 0].astype(float)
            figures[f"band {band}"] = [values.size, float(values.mean()), float(values.std())]
    return {name: [float(f"{value:.9g}") for value in values] for name, values in figures.items()}


def rule_figures(results: Path, rule: str) -> Figures:
    """The figures of a rule's tables and rasters below results/<run>/; empty where it has made none."""
    if rule in TABLE_FOLDERS:
        tables = sorted((results / TABLE_FOLDERS[rule]).glob("*.parquet"))
    else:
        tables = [(results / str(RULES[rule].target)).with_suffix(".parquet")]  # beside a manifest
    figures = {}
    for table in tables:
        figures |= {f"{table.stem} {name}": values for name, values in table_figures(table).items()}
        if rule in ("georeference", "downsample", "stitch", "classify"):
            for row in pq.read_table(table).to_pylist():
                path = results.parents[1] / row["path"]
                name = f"{row['scene']} {row['scale_m']:g}"
                figures |= {f"{name} {band}": values for band, values in raster_figures(path).items()}
    return figures


def differences(figures: Figures, golden: Figures) -> list[str]:
    """What differs between two sets of figures, a line each."""
    lines = [f"{name}: only in the {side}" for side, names in (("result", figures.keys() - golden.keys()),
             ("golden result", golden.keys() - figures.keys())) for name in sorted(names)]  # fmt: skip
    for name in sorted(figures.keys() & golden.keys()):
        if not are_equal(figures[name], golden[name]):
            lines.append(f"{name}: {figures[name]}, was {golden[name]}")
    return lines


def are_equal(figures: list[float], golden: list[float]) -> bool:
    """Whether counts are the same, and means and deviations within TOLERANCE of the values' size."""
    if len(figures) != len(golden) or figures[0] != golden[0]:
        return False
    return (
        np.allclose(figures[1:], golden[1:], rtol=0, atol=TOLERANCE * np.hypot(*golden[1:]))
        if len(golden) > 2
        else figures == golden
    )


def fault(rule: str, version: int, figures: Figures, golden: dict) -> str | None:
    """What is to be done about a rule's version and its result beside the golden one; None where both are the same."""
    if version != golden["version"]:
        return f"{rule}: code_version is {version}, the golden result is of {golden['version']}; run make golden"
    if changed := differences(figures, golden["figures"]):
        first = "; ".join(changed[:3])
        return f"{rule}: its result has changed, its code_version has not; raise it in pipeline.py ({first})"
    return None


def read_golden() -> dict[str, dict[str, dict]]:
    """Version and figures of each rule of each small run; empty where there are none yet."""
    return json.loads(PATH.read_text()) if PATH.is_file() else {}


def renewed(golden: dict[str, dict], run: str, results: Path) -> dict[str, dict]:
    """The golden results of a small run, with those of the rules whose version has changed replaced."""
    changed = [rule for rule in RUNS[run] if golden.get(rule, {}).get("version") != code_version(rule)]
    return golden | {rule: dict(version=code_version(rule), figures=rule_figures(results, rule)) for rule in changed}


def make_run(run: str, folder: Path) -> Path:
    """Make a small run in a folder; returns the folder of its results."""
    project, targets = dict(detection=_detection, segmentation=_segmentation, raw=_raw)[run](folder)
    done = project.run(*targets)
    assert done.returncode == 0, done.stderr
    return project.result("")


def _detection(folder: Path) -> tuple[Project, list[str]]:
    """Two abutting scenes of the demo at two scales."""
    project = make_project(folder)
    scales = [scale | dict(tile_px=256, overlap_px=128) for scale in project.settings["scales"]]
    return project.change(scales=scales), ["all"]


def _segmentation(folder: Path) -> tuple[Project, list[str]]:
    """A scene of the demo of fractures, and labels to train on."""
    project = make_fracture_project(folder, dict(west=dict(col=-256, side=256)))
    training = dict(labels=project.settings["evaluation"]["truth"], block_deg=0.5, validation_share=0.4)
    scales = fracture_settings(folder, 64, 16)["scales"]
    return project.change(segmentation_training=training, scales=scales), [
        "all",
        "results/small/classified/west.parquet",
        "results/small/training/segmentation/tiles.parquet",
    ]


def _raw(folder: Path) -> tuple[Project, list[str]]:
    """A raw HiRISE image by its camera."""
    write_scenes(folder, [dict(scene="edr", path=str(HIRISE_EDR), kernels=str(HIRISE))])
    scales = [dict(gsd_m=4.4, tile_px=256, overlap_px=96)]
    settings = demo_settings(folder) | dict(body="Mars", scales=scales, evaluation={}, stretch_values=None)
    return Project(folder, settings), ["results/small/georeferenced/edr.parquet"]


def main() -> None:
    """Make the small runs and renew the golden results of the rules whose version has changed."""
    golden = read_golden()
    for run in RUNS:
        with tempfile.TemporaryDirectory() as folder:
            golden[run] = renewed(golden.get(run, {}), run, make_run(run, Path(folder)))
    PATH.write_text(json.dumps(golden, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
