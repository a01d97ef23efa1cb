"""No object is lost, doubled or cut by tiles, borders of scenes, or the scales that share the sizes.

The scenes are made up: round objects of known place and size, and a detector that reports in every tile what it sees
of them, with every edge of every box off by up to `JITTER_PX`, anew in every tile. Its reports go through the library's
tiles, `untile` and suppression.

How small may objects be? Reports of one object unite only if they overlap by more than the threshold t of suppression.
Of an object s pixels across, of which every edge is off by up to j, the two reports that overlap least are the
largest, s + 2j, and the smallest, s - 2j, one inside the other: their IoU is ((s - 2j) / (s + 2j))^2, less than the
(s - 2j)^2 / (2 s^2 - (s - 2j)^2) of two that are shifted against each other. It is above t for

    s > 2j (1 + sqrt t) / (1 - sqrt t)

which is 8.9 px for one pixel and the usual t of 0.4, as boxes and as circles. Reports from a finer scale, off by
k < j of the coarser one's pixels, unite for s > (2j + 2k sqrt t) / (1 - sqrt t), which is less. So once is promised to
objects of which each scale's `min_object_px` is at least 2 j more than that, 10.9 px: smaller ones, which are
measured that large at most, are not reported. With a smaller `min_object_px`, objects of less than 8.9 px of any
scale that reports them may stay double; they are not lost. Surely reported are objects from 2 j above the finest
scale's `min_object_px` to 2 j below the coarsest one's `max_object_px`, if j is less than 1.5 px.
"""

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plain_suppression import iou_table
from seen_discs import (
    GSD_M,
    JITTER_PX,
    SMALLEST_PX,
    Image,
    World,
    largest_in,
    least_size,
    placed_detections,
    scale,
    settings_of,
    single,
    surviving_detections,
)

from orbitile.detections.nms.boxes import PlaneBoxes
from orbitile.detections.tiling import TileSize

CLEAR_PX = 5
"""Objects farther than this from the end of all data are whole, whatever the jitter."""


@pytest.mark.parametrize("shape", ["box", "circle"])
@pytest.mark.parametrize("threshold", [0.2, 0.4, 0.5, 0.6])
@pytest.mark.parametrize("finer", [1.0, 0.5, 0.25, 0.0])
def test_the_smallest_object_whose_reports_unite(shape, threshold, finer):
    """With all edges of both boxes off by as much as they may be, in or out, or not at all."""
    signs = np.array(list(product([-1.0, 0.0, 1.0], repeat=4)))
    for size, unite in (
        (least_size(threshold, 1, finer) + 0.01, True),
        (least_size(threshold, 1, finer) - 0.01, False),
    ):
        square = np.array([0, 0, size, size])
        least = iou_table(PlaneBoxes(square + signs), PlaneBoxes(square + finer * signs), shape).min()
        assert (least > threshold) == unite


def test_the_smallest_object_at_the_usual_threshold():
    assert least_size(0.4) == pytest.approx(8.883, abs=0.001)
    assert least_size(0.4, 1, 1 / 2) == pytest.approx(7.16, abs=0.01)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("world")


@pytest.fixture(scope="module")
def placed(folder):
    """Looks for the objects of a world: all detections as `untile` writes them."""
    return lambda world: placed_detections(world, folder)


@pytest.fixture(scope="module")
def catalogue(folder):
    """Looks for the objects of a world: what is left of the detections, by object."""

    def look(world):
        left = surviving_detections(world, folder)
        return left.assign(disc=left["class"].astype(int)).sort_values("disc", ignore_index=True)

    return look


def errors_px(found, world):
    """How far the found boxes' middles and sizes are off, in pixels of the scale they were found at."""
    true = world.boxes[found["disc"]] * [1, -1, 1, -1] * GSD_M
    middle = found[["xmin", "ymin"]].to_numpy() + found[["xmax", "ymax"]].to_numpy() - true[:, :2] - true[:, 2:]
    size = found[["xmax", "ymax"]].to_numpy() - found[["xmin", "ymin"]].to_numpy()
    off = size - (world.boxes[found["disc"], 2:] - world.boxes[found["disc"], :2]) * GSD_M
    per_px = found[["scale_m"]].to_numpy()
    return np.abs(middle / 2 / per_px).max(initial=0), np.abs(off / per_px).max(initial=0)


def assert_each_once(found, world):
    """Every object once, whole, where it is and as large as it is; not on the map alone but on the ground."""
    assert np.bincount(found["disc"], minlength=len(world.discs)).tolist() == [1] * len(world.discs)
    assert not found["truncated"].any()
    middle, size = errors_px(found, world)
    assert middle <= world.jitter_px + 1e-3
    assert size <= 2 * world.jitter_px + 1e-3
    span_m = found[["xmax", "ymax"]].to_numpy() - found[["xmin", "ymin"]].to_numpy()
    assert found[["width_m", "height_m"]].to_numpy() == pytest.approx(span_m, rel=2e-3)


# One scene and one scale


def phases(step, overlap):
    """Places of objects in a step of the tile grid: eight all over, and more around the border of cores."""
    near_border = overlap / 2 + np.array([-5, -4, -3.5, -1, -0.5, -0.25, 0, 0.25, 0.5, 1, 3.5, 4, 5])
    return np.concatenate([np.arange(8) * step / 8, near_border % step])


def places(wanted, step, pitch, start):
    """Ascending places of all wanted phases, `pitch` apart at least."""
    found, last = [], start
    for phase in wanted:
        last += (phase - last) % step
        found.append(last)
        last += pitch
    return np.array(found)


def lattice(size, tile):
    """Objects of one size at all pairs of phases, with a small one in each that is large enough for it."""
    small = SMALLEST_PX if size - 2 > (SMALLEST_PX + 2) / 0.6 else None
    at = places(phases(tile.step_px, tile.overlap_px), tile.step_px, size + 4, size / 2 + CLEAR_PX)
    x, y = (axis.ravel() for axis in np.meshgrid(at, at))
    discs = np.column_stack([x, y, np.full(x.shape, size)])
    if small is None:
        return discs
    inner = np.column_stack([x + (size - small) / 5, y - (size - small) / 7, np.full(x.shape, small)])
    return np.concatenate([discs, inner])


def extent_of(discs, clear=CLEAR_PX):
    """The last pixel that a world of such objects needs."""
    return int(np.ceil((discs[:, :2] + discs[:, 2:] / 2).max())) + clear


TILES = [(64, 32), (96, 48), (160, 33), (128, 64), (256, 64), (512, 128), (512, 256)]
LONE = [(tile, share) for tile in TILES for share in (0.0, 0.5, 1.0)]


@pytest.mark.parametrize(("tile", "share"), LONE)
@pytest.mark.parametrize("jitter", ["extreme", "nested"])
def test_every_object_of_a_scene_is_found_once(catalogue, tile, share, jitter):
    """441 places relative to the tile grid, objects from the smallest to the largest."""
    settings = settings_of(scale(tile_px=tile[0], overlap_px=tile[1], min_object_px=0))
    largest = largest_in(settings)
    discs = lattice(SMALLEST_PX + share * (largest - SMALLEST_PX), TileSize(*tile))
    side = extent_of(discs)
    world = World(single(0, 0, side, side + 17), discs, settings, jitter=jitter)
    assert len(world.discs) >= 441
    assert_each_once(catalogue(world), world)


@given(st.integers(0, 2**32 - 1), st.integers(30, 700), st.integers(30, 700), st.sampled_from(TILES))
def test_scenes_of_any_size(catalogue, seed, width, height, tile):
    """Smaller than a tile, or with last tiles that begin anywhere."""
    settings = settings_of(scale(tile_px=tile[0], overlap_px=tile[1], min_object_px=0))
    rng = np.random.default_rng(seed)
    discs = scattered(rng, width, height, largest_in(settings))
    world = World(single(0, 0, width, height), discs, settings, jitter="extreme", seed=seed)
    assert_each_once(catalogue(world), world)


def scattered(rng, width, height, largest, smallest=SMALLEST_PX, clear=CLEAR_PX):
    """Objects of all sizes at random places; none overlaps another's box, or the clear margin."""
    kept = []
    for size in np.sort(rng.uniform(smallest, largest, 60))[::-1]:
        room = np.array([width, height]) - size - 2 * clear
        if (room < 0).any():
            continue
        centre = clear + size / 2 + rng.random(2) * room
        if all(np.abs(centre - other[:2]).max() > (size + other[2]) / 2 + 3 for other in kept):
            kept.append([*centre, size])
    return np.array(kept).reshape(-1, 3)


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.2, 0.5, 0.7]), st.sampled_from([0.25, 0.5, 1.0, 1.45]))
def test_other_thresholds_and_jitters(catalogue, seed, threshold, jitter_px):
    """The smallest tiles that there are, too: of 32 px, with an overlap of 16."""
    tile = (32, 16) if jitter_px <= 0.25 else (128, 64)
    settings = settings_of(scale(tile_px=tile[0], overlap_px=tile[1], min_object_px=0), iou_threshold=threshold)
    rng = np.random.default_rng(seed)
    largest = largest_in(settings, jitter_px)
    smallest = least_size(threshold, jitter_px) + 0.01
    discs = scattered(rng, 300, 200, largest, min(smallest, largest))
    world = World(single(0, 0, 300, 200), discs, settings, jitter="extreme", jitter_px=jitter_px, seed=seed)
    found = catalogue(world)
    if smallest < largest:
        assert_each_once(found, world)


# Mosaics


def mosaic(columns, rows, seam=0):
    """Scenes between some columns and rows of a map, that overlap by a seam."""
    return [
        Image(f"{i}{j}", left, top, right + seam * (right < columns[-1]), bottom + seam * (bottom < rows[-1]))
        for i, (left, right) in enumerate(pairwise(columns))
        for j, (top, bottom) in enumerate(pairwise(rows))
    ]  # fmt: skip


def bricks(left, top, width, height):
    """Scenes whose borders meet like those of bricks: two halves above, three thirds below."""
    middle, right, bottom = top + height // 2, left + width, top + height
    upper = [left, left + width // 2, right]
    lower = [left, left + width // 3, left + 2 * width // 3 + 1, right]
    return [
        Image(f"{name}{i}", a, y0, b, y1)
        for name, edges, y0, y1 in (("upper", upper, top, middle), ("lower", lower, middle, bottom))
        for i, (a, b) in enumerate(pairwise(edges))
    ]


def cuts(left, top, width, height, discs):
    """Ways to cut a map into scenes."""
    right, bottom = left + width, top + height
    through = [int(np.median(discs[:, axis])) for axis in (0, 1)]
    return dict(
        whole=mosaic([left, right], [top, bottom]),
        halves=mosaic([left, through[0], right], [top, bottom]),
        quarters=mosaic([left, through[0], right], [top, through[1], bottom]),
        strips=mosaic([left, right], [*np.linspace(top, bottom, 9).astype(int).tolist()]),
        small=mosaic([*range(left, right - 90, 90), right], [top, through[1], bottom]),
        bricks=bricks(left, top, width, height),
        seams=mosaic([left, left + width // 2, right], [top, top + height // 2, bottom], seam=3),
    )


CUTS = ["whole", "halves", "quarters", "strips", "small", "bricks", "seams"]


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize(("share", "corner"), [(0.0, (0, 0)), (0.6, (-1237, 411)), (1.0, (0, 0)), (1.0, (38, -7))])
def test_every_object_of_a_mosaic_is_found_once(catalogue, cut, share, corner):
    """441 places relative to the tile grid of the map, with borders of scenes through some of the objects."""
    tile = TileSize(96, 48)
    settings = settings_of(scale(tile_px=96, overlap_px=48, min_object_px=0))
    largest = largest_in(settings)
    discs = lattice(SMALLEST_PX + share * (largest - SMALLEST_PX), tile)
    side = extent_of(discs)
    discs[:, :2] += corner
    images = cuts(*corner, side, side, discs)[cut]
    world = World(images, discs, settings, margin="always", jitter="extreme")
    assert_each_once(catalogue(world), world)


@given(st.integers(0, 2**32 - 1), st.sampled_from(CUTS), st.sampled_from(["even", "extreme", "nested"]))
def test_mosaics_anywhere_on_the_map(catalogue, seed, cut, jitter):
    """Objects at random places, scenes recognised as pieces of a mosaic where there are several."""
    rng = np.random.default_rng(seed)
    left, top = rng.integers(-2000, 2000, 2).tolist()
    tile = TILES[rng.integers(0, 4)]
    settings = settings_of(scale(tile_px=tile[0], overlap_px=tile[1], min_object_px=0))
    width, height = rng.integers(320, 700, 2).tolist()
    discs = scattered(rng, width, height, largest_in(settings)) + np.array([left, top, 0])
    images = cuts(left, top, width, height, discs)[cut]
    world = World(images, discs, settings, jitter=jitter, seed=seed)
    assert_each_once(catalogue(world), world)
    assert all(raster.in_mosaic == (len(images) > 1) for raster in world.rasters)


# Smaller and larger ones, and those at the end of all data


def rows_of(sizes, step, clear=CLEAR_PX):
    """Objects at eight by eight phases: for each size a world of them, with a margin on all sides."""
    order = np.arange(8) * 5 % 8 * step / 8
    for size in sizes:
        at = places(order, step, size + 4, size / 2 + clear)
        x, y = (axis.ravel() for axis in np.meshgrid(at, at))
        yield np.column_stack([x, y, np.full(x.shape, size)])


@pytest.mark.parametrize("jitter", ["even", "extreme", "nested"])
def test_smaller_objects_are_not_lost(catalogue, jitter):
    """At 64 places each, with the usual `min_object_px`; some stay double."""
    settings = settings_of(scale(min_object_px=5))
    counts = []
    for discs in rows_of([7.01, 8.0, 8.8], step=64):
        side = extent_of(discs)
        found = catalogue(World(single(0, 0, side, side), discs, settings, jitter=jitter))
        counts += np.bincount(found["disc"], minlength=64).tolist()
    assert min(counts) == 1
    assert (max(counts) > 1) == (jitter != "even")


TOO_LARGE = [58.01, 70, 100, 127, 130, 300]


@pytest.mark.parametrize("size", TOO_LARGE)
@pytest.mark.parametrize("cut", ["whole", "quarters"])
def test_objects_too_large_for_all_scales_are_never_reported_cut(placed, catalogue, size, cut):
    """Larger than 56 px of the coarsest scale: found whole and marked as out of reach, or not at all."""
    settings = settings_of(scale(), scale(gsd_m=2 * GSD_M))
    (discs,) = rows_of([2 * size], step=128)
    side = extent_of(discs)
    world = World(cuts(0, 0, side, side, discs)[cut], discs, settings, margin="always")
    found = placed(world)
    found = found.assign(disc=found["class"].astype(int))
    assert (found["scale_m"] == 2 * GSD_M).all()
    assert found["out_of_reach"].all()
    assert not found["truncated"].any()
    assert max(errors_px(found, world)) <= 2 * JITTER_PX + 1e-3
    assert len(found) > 0 or size > 120
    assert len(catalogue(world)) == 0


def at_the_end(width, height, size, rng):
    """Objects across the border of all data and in its corners, of which SMALLEST_PX or more can be seen."""

    def inward(count):
        return rng.uniform(SMALLEST_PX, size - CLEAR_PX, count) - size / 2

    x, y = (np.arange(1.5 * size, length - 1.5 * size, 1.13 * size + 4) for length in (width, height))
    sides = [
        *zip(x, inward(len(x)), strict=True), *zip(x, height - inward(len(x)), strict=True),
        *zip(inward(len(y)), y, strict=True), *zip(width - inward(len(y)), y, strict=True),
        *product([inward(1)[0], width - inward(1)[0]], [inward(1)[0], height - inward(1)[0]]),
    ]  # fmt: skip
    return np.column_stack([np.array(sides), np.full(len(sides), size)])


@pytest.mark.parametrize("kind", ["lone", "mosaic"])
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(CUTS),
    st.sampled_from([20, 30, 37.9]),
    st.sampled_from(["even", "extreme", "nested"]),
)
def test_objects_at_the_end_of_all_data_are_marked_as_cut(catalogue, kind, seed, cut, size, jitter):
    """Some 60 of them, each once; the tiles along the border see the same part of each."""
    rng = np.random.default_rng(seed)
    width, height = rng.integers(500, 700, 2).tolist()
    discs = at_the_end(width, height, size, rng)
    images = single(0, 0, width, height) if kind == "lone" else cuts(0, 0, width, height, discs)[cut]
    settings = settings_of(scale(tile_px=96, overlap_px=48, min_object_px=0))
    margin = "never" if kind == "lone" else "always"
    found = catalogue(World(images, discs, settings, margin=margin, jitter=jitter, seed=seed))
    assert found["disc"].tolist() == list(range(len(discs)))
    assert found["truncated"].all()


# Several scales


THREE = [scale(), scale(gsd_m=2 * GSD_M), scale(gsd_m=6 * GSD_M, tile_px=96, overlap_px=48)]
LEAST_PX = SMALLEST_PX + 4 * JITTER_PX + 0.01
"""The smallest object that is never measured too small."""


def sizes_for_three():
    """Sizes in pixels of the finest scale: the smallest, the largest, around each end of each scale's."""
    edges = [13, 21.8, 65.3, 56, 112]
    around = [edge + off for edge, reach in zip(edges, (0, 4, 12, 3, 12), strict=True) for off in (-reach, 0, reach)]
    return sorted({LEAST_PX, 16, 40, 54, 55, 57, 58, 90, 106, 118, 160, 227.9, *(s for s in around if s >= LEAST_PX)})


@pytest.mark.parametrize(("cut", "jitter"), [("lone", "nested"), ("quarters", "extreme")])
def test_three_scales_find_every_object_once(catalogue, cut, jitter):
    """At 64 places relative to the coarsest tile grid, for each of the sizes; whichever scale it is left to."""
    settings, scales = settings_of(*THREE), set()
    for number, discs in enumerate(rows_of(sizes_for_three(), 288, 6 * CLEAR_PX)):
        side, shift = extent_of(discs, 6 * CLEAR_PX), np.array([1000 + 7 * number, -500, 0])
        images = single(0, 0, side, side) if cut == "lone" else cuts(0, 0, side, side, discs)[cut]
        images = [Image(one.name, one.left + shift[0], one.top + shift[1], one.right + shift[0], one.bottom + shift[1])
                  for one in images]  # fmt: skip
        margin = "never" if cut == "lone" else "always"
        world = World(images, discs + shift, settings, margin=margin, jitter=jitter, seed=number)
        found = catalogue(world)
        assert_each_once(found, world)
        scales |= set(found["scale_m"])
    assert len(scales) == 3


@given(st.integers(0, 2**32 - 1), st.sampled_from(CUTS), st.sampled_from(["even", "extreme", "nested"]))
def test_scales_share_objects_of_all_sizes_side_by_side(catalogue, seed, cut, jitter):
    """Objects at random places of a mosaic, from the smallest to the largest that the scales answer for."""
    rng, settings = np.random.default_rng(seed), settings_of(*THREE)
    corner = np.append(rng.integers(-1000, 1000, 2), 0)
    width, height = rng.integers(600, 1000, 2).tolist()
    discs = scattered(rng, width, height, 6 * largest_in(settings), LEAST_PX, clear=6 * CLEAR_PX) + corner
    images = cuts(*corner[:2].tolist(), width, height, discs)[cut]
    world = World(images, discs, settings, margin="always", jitter=jitter, seed=seed)
    assert_each_once(catalogue(world), world)
