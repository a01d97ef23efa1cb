"""Counts of areas as the rule `count` leaves them: counts.json, and the tables of craters and of draws."""

import json

import numpy as np

from orbitile.counting.count_files import CRATERS, DRAWS, write_count, write_draws


def write_counts(folder, counts, draws=0, size_error=0.06, seed=0, **limits):
    """Write counts of areas, all of whose craters are counted, and draws with errors of their diameters."""
    entries = [_write_area(folder, f"area_{n}", count, draws, size_error, seed) for n, count in enumerate(counts)]
    limits = dict(from_km=0.1, to_km=100.0) | limits
    manifest = folder / "counts.json"
    manifest.write_text(json.dumps(dict(areas=[entry | limits for entry in entries], settings=dict(draws=draws))))
    return manifest


def _write_area(folder, name, count, draws, size_error, seed):
    (folder / name).mkdir(parents=True)
    write_count(count, np.ones(len(count), bool), folder / name / CRATERS)
    write_draws(_drawn(count, draws, size_error, seed), folder / name / DRAWS)
    return dict(name=count.name, folder=name)


def _drawn(count, draws, size_error, seed):
    for number in range(draws):
        rng = np.random.default_rng([seed, number])
        rows = np.flatnonzero(rng.random(len(count)) < count.probability)
        drawn = count.taking(rows)
        drawn.diameter_km[:] *= np.exp(size_error * rng.standard_normal(len(rows)))
        yield rows, drawn
