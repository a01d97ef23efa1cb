"""Links from the page to the files of the run that a reader may want to open, and to the tables beside the page."""

from html import escape
from pathlib import Path
from urllib.parse import quote

from orbitile.base.manifests import read_manifest
from orbitile.pipeline import CHAIN_RESULTS
from orbitile.reporting.findings import RunFindings
from orbitile.reporting.markup import element, folded

TABLES = {
    "jobs.csv": "every attempt at every job but this report",
    "rules.csv": "every rule",
    "graph.csv": "the execution graph's edges",
}
PATTERNS = {
    "evaluation/metrics.json": "figures of merit", "evaluation/metrics.png": "figures of merit, drawn",
    "calibration/calibration.json": "what scores are worth",
    "calibration/calibration.png": "what scores are worth, drawn",
    "catalogue/completeness*.json": "what was searched, and how completely", "map/summary.csv": "the map in figures",
    "map/rose.png": "directions of lines", "counting/*": "craters counted by size",
    "dating/ages.*": "ages of counted areas",
    "density/*": "craters per area", "secondaries/*": "clusters and rays of craters",
    "shapes/*": "depths and slopes of craters", "warnings.csv": "what is doubtful",
    "failures.parquet": "what failed, with tracebacks", "plan.parquet": "scenes and groups",
}  # fmt: skip
"""Files of a run, as patterns below its folder."""
MOST_LINKS = 200


def file_lists(findings: RunFindings) -> list[str]:
    """Links to what is there of the run; they hold while the page stays in its folder."""
    results = findings.results
    files = [*_result_files(findings), *_matching(results)]
    drawn = sorted((results / "annotated").glob("*.png"))
    scenes = [_link(path, results, "") for path in drawn[:MOST_LINKS]]
    more = [element("li", f"and {len(drawn) - MOST_LINKS:,} more")] if len(drawn) > MOST_LINKS else []
    title = f"Pictures of scenes ({len(drawn):,})"
    return [
        element("p", "The links hold while this page stays in the folder of its run.", class_="note"),
        element("ul", *files, *(_item(name, name, about) for name, about in TABLES.items())),
        *([folded(title, element("ul", *scenes, *more))] if drawn else []),
    ]


def _result_files(findings: RunFindings) -> list[str]:
    manifest = findings.results / CHAIN_RESULTS[findings.plan.chain].manifest
    if not manifest.is_file():
        return []
    paths = [manifest, *(manifest.parent / file["path"] for file in read_manifest(manifest).get("files", []))]
    return [_link(path, findings.results, f"the {findings.noun}") for path in paths if path.is_file()]


def _matching(results: Path) -> list[str]:
    matches = [(path, about) for pattern, about in PATTERNS.items() for path in sorted(results.glob(pattern))]
    return [_link(path, results, about) for path, about in matches if path.is_file()]


def _link(path: Path, results: Path, about: str) -> str:
    name = path.relative_to(results).as_posix()
    return _item(name, f"../{name}", about)


def _item(name: str, address: str, about: str) -> str:
    return element("li", element("a", escape(name), href=quote(address)), escape(f": {about}") if about else "")
