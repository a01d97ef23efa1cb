"""Changes of training tiles that a network shall not care about: contrast, noise, viewing angle."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from orbitile.errors import OrbitileError
from orbitile.rasters.read import FILL
from orbitile.training.segmentation.tiles import NOT_VALID

CLAHE_TILES = (8, 8)
MOST_PERSPECTIVE = 0.66
"""Below 2/3 a corner cannot cross the line between its neighbours."""


class Pixels(NamedTuple):
    """A tile: grey values (channels, rows, columns) and labels (rows, columns), both uint8, and where data is."""

    image: np.ndarray
    labels: np.ndarray
    valid: np.ndarray


@dataclass(frozen=True)
class Augmentation:
    """How probable each change is (0..1), and how strong it may be.

    `clahe_clip` limits the contrast, as OpenCV counts it: from 4 on, noise and stripes of the detector are as strong
    as what is to be mapped. Noise is in shares of the grey values' range. Corners move inwards by at most half the side
    times a factor drawn from `perspective_scale`: up to 0.3 looks like a slanting view, above MOST_PERSPECTIVE tiles
    may fold, as they would with the 0.5 to 1.5 of the paper on IMFMapper.
    """

    clahe: float = 0.5
    clahe_clip: float = 2.0
    noise: float = 0.5
    noise_sigma: tuple[float, float] = (0.0075, 0.0125)
    perspective: float = 0.5
    perspective_scale: tuple[float, float] = (0.1, 0.3)

    def __post_init__(self) -> None:
        chances = {name: getattr(self, name) for name in ("clahe", "noise", "perspective")}
        wrong = [name for name, chance in chances.items() if not 0 <= chance <= 1]
        wrong += [name for name in ("noise_sigma", "perspective_scale") if not _is_range(getattr(self, name))]
        if wrong:
            raise OrbitileError(f"training.augmentation.{wrong[0]}: {getattr(self, wrong[0])} is neither a probability "
                                "0..1 nor a range of two numbers, the smaller one first")  # fmt: skip
        if max(self.perspective_scale) > MOST_PERSPECTIVE:
            raise OrbitileError(f"training.augmentation.perspective_scale: above {MOST_PERSPECTIVE} tiles may fold")

    def apply(self, pixels: Pixels, rng: np.random.Generator) -> Pixels:
        """Change a tile as the random numbers say; what gets no pixel of it is not valid."""
        by_chance = rng.random(3) < (self.perspective, self.clahe, self.noise)
        if by_chance[0]:
            pixels = perspective(pixels, rng.uniform(*self.perspective_scale), rng)
        image = pixels.image
        if by_chance[1]:
            image = equalised(image, self.clahe_clip)
        if by_chance[2]:
            image = noisy(image, rng.uniform(*self.noise_sigma), rng)
        return pixels._replace(image=np.where(pixels.valid, image, np.uint8(FILL)))


def _is_range(given: Sequence[float]) -> bool:
    return len(given) == 2 and 0 <= given[0] <= given[1]


def turned(pixels: Pixels, quarters: int) -> Pixels:
    """A tile turned counter-clockwise by quarters of a turn."""
    return Pixels(*(np.ascontiguousarray(np.rot90(one, quarters, axes=(-2, -1))) for one in pixels))


def equalised(image: np.ndarray, clip: float) -> np.ndarray:
    """Contrast-limited adaptive histogram equalisation (Pizer et al. 1987) of each channel."""
    method = cv2.createCLAHE(clip, CLAHE_TILES)
    return np.stack([method.apply(np.ascontiguousarray(channel)) for channel in image])


def noisy(image: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """An image with Gaussian noise, whose standard deviation is a share of the range of grey values."""
    noise = rng.standard_normal(image.shape, np.float32) * np.float32(255 * sigma)
    return np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)


def perspective(pixels: Pixels, scale: float, rng: np.random.Generator) -> Pixels:
    """A tile seen from the side: each corner moves inwards by up to `scale` times half the side, along each axis.

    As torchvision's random perspective does. Grey values are interpolated, labels and validity are not.
    """
    height, width = pixels.labels.shape
    corners = np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], np.float32)
    inwards = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * rng.random((4, 2)) * scale / 2 * (width, height)
    matrix = cv2.getPerspectiveTransform(corners, (corners + inwards).astype(np.float32))
    image = np.stack([_warped(channel, matrix, cv2.INTER_LINEAR, FILL) for channel in pixels.image])
    labels = _warped(pixels.labels, matrix, cv2.INTER_NEAREST, NOT_VALID)
    return Pixels(image, labels, _warped(pixels.valid.view(np.uint8), matrix, cv2.INTER_NEAREST, 0).view(bool))


def _warped(plane: np.ndarray, matrix: np.ndarray, how: int, outside: int) -> np.ndarray:
    return cv2.warpPerspective(np.ascontiguousarray(plane), matrix, plane.shape[::-1], flags=how,
                               borderMode=cv2.BORDER_CONSTANT, borderValue=outside)  # fmt: skip
