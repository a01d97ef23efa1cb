"""A catalogue for the tests of judgements."""

import pytest
from judgements import judged_catalogue, rows_of


@pytest.fixture(scope="module")
def scattered(tmp_path_factory):
    """A catalogue of 60 scattered craters."""
    return judged_catalogue(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def rows(scattered):
    """Its rows."""
    return rows_of(scattered).to_dict("records")
