"""The pages of the three demos in a real browser: looked at, and judged there; what was judged is read back.

Of the lunar and of the fracture demo two cuts each are run, those of the report's test, of the raw one all of it. With
ORBITILE_TEST_DEMOS=whole all three are run as they are (`make test-demos`).
"""

import csv
import json
import os
import subprocess
from pathlib import Path

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from projects import made, make_whole_demo

import orbitile.catalogue
from orbitile.review.sampling import draw_rows

IN_DEMO_PAGE = Path(__file__).with_name("in_demo_page.py")
WHOLE = os.environ.get("ORBITILE_TEST_DEMOS") == "whole"
CUTS = dict(craters="crater_run", fractures="fracture_run")
DEMOS = dict(craters="demo.yaml", fractures="fractures/fractures.yaml", raw="raw/raw.yaml")
SAMPLE_ROWS = 10
VERDICTS = dict(r="right", f="false", u="unsure", m="moved")
WINDOWS = [(1400, "light"), (390, "dark")]


@pytest.fixture(scope="module", params=DEMOS)
def demo(request, tmp_path_factory):
    """The run of a demo, with its page."""
    name = request.param
    if name in CUTS and not WHOLE:
        return request.getfixturevalue(CUTS[name])
    folder = tmp_path_factory.mktemp(name)
    return made(make_whole_demo(folder, DEMOS[name], review=dict(rows=SAMPLE_ROWS)), "page")


@pytest.fixture(scope="module", params=WINDOWS, ids=["wide", "narrow"])
def visit(request, browser, demo, pictures):
    """The run, what came of a visit to its page in a window, and the folder of its pictures."""
    width_px, scheme = request.param
    index, folder = demo.result("page/index.html"), pictures / f"{demo.folder.name}-{width_px}-{scheme}"
    folder.mkdir(exist_ok=True)
    least_km = median_km(demo) if has_catalogue(demo) else ""
    words = [browser.python, IN_DEMO_PAGE, browser.program, index.resolve().as_uri(), folder, width_px, scheme]
    done = subprocess.run([*map(str, words), str(least_km)], capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    return demo, json.loads(done.stdout.splitlines()[-1]) | dict(wanted_px=width_px, scheme=scheme), folder


def has_catalogue(run):
    return run.result("catalogue/craters.json").is_file()


def diameters_km(run):
    return orbitile.catalogue.open(run.result("catalogue")).table(["diameter_km"])["diameter_km"].to_numpy()


def median_km(run):
    """A diameter between two rows: half of all are larger."""
    return round(float(np.median(diameters_km(run))), 5)


def test_the_page_in_a_window(visit):
    run, facts, _ = visit
    assert facts["messages"] == facts["foreign"] == facts["overflowing"] == []
    assert facts["content_width"] == facts["width"] == facts["wanted_px"]
    assert (facts["background"] == "rgb(255, 255, 255)") == (facts["scheme"] == "light")
    assert facts["title"] == f"{run.settings['run']}: Orbitile"
    assert facts["zoomed"]["closer"] == pytest.approx(2, rel=0.01) and facts["zoomed"]["counts"] != facts["all"]
    assert facts["clicked"]["id"] in facts["clicked"]["tip"] and facts["clicked"]["id"] in facts["clicked"]["text"]


def test_what_it_counts(visit):
    run, facts, folder = visit
    if not has_catalogue(run):
        proof = json.loads(run.mapped)
        assert facts["all"] == facts["shown"] and facts["hidden"] == facts["hidden again"]
        polygons, lines = f"of {proof['rows']:,} polygons", f"of {proof['lines']:,} lines in view."
        assert facts["all"] == f"{proof['rows']:,} {polygons}, {proof['lines']:,} {lines}"
        assert facts["hidden"] == f"0 {polygons}, 0 {lines}"
        return
    sizes = diameters_km(run)
    passing = (sizes >= median_km(run)).sum()
    assert facts["all"].startswith(f"{len(sizes):,} of {len(sizes):,} pass the filters.")
    assert facts["filtered"]["counts"].startswith(f"{passing:,} of {len(sizes):,} pass the filters.")
    assert facts["filtered"]["again"] == facts["filtered"]["counts"] and 0 < passing < len(sizes)
    assert matplotlib.image.imread(folder / "chip.png").std() > 0.05


def test_ten_rows_are_judged_in_as_many_seconds(visit):
    run, facts, folder = visit
    if not has_catalogue(run):
        pytest.skip("a map is not judged")
    judged = facts["judged"]
    with open(folder / "judgements.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == judged["listed"][:SAMPLE_ROWS] and judged["seconds"] < SAMPLE_ROWS
    assert [row["verdict"] for row in rows] == [VERDICTS[key] for key in judged["keys"]]
    assert "10 judged; in all 6 right, 2 false, 1 unsure, 1 moved" in judged["status"]


def test_the_review_of_what_was_judged(visit):
    """By the target; precision from the strata, reckoned here by hand."""
    run, facts, folder = visit
    if not has_catalogue(run) or facts["wanted_px"] < 1000:
        pytest.skip("a map is not judged, and what a narrow window saves is the same")
    review = dict(rows=SAMPLE_ROWS, judgements=[str(folder / "judgements.csv")])
    about = json.loads(made(run.change(review=review), "review").result("review/review.json").read_text())
    catalogue = orbitile.catalogue.open(run.result("catalogue"))
    strata, rows = draw_rows(catalogue, SAMPLE_ROWS, 0)
    verdicts = dict(zip(facts["judged"]["listed"], facts["judged"]["keys"], strict=False))
    weight = {stratum.stratum: stratum.rows / len(catalogue) for stratum in strata.strata}
    precision = about["precision"]
    assert precision["verdicts"] == dict(right=7, false=2, unsure=1, skipped=0)
    for name, wrong in (("unsure_right", "f"), ("unsure_false", "fu")):
        is_right = pd.Series([verdicts[row] not in wrong for row in rows["id"]])
        shares = is_right.groupby(rows["stratum"].to_numpy()).mean()
        expected = sum(weight[stratum] * share for stratum, share in shares.items())
        assert precision[name]["value"] == pytest.approx(expected, abs=1e-4)
        assert precision["low"] <= precision[name]["value"] <= precision["high"]
    assert about["corrected"]["rows"] == len(catalogue) - 2
    corrected = pd.read_csv(run.result("review/corrected.csv"))
    assert (corrected["verdict"] == "moved").sum() == 1
