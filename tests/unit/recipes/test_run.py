"""Recipes are what they say: their settings are valid, places are put in, variants change what they name."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from orbitile.base.errors import OrbitileError
from orbitile.features.confusion import ConfusionMatrix
from orbitile.settings import Settings

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "recipes"))
import run  # noqa: E402

NAMES = sorted(path.parent.name for path in (ROOT / "recipes").glob("*/recipe.yaml"))


def test_sections_are_merged_and_lists_replaced():
    settings = dict(scales=[1, 2], training=dict(loss="dice", augmentation=dict(zoom=1, flip=1)))
    changes = dict(scales=[3], training=dict(augmentation=dict(zoom=0)), body="Mars")
    assert run._merged(settings, changes) == dict(
        scales=[3], training=dict(loss="dice", augmentation=dict(zoom=0, flip=1)), body="Mars"
    )
    assert run._merged(settings, dict(training=dict(augmentation={})))["training"] == dict(loss="dice", augmentation={})
    assert run._merged(settings, {}) == settings


@pytest.mark.parametrize("name", NAMES)
def test_no_variant_learns_the_same_as_another(name, tmp_path):
    recipe = run.Recipe.read(name, tmp_path, tmp_path)
    settings = [recipe.settings(changes) for changes in recipe.variants.values()]
    assert [number for number, each in enumerate(settings) if each in settings[:number]] == []


def test_folders_stand_at_the_beginning_of_paths_alone():
    places = dict(DATA="/d", WORK="/w")
    texts = ["DATA/set/a.npz", "WORK", "band=WORK/a", "my/DATA/x", "DATABASE", 3, None, dict(a=["WORK/b"])]
    expected = ["/d/set/a.npz", "/w", "band=/w/a", "my/DATA/x", "DATABASE", 3, None, dict(a=["/w/b"])]
    assert run._with_places(texts, places) == expected


def test_the_table_has_means_and_the_largest_distance_from_them():
    seeds = [dict.fromkeys(run.FIGURES, value) for value in (0.5, 0.6, 0.8)]
    row = run.table({"plain": seeds[:1], "Dice": seeds}).splitlines()[-2:]
    assert row[0].startswith("| plain | 1 | 0.500 | 0.500 |")
    assert row[1].startswith("| Dice | 3 | 0.633 ± 0.167 |")


def test_figures_that_a_row_lacks_stay_empty():
    seeds = {"plain": [dict.fromkeys(run.FIGURES, 0.5) | {"IoU of rim": 0.4}], run.FOREST: [{"mean IoU": 0.3}]}
    header, _, plain, forest = ([cell.strip() for cell in line.split("|")] for line in run.table(seeds).splitlines())
    assert header[-2] == "IoU of rim"
    assert plain[-2] == "0.400"
    assert dict(zip(header, forest, strict=True))["mean IoU"] == "0.300"
    assert forest.count("") == len(header) - 3


def test_figures_of_several_classes_hold_the_iou_of_each():
    """Of 10 pixels of background, 6 of rim and 4 of floor."""
    matrix = ConfusionMatrix(np.array([[8, 2, 0], [0, 6, 0], [0, 2, 2]]))
    figures = run.figures_of_classes(matrix.figures(("background", "rim", "floor"), "background"))
    expected = {
        "accuracy": 0.8, "balanced accuracy": (0.8 + 1 + 0.5) / 3, "mean IoU": (0.8 + 0.6 + 0.5) / 3,
        "without background": 0.55, "mean F1": (16 / 18 + 12 / 16 + 4 / 6) / 3, "F1": (12 / 16 + 4 / 6) / 2,
        "IoU of background": 0.8, "IoU of rim": 0.6, "IoU of floor": 0.5,
    }  # fmt: skip
    assert figures == pytest.approx(expected)
    single = ConfusionMatrix(np.array([[9, 1], [0, 0]])).figures(("background", "rim"), "background")
    assert not any(name.startswith("IoU of") for name in run.figures_of_classes(single))


def test_an_unknown_recipe_is_told(tmp_path):
    with pytest.raises(OrbitileError, match=f"there is no such recipe; there are .*{NAMES[0]}"):
        run.Recipe.read("nothing", tmp_path, tmp_path)


def test_a_folder_without_the_data_is_one_line(tmp_path):
    """The command that misses them says so; a folder that is not there is told before."""
    for data, words in ((tmp_path / "none", "no such folder of data"), (tmp_path, "craters.csv")):
        command = [
            sys.executable,
            ROOT / "recipes" / "run.py",
            data,
            "veins_two_branches",
            "--folder",
            tmp_path / "made",
        ]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
        assert done.returncode
        assert words in done.stderr
        assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("name", NAMES)
def test_settings_of_recipes_and_of_all_their_variants_are_valid(name, tmp_path):
    """But for the files that they name, which are made first."""
    recipe = run.Recipe.read(name, tmp_path / "data", tmp_path / "work")
    for changes in recipe.variants.values():
        for is_held_out in (False, True):
            settings = recipe.settings(changes, is_held_out)
            parsed = Settings.model_validate(settings | dict(run=name))
            assert parsed.segmenter_recipe is not None
            assert "DATA" not in yaml.safe_dump(settings)
    assert next(iter(recipe.variants.values())) == {}


@pytest.mark.parametrize("name", NAMES)
def test_what_is_learnt_does_not_change_the_tiles(name, tmp_path):
    """Variants of a loss share the tiles of the recipe."""
    known = set(Settings.model_validate(dict(run.Recipe.read(name, tmp_path, tmp_path).training, run=name))
                .segmentation_training.model_dump())  # fmt: skip
    assert {"loss", "network", "epochs", "augmentation"} <= run.OF_LEARNING
    assert run.OF_LEARNING - known <= {"tile_px", "points_weight"}
