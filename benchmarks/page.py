"""What the page of a run costs with many rows: blocks of made-up craters of Mars, first view and movement in Chromium.

    make bench-page [BENCH="--sizes 1e5 1e7"]

There are no images: only what grows with the rows. The browser is that of the tests (tests/clients/browser.py),
without a GPU. Prints a table in Markdown and writes benchmarks/results/page.json.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import machine
import numpy as np

from orbitile.base.files import write_json
from orbitile.gis.layer_styles import SCORES, SEQUENTIAL
from orbitile.space.bodies import find_body
from orbitile.web.data_scripts import write_data_script
from orbitile.web.row_blocks import PageRows, write_blocks
from orbitile.web.run_page import PageChoice, RunPage

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "tests"), str(HERE.parent / "tests" / "clients")]
IN_BROWSER = HERE / "page_in_browser.py"
MARS = find_body("Mars")
SCENES, SMALLEST_KM, LARGEST_KM = 15_000, 0.5, 300.0
COLUMNS = {
    "rows": "rows", "blocks": "blocks", "cpu_s": "CPU s", "peak_mb": "peak MB", "first_view_s": "first view, s",
    "first_view_mb": "loaded, MB", "frames": "least frames/s", "loaded_mb": "loaded in all, MB",
}  # fmt: skip


def made_up_rows(count: int) -> PageRows:
    """So many craters, N(>D) ~ D^-2, anywhere on a sphere."""
    random = np.random.default_rng(0)
    lat = np.degrees(np.arcsin(random.uniform(-1, 1, count)))
    diameter_km = np.minimum(SMALLEST_KM * random.random(count) ** -0.5, LARGEST_KM)
    score, probability = random.uniform(0.3, 1, (2, count))
    nothing = np.zeros(count, np.uint8)
    return PageRows(
        random.uniform(-180, 180, count), lat, diameter_km, random.integers(0, SCENES, count), score, probability,
        nothing, nothing, nothing.astype(bool), random.integers(0, 256, (count, 10), np.uint8), nothing,
        [f"scene {number}" for number in range(SCENES)], ["crater"], [5.0],
    )  # fmt: skip


def write_page(folder: Path, count: int) -> dict[str, object]:
    """Write a page of so many rows; returns what its blocks cost."""
    rows, made = made_up_rows(count), RunPage(folder, MARS, PageChoice(1, 10, 0))
    made.copy_program()
    before = time.process_time()
    blocks = write_blocks(rows, folder / "data")
    cost = dict(rows=count, blocks=len(blocks), cpu_s=round(time.process_time() - before, 1))
    levels = {name: dict(finest=6, needed=6, tiles=[]) for name in ("cylindrical", "north", "south")}
    run = dict(
        run="made up", body=MARS.name, radius_m=MARS.radius_m, rows=count, catalogue="made up", blocks=blocks,
        maps=levels, tile_suffix="webp", notes=[], layers=[], searched=[], failed=[], scenes={}, sample=[],
        comparison=None, chips=0, scene_names=rows.scenes, classes=rows.classes, scales_m=rows.scales_m,
        class_counts=[count],
        row_counts=np.bincount(rows.scene).tolist(), sizes=dict(least_km=[], rows=[]), has_probability=True,
        diameters_km=[SMALLEST_KM, LARGEST_KM], scene_count=SCENES, bounds=[-180, -90, 180, 90], version="",
        colours=dict(limits=list(SCORES), sequence=list(SEQUENTIAL), classes=[]),
    )  # fmt: skip
    write_data_script(folder / "data", "run", run)
    return cost | dict(peak_mb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3))


def look_at(folder: Path) -> dict[str, object]:
    """What a browser needs for the page in a folder."""
    from browser import installed_browser

    browser = installed_browser()
    words = [browser.python, IN_BROWSER, browser.program, (folder / "index.html").resolve().as_uri()]
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def main() -> None:
    """Measure all sizes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=float, nargs="+", default=[1e5, 1e6, 1e7])
    parser.add_argument("--folder", type=Path, default=None, help="for the pages; a temporary one by default")
    arguments = parser.parse_args()
    records = []
    with tempfile.TemporaryDirectory() as temporary:
        for size in sorted(int(size) for size in arguments.sizes):
            folder = (arguments.folder or Path(temporary)) / str(size)
            records.append(write_page(folder, size) | look_at(folder))
    write_json(HERE / "results" / "page.json", dict(machine=machine.hardware(), pages=records))
    print("|".join(["", *COLUMNS.values(), ""]), "|".join(["", *["---:"] * len(COLUMNS), ""]), sep="\n")
    for record in records:
        print("|".join(["", *(f"{record[name]:,}" for name in COLUMNS), ""]))


if __name__ == "__main__":
    main()
