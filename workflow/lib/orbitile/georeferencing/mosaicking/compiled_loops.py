"""The loops over single pixels of a mosaic, compiled by numba.

All compiled functions are in this one file: numba's cache does not notice a change in another.
"""

import numpy as np

from orbitile.base.compiled import compiled


@compiled
def pixel_hash(col, row):
    """A pseudo-random number of 32 bits that is always the same for a pixel."""
    mixed = (np.uint64(col) * np.uint64(0x9E3779B97F4A7C15)) ^ (np.uint64(row) * np.uint64(0xC2B2AE3D27D4EB4F))
    mixed = (mixed ^ (mixed >> np.uint64(31))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.uint32(mixed >> np.uint64(32))


@compiled
def choose_pixels(first, second, valid, col, row, below, marks, values):
    """Write the values of two images (rows, columns) at valid pixels whose hash is below a limit; return their number.

    The hash is that of the pixel's column and row, counted from `col` and `row`. What does not fit into `marks` (n)
    and `values` (n, 2) is only counted.
    """
    count = 0
    for i in range(valid.shape[0]):
        for j in range(valid.shape[1]):
            if valid[i, j]:
                mark = pixel_hash(col + j, row + i)
                if mark < below:
                    if count < len(marks):
                        marks[count] = mark
                        values[count, 0], values[count, 1] = first[i, j], second[i, j]
                    count += 1
    return count


@compiled
def is_seam(first, second):
    """Whether two pixels come from different strips."""
    return first != second and first > 0 and second > 0


@compiled
def write_run(runs, at, begin, end, first, second):
    """Write a run of seam edges that has strip `first` on its left, turned so that the lower number is on the left."""
    if at < len(runs):
        if first > second:
            begin, end, first, second = end, begin, second, first
        runs[at, 0], runs[at, 1] = begin
        runs[at, 2], runs[at, 3] = end
        runs[at, 4], runs[at, 5] = first, second
    return at + 1


@compiled
def find_horizontal_runs(index, runs, at):
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
def find_vertical_runs(index, above, runs, at):
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
def find_seam_runs(index, above, runs):
    """Write straight runs of seam edges (from and to column, row; strips left and right); return how many there are.

    `index` (rows, columns) holds the strips' numbers. Vertical edges of the first `above` rows are left out: they
    belong to the window above. What does not fit into `runs` is only counted.
    """
    return find_vertical_runs(index, above, runs, find_horizontal_runs(index, runs, 0))


@compiled
def trace_lines(following, starts, order, line):
    """Write runs in the order in which lines go through them, and the line of each; return the number of lines.

    `following` is the run after each, or -1; `starts` are the runs to begin with, those already traced are skipped.
    """
    traced = np.zeros(len(following), np.bool_)
    at = lines = 0
    for start in starts:
        run = start
        if traced[run]:
            continue
        while run >= 0 and not traced[run]:
            traced[run] = True
            order[at], line[at] = run, lines
            at, run = at + 1, following[run]
        lines += 1
    return lines
