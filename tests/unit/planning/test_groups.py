import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orbitile.planning.groups import SceneCentre, assign_groups, block_name, compact_blocks
from orbitile.space.ground import unit_vectors

places = st.tuples(st.floats(-180, 180), st.floats(-90, 90))
crowds = st.lists(places, max_size=40)
most = st.integers(1, 12)


def vectors(lonlat):
    return unit_vectors(*np.array(lonlat, float).reshape(-1, 2).T)


def table(lonlat, groups=None):
    """Made-up scenes s00, s01 ... at places in degrees."""
    groups = [None] * len(lonlat) if groups is None else groups
    rows = enumerate(zip(groups, vectors(lonlat), strict=True))
    return [SceneCentre(f"s{i:02d}", group, centre) for i, (group, centre) in rows]


def names_of(scenes):
    return [scene.scene for scene in scenes]


def members(groups):
    """The scenes of each group, sorted."""
    return {name: sorted(s for s, g in groups.items() if g == name) for name in groups.values()}


def as_sets(cut):
    return {frozenset(block.tolist()) for block in cut}


@given(crowds, most)
def test_every_point_is_in_one_block(crowd, most):
    cut = compact_blocks(vectors(crowd), most)
    assert sorted(i for block in cut for i in block) == list(range(len(crowd)))


@given(crowds, most)
def test_blocks_are_few_and_of_nearly_one_size(crowd, most):
    sizes = [len(block) for block in compact_blocks(vectors(crowd), most)]
    assert len(sizes) == -(-len(crowd) // most)
    assert all(0 < size <= most for size in sizes)
    assert max(sizes, default=0) - min(sizes, default=0) <= 1


@given(st.lists(places, max_size=40, unique_by=lambda p: vectors([p])[0].round(9).tobytes()), most, st.randoms())
def test_blocks_do_not_depend_on_the_order(crowd, most, random):
    """Points with a coordinate in common are ties, which the order may decide."""
    points = vectors(crowd)
    if any(len(set(points[:, axis])) < len(points) for axis in range(3)):
        return
    order = np.array(random.sample(range(len(crowd)), len(crowd)), int)
    shuffled = [order[block] for block in compact_blocks(points[order], most)]
    assert as_sets(shuffled) == as_sets(compact_blocks(points, most))


def test_blocks_of_a_grid_are_squares():
    """14 x 14 made-up scenes of one degree in blocks of 49."""
    lon, lat = (axis.ravel() for axis in np.meshgrid(np.arange(14.0), np.arange(14.0) - 6.5))
    cut = compact_blocks(unit_vectors(lon + 70, lat), 49)
    corners = {(lon[b].min(), lat[b].min(), lon[b].max() - lon[b].min(), lat[b].max() - lat[b].min()) for b in cut}
    assert corners == {(left, bottom, 6, 6) for left in (0, 7) for bottom in (-6.5, 0.5)}


def test_blocks_of_a_strip_follow_one_another():
    cut = compact_blocks(vectors([(lon, 0) for lon in range(12)]), 4)
    assert as_sets(cut) == {frozenset(range(i, i + 4)) for i in (0, 4, 8)}


def test_blocks_across_the_antimeridian():
    """Made-up scenes at 178, 179, -180, -179 E and, far away, at 0 to 3 E."""
    cut = compact_blocks(vectors([(lon, 5) for lon in (178, 0, 179, 1, -180, 2, -179, 3)]), 4)
    assert as_sets(cut) == {frozenset([0, 2, 4, 6]), frozenset([1, 3, 5, 7])}


def test_blocks_at_a_pole():
    """Made-up scenes around both poles, at every longitude."""
    lon = [0, 90, 180, 270] * 2
    cut = compact_blocks(vectors(list(zip(lon, [89] * 4 + [-89] * 4, strict=True))), 4)
    assert as_sets(cut) == {frozenset(range(4)), frozenset(range(4, 8))}


def test_blocks_of_scenes_at_one_place():
    cut = compact_blocks(vectors([(10, 20)] * 7), 3)
    assert sorted(len(block) for block in cut) == [2, 2, 3]


def test_no_points_make_no_blocks():
    assert compact_blocks(np.empty((0, 3)), 5) == []


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ([(0, 0)], "00N000E"),
        ([(-0.4, -0.4)], "00N000E"),
        ([(10, 20), (12, 20)], "20N011E"),
        ([(-10, -20)], "20S010W"),
        ([(-130, 5)], "05N130W"),
        ([(130, -5)], "05S130E"),
        ([(179, 0), (-179, 0)], "00N180E"),
        ([(-179, 0)], "00N179W"),
        ([(0, 90)], "90N000E"),
        ([(77, 89), (-103, 89)], "90N"),
        ([(0, -90)], "90S000E"),
        ([(0, 0), (180, 0)], ""),
    ],
)
def test_names_begin_with_a_place(places, expected):
    name = block_name([f"s{i}" for i in range(len(places))], vectors(places))
    assert name.startswith(expected)
    assert re.fullmatch(r"\d{2}[NS]\d{3}[EW]-[0-9a-f]{8}", name)


@pytest.mark.parametrize(("one", "other"), [((5, 0.1), (5, -0.1)), ((0.1, 5), (-0.1, 5))])
def test_zero_is_neither_south_nor_west(one, other):
    assert block_name(["a"], vectors([one])) == block_name(["a"], vectors([other]))


@given(crowds.filter(bool), st.randoms())
def test_names_follow_membership_not_order(crowd, random):
    names = [f"s{i:02d}" for i in range(len(crowd))]
    order = random.sample(range(len(crowd)), len(crowd))
    shuffled = block_name([names[i] for i in order], vectors([crowd[i] for i in order]))
    assert shuffled[-8:] == block_name(names, vectors(crowd))[-8:]
    assert shuffled[-8:] != block_name([*names[1:], "other"], vectors(crowd))[-8:]


def test_scenes_alone_are_named_like_themselves():
    assert assign_groups(table([(0, 0), (1, 0)]), 1, {}) == {"s00": "s00", "s01": "s01"}


@given(crowds, most)
def test_every_scene_gets_a_group_that_is_not_too_large(crowd, most):
    groups = assign_groups(table(crowd), most, {})
    assert sorted(groups) == names_of(table(crowd))
    assert all(len(scenes) <= most for scenes in members(groups).values())


@given(crowds, most, st.randoms())
def test_groups_do_not_depend_on_the_order_of_rows(crowd, most, random):
    scenes = table(crowd)
    order = random.sample(range(len(crowd)), len(crowd))
    assert assign_groups([scenes[i] for i in order], most, {}) == assign_groups(scenes, most, {})


@given(crowds, most, st.integers(0, 40))
def test_own_groups_are_kept(crowd, most, own):
    named = ["strip" if i < own else None for i in range(len(crowd))]
    groups = assign_groups(table(crowd, named), most, {})
    assert members(groups).get("strip", []) == names_of(table(crowd))[:own]
    assert {s: g for s, g in groups.items() if g != "strip"} == assign_groups(table(crowd)[own:], most, {})


@given(crowds, crowds, most)
def test_frozen_groups_stay_when_scenes_are_added(crowd, more, most):
    frozen = assign_groups(table(crowd), most, {})
    groups = assign_groups(table(crowd + more), most, frozen)
    assert {scene: groups[scene] for scene in frozen} == frozen
    assert sorted(groups) == names_of(table(crowd + more))
    assert not set(frozen.values()) & {group for scene, group in groups.items() if scene not in frozen}


@given(crowds.filter(bool), st.integers(2, 12), st.randoms())
def test_a_group_that_lost_a_member_is_named_anew(crowd, most, random):
    frozen = assign_groups(table(crowd), most, {})
    gone = random.choice(sorted(frozen))
    groups = assign_groups([scene for scene in table(crowd) if scene.scene != gone], most, frozen)
    assert frozen[gone] not in groups.values()
    assert {s: g for s, g in groups.items() if frozen[s] != frozen[gone]} == {
        s: g for s, g in frozen.items() if g != frozen[gone]
    }


@given(crowds.filter(lambda crowd: len(crowd) > 1), st.integers(2, 12), st.integers(2, 12))
def test_another_size_of_groups_gives_other_names(crowd, one, other):
    """Unless the same scenes happen to be together again."""
    first, second = (members(assign_groups(table(crowd), most, {})) for most in (one, other))
    assert all(second[name] == first[name] for name in set(first) & set(second))


def test_a_scene_that_the_table_groups_now_leaves_its_frozen_group():
    places = [(0, 0), (1, 0), (2, 0), (3, 0)]
    frozen = assign_groups(table(places), 2, {})
    groups = assign_groups(table(places, ["strip", None, None, None]), 2, frozen)
    assert groups["s00"] == "strip"
    assert groups["s01"] not in {"strip", frozen["s01"]}
    assert (groups["s02"], groups["s03"]) == (frozen["s02"], frozen["s03"])
