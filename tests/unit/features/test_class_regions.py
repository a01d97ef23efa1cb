"""Small regions get the class with which they share the longest border."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from orbitile.features.class_regions import join_small_regions


def joined(text, smallest_px, nodata="x"):
    """Rows of digits, where x is no data."""
    rows = [list(line) for line in text.split()]
    valid = np.array([[value != nodata for value in row] for row in rows])
    numbers = np.array([[0 if value == nodata else int(value) for value in row] for row in rows], np.uint8)
    result = join_small_regions(numbers, valid, smallest_px)
    shown = np.where(valid, result.astype(str), nodata)
    return " ".join("".join(row) for row in shown)


@pytest.mark.parametrize(
    ("before", "smallest_px", "after"),
    [
        ("1111 1211 1111", (0, 0, 2), "1111 1111 1111"),
        ("1111 1221 1111", (0, 0, 2), "1111 1221 1111"),
        ("1111 1211 1121 1111", (0, 0, 2), "1111 1111 1111 1111"),  # corners do not hold regions together
        ("0011 0211 0011", (0, 0, 2), "0011 0011 0011"),  # two sides each: the lowest
        ("0111 0211 0111", (0, 0, 2), "0111 0111 0111"),
        ("xxx x2x xxx", (0, 0, 9), "xxx x2x xxx"),  # nothing around it
        ("x11 x21 x11", (0, 0, 9), "x11 x11 x11"),
        ("111111 122221 123321 122221 111111", (0, 0, 5, 5), "111111 122221 122221 122221 111111"),
        ("11111 12231 11111", (0, 0, 5, 5), "11111 11111 11111"),  # small ones beside each other
        ("11111 12221 12321 12221 11111", (0, 0, 9, 9), "11111 11111 11311 11111 11111"),  # 3 lies in 2, which is small
        ("2222", (0, 0, 5), "2222"),
    ],
)
def test_what_becomes_of_small_regions(before, smallest_px, after):
    assert joined(before, smallest_px) == after


def region_of(numbers, valid, place):
    """The pixels that hang together with one, by flooding."""
    open_places, region = [place], {place}
    while open_places:
        row, col = open_places.pop()
        for near in ((row - 1, col), (row + 1, col), (row, col - 1), (row, col + 1)):
            is_inside = 0 <= near[0] < numbers.shape[0] and 0 <= near[1] < numbers.shape[1]
            if is_inside and near not in region and valid[near] and numbers[near] == numbers[place]:
                region.add(near)
                open_places.append(near)
    return region


def plain(numbers, valid, smallest_px):
    """The same, region by region."""
    result = numbers.copy()
    stays = {
        place: len(region_of(numbers, valid, place)) >= smallest_px[numbers[place]]
        for place in map(tuple, np.argwhere(valid))
    }
    for place in (place for place, large in stays.items() if not large):
        sides = np.zeros(4, int)
        for row, col in region_of(numbers, valid, place):
            for near in ((row - 1, col), (row + 1, col), (row, col - 1), (row, col + 1)):
                if stays.get(near) and numbers[near] != numbers[place]:
                    sides[numbers[near]] += 1
        result[place] = sides.argmax() if sides.any() else numbers[place]
    return result


IMAGES = arrays(np.uint8, (7, 9), elements=st.integers(0, 3))
VALID = arrays(bool, (7, 9), elements=st.sampled_from([True, True, True, False]))
SMALLEST = st.tuples(*[st.integers(0, 6)] * 4)


@given(IMAGES, VALID, SMALLEST)
def test_parity_with_flooding_region_by_region(numbers, valid, smallest_px):
    result = join_small_regions(numbers, valid, smallest_px)
    assert np.array_equal(result[valid], plain(numbers, valid, smallest_px)[valid])


@given(arrays(np.uint8, (24, 24), elements=st.integers(0, 2)), st.tuples(*[st.integers(0, 4)] * 3))
def test_what_lies_beyond_twice_the_smallest_region_has_no_say(numbers, smallest_px):
    halo = 2 * max(smallest_px)
    window = np.s_[9:15, 9:15]
    around = np.s_[9 - halo : 15 + halo, 9 - halo : 15 + halo]
    everything, part = np.ones((24, 24), bool), numbers[around]
    expected = join_small_regions(numbers, everything, smallest_px)[window]
    inside = np.s_[halo : halo + 6, halo : halo + 6]
    assert np.array_equal(join_small_regions(part, np.ones(part.shape, bool), smallest_px)[inside], expected)
