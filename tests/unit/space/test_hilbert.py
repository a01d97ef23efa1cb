import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from orbitile.space.hilbert import BITS, hilbert_numbers


def middles(side):
    """The middles of side x side equal cells in longitude and latitude, and their columns and rows."""
    col, row = (axis.ravel() for axis in np.meshgrid(np.arange(side), np.arange(side)))
    return (col + 0.5) / side * 360 - 180, (row + 0.5) / side * 180 - 90, col, row


def test_every_step_goes_to_the_cell_beside():
    lon, lat, col, row = middles(32)
    numbers = hilbert_numbers(lon, lat) >> 2 * (BITS - 5)
    order = np.argsort(numbers)
    assert numbers[order].tolist() == list(range(32 * 32))
    assert (np.abs(np.diff(col[order])) + np.abs(np.diff(row[order])) == 1).all()


def test_the_first_four_cells():
    lon, lat, *_ = middles(2)
    assert (hilbert_numbers(lon, lat) >> 2 * (BITS - 1)).tolist() == [0, 3, 1, 2]


@given(st.lists(st.tuples(st.floats(-180, 180), st.floats(-90, 90)), min_size=1, max_size=20))
def test_a_number_depends_on_its_place_alone(places):
    lon, lat = np.array(places).T
    numbers = hilbert_numbers(lon, lat)
    assert [hilbert_numbers(lon[[n]], lat[[n]])[0] for n in range(len(lon))] == numbers.tolist()
