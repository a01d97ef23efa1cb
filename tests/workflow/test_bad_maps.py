"""Maps: bad labels, areas and weights end in one clear line; weights made here, or elsewhere, are used."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import geopandas
import pandas as pd
import pytest
import torch
from projects import Project, fracture_settings, make_fracture_project, refused

from orbitile.base.files import sha256
from orbitile.inference.models.architectures import build_network
from orbitile.inference.models.weights import save_tensors

SMALL_NETWORK = "unet:tu-mobilenetv3_small_050"
STATED = dict(network="deeplabv3_mobilenet_v3_large", classes=["background", "fracture"], mean=[0.5] * 3, std=[0.2] * 3)
MARS = "IAU_2015:49910"


@pytest.fixture(scope="module")
def mapped(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """One small scene whose map is made."""
    project = make_fracture_project(tmp_path_factory.mktemp("mapped"), dict(west=dict(col=-256, side=256)))
    done = project.run("all")
    assert done.returncode == 0, done.stderr
    return project


@pytest.fixture
def project(mapped: Project, tmp_path: Path) -> Project:
    """A copy of it."""
    return mapped.copy(tmp_path / "run")


@pytest.fixture(scope="module")
def truth(mapped: Project) -> geopandas.GeoDataFrame:
    """The demo's lines."""
    return geopandas.read_file(mapped.settings["evaluation"]["truth"])


def elsewhere(frame: geopandas.GeoDataFrame) -> geopandas.GeoDataFrame:
    return frame.set_geometry(frame.geometry.translate(500_000))


def on_mars(frame: geopandas.GeoDataFrame) -> geopandas.GeoDataFrame:
    return frame.set_crs(MARS, allow_override=True)


def learning(project: Project, labels: Path, **settings: object) -> Project:
    """A project that learns small tiles for one epoch."""
    small = dict(network=SMALL_NETWORK, epochs=1, batch=8, block_deg=0.5, validation_share=0.4, device="cpu")
    scales = fracture_settings(project.folder, 64, 16)["scales"]
    return project.change(scales=scales, segmentation_training=small | dict(labels=str(labels)) | settings)


def unchanged(frame: geopandas.GeoDataFrame) -> geopandas.GeoDataFrame:
    return frame


def without_width(frame: geopandas.GeoDataFrame) -> geopandas.GeoDataFrame:
    return frame.drop(columns="width")


def without_lines(frame: geopandas.GeoDataFrame) -> geopandas.GeoDataFrame:
    return frame[:0]


@pytest.mark.parametrize(
    ("change", "class_field", "classes", "words"),
    [
        (on_mars, None, ["fracture"], ("labels.gpkg", "Mars", "is not one of Moon")),
        (without_width, None, ["fracture"], ("labels.gpkg", "no column 'width'", "its columns are", "profile")),
        (unchanged, "kind", ["ridge", "fracture"], ("labels.gpkg", "no column 'kind'", "class")),
        (unchanged, None, ["ridge", "fracture"], ("labels.gpkg", "ridge, fracture", "give the name of the column")),
        (unchanged, "network", ["polygonal"], ("labels.gpkg", "row", "'parallel'", "polygonal")),
        (without_lines, None, ["fracture"], ("labels.gpkg", "empty labels", "no line and no polygon")),
        (elsewhere, None, ["fracture"], ("west", "empty labels", "no pixel")),
    ],
)
def test_labels(project: Project, truth: geopandas.GeoDataFrame, change: Callable, class_field, classes, words):
    labels = project.folder / "labels.gpkg"
    change(truth).to_file(labels)
    bad = learning(project, labels, classes=classes).change(labels=dict(class_field=class_field))
    refused(bad, *words, options=(), target="train_segmenter")
    assert not list(project.result("training").rglob("*.parquet"))


def test_truth_of_another_body(project: Project, truth: geopandas.GeoDataFrame):
    path = project.folder / "truth.gpkg"
    on_mars(truth).to_file(path)
    refused(project.change(evaluation=dict(truth=str(path))), str(path), "is not one of Moon")


def test_area_of_another_body(project: Project, truth: geopandas.GeoDataFrame):
    path = project.folder / "area.gpkg"
    on_mars(truth.set_geometry(truth.geometry.buffer(1000))).to_file(path)
    bad = project.change(mapping=dict(inside=str(path)))
    refused(bad, str(path), "is not one of Moon", "assign the right one")


def test_area_that_is_missing(project: Project):
    refused(project.change(mapping=dict(seams="gone.shp")), "mapping.seams: no file at gone.shp")


def weights(project: Project, path: Path, **stated: object) -> Project:
    """A project with other weights, whatever they are."""
    return project.change(model=dict(family="segmentation", weights=str(path), sha256=sha256(path), **stated))


def test_weights_for_more_channels(project: Project):
    path = project.folder / "two.safetensors"
    about = dict(family="segmentation", network=SMALL_NETWORK, names={0: "fracture"}, channels=2,
                 mean=[0.5, 0.5], std=[0.2, 0.2])  # fmt: skip
    save_tensors(path, build_network(SMALL_NETWORK, 2, 1).state_dict(), about)
    refused(weights(project, path), "two.safetensors", "takes images of 2 channels", "have 1 band", "bands", options=())


def test_truncated_weights(project: Project):
    path = project.folder / "half.safetensors"
    path.write_bytes(Path(project.settings["model"]["weights"]).read_bytes()[:1_000_000])
    refused(weights(project, path), str(path), "not weights", options=())


class Evil:
    """What makes a file when it is unpickled."""

    def __reduce__(self) -> tuple:
        return Path.touch, (Path("owned"),)


def test_weights_that_run_code(project: Project):
    path = project.folder / "evil.pt"
    torch.save(dict(state_dict=Evil()), path)
    refused(weights(project, path, **STATED), str(path), "would run code", options=())
    assert not list(project.folder.rglob("owned"))


def test_other_weights_than_stated(project: Project):
    model = project.settings["model"] | dict(sha256="0" * 64)
    refused(project.change(model=model), "SHA-256 is", "0" * 64, options=())


def test_a_state_dict_of_no_known_network(project: Project):
    path = project.folder / "state.pth"
    torch.save(dict(weight=torch.zeros(1)), path)
    refused(weights(project, path), str(path), "model.network, model.classes, model.mean, model.std", options=())


def test_weights_that_are_trained_here_are_used(project: Project):
    """Learnt from points too, by a sum of losses that weighs classes."""
    truth = Path(project.settings["evaluation"]["truth"])
    points = project.folder / "points.gpkg"
    frame = geopandas.read_file(truth)
    frame[["geometry"]].set_geometry(frame.geometry.interpolate(0.5, normalized=True)).to_file(points)
    changes = dict(points=dict(labels=str(points)), loss=dict(cross_entropy=1, dice=0.5), schedule="cosine")
    learner = learning(project, truth, class_weights="inverse_frequency", **changes)
    done = learner.run("train_segmenter")
    assert done.returncode == 0, done.stderr
    assert f"of {len(frame)} points lie in it" in learner.result("logs/rasterise_labels.log").read_text()
    assert "pixels of the training tiles have points" in learner.result("logs/train_segmenter.log").read_text()
    folder = learner.result("training/segmentation")
    assert "cross-entropy + 0.5 dice" in (folder / "model_card.md").read_text()
    assert SMALL_NETWORK in (folder / "model_card.md").read_text()
    done = weights(learner, folder / "model.safetensors").run("results/small/map/polygons.json")
    assert done.returncode == 0, done.stderr
    origin = json.loads(project.mapped)
    assert origin["model_sha256"] == hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def test_a_state_dict_of_torchvision_is_used(project: Project):
    torch.manual_seed(0)
    path = project.folder / "deeplab.pth"
    torch.save(build_network(STATED["network"], 1, 2).state_dict(), path)
    other = weights(project, path, **STATED).change(evaluation={})
    done = other.run("all")
    assert done.returncode == 0, done.stderr
    assert json.loads(other.mapped)["model_sha256"] == sha256(path)
    outlined = pd.read_parquet(other.result("outlines/west.parquet"))
    assert set(outlined["class"]) <= {"fracture"}
