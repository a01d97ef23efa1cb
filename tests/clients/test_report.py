"""The report in a real browser, Chromium of Debian's packages. `make test-clients` runs it, `make test` does not.

Its pages are those of runs that the workflow makes: a catalogue, a map, a run that failed, one that has only begun, and
one whose scene table is hostile. ORBITILE_TEST_SCREENSHOTS names a folder for the screenshots, to be looked at.
"""

import shutil

import pytest
from plan_rows import plan_row
from projects import make_fracture_project
from small_catalogues import write_small_catalogue

from orbitile.jobs.call import RunCall, keep_call, keep_settings
from orbitile.stages.report import report
from orbitile.tables.plan import PlanGroup, PlanOrigin, UnplannedScene, write_plan

WIDTHS = (1400, 390)
HOSTILE = '"><script>window.ran = true; alert(1)</script><img src=x onerror="window.ran = true">'


def catalogue_page(request, folder):
    return request.getfixturevalue("crater_run").result("report/index.html")


def map_page(request, folder):
    return request.getfixturevalue("fracture_run").result("report/index.html")


def failed_page(request, folder):
    """A file that ends in the middle: the target `report` fails, and leaves its page."""
    project = make_fracture_project(folder)
    image = folder / "images" / "east.tif"
    image.write_bytes(image.read_bytes()[: image.stat().st_size // 2])
    assert project.run("report").returncode != 0
    return project.result("report/index.html")


def unfinished_page(request, folder):
    project = make_fracture_project(folder)
    assert project.run("results/small/tiles/west.parquet").returncode == 0
    assert project.ask("report").stdout.strip() == "results/small/report/index.html"
    return project.result("report/index.html")


def hostile_page(request, folder):
    """Names that are markup wherever a run has names; made by hand, for the workflow itself refuses most of them."""
    results = folder / "results" / "hostile"
    groups = [PlanGroup("a", [], [], "v", 1.0)]
    unplanned = [UnplannedScene(HOSTILE, HOSTILE, "", HOSTILE)]
    write_plan(
        [plan_row("a", "a", warnings=[HOSTILE])], groups, unplanned, PlanOrigin("", "", ""), results / "plan.parquet"
    )
    write_small_catalogue(results / "catalogue", [(0.1, -0.1, 2.0)], scenes=[HOSTILE])
    keep_call(results, RunCall(["snakemake"], ["--configfile", HOSTILE], HOSTILE))
    keep_settings(results, {HOSTILE: HOSTILE}, {HOSTILE: HOSTILE})
    return report(results)


PAGES = dict(
    catalogue=(catalogue_page, ["Finished: 2 of 2 groups", "Craters by diameter", "Compared with the truth", "Lowest"]),
    map=(map_page, ["the map is made", "What the map holds", "fracture, pixels", "The polygons of highest"]),
    failed=(failed_page, ["Not finished, for something failed", "east.tif", "There is no map yet"]),
    unfinished=(unfinished_page, ["Not finished: 0 of 2 groups done", "There is no map yet"]),
    hostile=(hostile_page, ["<script>window.ran = true"]),
)  # fmt: skip


@pytest.fixture(scope="module", params=PAGES)
def page(request, tmp_path_factory):
    """A page, in a folder with the name of its kind, and the words that must stand on it."""
    make, words = PAGES[request.param]
    made = make(request, tmp_path_factory.mktemp(request.param))
    return shutil.copytree(made.parent, tmp_path_factory.mktemp("pages") / request.param) / made.name, words


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width_px", WIDTHS)
def test_the_page_in_a_window(browser, page, pictures, width_px, scheme):
    path, words = page
    facts = browser.describe_page(path, pictures, width_px, scheme)
    assert facts["messages"] == facts["foreign"] == facts["broken"] == []
    assert not facts["ran"]
    assert facts["overflowing"] == []
    assert facts["content_width"] == facts["width"] == width_px
    assert [word for word in words if word not in facts["text"]] == []
    assert facts["reached"] == list(range(facts["reachable"]))  # all of it, in the order of the page
    assert facts["outlined"]
    assert facts["opened"][0] == facts["opened"][1]
    assert (facts["background"] == "rgb(255, 255, 255)") == (scheme == "light")
