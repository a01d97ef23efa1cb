"""The rules of the workflow: the folders of their tables and pieces, their targets, and the versions of their code.

The one list of rules for everything that needs them: paths of jobs, failures, stale files, the report.
"""

from dataclasses import dataclass
from typing import NamedTuple

DETECTION, SEGMENTATION = "detection", "segmentation"
"""The two chains: for networks that detect objects, and for networks that map pixels."""
BOTH_CHAINS = (DETECTION, SEGMENTATION)
INFER_THREADS = 8
"""Cores that a job of `infer` uses at most."""


@dataclass(frozen=True)
class Rule:
    """A rule of the workflow.

    `target` is the file to request where one of its jobs must run again, below results/<run>/, with {} for the group;
    empty: the whole run; None: the group's part of the run's result (see GROUP_RESULTS). `chains` are
    those whose groups pass through it. `table_folder` holds its table of each group, `work_folder` its finished pieces
    in a folder per scene. `code_version` changes when the same input gives another result than before: it is part of
    the keys of pieces and of the rule's parameters.
    """

    name: str
    target: str | None = None
    chains: tuple[str, ...] = ()
    table_folder: str | None = None
    work_folder: str | None = None
    code_version: int = 1


_RULES = (
    Rule("plan", "", code_version=9),
    Rule("isis", table_folder="isis", work_folder="work/isis"),
    Rule("georeference", None, BOTH_CHAINS, "georeferenced", "rasters", code_version=7),
    Rule("downsample", None, BOTH_CHAINS, "scaled", "rasters", code_version=3),
    Rule("tile", None, BOTH_CHAINS, "tiles", "work/tile", code_version=4),
    Rule("infer", None, BOTH_CHAINS, "predictions", "work/infer", code_version=3),
    Rule("untile", None, (DETECTION,), "detections", code_version=2),
    Rule("suppress", None, (DETECTION,), "suppressed", code_version=7),
    Rule("stitch", None, (SEGMENTATION,), "stitched", "probability", code_version=2),
    Rule("classify", None, table_folder="classified", work_folder="classes"),
    Rule("outline", None, (SEGMENTATION,), "outlines", "work/outline", code_version=3),
    Rule("catalogue", "catalogue/craters.json", code_version=8),
    Rule("completeness", "catalogue/completeness.json", code_version=3),
    Rule("overview", "catalogue/craters.png", code_version=4),
    Rule("contact_sheets", "contact_sheets/contact_sheets.json", code_version=2),
    Rule("judging", "judging/judging.json"),
    Rule("review", "review/review.json", code_version=3),
    Rule("qgis_project", "", code_version=3),
    Rule("page", "page/index.html", code_version=4),
    Rule("evaluate", "evaluation/metrics.json", code_version=6),
    Rule("calibrate", "calibration/calibration.json", code_version=6),
    Rule("count", "counting/counts.json", code_version=2),
    Rule("date", "dating/ages.json"),
    Rule("density", "density/density.json", code_version=2),
    Rule("secondaries", "secondaries/secondaries.json", code_version=2),
    Rule("shapes", "shapes/shapes.json"),
    Rule("annotate", "annotated/{}.json", code_version=9),
    Rule("assemble_map", "map/polygons.json", code_version=7),
    Rule("overview_map", "map/map.png", code_version=4),
    Rule("evaluate_map", "evaluation/metrics.json", code_version=5),
    Rule("calibrate_map", "calibration/calibration.json", code_version=3),
    Rule("annotate_map", "annotated/{}.json", code_version=5),
    Rule("train_detector", "training/model.safetensors", code_version=9),
    Rule("rasterise_labels", "training/segmentation/tiles.parquet", code_version=5),
    Rule("train_segmenter", "training/segmentation/model.safetensors", code_version=7),
    Rule("report", "report/index.html", code_version=4),
    Rule("failures", ""),
)
RULES = {rule.name: rule for rule in _RULES}
"""All rules by name, in the order of a run."""

CHAINS = {
    chain: {rule.name: rule.table_folder for rule in _RULES if chain in rule.chains and rule.table_folder}
    for chain in BOTH_CHAINS
}
"""The rules that every group of a chain passes through, in order, with the folders of their tables."""
TABLE_FOLDERS = {rule.name: rule.table_folder for rule in _RULES if rule.table_folder}
"""The folder of each rule's tables of groups."""
WORK_FOLDERS = {rule.name: rule.work_folder for rule in _RULES if rule.work_folder}
"""The folder of each rule's finished pieces; rules may share one."""
OPTIONAL_RULES = tuple(rule for rule in TABLE_FOLDERS if not RULES[rule].chains)
"""Rules that only some groups or runs need, beside their chain."""


class ChainResult(NamedTuple):
    """The rule at the end of a chain, the manifest of what it makes of the whole run (JSON), and a noun for that."""

    rule: str
    manifest: str
    noun: str


CHAIN_RESULTS = {
    DETECTION: ChainResult("catalogue", "catalogue/craters.json", "catalogue"),
    SEGMENTATION: ChainResult("assemble_map", "map/polygons.json", "map"),
}
"""The result of a run of each chain."""
GROUP_RESULTS = {DETECTION: "suppressed/{}.parquet", SEGMENTATION: "outlines/{}.parquet"}
"""The table that a group contributes to the run's result, to be requested where one of its jobs failed."""


def code_version(rule: str) -> int:
    """The version of a rule's code (see Rule)."""
    return RULES[rule].code_version
