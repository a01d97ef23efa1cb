"""A made-up zoo: networks of a few numbers, with all that is said of them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from safetensors.numpy import save_file

from orbitile.base.files import sha256
from orbitile.inference.models.zoo import ZooNetwork
from orbitile.inference.models.zoo_entry import add_network

SCALES = [
    dict(factor=1, tile_px=512, overlap_px=128, min_object_px=8, max_object_px=120),
    dict(factor=2, tile_px=512, overlap_px=128, min_object_px=12),
    dict(factor=4, tile_px=512, overlap_px=128, min_object_px=16),
]
ABOUT: dict[str, Any] = dict(
    title="Craters in shaded relief of the Moon",
    body="Moon",
    images="shaded relief",
    gsd_m=474,
    gsd_range_m=[237, 948],
    scales=SCALES,
    settings=dict(suppression=dict(iou_threshold=0.35), model=dict(score_threshold=0.1)),
    trained="From random numbers, on made-up tiles",
    training_data=[dict(name="Relief", licence="public domain", credit="The makers", url="https://example.org/relief")],
    licence="AGPL-3.0",
    fails=["In shadows.", "On ellipses of more than 2:1."],
)
METRICS = dict(
    epoch=7, epochs=12, hours=0.5, hours_on={"2 CPU cores": 0.5}, is_cut_short=False,
    best_epoch=dict(epoch=7, f1=0.8, precision=0.75, recall=0.857, n_truth=400, score_threshold=0.31, by_size=[]),
)  # fmt: skip
SPREAD = dict(p16=0.9, median=1.01234567, p84=1.1)
SIZE = {"from": 10, "to": 16, "n_truth": 60, "recall": 0.7, "precision": 0.8, "f1": 0.747,
        "intervals": dict(f1=None, precision=None, recall=[0.6, 0.8]), "diameter_ratio": SPREAD,
        "center_offset_px": SPREAD}  # fmt: skip
FIGURES = dict(
    f1=0.723456, precision=0.7, recall=0.75, n_truth=100, iou=0.3, by_score=[dict(score=0.3, f1=0.72)],
    intervals=dict(f1=[0.7, 0.75], precision=[0.65, 0.76], recall=[0.7, 0.8], level=0.95, unit="squares", units=12),
    diameter_ratio=SPREAD, center_offset_px=SPREAD,
    by_size_px=[SIZE, SIZE | {"from": 16, "to": None, "diameter_ratio": None}],
)  # fmt: skip


def training_folder(folder: Path, seed: int = 0, **description: object) -> Path:
    """A folder as trainings leave it: weights that describe themselves, and metrics."""
    folder.mkdir(parents=True, exist_ok=True)
    described = dict(family="yolo", names={"0": "crater"}, channels=1, score_threshold=0.31, tile_px=320) | description
    tensors = dict(layer=np.full(8, seed, np.float32))
    save_file(tensors, folder / "model.safetensors", {key: json.dumps(value) for key, value in described.items()})
    (folder / "metrics.json").write_text(json.dumps(METRICS))
    return folder


def about_file(folder: Path, **changes: object) -> Path:
    """The YAML of what makers say of a network; a change of None leaves a key out."""
    path = folder / "about.yaml"
    content = {key: value for key, value in (ABOUT | changes).items() if value is not None}
    path.write_text(yaml.safe_dump(content))
    return path


def evaluation_file(folder: Path, weights: Path, **changes: object) -> Path:
    """The figures of an evaluation of weights."""
    result = dict(set="moon", title="Moon, relief", why="A block that no training saw.", network="x", weights="x",
                  sha256=sha256(weights), metrics=FIGURES | changes)  # fmt: skip
    path = folder / "figures.json"
    path.write_text(json.dumps(dict(results=[result], changes=[])))
    return path


def made_zoo(folder: Path, names: tuple[str, ...] = ("moon-relief-474m",), **about: object) -> list[ZooNetwork]:
    """A zoo in folder/zoo with networks of these names."""
    networks = []
    for seed, name in enumerate(names):
        training = training_folder(folder / f"training-{name}", seed)
        figures = evaluation_file(folder, training / "model.safetensors")
        networks.append(add_network(name, training, about_file(folder, **about), figures, zoo=folder / "zoo"))
    return networks
