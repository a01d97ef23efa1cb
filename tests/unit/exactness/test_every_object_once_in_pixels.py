"""Bright discs on dark ground, from GeoTIFFs to the survivors: each once, however the mosaic is cut into scenes.

The network is made up: it finds connected bright pixels that do not touch the border of the tile.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
import torch
from affine import Affine
from plain_suppression import MOON_M
from pyproj import CRS
from scipy import ndimage
from suppressed_groups import suppress_group

from orbitile.detections.nms.settings import NmsSettings
from orbitile.detections.tiling import SizeLimits, TileSize
from orbitile.georeferencing.project_image import TargetGrid
from orbitile.inference.models.network import BoxOutput, ModelChoice
from orbitile.inference.tile_rows import InferenceSettings
from orbitile.jobs.pieces import JobWork
from orbitile.planning.plan import current_plan
from orbitile.settings import Settings
from orbitile.space.bodies import find_body
from orbitile.stages.downsample import downsample
from orbitile.stages.georeference import GeoreferenceTarget, georeference
from orbitile.stages.infer import infer
from orbitile.stages.tile import tile_scenes
from orbitile.stages.untile import UntileInputs, untile
from orbitile.tables.crater_parts import read_survivors
from orbitile.tables.plan import Plan, read_scenes
from orbitile.tables.rasters import RasterTables

WIDTH, HEIGHT = 961, 380
LEFT, TOP = 1_003_700, 411_100
GSD_M = 100
SCALES = [
    dict(gsd_m=GSD_M, tile_px=96, overlap_px=32, min_object_px=5),
    dict(gsd_m=2 * GSD_M, tile_px=96, overlap_px=32, min_object_px=8),
]
ACROSS = [(321, 100, 20), (321, 190, 44), (641, 190, 23), (641, 40, 40), (480, 190, 30), (480, 300, 12), (150, 190, 9)]
"""Columns, rows and diameters of discs that borders of scenes run through, or corners of four scenes lie in."""


class BrightSpots:
    """The made-up network. Its scores go by size, so that two reports of one object are often equal."""

    device, names, channels, reflect_padding, max_objects = torch.device("cpu"), ("crater",), 1, False, None

    def predict_batch(self, images):
        found = [(tile, *spot) for tile, image in enumerate(images[:, 0].numpy()) for spot in self._spots(image > 127)]
        tile, *corners = torch.tensor(found, dtype=torch.float32).reshape(-1, 5).T
        corners = torch.stack(corners, dim=1)
        score = 0.3 + (corners[:, 2] - corners[:, 0]) / 100
        broken = torch.zeros(len(images), dtype=torch.bool)
        return BoxOutput(tile.long(), corners, score, torch.zeros(len(tile), dtype=torch.int64), broken)

    def _spots(self, bright):
        side = len(bright)
        for rows, columns in ndimage.find_objects(ndimage.label(bright)[0]):
            box = columns.start, rows.start, columns.stop, rows.stop
            if min(box) > 0 and max(box) < side:
                yield box


def discs():
    """Discs of 6 to 46 pixels (column, row, diameter), with dark ground between them and all around."""
    rng, kept = np.random.default_rng(0), list(ACROSS)
    for size in np.sort(rng.uniform(6, 46, 400))[::-1]:
        x, y = size / 2 + 8 + rng.random(2) * (np.array([WIDTH, HEIGHT]) - size - 16)
        if all(np.hypot(x - a, y - b) > (size + c) / 2 + 6 for a, b, c in kept):
            kept.append((x, y, size))
    return np.array(kept)


@pytest.fixture(scope="module")
def picture():
    """The mosaic's pixels."""
    col, row = np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5)
    pixels = np.full((HEIGHT, WIDTH), 20, np.uint8)
    for x, y, size in discs():
        pixels[np.hypot(col - x, row - y) < size / 2] = 230
    return pixels


@dataclass(frozen=True)
class Partition:
    """How the mosaic is cut: columns and rows of the borders, groups of the scenes, and where tiles may look."""

    columns: tuple[int, ...] = ()
    rows: tuple[int, ...] = ()
    groups: str = "abcdef"
    margin: str = "auto"

    def windows(self):
        """Left, top, right, bottom of the scenes."""
        columns, rows = (0, *self.columns, WIDTH), (0, *self.rows, HEIGHT)
        return [
            (columns[i], rows[j], columns[i + 1], rows[j + 1])
            for j in range(len(rows) - 1)
            for i in range(len(columns) - 1)
        ]


PARTITIONS = dict(
    one=Partition(margin="always"),
    two=Partition((480,)),
    three=Partition((321, 641)),
    six=Partition((321, 641), (190,)),
    in_one_group=Partition((321, 641), (190,), "aaaaaa"),
    in_two_groups=Partition((321, 641), (190,), "ababab"),
    in_three_groups=Partition((321, 641), (190,), "aabccb"),
    strips=Partition((), (95, 190, 285)),
)


def write_scenes(folder, picture, partition):
    rows = []
    for number, (left, top, right, bottom) in enumerate(partition.windows()):
        path = folder / f"s{number}.tif"
        place = Affine(GSD_M, 0, LEFT + left * GSD_M, 0, -GSD_M, TOP - top * GSD_M)
        profile = dict(driver="GTiff", width=right - left, height=bottom - top, count=1, dtype="uint8", transform=place)
        with rasterio.open(path, "w", crs=CRS("IAU_2015:30110").to_wkt(), **profile) as sink:
            sink.write(picture[top:bottom, left:right], 1)
        rows.append(dict(scene=f"s{number}", path=path.name, group=partition.groups[number]))
    pd.DataFrame(rows).to_csv(folder / "scenes.csv", index=False)


def catalogue(folder, picture, partition):
    """All stages for all groups, one stage after another as the workflow runs them: the survivors."""
    write_scenes(folder, picture, partition)
    settings = Settings.model_validate(dict(
        run="r", body="Moon", scenes=folder / "scenes.csv", scales=SCALES, margin=partition.margin,
        model=dict(weights="w", sha256="0" * 64), stretch_values=(0, 255),
    ))  # fmt: skip
    plan = current_plan(settings, folder / "plan.parquet")
    for stage in (_georeference, _downsample, _tile, _infer, _untile, _suppress):
        for group in plan.groups:
            stage(Run(folder, settings, plan), group)
    return pd.concat([read_survivors(folder / "suppressed" / f"{group}.parquet") for group in plan.groups])


@dataclass(frozen=True)
class Run:
    """A run's folder, with the settings and the plan that its stages go by."""

    folder: Path
    settings: Settings
    plan: Plan

    def table(self, stage, group):
        return str(self.folder / stage / f"{group}.parquet")

    def tables(self, stage, group):
        return RasterTables(self.table(stage, group), [self.table(stage, g) for g in self.plan.group(group).lenders])

    @property
    def work(self):
        return str(self.folder / "work")


def _georeference(run, group):
    placing = TargetGrid(find_body("Moon"), None, GSD_M)
    target = GeoreferenceTarget(placing, **run.settings.stretch)
    scenes = read_scenes(run.folder / "plan.parquet", group)
    georeference(scenes, target, run.work, run.table("georeferenced", group), JobWork())


def _downsample(run, group):
    factors = {scale.gsd_m: factor for scale, factor in zip(run.settings.scales, run.settings.factors, strict=True)}
    downsample(run.tables("georeferenced", group), factors, run.work, run.table("scaled", group), JobWork())


def _tile(run, group):
    sizes = {gsd_m: TileSize(**size) for gsd_m, size in run.settings.tile_sizes.items()}
    tile_scenes(run.table("scaled", group), sizes, f"{run.work}/tile", run.table("tiles", group), JobWork())


def _infer(run, group):
    search = InferenceSettings(ModelChoice(**run.settings.model_choice), run.settings.tile_px, 1)
    tables = run.tables("scaled", group)
    infer(run.table("tiles", group), tables, search, f"{run.work}/infer", run.table("predictions", group), JobWork())


def _untile(run, group):
    size_limits = {gsd_m: SizeLimits(**limits) for gsd_m, limits in run.settings.size_limits.items()}
    tables = UntileInputs(*(run.table(stage, group) for stage in ("predictions", "tiles", "scaled")))
    untile(tables, size_limits, MOON_M, run.table("detections", group))


def _suppress(run, group):
    settings = NmsSettings(**run.settings.nms_settings, radius_m=MOON_M)
    suppress_group(group, run.folder / "plan.parquet", settings, run.table("suppressed", group))


@pytest.fixture(scope="module")
def found(tmp_path_factory, picture):
    """The survivors of the mosaic, cut in some way; each way is worked through once."""
    known = {}

    def look(name):
        if name not in known:
            known[name] = catalogue(tmp_path_factory.mktemp(name), picture, PARTITIONS[name])
        return known[name]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("orbitile.stages.infer.load_network", lambda choice: BrightSpots())
        yield look


@pytest.mark.parametrize("partition", PARTITIONS)
def test_the_discs_of_the_picture_are_found_once(found, picture, partition):
    """To the pixel of the scale they were found at."""
    spots = ndimage.find_objects(ndimage.label(picture > 127)[0])
    true = np.array([[c.start, r.start, c.stop, r.stop] for r, c in spots])
    table = found(partition)
    corner = np.array([LEFT, TOP, LEFT, TOP])
    seen = ((table[["xmin", "ymax", "xmax", "ymin"]].to_numpy() - corner) / [GSD_M, -GSD_M, GSD_M, -GSD_M]).round(6)
    off = np.abs(seen[:, None] - true[None]).max(axis=2)
    assert sorted(off.argmin(axis=1)) == list(range(len(true)))
    assert len(table) == len(true) == len(discs())
    assert (off.min(axis=1) <= np.where(table["scale_m"] == GSD_M, 0, 2)).all()
    assert not table["truncated"].any()


@pytest.mark.parametrize("partition", [name for name in PARTITIONS if name != "one"])
def test_the_catalogue_does_not_depend_on_how_the_mosaic_is_cut(found, partition):
    """Places and sizes agree to a micrometre, scores and scales entirely."""
    one, other = (
        found(name).round(dict(lon=12, lat=12)).sort_values(["lat", "lon"], ignore_index=True)
        for name in ("one", partition)
    )
    assert np.abs(one[["lon", "lat"]] - other[["lon", "lat"]]).to_numpy().max() < 1e-10
    for name in ("width_m", "height_m", "xmin", "ymin", "xmax", "ymax"):
        assert other[name].tolist() == pytest.approx(one[name].tolist(), abs=1e-6)
    assert other[["score", "scale_m", "class", "truncated"]].equals(one[["score", "scale_m", "class", "truncated"]])


def test_both_scales_and_borders_of_scenes_take_part(found):
    table = found("six")
    assert set(table["scale_m"]) == {100, 200}
    assert table.groupby("scene").size().min() > 5
    assert len(table) > 80
