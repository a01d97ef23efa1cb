"""Bad input ends in one clear line that names the file or the key, before or in the job it concerns."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
from projects import SIDE, Project, cut, refused, write_scenes


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"tilling": {}}, ("settings.yaml", "tilling: unknown key", "scales")),
        ({"suppression": {"iou": 0.3}}, ("suppression.iou: unknown key", "iou_threshold")),
        ({"suppression": {"iou_threshold": 3}}, ("suppression.iou_threshold: 3 given", "less than or equal to 1")),
        ({"scales": [{"gsd_m": 474, "overlap_px": 512}]}, ("scales.0", "overlap_px is 512", "at most half")),
        ({"scales": [{"gsd_m": 100}]}, ("east.tif", "473.80 m/px", "coarser than the finest scale")),
        ({"scales": [{"gsd_m": 474}, {"gsd_m": 700}]}, ("gsd_m 700", "no whole multiple")),
        ({"scales": []}, ("scales", "at least 1")),
        ({"body": "Mars"}, ("east.tif", "another body", "Mars")),
        ({"crs": "EPSG:no"}, ("crs: 'EPSG:no' is not a coordinate system",)),
        ({"crs": "IAU_2015:30100"}, ("crs: Moon", "not a map in metres of Moon", "IAU_2015:30110")),
        ({"crs": "IAU_2015:49910"}, ("crs: Mars", "not a map in metres of Moon")),
        ({"body": "Mon"}, ("body", "'Mon'", "Moon")),
        ({"run": "../away"}, ("run: '../away' given",)),
        ({"scenes": "nowhere.csv"}, ("no scene table and no folder of images at nowhere.csv",)),
        ({"model": {"weights": "gone.pt", "sha256": "0" * 64}}, ("model.weights: no file at gone.pt",)),
        ({"model": None}, ("settings.yaml: model: missing",)),
    ],
)
def test_settings(project: Project, settings: dict, words: tuple[str, ...]):
    refused(project.change(**settings), *words)


@pytest.mark.parametrize(
    ("target", "change", "key"),
    [
        ("count", {}, "counting.areas"),
        ("evaluate", {"evaluation": {}}, "evaluation.truth"),
        ("shapes", {}, "crater_shapes"),
        ("review", {}, "review.judgements"),
        ("train_detector", {}, "training"),
        ("all", {"model": None, "evaluation": {}, "training": {"craters": "truth.csv"}}, "model"),
    ],
)
def test_settings_that_a_target_needs(project: Project, target: str, change: dict, key: str):
    (project.folder / "truth.csv").write_text("lon,lat,diam_km\n")
    refused(
        project.change(**change), f"WorkflowError: {key}: missing, but the requested target needs it", target=target
    )


@pytest.mark.parametrize("target", ["page", "density", "secondaries", "count"])
def test_targets_that_need_places_are_refused_before_anything_runs(project: Project, target: str):
    change = {"pixel_coordinates": True, "gsd_m": 474, "evaluation": {}, "counting": {"areas": "scenes.csv"}}
    refused(project.change(**change), f"WorkflowError: {target}: images in pixel coordinates all lie", target=target)


@pytest.mark.parametrize(
    "rows, words",
    [
        ([], ("scenes.csv", "column")),
        ([dict(scene="a", path="images/no.tif")], ("scene a: there is no file", "images/no.tif")),
        ([dict(scene="a", path="images/east.tif")] * 2, ("scene 'a' is listed more than once",)),
        ([dict(scene="a", path="images/{x}.tif")], ("{x}.tif", "contains braces")),
        ([dict(scene="a", path="images/east.tif", body="Mars")], ("scene a lies on Mars",)),
        ([dict(scene="a", path="images/east.tif", colour="red")], ("column colour is unknown",)),
        ([dict(scene="a b", path="images/east.tif")], ("'a b'", "not a plain name")),
        ([dict(scene="$(touch owned)", path="images/east.tif")], ("not a plain name",)),
        ([dict(scene="a;touch owned", path="images/east.tif")], ("not a plain name",)),
        ([dict(scene="../a", path="images/east.tif")], ("not a plain name",)),
        ([dict(scene="a..b", path="images/east.tif")], ("not a plain name",)),
        ([dict(scene="a", path="images/east.tif", group="'g'")], ("group", "not a plain name")),
    ],
)
def test_scene_table(project: Project, rows: list[dict], words: tuple[str, ...]):
    write_scenes(project.folder, rows)
    refused(project, *words)
    assert not (project.folder / "owned").exists()


def test_scene_without_georeferencing(project: Project):
    cut(project.folder / "images" / "east.tif", 0, crs=None, transform=rasterio.Affine.identity())
    refused(project, "east.tif", "no georeferencing", "pixel_coordinates")


def test_scene_in_degrees(project: Project):
    cut(
        project.folder / "images" / "east.tif",
        0,
        crs="IAU_2015:30100",
        transform=rasterio.Affine(0.0156, 0, 0, 0, -0.0156, 0),
    )
    refused(project, "east.tif", "is in degrees", "set crs")


def test_scene_on_a_body_of_another_size(project: Project):
    cut(project.folder / "images" / "east.tif", 0, crs="IAU_2015:49910")
    refused(project, "east.tif", "another body", "Mars")


@pytest.mark.parametrize(("margin", "is_finished"), [("never", True), ("auto", False)])
def test_truncated_image_is_named_and_the_other_scene_finished(project: Project, margin: str, is_finished: bool):
    """As far as it does not need the pixels of the first: the two are pieces of a mosaic."""
    image = project.folder / "images" / "east.tif"
    image.write_bytes(image.read_bytes()[:100_000])
    refused(project.change(margin=margin), "east.tif", "cannot be read", "truncated", options=())
    assert project.result("georeferenced/west.parquet").is_file()
    assert project.result("detections/west.parquet").is_file() == is_finished
    assert not project.result("georeferenced/east.parquet").exists()


def test_wrong_hash_of_weights(project: Project):
    refused(project.change(model=project.settings["model"] | {"sha256": "0" * 64}), "SHA-256 is", "0" * 64, options=())


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_weights_that_are_no_model(project: Project, suffix: str):
    weights = project.folder / f"weights{suffix}"
    weights.write_bytes(b"no weights at all")
    sha256 = hashlib.sha256(weights.read_bytes()).hexdigest()
    model = project.settings["model"] | {"weights": str(weights), "sha256": sha256}
    refused(project.change(model=model), str(weights), "no", options=())


def test_empty_scene_gives_an_empty_result(project: Project):
    image = project.folder / "images" / "east.tif"
    cut(image, 0, nodata=0)
    with rasterio.open(image, "r+") as sink:
        sink.write(np.zeros((SIDE, SIDE), np.uint8), 1)
    write_scenes(project.folder, [dict(scene="east", path="images/east.tif")])
    done = project.run("all", "annotated")
    assert done.returncode == 0, done.stderr
    assert pd.read_parquet(project.result("catalogue/craters.parquet")).empty


def test_paths_are_never_executed(project: Project):
    odd = 'images/it\'s; touch owned $(touch owned) `touch owned` & "y".tif'
    Path(project.folder / "images" / "east.tif").rename(project.folder / odd)
    write_scenes(project.folder, [dict(scene="east", path=odd)])
    done = project.run("results/small/scaled/east.parquet")
    assert done.returncode == 0, done.stderr
    assert not list(project.folder.rglob("owned"))
