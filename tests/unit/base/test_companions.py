import logging
import subprocess
import sys
from pathlib import Path

import pytest

from orbitile.base.files import atomic

STAYING = {"a.qml", "a.qmd", "a.sld", "a.shp.names.csv", "b.qix", "b.gpkg-wal", "a.parquet", "a.json"}


@pytest.mark.parametrize(
    ("name", "companions"),
    [
        ("a.gpkg", ["a.gpkg-wal", "a.gpkg-shm", "a.gpkg-journal", "a.gpkg.aux.xml"]),
        ("a.shp", ["a.qix", "a.QIX", "a.sbn", "a.sbx", "a.idm", "a.ind", "a.fbn", "a.ain", "a.atx", "a.qpj", "a.cst"]),
        ("a.tif", ["a.tif.aux.xml", "a.tif.ovr", "a.tif.msk", "a.tif.msk.ovr", "a.tif.ovr.aux.xml", "a.rrd", "a.aux"]),
        ("a.png", ["a.png.aux.xml", "a.png.ovr", "a.png.msk"]),
        ("a.cub", ["a.cub.aux.xml", "a.cub.ovr"]),
    ],
)
@pytest.mark.parametrize("exists", [True, False])
def test_companions_of_a_replaced_file_go_with_it(tmp_path: Path, name: str, companions: list[str], exists: bool):
    """Also where somebody removed the file before, as Snakemake does."""
    for other in STAYING | set(companions) | ({name} if exists else set()):
        (tmp_path / other).write_text("old")
    with atomic(tmp_path / name) as temporary:
        temporary.write_text("new")
    assert {path.name for path in tmp_path.iterdir()} == STAYING | {name}
    assert (tmp_path / name).read_text() == "new"


def test_companions_stay_where_nothing_was_written(tmp_path: Path):
    (tmp_path / "a.gpkg").write_text("old")
    (tmp_path / "a.gpkg-wal").write_text("old")
    with pytest.raises(ZeroDivisionError), atomic(tmp_path / "a.gpkg"):
        raise ZeroDivisionError
    assert {path.name for path in tmp_path.iterdir()} == {"a.gpkg", "a.gpkg-wal"}


def test_a_folder_in_a_companions_place_is_left_alone(tmp_path: Path):
    (tmp_path / "a.aux").mkdir()
    with atomic(tmp_path / "a.tif") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "a.aux").is_dir()


def test_who_holds_a_replaced_database_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    code = "import sys; files = [open(name) for name in sys.argv[1:]]; print('open', flush=True); sys.stdin.read()"
    paths = [tmp_path / "a.gpkg", tmp_path / "a.gpkg-wal"]
    for path in paths:
        path.write_text("old")
    with subprocess.Popen(
        [sys.executable, "-c", code, *paths], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as reader:
        reader.stdout.readline()
        with caplog.at_level(logging.WARNING), atomic(paths[0]) as temporary:
            temporary.write_text("new")
        reader.stdin.close()
    assert len(caplog.messages) == 1
    assert f"(process {reader.pid}) has its earlier version open" in caplog.messages[0]
