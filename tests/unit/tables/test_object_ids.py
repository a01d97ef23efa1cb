import base64
import hashlib
import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orbitile.space.bodies import find_body
from orbitile.tables.object_ids import ObjectPlaces, object_ids

MOON = find_body("Moon")
COUNT = 200


def made_up(seed=0, count=COUNT):
    """ObjectPlaces and sizes of objects of three classes in three scenes at two scales."""
    random = np.random.default_rng(seed)
    class_name = np.array(["crater", "pit", "é"], object)[random.integers(0, 3, count)]
    scale_m = np.array([5.0, 0.1])[random.integers(0, 2, count)]
    lon, lat = random.uniform(-180, 180, count), random.uniform(-90, 90, count)
    scene = np.array(["a", "b", "é/c"], object)[np.arange(count) % 3]
    return ObjectPlaces(scene, class_name, scale_m, lon, lat), random.uniform(10, 1e4, (2, count))


def place(count=1, **changes):
    """So many objects at one place."""
    values = dict(scene="a", class_name="crater", scale_m=5.0, lon=10.0, lat=12.0) | changes
    return ObjectPlaces(**{name: np.array([value] * count) for name, value in values.items()})


def plain_id(body, apart, scene, class_name, scale_m, lon, lat, *sizes_m):
    """The id as the docstring tells it, object by object."""
    step_m = scale_m / 100
    step_deg = step_m / (math.pi * body.radius_m / 180)
    numbers = [round(lon / step_deg), round(lat / step_deg), *(round(size / step_m) for size in sizes_m)]
    text = (f"{body.name}/{class_name}/{scale_m!r}" + f"/{scene}" * apart).encode()
    return base64.b32encode(hashlib.blake2b(text + struct.pack(f"<{len(numbers)}q", *numbers), digest_size=10).digest())


def rows_of(places, sizes_m, rows):
    return ObjectPlaces(*(column[rows] for column in places)), sizes_m[:, rows]


@pytest.mark.parametrize("apart", [False, True])
def test_they_are_those_of_a_plain_loop(apart):
    places, sizes_m = made_up()
    rows = zip(*(column.tolist() for column in (*places, *sizes_m)), strict=True)
    expected = [plain_id(MOON, apart, *row).decode() for row in rows]
    assert object_ids(places, sizes_m, MOON, apart).to_pylist() == expected


def test_an_id_stays_what_it_is():
    """It may stand in papers: no version of the code changes it."""
    places = place(scale_m=474.0, lon=177.25, lat=-30.5)
    assert object_ids(places, [np.array([12_345.678])] * 2, MOON).to_pylist() == ["YGFQ3GRC7HQUVX4U"]


@given(seed=st.integers(0, 99), cut=st.integers(0, COUNT))
def test_neither_order_nor_groups_matter(seed, cut):
    places, sizes_m = made_up()
    rows = np.random.default_rng(seed).permutation(COUNT)
    parts = [object_ids(*rows_of(places, sizes_m, part), MOON).to_pylist() for part in (rows[:cut], rows[cut:])]
    ids = object_ids(places, sizes_m, MOON).to_pylist()
    assert [*parts[0], *parts[1]] == [ids[row] for row in rows]


def test_they_differ():
    ids = object_ids(*made_up(count=100_000), MOON).to_pylist()
    assert len(set(ids)) == len(ids) and {len(text) for text in ids} == {16}


@pytest.mark.parametrize(("field", "value"), [("class_name", "pit"), ("scale_m", 5.1), ("lat", 12.5)])
def test_everything_that_makes_an_object_is_in_it(field, value):
    places = place()
    ids = {object_ids(kind, [np.array([100.0])], MOON)[0] for kind in (places, places._replace(**{field: [value]}))}
    larger, on_mars = (
        object_ids(places, [np.array([101.0])], MOON),
        object_ids(places, [np.array([100.0])], find_body("Mars")),
    )
    assert len(ids | {larger[0], on_mars[0]}) == 4


def test_noise_far_below_a_pixel_does_not_matter():
    places, sizes_m = made_up()
    pixels = np.rint(places.lon / 1e-3) * 1e-3
    step = 5 / 100 / (np.pi * MOON.radius_m / 180)
    lon = np.rint(pixels / step) * step
    ids = [
        object_ids(places._replace(lon=lon + noise, scale_m=np.full(COUNT, 5.0)), np.rint(sizes_m), MOON)
        for noise in (0, 1e-9)
    ]
    assert ids[0] == ids[1]


def test_both_ends_of_the_180th_meridian_are_the_same_place():
    places = place(2)._replace(lon=np.array([-180, 180.0]))
    alone = [object_ids(*rows_of(places, np.ones((1, 2)), [row]), MOON).to_pylist() for row in (0, 1)]
    assert alone[0] == alone[1]


def test_equal_objects_are_counted():
    places = place(3)
    ids = object_ids(places, [np.full(3, 100.0)], MOON).to_pylist()
    assert len(set(ids)) == 3
    assert ids[:2] == object_ids(*rows_of(places, np.full((1, 3), 100.0), [0, 1]), MOON).to_pylist()


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("groups", [[[0, 1, 2, 3]], [[0], [1, 3], [2]], [[2, 0], [1, 3]]])
def test_equal_objects_of_several_scenes_do_not_depend_on_groups(apart, groups):
    """The same image under several names; in pixel coordinates each of its objects has an id of its own."""
    places = place(4)._replace(scene=np.array(["b", "a", "c", "a"], object))
    ids = np.empty(4, object)
    for rows in groups:
        ids[rows] = object_ids(*rows_of(places, np.full((1, 4), 100.0), rows), MOON, apart).to_pylist()
    assert len(set(ids)) == (4 if apart else 2)
    assert ids.tolist() == object_ids(places, np.full((1, 4), 100.0), MOON, apart).to_pylist()


def test_without_objects():
    places = ObjectPlaces(*(np.array([], type_) for type_ in (object, object, float, float, float)))
    assert object_ids(places, [np.zeros(0)], MOON).to_pylist() == []
