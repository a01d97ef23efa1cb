"""Random changes of training tiles to which a network should be insensitive: contrast, noise, viewing angle."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from orbitile.base.errors import OrbitileError
from orbitile.rasters.stretch import FILL
from orbitile.training.segmentation.tiles import NOT_VALID

CLAHE_TILES = (8, 8)
MAX_PERSPECTIVE = 0.66
"""Below 2/3 a corner cannot cross the line between its neighbours."""


class LabelledPixels(NamedTuple):
    """A tile: pixels (channels, rows, columns) and labels (rows, columns), both uint8, and where data is (bool).

    `points` (rows, columns; uint8) are labels known at single pixels, NOT_VALID at all others.
    """

    image: np.ndarray
    labels: np.ndarray
    valid: np.ndarray
    points: np.ndarray


@dataclass(frozen=True)
class TileAugmentation:
    """How probable each change is (0..1), and how strong it may be.

    `clahe_clip` limits the contrast, as OpenCV counts it: from 4 on, noise and stripes of the detector are as strong
    as what is to be mapped. Noise is in shares of the grey values' range. Corners move inwards by at most half the side
    times a factor drawn from `perspective_scale`: up to 0.3 looks like a slanting view, above MAX_PERSPECTIVE tiles
    may fold, as they would with the 0.5 to 1.5 of the paper on IMFMapper.
    """

    clahe: float = 0.5
    clahe_clip: float = 2.0
    noise: float = 0.5
    noise_sigma: tuple[float, float] = (0.0075, 0.0125)
    perspective: float = 0.5
    perspective_scale: tuple[float, float] = (0.1, 0.3)

    def __post_init__(self) -> None:
        wrong = [name for name in ("clahe", "noise", "perspective") if not 0 <= getattr(self, name) <= 1]
        wrong += [name for name in ("noise_sigma", "perspective_scale") if not _is_range(getattr(self, name))]
        if wrong:
            raise OrbitileError(
                f"segmentation_training.augmentation.{wrong[0]}: {getattr(self, wrong[0])} is neither a probability "
                "0..1 nor a range of two numbers, the smaller one first"
            )
        if max(self.perspective_scale) > MAX_PERSPECTIVE:
            raise OrbitileError(
                f"segmentation_training.augmentation.perspective_scale: {max(self.perspective_scale)}; "
                f"the largest that never folds a tile is {MAX_PERSPECTIVE}"
            )

    def apply(self, pixels: LabelledPixels, rng: np.random.Generator) -> LabelledPixels:
        """Change a tile at random; pixels without a source in it become not valid."""
        is_seen_aslant, is_equalised, is_noisy = rng.random(3) < (self.perspective, self.clahe, self.noise)
        if is_seen_aslant:
            pixels = perspective(pixels, rng.uniform(*self.perspective_scale), rng)
        image = pixels.image
        if is_equalised:
            image = equalised(image, self.clahe_clip)
        if is_noisy:
            image = noisy(image, rng.uniform(*self.noise_sigma), rng)
        return pixels._replace(image=np.where(pixels.valid, image, np.uint8(FILL)))


def _is_range(limits: Sequence[float]) -> bool:
    return len(limits) == 2 and 0 <= limits[0] <= limits[1]


def rotated(pixels: LabelledPixels, quarters: int) -> LabelledPixels:
    """A tile rotated counter-clockwise by quarters of a turn."""
    return LabelledPixels(*(np.ascontiguousarray(np.rot90(layer, quarters, axes=(-2, -1))) for layer in pixels))


def equalised(image: np.ndarray, clip: float) -> np.ndarray:
    """Contrast-limited adaptive histogram equalisation (Pizer et al. 1987) of each of (channels, rows, columns)."""
    clahe = cv2.createCLAHE(clip, CLAHE_TILES)
    return np.stack([clahe.apply(np.ascontiguousarray(channel)) for channel in image])


def noisy(image: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """An image (uint8) with Gaussian noise, whose standard deviation is a share of 255."""
    noise = rng.standard_normal(image.shape, np.float32) * np.float32(255 * sigma)
    return np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)


def perspective(pixels: LabelledPixels, scale: float, rng: np.random.Generator) -> LabelledPixels:
    """A tile seen from the side: each corner moves inwards by up to `scale` times half the side, along each axis.

    As torchvision's random perspective does. Grey values are interpolated, labels and validity are not.
    """
    height, width = pixels.labels.shape
    corners = np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], np.float32)
    inwards = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * rng.random((4, 2)) * scale / 2 * (width, height)
    matrix = cv2.getPerspectiveTransform(corners, (corners + inwards).astype(np.float32))
    image = np.stack([_warped(channel, matrix, cv2.INTER_LINEAR, FILL) for channel in pixels.image])
    labels, points = (_warped(plane, matrix, cv2.INTER_NEAREST, NOT_VALID) for plane in (pixels.labels, pixels.points))
    valid = _warped(pixels.valid.view(np.uint8), matrix, cv2.INTER_NEAREST, 0).view(bool)
    return LabelledPixels(image, labels, valid, points)


def _warped(plane: np.ndarray, matrix: np.ndarray, interpolation: int, outside: int) -> np.ndarray:
    return cv2.warpPerspective(np.ascontiguousarray(plane), matrix, plane.shape[::-1], flags=interpolation,
                               borderMode=cv2.BORDER_CONSTANT, borderValue=outside)  # fmt: skip
