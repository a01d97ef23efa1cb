"""The stage isis, driven by programs that stand in for ISIS's; images are made up."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import rasterio
from fake_isis import VERSION, FakeIsis
from plan_rows import plan_row
from pyproj import CRS
from waiting import wait_until

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing import isis as package
from orbitile.georeferencing.instruments.registry import INSTRUMENTS
from orbitile.georeferencing.isis.sequences import SpiceChoice
from orbitile.jobs.pieces import JobWork, read_exclusions, table_pieces
from orbitile.stages.isis import project_with_isis
from orbitile.tables.cubes import CUBES
from orbitile.tables.parquet import read_table
from orbitile.tables.plan import ImageRow

PROGRAMS = {instrument.name: instrument.isis.names for instrument in INSTRUMENTS}
LIBRARY = Path(package.__file__).parents[3]
LABEL = "PDS_VERSION_ID = PDS3\r\nINSTRUMENT_ID = CTX\r\nSAMPLING_FACTOR = {}\r\nEND\r\n"
MAP = CRS("IAU_2015:49910").to_wkt()

JOB = """
import sys
from orbitile.georeferencing.isis.sequences import SpiceChoice
from orbitile.jobs.job import job
from orbitile.stages.isis import project_with_isis
from plan_rows import plan_row
source, folder, log, wkt = sys.argv[1:]
known = dict(path=source, georef_method="isis", instrument="HIRISE", crs_wkt=wkt)
scenes = [plan_row(name, "g", **known) for name in "ab"]
with job(log) as work:
    project_with_isis(scenes, 6.0, SpiceChoice(), folder + "/work/isis", folder + "/isis/g.parquet", work)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    names = {name for instrument in INSTRUMENTS for name in instrument.isis.names}
    return FakeIsis.install(tmp_path_factory.mktemp("installed") / "isis", names)


@pytest.fixture
def fake(installed, monkeypatch):
    """All programs on the PATH, none called so far."""
    (installed.root / "calls.jsonl").unlink(missing_ok=True)
    (installed.root / "child").unlink(missing_ok=True)
    installed.order()
    installed.activate(monkeypatch)
    return installed


@pytest.fixture
def scene(tmp_path):
    """Writes a made-up image and its row."""

    def write(name="a", instrument="HIRISE", content="pixels", file=None):
        path = tmp_path / (file or f"{name}.IMG")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        return plan_row(name, "g", path=str(path), georef_method="isis", instrument=instrument, crs_wkt=MAP)

    return write


@pytest.fixture
def project(tmp_path):
    """Runs the stage; returns its table."""

    def run(*scenes, spice=SpiceChoice(), gsd_m=6.0, allow_failures=False):  # noqa: B008 (frozen)
        out = tmp_path / "run" / "isis" / "g.parquet"
        project_with_isis(
            list(scenes), gsd_m, spice, str(tmp_path / "run" / "work" / "isis"), str(out), JobWork(allow_failures)
        )
        return read_table(out)

    return run


def left(tmp_path):
    """Names of what is left in the folder of cubes, and in those of its scenes; seals apart."""
    folder = tmp_path / "run" / "work" / "isis"
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.suffix != ".seal")


@pytest.mark.parametrize("instrument", INSTRUMENTS, ids=lambda instrument: instrument.name)
def test_a_cube_on_the_map(fake, scene, project, tmp_path, instrument):
    table = project(scene("a", instrument.name, LABEL.format(1)))
    assert [call["program"] for call in fake.calls] == list(instrument.isis.names)
    assert table.columns.tolist() == CUBES.names
    (row,) = table.itertuples()
    assert (row.scene, row.instrument, row.isis_version) == ("a", instrument.name, VERSION)
    assert table_pieces(tmp_path / "run" / "isis" / "g.parquet") == [row.path]
    assert left(tmp_path) == ["a", f"a/{Path(row.path).name}"]
    with rasterio.open(row.path) as cube:
        assert (cube.driver, cube.transform.a, cube.transform.f) == ("ISIS3", 6, 2000)
        assert "Mars" in cube.crs.to_wkt()
        assert cube.read(1).tolist() == [[1, 2, 3], [4, 5, 6]]


def test_summed_ctx_images_keep_their_columns(fake, scene, project):
    project(scene("a", "CTX", LABEL.format(2)))
    assert "ctxevenodd" not in [call["program"] for call in fake.calls]


@pytest.mark.parametrize(
    ("file", "seen"),
    [
        ("PSP_001446_1790_BG12_0.IMG", "PSP_001446_1790_BG12_0.IMG"),
        ("two words.IMG", "raw.img"),
        ('o\'clock "$HOME" (1)+2; rm -rf ?.IMG', "raw.img"),
        ("a folder (it's $one)+/x.IMG", "x.IMG"),
        ("-log=x.IMG", "raw.img"),
        ("müll.IMG", "raw.img"),
    ],
)
def test_odd_names_reach_programs_unharmed(fake, scene, project, tmp_path, file, seen):
    project(scene("a", file=file, content="what I mean"))
    assert fake.calls[0]["arguments"] == [f"from={seen}", "to=hi2isis.cub"]
    assert fake.calls[0]["read"]["from"] == "what I mean"


def test_the_whole_way_in_a_folder_of_an_odd_name(fake, scene, tmp_path, monkeypatch):
    """Relative paths, of a folder that a shell would take apart."""
    folder = tmp_path / "it's $HOME (x)"
    folder.mkdir()
    row = replace(scene("a", file=f"{folder.name}/a.IMG"), path="a.IMG")
    monkeypatch.chdir(folder)
    project_with_isis([row], 6.0, SpiceChoice(), "work/isis", "out.parquet", JobWork())
    assert fake.calls[0]["read"]["from"] == "pixels"
    assert Path(read_table("out.parquet").path[0]).is_file()


def test_a_shape_model_of_radii(fake, scene, project, tmp_path):
    shape = tmp_path / "my $mola.cub"
    shape.write_text("radii")
    project(scene(), spice=SpiceChoice(isis_web=True, isis_shape=str(shape)))
    call = fake.calls[1]
    assert call["arguments"] == ["from=hi2isis.cub", "web=yes", "shape=user", "model=shape.cub"]
    assert call["read"]["model"] == "radii"


@pytest.mark.parametrize("name", ["nowhere.cub", "heights.tif"])
def test_other_shapes_are_refused(fake, scene, project, tmp_path, name):
    (tmp_path / "heights.tif").touch()
    with pytest.raises(OrbitileError, match=f"shape model .*{name}: not an ISIS cube .* of radii; .* demprep"):
        project(scene(), spice=SpiceChoice(isis_shape=str(tmp_path / name)))
    assert fake.calls == []


def test_what_is_done_is_not_done_again(fake, scene, project):
    row = scene()
    first, calls = project(row), len(fake.calls)
    assert project(row).equals(first)
    assert len(fake.calls) == calls


def test_a_cube_is_known_by_all_that_it_is_made_of(fake, scene, project, tmp_path):
    row = scene()
    shape = tmp_path / "shape.cub"
    shape.touch()
    paths = [project(row).path[0]]
    paths += [project(row, gsd_m=7.0).path[0], project(replace(row, instrument="MDIS_NAC")).path[0]]
    paths += [project(replace(row, crs_wkt=CRS("IAU_2015:49930").to_wkt())).path[0]]
    paths += [project(row, spice=spice).path[0] for spice in (SpiceChoice(True), SpiceChoice(False, str(shape)))]
    shape.write_text("another")
    paths += [project(row, spice=SpiceChoice(False, str(shape))).path[0]]
    version = fake.root / "isis_version.txt"
    before = version.read_text()
    version.write_text("9.0.0\n")
    paths += [project(row).path[0]]
    version.write_text(before)
    paths += [project(replace(row, fingerprint="another")).path[0]]
    assert len(set(paths)) == len(paths)


def test_a_scene_that_fails_does_not_lose_the_others(fake, scene, project, tmp_path):
    fake.order(hical="error")
    rows = [scene("a"), scene("b", "MDIS_NAC"), scene("c", "THEMIS"), scene("d", "CTX", "no label")]
    with pytest.raises(OrbitileError, match=r"3 of 4 pieces failed, the others are kept; first: scene a: .*a\.IMG"):
        project(*rows)
    assert len(left(tmp_path)) == 2
    assert project(*rows, allow_failures=True).scene.tolist() == ["b"]
    reasons = {one["scene"]: one["reason"] for one in read_exclusions([tmp_path / "run" / "isis" / "g.parquet"])}
    assert sorted(reasons) == ["a", "c", "d"]
    assert "hical ended with exit code 3: **I/O ERROR** Unable to open [it]." in reasons["a"]
    assert "raw images of 'THEMIS' cannot be read" in reasons["c"]
    assert "d.IMG: does not begin with a PDS3 label" in reasons["d"]


@pytest.mark.parametrize("order", ["error", "silent", "killed"])
@pytest.mark.parametrize("program", ["hi2isis", "cam2map"])
def test_no_half_made_cube_is_left(fake, scene, project, tmp_path, program, order):
    fake.order(**{program: order})
    with pytest.raises(OrbitileError, match=program):
        project(scene())
    assert left(tmp_path) == []


def test_what_a_failure_left_undone_is_done_afterwards(fake, scene, project):
    fake.order(cam2map="error")
    with pytest.raises(OrbitileError):
        project(scene())
    fake.order()
    assert project(scene()).scene.tolist() == ["a"]


def test_without_isis_there_is_one_line(scene, project, monkeypatch):
    monkeypatch.delenv("ISISROOT", raising=False)
    with pytest.raises(OrbitileError, match="ISIS: ISISROOT is not set; set it with `export ISISROOT=/path` to the"):
        project(scene())


def test_missing_programs_are_told_by_scene(fake, scene, project, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(OrbitileError, match="scene a: ISIS: hi2isis, spiceinit, hical, cam2map not found on the PATH"):
        project(scene())


def test_a_job_told_to_stop_ends_isis_too(fake, scene, tmp_path):
    """As by Slurm: the process gets SIGTERM while a program runs."""
    fake.order(hical="hang")
    log = tmp_path / "run" / "logs" / "isis" / "g.log"
    command = [sys.executable, "-c", JOB, scene().path, str(tmp_path / "run"), str(log), MAP]
    environment = os.environ | dict(PYTHONPATH=os.pathsep.join((str(LIBRARY), str(Path(__file__).parents[2]))))
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as job:
        wait_until(lambda: (fake.root / "child").is_file() or job.poll() is not None)
        job.send_signal(signal.SIGTERM)
        _, said = job.communicate(timeout=30)
    assert job.returncode == 143, said
    assert "stopped by SIGTERM: 0 of 2 pieces finished and kept" in said
    with pytest.raises(ProcessLookupError):
        os.kill(fake.calls[-1]["pid"], 0)
    assert left(tmp_path) == []
    assert "hi2isis from=a.IMG to=hi2isis.cub" in log.read_text()


def test_strips_of_a_mosaic_are_kept_and_told_by_its_name(fake, scene, project, tmp_path):
    """The plan, and with it what is stale, knows mosaics and not strips; of one image there may be two."""
    strips = [ImageRow.of(scene(name, file="same.IMG")) for name in "ab"]
    table = project(replace(scene("c"), scene="m", strips=strips), scene("c"))
    assert table["scene"].tolist() == ["a", "b", "c"]
    names = [Path(path).name for path in table["path"]]
    assert left(tmp_path) == ["c", f"c/{names[2]}", "m", f"m/{names[0]}", f"m/{names[1]}"]
    fake.order(hical="error")
    project(replace(scene("d"), scene="m", strips=[ImageRow.of(scene("d"))]), allow_failures=True)
    (lost,) = read_exclusions([str(tmp_path / "run" / "isis" / "g.parquet")])
    assert (lost["scene"], lost["detail"]) == ("m", "d")
