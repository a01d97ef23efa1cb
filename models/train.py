"""Train a network of models/recipes.yaml again, as it was trained.

    .venv/bin/python models/train.py DATA NAME

Runs the target `train_detector` in results/train-models/, which goes on where an earlier call was stopped.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import yaml
from compared_networks import ROOT
from held_out_runs import image_paths, placed, snakemake_words, write_scene_table

from orbitile.base.errors import OrbitileError
from orbitile.base.files import write_text

RECIPES = Path(__file__).with_name("recipes.yaml")


def read_recipe(name: str, recipes: Path = RECIPES) -> dict:
    """What a YAML file says of a network; OrbitileError for an unknown name."""
    entries = yaml.safe_load(recipes.read_text())
    if name not in entries:
        raise OrbitileError(f"{recipes.name}: has no network {name}, but {', '.join(entries)}")
    return entries[name]


def training_settings(name: str, data: Path, folder: Path) -> dict:
    """The settings of a recipe's run; writes its scene table into `folder`."""
    recipe = read_recipe(name)
    images = image_paths(placed(recipe["scenes"], data))
    table = write_scene_table(
        folder / f"{name}-scenes.csv", {scene: images[scene] for scene in recipe.get("names", images)}
    )
    start = weights_of(recipe["after"], folder) if "after" in recipe else placed(recipe["start_from"], data)
    training = recipe["settings"]["training"] | dict(
        craters=str(placed(recipe["craters"], data)), start_from=str(start)
    )
    return recipe["settings"] | dict(run=name, scenes=str(table), scenes_per_group=50, training=training)


def weights_of(name: str, folder: Path) -> Path:
    """Where the weights of a recipe's run are."""
    return folder / "results" / name / "training" / "model.safetensors"


def train(name: str, data: Path, folder: Path) -> int:
    """Train a network, and before it the one that it goes on from; the exit status of the runs."""
    before = read_recipe(name).get("after")
    if before and (status := train(before, data, folder)):
        return status
    config = folder / f"{name}.yaml"
    write_text(config, yaml.safe_dump(training_settings(name, data, folder), sort_keys=False))
    return subprocess.run(snakemake_words(folder, config, "train_detector")).returncode


def main() -> int:
    """Train the network of the command line; the exit status of the run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the data")
    parser.add_argument("name", help="a network of models/recipes.yaml")
    parser.add_argument("--folder", type=Path, default=ROOT / "results" / "train-models")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return train(arguments.name, arguments.data.resolve(), folder)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except OrbitileError as error:
        sys.exit(str(error))
