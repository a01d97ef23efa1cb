import itertools

import numpy as np
import pytest
import rasterio.features
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.draw import line as digital_line
from skimage.morphology import thin as reference_thin

from orbitile.features.shapes.skeleton import (
    HALO_PX,
    Skeleton,
    SkeletonEdge,
    block_chains,
    join_lines,
    mask_chains,
    skeletonise,
    smooth_lines,
    thin_mask,
)
from orbitile.space.grids import Window


def mask_of(*rows):
    return np.array([[pixel == "#" for pixel in row] for row in rows])


def drawn(shape, side=600):
    return rasterio.features.rasterize([shape], (side, side)).astype(bool)


def strip(width, length, angle, middle=(300.3, 300.7)):
    way = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))]) * length / 2
    return shapely.LineString([middle - way, middle + way]).buffer(width / 2, quad_segs=32)


def lines_of(mask, minimum_px=10.0, col=0, row=0):
    window = Window(col, row, mask.shape[1], mask.shape[0])
    return join_lines(block_chains(np.pad(mask, HALO_PX), window, minimum_px))


def widths_of(lines):
    return shapely.get_coordinates(lines, include_z=True)[:, 2]


def network(seed, side=450, curves=8, widest=59):
    """Curves of changing width that cross, with holes in them."""
    rng = np.random.default_rng(seed)
    parts = []
    for _ in range(curves):
        turns = np.cumsum(rng.normal(0, 0.15, 40)) + rng.uniform(0, 2 * np.pi)
        points = rng.uniform(0, side, 2) + np.cumsum(np.column_stack([np.cos(turns), np.sin(turns)]) * 10, axis=0)
        widths = np.clip(rng.uniform(1, widest) + np.cumsum(rng.normal(0, 1, 40)), 1, widest)
        parts += [shapely.LineString(points[i : i + 2]).buffer(widths[i] / 2) for i in range(39)]
    holes = shapely.points(rng.uniform(0, side, (10, 2)))
    return drawn(shapely.union_all(parts), side) & ~drawn(shapely.union_all(shapely.buffer(holes, 4)), side)


@st.composite
def masks(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    noise = rng.random((draw(st.integers(1, 50)), draw(st.integers(1, 50))))
    share = draw(st.sampled_from([0.2, 0.5, 0.7, 0.9]))
    return ndimage.gaussian_filter(noise, 2) < 0.5 if draw(st.booleans()) else noise < share


@given(mask=masks())
def test_thinning_is_guo_and_halls(mask):
    assert (thin_mask(mask) == reference_thin(mask)).all()


@given(mask=masks())
def test_skeletons_are_connected_as_their_masks(mask):
    image = Skeleton.of(thin_mask(np.pad(mask, 2))).image
    eight = np.ones((3, 3))
    labels, number = ndimage.label(np.pad(mask, 2), eight)
    assert ndimage.label(image, eight)[1] == number
    assert len(np.unique(labels[image])) == number
    assert not (image & ~np.pad(mask, 2)).any()


@given(mask=masks())
def test_chains_hold_every_link_once(mask):
    skeleton = Skeleton.of(thin_mask(np.pad(mask, 2)))
    pixels, starts = skeleton.chains()
    ends = set((starts[1:] - 1).tolist())
    links = [frozenset([tuple(pixels[i]), tuple(pixels[i + 1])]) for i in range(len(pixels) - 1) if i not in ends]
    assert len(set(links)) == len(links) == skeleton.degrees()[skeleton.image].sum() // 2
    linked = {pixel for link in links for pixel in link}
    lone = skeleton.degrees()[skeleton.image] == 0
    assert len(linked) + lone.sum() == skeleton.image.sum()


SMALL = {
    "pixel": (mask_of("#"), []),
    "two": (mask_of("##"), [1]),
    "corner": (mask_of("#..", "#..", "###"), [2 + 2**0.5]),
    "stairs": (mask_of("##..", ".##.", "..##"), [2**0.5 * 2 + 1]),
    "tee": (mask_of("#####", "..#..", "..#.."), [2, 2, 2]),
    "plus": (mask_of("..#..", "..#..", "#####", "..#..", "..#.."), [2, 2, 2, 2]),
    "cross": (mask_of("#...#", ".#.#.", "..#..", ".#.#.", "#...#"), [2 * 2**0.5] * 4),
    "square": (mask_of("##", "##"), []),
    "ring": (mask_of(".##.", "#..#", ".##."), [2 + 4 * 2**0.5]),
    "diamond": (mask_of(".#.", "#.#", ".#."), [4 * 2**0.5]),
    "loop at a line": (mask_of("......#.", ".....#.#", "#####.#."), [4 + 2**0.5, 4 * 2**0.5]),
}


@pytest.mark.parametrize(("mask", "lengths"), SMALL.values(), ids=SMALL.keys())
def test_small_masks(mask, lengths):
    """Nothing is pruned here. Corners are cut where a diagonal does, and there are no loops of three or four pixels."""
    found = lines_of(mask, minimum_px=0.0) if len(lengths) < 3 else lines_unpruned(mask)
    assert sorted(shapely.length(found)) == pytest.approx(sorted(lengths))


def lines_unpruned(mask):
    pixels, starts = Skeleton.of(thin_mask(np.pad(mask, 2))).chains()
    return np.array([shapely.LineString(pixels[i:j]) for i, j in itertools.pairwise(starts)])


def test_coordinates_are_centres_of_lattice_pixels():
    (line,) = lines_of(mask_of("...", "###"), col=100, row=-50)
    assert shapely.force_2d(line).wkt == "LINESTRING (100.5 -48.5, 101.5 -48.5, 102.5 -48.5)"
    assert line.coords[1][2] == 1


@pytest.mark.parametrize(
    ("length", "width", "kept"), [(12, 3, False), (25, 3, True), (25, 15, True), (20, 31, False), (60, 31, True)]
)
def test_spurs(length, width, kept):
    """A side branch of a line 3, 15 or 31 px wide, from its middle, must be 20 px long, or 1.5 half widths."""
    line, branch = strip(width, 400, 0), shapely.box(299, 300, 302, 300 + length + 2)
    found = lines_of(drawn(line.union(branch)), minimum_px=20.0)
    assert len(found) == (3 if kept else 1)


def test_a_star_keeps_its_two_longest_arms():
    arms = [shapely.LineString([(50.5, 50.5), end]).buffer(0.6) for end in ((42.5, 50.5), (59.5, 50.5), (50.5, 57.5))]
    found = lines_of(drawn(shapely.union_all(arms), 100), minimum_px=20.0)
    assert shapely.length(found) == pytest.approx([17], abs=1)


@pytest.mark.parametrize("angle", [0, 3, 17, 45, 60, 81, 90])
@pytest.mark.parametrize("width", [3, 4, 5, 8, 20, 41, 59])
def test_widths_of_strips(width, angle):
    """Pixels make a narrow strip along a diagonal up to 6 % wider or narrower than it was drawn: so they count."""
    mask = drawn(strip(width, 400, angle))
    (line,) = lines_of(mask)
    in_pixels = (mask.sum() - np.pi * width**2 / 4) / 400
    assert widths_of(line)[20:-20].mean() == pytest.approx(in_pixels, rel=0.02)
    assert widths_of(line)[20:-20].mean() == pytest.approx(width, rel=0.065 if angle == 45 else 0.05)


@pytest.mark.parametrize("width", [1, 2, 3, 6, 7, 30])
def test_widths_along_the_pixels_are_exact(width):
    mask = np.zeros((100, 300), bool)
    mask[20 : 20 + width, 10:290] = True
    for turned in (mask, mask.T):
        (line,) = lines_of(turned)
        assert widths_of(line)[20:-20] == pytest.approx(width, abs=1e-3)


@given(angle=st.floats(0, 180), length=st.integers(100, 400))
def test_lengths_of_straight_lines(angle, length):
    way = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))]) * length / 2
    (row, col), (last_row, last_col) = np.round(300 - way).astype(int), np.round(300 + way).astype(int)
    mask = np.zeros((600, 600), bool)
    mask[digital_line(row, col, last_row, last_col)] = True
    (line,) = smooth_lines(lines_of(mask))
    assert line.length == pytest.approx(np.hypot(last_row - row, last_col - col), rel=5e-3)


@pytest.mark.parametrize("width", [3, 11])
@pytest.mark.parametrize("radius", [50, 80, 200])
def test_circles(radius, width):
    circle = shapely.Point(300.2, 300.6).buffer(radius, quad_segs=90).exterior
    (line,) = smooth_lines(lines_of(drawn(circle.buffer(width / 2))))
    assert line.is_ring
    assert line.length == pytest.approx(2 * np.pi * radius, rel=5e-3)
    assert widths_of(line) == pytest.approx(width, abs=1)


@pytest.mark.parametrize("radius", [50, 100])
def test_arcs(radius):
    angles = np.radians(np.linspace(20, 230, 200))
    points = 300 + radius * np.column_stack([np.cos(angles), np.sin(angles)])
    (line,) = smooth_lines(lines_of(drawn(shapely.LineString(points).buffer(2.5))))
    assert line.length == pytest.approx(radius * np.radians(210), abs=0.005 * radius * np.radians(210) + 2)


@pytest.mark.parametrize("radius", [1, 2, 4, 8])
def test_small_loops_survive(radius):
    rows, cols = np.indices((30, 30)) - 15
    mask = np.abs(np.hypot(rows, cols) - radius - 0.5) < 1
    (line,) = smooth_lines(lines_of(mask))
    assert line.is_ring
    assert shapely.Polygon(line).area > radius


def in_blocks(mask, window, side):
    def read(asked):
        out = np.zeros((asked.height, asked.width), bool)
        if shared := asked.intersection(window):
            out[shared.slices_within(asked)] = mask[shared.slices_within(window)]
        return out

    return mask_chains(read, window, side=side)


@given(seed=st.integers(0, 2**32), side=st.integers(40, 300), col=st.integers(-1000, 1000))
@settings(max_examples=8)
def test_lines_do_not_depend_on_blocks(seed, side, col):
    mask = network(seed)
    whole = lines_of(mask, col=col)
    cut = join_lines(in_blocks(mask, Window(col, 0, *mask.shape), side))
    assert len(whole) > 3
    assert len(cut) == len(whole)
    assert shapely.equals_identical(cut, whole).all()


@given(seed=st.integers(0, 2**32))
@settings(max_examples=5)
def test_order_of_chains_plays_no_part(seed):
    rng = np.random.default_rng(seed)
    chains = in_blocks(network(seed), Window(0, 0, 450, 450), 100)
    turned = np.where(rng.random(len(chains)) < 0.5, chains, shapely.reverse(chains))
    assert shapely.equals_identical(join_lines(rng.permutation(turned)), join_lines(chains)).all()


def test_smooth_branches_still_meet():
    whole = lines_of(network(3))
    lines = smooth_lines(whole)
    for which in (0, -1):
        before, after = shapely.get_point(whole, which), shapely.get_point(lines, which)
        ends = ~shapely.is_closed(whole)
        assert shapely.equals(before, after)[ends].all()
    assert shapely.hausdorff_distance(whole, lines).max() < 3


def test_a_blunt_wide_shape_gives_a_line():
    found = lines_of(drawn(shapely.box(100, 100, 180, 150), 300))
    assert len(found) >= 1


@pytest.mark.parametrize("mask", [np.zeros((5, 5), bool), mask_of("#"), mask_of("#.#", "...", "#.#")])
def test_no_lines(mask):
    assert len(smooth_lines(lines_of(mask))) == 0


def test_a_mask_without_edge():
    full = np.ones((50, 50), bool)
    image = skeletonise(full, SkeletonEdge(full), 10.0).image
    assert image.any()
