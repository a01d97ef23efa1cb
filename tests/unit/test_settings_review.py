"""The section review."""

import pytest

from orbitile.base.errors import OrbitileError
from orbitile.settings import check_settings

MINIMAL = dict(
    run="r", body="Moon", scenes=__file__, scales=[dict(gsd_m=100)], model=dict(weights=__file__, sha256="0" * 64)
)


def checked(change=None, **review):
    return check_settings(MINIMAL | dict(review=review) | (change or {}), ["config.yaml"])


def test_a_file_is_a_list_of_one_and_matches_are_those_of_the_evaluation():
    settings = checked(judgements=__file__, change=dict(evaluation=dict(iou_threshold=0.4, min_diameter_px=20)))
    assert [str(path) for path in settings.review.judgements] == [__file__]
    assert settings.review_choice == dict(
        rows=200, seed=0, decides=None, confidence=0.95, iou_threshold=0.4, min_diameter_m=2000, scenes_apart=False
    )


@pytest.mark.parametrize(
    ("review", "message"),
    [
        (dict(judgements=["no.csv"]), "review.judgements.0: no file at no.csv"),
        (dict(searched="no.gpkg"), "review.searched: no file at no.gpkg"),
        (dict(rows=9), "review.rows: 9 given"),
        (dict(confidence=1), "review.confidence: 1 given"),
        (dict(verdicts=[]), "review.verdicts: unknown key"),
        (dict(searched=__file__, change=dict(pixel_coordinates=True)), "review.searched: images without a map have no"),
    ],
)
def test_bad_values_are_a_line_each(review, message):
    with pytest.raises(OrbitileError, match=f"config.yaml: {message}"):
        checked(**review)
