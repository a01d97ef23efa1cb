"""Loops over single pixels and vertices, compiled by numba.

All loops are in this one file: numba's cache does not notice a change in another.
"""

import numpy as np

from orbitile.base.compiled import compiled

EAST = 0
ALONG_X = (1, 0, -1, 0)
ALONG_Y = (0, 1, 0, -1)
"""Steps of the four headings east, south, west and north; rows count downwards."""
RIGHT_X, RIGHT_Y = (0, -1, -1, 0), (0, 0, -1, -1)
"""From a corner to the pixel ahead on the right, by heading; on the left lies that of the heading before."""


@compiled
def count_corners(labels):
    """Numbers of vertices of all outlines of a labelled block with an empty border, and of corners of two labels."""
    vertices = contacts = 0
    for y in range(1, labels.shape[0]):
        for x in range(1, labels.shape[1]):
            a, b, c, d = labels[y - 1, x - 1], labels[y - 1, x], labels[y, x - 1], labels[y, x]
            filled = (a > 0) + (b > 0) + (c > 0) + (d > 0)
            if filled == 1 or filled == 3:
                vertices += 1
            elif filled == 2 and (a > 0) == (d > 0):
                vertices += 2
                contacts += a != d if a > 0 else b != c
    return vertices, contacts


@compiled
def find_contacts(labels, pairs):
    """Write the pairs of labels that touch only at a corner."""
    count = 0
    for y in range(1, labels.shape[0]):
        for x in range(1, labels.shape[1]):
            a, b, c, d = labels[y - 1, x - 1], labels[y - 1, x], labels[y, x - 1], labels[y, x]
            if a == b and c == d:
                continue
            if a > 0 and d > 0 and b == 0 and c == 0 and a != d:
                pairs[count, 0], pairs[count, 1] = a, d
                count += 1
            elif b > 0 and c > 0 and a == 0 and d == 0 and b != c:
                pairs[count, 0], pairs[count, 1] = b, c
                count += 1


@compiled
def next_heading(labels, label, x, y, heading):
    """The heading of a ring, with its label on the right, after a corner.

    Where pixels of its label meet at a corner the ring turns left, across; where pixels of another label do, it turns
    right: so no ring meets itself, and holes that meet stay two.
    """
    before = (heading + 3) % 4
    if labels[y + RIGHT_Y[before], x + RIGHT_X[before]] == label:
        return before
    if labels[y + RIGHT_Y[heading], x + RIGHT_X[heading]] == label:
        return heading
    return (heading + 1) % 4


@compiled
def trace_ring(labels, is_traced, x, y, corners, at):
    """Write the corners of the ring that goes east along the top of pixel (x, y); return their end and its area."""
    label, first_x, first_y, heading = labels[y, x], x, y, EAST
    corners[at, 0], corners[at, 1] = x, y
    at, area = at + 1, 0
    while True:
        if heading == EAST:
            is_traced[y, x] = True
        x, y = x + ALONG_X[heading], y + ALONG_Y[heading]
        area += x * ALONG_Y[heading]
        new_heading = next_heading(labels, label, x, y, heading)
        if new_heading != heading:
            corners[at, 0], corners[at, 1] = x, y
            at, heading = at + 1, new_heading
        if x == first_x and y == first_y and heading == EAST:
            return at, area


@compiled
def trace_rings(labels, corners, ends, owners, is_hole):
    """Write the closed rings of a labelled block with an empty border: vertices, ends, labels; return their number.

    Every ring has an edge that goes east; the first of a row, where the scan meets it, begins with a turn.
    """
    is_traced = np.zeros(labels.shape, np.bool_)
    rings = at = 0
    for y in range(1, labels.shape[0] - 1):
        for x in range(1, labels.shape[1] - 1):
            if labels[y, x] > 0 and labels[y - 1, x] == 0 and not is_traced[y, x]:
                at, area = trace_ring(labels, is_traced, x, y, corners, at)
                ends[rings], owners[rings], is_hole[rings] = at, labels[y, x], area < 0
                rings += 1
    return rings


AROUND_ROW = (0, 1, 1, 1, 0, -1, -1, -1)
AROUND_COL = (1, 1, 0, -1, -1, -1, 0, 1)
"""The eight neighbours of a pixel, clockwise from the east; the next but three of each is its opposite."""
STRAIGHT, DIAGONAL = 1.0, 2.0**0.5


@compiled
def surroundings(image, row, col):
    """Which of a pixel's eight neighbours are set, one bit each."""
    code = 0
    for k in range(8):
        if image[row + AROUND_ROW[k], col + AROUND_COL[k]]:
            code |= 1 << k
    return code


@compiled
def peel(image, queue, is_removable):
    """Remove the pixels of the queue (n: row, column) whose surroundings allow it, all at once; return them."""
    may_go = np.zeros(len(queue), np.bool_)
    for i in range(len(queue)):
        if image[queue[i, 0], queue[i, 1]]:
            may_go[i] = is_removable[surroundings(image, queue[i, 0], queue[i, 1])]
    removed, number = np.empty((may_go.sum(), 2), np.int32), 0
    for i in range(len(queue)):
        row, col = queue[i]
        if may_go[i] and image[row, col]:
            image[row, col] = False
            removed[number, 0], removed[number, 1] = row, col
            number += 1
    return removed[:number]


@compiled
def set_neighbours(image, pixels, more_pixels):
    """The neighbours that are set of pixels (n: row, column) and of more pixels; some of them several times."""
    neighbours, number = np.empty((8 * (len(pixels) + len(more_pixels)), 2), np.int32), 0
    for batch in (pixels, more_pixels):
        for i in range(len(batch)):
            for k in range(8):
                row, col = batch[i, 0] + AROUND_ROW[k], batch[i, 1] + AROUND_COL[k]
                if image[row, col]:
                    neighbours[number, 0], neighbours[number, 1] = row, col
                    number += 1
    return neighbours[:number]


@compiled
def thin_image(image, queue, is_removable):
    """Peel an image with a border of False by the two tables (2, 256) in turn until it stays the same.

    The queue holds all pixels at its edge. A pixel is tested again only when a neighbour was removed after its last
    test with the same table.
    """
    before, last = queue, peel(image, queue, is_removable[0])
    candidates = np.concatenate((queue, set_neighbours(image, last, last[:0])))
    turn = 1
    while len(before) or len(last):
        before, last = last, peel(image, candidates, is_removable[turn % 2])
        candidates = set_neighbours(image, last, before)
        turn += 1


@compiled
def linked(skeleton, row, col, k):
    """Whether a skeleton's pixel is linked with its k-th neighbour.

    A diagonal counts only where no corner pixel links the two, and of the four sides of a square of pixels the lower
    one does not count: so neither triangles nor squares are loops.
    """
    down, right = AROUND_ROW[k], AROUND_COL[k]
    if not skeleton[row + down, col + right]:
        return False
    if down == 0:
        return not (skeleton[row - 1, col] and skeleton[row - 1, col + right])
    return right == 0 or not (skeleton[row + down, col] or skeleton[row, col + right])


@compiled
def count_links(skeleton, rows, cols, degree):
    """Write how many neighbours each pixel of the list is linked with; return the sum."""
    total = 0
    for i in range(len(rows)):
        links = 0
        for k in range(8):
            links += linked(skeleton, rows[i], cols[i], k)
        degree[rows[i], cols[i]] = links
        total += links
    return total


@compiled
def remove_corners(skeleton, rows, cols):
    """Remove pixels that only round off a step, one kind of step after the other, so that the effect has a known reach.

    No two neighbours along an axis are steps of one kind, and their order does not matter.
    """
    for k in (6, 2, 4, 0):  # neighbours k and k + 2: north and east, south and west, west and north, east and south
        for i in range(len(rows)):
            row, col = rows[i], cols[i]
            step = skeleton[row, col]
            for j in (k, k + 2):
                step &= skeleton[row + AROUND_ROW[j % 8], col + AROUND_COL[j % 8]]
            for j in (k + 4, k + 5, k + 6):
                step &= not skeleton[row + AROUND_ROW[j % 8], col + AROUND_COL[j % 8]]
            if step:
                skeleton[row, col] = False


@compiled
def next_pixel(skeleton, row, col, back):
    """The first neighbour that a pixel is linked with, except the one behind it; -1 without any."""
    for k in range(8):
        if k != back and linked(skeleton, row, col, k):
            return k
    return -1


@compiled
def walk_spur(skeleton, degree, row, col, longest):
    """From a free end along its branch: the row and column of its junction, and its length; inf without a junction."""
    length, back = 0.0, -1
    while length <= longest:
        k = next_pixel(skeleton, row, col, back)
        row, col, back = row + AROUND_ROW[k], col + AROUND_COL[k], (k + 4) % 8
        length += DIAGONAL if k % 2 else STRAIGHT
        if degree[row, col] != 2:
            return row, col, (length if degree[row, col] > 2 else np.inf)
    return row, col, np.inf


@compiled
def walk_spurs(skeleton, degree, rows, cols, longest, junctions, lengths):
    """`walk_spur` from each of the free ends."""
    for i in range(len(rows)):
        junctions[i, 0], junctions[i, 1], lengths[i] = walk_spur(skeleton, degree, rows[i], cols[i], longest)


@compiled
def erase_spurs(skeleton, degree, rows, cols, pruned):
    """Erase branches from their free ends up to their junctions, which stay, in `pruned`, a copy of the skeleton."""
    for i in range(len(rows)):
        row, col, back = rows[i], cols[i], -1
        while degree[row, col] < 3:
            pruned[row, col] = False
            k = next_pixel(skeleton, row, col, back)
            row, col, back = row + AROUND_ROW[k], col + AROUND_COL[k], (k + 4) % 8


@compiled
def walk_chain(skeleton, degree, used, row, col, k, pixels, at):
    """Write the pixels of a branch, from a pixel over its k-th neighbour to the next free end or junction."""
    first_row, first_col = row, col
    pixels[at, 0], pixels[at, 1] = row, col
    while True:
        used[row, col] |= 1 << k
        row, col, back = row + AROUND_ROW[k], col + AROUND_COL[k], (k + 4) % 8
        used[row, col] |= 1 << back
        at += 1
        pixels[at, 0], pixels[at, 1] = row, col
        if degree[row, col] != 2 or (row == first_row and col == first_col):
            return at + 1
        k = next_pixel(skeleton, row, col, back)


@compiled
def trace_chains(skeleton, degree, rows, cols, pixels, ends):
    """Write all branches between free ends and junctions, then the loops without either; return their number."""
    used = np.zeros(skeleton.shape, np.uint8)
    chains = at = 0
    for loops in (False, True):
        for i in range(len(rows)):
            row, col = rows[i], cols[i]
            if (degree[row, col] == 2) != loops:
                continue
            for k in range(8):
                if not (used[row, col] >> k) & 1 and linked(skeleton, row, col, k):
                    at = walk_chain(skeleton, degree, used, row, col, k, pixels, at)
                    ends[chains] = at
                    chains += 1
    return chains


@compiled
def gaussian(sigma):
    """Weights of a Gaussian up to four sigma, with the sum 1."""
    half = int(4 * sigma + 0.5)
    weights = np.empty(2 * half + 1)
    for t in range(-half, half + 1):
        weights[t + half] = np.exp(-0.5 * (t / sigma) ** 2)
    return weights / weights.sum()


@compiled
def convolve_line(values, weights, is_loop, is_odd, out):
    """Values along a line, smoothed by symmetric weights; a loop continues at its beginning.

    Beyond its ends a line continues as its point reflection in the end point (odd: the end keeps its position) or as
    its mirror image.
    """
    steps, half = len(values) - 1, len(weights) // 2
    base = values[0] if is_odd else 0.0
    slope = (values[steps] - values[0]) / steps if is_odd and not is_loop else 0.0
    for j in range(steps + 1):
        total = 0.0
        for t in range(-half, half + 1):
            at, sign = (j + t) % (steps if is_loop else 2 * steps), 1.0
            if at > steps:
                at, sign = 2 * steps - at, (-1.0 if is_odd else 1.0)
            total += weights[t + half] * sign * (values[at] - base - slope * at)
        out[j] = base + slope * j + total


@compiled
def convolve_lines(values, starts, is_loop, sigmas, is_odd):
    """Columns of values (n, columns) along lines, smoothed by a Gaussian with one sigma for each line, in steps."""
    out = np.empty_like(values)
    for i in range(len(starts) - 1):
        begin, end = starts[i], starts[i + 1]
        weights = gaussian(sigmas[i])
        for column in range(values.shape[1]):
            convolve_line(values[begin:end, column], weights, is_loop[i], is_odd, out[begin:end, column])
    return out


@compiled
def brightness(mask, row, col):
    """A mask's value between pixel centres, bilinear; pixel (0, 0) has its centre at (0, 0)."""
    top, left = int(np.floor(row)), int(np.floor(col))
    if top < 0 or left < 0 or top + 1 >= mask.shape[0] or left + 1 >= mask.shape[1]:
        return 0.0
    down, right = row - top, col - left
    upper = mask[top, left] * (1 - right) + mask[top, left + 1] * right
    lower = mask[top + 1, left] * (1 - right) + mask[top + 1, left + 1] * right
    return upper * (1 - down) + lower * down


@compiled
def measure_chord(mask, row, col, across_row, across_col, reach, step):
    """Extent of a mask in pixels through a point, both ways along a direction.

    Parts beyond a gap, or further than `reach` from the point, do not count.
    """
    total = 0.0
    for side in (-step, step):
        lowest = 1.0
        for j in range(int(reach / step)):
            distance = (j + 0.5) * side
            lowest = min(lowest, brightness(mask, row + distance * across_row, col + distance * across_col))
            if lowest == 0:
                break
            total += lowest * step
    return total


@compiled
def measure_chords(mask, pixels, across, reach, step, out):
    """Write the extent of a mask in pixels at pixels (n: row, column) along directions (n: row, column).

    The mean of two chords a quarter of a step before and behind: chords that all run through pixel centres are 5 %
    short on a diagonal line of five pixels.
    """
    for i in range(len(pixels)):
        down, right = across[i]
        quarter = 0.25 / max(abs(down), abs(right), 0.5)
        total = 0.0
        for shift in (-quarter, quarter):
            row, col = pixels[i, 0] + shift * right, pixels[i, 1] - shift * down
            total += measure_chord(mask, row, col, down, right, reach[i], step)
        out[i] = total / 2


@compiled
def farthest(points, begin, end, tolerance, z_tolerance):
    """The point of a stretch (x, y, z) that is farthest from the straight line from its begin to its end, or -1."""
    x, y = points[end, 0] - points[begin, 0], points[end, 1] - points[begin, 1]
    square = x * x + y * y
    largest, index = 1.0, -1
    for i in range(begin + 1, end):
        right, down = points[i, 0] - points[begin, 0], points[i, 1] - points[begin, 1]
        share = min(max((right * x + down * y) / square, 0.0), 1.0) if square > 0 else 0.0
        distance = np.hypot(right - share * x, down - share * y) / tolerance
        rise = points[i, 2] - points[begin, 2] - share * (points[end, 2] - points[begin, 2])
        distance = max(distance, abs(rise) / z_tolerance)
        if distance > largest:
            largest, index = distance, i
    return index


@compiled
def simplify_lines(points, starts, tolerance, z_tolerance, is_kept):
    """Mark the points of lines (x, y, z) that Douglas and Peucker's method keeps; of closed lines at least three."""
    stack = np.empty((len(points) + 4, 2), np.int64)
    for i in range(len(starts) - 1):
        begin, end = starts[i], starts[i + 1] - 1
        is_closed = points[begin, 0] == points[end, 0] and points[begin, 1] == points[end, 1]
        parts = min(3, end - begin) if is_closed else 1
        depth = 0
        for part in range(parts):
            stack[depth, 0] = begin + part * (end - begin) // parts
            stack[depth, 1] = begin + (part + 1) * (end - begin) // parts
            depth += 1
        while depth > 0:
            depth -= 1
            first, last = stack[depth, 0], stack[depth, 1]
            is_kept[first] = is_kept[last] = True
            middle = farthest(points, first, last, tolerance, z_tolerance)
            if middle >= 0:
                stack[depth, 0], stack[depth, 1] = first, middle
                stack[depth + 1, 0], stack[depth + 1, 1] = middle, last
                depth += 2
