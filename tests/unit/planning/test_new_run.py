"""`orbitile new`: what it writes is what a run reads, and it writes nothing that a run would refuse."""

import sys

import numpy as np
import pandas as pd
import pytest
import yaml
from made_zoo import made_zoo

from orbitile.__main__ import main
from orbitile.base.errors import OrbitileError
from orbitile.inference.models.zoo import ZOO
from orbitile.planning.new_run import SCHEMA, RunRequest, make_new_run, new_run_lines
from orbitile.tables.scenes import read_scene_table

ROBBINS = ["CRATER_ID", "LAT_CIRC_IMG", "LON_CIRC_IMG", "LAT_ELLI_IMG", "LON_ELLI_IMG", "DIAM_CIRC_IMG"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def images(folder, geotiff):
    """A folder of two abutting 16-bit scenes of the Moon at 474 m/px."""
    (folder / "images").mkdir()
    pixels = np.random.default_rng(0).integers(0, 4096, (60, 80)).astype(np.uint16)
    for name, left in (("west", 0.0), ("east", 80 * 474.0)):
        geotiff(pixels, f"images/{name}.tif", gsd=474.0, left=left)
    return folder / "images"


def make(request, **options):
    return make_new_run(request, is_timed=False, **options)


def test_settings_and_scene_table(folder, images):
    new = make(RunRequest("mine", images))
    written = yaml.safe_load((folder / "config/mine.yaml").read_text())
    assert written == dict(run="mine", body="Moon", scenes="config/mine-scenes.csv", model="moon-relief-474m",
                           gsd_m=474.0)  # fmt: skip
    assert [*read_scene_table(folder / "config/mine-scenes.csv")["scene"]] == ["east", "west"]
    assert "../images/east.tif" in (folder / "config/mine-scenes.csv").read_text()
    text = "\n".join(new_run_lines(new))
    for words in ("2 of uint16", "474 m/px", "moon-relief-474m", "shaded relief", "an estimate: 6 tiles", "pieces of a",
                  "2 scenes in 1 group, at most ", "--configfile config/mine.yaml -n",
                  "time not measured"):  # fmt: skip
        assert words in text


def test_editors_are_told_where_the_schema_is(folder, images):
    assert "yaml-language-server" not in make(RunRequest("other", images)).settings_path.read_text()
    SCHEMA.parent.mkdir(parents=True)
    SCHEMA.touch()
    first_line = make(RunRequest("mine", images)).settings_path.read_text().splitlines()[0]
    assert first_line == "# yaml-language-server: $schema=../workflow/schemas/config.schema.json"


def test_a_truth_with_the_columns_of_robbins(folder, images):
    pd.DataFrame([["01-1-000", 0.5, 1.5, 0.5, 1.5, 12.0]], columns=ROBBINS).to_csv("robbins.csv", index=False)
    new = make(RunRequest("mine", images, truth=folder / "robbins.csv"))
    assert new.settings.evaluation.truth == folder / "robbins.csv"


def test_a_scene_table_stays_where_it_is(folder, images):
    (folder / "scenes.csv").write_text("scene,path\none,images/east.tif\n")
    make(RunRequest("mine", folder / "scenes.csv"))
    assert [path.name for path in (folder / "config").iterdir()] == ["mine.yaml"]
    assert yaml.safe_load((folder / "config/mine.yaml").read_text())["scenes"] == str(folder / "scenes.csv")


@pytest.mark.parametrize("path", ["config/mine.yaml", "config/mine-scenes.csv", "results/mine"])
def test_nothing_is_overwritten(folder, images, path):
    (folder / path).parent.mkdir()
    (folder / path).write_text("precious")
    with pytest.raises(OrbitileError, match=f"^{path}: is there already, and is not overwritten"):
        make(RunRequest("mine", images))
    assert (folder / path).read_text() == "precious"


@pytest.mark.parametrize(
    "change, message",
    [
        (dict(run="../mine"), "^run: '../mine' given; allowed are letters"),
        (dict(body="Mars"), "^model: no network in models/ is for images of Mars with 474 m/px; there are .*--model"),
        (dict(body="Mars", model="moon-relief-474m"), "east.tif: scene east lies on another body .*Mars"),
        (dict(body="Marsupial"), "^body: 'Marsupial' is not a body"),
        (dict(model="moon"), "^model: there is no network 'moon'"),
        (dict(gsd_m=5.0), "^--gsd-m: the images' headers say"),
    ],
)
def test_what_is_refused_leaves_nothing(folder, images, change, message):
    with pytest.raises(OrbitileError, match=message) as refusal:
        make(RunRequest(**dict(run="mine", scenes=images) | change))
    assert "\n" not in str(refusal.value)
    assert not (folder / "config").exists()


@pytest.mark.parametrize(
    "text, message",
    [
        ("a,b\n1,2\n", "truth.csv: no column named lon"),
        ("lon,lat,radius\n1,2,3\n", "truth.csv: column radius names no unit; call it radius_km or radius_m"),
    ],
)
def test_a_truth_that_cannot_be_read(folder, images, text, message):
    (folder / "truth.csv").write_text(text)
    with pytest.raises(OrbitileError, match=message):
        make(RunRequest("mine", images, truth=folder / "truth.csv"))
    assert not (folder / "config").exists()


def test_a_damaged_image(folder, images):
    (images / "broken.tif").write_bytes(b"II*\0nothing")
    with pytest.raises(OrbitileError, match=r"broken\.tif"):
        make(RunRequest("mine", images))


def test_images_without_a_map(folder, geotiff):
    (folder / "plain").mkdir()
    geotiff(np.zeros((50, 50), np.uint8), "plain/a.tif", crs=None)
    request = RunRequest("mine", folder / "plain", body="Moon")
    with pytest.raises(OrbitileError, match=r"^a\.tif: no map; --gsd-m says how many metres a pixel is"):
        make(request)
    assert make(request._replace(gsd_m=1.0)).settings.pixel_coordinates


def test_a_map_in_degrees(folder, geotiff):
    (folder / "plain").mkdir()
    geotiff(np.zeros((50, 50), np.uint8), "plain/a.tif", crs="IAU_2015:30100", gsd=0.0156)
    assert make(RunRequest("mine", folder / "plain")).settings.crs == "IAU_2015:30110"


def test_finer_images_are_searched_at_the_networks_scale(folder, geotiff, tmp_path):
    (folder / "plain").mkdir()
    geotiff(np.zeros((50, 50), np.uint8), "plain/a.tif", gsd=100.0)
    made_zoo(tmp_path)
    new = make(RunRequest("mine", folder / "plain"), zoo=tmp_path / "zoo")
    assert new.settings.finest_m == 474.0
    assert "coarser than the images, as the network learnt" in (folder / "config/mine.yaml").read_text()


def test_a_network_of_another_body_is_said_loudly(folder, images):
    text = "\n".join(new_run_lines(make(RunRequest("mine", images, model="mars-ctx-5m"))))
    assert "WARNING: east: it has 474 m/px, but the network is for" in text
    assert "WARNING: east: it shows Moon, but the network is for Mars (CTX" in text


def test_the_command(folder, images, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["orbitile", "new", "mine", "--scenes", "images", "--no-timing"])
    assert main() == 0
    assert (folder / "config/mine.yaml").is_file()
    assert main() == 1
    printed = capsys.readouterr()
    assert "config/mine.yaml: written and checked" in printed.out
    assert printed.err == ("config/mine.yaml: is there already, and is not overwritten; choose another name for the "
                           "run, or remove it first\n")  # fmt: skip


def test_the_zoo_that_is_proposed_from_exists():
    assert ZOO.is_dir()
