"""docs/columns.md: what the schemas say, no more and no less."""

import pytest
from columns_page import PAGE, RESULTS, columns_page


def test_the_page_is_that_of_the_schemas():
    assert PAGE.read_text() == columns_page(), "run `make columns`"


@pytest.mark.parametrize("title", RESULTS)
def test_every_column_of_a_result_is_described(title):
    assert not [field.name for field in RESULTS[title] if b"about" not in (field.metadata or {})]


@pytest.mark.parametrize("title", RESULTS)
def test_sizes_and_places_have_a_unit(title):
    ends = ("_m", "_km", "_m2", "_km2", "_deg", "lon", "lat")
    assert not [f.name for f in RESULTS[title] if f.name.endswith(ends) and b"unit" not in f.metadata]
