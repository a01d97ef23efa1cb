"""How tiles look to a network: brightness, contrast, roughness at several lengths, the side that light comes from."""

from collections.abc import Callable, Sequence

import numpy as np

from orbitile.space.grids import Window

SIDE_PX = 256
"""Of the middle of a tile, which stands for it."""
BLURS_PX = (0.0, 1.5, 4.0)
"""Standard deviations of the Gaussian filters before slopes of grey values are taken."""
AXES = ("columns", "rows")
STATISTICS = (
    "brightness", "contrast", *(f"{name}_{axis}_{blur:g}" for blur in BLURS_PX for axis in AXES
                                for name in ("roughness", "asymmetry")),
)  # fmt: skip
"""The values of an appearance: the mean grey value; logarithms of the standard deviations of grey values and of their
slopes; the skewness of slopes, which changes its sign where light comes from the other side."""
TILES_PER_SCENE = 32
ReadGrey = Callable[[Window], tuple[np.ndarray, np.ndarray]]
FLAT = 0.1
"""Added to standard deviations in grey values, so that plain images have logarithms, too."""


def appearance(grey: np.ndarray) -> np.ndarray:
    """The STATISTICS (float32) of a grey image (rows, columns; 0..255) without pixels that hold no data."""
    from scipy.ndimage import gaussian_filter  # slow to import; most users only want the names

    grey = np.asarray(grey, np.float32)
    values = [float(grey.mean()), _logarithm(grey.std())]
    for blur in BLURS_PX:
        smooth = gaussian_filter(grey, blur) if blur else grey
        for axis in (1, 0):
            slope = np.diff(smooth, axis=axis)
            values += [_logarithm(slope.std()), _skewness(slope)]
    return np.array(values, np.float32)


def tile_appearances(read: ReadGrey, windows: Sequence[Window]) -> list[np.ndarray | None]:
    """The appearance of tiles: of the middle of each window, as the mean of its bands.

    `read` gives the grey values of a window (bands, rows, columns; 0..255), and which of them are valid (rows,
    columns). None for tiles that hold pixels without data there, and for all but TILES_PER_SCENE, which lie evenly
    among them.
    """
    chosen = set(np.linspace(0, len(windows) - 1, TILES_PER_SCENE).round().astype(int).tolist())
    return [_read_appearance(read, window) if number in chosen else None for number, window in enumerate(windows)]


def _read_appearance(read: ReadGrey, window: Window) -> np.ndarray | None:
    grey, valid = read(_middle(window))
    return appearance(grey.mean(axis=0)) if valid.all() else None


def _middle(window: Window) -> Window:
    width, height = min(window.width, SIDE_PX), min(window.height, SIDE_PX)
    return Window(window.col + (window.width - width) // 2, window.row + (window.height - height) // 2, width, height)


def _logarithm(deviation: float) -> float:
    return float(np.log(deviation + FLAT))


def _skewness(slope: np.ndarray) -> float:
    """The third standardised moment of slopes, squeezed into -1..1, so that single large ones do not decide."""
    deviation = slope.std()
    if deviation < FLAT / 100:
        return 0.0
    steps = slope / deviation
    return float(np.tanh(np.mean(steps * steps * steps) / 3))  # NumPy's power takes 25 times as long
