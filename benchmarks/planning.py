"""What planning costs: 15,000 made-up scenes on a neighbour grid, in groups of 49 and one by one.

    .venv/bin/python benchmarks/planning.py FOLDER [SCENES]

Writes small, real images (their headers are what counts; nobody reads their pixels), plans them, and
measures a dry run, a dry run of a finished run and one named target: CPU seconds, which other work on
the machine lengthens least, and peak memory; then the same with a job per scene and stage, as workflows
without groups have it. Prints a table in Markdown.
"""

import argparse
import math
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import rasterio
import yaml
from affine import Affine

ROOT = Path(__file__).parents[1]
SCALES = [{"gsd_m": gsd, "min_object_px": 8} for gsd in (5, 20, 80)]
SIDE_PX = 8000
MARS = "IAU_2015:49910"
STAGES = ["georeferenced", "scaled", "tiles", "predictions", "detections", "suppressed"]


@dataclass(frozen=True)
class Cost:
    """CPU seconds, of the user and of the system, and peak memory in 10^6 bytes of a command."""

    seconds: float
    memory_mb: float

    def __str__(self) -> str:
        return f"{self.seconds:.1f} s, {self.memory_mb:.0f} MB"


def write_scenes(folder: Path, count: int) -> None:
    """A square of scenes that touch: real, sparse GeoTIFFs with headers and no pixels."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    across = math.ceil(math.sqrt(count))
    step = SIDE_PX * 5.0
    profile = dict(driver="GTiff", width=SIDE_PX, height=SIDE_PX, count=1, dtype="uint8", nodata=0, crs=MARS,
                   tiled=True, blockxsize=512, blockysize=512, SPARSE_OK=True)  # fmt: skip
    rows = []
    for number in range(count):
        row, col = divmod(number, across)
        path = folder / "images" / f"s{number:05d}.tif"
        corner = ((col - across / 2) * step, (across / 2 - row) * step)
        if not path.is_file():
            with rasterio.open(path, "w", transform=Affine(5, 0, corner[0], 0, -5, corner[1]), **profile):
                pass
        rows.append(dict(scene=path.stem, path=f"images/{path.name}"))
    pd.DataFrame(rows).to_csv(folder / "scenes.csv", index=False)


def write_settings(folder: Path, scenes_per_group: int) -> Path:
    """Settings of a run named after its grouping."""
    (folder / "model.safetensors").write_bytes(b"made up")
    model = dict(weights=str(folder / "model.safetensors"), sha256="0" * 64)
    settings = dict(run=f"groups_of_{scenes_per_group}", body="Mars", scenes=str(folder / "scenes.csv"),
                    scenes_per_group=scenes_per_group, scales=SCALES, model=model)  # fmt: skip
    path = folder / f"{scenes_per_group}.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


def cost(*words: str) -> Cost:
    """Run a command to its end; only its own memory counts, not ours."""
    child = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    errors = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        sys.exit(f"{' '.join(words)}\n{errors[-3000:]}")
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6)


def snakemake(folder: Path, settings: Path, *targets: str) -> Cost:
    """A dry run, as a user types it."""
    return cost(
        sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder),
        "--profile", str(ROOT / "profiles" / "local"), "--configfile", str(settings),
        "--dry-run", "--quiet", "all", "--", *targets,
    )  # fmt: skip


def pretend_finished(folder: Path, run: str) -> str:
    """Put empty files where all outputs go, older ones first; returns a group of the middle."""
    results = folder / "results" / run
    groups = sorted(
        {row["group"] for row in pd.read_parquet(results / "plan.parquet", columns=["group"]).to_dict("records")}
    )
    now = time.time() - 1000
    for stage in STAGES:
        now += 10
        for group in groups:
            touch(results / stage / f"{group}.parquet", now)
    for number, name in enumerate(["craters.json", "completeness.json", "craters.png"], 1):
        touch(results / "catalogue" / name, now + 10 * number, "" if name.endswith("png") else "{}")
    return groups[len(groups) // 2]


def touch(path: Path, when: float, text: str = "") -> None:
    """Make a file of a given time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (when, when))


def measure(folder: Path, scenes_per_group: int) -> dict[str, Cost]:
    """All figures of one grouping, in the order in which a run meets them."""
    settings = write_settings(folder, scenes_per_group)
    run = f"groups_of_{scenes_per_group}"
    (folder / "results" / run / "plan.parquet").unlink(missing_ok=True)
    costs = {"first dry run (reads all headers)": snakemake(folder, settings, "all")}
    costs["dry run"] = snakemake(folder, settings, "all")
    group = pretend_finished(folder, run)
    costs["nothing to do"] = snakemake(folder, settings, "all")
    (folder / "results" / run / "predictions" / f"{group}.parquet").unlink()
    costs["one named group"] = snakemake(folder, settings, f"results/{run}/suppressed/{group}.parquet")
    return costs


def main() -> None:
    """Measure both groupings and print them side by side."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where scenes and results are made")
    parser.add_argument("scenes", type=int, nargs="?", default=15_000)
    arguments = parser.parse_args()
    folder, count = arguments.folder.resolve(), arguments.scenes
    write_scenes(folder, count)
    grouped, single = measure(folder, 49), measure(folder, 1)
    print(f"{count} scenes, {len(SCALES)} scales\n")
    print("| | groups of 49 | a job per scene | time, memory |\n|---|---|---|---|")
    for case, with_groups in grouped.items():
        single_cost = single[case]
        ratio = (
            f"{single_cost.seconds / with_groups.seconds:.0f} x, {single_cost.memory_mb / with_groups.memory_mb:.0f} x"
        )
        print(f"| {case} | {with_groups} | {single_cost} | {ratio} |")


if __name__ == "__main__":
    main()
