"""Resampling of an image, pixel by pixel of the map."""

import numpy as np

from orbitile.compiled import compiled

NEGLIGIBLE = 1e-3
"""Share of a pixel's value below which a neighbour does not count, nor what is wrong with it."""


@compiled
def _between(one, other, share):
    """Linear between two values; one of no weight may be NaN."""
    if share == 0:
        return one
    return one + (other - one) * share


@compiled
def _node_coordinate(seen, axis, i, u, j, v):
    """A coordinate in the image, bilinear in the cell of nodes that begins at row j, column i."""
    above = _between(seen[j, i, axis], seen[j, i + 1, axis], u)
    if v == 0:
        return above
    return above + (_between(seen[j + 1, i, axis], seen[j + 1, i + 1, axis], u) - above) * v


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
def _sample(pixels, valid, corner, size, x, y):
    """Value at (x, y) by bilinear interpolation, and whether all pixels that count are valid and the place is inside.

    `pixels` begin at column and row `corner` of an image of width and height `size`. Within half a pixel of the image's
    border the outermost pixels go on.
    """
    if not (0 <= x <= size[0] and 0 <= y <= size[1]):
        return 0.0, False
    left, right, u = _tap(x, size[0])
    top, bottom, v = _tap(y, size[1])
    left, right, top, bottom = left - corner[0], right - corner[0], top - corner[1], bottom - corner[1]
    rows, cols = pixels.shape
    if left < 0 or top < 0 or left >= cols or top >= rows:
        return 0.0, False
    if (u > 0 and right >= cols) or (v > 0 and bottom >= rows):
        return 0.0, False
    is_valid = valid[top, left]
    value = float(pixels[top, left])
    if u > 0:
        is_valid = is_valid and valid[top, right]
        value += (float(pixels[top, right]) - value) * u
    if v > 0:
        is_valid = is_valid and valid[bottom, left]
        below = float(pixels[bottom, left])
        if u > 0:
            is_valid = is_valid and valid[bottom, right]
            below += (float(pixels[bottom, right]) - below) * u
        value += (below - value) * v
    return value, is_valid


@compiled
def resample(pixels, valid, corner, size, seen, spacing, first, samples, whole, out, out_valid):
    """Fill a part of the map `out` (rows, columns), and where it is valid.

    `pixels`, `valid`, `corner` and `size` as in `_sample`; `seen` are the nodes of the part's block, `spacing` px
    apart, and `first` the part's first column and row in the block. A pixel is the mean of `samples` (columns, rows)
    values spread evenly over it, of those that are valid, and valid if at least half of them are. `whole` rounds to
    integers.
    """
    cells_y, cells_x = seen.shape[0] - 2, seen.shape[1] - 2
    for r in range(out.shape[0]):
        for c in range(out.shape[1]):
            total, count = 0.0, 0
            for sample_y in range(samples[1]):
                down = (first[1] + r + (sample_y + 0.5) / samples[1] - 0.5) / spacing
                j = min(max(int(np.floor(down)), 0), cells_y)
                for sample_x in range(samples[0]):
                    across = (first[0] + c + (sample_x + 0.5) / samples[0] - 0.5) / spacing
                    i = min(max(int(np.floor(across)), 0), cells_x)
                    x = _node_coordinate(seen, 0, i, across - i, j, down - j)
                    y = _node_coordinate(seen, 1, i, across - i, j, down - j)
                    value, is_valid = _sample(pixels, valid, corner, size, x, y)
                    if is_valid:
                        total += value
                        count += 1
            if count > 0 and 2 * count >= samples[0] * samples[1]:
                out[r, c] = np.rint(total / count) if whole else total / count
                out_valid[r, c] = True
