"""Test-time augmentation: views of a tile, mirrored, turned or shifted, and how their boxes are fused."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch

from orbitile.inference.models.tile_views import D4_VIEWS
from orbitile.rasters.stretch import FILL

SHIFT_ROOM_PX = 32
"""Pixels by which the image of a shifted tile is larger, filled with grey, so that nothing of the tile is lost: the
largest stride of networks, of which sides must be multiples."""


@dataclass(frozen=True)
class TileView:
    """A view of square tiles: rows and columns exchanged, then mirrored along both axes, then shifted."""

    transposed: bool = False
    mirrored_x: bool = False
    mirrored_y: bool = False
    shift_px: int = 0

    def of_images(self, images: torch.Tensor) -> torch.Tensor:
        """The view of images (n, channels, side, side); of a shifted view, sides are SHIFT_ROOM_PX longer."""
        if self.transposed:
            images = images.transpose(-1, -2)
        axes = [axis for axis, mirrored in ((-1, self.mirrored_x), (-2, self.mirrored_y)) if mirrored]
        images = images.flip(axes) if axes else images
        if not self.shift_px:
            return images
        after = SHIFT_ROOM_PX - self.shift_px
        return torch.nn.functional.pad(images, (self.shift_px, after, self.shift_px, after), value=FILL)

    def to_tile(self, corners: torch.Tensor, side: int) -> torch.Tensor:
        """Boxes (n, 4: left, top, right, bottom) of the view in pixels of the tiles, which have a side in pixels."""
        left, top, right, bottom = (corners - self.shift_px).unbind(dim=1)
        if self.mirrored_x:
            left, right = side - right, side - left
        if self.mirrored_y:
            top, bottom = side - bottom, side - top
        if self.transposed:
            left, top, right, bottom = top, left, bottom, right
        return torch.stack([left, top, right, bottom], dim=1)


PLAIN_VIEW = TileView()


@dataclass(frozen=True)
class ViewFusion:
    """The views of every tile, the tile as it is first, and how their boxes are fused.

    Boxes that overlap by more than `iou_threshold` are the same object; fused ones of a score below `score_threshold`
    are dropped.
    """

    views: tuple[TileView, ...] = (PLAIN_VIEW,)
    iou_threshold: float = 0.55
    score_threshold: float = 0.0

    @classmethod
    def of(cls, choice: dict[str, Any] | None, score_threshold: float) -> Self:
        """From the settings' `model.test_time` and the score below which boxes are dropped; None: a single view."""
        if choice is None:
            return cls()
        shifts: Sequence[int] = choice["shifts_px"]
        views = [TileView(*D4_VIEWS[name]) for name in choice["views"]]
        shifted = [TileView(shift_px=shift) for shift in shifts]
        return cls((PLAIN_VIEW, *views, *shifted), choice["iou_threshold"], score_threshold)


SINGLE_VIEW = ViewFusion()
