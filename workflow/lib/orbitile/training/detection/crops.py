"""Training tiles cut out of scenes at any place, turned and scaled, with changes of brightness and sharpness."""

import math
from dataclasses import dataclass
from typing import NamedTuple, Self

import cv2
import numpy as np

from orbitile.rasters.stretch import FILL
from orbitile.space.grids import Window
from orbitile.training.detection.recipe import CropAugmentation

SHARPER_FROM = 1.2
"""Tiles enlarged by more are interpolated cubically."""
LEAST_VISIBLE, SURELY_VISIBLE = 0.5, 0.6
"""Craters of which the tile shows a smaller share of the box than the first are left out; of which it shows more than
the second, learnt; those between count neither as right nor as wrong."""
LEAST_PX = 6
"""Smaller boxes in a tile count neither as right nor as wrong: a network of stride 8 cannot place them."""
LARGEST_SHARE = 0.75
"""Neither do boxes that take a larger share of the tile's side."""


class Crop(NamedTuple):
    """A training tile.

    `image` (bands, side, side; uint8) are its grey values, `boxes` (n, 4: left, top, right, bottom) are in pixels,
    `agreement` (n) is 0..1, where 0 counts neither as right nor as wrong. `smallest_px` is the size below which boxes
    that are not labelled count neither as right nor as wrong.
    """

    image: np.ndarray
    boxes: np.ndarray
    agreement: np.ndarray
    smallest_px: float


@dataclass(frozen=True)
class Placement:
    """Where a tile of `side` pixels lies in a scene: x' = linear @ x + shift takes scene pixels to tile pixels."""

    linear: np.ndarray
    shift: np.ndarray
    side: int

    @classmethod
    def draw(cls, centre: np.ndarray, side: int, changes: CropAugmentation, rng: np.random.Generator) -> Self:
        """A tile around a point (2; scene pixels), turned, mirrored and scaled at random."""
        scale = math.exp(rng.uniform(-changes.zoom, changes.zoom))
        angle = math.radians(rng.uniform(-changes.turn_deg, changes.turn_deg))
        quarters, mirrors = int(rng.integers(4)), rng.random(2) < 0.5
        mirror = np.eye(2)
        if changes.sun == "any":
            angle += quarters * math.pi / 2
            mirror = np.diag([-1.0 if mirrors[0] else 1.0, 1.0])
        elif changes.sun == "mirrored":
            mirror = np.diag(np.where(mirrors, -1.0, 1.0))
        turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        linear = scale * turn @ mirror
        return cls(linear, np.full(2, side / 2) - linear @ centre, side)

    @property
    def scale(self) -> float:
        """Tile pixels along a scene pixel."""
        return math.sqrt(abs(np.linalg.det(self.linear)))

    @property
    def window(self) -> Window:
        """The pixels of the scene that the tile needs, with a margin for interpolation."""
        corners = (np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) * self.side - self.shift) @ np.linalg.inv(self.linear).T
        low, high = np.floor(corners.min(axis=0)).astype(int) - 4, np.ceil(corners.max(axis=0)).astype(int) + 4
        return Window(int(low[0]), int(low[1]), *(high - low).tolist())

    def image(self, pixels: np.ndarray) -> np.ndarray:
        """The tile (bands, side, side) out of the pixels (bands, rows, columns) of `window`."""
        corner = np.array([self.window.col, self.window.row])
        shift = self.linear @ (corner + 0.5) + self.shift - 0.5  # between centres of pixels, as OpenCV counts
        matrix, size = np.column_stack([self.linear, shift]), (self.side, self.side)
        flags = cv2.INTER_CUBIC if self.scale > SHARPER_FROM else cv2.INTER_LINEAR
        return np.stack([
            cv2.warpAffine(np.ascontiguousarray(band), matrix, size, flags=flags, borderValue=FILL) for band in pixels
        ])  # fmt: skip

    def boxes(self, boxes: np.ndarray) -> np.ndarray:
        """Boxes (n, 4) around axis-parallel ellipses, after the map.

        The corners' box, which detection toolkits use, grows by up to 41 % when a circle is turned. The exact
        half-widths of an ellipse with semi-axes a, b under a linear map m are sqrt((m00 a)^2 + (m01 b)^2) and
        sqrt((m10 a)^2 + (m11 b)^2).
        """
        centre, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2
        centre, half = centre @ self.linear.T + self.shift, np.sqrt(half**2 @ (self.linear**2).T)
        return np.concatenate([centre - half, centre + half], axis=1)


class VisibleBoxes(NamedTuple):
    """Boxes (n, 4) as a tile shows them, and the agreement (n) on each."""

    boxes: np.ndarray
    agreement: np.ndarray

    @classmethod
    def of(cls, boxes: np.ndarray, agreement: np.ndarray, side: int) -> Self:
        """Those of boxes (n, 4; tile pixels) that show in a tile; 0 for those that count neither way."""
        cut, size = np.clip(boxes, 0, side), boxes[:, 2:] - boxes[:, :2]
        cut_size = np.maximum(cut[:, 2:] - cut[:, :2], 0)
        visible = cut_size.prod(axis=1) / np.maximum(size.prod(axis=1), 1e-9)
        mean_px = size.mean(axis=1)
        is_doubtful = (visible < SURELY_VISIBLE) | (mean_px < LEAST_PX) | (mean_px > LARGEST_SHARE * side)
        is_shown = (visible >= LEAST_VISIBLE) & (cut_size.min(axis=1, initial=np.inf) > 1)
        return cls(cut[is_shown], np.where(is_doubtful, 0.0, agreement)[is_shown])


def changed_tones(image: np.ndarray, changes: CropAugmentation, rng: np.random.Generator) -> np.ndarray:
    """Grey values (bands, rows, columns; uint8) with random contrast, brightness, gamma, blur and noise.

    All but the noise is alike in all bands.
    """
    has_tone, has_gamma, is_blurred, is_noisy = rng.random(4) < (
        changes.tone, changes.gamma, changes.blur, changes.noise
    )  # fmt: skip
    factor, shift = math.exp(rng.uniform(-changes.contrast, changes.contrast)), rng.uniform(-1, 1) * changes.brightness
    power, sigma_px, sigma = (
        math.exp(rng.uniform(-0.4, 0.4)),
        rng.uniform(0.4, 1.2),
        rng.uniform(0, changes.noise_sigma),
    )
    values = image.astype(np.float32) / 255
    if has_tone:
        values = (values - 0.5) * factor + 0.5 + shift
    if has_gamma:
        values = np.clip(values, 0, 1) ** power
    if is_blurred:
        values = np.stack([cv2.GaussianBlur(band, (0, 0), sigma_px) for band in values])
    if is_noisy:
        values = values + sigma * rng.standard_normal(values.shape, np.float32)
    return np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
