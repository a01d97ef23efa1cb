"""Recipes are what they say: their settings are valid, places are put in, variants change what they name."""

import sys
from pathlib import Path

import pytest
import yaml

from orbitile.base.errors import OrbitileError
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


def test_folders_stand_at_the_beginning_of_paths_alone():
    places = dict(DATA="/d", WORK="/w")
    texts = ["DATA/set/a.npz", "WORK", "my/DATA/x", "DATABASE", 3, None, dict(a=["WORK/b"])]
    assert run._with_places(texts, places) == ["/d/set/a.npz", "/w", "my/DATA/x", "DATABASE", 3, None, dict(a=["/w/b"])]


def test_the_table_has_means_and_the_largest_distance_from_them():
    seeds = [dict.fromkeys(run.FIGURES, value) for value in (0.5, 0.6, 0.8)]
    row = run.table({"plain": seeds[:1], "Dice": seeds}).splitlines()[-2:]
    assert row[0].startswith("| plain | 1 | 0.500 | 0.500 |")
    assert row[1].startswith("| Dice | 3 | 0.633 ± 0.167 |")


def test_an_unknown_recipe_is_told(tmp_path):
    with pytest.raises(OrbitileError, match=f"there is no such recipe; there are .*{NAMES[0]}"):
        run.Recipe.read("nothing", tmp_path, tmp_path)


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
