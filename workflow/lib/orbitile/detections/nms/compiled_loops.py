"""Loops over single boxes, compiled by numba; orbitile.detections.nms.find_overlaps explains how they fit together.

All loops are in this one file: numba's cache does not notice a change in another.

A *row* is what the overlap of two boxes is computed from. On the plane its columns are left, bottom,
right, top; on the ground sine of latitude, width, height, and the x and y of the centre's unit vector.
"""

import math

import numpy as np

from orbitile.base.compiled import compiled

PLANE, GROUND = 0, 1
BOX, CIRCLE = 0, 1

LEVELS = 128
"""Classes of size by powers of two: level k holds sizes below 2^(k - 64), and of at least half that."""
X_STEPS = 2.0**32 - 1
SHIFT = np.uint64(32)
INDEX = np.uint64(2**32 - 1)


@compiled
def box_place(surface, columns, i):
    """Centre x and y of box i, as metres or radians, its width and its height."""
    a, b, c, d = columns
    if surface == PLANE:
        return 0.5 * (a[i] + c[i]), 0.5 * (b[i] + d[i]), float(c[i] - a[i]), float(d[i] - b[i])
    lon = a[i] if -180.0 <= a[i] < 180.0 else (a[i] + 180.0) % 360.0 - 180.0
    return math.radians(lon), math.radians(b[i]), float(c[i]), float(d[i])


@compiled
def box_size(shape, width, height):
    """A circle's diameter, or a box's larger side."""
    return 0.5 * (width + height) if shape == CIRCLE else max(width, height)


@compiled
def size_level(size):
    """The level of a size; 0 for boxes of size 0."""
    return min(max(math.frexp(size)[1] + 64, 0), LEVELS - 1) if size > 0 else 0


@compiled
def survey_boxes(surface, shape, columns, level, begin, end):
    """Write the levels of the boxes begin..end; return their number on each level, and the bounds of all centres."""
    counts = np.zeros(LEVELS, np.int64)
    bounds = np.array([np.inf, np.inf, -np.inf, -np.inf])
    for i in range(begin, end):
        x, y, width, height = box_place(surface, columns, i)
        level[i] = size_level(box_size(shape, width, height))
        counts[level[i]] += 1
        bounds[0], bounds[1] = min(bounds[0], x), min(bounds[1], y)
        bounds[2], bounds[3] = max(bounds[2], x), max(bounds[3], y)
    return counts, bounds


@compiled
def assign_bins(surface, columns, level, low, first, bins_per_unit, bin_of_box, begin, end):
    """Write the number of the bin that each of the boxes begin..end lies in."""
    for i in range(begin, end):
        _, y, _, _ = box_place(surface, columns, i)
        bin_of_box[i] = first[level[i]] + np.int64((y - low) * bins_per_unit[level[i]])


@compiled
def count_bins(bin_of_box, counts, part, parts):
    """Count the boxes in every bin whose number, divided by `parts`, leaves the remainder `part`."""
    for i in range(len(bin_of_box)):
        if bin_of_box[i] % parts == part:
            counts[bin_of_box[i]] += 1


@compiled
def fill_bins(surface, columns, bin_of_box, low_x, steps_per_unit, next_free, keys, part, parts):
    """Write the boxes of every parts-th bin to their bin's range of `keys`: x in steps, and index.

    `next_free` is the next free position of each bin, and is advanced.
    """
    for i in range(len(bin_of_box)):
        if bin_of_box[i] % parts == part:
            x, _, _, _ = box_place(surface, columns, i)
            steps = np.uint64((x - low_x) * steps_per_unit)
            keys[next_free[bin_of_box[i]]] = (steps << SHIFT) | np.uint64(i)
            next_free[bin_of_box[i]] += 1


@compiled
def sort_bins(keys, starts, begin, end):
    """Sort the boxes of each of the bins begin..end by x."""
    for number in range(begin, end):
        if starts[number + 1] - starts[number] > 1:
            keys[starts[number] : starts[number + 1]].sort()


@compiled
def write_row(surface, columns, i, row):
    """Write the row of box i; return its x."""
    x, y, width, height = box_place(surface, columns, i)
    if surface == PLANE:
        a, b, c, d = columns
        row[0], row[1], row[2], row[3] = a[i], b[i], c[i], d[i]
    else:
        cosine = math.cos(y)
        row[0], row[1], row[2], row[3], row[4] = math.sin(y), width, height, cosine * math.cos(x), cosine * math.sin(x)
    return x


@compiled
def gather_rows(surface, columns, priority, keys, rows, xs, sorted_priority, begin, end):
    """Write the boxes begin..end of the sorted order: their rows, x and priority."""
    for p in range(begin, end):
        i = np.int64(keys[p] & INDEX)
        xs[p], sorted_priority[p] = write_row(surface, columns, i, rows[p]), priority[i]


@compiled
def row_size(surface, shape, row):
    """The size of a row's box."""
    if surface == PLANE:
        return box_size(shape, float(row[2] - row[0]), float(row[3] - row[1]))
    return box_size(shape, row[1], row[2])


@compiled
def row_y(surface, row):
    """The y of a row's centre; on the ground the sine of its latitude, of which differences are smaller."""
    return 0.5 * (row[1] + row[3]) if surface == PLANE else row[0]


@compiled
def boxes_iou(width, height, other_width, other_height, east, north):
    """IoU of two boxes whose centres are (east, north) apart."""
    wide = min(0.5 * (width + other_width) - abs(east), width, other_width)
    high = min(0.5 * (height + other_height) - abs(north), height, other_height)
    if wide <= 0 or high <= 0:
        return 0.0
    return wide * high / (width * height + other_width * other_height - wide * high)


@compiled
def circles_iou(diameter, other_diameter, apart):
    """IoU of two circles whose centres are `apart`; the lens of two circular segments.

    The larger one goes first, so that both orders of a pair give the same last digits.
    """
    r, s = 0.5 * max(diameter, other_diameter), 0.5 * min(diameter, other_diameter)
    if apart >= r + s or s <= 0:
        return 0.0
    if apart <= r - s:
        return s**2 / r**2
    at_r = math.acos(min(1.0, max(-1.0, (apart**2 + r**2 - s**2) / (2 * apart * r))))
    at_s = math.acos(min(1.0, max(-1.0, (apart**2 + s**2 - r**2) / (2 * apart * s))))
    kite = (-apart + r + s) * (apart + r - s) * (apart - r + s) * (apart + r + s)
    lens = r**2 * at_r + s**2 * at_s - 0.5 * math.sqrt(max(kite, 0.0))
    return lens / (math.pi * (r**2 + s**2) - lens)


@compiled
def plane_iou(shape, a, b):
    """IoU of two rows of the plane, in the numbers' own precision as torchvision computes it."""
    if shape == CIRCLE:
        east, north = 0.5 * (b[0] + b[2] - a[0] - a[2]), 0.5 * (b[1] + b[3] - a[1] - a[3])
        diameters = 0.5 * (a[2] - a[0] + a[3] - a[1]), 0.5 * (b[2] - b[0] + b[3] - b[1])
        return circles_iou(diameters[0], diameters[1], math.hypot(east, north))
    wide = min(a[2], b[2]) - max(a[0], b[0])
    high = min(a[3], b[3]) - max(a[1], b[1])
    if wide <= 0 or high <= 0:
        return 0.0
    shared = wide * high
    areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return float(shared / (areas - shared))


@compiled
def ground_iou(shape, a, b):
    """IoU of two rows of the ground, in the tangent plane at the middle of the great circle between their centres."""
    dx, dy, dz = b[3] - a[3], b[4] - a[4], b[0] - a[0]
    chord = math.sqrt(dx * dx + dy * dy + dz * dz)
    stretch = 2 * math.asin(min(0.5 * chord, 1.0)) / chord if chord > 0 else 1.0
    if shape == CIRCLE:
        return circles_iou(0.5 * (a[1] + a[2]), 0.5 * (b[1] + b[2]), chord * stretch)
    mx, my, mz = a[3] + b[3], a[4] + b[4], a[0] + b[0]
    level, length = math.hypot(mx, my), math.sqrt(mx * mx + my * my + mz * mz)
    if level <= 1e-300:  # the pole itself: any direction is as good as another
        return boxes_iou(a[1], a[2], b[1], b[2], dx * stretch, dy * stretch)
    east = (mx * dy - my * dx) / level
    north = (dz * level - mz * (mx * dx + my * dy) / level) / length
    return boxes_iou(a[1], a[2], b[1], b[2], east * stretch, north * stretch)


@compiled
def row_iou(surface, shape, a, b):
    """IoU of two rows."""
    return plane_iou(shape, a, b) if surface == PLANE else ground_iou(shape, a, b)


@compiled
def precedes(rows, priority, keys, p, q):
    """Whether box p precedes box q: by priority, then by its row, last by its position in the input."""
    if priority[p] != priority[q]:
        return priority[p] > priority[q]
    for column in range(rows.shape[1]):
        if rows[p, column] != rows[q, column]:
            return rows[p, column] < rows[q, column]
    return (keys[p] & INDEX) < (keys[q] & INDEX)


@compiled
def first_at_least(xs, begin, end, x):
    """First position in begin..end with at least this x; tries a few steps from `begin`, then searches by bisection."""
    for p in range(begin, min(begin + 8, end)):
        if xs[p] >= x:
            return p
    begin = min(begin + 8, end)
    while begin < end:
        half = (begin + end) // 2
        if xs[half] < x:
            begin = half + 1
        else:
            end = half
    return begin


@compiled
def enlarge(array):
    """A copy with twice the length, whose second half is not set."""
    longer = np.empty(2 * len(array), array.dtype)
    longer[: len(array)] = array
    return longer


@compiled
def join_pairs(search, boxes, positions, partner_positions, window, pairs, count):
    """Add the overlaps of the boxes of two bins to `pairs` as (later, earlier); return it and their number.

    `search` is (surface, shape, IoU to exceed, least ratio of sizes, largest offset for size 1). `positions` and
    `partner_positions` are the first and one past the last position of each bin. `window` is (reach in x, tolerance of
    coordinates, largest size in the partner bin, shift added to its x, its lowest and highest y in the terms of rows).
    A bin joined with itself gives every pair once.
    """
    surface, shape, threshold, ratio, factor = search
    rows, xs, priority, keys, partition = boxes
    reach, tolerance, largest, shift, low_y, high_y = window
    first_partner, end_partner = partner_positions
    per_size = 1.0 / max(ratio * largest, 1e-300)
    same, low = positions[0] == first_partner and shift == 0, first_partner
    begin = first_at_least(xs, positions[0], positions[1], xs[first_partner] + shift - reach - tolerance)
    for p in range(begin, positions[1]):
        if xs[p] > xs[end_partner - 1] + shift + reach + tolerance:
            break
        size = row_size(surface, shape, rows[p])
        if size < 0.5 * largest * ratio:
            continue
        share = min(1.0, size * per_size)
        far_x, far_y = tolerance + reach * share, factor * largest * share
        y = row_y(surface, rows[p])
        if y + far_y + tolerance < low_y or y - far_y - tolerance > high_y:
            continue
        low = p + 1 if same else first_at_least(xs, low, end_partner, xs[p] - shift - reach - tolerance)
        for q in range(low, end_partner):
            offset = xs[q] + shift - xs[p]
            if offset > far_x:
                break
            if offset < -far_x or (surface == GROUND and abs(rows[q, 0] - y) > far_y):
                continue
            if len(partition) > 0 and partition[p] != partition[q]:
                continue
            if row_iou(surface, shape, rows[p], rows[q]) > threshold:
                if 2 * count + 2 > len(pairs):
                    pairs = enlarge(pairs)
                is_earlier = precedes(rows, priority, keys, p, q)
                pairs[2 * count] = q if is_earlier else p
                pairs[2 * count + 1] = p if is_earlier else q
                count += 1
    return pairs, count


@compiled
def largest_offsets(surface, limit, low_y, high_y, tolerance):
    """How far in y and in x boxes may lie apart whose offset is at most `limit`, in a bin from low_y to high_y."""
    if surface == PLANE:
        return limit + tolerance, limit
    # Both ends of a great circle lie at azimuth a and -a, half its length r/2 from its middle. Its northward part
    # r cos a is at most `limit`, so the latitudes differ by at most 2 asin(limit / 2). Its eastward part is,
    # too, and the tangent of either end's longitude from the middle is sin(r/2) sin a over at least the cosine of the
    # largest latitude on the way. Near a pole every longitude is in reach, however much smaller the boxes are.
    highest = max(abs(low_y), abs(high_y)) + math.sqrt(2.0) * limit
    far_y = 2 * math.asin(min(1.0, 0.5 * limit)) + tolerance
    cosine = math.cos(min(highest, 0.5 * math.pi))
    return far_y, limit / cosine if 2 * limit < cosine else math.inf


@compiled
def bin_bounds(layout, number, level):
    """Lowest and highest y of a bin of a level."""
    _, first, per_unit, low, _, _ = layout
    return low + (number - first[level]) / per_unit[level], low + (number + 1 - first[level]) / per_unit[level]


@compiled
def row_bounds(surface, low_y, high_y):
    """Lowest and highest y in the terms of rows: on the ground, sines of latitudes."""
    if surface == PLANE:
        return low_y, high_y
    return math.sin(max(low_y, -0.5 * math.pi)), math.sin(min(high_y, 0.5 * math.pi))


@compiled
def find_pairs(search, layout, boxes, begin, end):
    """All overlaps (later, earlier) of boxes in the bins begin..end with boxes of the same or larger levels.

    `layout` is (level of each bin, first bin of each level, bins per unit of y on each level, lowest y, tolerance of
    coordinates, first position of each bin).
    """
    surface, ratio, factor = search[0], search[3], search[4]
    level_of_bin, first, per_unit, low, tolerance, starts = layout
    pairs, count = np.empty(1024, np.uint32), 0
    for number in range(begin, end):
        if starts[number] == starts[number + 1]:
            continue
        level = level_of_bin[number]
        low_y, high_y = bin_bounds(layout, number, level)
        for partner_level in range(level, LEVELS):
            largest = 2.0 ** (partner_level - 64)
            if 0.5 * largest * ratio > 2.0 ** (level - 64):
                break
            if first[partner_level] == first[partner_level + 1]:
                continue
            far_y, far_x = largest_offsets(surface, factor * largest, low_y, high_y, tolerance)
            wraps = 3 if surface == GROUND and far_x < math.pi else 1
            first_bin, bins_per_unit = first[partner_level], per_unit[partner_level]
            lowest = first_bin + max(np.int64(math.floor((low_y - far_y - low) * bins_per_unit)), 0)
            highest = first_bin + np.int64(math.floor((high_y + far_y - low) * bins_per_unit)) + 1
            highest = min(highest, first[partner_level + 1])
            for partner in range(number if partner_level == level else lowest, highest):
                if starts[partner] == starts[partner + 1]:
                    continue
                positions = (starts[number], starts[number + 1])
                partner_positions = (starts[partner], starts[partner + 1])
                bounds = row_bounds(surface, *bin_bounds(layout, partner, partner_level))
                for wrap in range(2 if partner == number and wraps == 3 else wraps):
                    shift = (0.0, 2 * math.pi, -2 * math.pi)[wrap]
                    window = (far_x, tolerance, largest, shift, *bounds)
                    pairs, count = join_pairs(search, boxes, positions, partner_positions, window, pairs, count)
    return pairs[: 2 * count]


@compiled
def count_rivals(pairs, counts):
    """Count every box's better rivals, at its position + 1."""
    for k in range(0, len(pairs), 2):
        counts[pairs[k] + 1] += 1


@compiled
def list_rivals(pairs, next_free, rivals):
    """Write the better rivals of each box to `rivals`; `next_free` is the next free position of each box."""
    for k in range(0, len(pairs), 2):
        rivals[next_free[pairs[k]]] = pairs[k + 1]
        next_free[pairs[k]] += 1


PENDING, ALIVE, DEAD, UNDECIDED = 0, 1, 2, 3


@compiled
def decide_boxes(ends, rivals, complete, state):
    """Write every box's state; return the length of the longest chain of rivals.

    The rivals of box i end at ends[i] and begin at ends[i - 1]. A box with a rival that is alive is dead; else it is
    undecided when a rival is, or when not all of its rivals are in the list (`complete` (n); empty means that all
    lists are complete); else it is alive.
    """
    chain = np.ones(len(state), np.int32)
    stack, cursor = np.empty(64, np.int64), np.empty(64, np.int64)
    longest = 0
    for start in range(len(state)):
        if state[start] == PENDING and ends[start] == (ends[start - 1] if start > 0 else 0):
            settle_box(start, ends, rivals, complete, state, chain)  # most boxes have no rivals
        depth = 0 if state[start] != PENDING else 1
        stack[0], cursor[0] = start, ends[start - 1] if start > 0 else 0
        while depth > 0:
            box = stack[depth - 1]
            rival = box
            while cursor[depth - 1] < ends[box]:
                if state[rivals[cursor[depth - 1]]] == PENDING:
                    rival = np.int64(rivals[cursor[depth - 1]])
                    break
                cursor[depth - 1] += 1
            if rival == box:
                settle_box(box, ends, rivals, complete, state, chain)
                longest = max(longest, chain[box])
                depth -= 1
                continue
            if depth == len(stack):
                stack, cursor = enlarge(stack), enlarge(cursor)
            stack[depth], cursor[depth] = rival, ends[rival - 1] if rival > 0 else 0
            depth += 1
    return longest


@compiled
def settle_box(box, ends, rivals, complete, state, chain):
    """Decide a box all of whose rivals have a state."""
    state_of_box = ALIVE if len(complete) == 0 or complete[box] else UNDECIDED
    for k in range(ends[box - 1] if box > 0 else 0, ends[box]):
        rival = rivals[k]
        chain[box] = max(chain[box], chain[rival] + 1)
        if state[rival] == ALIVE:
            state_of_box = DEAD
        elif state[rival] == UNDECIDED and state_of_box != DEAD:
            state_of_box = UNDECIDED
    state[box] = state_of_box


@compiled
def pairwise_iou(surface, shape, columns, i, other_columns, j):
    """IoU (n) of the boxes i (n) of one set of columns with the boxes j (n) of another, pair by pair."""
    values = np.empty(len(i))
    row, other_row = np.empty((2, 5))
    for k in range(len(i)):
        write_row(surface, columns, i[k], row)
        write_row(surface, other_columns, j[k], other_row)
        values[k] = row_iou(surface, shape, row, other_row)
    return values
