"""Whether images are like those that a calibration was made on: elsewhere its promises do not hold by themselves."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from orbitile.rasters.appearance import STATISTICS

LEAST_TILES = 20
"""To calibrate by; with fewer, nothing is known of likeness."""
MOST_TILES = 500
"""That a calibration keeps."""
USUAL_SHARE = 0.99
"""Of the calibration's tiles, within the limit of what is usual."""
UNLIKE_SHARE = 0.5
"""Of a scene's tiles beyond that limit, from which on it is unlike."""
TOLERANCES = dict(brightness=10.0, contrast=0.15, roughness=0.15, asymmetry=0.1)
"""Differences that change little for networks, which learn from brighter, darker and noisier copies of images, too."""
LIGHT_BLUR_PX = 1.5
"""At which the side of light shows best."""
SURE_LIGHT, OPPOSITE_LIGHT = 4.0, -2.0
"""Means in standard errors: from which on a calibration has light from a side, and down to which a scene has not."""
LEAST_LIT_TILES = 4
LIGHT = "light"


class UnlikeScenes(NamedTuple):
    """What makes scenes unlike, by their names, and how many scenes could be compared."""

    reasons: dict[str, str]
    compared: int


@dataclass(frozen=True)
class Likeness:
    """The appearance of a calibration's tiles: mean (k), inverse covariance (k, k), limit of the usual distance.

    `light` (2) points along columns and rows to where it comes from in all of them; None where it comes from anywhere.
    """

    mean: np.ndarray
    precision: np.ndarray
    limit: float
    light: np.ndarray | None

    @classmethod
    def fit(cls, appearances: np.ndarray) -> Self | None:
        """That of tiles with some appearances (n, k; see orbitile.rasters.appearance); None for too few of them.

        Distances are Mahalanobis' with TOLERANCES added to the covariance.
        """
        if len(appearances) < LEAST_TILES:
            return None
        mean, covariance = appearances.mean(axis=0), np.cov(appearances.T)
        precision = np.linalg.inv(covariance + np.diag(_tolerances() ** 2))
        limit = float(np.quantile(_distances(appearances, mean, precision), USUAL_SHARE))
        return cls(mean, precision, limit, _light(appearances))

    def difference(self, appearances: np.ndarray) -> str | None:
        """What makes a scene with such tiles (m, k) unlike: a word; None where it is like the calibration's."""
        if self._is_lit_from_elsewhere(appearances):
            return LIGHT
        beyond = _distances(appearances, self.mean, self.precision) > self.limit
        if beyond.mean() <= UNLIKE_SHARE:
            return None
        excess = np.abs(appearances.mean(axis=0) - self.mean) * np.sqrt(np.diag(self.precision))
        return STATISTICS[int(np.argmax(excess))].split("_")[0].replace("asymmetry", LIGHT)

    def unlike_scenes(self, appearances: Mapping[str, np.ndarray]) -> UnlikeScenes:
        """Which scenes are unlike, by the appearances of the tiles of each (m, k)."""
        compared = {scene: tiles for scene, tiles in appearances.items() if len(tiles)}
        differences = {scene: self.difference(tiles) for scene, tiles in sorted(compared.items())}
        return UnlikeScenes({scene: reason for scene, reason in differences.items() if reason}, len(compared))

    def _is_lit_from_elsewhere(self, appearances: np.ndarray) -> bool:
        if self.light is None or len(appearances) < LEAST_LIT_TILES:
            return False
        return _mean_in_errors(_asymmetry(appearances) @ self.light) < OPPOSITE_LIGHT


def thinned(appearances: np.ndarray) -> np.ndarray:
    """At most MOST_TILES of the appearances (n, k), evenly among them."""
    numbers = np.linspace(0, len(appearances) - 1, min(len(appearances), MOST_TILES)).round().astype(int)
    return appearances[numbers]


def checked_appearances(stated: object) -> np.ndarray | None:
    """The appearances (n, k) that a calibration states, None where it states none; ValueError for anything else."""
    if stated is None:
        return None
    appearances = np.asarray(stated, float)
    if appearances.ndim != 2 or appearances.shape[1] != len(STATISTICS) or not np.isfinite(appearances).all():
        raise ValueError("appearances are no table of finite numbers")
    if len(appearances) > MOST_TILES:
        raise ValueError(f"appearances has more than {MOST_TILES} rows")
    return appearances


def _light(appearances: np.ndarray) -> np.ndarray | None:
    asymmetry = _asymmetry(appearances)
    mean = asymmetry.mean(axis=0)
    towards = mean / max(float(np.linalg.norm(mean)), 1e-9)
    return towards if _mean_in_errors(asymmetry @ towards) > SURE_LIGHT else None


def _asymmetry(appearances: np.ndarray) -> np.ndarray:
    """The skewness of slopes along columns and rows (n, 2)."""
    return appearances[:, [STATISTICS.index(f"asymmetry_{axis}_{LIGHT_BLUR_PX:g}") for axis in ("columns", "rows")]]


def _mean_in_errors(values: np.ndarray) -> float:
    return float(values.mean() / max(values.std(ddof=1) / np.sqrt(len(values)), 1e-9))


def _distances(appearances: np.ndarray, mean: np.ndarray, precision: np.ndarray) -> np.ndarray:
    away = appearances - mean
    return np.sqrt(np.einsum("ij,jk,ik->i", away, precision, away))


def _tolerances() -> np.ndarray:
    return np.array([TOLERANCES[name.split("_")[0]] for name in STATISTICS])
