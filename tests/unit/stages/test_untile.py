from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from orbitile.detections.tiling import SizeLimits, TileSize
from orbitile.jobs.pieces import JobWork
from orbitile.stages.tile import tile_scenes
from orbitile.stages.untile import UntileInputs, untile
from orbitile.tables.detections import GEOLOCATED, TILE_DETECTIONS
from orbitile.tables.parquet import read_table, write_table
from orbitile.tables.rasters import write_rasters

MOON_M = 1737400.0
DEGREE_M = MOON_M * np.pi / 180
TILE_PX, OVERLAP_PX = 64, 32
SIZE_LIMITS = {100.0: SizeLimits(4, 3, 24, False), 200.0: SizeLimits(4, 3, 24, True)}


@pytest.fixture
def place(raster, tmp_path):
    """Tiles a made-up scene of 160 x 96 px at (1000 km, 500 km), and untiles boxes of its tiles.

    Boxes are rows of scale, tile, left, top, right, bottom in pixels of the tile.
    """

    def untiled(*rows, scales=(100.0,), truncated=False, in_mosaic=False):
        where = dict(left=1_000_000, top=500_000)
        rasters = [
            replace(raster(np.ones((96, 160), np.uint8), scale_m=scale, **where), in_mosaic=in_mosaic)
            for scale in scales
        ]
        write_rasters(rasters, tmp_path / "rasters.parquet")
        sizes = {scale: TileSize(TILE_PX, OVERLAP_PX) for scale in scales}
        tile_scenes(
            str(tmp_path / "rasters.parquet"), sizes, str(tmp_path / "work"), str(tmp_path / "tiles.parquet"), JobWork()
        )
        columns = ["scale_m", "tile", "left", "top", "right", "bottom"]
        boxes = pd.DataFrame(rows, columns=columns).assign(scene="a", score=np.float32(0.5), truncated=truncated)
        boxes["class"] = "crater"
        write_table(boxes, TILE_DETECTIONS, tmp_path / "predictions.parquet")
        tables = UntileInputs(*(str(tmp_path / f"{name}.parquet") for name in ("predictions", "tiles", "rasters")))
        untile(tables, SIZE_LIMITS, MOON_M, str(tmp_path / "out.parquet"))
        return read_table(tmp_path / "out.parquet")

    return untiled


def test_a_box_is_placed_on_map_and_body(place):
    """Tile 5 is the second of the second row: it starts at column and row 32."""
    (found,) = place((100.0, 5, 20, 24, 30, 44)).to_dict("records")
    assert [found[name] for name in ("xmin", "ymin", "xmax", "ymax")] == [1_005_200, 492_400, 1_006_200, 494_400]
    assert (found["lon"], found["lat"]) == pytest.approx((1_005_700 / DEGREE_M, 493_400 / DEGREE_M))
    assert found["width_m"] == pytest.approx(1000 * np.cos(np.radians(found["lat"])), rel=1e-4)
    assert found["height_m"] == pytest.approx(2000, rel=1e-6)
    assert found["diameter_km"] == pytest.approx((found["width_m"] + found["height_m"]) / 2000)
    assert (found["scene"], found["tile"], found["class"], found["score"]) == ("a", 5, "crater", 0.5)


def test_an_object_in_two_tiles_is_reported_by_the_one_that_answers(place):
    """Columns 52 to 62 of the scene, seen by the first two tiles; the first one's core ends at 48."""
    assert place((100.0, 0, 52, 10, 62, 20), (100.0, 1, 20, 10, 30, 20))["tile"].tolist() == [1]


def test_on_the_border_of_cores_both_report(place):
    """They may disagree on its centre; suppression decides."""
    assert sorted(place((100.0, 0, 43, 10, 53, 20), (100.0, 1, 11, 10, 21, 20))["tile"]) == [0, 1]


@pytest.mark.parametrize(
    "box",
    [(0.5, 20, 10, 30), (20, 20, 63.5, 30), (20, 20, 22, 22), (0, 0, 25, 25)],
    ids=["cut on the left", "cut on the right", "too small", "too large"],
)
def test_what_no_tile_answers_for_is_dropped(place, box):
    assert len(place((100.0, 5, *box))) == 0


def test_scales_are_placed_by_their_own_pixels(place):
    found = place((200.0, 0, 10, 10, 20, 20), (100.0, 0, 20, 20, 40, 40), scales=(100.0, 200.0))
    assert sorted(found["scale_m"]) == [100, 200]
    assert found[["xmin", "ymin", "xmax", "ymax"]].drop_duplicates().to_numpy().tolist() == [
        [1_002_000, 496_000, 1_004_000, 498_000]
    ]


def test_nothing_found(place, tmp_path):
    assert place().columns.tolist() == GEOLOCATED.names


def test_the_order_of_raw_detections_does_not_matter(place):
    boxes = [(100.0, t, x, 20, x + 9, 30) for t in (0, 1, 5, 6) for x in (14, 22, 26)]
    assert len(place(*boxes)) > 4
    assert place(*boxes).equals(place(*boxes[::-1]))


@pytest.mark.parametrize(
    ("tile_number", "box", "expected"),
    [
        (0, (2, 20, 12, 30), True), (0, (2.5, 20, 12, 30), False), (0, (20, 0, 30, 10), True),
        (3, (50, 20, 62, 30), True), (3, (50, 20, 61.5, 30), False), (4, (20, 52, 30, 62), True),
        (5, (20, 24, 30, 34), False),
    ],
)  # fmt: skip
def test_what_touches_the_outer_edge_is_cut(place, tile_number, box, expected):
    """Tiles 0 to 3 lie along the upper edge of the scene, 4 to 7 along the lower one."""
    assert place((100.0, tile_number, *box))["truncated"].tolist() == [expected]


@pytest.mark.parametrize("cut", [True, False])
def test_what_touches_nodata_stays_cut(place, cut):
    assert place((100.0, 5, 20, 24, 30, 34), truncated=cut)["truncated"].tolist() == [cut]


def test_the_edge_of_a_piece_cuts_nothing_by_itself(place):
    """The scene lies 10,000 columns from the map's origin; its first tile begins 32 before it and ends 32 within."""
    (found,) = place((100.0, 0, 27, 40, 41, 54), in_mosaic=True).to_dict("records")
    assert (found["truncated"], found["xmin"]) == (False, 999_500)
    assert place((100.0, 0, 27, 40, 41, 54), in_mosaic=True, truncated=True)["truncated"].tolist() == [True]


@pytest.mark.parametrize(
    ("scale", "size", "expected"),
    [(100.0, 24, [False]), (100.0, 25, []), (200.0, 24, [False]), (200.0, 25, [True]), (200.0, 40, [True])],
)
def test_what_is_larger_than_the_coarsest_scale_answers_for_is_out_of_reach(place, scale, size, expected):
    found = place((scale, 0, 10, 10, 10 + size, 20), scales=(100.0, 200.0))
    assert found["out_of_reach"].tolist() == expected
