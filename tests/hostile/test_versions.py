"""What changes of the files that an image is read from is seen: before a run, between plan and job, during a job."""

import os
import re
import shutil
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.project_image import TargetGrid
from orbitile.jobs.pieces import JobWork
from orbitile.planning import headers, plan
from orbitile.planning.plan import current_plan
from orbitile.settings import Settings
from orbitile.space.bodies import find_body
from orbitile.stages import georeference as stage
from orbitile.tables.plan import read_rows, read_scenes

GSD_M = 100
SIDE = 300
"""Pixels: files larger than those known by their content."""


def noise(seed):
    return np.random.default_rng(seed).integers(1, 255, (SIDE, SIDE), np.uint8)


class Run:
    """Plans scenes and georeferences them, as a run does, one process after another."""

    def __init__(self, folder):
        self.folder, self.planned = folder, 0
        self.plan_file = folder / "plan.parquet"

    def plan(self, *rows, columns="scene,path", **changes):
        (self.folder / "scenes.csv").write_text("\n".join([columns, *rows, ""]))
        scale, model = dict(gsd_m=GSD_M, tile_px=32, overlap_px=16), dict(weights="a.safetensors", sha256="0" * 64)
        fixed = dict(run="r", body="Moon", scenes=self.folder / "scenes.csv", scales=[scale], model=model,
                     scenes_per_group=1)  # fmt: skip
        return current_plan(Settings.model_validate(fixed | changes), self.plan_file)

    def make(self, planned, allow_failures=False):
        """The pixels of each scene, and what was done."""
        pixels, work = {}, JobWork(allow_failures)
        for group in planned.groups:
            target = stage.GeoreferenceTarget(TargetGrid(find_body("Moon"), None, GSD_M), (1, 99))
            out = str(self.folder / "out.parquet")
            scenes = read_scenes(self.plan_file, group)
            stage.georeference(scenes, target, str(self.folder / "rasters"), out, work)
            for row in pd.read_parquet(out).itertuples():
                with rasterio.open(row.path) as image:
                    pixels[row.scene] = np.where(image.read_masks(1) > 0, image.read(1), 0)
        return pixels


@pytest.fixture
def run(tmp_path, monkeypatch):
    made, make_plan = Run(tmp_path), plan._make_plan

    def count(*arguments):
        made.planned += 1
        return make_plan(*arguments)

    monkeypatch.setattr(plan, "_make_plan", count)
    return made


def replace_by(path, other, stamp=None):
    """Put another image in the place of one, as cp -p and rsync do; `stamp`: its time in ns."""
    new = Path(path).with_name("new")
    shutil.copy2(other, new)
    if stamp:
        os.utime(new, ns=(stamp, stamp))
    new.replace(path)


def test_stale_sidecars_in(run, geotiff, tmp_path):
    """A VRT's source, a mask, a nodata value and the file of a PDS4 label change after a run."""
    pixels = noise(1)
    for name in ("source.tif", "plain.tif", "aux.tif"):
        geotiff(pixels, name)
    (tmp_path / "v.vrt").write_text(virtual("source.tif"))
    write_pds4(tmp_path / "p.xml", tmp_path / "source.tif")
    rows = [f"vrt,{tmp_path}/v.vrt", f"msk,{tmp_path}/plain.tif", f"aux,{tmp_path}/aux.tif", f"pds,{tmp_path}/p.xml"]
    first = run.make(run.plan(*rows))
    assert all((first[scene] == pixels).all() for scene in ("vrt", "msk", "aux", "pds"))
    run.plan(*rows)
    assert run.planned == 1

    geotiff(pixels[:, ::-1], "source.tif")
    left_half = np.tile(np.arange(SIDE) < SIDE // 2, (SIDE, 1))
    mask = geotiff(left_half.astype(np.uint8) * np.uint8(255), "m.tif")
    with rasterio.open(mask, "r+") as sink:
        sink.update_tags(INTERNAL_MASK_FLAGS_1="2")
    Path(mask).replace(tmp_path / "plain.tif.msk")
    (tmp_path / "aux.tif.aux.xml").write_text(
        '<PAMDataset><PAMRasterBand band="1"><NoDataValue>127</NoDataValue></PAMRasterBand></PAMDataset>'
    )
    (tmp_path / "p.img").write_bytes((tmp_path / "p.img").read_bytes()[::-1])
    second = run.make(run.plan(*rows))
    assert run.planned == 2
    assert (second["vrt"] == pixels[:, ::-1]).all()
    assert (second["msk"] == np.where(left_half, pixels, 0)).all()
    assert (second["aux"] == np.where(pixels == 127, 0, pixels)).all()
    assert (second["pds"] == pixels[::-1, ::-1]).all()


def virtual(name):
    """A virtual raster of an image beside it."""
    return (
        f'<VRTDataset rasterXSize="{SIDE}" rasterYSize="{SIDE}"><SRS>IAU_2015:30110</SRS>'
        '<GeoTransform>0,100,0,0,0,-100</GeoTransform><VRTRasterBand dataType="Byte" band="1"><SimpleSource>'
        f'<SourceFilename relativeToVRT="1">{name}</SourceFilename><SourceBand>1</SourceBand></SimpleSource>'
        "</VRTRasterBand></VRTDataset>"
    )


def write_pds4(path, source):
    with rasterio.open(source) as image:
        names = ("width", "height", "count", "dtype", "crs", "transform")
        profile = {name: image.profile[name] for name in names} | dict(driver="PDS4")
        with rasterio.open(path, "w", **profile, VAR_TARGET="Moon", VAR_TARGET_TYPE="Satellite") as sink:
            sink.write(image.read())


@pytest.mark.parametrize("allow_failures", [False, True])
def test_changed_between(run, geotiff, tmp_path, allow_failures):
    """An image that changes between plan and job fails by name, and the key of its old content stays free."""
    image, other = geotiff(noise(1), "a.tif"), geotiff(noise(2), "other.tif")
    good = geotiff(noise(3), "b.tif")
    shutil.copy2(image, tmp_path / "back.tif")
    rows = [f"a,{image}", f"b,{good}"]
    planned = run.plan(*rows, scenes_per_group=2, allow_failures=allow_failures)
    replace_by(image, other)
    if allow_failures:
        assert list(run.make(planned, allow_failures=True)) == ["b"]
    else:
        with pytest.raises(OrbitileError, match=r"1 of 2 pieces.*a\.tif: changed since it was planned.*run again"):
            run.make(planned)
    assert not list((tmp_path / "rasters" / "a").glob("*.json")) if (tmp_path / "rasters" / "a").exists() else True
    assert (run.make(run.plan(*rows, scenes_per_group=2, allow_failures=allow_failures))["a"] == noise(2)).all()
    replace_by(image, tmp_path / "back.tif")
    assert (run.make(run.plan(*rows, scenes_per_group=2, allow_failures=allow_failures))["a"] == noise(1)).all()


@pytest.mark.parametrize("strip", [False, True])
def test_changed_during_a_job(run, geotiff, tmp_path, monkeypatch, strip):
    image, other = geotiff(noise(1), "a.tif"), geotiff(noise(2), "other.tif")
    rows = dict(columns="scene,path,mosaic") if strip else {}
    row = f"a,{image},m" if strip else f"a,{image}"
    planned, write_cog = run.plan(row, **rows), stage.write_cog

    def write(path, *arguments):
        write_cog(path, *arguments)
        replace_by(image, other)

    monkeypatch.setattr(stage, "write_cog", write)
    with pytest.raises(OrbitileError, match=r"a\.tif: changed since it was planned"):
        run.make(planned)
    monkeypatch.undo()
    pixels = run.make(run.plan(row, **rows))
    assert (pixels["m" if strip else "a"] == noise(2)).all()


def test_same_size_mtime(run, geotiff, tmp_path):
    """A file of the same size and time is another: by its inode, or by the time at which the file was changed."""
    image, other = geotiff(noise(1), "a.tif"), geotiff(noise(2), "other.tif")
    os.utime(image, ns=(10**18, 10**18))
    assert (run.make(run.plan(f"a,{image}"))["a"] == noise(1)).all()
    size = Path(image).stat().st_size
    replace_by(image, other, 10**18)
    assert (Path(image).stat().st_size, Path(image).stat().st_mtime_ns) == (size, 10**18)
    assert (run.make(run.plan(f"a,{image}"))["a"] == noise(2)).all()


def test_an_image_that_changes_while_its_header_is_read_fails_in_the_job(run, geotiff, monkeypatch):
    """The plan holds the version from before the header was read."""
    image, other = geotiff(noise(1), "a.tif"), geotiff(noise(2), "other.tif")
    place = headers._place

    @contextmanager
    def inline(*sizes):
        class Pool:
            def call(self, function, *arguments):
                placement = place(*arguments)
                replace_by(image, other)
                return placement

        yield Pool()

    monkeypatch.setattr(headers, "worker_pool", inline)
    planned = run.plan(f"a,{image}")
    with pytest.raises(OrbitileError, match=r"a\.tif: changed since it was planned"):
        run.make(planned)


@pytest.mark.parametrize("name", ["a.tif.aux.xml", "a.tif.msk", "a.tif.ovr", "a.tfw", "a.prj", "a.IMD", "a.lbl"])
def test_what_appears_beside_an_image_leads_to_a_new_plan(run, geotiff, tmp_path, name):
    image = geotiff(noise(1), "a.tif")
    run.plan(f"a,{image}")
    if name.endswith((".msk", ".ovr")):
        shutil.copy(geotiff(noise(2), "other.tif"), tmp_path / name)
    else:
        (tmp_path / name).write_text("<PAMDataset/>" if name.endswith(".xml") else "\n")
    before = read_rows(run.plan_file)[0].fingerprint
    run.plan(f"a,{image}")
    assert run.planned == 2 and read_rows(run.plan_file)[0].fingerprint != before


def test_times_in_the_future_neither_loop_nor_hide_a_change(run, geotiff):
    image = geotiff(noise(1), "a.tif")
    os.utime(image, (2**33, 2**33))
    run.plan(f"a,{image}")
    run.plan(f"a,{image}")
    assert run.planned == 1
    geotiff(noise(2), "a.tif")
    os.utime(image, (2**33, 2**33))
    run.plan(f"a,{image}")
    assert run.planned == 2


def test_a_source_that_was_missing_leads_to_a_new_plan(run, geotiff, tmp_path):
    good = geotiff(noise(1), "a.tif")
    path = tmp_path / "b.vrt"
    path.write_text(virtual("later.tif"))
    rows = [f"a,{good}", f"b,{path}"]
    assert run.plan(*rows, allow_failures=True).names == ["a"]
    assert run.plan(*rows, allow_failures=True).names == ["a"]
    assert run.planned == 1
    geotiff(noise(2), "later.tif")
    assert run.plan(*rows, allow_failures=True).names == ["a", "b"]


@pytest.mark.parametrize(
    ("rules", "setting"),
    [
        ("evaluation", "settings.evaluation.truth"), ("mapping", "settings.evaluation.truth"), ("mapping", "*AREAS"),
        ("evaluation", "settings.annotation.craters, settings.evaluation.truth"), ("training", "settings.training and"),
        ("training", "*(settings.segmentation_training.labels"),
    ],
)  # fmt: skip
def test_user_files_of_rules_are_known_by_their_versions(rules, setting):
    """Snakemake sees neither what belongs to a file, nor that a time in the future is no newer than what is made."""
    text = (Path(__file__).parents[2] / "workflow" / "rules" / f"{rules}.smk").read_text()
    assert "".join(f"user_files({setting}".split()) in "".join(text.split())
    for key in ("truth", "labels"):
        inputs = re.findall(rf"^ +{key}=(\w+)", text, re.MULTILINE)
        assert set(inputs) <= {"ancient", "needed_files"}
    common = (Path(__file__).parents[2] / "workflow" / "rules" / "common.smk").read_text()
    _, needed, _ = re.split(r"\n(?=def needed_files)|(?<=\n)\n(?=def growing)", common)
    assert "return ancient(" in needed
