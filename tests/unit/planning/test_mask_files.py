"""Users' masks are checked when a run is planned, once for each version."""

import json

import numpy as np
import pytest
from PIL import Image

from orbitile.base.errors import OrbitileError
from orbitile.features.labels import masks
from orbitile.planning.plan import current_plan
from orbitile.settings import Settings

SCALES = [dict(gsd_m=100, tile_px=32, overlap_px=16)]
SHAPE = (40, 60)
LABELS = np.arange(SHAPE[0] * SHAPE[1], dtype=np.uint8).reshape(SHAPE) % 3


def write_weights(path, *names):
    """The header of weights, which says what a network maps."""
    described = dict(network=json.dumps("unet:resnet18"), names=json.dumps(dict(enumerate(names))))
    header = json.dumps({"__metadata__": described}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header)


@pytest.fixture
def plan(tmp_path, in_this_process):
    """Plans a run of the images a and b, of 60 x 40 px, whose masks lie in a folder: the truth, or to learn from."""
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for name in "ab":
        Image.fromarray(LABELS).save(tmp_path / "images" / f"{name}.png")
        Image.fromarray(LABELS).save(tmp_path / "masks" / f"{name}.png")
    write_weights(tmp_path / "w.safetensors", "background", "dune", "ridge")

    def make(role="truth", scenes="images", learning=None, **change):
        network = dict(family="segmentation", weights=tmp_path / "w.safetensors", sha256="0" * 64)
        learning = dict(masks=tmp_path / "masks", classes=["dune", "ridge"]) | (learning or {})
        use = dict(model=network, evaluation=dict(truth=tmp_path / "masks"))
        settings = Settings(
            run="r", body="Moon", scenes=tmp_path / scenes, pixel_coordinates=True, scales=SCALES,
            **(use if role == "truth" else dict(segmentation_training=learning)), **change,
        )  # fmt: skip
        return current_plan(settings, tmp_path / "plan.parquet")

    return make


@pytest.fixture
def mask(tmp_path):
    """Replaces the mask of the image b."""

    def write(labels, **options):
        Image.fromarray(labels).save(tmp_path / "masks" / "b.png", **options)

    return write


@pytest.mark.parametrize("role", ["truth", "learning"])
def test_sound_masks_are_taken(plan, role, caplog):
    plan(role)
    assert not caplog.text


@pytest.mark.parametrize("role", ["truth", "learning"])
def test_wrong_masks_end_the_run_before_it_starts(plan, mask, role):
    for labels, reason in (
        (LABELS.T, r"b\.png: 40 x 60 px, but the scene b has 60 x 40; a mask has the size"),
        (np.stack([LABELS] * 3, axis=2), r"b\.png: has 3 bands, as colours have"),
        (LABELS * 4, r"b\.png: value 4 is no class; allowed are 0 \(background\), 1 \(dune\), 2 \(ridge\), 255"),
    ):
        mask(labels)
        for _ in range(2):
            with pytest.raises(OrbitileError, match=reason):
                plan(role)


def test_a_scene_without_a_mask_is_refused_as_truth_alone(plan, tmp_path):
    (tmp_path / "masks" / "b.png").unlink()
    with pytest.raises(OrbitileError, match=r"masks: no mask of scene b; add b\.png or b\.tif"):
        plan("truth")
    plan("learning")


def test_classes_that_have_no_value_are_named(plan):
    values = dict(labels=dict(mask_values=dict(dune=1, hill=2)))
    for role in ("truth", "learning"):
        with pytest.raises(OrbitileError, match=r"labels\.mask_values: has values of dune, hill, but the classes are"):
            plan(role, **values)


@pytest.mark.parametrize(
    ("learning", "is_refused"), [({}, False), (dict(folds=2), False), (dict(validation_scenes=["b"]), True)]
)
def test_masks_of_scenes_for_tests_are_not_learnt_from(plan, mask, tmp_path, learning, is_refused):
    mask(LABELS * 4)
    rows = [f"{name},{tmp_path}/images/{name}.png,{split}" for name, split in dict(a="train", b="test").items()]
    (tmp_path / "scenes.csv").write_text("\n".join(["scene,path,split", *rows, ""]))
    if is_refused:
        with pytest.raises(OrbitileError, match="value 4 is no class"):
            plan("learning", "scenes.csv", learning)
    else:
        plan("learning", "scenes.csv", learning)


def test_masks_are_read_once_for_each_version(plan, mask, monkeypatch):
    calls, check = [], masks.MaskFolder.check
    monkeypatch.setattr(masks.MaskFolder, "check", lambda *arguments: calls.append(1) or check(*arguments))
    for count, labels in enumerate([LABELS, np.zeros_like(LABELS)], 1):
        mask(labels)
        for _ in range(2):
            plan("truth")
        assert len(calls) == 2 * count


def test_weights_that_name_no_class_leave_masks_to_the_run(plan, mask, tmp_path):
    mask(LABELS * 4)
    (tmp_path / "w.safetensors").write_bytes(b"")
    plan("truth")
