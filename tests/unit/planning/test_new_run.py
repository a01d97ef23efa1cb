"""`orbitile new`: what it writes is what a run reads, and it writes nothing that a run would refuse."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from image_server import image_server
from made_zoo import made_zoo
from PIL import Image

from orbitile.__main__ import main
from orbitile.base.errors import OrbitileError
from orbitile.base.settings_text import read_settings_file
from orbitile.inference.models.zoo import ZOO
from orbitile.planning.new_run import SCHEMA, RunRequest, make_new_run, new_run_lines
from orbitile.planning.plan import current_plan
from orbitile.settings import check_settings
from orbitile.tables.plan import read_rows
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
    new = make(request._replace(gsd_m=80.0))
    assert new.settings.pixel_coordinates
    assert new.settings.finest_m == 80.0  # whatever the network learnt from: a pixel is as large as the user says
    assert [row.gsd_m for row in new.rows] == [80.0]
    assert "it has 80 m/px, but the network is for images of 351 to 640 m/px" in "\n".join(new_run_lines(new))


@pytest.fixture
def colours(folder):
    """A folder of a JPEG with three equal bands."""
    (folder / "colours").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (50, 60, 1), np.uint8)
    Image.fromarray(np.repeat(pixels, 3, axis=2)).save(folder / "colours/a.jpg")
    return folder / "colours"


BAND_PLACES = "in the scene table's column bands, in the setting bands or, for a new run, by --bands"


@pytest.mark.parametrize(
    ("bands", "reason"),
    [
        ((), "a.jpg: scene a has 3 bands (1 red, 2 green, 3 blue), but the network takes 1; name the bands to use "
         + BAND_PLACES),
        (("nir",), "a.jpg: scene a has no band 'nir'; it has 3 bands (1 red, 2 green, 3 blue); name the bands to use "
         + BAND_PLACES),
        ((1, 2), "a.jpg: scene a is to be used with 2 bands, but the network takes 1; name as many "
         f"{BAND_PLACES}, or use other weights"),
    ],
)  # fmt: skip
def test_bands_that_do_not_suit_name_the_option(colours, bands, reason):
    with pytest.raises(OrbitileError) as refusal:
        make(RunRequest("mine", colours, "Moon", gsd_m=474.0, bands=bands))
    assert str(refusal.value) == f"{colours}/{reason}"


@pytest.mark.parametrize(("words", "bands", "numbers"), [(["1"], [1], [1]), (["blue"], ["blue"], [3])])
def test_bands_of_the_command(colours, monkeypatch, words, bands, numbers):
    command = ["orbitile", "new", "mine", "--scenes", "colours", "--body", "Moon", "--gsd-m", "474", "--no-timing"]
    monkeypatch.setattr(sys, "argv", [*command, "--bands", *words])
    assert main() == 0
    config = read_settings_file(Path("config/mine.yaml"))
    assert config["bands"] == bands
    current_plan(check_settings(config, ["config/mine.yaml"]), Path("plan.parquet"))
    assert [row.bands for row in read_rows(Path("plan.parquet"))] == [numbers]


def test_a_band_that_is_none(colours, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["orbitile", "new", "mine", "--scenes", "colours", "--bands", "0"])
    assert main() == 1
    assert capsys.readouterr().err == "--bands: band 0 is not a band number; bands are counted from 1\n"


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


COG = "image/tiff; application=geotiff; profile=cloud-optimized"


@pytest.fixture
def items(folder, images):
    """Writes items.json: the two scenes as STAC items, whose images lie somewhere."""

    def write(*hrefs, **properties):
        features = [
            dict(type="Feature", stac_version="1.0.0", id=href.rsplit("/", 1)[-1].split(".")[0], geometry=None,
                 properties={"datetime": "2021-01-01T00:00:00Z", "ssys:targets": ["Moon"]} | properties, links=[],
                 assets=dict(image=dict(href=href, type=COG, roles=["data"])))
            for href in hrefs
        ]  # fmt: skip
        (folder / "items.json").write_text(json.dumps(dict(type="FeatureCollection", features=features)))
        return folder / "items.json"

    return write


def test_stac_items_beside_their_images(folder, items):
    new = make(RunRequest("mine", items("images/west.tif", "images/east.tif", **{"view:sun_elevation": 20})))
    assert (folder / "config/mine-scenes.csv").read_text() == (
        "scene,path,body,incidence\neast,../images/east.tif,Moon,70.0\nwest,../images/west.tif,Moon,70.0\n"
    )
    assert "access" not in (folder / "config/mine.yaml").read_text()
    assert len(new.rows) == 2 and [row.incidence_deg for row in new.rows] == [70, 70]


def test_stac_items_on_a_server_make_the_plan_of_their_files(folder, images, items):
    local = make(RunRequest("local", images))
    with image_server(images) as server:
        stac = items(f"{server.address}/west.tif", f"{server.address}/east.tif")
        new = make(RunRequest("mine", stac, servers=(server.address,)))
        assert set(server.requests) == {"west.tif", "east.tif"}
        written = yaml.safe_load((folder / "config/mine.yaml").read_text())
        assert written["access"] == dict(servers=[server.address])
        assert (
            new.settings_path.read_text()
            .replace(f"access:\n  servers: ['{server.address}']\n", "")
            .replace("mine", "local")
            == (folder / "config/local.yaml").read_text()
        )
        table = read_scene_table(folder / "config/mine-scenes.csv")
        assert [*table["path"]] == [f"{server.address}/{name}.tif" for name in ("east", "west")]
        again = check_settings(read_settings_file(folder / "config/mine.yaml"), [new.settings_path], ZOO)
        assert len(current_plan(again, folder / "plan.parquet").groups) == len(new.plan.groups)
    for mine, theirs in zip(new.rows, local.rows, strict=True):
        assert (mine.grid, mine.scene, mine.dtype) == (theirs.grid, theirs.scene, theirs.dtype)


@pytest.mark.parametrize("servers", [(), ("http://127.0.0.1:1",), ("elsewhere",)])
def test_servers_that_are_not_named_are_not_asked(folder, images, items, servers):
    with image_server(images) as server:
        servers = tuple(f"{server.address}/{name}" if name == "elsewhere" else name for name in servers)
        message = rf"^scenes: 2 of the images, such as {server.address}/.*: {server.address}; --server ADDRESS permits"
        with pytest.raises(OrbitileError, match=message):
            make(RunRequest("mine", items(f"{server.address}/west.tif", f"{server.address}/east.tif"), servers=servers))
        assert not server.requests
    assert not (folder / "config").exists()


def test_an_image_that_its_server_does_not_have(folder, images, items):
    with image_server(images) as server:
        with pytest.raises(OrbitileError, match=r"no\.tif: its server answers with HTTP status 404; is it right\?$"):
            make(RunRequest("mine", items(f"{server.address}/no.tif"), servers=(server.address,)))
        server.faults["no.tif"] = lambda handler, _: not handler.send_error(403)
        with pytest.raises(OrbitileError, match=r"HTTP status 403; is it right and public\? credentials are not supp"):
            make(RunRequest("mine", items(f"{server.address}/no.tif"), servers=(server.address,)))
    assert not (folder / "config").exists()


@pytest.mark.parametrize(
    "change, message",
    [
        (dict(asset="dem"), r"items\.json: item 1 of 2 \(west\): has no asset dem; --asset NAME takes one of 'image'"),
        (
            dict(body="Mars", model="moon-relief-474m"),
            r"^.*items\.json: scene east lies on Moon, but the run's body is",
        ),
        (dict(servers=("127.0.0.1",)), r"access\.servers"),
    ],
)
def test_stac_items_that_are_refused_leave_nothing(folder, items, change, message):
    with pytest.raises(OrbitileError, match=message) as refusal:
        make(RunRequest("mine", items("images/west.tif", "images/east.tif"))._replace(**change))
    assert "\n" not in str(refusal.value) and "/scenes.csv" not in str(refusal.value)
    assert not (folder / "config").exists()


def test_an_asset_of_what_holds_no_items(folder, images):
    with pytest.raises(OrbitileError, match=r"^--asset: .*images holds no STAC items"):
        make(RunRequest("mine", images, asset="image"))


def test_stac_items_name_the_body_that_a_map_does_not(folder, geotiff, items):
    (folder / "plain").mkdir()
    geotiff(np.ones((50, 50), np.uint8), "plain/a.tif", gsd=474.0, crs="+proj=eqc +R=1737400")
    with pytest.raises(OrbitileError, match=r"^--body: no image says which body it shows"):
        make(RunRequest("mine", folder / "plain"))
    assert make(RunRequest("mine", items("plain/a.tif"))).settings.body == "Moon"


def test_a_page_of_a_search_is_said_loudly(folder, items):
    stac = items("images/west.tif", "images/east.tif")
    stac.write_text(json.dumps(json.loads(stac.read_text()) | dict(numberMatched=900)))
    text = "\n".join(new_run_lines(make(RunRequest("mine", stac))))
    assert "WARNING: " in text and "items.json: holds 2 of 900 items, one page of an answer" in text


def test_the_command_for_stac_items(folder, images, items, monkeypatch, capsys):
    with image_server(images) as server:
        items(f"{server.address}/west.tif", f"{server.address}/east.tif")
        command = ["orbitile", "new", "mine", "--scenes", "items.json", "--asset", "image", "--no-timing"]
        monkeypatch.setattr(sys, "argv", [*command, "--server", server.address, "--server", "https://a.org/x"])
        assert main() == 0
    assert yaml.safe_load((folder / "config/mine.yaml").read_text())["access"]["servers"][1] == "https://a.org/x"
    assert "scene table config/mine-scenes.csv" in capsys.readouterr().out
