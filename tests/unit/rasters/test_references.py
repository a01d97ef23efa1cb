import ast
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hostile.strangers import band, source, vrt, write_tiff

import orbitile
from orbitile.base.errors import OrbitileError
from orbitile.base.file_access import SERVICE_DRIVERS, FileAccess
from orbitile.rasters.gdal import open_dataset
from orbitile.rasters.read import opened_raster
from orbitile.rasters.references import MOST_FILES, image_files, named_files

LIBRARY = Path(orbitile.__file__).parent
RELATIVE = ' relativeToVRT="1"'


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "images").mkdir()
    write_tiff(tmp_path / "images" / "a.tif", 1)
    write_tiff(tmp_path / "elsewhere.tif", 2)
    return tmp_path / "images"


def files_of(path, *folders):
    return [Path(file).name for file in image_files(str(path), FileAccess(folders))]


def make(path, text):
    path.write_text(text)
    return path


def test_an_image_is_its_file_and_those_beside_it(folder):
    assert files_of(folder / "a.tif") == ["a.tif"]
    write_tiff(folder / "a.tif.msk", 255)
    make(folder / "a.tfw", "1\n0\n0\n-1\n0\n0\n")
    assert files_of(folder / "a.tif") == ["a.tif", "a.tfw", "a.tif.msk"]


def test_virtual_rasters_are_followed_to_the_last_file(folder):
    (folder / "deep").mkdir()
    make(folder / "deep" / "inner.vrt", vrt(band(source("../a.tif", relative=RELATIVE))))
    outer = make(folder / "outer.vrt", vrt(band(source("deep/inner.vrt", relative=RELATIVE))))
    make(folder / "a.tif.aux.xml", "<PAMDataset/>")
    assert files_of(outer) == ["outer.vrt", "inner.vrt", "a.tif", "a.tif.aux.xml"]


def test_sources_that_are_masks_warped_or_raw_count(folder):
    (folder / "raw.bin").write_bytes(bytes(256))
    raw = band("<SourceFilename relativeToVRT='1'>raw.bin</SourceFilename>", attributes=' subClass="VRTRawRasterBand"')
    mask = f"<MaskBand>{band(source('a.tif', relative=RELATIVE))}</MaskBand>"
    assert files_of(make(folder / "raw.vrt", vrt(raw, mask))) == ["raw.vrt", "raw.bin", "a.tif"]
    warp = f"<GDALWarpOptions><SourceDataset{RELATIVE}>a.tif</SourceDataset></GDALWarpOptions>"
    warped = make(folder / "w.vrt", vrt(band(), root=' subClass="VRTWarpedDataset"', inside=warp))
    assert files_of(warped) == ["w.vrt", "a.tif"]


def test_labels_name_the_file_with_the_pixels(folder):
    (folder / "pixels.img").write_bytes(bytes(256))
    label = make(folder / "b.lbl", 'PDS_VERSION_ID = PDS3\n^IMAGE = ("pixels.img", 1)\nEND\n')
    assert files_of(label) == ["b.lbl", "pixels.img"]
    xml = make(folder / "c.xml", "<Product_Observational><file_name>pixels.img</file_name></Product_Observational>")
    assert files_of(xml) == ["c.xml", "pixels.img"]


@pytest.mark.parametrize("named", ["../elsewhere.tif", "{outside}/elsewhere.tif", "link.tif"])
def test_files_elsewhere_need_to_be_allowed(folder, named):
    (folder / "link.tif").symlink_to(folder.parent / "elsewhere.tif")
    path = make(folder / "b.vrt", vrt(band(source(named.format(outside=folder.parent), relative=RELATIVE))))
    with pytest.raises(OrbitileError, match=r"b\.vrt: refers to .*, outside of its folder;.*access: \{folders:"):
        files_of(path)
    assert len(files_of(path, folder.parent)) == 2


def test_an_image_behind_a_link_refers_to_files_beside_the_link_and_beside_itself(folder, tmp_path):
    path = make(folder / "b.vrt", vrt(band(source("a.tif", relative=RELATIVE))))
    (tmp_path / "links").mkdir()
    link = tmp_path / "links" / "b.vrt"
    link.symlink_to(path)
    assert files_of(link) == ["b.vrt", "a.tif"]
    with opened_raster(str(link)) as image:
        assert image.read(1).tolist() == np.ones((16, 16)).tolist()


def test_companions_that_are_links_to_elsewhere_are_refused(folder):
    (folder / "a.tif.aux.xml").symlink_to("/etc/passwd")
    with pytest.raises(OrbitileError, match=r"a\.tif: refers to .*aux\.xml, outside"):
        files_of(folder / "a.tif")


def test_virtual_rasters_that_name_themselves_are_refused(folder):
    path = make(folder / "b.vrt", vrt(band(source("b.vrt", relative=RELATIVE))))
    with pytest.raises(OrbitileError, match="refers back to it"):
        files_of(path)


def test_virtual_rasters_that_multiply_are_refused(folder):
    for level in range(9):
        below = f"{level + 1}.vrt" if level < 8 else "a.tif"
        make(folder / f"{level}.vrt", vrt(band(*[source(below, relative=RELATIVE)] * 10)))
    with pytest.raises(OrbitileError, match=f"more than {MOST_FILES} files"):
        files_of(folder / "0.vrt")


def test_many_sources_are_no_bomb(folder):
    path = make(folder / "b.vrt", vrt(band(*[source("a.tif", relative=RELATIVE)] * 5000)))
    assert files_of(path) == ["b.vrt", "a.tif"]


def test_files_that_are_missing_are_known_of_a_refused_image(folder):
    path = make(folder / "b.vrt", vrt(band(source("later.tif", relative=RELATIVE))))
    with pytest.raises(OrbitileError, match=r"later\.tif: cannot be read"):
        files_of(path)
    assert named_files(str(path)) == [str(path), str(folder / "later.tif")]


def test_of_what_cannot_be_read_nothing_is_named(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert named_files(str(tmp_path / "pipe")) == [str(tmp_path / "pipe")]
    assert named_files(str(tmp_path / "gone")) == [str(tmp_path / "gone")]


def test_metadata_may_name_overviews_beside_the_image_only(folder):
    path = write_tiff(folder / "b.tif", 1, OVERVIEW_FILE=":::BASE:::b.rrd")
    open_dataset(path).close()
    write_tiff(folder / "b.tif", 1, OVERVIEW_FILE="/etc/passwd")
    with pytest.raises(OrbitileError, match="OVERVIEW_FILE"):
        open_dataset(path)


@pytest.mark.parametrize("name", ["#1.tif", "a?b.tif", "a:b.tif", "GTIFF_DIR:1:a.tif"])
def test_names_are_names(folder, name, monkeypatch):
    monkeypatch.chdir(folder)
    write_tiff(folder / "elsewhere.tif", 3)
    (folder / "elsewhere.tif").rename(folder / name)
    with open_dataset(name) as image:
        assert (image.read() == 3).all()


def test_gdal_has_no_drivers_of_services():
    """In a process of its own: drivers are registered once."""
    code = "import rasterio, orbitile.rasters.gdal\nwith rasterio.Env() as env: print(*env.drivers())"
    words = [sys.executable, "-c", code]
    reply = subprocess.run(
        words, capture_output=True, text=True, check=True, env=os.environ | {"PYTHONPATH": str(LIBRARY.parent)}
    )
    drivers = set(reply.stdout.split())
    assert {"GTiff", "VRT", "PDS", "PDS4", "ISIS3", "JP2OpenJPEG"} <= drivers
    assert drivers.isdisjoint(SERVICE_DRIVERS) and not reply.stderr


def calls_of_open(tree):
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("rasterio.open", "rasterio.DatasetReader")
    ]


def test_images_are_opened_in_one_place():
    """Where paths are checked and drivers chosen; others only create files."""
    places = {
        str(path.relative_to(LIBRARY))
        for path in LIBRARY.rglob("*.py")
        for call in calls_of_open(ast.parse(path.read_text()))
        if not any(isinstance(argument, ast.Constant) and argument.value == "w" for argument in call.args)
    }
    assert places == {"rasters/gdal.py"}
