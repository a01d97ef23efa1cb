"""The whole chain on real lunar scenes: what comes out, and what is done again when."""

import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import geopandas
import matplotlib.image
import pandas as pd
import pyarrow.parquet as pq
import pyogrio
import pytest
import rasterio
from affine import Affine
from image_server import busy, changing, image_server, in_turn, stalling, truncating
from judgements import judgement, write_judgements
from projects import SCALES, SIDE, Project, cut, refused, write_image, write_scenes

import orbitile.catalogue
from orbitile.base.provenance import provenance
from orbitile.tables.crater_parts import CONFIDENCE_COLUMNS, read_survivors
from orbitile.tables.detections import ORDER
from orbitile.tables.vectors import GEOREF_COLUMNS

AFTER_SUPPRESSION = {"suppress", "catalogue", "completeness", "overview", "evaluate", "all"}


@pytest.mark.parametrize("suffix", ["parquet", "gpkg", "shp"])
def test_every_format_holds_the_catalogue_on_the_moon(finished: Project, suffix: str):
    path = finished.result(f"catalogue/craters.{suffix}")
    frame = geopandas.read_parquet(path) if suffix == "parquet" else pyogrio.read_dataframe(path)
    proof = json.loads(finished.result("catalogue/craters.json").read_text())
    assert len(frame) == proof["rows"] > 50
    assert frame.crs.ellipsoid.semi_major_metre == 1737400
    assert frame.crs.is_geographic
    assert frame.geometry.is_valid.all()


def test_craters_are_found_where_the_truth_has_them(finished: Project):
    metrics = json.loads(finished.result("evaluation/metrics.json").read_text())
    assert metrics["n_truth"] > 100
    assert metrics["f1"] > 0.6


def test_the_catalogue_is_the_union_of_the_groups(finished: Project):
    catalogue = pd.read_parquet(finished.result("catalogue/craters.parquet"))
    assert set(catalogue["georef_method"]) == {"projected"}
    assert catalogue["id"].is_unique
    catalogue = catalogue.drop(columns=["id", "geometry", *CONFIDENCE_COLUMNS, *GEOREF_COLUMNS])
    groups = pd.concat(read_survivors(finished.result(f"suppressed/{name}.parquet")) for name in ("east", "west"))
    pd.testing.assert_frame_equal(catalogue, groups.sort_values(ORDER, ignore_index=True))
    assert places(orbitile.catalogue.open(finished.result("catalogue")).table()) == places(catalogue)


def places(rows) -> list:
    return sorted(zip(rows["lon"].to_numpy(), rows["lat"].to_numpy(), strict=True))


@pytest.mark.parametrize("name", ["craters.gpkg", "craters.shp", "craters/east.parquet"])
def test_a_file_of_the_catalogue_that_was_deleted_is_made_again(finished: Project, name: str):
    """Though only its manifest is an output that Snakemake knows."""
    path = finished.result(f"catalogue/{name}")
    path.unlink()
    planned = finished.run("all", options=("--dry-run",))
    assert f"{name} is gone; the result is made again" in planned.stdout + planned.stderr
    assert finished.jobs("all") == {"catalogue", "completeness", "overview", "evaluate", "all"}
    assert finished.jobs("results/small/suppressed/east.parquet") == set()
    done = finished.run("all")
    assert done.returncode == 0, done.stderr
    assert path.is_file() and finished.jobs("all") == set()


def test_pictures_show_something(finished: Project):
    for name in ("catalogue/craters.png", "evaluation/metrics.png", "annotated/east.png", "annotated/west.png"):
        assert matplotlib.image.imread(finished.result(name)).std() > 0.05


def test_a_picture_that_was_deleted_is_drawn_again(finished: Project):
    path, other = finished.result("annotated/east.png"), finished.result("annotated/west.png")
    before, drawn = path.read_bytes(), other.stat().st_mtime_ns
    path.unlink()
    assert finished.jobs("all") == set()
    done = finished.run("annotated")
    assert done.returncode == 0 and "east.png is gone" in done.stderr, done.stderr
    assert path.read_bytes() == before and other.stat().st_mtime_ns == drawn


def test_pixels_that_were_deleted_for_room_are_made_again_without_the_network(finished: Project):
    table = finished.result("catalogue/craters.parquet")
    picture, before = finished.result("annotated/east.png"), places(geopandas.read_parquet(table))
    for name in ("rasters", "georeferenced", "scaled"):
        shutil.rmtree(finished.result(name))
    done = finished.run("all", "annotated")
    assert done.returncode == 0, done.stderr
    assert picture.is_file() and places(geopandas.read_parquet(table)) == before
    for group in ("east", "west"):
        done_before = re.findall(
            r"(\d+) of (\d+) pieces already done", finished.result(f"logs/infer/{group}.log").read_text()
        )
        assert len(done_before) == 1 and len(set(done_before[0])) == 1


def test_a_report_is_written_last_and_whenever_it_is_asked_for(finished: Project, tmp_path: Path):
    """It shows what other targets made, in the same call or since, of which none is part of the run by itself."""
    project = finished.copy(tmp_path / "reported")
    done = project.run("report", "density", "results/small/tiles/east.parquet")
    assert done.returncode == 0, done.stderr
    assert "Craters per area" in project.result("report/index.html").read_text()
    assert project.jobs("report", "all") == {"report"}


def test_a_finished_run_has_nothing_to_do(finished: Project):
    assert finished.jobs("all", "annotated") == set()


def test_results_say_which_version_made_them(finished: Project):
    manifest = json.loads(finished.result("catalogue/craters.json").read_text())
    expected = provenance()
    assert expected.items() <= manifest.items()
    assert expected == json.loads(pq.read_schema(finished.result("plan.parquet")).metadata[b"plan"])["provenance"]
    for row in finished.rasters("east").values():
        with rasterio.open(row.path) as source:
            assert expected.items() <= source.tags().items()


def test_another_commit_makes_nothing_again(finished: Project, tmp_path: Path):
    """What the library takes for its own commit is that of another repository here."""
    environment = dict(GIT_DIR=str(tmp_path / ".git"), GIT_WORK_TREE=str(tmp_path))
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    for command in (("init",), (*identity, "commit", "--allow-empty", "-m", "made up")):
        subprocess.run(["git", "-C", tmp_path, *command], check=True, env=os.environ | environment)
    other = replace(finished, environment=environment)
    assert other.jobs("all") == set()
    copy = other.copy(tmp_path / "copy")
    copy.result("catalogue/craters.json").unlink()
    assert copy.run("all").returncode == 0
    manifests = [json.loads(run.result("catalogue/craters.json").read_text()) for run in (finished, copy)]
    assert manifests[0].pop("orbitile_commit") != manifests[1].pop("orbitile_commit")
    for manifest in manifests:
        for file in manifest["files"]:
            del file["bytes"]  # the commit stands in the files, too
    assert manifests[0] == manifests[1]


def test_a_changed_setting_reruns_only_what_it_touches(finished: Project):
    suppression = finished.settings["suppression"] | {"score_threshold": 0.5}
    assert finished.change(suppression=suppression).jobs("all") == AFTER_SUPPRESSION


def test_an_error_that_users_accept_chooses_the_score(finished: Project, tmp_path: Path):
    """Calibrated by the same scenes, as a user would not."""
    project = finished.copy(tmp_path / "calibrated")
    assert project.jobs("calibrate") == {"calibrate"}
    done = project.run("calibrate")
    assert done.returncode == 0, done.stderr
    calibration = str(project.result("calibration/calibration.json"))
    project = project.change(suppression=dict(iou_threshold=0.4, max_fdr=0.3, calibration=calibration))
    assert project.jobs("all") == AFTER_SUPPRESSION
    done = project.run("all")
    assert done.returncode == 0, done.stderr
    errors = json.loads(project.result("catalogue/craters.json").read_text())["errors"]
    assert errors["fdr_bound"] <= errors["max_fdr"] == 0.3
    assert json.loads(project.result("evaluation/metrics.json").read_text())["precision"] > 0.7
    rows = project.catalogue
    assert (rows["score"] >= errors["score_threshold"]).all()
    judged = rows["diameter_km"] * 1000 >= errors["judged_from_m"]
    assert judged.sum() == errors["judged_rows"] > 50
    assert rows.loc[judged, [*CONFIDENCE_COLUMNS]].notna().all(axis=None)
    assert rows.loc[~judged, [*CONFIDENCE_COLUMNS]].isna().all(axis=None)
    assert (rows.loc[judged, "fdr_rank"] <= 0.3).all()
    refused(
        project.change(suppression=dict(max_fdr=0.001, calibration=calibration)), "max_fdr: 0.001 cannot be promised"
    )


def test_judgements_come_back_into_figures_and_a_training(finished: Project, tmp_path: Path):
    """A training that names the labels of a review waits for it; the layer to judge comes with the project."""
    project = finished.copy(tmp_path / "judged")
    rows = orbitile.catalogue.open(project.result("catalogue")).table().to_pandas().astype(dict(scene=str))
    sha256 = json.loads(project.result("catalogue/craters.json").read_text())["sha256"]
    judged = [
        judgement(row, "false" if number % 4 == 0 else "right", catalogue=sha256)
        for number, row in enumerate(rows.to_dict("records"))
    ]
    path, labels = write_judgements(project.folder / "anna.csv", judged), "results/small/review/labels.csv"
    project = project.change(
        review=dict(judgements=[str(path)]), training=dict(craters=labels, start_from="yolo11n.yaml")
    )
    assert project.jobs("train_detector") == {"review", "train_detector"}
    done = project.run("review", "qgis_project", "contact_sheets")
    assert done.returncode == 0, done.stderr
    precision = json.loads(project.result("review/review.json").read_text())["precision"]
    right = sum(row["verdict"] == "right" for row in judged)
    assert precision["judged"] == 200 and precision["rows"] == len(rows)
    assert precision["unsure_right"]["value"] == pytest.approx(right / len(rows), abs=0.05)
    taught = pd.read_csv(project.folder / labels)
    assert len(taught) == right and (taught["agreement"] == 1).all()
    assert len(pyogrio.read_dataframe(project.result("judging/judge.gpkg"), layer="judge")) == len(rows)
    assert matplotlib.image.imread(project.result("contact_sheets/largest.png")).std() > 0.05


def test_a_deleted_result_is_made_again_with_what_hangs_on_it(finished: Project):
    raw = finished.result("predictions/east.parquet")
    before, aside = finished.result("catalogue/craters.json").read_text(), raw.with_suffix(".aside")
    raw.rename(aside)
    assert finished.jobs("all") == {"infer", "untile"} | AFTER_SUPPRESSION
    done = finished.run("all")
    assert done.returncode == 0, done.stderr
    assert "infer west" not in done.stderr
    assert raw.read_bytes() == aside.read_bytes()
    assert finished.result("catalogue/craters.json").read_text() == before


def test_a_table_that_a_failed_job_left_out_is_missed(finished: Project, tmp_path: Path):
    """Beside later tables of earlier settings, than which no other file is newer."""
    project = finished.copy(tmp_path / "gap")
    project.result("predictions/east.parquet").unlink()
    record = project.result("jobs/infer/east.json")
    record.write_text(record.read_text().replace('"state": "done"', '"state": "failed"'))
    planned = project.run("all", options=("--dry-run",))
    assert "predictions/east.parquet: gone, or not made again" in planned.stdout + planned.stderr
    command = project.ask("failures").stdout.splitlines()[-1]
    targets = command.partition(" -- ")[2].split()
    assert {"infer", "untile", "suppress"} <= project.jobs(*targets)


def test_a_group_is_a_target_by_name(finished: Project):
    finished.result("suppressed/east.parquet").unlink()
    done = finished.run("results/small/suppressed/east.parquet")
    assert done.returncode == 0, done.stderr
    assert finished.result("suppressed/east.parquet").is_file()


def test_neither_groups_nor_a_failing_server_change_the_catalogue(finished: Project, project: Project):
    """Scenes in one group, and on a server of which all goes wrong that can, beside a group each, and files."""
    west, east = (project.folder / "images" / f"{name}.tif" for name in ("west", "east"))
    image = east.read_bytes()
    with rasterio.open(east) as source:
        mirrored, profile = source.read(1)[::-1], source.profile
    write_image(east, mirrored, profile)  # until it changes in the middle of the run
    with image_server(west.parent) as server:
        remote = project.change(access=dict(servers=[server.address]))
        rows = [dict(scene=path.stem, path=f"{server.address}/{path.name}", group="pair") for path in (west, east)]
        write_scenes(remote.folder, rows)
        assert remote.jobs("all") >= {"georeference", "infer"}
        server.requests.clear()
        # The first request of a call asks for the version; of four attempts the last is good.
        server.faults["west.tif"] = in_turn(None, busy(99), stalling(11, 99), truncating(west, 99))
        server.faults["east.tif"] = changing(lambda: east.write_bytes(image), at=2)
        failed = remote.run("all")
        assert failed.returncode == 1
        assert f"{server.address}/east.tif: changed since it was planned; run again" in failed.stderr
        for reason in ("HTTP status 503", "timed out", "bytes came of"):
            assert re.search(rf"{server.address}/west\.tif: .*{reason}.*; asking again", failed.stderr)
        assert f"scene east: {server.address}/east.tif: changed" in remote.ask("failures").stdout
        assert not remote.result("catalogue").exists()
        server.requests.clear()
        server.faults.clear()
        done = remote.run("all")
        assert done.returncode == 0, done.stderr
        assert "1 of 2 pieces already done" in done.stderr
        assert server.requests["west.tif"] == 2  # for its version, by this plan and the next
    both = [json.loads(one.result("catalogue/craters.json").read_text()) for one in (finished, project)]
    assert [len(manifest.pop("parts")) for manifest in both] == [2, 1]
    assert both[0] == both[1]
    assert remote.jobs("all") == set()  # without a server


def test_images_of_servers_are_kept_for_other_runs_and_settings(project: Project):
    """Georeferenced again on another scale and in another run, an image is asked for its header alone."""
    cache = project.folder / "cache"
    with image_server(project.folder / "images") as server:
        write_scenes(project.folder, [dict(scene="west", path=f"{server.address}/west.tif", group="west")])
        kept = project.change(access=dict(servers=[server.address], cache=str(cache), cache_gb=0.1))
        taken = f"{server.address}/west.tif: taken from {cache}"
        for run, change, is_taken in (
            ("small", {}, False),
            ("small", dict(scales=[SCALES[1]]), True),
            ("other", {}, True),
        ):
            done = kept.change(run=run, **change).run(f"results/{run}/georeferenced/west.parquet")
            assert done.returncode == 0, done.stderr
            assert (taken in done.stderr) == is_taken
        target = "results/other/georeferenced/west.parquet"
        without = project.change(run="other", access=dict(servers=[server.address]))
        assert without.jobs(target) == set()  # what does not change the result makes nothing again
        assert [path.stat().st_size for path in cache.iterdir()] == [
            (project.folder / "images/west.tif").stat().st_size
        ]


def test_images_without_georeferencing_are_mapped_in_pixels(project: Project):
    image = project.folder / "images" / "plain.png"
    cut(image, 0, driver="PNG", crs=None, transform=Affine.identity(), tiled=False, compress=None, interleave=None)
    write_scenes(project.folder, [dict(scene=name, path="images/plain.png") for name in ("one", "two")])
    plain = project.change(pixel_coordinates=True, evaluation={}, scales=[{"gsd_m": 474}])
    done = plain.run("all")
    assert done.returncode == 0, done.stderr
    found = pd.read_parquet(plain.result("catalogue/craters.parquet"))
    assert found["scene"].value_counts()["one"] == found["scene"].value_counts()["two"] > 20
    assert found["xmax"].max() <= (SIDE + 4) * 474
    truth = plain.folder / "truth.parquet"  # the run's own catalogue, whose column scene tells the images apart
    found.to_parquet(truth)
    judged = plain.change(evaluation=dict(truth=str(truth), min_diameter_px=0))
    done = judged.run("all", "annotated")
    assert done.returncode == 0, done.stderr
    figures = json.loads(judged.result("evaluation/metrics.json").read_text())
    assert (figures["f1"], figures["n_truth"], figures["n_found"]) == (1, len(found), len(found))
    found.drop(columns="scene").to_parquet(truth)
    done = judged.run("all")
    assert done.returncode != 0
    assert "has no column scene, but the 2 images of this run" in done.stderr
