"""The page of a run in a real browser: what a person does with it, and whether rings and images lie where they must."""

import csv
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
import rasterio
from page_runs import CHOICE, CRATERS, GSD_M, RADIUS_M, write_world_run
from pyproj import Transformer
from scipy.spatial import cKDTree

from orbitile.features.shapes.detection_shapes import VectorStyle
from orbitile.space.ground import ground_ellipses
from orbitile.stages.review import ReviewChoice, ReviewFiles, ReviewInputs, write_review

IN_PAGE = Path(__file__).with_name("in_page.py")
ALL = [crater for craters in CRATERS.values() for crater in craters]
HOSTILE = '"><script>window.ran = true; alert(1)</script><img src=x onerror="window.ran = true">'
"""In the names of all scenes."""
LEAST_RED = 35
"""By how much more red than green a pixel is that a ring of a score of 0.5 (#cc4977) has a share of."""
VIEWS = [
    *(("cylindrical", 40.0, 60.0, metres) for metres in (400, 200, 100)),
    *(("cylindrical", -179.8, 0.0, metres) for metres in (400, 200, 100)),
    *(("cylindrical", 20.0, 85.0, metres) for metres in (8000, 4000, 2000)),
    *(("north", 70.0, 89.5, metres) for metres in (400, 200, 100)),
    *(("south", -20.0, -89.7, metres) for metres in (400, 200, 100)),
]
"""Map, longitude, latitude and metres per pixel: at 60 N, across 180, a pole of the cylindrical map, both poles."""


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return write_world_run(tmp_path_factory.mktemp("results") / "world", mark=HOSTILE)


@pytest.fixture(scope="module", params=[(1400, "light"), (390, "dark")], ids=["wide", "narrow"])
def visit(request, browser, index, pictures):
    """What came of a visit to the page in a window, and the folder of its pictures."""
    width_px, scheme = request.param
    folder = pictures / f"page-{width_px}-{scheme}"
    folder.mkdir(exist_ok=True)
    views = VIEWS if width_px > 1000 else []
    words = [browser.program, index.resolve().as_uri(), folder, width_px, scheme, json.dumps(views)]
    done = subprocess.run(
        [str(w) for w in (browser.python, IN_PAGE, *words)], capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]) | dict(wanted_px=width_px, scheme=scheme), folder


def test_the_page_in_a_window(visit):
    facts, _ = visit
    assert facts["messages"] == facts["foreign"] == facts["overflowing"] == []
    assert facts["content_width"] == facts["width"] == facts["wanted_px"]
    assert (facts["background"] == "rgb(255, 255, 255)") == (facts["scheme"] == "light")
    assert not facts["ran"] and HOSTILE in facts["clicked"]
    assert facts["title"] == "world: Orbitile" and "8 craters on Moon, 4 scenes" in facts["text"]


def test_zoom_filter_hover_click_and_address(visit):
    facts, folder = visit
    assert facts["all"] == facts["unfiltered"] == "8 of 8 pass the filters. 8 in view."
    assert facts["zoomed"] == pytest.approx(2, rel=0.01)
    assert facts["filtered"] == facts["by address"] == "4 of 8 pass the filters. 4 in view."
    assert facts["no scene"] == "0 of 8 pass the filters. 0 in view."
    assert facts["hovered"] == facts["expected"] and facts["expected"] in facts["clicked"]
    with rasterio.open(folder / "chip.png") as chip:
        grey = chip.read(1)
    middle, corner = grey[tuple(side // 2 for side in grey.shape)], grey[5, 5]
    assert middle > 170 and corner < 100  # the disc, and what lies around it
    assert facts["keyboard"] == dict(moved=True, zoomed=True)


def test_rings_and_images_lie_where_they_are(visit):
    """Rings within a pixel of the circles on the sphere, both ways; the bright discs of the images fill them."""
    facts, folder = visit
    assert len(facts["places"]) == (len(VIEWS) if facts["wanted_px"] > 1000 else 0)
    for number, (view, place) in enumerate(zip(VIEWS, facts["places"], strict=False)):
        expected = expected_rings(view[0], place)
        inside = expected[on_picture(expected, place, 2)]
        picture = read_picture(folder / f"rings-{number}.png", place)
        drawn = np.argwhere(picture[..., 0] - picture[..., 1] > LEAST_RED)[:, ::-1] + 0.5
        assert len(inside) > 200 and len(drawn) > 50, view
        assert nearest(inside, drawn).max() <= 1.3, view  # half a pixel beside a line of 1.5 px
        assert nearest(drawn, expected).max() <= 1.3, view
        if view[0] != "cylindrical" or view[2] < 80:
            check_discs(read_picture(folder / f"images-{number}.png", place), view, place)


def check_discs(picture, view, place):
    """Pixels are bright in the circles and dark outside of them, but for three pixels of the images at their rims."""
    rows, columns = np.indices(picture.shape[:2])
    x, y = place["left"] + (columns + 0.5) * place["resolution"], place["top"] - (rows + 0.5) * place["resolution"]
    lon, lat = to_map(view[0]).transform(x, y, direction="INVERSE")
    rim_m = 3 * GSD_M
    for crater_lon, crater_lat, diameter_km in ALL:
        half = np.sin(np.radians(lat - crater_lat) / 2) ** 2
        half += np.cos(np.radians(lat)) * np.cos(np.radians(crater_lat)) * np.sin(np.radians(lon - crater_lon) / 2) ** 2
        distance_m = 2 * RADIUS_M * np.arcsin(np.sqrt(half))
        within = picture[distance_m < diameter_km * 500 - rim_m]
        assert not len(within) or within.min() > 170, view
        around = picture[(distance_m > diameter_km * 500 + rim_m) & (distance_m < diameter_km * 500 + 2 * rim_m)]
        assert not len(around) or np.quantile(around, 0.9) < 100, view


def to_map(name):
    """From degrees on the sphere to the page's map, by PROJ."""
    sphere = f"+proj=longlat +R={RADIUS_M}"
    polar = f"+proj=stere +lat_0={90 if name == 'north' else -90} +k=1 +R={RADIUS_M}"
    return Transformer.from_crs(sphere, f"+proj=eqc +R={RADIUS_M}" if name == "cylindrical" else polar, always_xy=True,
                                force_over=True)  # fmt: skip


def expected_rings(name, place):
    """Columns and rows (n, 2) in the picture of all circles; on the cylindrical map around the body as well."""
    lon, lat, diameter_km = np.array(ALL).T
    ring_lon, ring_lat = ground_ellipses(lon, lat, diameter_km * 1000, diameter_km * 1000, RADIUS_M, vertices=8000)
    turns = (-360, 0, 360) if name == "cylindrical" else (0,)
    x, y = to_map(name).transform(
        np.concatenate([ring_lon + turn for turn in turns]), np.tile(ring_lat, (len(turns), 1))
    )
    places = np.column_stack([x.ravel() - place["left"], place["top"] - y.ravel()]) / place["resolution"]
    return places[on_picture(places, place, -4)]


def on_picture(places, place, margin):
    width, height = place["box"]["width"], place["box"]["height"]
    return ((places > margin) & (places < [width - margin, height - margin])).all(axis=1)


def read_picture(path, place):
    """The pixels (rows, columns, 3) of the map in a screenshot."""
    with rasterio.open(path) as source:
        pixels = np.moveaxis(source.read([1, 2, 3]).astype(int), 0, -1)
    box = place["box"]
    return pixels[int(box["top"]) : int(box["bottom"]), int(box["left"]) : int(box["right"])]


def nearest(places, others):
    return cKDTree(others).query(places)[0]


def test_judging_by_keys(visit):
    """Eight rows and two that are added, saved as the file says what was typed; nothing of it is lost by a reload."""
    facts, folder = visit
    judged = facts["judged"]
    listed = judged["listed"]
    assert {row["id"] for row in listed} and len(listed) == 8
    assert judged["name"] == "judgements.csv" and judged["seconds"] < 8
    assert "8 judged; in all 4 right, 1 false, 2 unsure, 1 moved, 2 added" in judged["status"]
    assert "8 judged; in all 4 right, 1 false, 2 unsure, 1 moved, 2 added" in judged["again"]
    assert "Scores are hidden while you judge" in judged["panel"]
    with open(folder / "judgements.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        "id",
        "verdict",
        "lon",
        "lat",
        "diameter_km",
        "scene",
        "reviewer",
        "judged_at",
        "catalogue",
        "list",
    ]
    verdicts = ["right", "right", "false", "unsure", "right", "moved", "right", "unsure", "added", "added"]
    assert [row["verdict"] for row in rows] == verdicts
    assert [row["id"] for row in rows] == [*(row["id"] for row in listed), "", ""]
    assert {row["reviewer"] for row in rows} == {'Ann "A", B'} and {row["catalogue"] for row in rows} == {"made up"}
    assert float(rows[-1]["diameter_km"]) == pytest.approx(judged["drawn_km"], rel=0.01)
    for row, crater in zip(rows, listed, strict=False):
        if row["verdict"] == "moved":
            assert float(row["diameter_km"]) == pytest.approx(crater["diameter_km"] * 1.02)
            assert float(row["lat"]) != crater["lat"]
        else:
            for name in ("lon", "lat", "diameter_km"):
                assert float(row[name]) == pytest.approx(crater[name], abs=1e-6), name
            assert row["scene"] == crater["scene"]


def test_saved_verdicts_are_read_back(visit, index, tmp_path):
    """As the target `review` does: they are of all rows; one of the two that were added lies on a row."""
    _, folder = visit
    catalogue = index.parents[1] / "catalogue" / "craters.json"
    choice = ReviewChoice(CHOICE.review_rows, CHOICE.review_seed, None, 0.95, 0.3, 0.0, False)
    files = ReviewFiles(*(str(tmp_path / name) for name in ("review.json", "corrected.csv", "labels.csv")))
    inputs = ReviewInputs(str(catalogue), [str(folder / "judgements.csv")])
    write_review(inputs, choice, VectorStyle("ellipse", 64), files)
    about = json.loads(Path(files.summary).read_text())
    assert about["precision"]["verdicts"] == dict(right=5, false=1, unsure=2, skipped=0)
    assert about["judgements"]["reviewers"] == {'Ann "A", B': dict(right=4, moved=1, false=1, unsure=2, added=1)}
    assert len(about["doubled"]) == 1 and about["corrected"]["rows"] == 8 - 1 + 1
