"""The loops over single pixels of a mosaic, compiled by numba.

All kernels are in this one file: numba's cache does not notice a change in another.
"""

import numpy as np

from orbitile.compiled import compiled


@compiled
def scrambled(col, row):
    """A number of 32 bits that looks random, but is always the same for a pixel."""
    mixed = (np.uint64(col) * np.uint64(0x9E3779B97F4A7C15)) ^ (np.uint64(row) * np.uint64(0xC2B2AE3D27D4EB4F))
    mixed = (mixed ^ (mixed >> np.uint64(31))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.uint32(mixed >> np.uint64(32))


@compiled
def choose_pixels(own, other, both, col, row, below, marks, values):
    """Write the pixels that are valid in both images and whose number is small; return how many there are.

    With no room in `marks` and `values` they are only counted.
    """
    found = 0
    for i in range(both.shape[0]):
        for j in range(both.shape[1]):
            if both[i, j]:
                mark = scrambled(col + j, row + i)
                if mark < below:
                    if found < len(marks):
                        marks[found] = mark
                        values[found, 0], values[found, 1] = own[i, j], other[i, j]
                    found += 1
    return found


@compiled
def is_seam(one, other):
    """Whether two pixels come from different strips."""
    return one != other and one > 0 and other > 0


@compiled
def write_run(runs, at, begin, end, first, second):
    """Write a run of seam edges that has `first` on its left, turned so that the lower number is there."""
    if at < len(runs):
        if first > second:
            begin, end, first, second = end, begin, second, first
        runs[at, 0], runs[at, 1] = begin
        runs[at, 2], runs[at, 3] = end
        runs[at, 4], runs[at, 5] = first, second
    return at + 1


@compiled
def find_across(index, runs, at):
    """Write the runs along rows, from `at` on; return where they end."""
    width = index.shape[1]
    for y in range(1, index.shape[0]):
        first = -1
        for x in range(width):
            up, down = index[y - 1, x], index[y, x]
            if not is_seam(up, down):
                continue
            if x == 0 or index[y - 1, x - 1] != up or index[y, x - 1] != down:
                first = x
            if x == width - 1 or index[y - 1, x + 1] != up or index[y, x + 1] != down:
                at = write_run(runs, at, (first, y), (x + 1, y), up, down)  # eastwards: what is above is on the left
    return at


@compiled
def find_down(index, above, runs, at):
    """Write the runs along columns below the first `above` rows, from `at` on; return where they end."""
    height, width = index.shape
    first = np.zeros(width, np.int64)
    for y in range(above, height):
        for x in range(1, width):
            west, east = index[y, x - 1], index[y, x]
            if not is_seam(west, east):
                continue
            if y == above or index[y - 1, x - 1] != west or index[y - 1, x] != east:
                first[x] = y
            if y == height - 1 or index[y + 1, x - 1] != west or index[y + 1, x] != east:
                at = write_run(runs, at, (x, y + 1), (x, first[x]), west, east)  # northwards: the west is on the left
    return at


@compiled
def find_runs(index, above, runs):
    """Write straight runs of seam edges (from and to column, row; strips left and right); return how many there are.

    `index` (rows, columns) holds the strips' numbers. Vertical edges of the first `above` rows are left out: they
    belong to the band above. With no room in `runs` they are only counted.
    """
    return find_down(index, above, runs, find_across(index, runs, 0))


@compiled
def follow(following, starts, order, line):
    """Write runs in the order in which lines go through them, and each one's line; return the number of lines.

    `following` is the run after each, or -1; `starts` are the runs to begin with, those already passed left out.
    """
    seen = np.zeros(len(following), np.bool_)
    at = lines = 0
    for start in starts:
        run = start
        if seen[run]:
            continue
        while run >= 0 and not seen[run]:
            seen[run] = True
            order[at], line[at] = run, lines
            at, run = at + 1, following[run]
        lines += 1
    return lines
