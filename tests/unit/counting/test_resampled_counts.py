import numpy as np
import pytest
import shapely
from planted_craters import area, craters, searched_box

from orbitile.counting.completeness_correction import CompletenessCorrection
from orbitile.counting.count_craters import CountingMethod, count_in_area
from orbitile.counting.resampled_counts import resampled_counts
from orbitile.counting.searched_ground import DiameterRange

RANGE = DiameterRange(2.0, 50.0)
UNCORRECTED = CompletenessCorrection("none", 0.0, "", np.zeros(0), np.zeros(0))
RANDOM = np.random.default_rng(0)
FOUND = craters(*RANDOM.uniform(0, 4, (2, 300)), RANDOM.uniform(1, 60, 300), RANDOM.uniform(0.2, 1, 300))


def counted(name="a", found=FOUND):
    return count_in_area(area(shapely.box(0, 0, 4, 4), name), found, searched_box((0, 0, 4, 4)), CountingMethod())


def draws(name="a", size_error=0.1, number=5, seed=0, **options):
    return list(resampled_counts(counted(name, **options), UNCORRECTED, RANGE, size_error, number, seed))


def test_a_seed_gives_the_same_draws_and_more_of_them_the_first_ones():
    few, many = draws(number=2), draws(number=4)
    assert all(
        (a[0] == b[0]).all() and (a[1].diameter_km == b[1].diameter_km).all() for a, b in zip(few, many, strict=False)
    )
    assert len(draws(seed=1)[0][0]) != len(few[0][0]) or (draws(seed=1)[0][0] != few[0][0]).any()


def test_areas_are_drawn_by_themselves():
    assert draws("b")[0][0].tolist() != draws("a")[0][0].tolist()


def test_every_draw_lies_in_the_range_that_is_counted():
    for rows, count in draws():
        assert count.diameter_km.min() >= 2 and count.diameter_km.max() <= 50
        assert (count.lon == counted().count.lon[rows]).all()
        assert (count.probability == 1).all() and (count.area_km2 > 0).all()


def test_diameters_are_off_by_the_error_and_craters_are_drawn_by_their_probability():
    source, number = counted().count, 200
    rows = np.concatenate([rows for rows, _ in draws(number=number)])
    ratio = np.concatenate([np.log(c.diameter_km / source.diameter_km[r]) for r, c in draws(number=number)])
    inner = (source.diameter_km > 4) & (source.diameter_km < 30)
    assert np.std(ratio[inner[rows]]) == pytest.approx(0.1, rel=0.03)
    share = np.bincount(rows, minlength=len(source))[inner] / number
    assert share == pytest.approx(source.probability[inner], abs=0.16)
    assert share.mean() == pytest.approx(source.probability[inner].mean(), abs=0.01)


def test_sure_craters_of_exact_sizes_are_the_count_itself():
    sure = FOUND._replace(probability=np.ones(300))
    for rows, count in draws(size_error=0.0, found=sure):
        source = counted(found=sure).count
        is_in = (source.diameter_km >= 2) & (source.diameter_km <= 50)
        assert rows.tolist() == np.flatnonzero(is_in).tolist()
        assert count.diameter_km.tolist() == source.diameter_km[is_in].tolist()


def test_nothing_is_drawn_of_nothing():
    assert [len(rows) for rows, _ in draws(found=craters([], [], []))] == [0] * 5
