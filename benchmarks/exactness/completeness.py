"""Is a catalogue as complete as calibration says? Predicts from half of the blocks, and measures in the other half.

    .venv/bin/python benchmarks/exactness/completeness.py CALIBRATION.json [...] [--score 0.3] [--splits 200]

CALIBRATION.json is what the target `calibrate` writes. Counted are size bins of equally many true objects whose
measured share lies in the predicted band of 95 %, as it is, and widened by what chance does to the bin's own objects.
Prints a table in Markdown.
"""

import argparse
from pathlib import Path

import numpy as np

from orbitile.calibration.completeness import Completeness
from orbitile.calibration.judged_sample import JudgedSample
from orbitile.calibration.network_calibration import read_calibration

BINS = 10
SEED = 0
ERRORS = 1.96
"""Standard errors of a bin's measured share."""


def bins_within(predicted_by: JudgedSample, measured_in: JudgedSample, score: float) -> np.ndarray:
    """Of each bin (BINS), whether its share lies in the band, and in the widened one (2, BINS; bool)."""
    curve = Completeness.fit(predicted_by, score)
    if curve is None:
        raise SystemExit("too few true objects in half of the blocks")
    sizes = np.log(curve.diameter_px)
    low, high = (np.array(limits) for limits in curve.band(predicted_by))
    within = np.zeros((2, BINS), bool)
    order = np.argsort(measured_in.truth.diameter_px)
    for number, members in enumerate(np.array_split(order, BINS)):
        place = np.log(measured_in.truth.diameter_px[members])
        share = float(np.mean(measured_in.truth.score[members] >= np.float32(score)))
        lowest, highest, middle = (float(np.interp(place, sizes, v).mean()) for v in (low, high, curve.detected))
        noise = ERRORS * np.sqrt(middle * (1 - middle) / len(members))
        within[:, number] = lowest <= share <= highest, lowest - noise <= share <= highest + noise
    return within


def shares_within(sample: JudgedSample, score: float, splits: int) -> tuple[float, float]:
    """The share of bins within the band, and within the widened one, over random halves of the blocks."""
    random = np.random.default_rng(SEED)
    results = []
    for _ in range(splits):
        order = random.permutation(sample.blocks)
        halves = (sample.of_blocks(part) for part in np.array_split(order, 2))
        results.append(bins_within(*halves, score))
    return tuple(np.mean(results, axis=(0, 2)).tolist())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("calibrations", type=Path, nargs="+")
    parser.add_argument("--score", type=float, default=0.3)
    parser.add_argument("--splits", type=int, default=200)
    arguments = parser.parse_args()
    print(
        "| calibration | true objects | blocks | in the band | in the band and the bin's noise |\n|---|---|---|---|---|"
    )
    for path in arguments.calibrations:
        calibration = read_calibration(path)
        if calibration is None:
            raise SystemExit(f"{path}: states no calibration")
        sample = calibration.sample
        plain, widened = shares_within(sample, arguments.score, arguments.splits)
        numbers = f"{len(sample.truth.score):,} | {sample.blocks} | {plain:.0%} | {widened:.0%}"
        print(f"| {path.parent.parent.name} | {numbers} |", flush=True)


if __name__ == "__main__":
    main()
