"""The forest on texture: learns made-up textures that grey values alone do not tell apart."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
from affine import Affine

from orbitile.base.errors import OrbitileError
from orbitile.features.confusion import ConfusionMatrix
from orbitile.training.segmentation.augmentation import LabelledPixels
from orbitile.training.segmentation.tiles import NOT_VALID, SCHEMA

ROOT = Path(__file__).parents[3]
SIDE = 48


@pytest.fixture(scope="module")
def program():
    spec = importlib.util.spec_from_file_location("texture_forest", ROOT / "benchmarks/exactness/texture_forest.py")
    module = sys.modules["texture_forest"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules["texture_forest"]


def textured(seed, channels=1):
    """A tile whose left is noise from pixel to pixel, whose right is waves of the same grey values; no labels above."""
    rng = np.random.default_rng(seed)
    image = rng.choice([80, 170], (channels, SIDE, SIDE)).astype(np.uint8)
    edge = int(rng.integers(16, 32))
    rows, columns = np.mgrid[:SIDE, :SIDE]
    image[:, columns >= edge] = np.where((rows // 6) % 2, 80, 170)[columns >= edge]
    labels = (columns >= edge).astype(np.uint8)
    labels[:4] = NOT_VALID
    return LabelledPixels(image, labels, labels != NOT_VALID, np.full_like(labels, NOT_VALID))


@pytest.fixture
def table(tmp_path):
    """Eight tiles of two channels, two of them for validation."""
    rows = []
    for number in range(8):
        tile = textured(number, 2)
        profile = dict(driver="GTiff", width=SIDE, height=SIDE, dtype="uint8", transform=Affine(2, 0, 0, 0, -2, 0))
        for name, pixels in dict(scene=tile.image, labels=tile.labels[None]).items():
            with rasterio.open(tmp_path / f"{name}{number}.tif", "w", count=len(pixels), **profile) as sink:
                sink.write(pixels)
        rows.append(dict.fromkeys(SCHEMA.names, 0) | dict(
            split="val" if number > 5 else "train", path=str(tmp_path / f"scene{number}.tif"), width=SIDE, height=SIDE,
            labels=str(tmp_path / f"labels{number}.tif"), low=[0, 0], high=[255, 255]))  # fmt: skip
    return pd.DataFrame(rows)


def test_textures_of_the_same_grey_values_are_told_apart(program):
    forest = program.grown([textured(seed) for seed in range(4)], program.ForestRecipe(20, 2000))
    matrix = program.judged(forest, iter([textured(9), textured(10)]), 2)
    assert matrix.mean_iou() > 0.85
    assert matrix.counts.sum() == 2 * SIDE * (SIDE - 4)


def test_the_same_seed_grows_the_same_forest(program, table):
    recipe = program.ForestRecipe(8, 1000)
    first, second = (program.compared(table, recipe) for _ in range(2))
    assert np.array_equal(first.counts, second.counts)
    assert first.balanced_accuracy > 0.85


def test_the_table_shows_each_class_and_the_means(program):
    assert program.rows_of(ConfusionMatrix(np.array([[8, 2], [0, 10]])), ["background", "vein"]) == [
        "| class | precision | recall | F1 | IoU | true px |",
        "|---|---|---|---|---|---|",
        "| background | 1.000 | 0.800 | 0.889 | 0.800 | 10 |",
        "| vein | 0.833 | 1.000 | 0.909 | 0.833 | 10 |",
        "",
        "mean IoU 0.817, without background 0.833, balanced accuracy 0.900",
    ]


def test_tables_without_tiles_to_judge_are_refused(program, table):
    with pytest.raises(OrbitileError, match="no labelled tiles in the splits train and val"):
        program.compared(table[table["split"] == "train"], program.ForestRecipe(2, 100))


def test_tiles_without_labels_teach_nothing(program):
    tile = textured(0)
    blank = tile._replace(labels=np.full_like(tile.labels, NOT_VALID))
    features, labels = program._sample(blank, 100, np.random.default_rng(0))
    assert (len(features), len(labels)) == (0, 0)
