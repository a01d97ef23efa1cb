"""What a report shows of a result: sizes, figures of merit, chips; and that nothing of it runs in a browser."""

import json
import os
import re
import time
from html import escape

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from plan_rows import plan_row
from small_catalogues import write_small_catalogue

from orbitile.base.errors import OrbitileError
from orbitile.base.files import write_json
from orbitile.jobs.call import RunCall, keep_call, keep_settings
from orbitile.pipeline import DETECTION, SEGMENTATION
from orbitile.reporting.embedding import picture_figure
from orbitile.reporting.merit import measure_text
from orbitile.reporting.resource_plots import MOST_TICKS, log_ticks
from orbitile.reporting.sizes import DiameterCounts, class_limit, map_table
from orbitile.review.extremes import extreme_rows
from orbitile.stages.report import report, report_of_any_run
from orbitile.tables.plan import PlanGroup, PlanOrigin, UnplannedScene, refused_plan, write_plan
from orbitile.tables.rasters import write_rasters

HOSTILE = '<script>alert("x")</script>'
DEGREE_M = 1737400.0 * np.pi / 180
GREY = np.random.default_rng(0).integers(0, 255, (200, 200), np.uint8)


def plan(folder, chain=DETECTION, path="plan.parquet", unplanned=()):
    groups = [PlanGroup("a", [], [], "v", 1.0)]
    write_plan([plan_row("a", "a")], groups, list(unplanned), PlanOrigin("", "", "", chain), folder / path)


@pytest.fixture
def results(tmp_path, raster):
    """The folder of a run with a catalogue of three craters in a scene of 20 km."""
    folder = tmp_path / "results" / "r"
    plan(folder)
    craters = [(x / DEGREE_M, -10_000 / DEGREE_M, km) for x, km in ((5000, 2.0), (10_000, 2.1), (15_000, 4.0))]
    write_small_catalogue(folder / "catalogue", craters)
    write_rasters([raster(GREY, "a")], folder / "scaled" / "a.parquet")
    return folder


def page_of(results):
    return report(results).read_text()


def test_counted_areas_stand_in_a_table_with_their_ages(results):
    areas = [
        dict(name=name, searched_km2=1234.5, from_km=2.0, craters=count) for name, count in ((HOSTILE, 17), ("b", 0))
    ]
    write_json(results / "counting" / "counts.json", dict(areas=areas, refused=[dict(name="c", reason="is elsewhere")]))
    age = dict(age_ga=3.52, lower_ga=3.47, upper_ga=3.55)
    dated = [dict(name=HOSTILE, ages=[dict(reason="none"), age]), dict(name="b", ages=[dict(reason="no craters")])]
    write_json(results / "dating" / "ages.json", dict(areas=dated))
    page = page_of(results)
    assert HOSTILE not in page
    cells = re.sub(r"<[^>]*>", "|", page)
    assert f"|{escape(HOSTILE)}||1,234.5||2||17||3.52 (+0.03, -0.05) Ga|" in cells
    assert "|b||1,234.5||2||0||-|" in cells
    assert "c: is elsewhere" in page


def test_what_was_made_of_an_earlier_catalogue_is_named_and_not_shown(results):
    area = dict(name="mare", searched_km2=1234.5, from_km=2.0, craters=17)
    write_json(results / "counting" / "counts.json", dict(areas=[area], refused=[]))
    write_json(results / "density" / "density.json", {})
    Image.fromarray(GREY).save(results / "density" / "density.png")
    evaluation(results, n_truth=4)
    page = page_of(results)
    assert "mare" in page and "Craters per area" in page and "in the truth" in page and "Not shown" not in page
    os.utime(results / "catalogue" / "craters.json", (time.time() + 10,) * 2)
    page = page_of(results)
    assert "mare" not in page and "Craters per area" not in page and "in the truth" not in page
    assert (
        "made of an earlier result: count, density (ask" in page
        and "earlier result: evaluation/metrics.json (ask" in page
    )


def test_craters_are_counted_by_size_and_cut_out(results):
    page = page_of(results)
    assert re.findall(r'scope="row">([^<]*)</th><td>(\d+)</td><td>(\d+)</td>', page) == [
        ("2 to 2.83", "2", "3"), ("2.83 to 4", "0", "1"), ("4 to 5.66", "1", "1")
    ]  # fmt: skip
    assert page.count('class="chips"') == 2
    assert page.count("<image href=") == 3
    assert page.count("score 0.500") == 6  # in the caption and in the words that are read aloud
    assert "0.33° S, 0.16° E" in page


def test_places_without_a_map_are_in_pixels(results):
    """The made-up scene has pixels of 100 m."""
    keep_settings(results, {}, dict(pixel_coordinates=True))
    page = page_of(results)
    assert page.count("column 50, row 100<br>") == 1
    assert "°" not in page
    (results / "scaled" / "a.parquet").unlink()
    assert "no picture: " in page_of(results)


def test_chips_without_a_scene_say_why(results):
    (results / "scaled" / "a.parquet").unlink()
    assert "no picture: " in page_of(results)


@given(st.lists(st.floats(1e-3, 1e4), min_size=1, max_size=40))
def test_every_diameter_is_in_the_class_around_it(diameters):
    counts = DiameterCounts()
    for diameter in diameters:
        counts.feed(np.array([diameter]))
    sizes = counts.sizes
    assert sum(size.craters for size in sizes) == len(diameters)
    for size in sizes:
        assert size.craters == sum(size.low_km <= diameter < size.high_km for diameter in diameters)


def test_a_limit_belongs_to_the_class_that_begins_there():
    counts = DiameterCounts()
    counts.feed(class_limit(np.arange(-20, 20)))
    assert [size.craters for size in counts.sizes] == [1] * 40


@given(st.permutations(range(9)), st.integers(1, 5))
def test_the_extremes_depend_on_no_order_and_share_no_row(order, batch):
    rows = pd.DataFrame(dict(score=[0.1, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.9, 0.9], lat=range(9), lon=0.0))
    shuffled = rows.iloc[list(order)]
    tables = [shuffled.iloc[start : start + batch] for start in range(0, 9, batch)]
    extremes = extreme_rows(tables, "score", 3)
    assert extremes.most["lat"].tolist() == [8, 7, 6]
    assert extremes.least["lat"].tolist() == [0, 1, 2]
    few = extreme_rows([rows.head(3)], "score", 3)
    assert sorted([*few.most["lat"], *few.least["lat"]]) == [0, 1, 2]


@pytest.mark.parametrize(
    ("counts", "texts"),
    [((5, 5), ("0.900", "0.800")), ((0, 5), ("-", "-")), ((5, 0), ("-", "0.800"))],
)
def test_a_measure_of_nothing_is_a_dash(counts, texts):
    figures = dict(precision=0.9, recall=0.8, n_truth=counts[0], n_found=counts[1])
    assert (measure_text(figures, "precision"), measure_text(figures, "recall")) == texts


def evaluation(results, **figures):
    none = dict(intervals=None, by_diameter_km=[], iou=0.5, n_matched=0, n_truth=1, n_found=1)
    write_json(results / "evaluation" / "metrics.json", none | dict(precision=0.5, recall=0.25, f1=0.3) | figures)


def test_figures_of_merit_stand_before_what_the_run_took(results):
    evaluation(results, intervals=dict(precision=[0.4, 0.6], recall=None, f1=None))
    page = page_of(results)
    assert "<b>0.500</b><span>precision, 0.400 to 0.600 with 95 % confidence" in page
    assert page.index("What was found") < page.index("Compared with the truth") < page.index('id="took"')


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"by_scale": 1}'])
def test_damaged_figures_cost_a_line_and_not_the_page(results, text):
    (results / "evaluation").mkdir()
    (results / "evaluation" / "metrics.json").write_text(text)
    page = page_of(results)
    assert "Craters by diameter" in page
    assert 'id="made"' in page


def test_a_run_without_a_result_has_a_report(results):
    (results / "catalogue" / "craters.json").unlink()
    page = page_of(results)
    assert "Not finished: 0 of 1 group done" in page
    assert "There is no catalogue yet" in page
    assert "0 of 1" in page


def test_a_run_whose_plan_was_refused_has_a_report(tmp_path):
    folder = tmp_path / "r"
    unplanned = [UnplannedScene("c", "c.tif", "", "c.tif: no header")]
    plan(folder, path=refused_plan(folder / "plan.parquet").name, unplanned=unplanned)
    page = page_of(folder)
    assert "c.tif: no header" in page
    assert "something failed" in page


def test_a_folder_without_a_plan_is_no_run(tmp_path):
    with pytest.raises(OrbitileError, match="holds no plan of a run"):
        report(tmp_path)
    assert report_of_any_run(tmp_path).startswith(f"{tmp_path}: the report cannot be written: ")


def test_a_map_is_shown_by_class(results):
    (results / "catalogue" / "craters.json").unlink()
    plan(results, SEGMENTATION)
    write_json(results / "map" / "polygons.json", dict(body="Moon", rows=0, lines=0, parts=[], sha256="made up"))
    columns = dict(scale_m=[10.0], polygons=[3], area_m2=[2.5e6], lines=[0], length_m=[None])
    pd.DataFrame({"class": [HOSTILE]} | columns | {"dropped: too small": [4]}).to_csv(results / "map" / "summary.csv")
    page = page_of(results)
    cells = "".join(f'<td class="number">{cell}</td>' for cell in ("10", "3", "2.5", "0", "-", "4"))
    assert escape(HOSTILE) in page
    assert cells in page
    assert "<script" not in page


def test_no_map_no_table(tmp_path):
    assert map_table(tmp_path / "summary.csv") == ""


def test_command_settings_and_versions_are_shown_and_escaped(results):
    keep_call(results, RunCall(["snakemake"], ["--configfile", HOSTILE], HOSTILE))
    keep_settings(
        results, dict(run="r", scenes=HOSTILE), dict(run="r", scenes=HOSTILE, body="Moon", model=dict(name="n"))
    )
    page = page_of(results)
    assert "<dt>weights</dt><dd>n</dd>" in page
    assert "--configfile" in page
    assert page.count("alert(\\&quot;x\\&quot;)") == 2
    assert "numpy" in page
    assert "<script" not in page


def test_hostile_names_of_scenes_and_files_are_shown_and_not_run(tmp_path, raster):
    folder = tmp_path / "results" / "<b onload=1>"
    plan(folder)
    write_small_catalogue(folder / "catalogue", [(0.1, -0.1, 2.0)], scenes=["<img src=x onerror=alert(1)>"])
    (folder / "annotated").mkdir()
    (folder / "annotated" / '"><img src=x>.png').write_bytes(b"")
    page = page_of(folder)
    assert not re.search(r"<img src=x|<b onload|<img src=\"x", page)
    assert "&lt;img src=x onerror=alert(1)&gt;" in page


def test_pictures_are_part_of_the_page(results, tmp_path):
    Image.new("RGBA", (4000, 100), "white").save(results / "catalogue" / "craters.png")
    page = page_of(results)
    assert '<figure><img src="data:image/jpeg;base64,' in page
    (tmp_path / "broken.png").write_bytes(b"\x89PNG")
    assert "broken.png cannot be shown" in picture_figure(tmp_path / "broken.png", "a")


def test_the_page_is_made_for_phones_keyboards_and_the_dark(results):
    page = page_of(results)
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in page
    assert "prefers-color-scheme: dark" in page
    assert '<a href="#found" class="skip">' in page
    assert "<script" not in page
    for region in re.findall(r'<div class="scroll[^>]*>', page):
        assert 'tabindex="0"' in region
        assert "aria-label=" in region


def test_settings_that_were_not_kept_are_missed_in_a_line(results):
    (results / "jobs").mkdir()
    (results / "jobs" / "settings.json").write_text(json.dumps([1]))
    assert "This run has not kept its settings." in page_of(results)


@given(st.floats(1e-3, 1e6), st.floats(1.01, 1e9))
def test_labels_of_logarithmic_axes_are_few_and_lie_on_them(low, factor):
    ticks = log_ticks(low, low * factor)
    assert 1 <= len(ticks) <= MOST_TICKS
    assert all(low * (1 - 1e-9) <= tick <= low * factor * (1 + 1e-9) for tick in ticks)
