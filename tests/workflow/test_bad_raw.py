"""Raw images that cannot be mapped: one line before any job, or in the job they concern; the others are finished.

The HiRISE image and all kernels are real, the other images made up.
"""

import os
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from camera_files import CTX, HIRISE
from projects import Project, demo_settings, refused, write_image, write_scenes
from raw_archive import HIRISE as HIRISE_EDR

from orbitile.jobs.failures import read_failures

FOUR = "-156.700 -1.100; -156.685 -1.100; -156.685 -1.115; -156.700 -1.115"
BAD = dict(
    half=("half.IMG: truncated", "has 700000 bytes; fetch it again"),
    late=("12_0.IMG: ", "positions of MRO (-74) are needed from 2006-11-17T03:27:53", "UTC", "2009-06-01T00:26:38"),
    still=("12_0.IMG: ", "attitudes of MRO (-74000) are needed from 2006-11-17T03:27:53", "add the .bc of that time"),
)
"""What is said of each scene that cannot be planned."""


def write_mars(path: Path, col: int = 0, **place: object) -> None:
    pixels = np.random.default_rng(col).integers(1, 255, (220, 220))
    write_image(path, pixels, dict(driver="GTiff", count=1, dtype="uint8", nodata=0) | place)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Two good scenes, one of them in a group with an image that is cut short, and the three of BAD."""
    kernels = tmp_path / "kernels"
    kernels.mkdir()
    for path in HIRISE.iterdir():
        if path.suffix not in (".bc", ".IMG", ".json"):
            (kernels / path.name).symlink_to(path)
    for col, name in enumerate(("good", "beside")):
        place = Affine(4.4, 0, -2_110_600 * 4.4 + col * 1e5, 0, -4.4, -14_000 * 4.4)
        write_mars(tmp_path / "images" / f"{name}.tif", col, crs="IAU_2015:49910", transform=place)
    write_mars(tmp_path / "images" / "cut.tif")
    os.truncate(tmp_path / "images" / "cut.tif", 20_000)
    (tmp_path / "images" / "half.IMG").write_bytes(HIRISE_EDR.read_bytes()[:700_000])
    write_scenes(tmp_path, [
        dict(scene="good", path="images/good.tif"), dict(scene="beside", path="images/beside.tif", group="g"),
        dict(scene="cut", path="images/cut.tif", corners=FOUR, group="g"),
        dict(scene="half", path="images/half.IMG", kernels=str(HIRISE)),
        dict(scene="late", path=str(HIRISE_EDR), kernels=str(CTX)),
        dict(scene="still", path=str(HIRISE_EDR), kernels="kernels"),
    ])  # fmt: skip
    scales = [dict(gsd_m=4.4, tile_px=256, overlap_px=96)]
    return Project(tmp_path, demo_settings(tmp_path) | dict(body="Mars", scales=scales, evaluation={}))


def test_bad_scenes_are_refused_or_left_out_by_name(project: Project):
    refused(project, *BAD["half"], "2 more scenes cannot be planned", "allow_failures=true")
    assert not project.result("rasters").exists()

    tables = [f"results/small/georeferenced/{group}.parquet" for group in ("good", "g")]
    allowed = project.change(allow_failures=True)
    done = allowed.run(*tables)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert [list(project.rasters(group)) for group in ("good", "g")] == [["good"], ["beside"]]
    failures = read_failures(project.result(".")).set_index("scene")
    assert failures["excluded"].all()
    assert sorted(failures.index) == ["cut", *BAD]
    for scene, words in dict(BAD, cut=("cut.tif: cannot be read", "truncated")).items():
        assert all(word in failures.loc[scene, "reason"] for word in words), failures.loc[scene, "reason"]
    told = project.ask("failures").stdout
    assert all(f"{words[0]}" in told for words in BAD.values())
    left = {path.parent.name for path in project.result("rasters").rglob("*") if path.is_file()}
    assert left == {"good", "beside"}

    (project.folder / "kernels" / "attitudes.bc").symlink_to(next(HIRISE.glob("*.bc")))
    done = allowed.run("results/small/georeferenced/still.parquet")
    assert done.returncode == 0, done.stderr
    assert project.rasters("still")["still"].georef_method == "spice"
