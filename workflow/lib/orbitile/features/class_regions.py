"""Regions of pixels of one class, and small ones among them joined to the class around them."""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

CLASSES = 256
"""More than there are numbers of classes."""
UPPER, LOWER, LEFT, RIGHT = np.s_[:-1, :], np.s_[1:, :], np.s_[:, :-1], np.s_[:, 1:]
SIDES = ((UPPER, LOWER), (LOWER, UPPER), (LEFT, RIGHT), (RIGHT, LEFT))
"""Pixels, and their neighbours on a side."""


def join_small_regions(numbers: np.ndarray, valid: np.ndarray, smallest_px: Sequence[int]) -> np.ndarray:
    """Numbers of classes (rows, columns; uint8) in which small regions have the class that surrounds them.

    A region is the valid pixels of a class that hang together by their sides; `smallest_px` (classes) is how many make
    one that stays. A smaller one gets the class of the regions that stay with which it shares the longest border, of
    equal ones the lowest; without any it stays, too. What becomes of a pixel depends on pixels no farther away than
    twice the largest of `smallest_px`.
    """
    regions, is_small = _regions(numbers, valid, smallest_px)
    small, around = _borders(regions, numbers, is_small)
    keys, length = np.unique(small.astype(np.int64) * CLASSES + around, return_counts=True)
    region, number = np.divmod(keys, CLASSES)
    order = np.lexsort((number, -length, region))
    _, first = np.unique(region[order], return_index=True)
    best = order[first]
    classes = np.zeros(len(is_small), np.uint8)
    classes[region[best]] = number[best]
    changes = np.zeros(len(is_small), bool)
    changes[region[best]] = True
    return np.where(changes[regions], classes[regions], numbers)


def _regions(numbers: np.ndarray, valid: np.ndarray, smallest_px: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """The number of each pixel's region (0 without data), and which regions are small."""
    regions, is_small = np.zeros(numbers.shape, np.int32), [np.zeros(1, bool)]
    total = 0
    for number in np.unique(numbers[valid]):
        labels, count = ndimage.label(valid & (numbers == number))
        is_small.append(np.bincount(labels.ravel(), minlength=count + 1)[1:] < smallest_px[number])
        regions = np.where(labels > 0, labels + total, regions)
        total += count
    return regions, np.concatenate(is_small)


def _borders(regions: np.ndarray, numbers: np.ndarray, is_small: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each side of a pixel between a small region and one that stays: the small one, and the other's class."""
    pairs = []
    for inner, outer in SIDES:
        is_border = is_small[regions[inner]] & (regions[outer] > 0) & ~is_small[regions[outer]]
        pairs.append((regions[inner][is_border], numbers[outer][is_border]))
    small, around = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    return small, around
