"""Runs that are killed at random, again and again, end with the results of an undisturbed one, byte for byte:
`python tests/hostile/kills.py --help`.

A kill is SIGKILL to the workflow and all its jobs at once, after a random share of the time that the undisturbed run
took. What is compared: every file in the run's folder but those that tell of the jobs and of users' files (TELLTALES).
"""

import argparse
import hashlib
import json
import os
import random
import re
import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "workflow" / "lib"), str(ROOT / "tests")]

from projects import Project, fracture_settings, make_fracture_project, make_project  # noqa: E402
from raw_projects import make_raw_project  # noqa: E402

from orbitile.jobs.lock import has_ended, lock_holder  # noqa: E402 (needs the paths)

STARTUP_S = 3
"""Until a workflow runs its first job."""
LONGEST_SHARE = 0.4
"""Of the undisturbed run's time, the longest until a kill: a run takes some eight kills until it is done."""
TELLTALES = (
    "logs", "jobs", "benchmarks", "failures", "report",
    "crater-tables.json", "vector-files.json",  # versions of users' files, which each run has for itself
)  # fmt: skip
HOURS = re.compile(r'"(hours|time)": [0-9.e-]+|CPU cores": [0-9.e-]+|training took [0-9.]+ h|, [0-9.]+ h on')
"""What training took, which no two trainings share."""


def make_detector_project(folder: Path) -> Project:
    """Two scenes and a detector that learns for three epochs on some tiles of them; threads would change last bits."""
    training = dict(
        craters=str(ROOT / "demo" / "craters.csv"), start_from="yolo11n.yaml", tile_px=64, tiles_per_epoch=8,
        block_deg=5, validation_share=0.3, epochs=3, batch=4, device="cpu", precision="float32", threads=1,
    )  # fmt: skip
    scales = [dict(gsd_m=474, tile_px=128, overlap_px=32), dict(gsd_m=948)]
    return make_project(folder).change(training=training, scales=scales, evaluation={})


def make_segmenter_project(folder: Path) -> Project:
    """Two scenes and a segmentation network that learns for three epochs on tiles of them."""
    truth = fracture_settings(folder)["evaluation"]["truth"]
    training = dict(
        labels=truth, network="deeplabv3_mobilenet_v3_large", block_deg=1, epochs=3, batch=4, device="cpu",
        precision="float32", augmentation=dict(perspective=0.0),
    )  # fmt: skip
    scales = [dict(gsd_m=118.45, tile_px=128, overlap_px=32)]
    return make_fracture_project(folder, segmentation_training=training, scales=scales)


def make_classes_project(folder: Path) -> Project:
    """Two scenes whose pixels are each of exactly one class, small regions joined."""
    mapping = dict(decision="argmax", min_area_m2=0, edge_px=0, smoothing_px=1, smallest_region_px=dict(fracture=20))
    return make_fracture_project(folder, mapping=mapping)


@dataclass(frozen=True)
class Chain:
    """A chain of rules: who makes its project, its targets, and its share of the kills."""

    make: Callable[[Path], Project]
    targets: tuple[str, ...]
    share: float


CHAINS = dict(
    detection=Chain(make_project, ("all", "annotated"), 0.35),
    mapping=Chain(make_fracture_project, ("all", "annotated"), 0.2),
    classes=Chain(make_classes_project, ("all",), 0.1),
    raw=Chain(make_raw_project, ("all",), 0.15),
    segmenter=Chain(make_segmenter_project, ("train_segmenter",), 0.1),
    detector=Chain(make_detector_project, ("train_detector",), 0.1),
)


@dataclass
class Campaign:
    """Kills of one chain: what ran when they came, and what differed in the end."""

    project: Project
    targets: tuple[str, ...]
    random: random.Random
    rules: Counter = field(default_factory=Counter)
    kills: int = 0
    runs: int = 0

    def undisturbed(self) -> float:
        """Seconds of a run without kills."""
        begun = time.monotonic()
        self._finish("undisturbed")
        return time.monotonic() - begun

    def begin_anew(self) -> None:
        """Remove all that was made."""
        for name in ("results", ".snakemake"):
            shutil.rmtree(self.project.folder / name, ignore_errors=True)

    def kill(self, seconds: float) -> bool:
        """Kill a run after some seconds, with all its jobs; False where it had ended before."""
        running = self.project.start(*self.targets)
        if ends_within(seconds, running, self.project.folder / "driver.log"):
            return False
        rules = working_rules(self.project.result("jobs")) or ["snakemake"]
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        self.kills += 1
        self.rules.update(rules)
        print(f"  kill {self.kills} after {seconds:.1f} s: {', '.join(rules)}", flush=True)
        return True

    def end(self, expected: dict[str, str]) -> None:
        """Let a run that was killed finish; AssertionError where its results are not those expected."""
        self._finish("after kills")
        self.runs += 1
        self.compare(expected)

    def compare(self, expected: dict[str, str]) -> None:
        """AssertionError where a file is missing, new or different."""
        results = digests(self.project.result("."))
        different = sorted(name for name in expected | results if expected.get(name) != results.get(name))
        assert not different, f"{self.project.folder}: not as undisturbed: {different}"

    def _finish(self, occasion: str) -> None:
        done = self.project.run(*self.targets)
        assert done.returncode == 0, f"{occasion}: {done.stderr[-5000:]}"
        assert "Traceback" not in done.stderr, f"{occasion}: {done.stderr[-5000:]}"


def ends_within(seconds: float, running: subprocess.Popen, log: Path) -> bool:
    """Wait for the moment of a disturbance; True where the run ends before, with success, as its log tells."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if running.poll() is not None:
            assert running.returncode == 0, log.read_text()[-5000:]
            return True
        time.sleep(0.02)
    return False


def disturb(chain: Chain, folder: Path, kills: int, seed: str, is_warm: bool = False) -> Campaign:
    """Kill runs of a chain at random until there were as many kills; AssertionError where a result differs.

    `is_warm`: whether the first run takes as long as the others; else there is a second one, to be timed and compared.
    """
    campaign = Campaign(chain.make(folder), chain.targets, random.Random(seed))
    seconds = campaign.undisturbed()
    expected = digests(campaign.project.result("."))
    shutil.copytree(campaign.project.result("."), folder / "expected")
    if not is_warm:
        campaign.begin_anew()
        seconds = campaign.undisturbed()
        campaign.compare(expected)
    print(f"  undisturbed: {seconds:.0f} s, {len(expected)} files", flush=True)
    while campaign.kills < kills:
        campaign.begin_anew()
        while campaign.kills < kills:
            if not campaign.kill(STARTUP_S + campaign.random.uniform(0, LONGEST_SHARE * seconds)):
                break
        campaign.end(expected)
    return campaign


def working_rules(jobs: Path) -> list[str]:
    """The rules whose jobs run; locks that an earlier kill left behind do not count."""
    holders = {lock: lock_holder(lock) for lock in jobs.glob("*/*.lock")}
    return sorted({lock.parent.name for lock, holder in holders.items() if holder and not has_ended(holder, lock)})


def digests(results: Path) -> dict[str, str]:
    """A hash of every file of a run's results, by its path; without files that a kill left behind unfinished."""
    return {str(path.relative_to(results)): digest(path) for path in result_files(results)}


def result_files(results: Path) -> Iterator[Path]:
    """The files that must not depend on how a run came about."""
    for path in sorted(results.rglob("*")):
        parts = path.relative_to(results).parts
        is_hidden = any(part.startswith(".") for part in parts)
        if path.is_file() and parts[0] not in TELLTALES and path.suffix != ".cache" and not is_hidden:
            yield path


def digest(path: Path) -> str:
    """A hash of a file's content; times at which it was written do not count."""
    if path.suffix == ".gpkg":
        return hashlib.sha256("\n".join(dump(path)).encode()).hexdigest()
    content = path.read_bytes()
    if path.suffix == ".dbf":
        content = content[:1] + content[4:]  # without the date of its last change
    if path.name in ("metrics.json", "model_card.md"):
        content = HOURS.sub("", content.decode()).encode()
    return hashlib.sha256(content).hexdigest()


def dump(path: Path) -> Iterator[str]:
    """All rows of a GeoPackage but the time of its last change."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        database.text_factory = bytes
        names = [name.decode() for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for name in sorted(names):
            cursor = database.execute(f'SELECT * FROM "{name}"')
            columns = [column[0] for column in cursor.description]
            times = [n for n, column in enumerate(columns) if column in ("last_change", "timestamp")]
            for row in cursor:
                yield f"{name}: {[value for n, value in enumerate(row) if n not in times]!r}"


def disturb_chains(
    count: int, seed: str, chains: Sequence[str], disturb_chain: Callable[[Chain, str, int, str], str]
) -> int:
    """Disturb runs of chains, each its share of `count`, and print what came of it; 1 where the results of one differ.

    `disturb_chain` gets a chain, its name, how often, and a seed, and says in the end what was done.
    """
    print(f"seed {seed}", flush=True)
    total, different = sum(CHAINS[name].share for name in chains), 0
    for name in chains:
        print(name, flush=True)
        try:
            done = disturb_chain(CHAINS[name], name, round(count * CHAINS[name].share / total), f"{seed}:{name}")
            print(f"{name}: {done}", flush=True)
        except AssertionError as error:
            different = 1
            print(f"{name}: {error}", flush=True)
    return different


def campaign_options(about: str | None, disturbance: str, count: int, chains: Sequence[str]) -> argparse.Namespace:
    """The options of a campaign on the command line, whose `count` is named after the disturbance."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the runs go")
    parser.add_argument(f"--{disturbance}", dest="count", type=int, default=count, help=f"in all; default: {count}")
    parser.add_argument("--seed", default=secrets.token_hex(4), help="of the moments; default: a new one")
    parser.add_argument("--chains", nargs="+", choices=list(CHAINS), default=list(chains))
    return parser.parse_args()


def main() -> int:
    """Kill runs of all chains, each its share; 1 where the results of one differ."""
    options = campaign_options(__doc__, "kills", 200, list(CHAINS))

    def kill_chain(chain: Chain, name: str, kills: int, seed: str) -> str:
        campaign = disturb(chain, options.folder / name, kills, seed)
        rules = json.dumps(campaign.rules)
        return f"{kills} kills in {campaign.runs} runs, the same results to the byte; jobs at work when killed: {rules}"

    return disturb_chains(options.count, options.seed, options.chains, kill_chain)


if __name__ == "__main__":
    sys.exit(main())
