"""Which craters are on which contact sheet."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import shapely

from orbitile.review.additions import FramePairing
from orbitile.review.contact_sheets import (
    RowCollector,
    SearchedScales,
    SheetChoice,
    SizeRange,
    at_borders,
    unseen_scales,
)
from orbitile.space.bodies import find_body
from orbitile.tables.detections import MAP_BOX

LIMITS = dict(slack_px=4, min_object_px=10.0, max_object_px=100.0, is_coarsest=False)
PAIRING = FramePairing(0.4, find_body("Moon").radius_m, False)
CHOICE = SheetChoice([SizeRange.of(100.0, LIMITS), SizeRange.of(400.0, LIMITS)], PAIRING)
EVERYWHERE = [("a", 100.0), ("a", 400.0)]


def craters(*rows):
    """Rows of longitude, diameter in metres, scale and whether they are cut."""
    frame = pd.DataFrame(rows, columns=["lon", "size_m", "scale_m", "truncated"])
    size = dict(width_m=frame["size_m"], height_m=frame["size_m"], diameter_km=frame["size_m"] / 1000)
    x = find_body("Moon").radius_m * np.radians(frame["lon"])
    box = dict(xmin=x - 1000, xmax=x + 1000, ymin=-1000.0, ymax=1000.0)
    return frame.assign(lat=0.0, scene="a", **size, **box)


def searched(*places, failed=()):
    """Scales of scenes that were searched, and shapes of what failed by scene and scale."""
    return SearchedScales(frozenset(places or EVERYWHERE), dict(failed))


def test_a_scale_that_had_to_detect_a_crater_and_did_not():
    rows = craters((1, 6000, 100, False), (2, 6000, 100, False), (3, 6000, 400, False), (4, 6000, 100, True),
                   (5, 2000, 100, False), (6, 9000, 400, False))  # fmt: skip
    detections = craters((1.01, 6300, 400, False), (2, 6000, 100, False), (3, 30_000, 100, False))
    unseen = unseen_scales(rows, detections, CHOICE, searched())
    assert unseen.tolist() == pytest.approx([np.nan, 400, 100, np.nan, np.nan, np.nan], nan_ok=True)


def test_on_images_without_a_map_scenes_have_nothing_in_common():
    rows = craters((1, 6000, 100, False)).assign(scene="a")
    detections = craters((1, 6000, 400, False)).assign(scene="b")
    choices = [replace(CHOICE, pairing=replace(PAIRING, scenes_apart=apart)) for apart in (False, True)]
    unseen = [unseen_scales(rows, detections, choice, searched()) for choice in choices]
    assert np.isnan(unseen).ravel().tolist() == [True, False]


def test_a_size_at_the_limit_of_a_scale_is_not_due():
    rows = craters((1, 4100, 100, False), (2, 4700, 100, False), (3, 9000, 400, False), (4, 8400, 400, False))
    assert np.isnan(unseen_scales(rows, rows, CHOICE, searched())).tolist() == [True, False, True, False]


def test_a_scale_that_was_not_searched_there_is_not_due():
    """A scene without a raster at that scale, and tiles that failed."""
    rows = craters((1, 6000, 100, False), (2, 6000, 100, False), (3, 6000, 100, False))
    rows["scene"] = ["a", "a", "b"]
    beside = shapely.box(0, -5000, rows["xmax"][0], 5000)
    unseen = unseen_scales(rows, rows, CHOICE, searched(*EVERYWHERE, ("b", 100.0), failed={("a", 400.0): beside}))
    assert unseen.tolist() == pytest.approx([np.nan, 400, np.nan], nan_ok=True)
    elsewhere = {("a", 100.0): beside, ("c", 400.0): beside}
    assert unseen_scales(rows, rows, CHOICE, searched(*EVERYWHERE, failed=elsewhere)).tolist() == pytest.approx(
        [400, 400, np.nan], nan_ok=True
    )


def test_craters_at_borders(raster):
    """A scene of 20 km: what reaches over its edge, or comes within a radius of it, and is whole."""
    boxes = [(5000, 2000), (1500, 2000), (-500, 2000), (19_500, 1000), (17_900, 2000), (19_500, 1000)]
    frame = pd.DataFrame([(x - d / 2, -10_000 - d / 2, x + d / 2, -10_000 + d / 2) for x, d in boxes], columns=MAP_BOX)
    frame = frame.assign(scene="a", truncated=[False] * 5 + [True])
    expected = [False, True, True, True, False, False]
    assert at_borders(frame, [raster(np.full((200, 200), 9, np.uint8))]).tolist() == expected


def test_a_collector_holds_the_first_rows_of_all():
    collector = RowCollector("score", 3)
    for score in ([0.1, 0.9], [], [0.5, 0.7, 0.2]):
        collector.feed(pd.DataFrame(dict(score=score, lat=0.0, lon=0.0)))
    sheet = collector.sheet("a", "b")
    assert (sheet.rows["score"].tolist(), sheet.total) == ([0.9, 0.7, 0.5], 5)
