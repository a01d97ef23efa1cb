"""The loops over single boxes, compiled by numba; orbitile.overlap.search says how they fit together.

All kernels are in this one file: numba's cache does not notice a change in another.

A *row* is what the overlap of two boxes is computed from. On the plane its columns are left, bottom,
right, top; on the ground sine of latitude, width, height, and the x and y of the centre's unit vector.
"""

import math

import numpy as np

from orbitile.compiled import compiled

PLANE, GROUND = 0, 1
BOX, CIRCLE = 0, 1

LEVELS = 128
"""Classes of size by powers of two: level k holds sizes below 2^(k - 64), and of at least half that."""
X_STEPS = 2.0**32 - 1
SHIFT = np.uint64(32)
INDEX = np.uint64(2**32 - 1)


@compiled
def place(surface, columns, i):
    """Centre x and y of box i, as metres or radians, its width and its height."""
    a, b, c, d = columns
    if surface == PLANE:
        return 0.5 * (a[i] + c[i]), 0.5 * (b[i] + d[i]), float(c[i] - a[i]), float(d[i] - b[i])
    lon = a[i] if -180.0 <= a[i] < 180.0 else (a[i] + 180.0) % 360.0 - 180.0
    return math.radians(lon), math.radians(b[i]), float(c[i]), float(d[i])


@compiled
def size_of(shape, width, height):
    """A circle's diameter, or a box's larger side."""
    return 0.5 * (width + height) if shape == CIRCLE else max(width, height)


@compiled
def level_of(size):
    """The level of a size; 0 for what has none."""
    return min(max(math.frexp(size)[1] + 64, 0), LEVELS - 1) if size > 0 else 0


@compiled
def survey(surface, shape, columns, level, begin, end):
    """Write the levels of the boxes begin..end; return their number on each level, and the bounds of all centres."""
    counts = np.zeros(LEVELS, np.int64)
    bounds = np.array([np.inf, np.inf, -np.inf, -np.inf])
    for i in range(begin, end):
        x, y, width, height = place(surface, columns, i)
        level[i] = level_of(size_of(shape, width, height))
        counts[level[i]] += 1
        bounds[0], bounds[1] = min(bounds[0], x), min(bounds[1], y)
        bounds[2], bounds[3] = max(bounds[2], x), max(bounds[3], y)
    return counts, bounds


@compiled
def assign_strips(surface, columns, level, low, first, strips_per_unit, strip, begin, end):
    """Write the number of the strip that each of the boxes begin..end lies in."""
    for i in range(begin, end):
        _, y, _, _ = place(surface, columns, i)
        strip[i] = first[level[i]] + np.int64((y - low) * strips_per_unit[level[i]])


@compiled
def count_strips(strip, counts, part, parts):
    """Count the boxes in every strip whose number leaves the remainder `part`."""
    for i in range(len(strip)):
        if strip[i] % parts == part:
            counts[strip[i]] += 1


@compiled
def deal_out(surface, columns, strip, low_x, steps_per_unit, free, keys, part, parts):
    """Put the boxes of every parts-th strip in their strip's places of `keys`: x in steps, and index."""
    for i in range(len(strip)):
        if strip[i] % parts == part:
            x, _, _, _ = place(surface, columns, i)
            steps = np.uint64((x - low_x) * steps_per_unit)
            keys[free[strip[i]]] = (steps << SHIFT) | np.uint64(i)
            free[strip[i]] += 1


@compiled
def sort_strips(keys, starts, begin, end):
    """Sort the strips begin..end by x."""
    for strip in range(begin, end):
        if starts[strip + 1] - starts[strip] > 1:
            keys[starts[strip] : starts[strip + 1]].sort()


@compiled
def write_row(surface, columns, i, row):
    """Write the row of box i; return its x."""
    x, y, width, height = place(surface, columns, i)
    if surface == PLANE:
        a, b, c, d = columns
        row[0], row[1], row[2], row[3] = a[i], b[i], c[i], d[i]
    else:
        level = math.cos(y)
        row[0], row[1], row[2], row[3], row[4] = math.sin(y), width, height, level * math.cos(x), level * math.sin(x)
    return x


@compiled
def gather(surface, columns, priority, keys, rows, xs, sorted_priority, begin, end):
    """Write the boxes begin..end of the sorted order: their rows, x and priority."""
    for p in range(begin, end):
        i = np.int64(keys[p] & INDEX)
        xs[p], sorted_priority[p] = write_row(surface, columns, i, rows[p]), priority[i]


@compiled
def row_size(surface, shape, row):
    """The size of a row's box."""
    if surface == PLANE:
        return size_of(shape, float(row[2] - row[0]), float(row[3] - row[1]))
    return size_of(shape, row[1], row[2])


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
def plane_iou(shape, one, other):
    """IoU of two rows of the plane, in the numbers' own precision as torchvision computes it."""
    if shape == CIRCLE:
        east, north = 0.5 * (other[0] + other[2] - one[0] - one[2]), 0.5 * (other[1] + other[3] - one[1] - one[3])
        diameters = 0.5 * (one[2] - one[0] + one[3] - one[1]), 0.5 * (other[2] - other[0] + other[3] - other[1])
        return circles_iou(diameters[0], diameters[1], math.hypot(east, north))
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    if wide <= 0 or high <= 0:
        return 0.0
    shared = wide * high
    areas = (one[2] - one[0]) * (one[3] - one[1]) + (other[2] - other[0]) * (other[3] - other[1])
    return float(shared / (areas - shared))


@compiled
def ground_iou(shape, one, other):
    """IoU of two rows of the ground, in the tangent plane at the middle of the great circle between their centres."""
    dx, dy, dz = other[3] - one[3], other[4] - one[4], other[0] - one[0]
    chord = math.sqrt(dx * dx + dy * dy + dz * dz)
    stretch = 2 * math.asin(min(0.5 * chord, 1.0)) / chord if chord > 0 else 1.0
    if shape == CIRCLE:
        return circles_iou(0.5 * (one[1] + one[2]), 0.5 * (other[1] + other[2]), chord * stretch)
    mx, my, mz = one[3] + other[3], one[4] + other[4], one[0] + other[0]
    level, length = math.hypot(mx, my), math.sqrt(mx * mx + my * my + mz * mz)
    if level <= 1e-300:  # the pole itself: any direction is as good as another
        return boxes_iou(one[1], one[2], other[1], other[2], dx * stretch, dy * stretch)
    east = (mx * dy - my * dx) / level
    north = (dz * level - mz * (mx * dx + my * dy) / level) / length
    return boxes_iou(one[1], one[2], other[1], other[2], east * stretch, north * stretch)


@compiled
def iou(surface, shape, one, other):
    """IoU of two rows."""
    return plane_iou(shape, one, other) if surface == PLANE else ground_iou(shape, one, other)


@compiled
def precedes(rows, priority, keys, p, q):
    """Whether box p goes before box q: by priority, then by its row, last by its place in the input."""
    if priority[p] != priority[q]:
        return priority[p] > priority[q]
    for column in range(rows.shape[1]):
        if rows[p, column] != rows[q, column]:
            return rows[p, column] < rows[q, column]
    return (keys[p] & INDEX) < (keys[q] & INDEX)


@compiled
def first_at_least(xs, begin, end, x):
    """First position in begin..end whose x is at least this; a few steps from `begin`, then by halves."""
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
def grown(array):
    """A copy with twice the room."""
    larger = np.empty(2 * len(array), array.dtype)
    larger[: len(array)] = array
    return larger


@compiled
def join(search, boxes, mine, theirs, window, found, count):
    """Add the overlaps of the boxes of two strips to `found` as (later, earlier); return it and their number.

    `search` is (surface, shape, IoU to exceed, least ratio of sizes, largest offset for size 1), `mine` and
    `theirs` are first and one-past-last positions, `window` is (reach in x, uncertainty of places, largest size
    in theirs, turn added to their x, lowest and highest y in theirs, as rows have it). A strip joined with itself gives
    every pair once.
    """
    surface, shape, threshold, ratio, factor = search
    rows, xs, priority, keys, apart = boxes
    reach, blur, largest, turn, low_y, high_y = window
    per_size = 1.0 / max(ratio * largest, 1e-300)
    same = mine[0] == theirs[0] and turn == 0
    low = theirs[0]
    begin = first_at_least(xs, mine[0], mine[1], xs[theirs[0]] + turn - reach - blur)
    for p in range(begin, mine[1]):
        if xs[p] > xs[theirs[1] - 1] + turn + reach + blur:
            break
        size = row_size(surface, shape, rows[p])
        if size < 0.5 * largest * ratio:
            continue
        share = min(1.0, size * per_size)
        near, span = blur + reach * share, factor * largest * share
        y = row_y(surface, rows[p])
        if y + span + blur < low_y or y - span - blur > high_y:
            continue
        low = p + 1 if same else first_at_least(xs, low, theirs[1], xs[p] - turn - reach - blur)
        for q in range(low, theirs[1]):
            offset = xs[q] + turn - xs[p]
            if offset > near:
                break
            if offset < -near or (surface == GROUND and abs(rows[q, 0] - y) > span):
                continue
            if len(apart) > 0 and apart[p] != apart[q]:
                continue
            if iou(surface, shape, rows[p], rows[q]) > threshold:
                if 2 * count + 2 > len(found):
                    found = grown(found)
                first = precedes(rows, priority, keys, p, q)
                found[2 * count] = q if first else p
                found[2 * count + 1] = p if first else q
                count += 1
    return found, count


@compiled
def reach_of(surface, limit, low_y, high_y, blur):
    """How far in y and in x boxes may lie apart whose offset is at most `limit`, in a strip from low_y to high_y."""
    if surface == PLANE:
        return limit + blur, limit
    # Both ends of a great circle lie at azimuth a and -a, half its length r/2 from its middle. Its northward part
    # r cos a is at most `limit`, so the latitudes differ by at most 2 asin(limit / 2). Its eastward part is,
    # too, and the tangent of either end's longitude from the middle is sin(r/2) sin a over at least the cosine of the
    # largest latitude on the way. Near a pole every longitude is in reach, however much smaller the boxes are.
    highest = max(abs(low_y), abs(high_y)) + math.sqrt(2.0) * limit
    far_y = 2 * math.asin(min(1.0, 0.5 * limit)) + blur
    cosine = math.cos(min(highest, 0.5 * math.pi))
    return far_y, limit / cosine if 2 * limit < cosine else math.inf


@compiled
def strip_bounds(layout, strip, level):
    """Lowest and highest y in a strip."""
    _, first, per_unit, low, _, _ = layout
    return low + (strip - first[level]) / per_unit[level], low + (strip + 1 - first[level]) / per_unit[level]


@compiled
def as_in_rows(surface, low_y, high_y):
    """Lowest and highest y as rows have it: on the ground, sines of latitudes."""
    if surface == PLANE:
        return low_y, high_y
    return math.sin(max(low_y, -0.5 * math.pi)), math.sin(min(high_y, 0.5 * math.pi))


@compiled
def find_pairs(search, layout, boxes, begin, end):
    """All overlaps (later, earlier) of boxes in the strips begin..end with boxes of the same or larger levels.

    `layout` is (level of each strip, first strip of each level, strips per unit of y on each level, lowest y,
    uncertainty of places, first position of each strip).
    """
    surface, ratio, factor = search[0], search[3], search[4]
    strip_level, first, per_unit, low, blur, starts = layout
    found, count = np.empty(1024, np.uint32), 0
    for strip in range(begin, end):
        if starts[strip] == starts[strip + 1]:
            continue
        level = strip_level[strip]
        low_y, high_y = strip_bounds(layout, strip, level)
        for other in range(level, LEVELS):
            largest = 2.0 ** (other - 64)
            if 0.5 * largest * ratio > 2.0 ** (level - 64):
                break
            if first[other] == first[other + 1]:
                continue
            far_y, far_x = reach_of(surface, factor * largest, low_y, high_y, blur)
            turns = 3 if surface == GROUND and far_x < math.pi else 1
            lowest = max(np.int64(math.floor((low_y - far_y - low) * per_unit[other])), 0) + first[other]
            highest = min(
                np.int64(math.floor((high_y + far_y - low) * per_unit[other])) + first[other] + 1, first[other + 1]
            )
            for target in range(strip if other == level else lowest, highest):
                if starts[target] == starts[target + 1]:
                    continue
                mine, theirs = (starts[strip], starts[strip + 1]), (starts[target], starts[target + 1])
                bounds = as_in_rows(surface, *strip_bounds(layout, target, other))
                for turn in range(2 if target == strip and turns == 3 else turns):
                    shift = (0.0, 2 * math.pi, -2 * math.pi)[turn]
                    window = (far_x, blur, largest, shift, *bounds)
                    found, count = join(search, boxes, mine, theirs, window, found, count)
    return found[: 2 * count]


@compiled
def count_rivals(pairs, counts):
    """Count every box's better rivals, at its position + 1."""
    for k in range(0, len(pairs), 2):
        counts[pairs[k] + 1] += 1


@compiled
def list_rivals(pairs, free, rivals):
    """Write the better rivals of each box to its places; `free` is where the next one of each box goes."""
    for k in range(0, len(pairs), 2):
        rivals[free[pairs[k]]] = pairs[k + 1]
        free[pairs[k]] += 1


UNDECIDED, ALIVE, DEAD, OPEN = 0, 1, 2, 3


@compiled
def decide(ends, rivals, complete, state):
    """Write every box's fate to `state`; return the longest chain of rivals.

    The rivals of box i end at ends[i] and begin where those of the one before end. A box with a
    rival that is alive is dead; else it is open when a rival is, or when not all its rivals are known
    (`complete`, which may be empty: all are); else it is alive.
    """
    chain = np.ones(len(state), np.int32)
    stack, cursor = np.empty(64, np.int64), np.empty(64, np.int64)
    longest = 0
    for start in range(len(state)):
        if state[start] == UNDECIDED and ends[start] == (ends[start - 1] if start > 0 else 0):
            settle(start, ends, rivals, complete, state, chain)  # most boxes have no rivals
        depth = 0 if state[start] != UNDECIDED else 1
        stack[0], cursor[0] = start, ends[start - 1] if start > 0 else 0
        while depth > 0:
            box = stack[depth - 1]
            rival = box
            while cursor[depth - 1] < ends[box]:
                if state[rivals[cursor[depth - 1]]] == UNDECIDED:
                    rival = np.int64(rivals[cursor[depth - 1]])
                    break
                cursor[depth - 1] += 1
            if rival == box:
                settle(box, ends, rivals, complete, state, chain)
                longest = max(longest, chain[box])
                depth -= 1
                continue
            if depth == len(stack):
                stack, cursor = grown(stack), grown(cursor)
            stack[depth], cursor[depth] = rival, ends[rival - 1] if rival > 0 else 0
            depth += 1
    return longest


@compiled
def settle(box, ends, rivals, complete, state, chain):
    """Decide a box all of whose rivals are decided."""
    fate = ALIVE if len(complete) == 0 or complete[box] else OPEN
    for k in range(ends[box - 1] if box > 0 else 0, ends[box]):
        rival = rivals[k]
        chain[box] = max(chain[box], chain[rival] + 1)
        if state[rival] == ALIVE:
            fate = DEAD
        elif state[rival] == OPEN and fate != DEAD:
            fate = OPEN
    state[box] = fate


@compiled
def pairwise_iou(surface, shape, columns, i, others, j):
    """IoU of the boxes i of some columns with the boxes j of others, pair by pair."""
    values = np.empty(len(i))
    one, other = np.empty((2, 5))
    for k in range(len(i)):
        write_row(surface, columns, i[k], one)
        write_row(surface, others, j[k], other)
        values[k] = iou(surface, shape, one, other)
    return values
