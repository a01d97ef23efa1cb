"""Where the time of a small run goes: starts, rasters, tiles, network, tables, pictures; of the demo and of a scene.

    make bench-laptop [BENCH="--side 20000"]

The demo as `make demo` runs it, and a made-up scene: the pixels of one of the demo's, mirrored side by side, with the
scale of CTX and its network. CPU seconds are those of the whole call and of its jobs, as their records say; wall
seconds mean something on an idle machine alone. A start is what the imports of a rule's script take in a process of
their own, times its jobs; Snakemake is what no job used. The network is a pass of it over eight tiles, on one core,
times the tiles that were searched. Prints a table for each run, and the ratio of all CPU time to that of the network.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import machine
import numpy as np
import rasterio
import torch
import yaml
from affine import Affine

from orbitile.inference.engine.batch_size import CPU_TILES
from orbitile.inference.models.load import load_network
from orbitile.inference.models.network import ModelChoice
from orbitile.jobs.paths import recorded_jobs
from orbitile.jobs.records import read_attempts
from orbitile.settings import Settings, check_settings

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "workflow" / "scripts"
SIDE = 12_000
PARTS = {
    "rasters (georeference, downsample)": {"georeference", "downsample"},
    "tiles (tile; infer beside its network)": {"tile", "infer"},
    "tables (untile, suppress, catalogue, completeness)": {"untile", "suppress", "catalogue", "completeness"},
    "pictures and comparison": {"annotate", "overview", "evaluate"},
}


@dataclass(frozen=True)
class RunTimes:
    """Wall and CPU seconds of a call, CPU seconds of its jobs by rule, how many there were, and the tiles searched."""

    wall_s: float
    cpu_s: float
    rule_cpu_s: Counter
    jobs: Counter
    tiles: int


def timed(words: list[str]) -> tuple[float, float]:
    """Wall and CPU seconds of a command and of all that it started; ends where it fails."""
    began = time.perf_counter()
    child = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    errors = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        sys.exit(f"{' '.join(words)}\n{errors[-3000:]}")
    return time.perf_counter() - began, usage.ru_utime + usage.ru_stime


def run(folder: Path, settings: dict) -> RunTimes:
    """Run the workflow in a folder, with a picture of every scene."""
    wall_s, cpu_s = timed(machine.workflow_command(folder, settings, ["all", "annotated"]))
    rule_cpu_s, jobs, tiles = Counter(), Counter(), 0
    for job in recorded_jobs(folder / "results" / settings["run"]):
        attempt = read_attempts(job.record)[-1]
        rule_cpu_s[job.rule] += attempt.cpu_s
        jobs[job.rule] += 1
        tiles += attempt.progress.size if job.rule == "infer" else 0
    return RunTimes(wall_s, cpu_s, rule_cpu_s, jobs, tiles)


def start_cpu_s(rule: str) -> float:
    """CPU seconds until the script of a rule has imported all that it names, Snakemake's own preamble included."""
    imports = re.findall(r"^ *((?:from|import) .*)$", (SCRIPTS / f"{rule}.py").read_text(), re.MULTILINE)
    preamble = ["import sys", f"sys.path.insert(0, {str(SCRIPTS.parent / 'lib')!r})", "import snakemake.script"]
    return min(timed([sys.executable, "-c", "\n".join(preamble + imports)])[1] for _ in range(2))


def network_cpu_s(settings: Settings) -> float:
    """CPU seconds of the network for a tile, on one core."""
    torch.set_num_threads(1)
    network = load_network(ModelChoice(**settings.model_choice))
    side = max(scale.tile_px for scale in settings.scales)
    shape = CPU_TILES, network.channels, side, side
    images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    network.predict_batch(images)
    _, record = machine.best_of(lambda: network.predict_batch(images), limit=600, most=3)
    return float(record["cpu_seconds"]) / CPU_TILES


def shares(times: RunTimes, starts: dict[str, float], tile_s: float) -> dict[str, float]:
    """CPU seconds by what they went into; they add up to all."""
    network = tile_s * times.tiles
    work = {rule: cpu_s - starts[rule] * times.jobs[rule] for rule, cpu_s in times.rule_cpu_s.items()}
    work["infer"] -= network
    parts = {part: sum(work.get(rule, 0.0) for rule in rules) for part, rules in PARTS.items()}
    begun = sum(starts[rule] * count for rule, count in times.jobs.items())
    own = times.cpu_s - sum(times.rule_cpu_s.values())
    return {"Snakemake": own, "starts of jobs": begun, "network": network} | parts


def report(name: str, times: RunTimes, settings: Settings) -> dict:
    """Print where the time of a run went; the figures."""
    starts = {rule: start_cpu_s(rule) for rule in times.jobs}
    tile_s = network_cpu_s(settings)
    parts = shares(times, starts, tile_s)
    ratio = times.cpu_s / parts["network"]
    print(f"\n{name}: {times.jobs.total()} jobs, {times.tiles} tiles, {times.wall_s:.0f} s, {times.cpu_s:.0f} CPU s, "
          f"{ratio:.2f} times the network's\n")  # fmt: skip
    rows = [(part, f"{cpu_s:.1f}", f"{100 * cpu_s / times.cpu_s:.0f} %") for part, cpu_s in parts.items()]
    print(machine.markdown(["", "CPU s", "share"], rows))
    print("starts, CPU s: " + ", ".join(f"{rule} {cpu_s:.2f}" for rule, cpu_s in sorted(starts.items())))
    return dict(wall_s=times.wall_s, cpu_s=times.cpu_s, jobs=times.jobs, tiles=times.tiles, ratio=ratio,
                parts_cpu_s=parts, starts_cpu_s=starts)  # fmt: skip


def demo_settings() -> dict:
    """The demo's, with paths that hold anywhere."""
    settings = yaml.safe_load((ROOT / "demo" / "demo.yaml").read_text())
    truth = dict(settings["evaluation"], truth=str(ROOT / settings["evaluation"]["truth"]))
    return settings | dict(scenes=str(ROOT / settings["scenes"]), evaluation=truth)


def scene_settings(folder: Path, side: int) -> dict:
    """Write a scene of `side` x `side` px and its table; the settings of a run of it."""
    with rasterio.open(ROOT / "demo" / "scenes" / "moon_180E_30S.tif") as source:
        pixels = source.read(1)
    copies = -(-side // (2 * min(pixels.shape)))
    mirrored = np.block([[pixels, pixels[:, ::-1]], [pixels[::-1], pixels[::-1, ::-1]]])
    profile = dict(driver="GTiff", width=side, height=side, count=1, dtype="uint8", nodata=0, crs="IAU_2015:49910",
                   tiled=True, compress="deflate", transform=Affine(6, 0, 0, 0, -6, 0))  # fmt: skip
    with rasterio.open(folder / "scene.tif", "w", **profile) as sink:
        sink.write(np.tile(mirrored, (copies, copies))[:side, :side], 1)
    (folder / "scenes.csv").write_text("scene,path\nscene,scene.tif\n")
    return dict(run="scene", body="Mars", scenes=str(folder / "scenes.csv"), model="mars-ctx-5m", gsd_m=6)


def main() -> None:
    """Run both, and print where their time went."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=SIDE, help="of the made-up scene in pixels; 0: leave it out")
    side = parser.parse_args().side
    runs = {"the demo": lambda folder: demo_settings()}
    if side:
        runs[f"a scene of {side} x {side} px"] = lambda folder: scene_settings(folder, side)
    figures = {}
    for name, write in runs.items():
        with tempfile.TemporaryDirectory(prefix="bench-laptop-") as scratch:
            settings = write(Path(scratch))
            times = run(Path(scratch), settings)
            figures[name] = report(name, times, check_settings(settings, ["settings.yaml"]))
    print("\n" + json.dumps(dict(hardware=machine.hardware()) | figures))


if __name__ == "__main__":
    main()
