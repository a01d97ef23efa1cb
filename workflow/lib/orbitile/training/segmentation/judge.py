"""How good weights are on training tiles, searched as the workflow searches."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from orbitile.cores import cores
from orbitile.errors import OrbitileError
from orbitile.files import sha256
from orbitile.models.adapter import ModelChoice
from orbitile.models.segmentation import Segmenter
from orbitile.tables.parquet import read_table
from orbitile.training.segmentation.dataset import Side, Tiles
from orbitile.training.segmentation.metrics import averaged, best_threshold, counts_of, histogram, macro, pooled

HALF = 0.5
FULL = 255
"""Probabilities 0..1 are 0..255 in a network's masks."""


@dataclass(frozen=True)
class Running:
    """Where and how precisely a network runs, and how many tiles at once; as in the settings' section `model`."""

    device: str = "auto"
    precision: str = "auto"
    batch: int = 8


def judge(weights: str, tiles: str, split: str = "val", how: Running | None = None) -> dict:
    """Figures of weights (.safetensors) on the tiles of one split of a table (see tiles.SCHEMA).

    `tiles`, `tiles_with_features`; `best_threshold` on these tiles (None where the network chooses among several
    classes) and `threshold`, the weights' own or else the best one; `at_half` and `at_threshold` with the measures
    (see metrics) `pooled` over all pixels and `tile_averaged`, each the mean over the classes, and by `classes`.
    """
    table = read_table(tiles)
    table = table[table["split"] == split]
    if table.empty:
        raise OrbitileError(f"{tiles}: no tile is of the split {split}; cut the scenes anew")
    how = how or Running()
    network = _loaded(weights, how)
    found = list(_searched(network, table, how))
    best = _best(found) if len(network.names) == 1 else None
    threshold = best if network.threshold is None else network.threshold
    return dict(
        tiles=len(table), tiles_with_features=int((table["positive_px"] > 0).sum()), best_threshold=best,
        threshold=threshold, at_half=_measures(found, network.names, HALF),
        at_threshold=_measures(found, network.names, HALF if threshold is None else threshold),
    )  # fmt: skip


def _loaded(weights: str, how: Running) -> Segmenter:
    choice = ModelChoice(weights, sha256(weights), "segmentation", how.device, how.precision, False, how.batch, 0.0)
    network = Segmenter.load(choice)
    torch.set_num_threads(cores())  # passes run one after the other here
    return network


def _searched(network: Segmenter, table: pd.DataFrame, how: Running) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Probabilities (n, classes, side, side) of 0..255 and labels (n, side, side), batch by batch."""
    side = Side(int(table[["width", "height"]].to_numpy().max()), network.channels)
    tiles = Tiles(table, side)
    for start in range(0, len(tiles), how.batch):
        some = [tiles[number] for number in range(start, min(start + how.batch, len(tiles)))]
        images = torch.from_numpy(np.stack([tile.image for tile in some])).to(network.device)
        yield network.predict_batch(images).probability.cpu(), torch.from_numpy(np.stack([t.labels for t in some]))


Found = list[tuple[torch.Tensor, torch.Tensor]]


def _best(found: Found) -> float:
    return best_threshold(sum(histogram(probability[:, 0] / FULL, labels) for probability, labels in found))


def _measures(found: Found, names: tuple[str, ...], threshold: float) -> dict:
    counts = torch.cat([counts_of(_decided(one, threshold), labels.long(), len(names)) for one, labels in found])
    whole, by_tile = pooled(counts), averaged(counts)
    classes = {
        name: dict(pooled={measure: values[k] for measure, values in whole.items()},
                   tile_averaged={measure: values[k] for measure, values in by_tile.items()})
        for k, name in enumerate(names)
    }  # fmt: skip
    return dict(pooled=macro(whole), tile_averaged=macro(by_tile), classes=classes)


def _decided(probability: torch.Tensor, threshold: float) -> torch.Tensor:
    """Number of the class of each pixel, 0 for background: of one by the threshold, of several the likeliest."""
    if probability.shape[1] == 1:
        return (probability[:, 0] / FULL >= threshold).long()
    all_of_them = probability.int()
    return torch.cat([FULL - all_of_them.sum(dim=1, keepdim=True), all_of_them], dim=1).argmax(dim=1)
