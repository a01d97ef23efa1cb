"""Suppression is one greedy pass over the whole catalogue, however it is cut up and computed."""

import math
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
import shapely
from affine import Affine
from hypothesis import assume, given
from hypothesis import strategies as st
from plain_suppression import (
    MOON_M,
    PLACES,
    Crowd,
    ground_crowd,
    iou_table,
    is_close_call,
    order_of,
    plane_crowd,
    power_law,
    select_boxes,
    survivors_by_definition,
)
from plan_rows import plan_row
from pyproj import CRS
from suppressed_groups import suppress_group

from orbitile.base.errors import OrbitileError
from orbitile.detections.nms.boxes import GroundBoxes, PlaneBoxes
from orbitile.detections.nms.catalogue_nms import catalogue_nms, select_candidates
from orbitile.detections.nms.find_overlaps import OverlapCriterion, find_overlaps, find_overlaps_between, paired_iou
from orbitile.detections.nms.greedy import greedy_nms, plane_nms
from orbitile.detections.nms.settings import NmsSettings
from orbitile.settings import Settings
from orbitile.space.footprints import close_pairs, grid_outline
from orbitile.space.grids import Grid
from orbitile.space.ground import Ground, wrap_longitude
from orbitile.tables.crater_parts import read_survivors
from orbitile.tables.detections import DETECTIONS, GEOLOCATED, ORDER
from orbitile.tables.parquet import write_table
from orbitile.tables.plan import PlanGroup, PlanOrigin, write_plan

THRESHOLD = 0.41370001
"""No two boxes made here have just this overlap, so that rounding decides nothing."""
SHAPES = ["box", "circle"]
SEEDS = st.integers(0, 2**32 - 1)
PLACE = st.sampled_from([None, *PLACES])


# The reference


def by_definition(crowd, shape="box", threshold=THRESHOLD, margin=1e-9):
    """The survivors that the definition asks for; crowds in which rounding decides are left out."""
    values = iou_table(crowd.boxes, crowd.boxes, shape)
    assume(not is_close_call(values, threshold, margin))
    return survivors_by_definition(values, order_of(crowd.boxes, crowd.score), threshold)


@pytest.mark.parametrize("shape", SHAPES)
@given(SEEDS, PLACE, st.booleans())
def test_survivors_on_a_body_are_those_of_the_definition(shape, seed, place, ties):
    crowd = ground_crowd(seed, place, ties=ties)
    alive = plane_nms(crowd.boxes, crowd.score, THRESHOLD, shape).alive
    assert alive.tolist() == by_definition(crowd, shape).tolist()
    assert 20 < alive.sum() < len(alive) - 20


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", [np.float32, np.float64])
@given(SEEDS, st.booleans())
def test_survivors_on_a_plane_are_those_of_the_definition(shape, kind, seed, ties):
    crowd = plane_crowd(seed, ties=ties, dtype=kind)
    alive = plane_nms(crowd.boxes, crowd.score, THRESHOLD, shape).alive
    assert alive.tolist() == by_definition(crowd, shape, margin=1e-5).tolist()
    assert 20 < alive.sum() < len(alive) - 20


@given(SEEDS, st.sampled_from([0.1, 0.3, 0.5, 0.7]))
def test_survivors_on_a_plane_are_those_of_torchvision(seed, threshold):
    torch, ops = pytest.importorskip("torch"), pytest.importorskip("torchvision.ops")
    crowd = plane_crowd(seed, count=400)
    kept = ops.nms(torch.from_numpy(crowd.boxes.corners), torch.from_numpy(crowd.score), threshold)
    alive = plane_nms(crowd.boxes, crowd.score, threshold).alive
    assert np.flatnonzero(alive).tolist() == sorted(kept.tolist())


def test_every_second_box_of_a_long_chain_survives():
    """Each of 20,000 boxes around the equator overlaps the next one and the one before."""
    count = 20_000
    lon = np.linspace(-180, 180, count, endpoint=False)
    size = np.full(count, np.radians(360 / count) / 0.3)
    boxes = GroundBoxes(lon, np.zeros(count), size, size)
    for first, score in ((1, np.arange(count)), (0, -np.arange(count))):
        found = plane_nms(boxes, score.astype(float), 0.5)
        assert np.flatnonzero(found.alive).tolist() == list(range(first, count, 2))
        assert found.longest_chain == count


@given(SEEDS, st.sampled_from(["equator", "meridian", "over the pole", "antimeridian"]), st.floats(0.2, 0.55))
def test_chains_in_any_order_of_scores(seed, way, step):
    """Each of 60 boxes overlaps the next ones; around a fifth of the scores are ties."""
    rng = np.random.default_rng(seed)
    count, size = 60, 0.01
    along = np.degrees(np.arange(count) * step * size)
    zero = np.zeros(count)
    lat = 70 + along
    lon, lat = dict(
        equator=(along, zero), meridian=(zero, along - 10), antimeridian=(wrap_longitude(along + 175), zero + 50),
    ).get(way, (np.where(lat > 90, 180.0, 0.0), np.where(lat > 90, 180 - lat, lat)))  # fmt: skip
    crowd = Crowd(GroundBoxes(lon, lat, zero + size, zero + size), rng.integers(0, 5 * count, count).astype(float))
    alive = plane_nms(crowd.boxes, crowd.score, THRESHOLD).alive
    assert alive.tolist() == by_definition(crowd).tolist()


@given(SEEDS, PLACE, st.integers(2, 5))
def test_of_boxes_found_several_times_one_is_left(seed, place, times):
    """Equal in everything, in any number, they count as one."""
    crowd = ground_crowd(seed, place, count=80)
    index = np.repeat(np.arange(80), times)
    once = plane_nms(crowd.boxes, crowd.score, THRESHOLD).alive
    many = plane_nms(select_boxes(crowd.boxes, index), crowd.score[index], THRESHOLD).alive
    assert many.reshape(80, times).sum(axis=1).tolist() == once.astype(int).tolist()


# The search for pairs


def stretched(crowd, seed, most):
    """The crowd's boxes, up to `most` times as long as wide."""
    boxes = crowd.boxes
    longer = np.exp(np.random.default_rng(seed).uniform(-0.5, 0.5, len(boxes)) * math.log(most))
    return GroundBoxes(boxes.lon, boxes.lat, boxes.width * longer, boxes.height / longer)


def pairs_of(one, other, question):
    i, j, value = find_overlaps_between(one, other, question)
    return dict(zip(zip(i.tolist(), j.tolist(), strict=True), value.tolist(), strict=True))


@pytest.mark.parametrize("shape", SHAPES)
@given(SEEDS, PLACE, st.floats(0.05, 0.95), st.sampled_from([1, 3, 10]), st.sampled_from([1, 20, 1000]))
def test_the_search_finds_every_pair(shape, seed, place, threshold, longest, larger):
    """Boxes up to ten times as long as wide, and up to a thousand times as large as the body."""
    boxes = stretched(ground_crowd(seed, place), seed, longest)
    boxes = replace(boxes, width=boxes.width * larger, height=boxes.height * larger)
    one, other = (select_boxes(boxes, np.arange(start, len(boxes), 2)) for start in (0, 1))
    values = iou_table(one, other, shape)
    assume(not is_close_call(values, threshold))
    found = pairs_of(one, other, OverlapCriterion(threshold, shape))
    assert set(found) == set(zip(*(axis.tolist() for axis in np.nonzero(values > threshold)), strict=True))
    assert list(found.values()) == pytest.approx([values[pair] for pair in found], abs=1e-7)


@pytest.mark.parametrize("shape", SHAPES)
@given(SEEDS, st.floats(0.05, 0.95))
def test_the_search_finds_every_pair_on_a_plane(shape, seed, threshold):
    boxes = plane_crowd(seed).boxes
    values = iou_table(boxes, boxes, shape)
    assume(not is_close_call(values, threshold, 1e-5))
    found = pairs_of(boxes, boxes, OverlapCriterion(threshold, shape))
    assert set(found) == set(zip(*(axis.tolist() for axis in np.nonzero(values > threshold)), strict=True))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("lat", [89.997, -89.997, 89.9999, 90.0, -90.0])
@pytest.mark.parametrize("lon", [(178, -178), (-178, 178), (180, -180), (90, -90), (-1, 1)])
def test_pairs_around_a_pole(shape, lat, lon):
    """Made-up boxes that overlap by two thirds, of sizes on both sides of a power of two, where levels meet."""
    for sizes in ([0.98, 1.02], [1.02, 0.98], [0.98, 0.98]):
        size = np.array(sizes) * 2.0**-10
        boxes = GroundBoxes(np.array(lon, float), np.full(2, lat), size, size)
        assert sorted(pairs_of(boxes, boxes, OverlapCriterion(0.6, shape))) == [(0, 0), (0, 1), (1, 0), (1, 1)]


@given(st.floats(0.01, 1), st.floats(0, 1.2))
def test_circles_overlap_like_polygons(ratio, apart):
    """Against Shapely, with circles of 1024 corners."""
    distance = apart * (1 + ratio)
    boxes = PlaneBoxes(np.array([[-1, -1, 1, 1], [distance - ratio, -ratio, distance + ratio, ratio]]))
    one, other = shapely.Point(0, 0).buffer(1, 256), shapely.Point(distance, 0).buffer(ratio, 256)
    expected = one.intersection(other).area / one.union(other).area
    found = paired_iou(boxes, np.array([0, 1]), boxes, np.array([1, 0]), "circle")
    assert found == pytest.approx([expected] * 2, abs=1e-4)


@pytest.mark.parametrize("shape", SHAPES)
@given(SEEDS, PLACE)
def test_both_orders_of_a_pair_overlap_alike_to_the_last_digit(shape, seed, place):
    boxes = ground_crowd(seed, place).boxes
    i, j = np.indices((len(boxes),) * 2).reshape(2, -1)
    assert np.array_equal(paired_iou(boxes, i, boxes, j, shape), paired_iou(boxes, j, boxes, i, shape))


# What must not matter


@pytest.mark.parametrize("shape", SHAPES)
@given(SEEDS, PLACE, st.booleans(), st.sampled_from([2, 3, 8]))
def test_the_number_of_threads_does_not_matter(shape, seed, place, ties, threads):
    crowd = ground_crowd(seed, place, ties=ties)
    one, some = (
        greedy_nms(find_overlaps(crowd.boxes, crowd.score, OverlapCriterion(THRESHOLD, shape, number)), None)
        for number in (1, threads)
    )
    assert one.alive.tolist() == some.alive.tolist()
    assert one.longest_chain == some.longest_chain


@pytest.mark.parametrize("shape", SHAPES)
@given(SEEDS, PLACE, st.floats(-360, 360))
def test_where_longitude_begins_does_not_matter(shape, seed, place, turn):
    crowd = ground_crowd(seed, place)
    turned = replace(crowd.boxes, lon=wrap_longitude(crowd.boxes.lon + turn))
    alive = plane_nms(turned, crowd.score, THRESHOLD, shape).alive
    assert alive.tolist() == by_definition(crowd, shape).tolist()


@pytest.mark.parametrize("shape", SHAPES)
@given(SEEDS, PLACE)
def test_north_and_south_are_alike(shape, seed, place):
    crowd = ground_crowd(seed, place)
    mirrored = replace(crowd.boxes, lat=-crowd.boxes.lat)
    alive = plane_nms(mirrored, crowd.score, THRESHOLD, shape).alive
    assert alive.tolist() == plane_nms(crowd.boxes, crowd.score, THRESHOLD, shape).alive.tolist()


@given(SEEDS, PLACE)
def test_boxes_elsewhere_do_not_matter(seed, place):
    """Tiny boxes among the others overlap none of them; they change how the search lays out its bins."""
    one, other = ground_crowd(seed, place), ground_crowd(seed + 1, place)
    small = replace(other.boxes, width=other.boxes.width * 1e-9, height=other.boxes.height * 1e-9)
    both = GroundBoxes(*(np.append(*pair) for pair in zip(one.boxes.columns, small.columns, strict=True)))
    alive = plane_nms(both, np.append(one.score, other.score), THRESHOLD).alive
    assert alive[: len(one.score)].tolist() == plane_nms(one.boxes, one.score, THRESHOLD).alive.tolist()


# What is known of a part decides for the whole


@pytest.mark.parametrize(
    ("complete", "fates"),
    [
        ("yyyy", "+-+-"), ("nyyy", "????"), ("ynyy", "+-+-"), ("yyny", "+-??"), ("yyyn", "+-+-"), ("ynyn", "+-+-"),
        ("nnnn", "????"), ("ynnn", "+-??"), ("yynn", "+-??"), ("y", "+"), ("n", "?"), ("", ""),
    ],
)  # fmt: skip
def test_a_chain_of_which_not_all_rivals_are_known(complete, fates):
    """Made-up boxes in a row, best first, of which each overlaps the next: + is alive, - dead, ? open."""
    count = len(complete)
    size = np.full(count, 0.01)
    boxes = GroundBoxes(np.degrees(np.arange(count) * 0.004), np.zeros(count), size, size)
    overlaps = find_overlaps(boxes, -np.arange(count, dtype=float), OverlapCriterion(0.4))
    found = greedy_nms(overlaps, np.array([mark == "y" for mark in complete], bool))
    assert "".join("+" if a else "?" if o else "-" for a, o in zip(found.alive, found.undecided, strict=True)) == fates


@pytest.mark.parametrize(("complete", "fate"), [("yy", "-"), ("ny", "-"), ("yn", "-"), ("nn", "?")])
def test_one_rival_that_surely_survives_is_enough(complete, fate):
    """The third made-up box lies between two better ones that do not overlap each other."""
    size = np.full(3, 0.01)
    boxes = GroundBoxes(np.degrees([0, 0.008, 0.004]), np.zeros(3), size, size)
    overlaps = find_overlaps(boxes, np.array([3.0, 2.0, 1.0]), OverlapCriterion(0.4))
    found = greedy_nms(overlaps, np.array([mark == "y" for mark in complete] + [True]))
    assert not found.alive[2]
    assert found.undecided[2] == (fate == "?")


@given(SEEDS, PLACE, st.floats(0.1, 0.95), st.booleans())
def test_what_is_decided_without_some_boxes_holds_with_all(seed, place, share, ties):
    """Boxes count as complete when no better rival is missing; some of these are not known to be so."""
    rng = np.random.default_rng(seed)
    crowd = ground_crowd(seed, place, ties=ties)
    fate = by_definition(crowd)
    values, order = iou_table(crowd.boxes, crowd.boxes), order_of(crowd.boxes, crowd.score)
    rank = np.argsort(order)
    seen = rng.random(len(rank)) < share
    better = (values > THRESHOLD) & (rank[None] < rank[:, None])
    complete = ~(better & ~seen[None]).any(axis=1) & (rng.random(len(rank)) < 0.95)
    index = np.flatnonzero(seen)
    overlaps = find_overlaps(select_boxes(crowd.boxes, index), crowd.score[index], OverlapCriterion(THRESHOLD))
    found = greedy_nms(overlaps, complete[index])
    decided = ~found.undecided
    assert found.alive[decided].tolist() == fate[index][decided].tolist()
    assert not (found.alive & found.undecided).any()


# Tables


RULES = NmsSettings(0.41370001, 0.25, True, "box", 2, False, reach_m=1e7, slack_m=0.0, radius_m=MOON_M)


def table_of(crowd, seed):
    """A table of detections of several scenes and classes, some of them cut, with some rows thrice."""
    rng, boxes = np.random.default_rng(seed), crowd.boxes
    count = len(boxes)
    table = pd.DataFrame(dict(
        lon=boxes.lon, lat=boxes.lat, width_m=boxes.width * MOON_M, height_m=boxes.height * MOON_M, score=crowd.score,
        truncated=rng.random(count) < 0.1, scene=rng.choice(list("abc"), count), tile=rng.integers(0, 3, count),
        scale_m=100.0, out_of_reach=False, xmin=0.0, ymin=0.0, xmax=1.0, ymax=1.0,
    ) | {"class": rng.choice(["crater", "pit"], count, p=[0.9, 0.1])})  # fmt: skip
    again = table.iloc[rng.integers(0, count, count // 5)].assign(scene="d")
    table = pd.concat([table, again, again.assign(tile=7)], ignore_index=True)
    return table.assign(diameter_km=(table["width_m"] + table["height_m"]) / 2000)


def sorted_rows(table):
    return table[DETECTIONS.names].sort_values([*ORDER, "score"], ignore_index=True)


@pytest.mark.parametrize("shape", SHAPES)
@given(SEEDS, PLACE, st.booleans())
def test_the_order_of_rows_does_not_matter(shape, seed, place, ties):
    table, rules = table_of(ground_crowd(seed, place, ties=ties), seed), replace(RULES, shape=shape)
    mixed = table.sample(frac=1, random_state=seed)
    left, also_left = (some[catalogue_nms(some, rules).alive] for some in (table, mixed))
    pd.testing.assert_frame_equal(sorted_rows(left), sorted_rows(also_left))


@pytest.mark.parametrize(
    "change",
    [dict(lat=7.852498463776116), dict(lon=12.000000000000002), dict(width_m=1000.0000000000001), dict(scene="b")],
    ids=["lat", "lon", "width", "scene"],
)
def test_equal_but_for_the_last_digit(change):
    """One object at the same pixels of two pieces of a mosaic: of such rows the same survives, whichever is first."""
    row = dict(lon=12.0, lat=7.852498463776115, width_m=1000.0, height_m=1000.0, score=0.5, truncated=False, scene="a",
               scale_m=100.0, tile=0) | {"class": "crater"}  # fmt: skip
    tables = [pd.DataFrame(rows) for rows in ([row, row | change], [row | change, row])]
    (one,), (other,) = (table[catalogue_nms(table, RULES).alive].to_dict("records") for table in tables)
    assert one == other


@given(SEEDS, PLACE)
def test_a_whole_object_goes_before_a_cut_one(seed, place):
    """No cut detection suppresses a whole one, and whole ones are what they would be alone."""
    table = table_of(ground_crowd(seed, place), seed)
    whole = ~table["truncated"].to_numpy()
    assert catalogue_nms(table, RULES).alive[whole].sum() == catalogue_nms(table[whole], RULES).alive.sum()


# Groups


SETTINGS = dict(run="r", body="Moon", scenes="scenes.csv", model=dict(weights="w", sha256="0" * 64),
                scales=[dict(gsd_m=100, tile_px=256, overlap_px=128)])  # fmt: skip
SCENE_PX = 400
MAPS = dict(
    equator=("IAU_2015:30110", 0, 0), antimeridian=("IAU_2015:30110", 54_580, 3000), north=("IAU_2015:30130", -800, 600)
)
"""The mosaics' maps, and the column and row (upwards) of their first pixels."""
COLUMNS, ROWS = 4, 3


def rules_of(**suppression):
    settings = Settings.model_validate(SETTINGS | dict(suppression=suppression))
    return NmsSettings(**settings.nms_settings, radius_m=MOON_M)


@dataclass(frozen=True)
class Scene:
    """A piece of a mosaic: its outline, and what the others of the mosaic need to know of it."""

    name: str
    grid: Grid
    ground: Ground

    @property
    def outline(self):
        return grid_outline(self.grid, self.ground)

    def near(self, x, y, slack_px):
        """Which places of the map lie in the scene, or not far outside."""
        col, row = self.grid.to_pixel(x, y)
        low, high = -slack_px, SCENE_PX + slack_px
        return (col >= low) & (col < high) & (row >= low) & (row < high)


def mosaic_of(place):
    """Twelve scenes of 40 km that abut, in three rows."""
    code, col, row = MAPS[place]
    wkt = CRS(code).to_wkt()
    corners = [(col + i * SCENE_PX, row - j * SCENE_PX) for j in range(ROWS) for i in range(COLUMNS)]
    return [
        Scene(f"s{number:02}", Grid(wkt, Affine(100, 0, 100 * left, 0, -100, 100 * top), SCENE_PX, SCENE_PX),
              Ground(wkt, MOON_M))
        for number, (left, top) in enumerate(corners)
    ]  # fmt: skip


def reports_of(scenes, boxes, rng, steps):
    """What the scenes report of objects (map boxes): those whose centre lies in them, or in the slack around them."""
    grid, ground = scenes[0].grid, scenes[0].ground
    found = []
    for scene in scenes:
        jittered = boxes + rng.uniform(-100, 100, boxes.shape)
        x, y = (jittered[:, :2] + jittered[:, 2:]).T / 2
        some = jittered[scene.near(x, y, 4)]
        lon, lat, width, height = ground.measure(some)
        found.append(pd.DataFrame(dict(
            scene=scene.name, scale_m=grid.gsd_m, tile=0, score=(rng.integers(2, steps, len(some)) / steps), lon=lon,
            lat=lat, width_m=width, height_m=height, diameter_km=(width + height) / 2000,
            truncated=rng.random(len(some)) < 0.1, xmin=some[:, 0], ymin=some[:, 1], xmax=some[:, 2], ymax=some[:, 3],
            out_of_reach=False,
        ) | {"class": "crater"}))  # fmt: skip
    table = pd.concat(found, ignore_index=True)
    return table.assign(score=table["score"].astype(np.float32))


def objects_in(scenes, rng, count=25):
    """Map boxes of objects from 1 to 11.9 km anywhere in the mosaic, and of others beside each that overlap it."""
    size = np.repeat(power_law(rng, count, 1000, 11_900), 4)[:, None]
    left, top = scenes[0].grid.transform.c, scenes[0].grid.transform.f
    span = 100 * SCENE_PX * np.array([COLUMNS, -ROWS])
    centre = np.array([left, top]) + np.repeat(rng.random((count, 2)), 4, axis=0) * span
    centre += rng.normal(0, 0.15, centre.shape) * size
    return np.concatenate([centre - size / 2, centre + size / 2], axis=1)


def write_run(folder, scenes, groups, table, rules):
    """A plan of groups (by scene), and their detections."""
    outlines = [scene.outline for scene in scenes]
    owner = [groups[scene.name] for scene in scenes]
    names = sorted(set(owner))
    near = {name: set() for name in names}
    for i, j in close_pairs(outlines, (rules.reach_m + 2 * rules.slack_m) / rules.radius_m, owner):
        near[owner[i]].add(owner[j])
        near[owner[j]].add(owner[i])
    rows = [
        plan_row(scene.name, group, outline_lon=lon.tolist(), outline_lat=lat.tolist())
        for scene, group, (lon, lat) in zip(scenes, owner, outlines, strict=True)
    ]
    members = [PlanGroup(name, sorted(near[name]), [], "version", 1.0) for name in names]
    write_plan(rows, members, [], PlanOrigin("", "", ""), folder / "plan.parquet")
    for name, part in table.groupby(table["scene"].map(groups)):
        write_table(part, GEOLOCATED, folder / "detections" / f"{name}.parquet")
    for name in set(names) - set(table["scene"].map(groups)):
        write_table(table.head(0), GEOLOCATED, folder / "detections" / f"{name}.parquet")
    return names


def united_survivors(folder, names, rules):
    """The survivors of all groups in one table."""
    for name in names:
        suppress_group(name, folder / "plan.parquet", rules, folder / "suppressed" / f"{name}.parquet")
    return sorted_rows(pd.concat([read_survivors(folder / "suppressed" / f"{name}.parquet") for name in names]))


def global_survivors(table, rules):
    candidates = select_candidates(table, rules)
    return sorted_rows(candidates[catalogue_nms(candidates, rules).alive])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("run")


@pytest.mark.parametrize("shape", SHAPES)
@given(
    st.sampled_from([*MAPS]), SEEDS, st.lists(st.integers(0, 3), min_size=12, max_size=12), st.sampled_from([4, 1000])
)
def test_survivors_of_groups_are_those_of_all_at_once(folder, shape, place, seed, labels, steps):
    """Twelve scenes dealt out to groups in any way; scores with many ties, and nearly without."""
    scenes, rng = mosaic_of(place), np.random.default_rng(seed)
    rules = rules_of(rings=4, shape=shape)
    table = reports_of(scenes, objects_in(scenes, rng), rng, steps)
    groups = {scene.name: f"g{label}" for scene, label in zip(scenes, labels, strict=True)}
    names = write_run(folder, scenes, groups, table, rules)
    expected = global_survivors(table, rules)
    pd.testing.assert_frame_equal(united_survivors(folder, names, rules), expected)
    assert 20 < len(expected) < len(table) - 20


def chain_through(scenes, order):
    """Map boxes of 6 km in a row through the mosaic's first four scenes, each overlapping the next."""
    left, top = scenes[0].grid.transform.c, scenes[0].grid.transform.f
    centre = np.column_stack([left + 1000 + 1500.0 * np.arange(len(order)), np.full(len(order), top - 20_000)])
    return np.concatenate([centre - 3000, centre + 3000], axis=1)


@given(st.sampled_from([*MAPS]), st.one_of(st.just(range(100)), st.permutations(range(100))), st.integers(1, 3))
def test_a_chain_through_groups_is_followed_or_refused(folder, place, order, rings):
    """A hundred boxes through four groups in a row; with three rings there is nothing left to miss."""
    scenes, rng = mosaic_of(place)[:COLUMNS], np.random.default_rng(0)
    table = reports_of(scenes, chain_through(scenes, order), rng, 1000).sort_values("xmin", ignore_index=True)
    table = table.assign(truncated=False, score=np.float32(1 - 0.005 * np.resize(np.array(order), len(table))))
    rules = rules_of(rings=rings)
    names = write_run(folder, scenes, {scene.name: scene.name for scene in scenes}, table, rules)
    try:
        found = united_survivors(folder, names, rules)
    except OrbitileError as error:
        assert "raise suppression.rings" in str(error)
        assert rings < 3
    else:
        pd.testing.assert_frame_equal(found, global_survivors(table, rules))


def test_a_chain_too_long_for_one_ring(folder):
    """Descending scores through four groups: the last hangs on the first."""
    scenes = mosaic_of("equator")[:COLUMNS]
    table = reports_of(scenes, chain_through(scenes, range(100)), np.random.default_rng(0), 1000)
    table = table.sort_values("xmin", ignore_index=True)
    table = table.assign(truncated=False, score=np.linspace(0.99, 0.5, len(table), dtype=np.float32))
    groups = {scene.name: scene.name for scene in scenes}
    names = write_run(folder, scenes, groups, table, rules_of(rings=1))
    with pytest.raises(OrbitileError, match=r"suppression cannot decide .* raise suppression\.rings"):
        united_survivors(folder, names, rules_of(rings=1))
    expected = global_survivors(table, rules_of())
    pd.testing.assert_frame_equal(united_survivors(folder, names, rules_of(rings=3)), expected)


def test_long_scenes_side_by_side_need_no_ring_for_each_other(folder):
    """Made-up strips of 1 x 38 degrees, 4 degrees apart: closer than half their length, but out of reach."""
    wkt = CRS("IAU_2015:30110").to_wkt()
    degree = np.radians(1) * MOON_M
    scenes = [
        Scene(name, Grid(wkt, Affine(degree / 10, 0, west * degree, 0, -degree / 10, 19 * degree), 10, 380),
              Ground(wkt, MOON_M))
        for name, west in (("a", 0), ("b", 5))
    ]  # fmt: skip
    ground = scenes[0].ground
    boxes = np.array([[x * degree - 2000, -2000, x * degree + 2000, 2000] for x in (0.5, 0.5, 5.5)])
    lon, lat, width, height = ground.measure(boxes)
    table = pd.DataFrame(dict(
        scene=["a", "a", "b"], scale_m=100.0, tile=0, score=np.float32([0.9, 0.8, 0.7]), lon=lon, lat=lat,
        width_m=width, height_m=height, diameter_km=4.0, truncated=False, out_of_reach=False, xmin=0.0, ymin=0.0,
        xmax=1.0, ymax=1.0,
    ) | {"class": "crater"})  # fmt: skip
    rules = rules_of(rings=1)
    names = write_run(folder, scenes, dict(a="a", b="b"), table, rules)
    assert united_survivors(folder, names, rules)["score"].tolist() == pytest.approx([0.9, 0.7])
