"""Made-up scenes of bright discs on noise, which stand for craters in tests of training: called discs, not craters."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from pyproj import CRS

from orbitile.space.ground import Ground
from orbitile.tables.craters import CraterTable
from orbitile.tables.rasters import RasterRow, write_rasters

MOON_M = 1737400.0
WKT = CRS("IAU_2015:30110").to_wkt()
GSD_M = 100.0
BACKGROUND, BRIGHT = 114, 230
"""The background is what is beyond a scene, so that a disc is all that stands out."""


def drawn_disc(shape: tuple[int, int], col: float, row: float, diameter: float) -> np.ndarray:
    """Shares (rows, columns; 0..1) of pixels that a disc covers; places are from the outer upper left corner."""
    rows, cols = np.mgrid[: shape[0], : shape[1]] + 0.5
    return np.clip(diameter / 2 - np.hypot(cols - col, rows - row) + 0.5, 0, 1)


def measured_disc(image: np.ndarray) -> tuple[float, float, float]:
    """Column, row and diameter in pixels of the only disc of an image (rows, columns)."""
    share = (image.astype(float) - BACKGROUND) / (BRIGHT - BACKGROUND)
    rows, cols = np.mgrid[: image.shape[0], : image.shape[1]] + 0.5
    return (share * cols).sum() / share.sum(), (share * rows).sum() / share.sum(), 2 * np.sqrt(share.sum() / np.pi)


def random_discs(side: int, count: int, rng: np.random.Generator, sizes: tuple[float, float]) -> np.ndarray:
    """Columns, rows and diameters (n, 3; pixels) of discs that do not touch each other."""
    discs: list[np.ndarray] = []
    for _ in range(100 * count):
        disc = np.array([*rng.uniform(0, side, 2), rng.uniform(*sizes)])
        if all(np.hypot(*(disc - other)[:2]) > (disc[2] + other[2]) / 2 + 3 for other in discs):
            discs.append(disc)
        if len(discs) == count:
            break
    return np.array(discs)


def write_disc_scene(folder: Path, name: str, discs: np.ndarray, side: int, bands: int = 1, noise: float = 6.0
                     ) -> RasterRow:  # fmt: skip
    """A scene with discs (n, 3); further bands are the first one's negatives by turns."""
    share = np.zeros((side, side))
    for disc in discs:
        share = np.maximum(share, drawn_disc(share.shape, *disc))
    grey = BACKGROUND + (BRIGHT - BACKGROUND) * share
    grey += np.random.default_rng(sum(name.encode())).normal(0, noise, grey.shape) if noise else 0
    pixels = np.clip(np.rint(grey), 0, 255).astype(np.uint8)
    path, transform = folder / f"{name}.tif", Affine(GSD_M, 0, 0, 0, -GSD_M, 0)
    profile = dict(driver="GTiff", width=side, height=side, dtype="uint8", crs=WKT, transform=transform)
    with rasterio.open(path, "w", count=bands, **profile) as sink:
        sink.write(np.stack([pixels if band % 2 == 0 else 255 - pixels for band in range(bands)]))
    return RasterRow(name, GSD_M, str(path), WKT, list(transform)[:6], side, side, 1, [0] * bands, [255] * bands, "")


def write_disc_labels(folder: Path, discs: dict[str, np.ndarray], agreement: Sequence[float] | None = None
                      ) -> CraterTable:  # fmt: skip
    """The table of the discs of scenes that all lie at one place."""
    ground, lines = Ground(WKT, MOON_M), ["scene,lon,lat,diameter_km" + (",agreement" if agreement else "")]
    for name, members in discs.items():
        lon, lat = ground.lonlat(members[:, 0] * GSD_M, -members[:, 1] * GSD_M)
        lines += [f"{name},{x:.9f},{y:.9f},{d * GSD_M / 1000:.6f}"
                  for x, y, d in zip(lon, lat, members[:, 2], strict=True)]  # fmt: skip
    if agreement:
        lines[1:] = [f"{line},{share}" for line, share in zip(lines[1:], agreement, strict=True)]
    (folder / "discs.csv").write_text("\n".join(lines) + "\n")
    return CraterTable(str(folder / "discs.csv"))


def write_disc_run(folder: Path, names: Sequence[str], side: int = 192, count: int = 14, bands: int = 1
                   ) -> tuple[str, CraterTable, dict[str, np.ndarray]]:  # fmt: skip
    """Scenes with discs of 10 to 26 px and their labels: table of rasters, table of craters, discs by scene."""
    rng = np.random.default_rng(1)
    discs = {name: random_discs(side, count, rng, (10, 26)) for name in names}
    rows = [write_disc_scene(folder, name, members, side, bands) for name, members in discs.items()]
    write_rasters(rows, folder / "rasters.parquet")
    return str(folder / "rasters.parquet"), write_disc_labels(folder, discs), discs
