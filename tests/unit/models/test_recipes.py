from pathlib import Path

import pytest
import yaml

from orbitile.settings import Settings

MODELS = Path(__file__).parents[3] / "models"
RECIPES = yaml.safe_load((MODELS / "recipes.yaml").read_text())
HELD_OUT = yaml.safe_load((MODELS / "held_out.yaml").read_text())


def scenes(entry: dict) -> set[tuple[str, str]]:
    """The scenes that an entry names, with their folder; the folder alone where it takes all of it."""
    return {(entry["scenes"], name) for name in entry.get("names", ["all of it"])}


@pytest.mark.parametrize("name", RECIPES)
def test_no_network_learns_from_a_held_out_image(name):
    for held_out in HELD_OUT.values():
        assert not scenes(RECIPES[name]) & scenes(held_out)
        is_whole = "names" not in RECIPES[name] or "names" not in held_out
        assert not (is_whole and RECIPES[name]["scenes"] == held_out["scenes"])


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_are_settings_and_start_from_something(name):
    recipe = RECIPES[name]
    assert ("after" in recipe) != ("start_from" in recipe)
    assert recipe.get("after", name) in RECIPES
    training = recipe["settings"]["training"] | dict(craters=str(MODELS / "recipes.yaml"))
    settings = recipe["settings"] | dict(run=name, scenes=str(MODELS / "recipes.yaml"), training=training)
    assert Settings.model_validate(settings).training.epochs == training["epochs"]
    assert set(training.get("validation_scenes", [])) <= set(recipe.get("names", []))
