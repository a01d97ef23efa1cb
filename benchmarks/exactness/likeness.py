"""Are images that a calibration says nothing of noticed? Images of several bodies and lights, compared in pairs.

    .venv/bin/python benchmarks/exactness/likeness.py DATA

DATA is the folder of the data. Each image of a set is compared with all others of that set (leaving it out), with all
of each other set, and with the set's images turned by 180 degrees, brighter, or with noise. Prints how many are unlike.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from orbitile.calibration.likeness import Likeness
from orbitile.rasters.appearance import SIDE_PX, appearance
from orbitile.rasters.read import opened_raster

ROOT = Path(__file__).parents[2]
PERCENTILES = (0.5, 99.5)
LUNAR_STRETCH = (57.0, 217.0)
MOST_TILES = 32
SETS = {
    "CTX": "ctx_mc11e/images/*.png",
    "NAC": "lro_nac/*/*.png",
    "THEMIS": "themis/test/images/*.jpg",
    "lunar relief": "demo/scenes/*.tif",
}
CHANGES: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "turned by 180°": lambda tile, _: tile[::-1, ::-1],
    "turned by 90°": lambda tile, _: tile.T[::-1],
    "30 grey values brighter": lambda tile, _: np.minimum(tile + 30, 255),
    "noise of sigma 8": lambda tile, random: np.clip(tile + random.normal(0, 8, tile.shape), 0, 255),
    "noise of sigma 16": lambda tile, random: np.clip(tile + random.normal(0, 16, tile.shape), 0, 255),
}


def tiles_of(path: Path) -> list[np.ndarray]:
    """Some grey tiles (SIDE_PX, SIDE_PX; 0..255) of an image, stretched as in runs."""
    with opened_raster(str(path)) as source:
        pixels, valid = source.read(1).astype(float), source.read_masks(1) > 0
    low, high = LUNAR_STRETCH if path.suffix == ".tif" else np.percentile(pixels[valid], PERCENTILES)
    grey = np.clip((pixels - low) / (high - low) * 255, 0, 255)
    corners = [(row, col) for row in range(0, grey.shape[0] - SIDE_PX + 1, SIDE_PX)
               for col in range(0, grey.shape[1] - SIDE_PX + 1, SIDE_PX)]  # fmt: skip
    places = [np.s_[row : row + SIDE_PX, col : col + SIDE_PX] for row, col in corners]
    whole = [grey[place] for place in places if valid[place].all()]
    return [whole[number] for number in np.unique(np.linspace(0, len(whole) - 1, MOST_TILES).round().astype(int))]


def appearances(tiles: Sequence[np.ndarray]) -> np.ndarray:
    """Those of tiles (n, k)."""
    return np.stack([appearance(tile) for tile in tiles])


def row(name: str, against: str, calibrations: Sequence[np.ndarray], images: Sequence[np.ndarray]) -> str:
    """How many images are unlike, each compared with a calibration of its own."""
    fits = [Likeness.fit(tiles) for tiles in calibrations]
    unlike = sum(fit.difference(image) is not None for fit, image in zip(fits, images, strict=True) if fit)
    return f"| {name} | {against} | {unlike} of {len(images)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data
    folders = {name: ROOT if glob.startswith("demo/") else data for name, glob in SETS.items()}
    tiles = {
        name: [image for path in sorted(folders[name].glob(glob)) if (image := tiles_of(path))]
        for name, glob in SETS.items()
    }
    looks = {name: [appearances(image) for image in images] for name, images in tiles.items()}
    print("| calibrated on | compared | unlike |\n|---|---|---|")
    for name, images in looks.items():
        others = [np.concatenate(images[:n] + images[n + 1 :]) for n in range(len(images))]
        print(row(name, "each image with all others", others, images), flush=True)
        every = np.concatenate(images)
        for other in (each for each in looks if each != name):
            print(row(name, other, [every] * len(looks[other]), looks[other]), flush=True)
        for change, changed in CHANGES.items():
            random = np.random.default_rng(0)
            new = [appearances([changed(tile, random) for tile in image]) for image in tiles[name]]
            print(row(name, change, [every] * len(new), new), flush=True)


if __name__ == "__main__":
    main()
