"""Resampling of an image, pixel by pixel of the map."""

import numpy as np

from orbitile.base.compiled import compiled

NEGLIGIBLE = 1e-3
"""Share of a pixel's value below which a neighbour does not count, nor what is wrong with it."""


@compiled
def _between(first, second, share):
    """Linear between two values; a value of no weight may be NaN."""
    if share == 0:
        return first
    return first + (second - first) * share


@compiled
def _row_of_nodes(image_xy, down, row_xy):
    """Write coordinates in the image (n, 2) at all columns of nodes, in a row `down` cells below the first node."""
    j = min(max(int(np.floor(down)), 0), image_xy.shape[0] - 2)
    for i in range(image_xy.shape[1]):
        for axis in range(2):
            row_xy[i, axis] = _between(image_xy[j, i, axis], image_xy[j + 1, i, axis], down - j)


@compiled
def _tap(position, length):
    """The pixels left and right of a position on a row of pixels, held inside the row, and the right one's share."""
    first = int(np.floor(position - 0.5))
    share = position - 0.5 - first
    if share < NEGLIGIBLE:
        share = 0.0
    elif share > 1 - NEGLIGIBLE:
        share = 0.0
        first += 1
    return min(max(first, 0), length - 1), min(max(first + 1, 0), length - 1), share


@compiled
def _at_border(pixels, valid, corner, size, x, y):
    """As `_sample`, for places where not all four pixels around them need to exist, or to count."""
    if not (0 <= x <= size[0] and 0 <= y <= size[1]):
        return 0.0, False
    left, right, u = _tap(x, size[0])
    top, bottom, v = _tap(y, size[1])
    left, right, top, bottom = left - corner[0], right - corner[0], top - corner[1], bottom - corner[1]
    if left < 0 or top < 0 or max(left, right) >= pixels.shape[1] or max(top, bottom) >= pixels.shape[0]:
        return 0.0, False
    is_valid = valid[top, left] and (u == 0 or valid[top, right])
    value = _between(float(pixels[top, left]), float(pixels[top, right]), u)
    if v > 0:
        is_valid = is_valid and valid[bottom, left] and (u == 0 or valid[bottom, right])
        value += (_between(float(pixels[bottom, left]), float(pixels[bottom, right]), u) - value) * v
    return value, is_valid


@compiled
def _sample(pixels, valid, corner, size, x, y):
    """Value at (x, y) by bilinear interpolation, and whether it is inside and all pixels that count are valid.

    `pixels` begin at column and row `corner` of an image of width and height `size`. Within half a pixel of the image's
    border the outermost pixels are continued.
    """
    right, down = x - 0.5 - corner[0], y - 0.5 - corner[1]
    if right >= 0 and down >= 0 and right < pixels.shape[1] - 1 and down < pixels.shape[0] - 1:
        c, r = int(right), int(down)
        u, v = right - c, down - r
        if min(u, v) >= NEGLIGIBLE and max(u, v) <= 1 - NEGLIGIBLE:
            above = pixels[r, c] + (float(pixels[r, c + 1]) - pixels[r, c]) * u
            below = pixels[r + 1, c] + (float(pixels[r + 1, c + 1]) - pixels[r + 1, c]) * u
            is_valid = valid[r, c] & valid[r, c + 1] & valid[r + 1, c] & valid[r + 1, c + 1]
            return above + (below - above) * v, is_valid
    return _at_border(pixels, valid, corner, size, x, y)


@compiled
def _add_row(pixels, valid, corner, size, row_xy, spacing, first, samples, total, count):
    """Add valid values, `samples` to each pixel of a row of the map that begins `first` px from the first node."""
    last, share, step = row_xy.shape[0] - 2, 1 / spacing, 1 / samples
    for c in range(total.size):
        for sample in range(samples):
            across = (first + c + (sample + 0.5) * step - 0.5) * share
            i = min(max(int(across), 0), last)
            x = _between(row_xy[i, 0], row_xy[i + 1, 0], across - i)
            y = _between(row_xy[i, 1], row_xy[i + 1, 1], across - i)
            value, is_valid = _sample(pixels, valid, corner, size, x, y)
            if is_valid:
                total[c] += value
                count[c] += 1


@compiled
def resample(pixels, valid, corner, size, image_xy, spacing, first, samples, rounds, out, out_valid):
    """Fill a part of the map `out` (rows, columns), and where it is valid.

    `pixels`, `valid`, `corner` and `size` as in `_sample`; `image_xy` are the nodes of the part's block, `spacing` px
    apart, and `first` the part's first column and row in the block. A pixel is the mean of `samples` (columns, rows)
    values spread evenly over it, of those that are valid, and valid if at least half of them are. `rounds`: whether
    values are rounded to integers.
    """
    row_xy = np.empty((image_xy.shape[1], 2))
    total, count = np.empty(out.shape[1]), np.empty(out.shape[1], np.int64)
    for r in range(out.shape[0]):
        total[:], count[:] = 0, 0
        for sample in range(samples[1]):
            _row_of_nodes(image_xy, (first[1] + r + (sample + 0.5) / samples[1] - 0.5) / spacing, row_xy)
            _add_row(pixels, valid, corner, size, row_xy, spacing, first[0], samples[0], total, count)
        for c in range(out.shape[1]):
            if count[c] > 0 and 2 * count[c] >= samples[0] * samples[1]:
                out[r, c] = np.rint(total[c] / count[c]) if rounds else total[c] / count[c]
                out_valid[r, c] = True
