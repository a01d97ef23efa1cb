"""Do bounds of false rows, or pixels, hold? Draws blocks of calibrations again and again, and compares with all.

    .venv/bin/python benchmarks/exactness/bounds.py CALIBRATION.json [...] [--splits 1000]

CALIBRATION.json is what the target `calibrate` writes, of detections or of pixels; of pixels each class counts. Twice
for each bound: with blocks drawn with replacement, as many as there are, against the share of what is false in all
blocks, which are the population then; and with halves of the blocks, against the share in the other half, which is as
uncertain as the bound itself. Prints a table in Markdown.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from orbitile.calibration.judged_sample import CountsByBlock, JudgedSample
from orbitile.calibration.network_calibration import OF_PIXELS, read_calibration
from orbitile.calibration.pixel_calibration import read_pixel_calibration
from orbitile.calibration.pixel_sample import ClassPixels
from orbitile.calibration.risk_control import FALSE_DISCOVERY, RiskControl

BOUNDS = (0.05, 0.1, 0.2)
CONFIDENCE = 0.9
SEED = 0


@dataclass(frozen=True)
class Population:
    """A sample as if it were all there is."""

    name: str
    sample: JudgedSample | ClassPixels

    @cached_property
    def counts(self) -> list[CountsByBlock]:
        """Those of its blocks, by threshold."""
        return [self.sample.counts(score) for score in self.sample.thresholds.tolist()]

    def threshold(self, blocks: np.ndarray, bound: float) -> float | None:
        """The threshold that drawn blocks (n) choose."""
        part = self.sample.of_blocks(blocks)
        risk = part.risk if isinstance(part, ClassPixels) else RiskControl(part)
        return risk.threshold(FALSE_DISCOVERY, bound, 1 - CONFIDENCE)

    def false_share(self, score: float, blocks: np.ndarray) -> float:
        """The share of false rows in blocks (n) at a threshold."""
        counts = self._at(score)
        return float(counts.false[blocks].sum() / max(counts.detected[blocks].sum(), 1))

    def recall(self, score: float) -> float:
        """The share of true objects that are detected at a threshold."""
        counts = self._at(score)
        return 1 - float(counts.missed.sum() / counts.true.sum())

    def best_recall(self, bound: float) -> float:
        """The recall at the lowest threshold that keeps to a bound, if all were known."""
        every = np.arange(self.sample.blocks)
        scores = self.sample.thresholds.tolist()
        return max((self.recall(score) for score in scores if self.false_share(score, every) <= bound), default=0.0)

    def _at(self, score: float) -> CountsByBlock:
        return self.counts[int(np.argmin(np.abs(self.sample.thresholds - score)))]


def row(population: Population, bound: float, splits: int, in_halves: bool) -> list[str]:
    """Blocks, bound, share of splits beyond it and without any threshold, mean recall, recall if all were known."""
    random, blocks = np.random.default_rng(SEED), population.sample.blocks
    beyond, recalls = 0, []
    for _ in range(splits):
        order = random.permutation(blocks)
        drawn = order[: blocks // 2] if in_halves else random.integers(0, blocks, blocks)
        judged_on = order[blocks // 2 :] if in_halves else np.arange(blocks)
        score = population.threshold(drawn, bound)
        if score is not None:
            beyond += population.false_share(score, judged_on) > bound
            recalls.append(population.recall(score))
    recall = f"{np.mean(recalls):.3f}" if recalls else "-"
    design = "other half" if in_halves else "all blocks"
    none = f"{1 - len(recalls) / splits:.1%}"
    return [f"{blocks}", design, f"{bound:.0%}", f"{beyond / splits:.1%}", none, recall,
            f"{population.best_recall(bound):.3f}"]  # fmt: skip


def read_populations(path: Path) -> Iterator[Population]:
    """What a calibration judged, of pixels each class by itself."""
    run = path.parent.parent.name
    if path.suffix == ".json" and OF_PIXELS in json.loads(path.read_bytes()):
        calibration = read_pixel_calibration(path)
        assert calibration is not None  # files of JSON state one
        for name in calibration.sample.classes:
            yield Population(f"{run}, {name}", calibration.sample.of_class(name))
        return
    of_detections = read_calibration(path)
    if of_detections is None:
        raise SystemExit(f"{path}: states no calibration")
    yield Population(run, of_detections.sample)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("calibrations", type=Path, nargs="+")
    parser.add_argument("--splits", type=int, default=1000)
    arguments = parser.parse_args()
    head = ["calibration", "blocks", "against", "bound", "beyond it", "none", "recall", "if all were known"]
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for path in arguments.calibrations:
        for population in read_populations(path):
            for in_halves in (False, True):
                for bound in BOUNDS:
                    cells = row(population, bound, arguments.splits, in_halves)
                    print("| " + " | ".join([population.name, *cells]) + " |", flush=True)


if __name__ == "__main__":
    main()
