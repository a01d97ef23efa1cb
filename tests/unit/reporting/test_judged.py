"""What the report says of a review is what the review reckoned."""

import json
import re

import pytest
from judgements import SHA256, judged_catalogue, judgement, write_judgements

from orbitile.features.shapes.detection_shapes import VectorStyle
from orbitile.reporting.judged import judged_section
from orbitile.review.sampling import draw_rows
from orbitile.stages.review import ReviewChoice, ReviewFiles, ReviewInputs, write_review

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A run that two people judged, one of them a part of it."""
    folder = tmp_path_factory.mktemp("r")
    catalogue = judged_catalogue(folder)
    rows = draw_rows(catalogue, 20, 0)[1].to_dict("records")
    judged = [judgement(row, "false" if number % 5 == 0 else "right", HOSTILE) for number, row in enumerate(rows)]
    lists = [judged, [row | dict(reviewer="ben") for row in judged[1:10]]]
    paths = [str(write_judgements(folder / f"{number}.csv", rows)) for number, rows in enumerate(lists)]
    review = folder / "review"
    review.mkdir()
    files = ReviewFiles(*(str(review / name) for name in ("review.json", "corrected.csv", "labels.csv")))
    choice = ReviewChoice(20, 0, None, 0.95, 0.3, 0.0, False)
    write_review(ReviewInputs(str(catalogue.manifest), paths), choice, VectorStyle("ellipse", 16), files)
    return folder


def test_figures_stand_with_their_limits_and_reasons(results):
    about = json.loads((results / "review" / "review.json").read_text())
    text = "".join(judged_section(results, SHA256))
    cells = re.sub(r"(<[^>]*>)+", "|", text)
    precision = about["precision"]
    assert (
        f"|{precision['low']:.3f} to {precision['high']:.3f}|precision of the catalogue, with 95 % confidence|" in cells
    )
    assert "4 false, 16 right" in cells and HOSTILE not in text
    assert "The completeness of the searched ground is not known: no ground is said" in cells
    assert "script&gt; and ben|9|1.000|" in cells
    rows = sum(part["rows"] for part in precision["by_diameter_km"])
    assert rows == 60 and all(f"|{part['rows']}|{part['judged']}|" in cells for part in precision["by_diameter_km"])


def test_figures_of_another_catalogue_are_not_shown(results, tmp_path):
    text = "".join(judged_section(results, "another"))
    assert "judge it again" in text and "precision" not in text
    assert judged_section(tmp_path, SHA256) == []
