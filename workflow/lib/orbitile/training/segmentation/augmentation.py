"""Random changes of training tiles to which a network should be insensitive: contrast, noise, direction, size."""

import math
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
PROBABILITIES = ("clahe", "noise", "perspective", "rotation", "zoom", "flip", "tone", "blur")
RANGES = ("noise_sigma", "perspective_scale", "blur_sigma")


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

    `rotation` turns by up to `rotation_deg` either way, `zoom` changes the size by up to the factor `zoom_factor`
    either way, `flip` mirrors left and right, and with the same probability up and down. `tone` multiplies grey values
    by exp(-`contrast` to `contrast`) about the middle and moves them by up to `brightness`, a share of the range;
    `blur` smooths by a standard deviation in pixels drawn from `blur_sigma`. `quarter_turns`: whether tiles with
    features come in all four orientations.
    """

    clahe: float = 0.5
    clahe_clip: float = 2.0
    noise: float = 0.5
    noise_sigma: tuple[float, float] = (0.0075, 0.0125)
    perspective: float = 0.5
    perspective_scale: tuple[float, float] = (0.1, 0.3)
    quarter_turns: bool = True
    rotation: float = 0.0
    rotation_deg: float = 20.0
    zoom: float = 0.0
    zoom_factor: float = 1.3
    flip: float = 0.0
    tone: float = 0.0
    contrast: float = 0.4
    brightness: float = 0.14
    blur: float = 0.0
    blur_sigma: tuple[float, float] = (0.5, 1.5)

    def __post_init__(self) -> None:
        wrong = [name for name in PROBABILITIES if not 0 <= getattr(self, name) <= 1]
        wrong += [name for name in RANGES if not _is_range(getattr(self, name))]
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
        if self.zoom_factor < 1:
            raise OrbitileError(
                f"segmentation_training.augmentation.zoom_factor: {self.zoom_factor}; at least 1, which changes nothing"
            )

    def apply(self, pixels: LabelledPixels, rng: np.random.Generator) -> LabelledPixels:
        """Change a tile at random; pixels without a source in it become not valid.

        Rotation, zoom, flips, tone and blur draw from a generator of their own: the other changes are the same with
        and without them, and each of them is the same whatever else is changed.
        """
        further = rng.spawn(1)[0]
        is_seen_aslant, is_equalised, is_noisy = rng.random(3) < (self.perspective, self.clahe, self.noise)
        chances, strengths = further.random(6), further.uniform(-1, 1, 4)
        is_turned, is_zoomed, is_toned, is_blurred, is_mirrored, is_upside_down = chances < (
            self.rotation, self.zoom, self.tone, self.blur, self.flip, self.flip
        )  # fmt: skip
        pixels = flipped(pixels, is_mirrored, is_upside_down)
        shape, matrices = pixels.labels.shape, []
        if is_turned or is_zoomed:
            degrees, zoom = is_turned * strengths[0] * self.rotation_deg, self.zoom_factor ** (is_zoomed * strengths[1])
            matrices.append(turn_matrix(shape, degrees, zoom))
        if is_seen_aslant:
            matrices.append(perspective_matrix(shape, rng.uniform(*self.perspective_scale), rng))
        if matrices:
            pixels = moved(pixels, matrices[-1] if len(matrices) == 1 else matrices[1] @ matrices[0])
        image = pixels.image
        if is_equalised:
            image = equalised(image, self.clahe_clip)
        if is_toned:
            image = toned(image, math.exp(strengths[2] * self.contrast), strengths[3] * self.brightness)
        if is_blurred:
            image = blurred(image, further.uniform(*self.blur_sigma))
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


def toned(image: np.ndarray, factor: float, shift: float) -> np.ndarray:
    """An image (uint8) with its grey values multiplied about the middle and moved by a share of 255."""
    return np.clip(np.rint((image.astype(np.float32) - 127.5) * factor + 127.5 + 255 * shift), 0, 255).astype(np.uint8)


def blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    """An image (channels, rows, columns; uint8) smoothed by a Gaussian of a standard deviation in pixels."""
    if sigma <= 0:
        return image
    return np.stack([cv2.GaussianBlur(np.ascontiguousarray(channel), (0, 0), sigma) for channel in image])


def flipped(pixels: LabelledPixels, mirrored: bool, upside_down: bool) -> LabelledPixels:
    """A tile with left and right, and top and bottom, exchanged."""
    columns, rows = slice(None, None, -1 if mirrored else 1), slice(None, None, -1 if upside_down else 1)
    return LabelledPixels(*(np.ascontiguousarray(layer[..., rows, columns]) for layer in pixels))


def turn_matrix(shape: tuple[int, ...], degrees: float, factor: float) -> np.ndarray:
    """The matrix (3, 3) that turns a tile of (rows, columns) counter-clockwise about its middle, and enlarges it."""
    height, width = shape
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, factor)
    return np.vstack([turn, [0, 0, 1]])


def perspective_matrix(shape: tuple[int, ...], scale: float, rng: np.random.Generator) -> np.ndarray:
    """The matrix (3, 3) that shows a tile of (rows, columns) from the side.

    Each corner moves inwards by up to `scale` times half the side, along each axis, as in torchvision's random
    perspective.
    """
    height, width = shape
    corners = np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], np.float32)
    inwards = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * rng.random((4, 2)) * scale / 2 * (width, height)
    return cv2.getPerspectiveTransform(corners, (corners + inwards).astype(np.float32))


def moved(pixels: LabelledPixels, matrix: np.ndarray) -> LabelledPixels:
    """A tile whose pixels are moved by a matrix (3, 3) of columns and rows; not valid where nothing comes from it.

    Grey values are interpolated, labels and validity are not.
    """
    image = np.stack([_warped(channel, matrix, cv2.INTER_LINEAR, FILL) for channel in pixels.image])
    labels, points = (_warped(plane, matrix, cv2.INTER_NEAREST, NOT_VALID) for plane in (pixels.labels, pixels.points))
    valid = _warped(pixels.valid.view(np.uint8), matrix, cv2.INTER_NEAREST, 0).view(bool)
    return LabelledPixels(image, labels, valid, points)


def _warped(plane: np.ndarray, matrix: np.ndarray, interpolation: int, outside: int) -> np.ndarray:
    return cv2.warpPerspective(np.ascontiguousarray(plane), matrix, plane.shape[::-1], flags=interpolation,
                               borderMode=cv2.BORDER_CONSTANT, borderValue=outside)  # fmt: skip
