"""Train the network of a recipe and judge it on images that it never saw, or compare variants of it.

    .venv/bin/python recipes/run.py DATA NAME [--variants N ...] [--seeds 0 1 2] [--forest] [--folder FOLDER]

NAME is a folder here with a recipe.yaml:
  prepare    commands of Python that prepare data, run once
  training   settings of the training (config/config.yaml)
  held_out   what differs in the settings of held-out images, whose tiles are all judged
  variants   what differs in the settings of training; number 0, the first, is the recipe itself
DATA, WORK and HERE in its texts stand for the folders of the data, of what is made, and of the recipe. What an earlier
call has made is used again. Writes figures.md and figures.json: means over the seeds, and the largest distance of a
seed from them.
"""

import argparse
import json
import logging
import re
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import chdir
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import pandas as pd
import yaml

from orbitile.base.errors import OrbitileError
from orbitile.base.files import cache_key, sha256, write_json, write_text
from orbitile.inference.models.segmentation import BACKGROUND
from orbitile.inference.models.zoo_card import markdown_table
from orbitile.settings import Settings, check_settings
from orbitile.tables.parquet import read_table
from orbitile.training.segmentation.evaluate import EvaluationRun, evaluate_weights
from orbitile.training.segmentation.recipe import SegmenterRecipe
from orbitile.training.segmentation.train import train_segmenter

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.append(str(ROOT / "benchmarks" / "exactness"))
from texture_forest import ForestRecipe, compared  # noqa: E402

TILES = Path("training/segmentation/tiles.parquet")
OUTPUTS = dict(weights="model.safetensors", metrics="metrics.json", curves="curves.png", card="model_card.md",
               examples="examples.png")  # fmt: skip
FIGURES = (
    "validation loss",
    "accuracy",
    "balanced accuracy",
    "mean IoU",
    "without background",
    "mean F1",
    "F1",
    "hours",
)
"""The columns of the table; all but the first and the last are of held-out tiles. F1 is without the background, and of
several classes the IoU of each follows."""
FOREST = "forest of decision trees"


@dataclass(frozen=True)
class Recipe:
    """What a recipe.yaml says (see above), and the folder in which everything is made."""

    name: str
    folder: Path
    training: dict
    held_out: dict
    variants: dict[str, dict]
    prepare: Sequence[Sequence[str]] = ()

    @classmethod
    def read(cls, name: str, data: Path, folder: Path) -> Self:
        """That of a folder here; OrbitileError for an unknown name."""
        path = HERE / name / "recipe.yaml"
        if not path.is_file():
            names = ", ".join(sorted(place.parent.name for place in HERE.glob("*/recipe.yaml")))
            raise OrbitileError(f"{name}: there is no such recipe; there are {names}")
        places = dict(DATA=str(data), WORK=str(folder), HERE=str(path.parent))
        return cls(name, folder, **_with_places(yaml.safe_load(path.read_text()), places))

    def prepare_data(self) -> None:
        """Run the commands that prepare data, unless they have run; where one fails, it says why, and all ends."""
        mark, key = self.folder / "prepared.json", cache_key(commands=self.prepare)
        if mark.is_file() and json.loads(mark.read_text()) == key:
            return
        for words in self.prepare:
            if code := subprocess.run([sys.executable, *map(str, words)]).returncode:
                sys.exit(code)
        write_json(mark, key)

    def settings(self, changes: dict, is_held_out: bool = False) -> dict:
        """The settings of training with some changes; of held-out images prepared in the same way."""
        return _merged(_merged(self.training, changes), self.held_out if is_held_out else {})


@dataclass(frozen=True)
class Trial:
    """A variant of a recipe and a seed."""

    recipe: Recipe
    changes: dict
    seed: int

    @cached_property
    def settings(self) -> Settings:
        """Those of its training."""
        settings = self.recipe.settings(_merged(self.changes, dict(segmentation_training=dict(seed=self.seed))))
        return check_settings(settings | dict(run=self.recipe.name), [f"recipes/{self.recipe.name}/recipe.yaml"])

    def figures(self) -> dict[str, float]:
        """By the names of FIGURES; it is trained where it has not been yet."""
        tiles, held_out = self._tiles(), self._tiles(is_held_out=True)
        key = cache_key(recipe=self.settings.segmenter_recipe, tiles=sha256(tiles), held_out=sha256(held_out))
        folder = self.recipe.folder / "trials" / key
        outputs = {kind: str(folder / name) for kind, name in OUTPUTS.items()}
        run = EvaluationRun(batch=self.settings.segmenter_recipe["batch"])
        with chdir(self.recipe.folder):  # paths in tables of tiles count from there
            if not Path(outputs["card"]).is_file():
                folder.mkdir(parents=True, exist_ok=True)
                train_segmenter(str(tiles), SegmenterRecipe(**self.settings.segmenter_recipe), **outputs)
            judged = evaluate_weights(outputs["weights"], str(held_out), None, run)["at_threshold"]
        metrics = json.loads(Path(outputs["metrics"]).read_text())
        of_training = {"validation loss": metrics["best_epoch"]["validation_loss"], "hours": metrics["hours"]}
        return of_training | figures_of_classes(judged["of_all_classes"])

    def forest_figures(self) -> dict[str, float]:
        """By the names of FIGURES, of a forest of decision trees on local texture that learns from the same tiles."""
        learnt, held_out = (read_table(str(self._tiles(is_held_out))) for is_held_out in (False, True))
        tiles = pd.concat([learnt[learnt["split"] == "train"], held_out.assign(split="val")], ignore_index=True)
        with chdir(self.recipe.folder):
            matrix = compared(tiles, ForestRecipe(seed=self.seed))
        names = self.settings.segmenter_recipe["classes"]
        return figures_of_classes(matrix.figures((BACKGROUND, *names), BACKGROUND))

    def _tiles(self, is_held_out: bool = False) -> Path:
        """The table of tiles to learn from, or of held-out ones, made by a run of the workflow."""
        settings = self.recipe.settings(self.changes, is_held_out)
        of_tiles = {key: value for key, value in settings["segmentation_training"].items() if key not in OF_LEARNING}
        settings = settings | dict(segmentation_training=of_tiles)
        name = f"tiles-{cache_key(settings=settings)}"
        config, table = self.recipe.folder / f"{name}.yaml", Path("results") / name / TILES
        write_text(config, yaml.safe_dump(settings | dict(run=name), sort_keys=False))
        words = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory",
                 self.recipe.folder, "--profile", ROOT / "profiles" / "local", "--configfile", config,
                 "--quiet", "host", "--", table]  # fmt: skip
        if not (self.recipe.folder / table).is_file() and subprocess.run(list(map(str, words))).returncode:
            raise OrbitileError(f"{self.recipe.name}: its tiles cannot be made; see above")
        return self.recipe.folder / table


OF_LEARNING = {field.name for field in fields(SegmenterRecipe)} - {"classes", "seed", "purpose"} | {
    "points_weight",
    "images",
}
"""Keys of segmentation_training that change what is learnt of the tiles, but not the tiles."""


def figures_of_classes(whole: Mapping[str, Any]) -> dict[str, float]:
    """Figures of the table by their names, of what ConfusionMatrix.figures says; those not defined are left out."""
    f1, iou = ({name: measures[measure] for name, measures in whole["classes"].items() if measures[measure] is not None}
               for measure in ("f1", "iou"))  # fmt: skip
    foreground = [value for name, value in f1.items() if name != BACKGROUND]
    figures = {"accuracy": whole["accuracy"], "balanced accuracy": whole["balanced_accuracy"],
               "mean IoU": whole["mean_iou"], "without background": whole["mean_iou_without_background"],
               "mean F1": statistics.fmean(f1.values()), "F1": statistics.fmean(foreground)}  # fmt: skip
    return figures | ({f"IoU of {name}": value for name, value in iou.items()} if len(whole["classes"]) > 2 else {})


def table(figures: Mapping[str, Sequence[Mapping[str, float]]]) -> str:
    """A row for each variant: the mean of each figure over its seeds, and the largest distance of a seed from it."""
    names = list(dict.fromkeys([*FIGURES, *(name for seeds in figures.values() for seed in seeds for name in seed)]))
    rows = [[title, str(len(seeds)), *(_spread([seed[name] for seed in seeds if name in seed]) for name in names)]
            for title, seeds in figures.items()]  # fmt: skip
    return markdown_table(["variant", "seeds", *names], rows)


def _spread(values: Sequence[float]) -> str:
    if not values:
        return ""
    mean = statistics.fmean(values)
    return f"{mean:.3f}" + (f" ± {max(abs(value - mean) for value in values):.3f}" if len(values) > 1 else "")


def _merged(settings: dict, changes: Mapping) -> dict:
    """Settings with some changed, section by section; an empty section takes the place of one with entries."""
    merged = dict(settings)
    for key, value in changes.items():
        is_section = isinstance(value, Mapping) and value and isinstance(settings.get(key), Mapping)
        merged[key] = _merged(settings[key], value) if is_section else value
    return merged


def _with_places(value: Any, places: Mapping[str, str]) -> Any:  # noqa: ANN401
    """A value read from YAML, in whose texts the names of folders at the beginning of paths are replaced by theirs."""
    if isinstance(value, dict):
        return {key: _with_places(each, places) for key, each in value.items()}
    if isinstance(value, list):
        return [_with_places(each, places) for each in value]
    if not isinstance(value, str):
        return value
    return re.sub(rf"(^|=)({'|'.join(places)})(?=/|$)", lambda match: match[1] + places[match[2]], value)


def main() -> None:
    """Train and judge what the command line asks for, seed by seed; the table is written after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the data")
    parser.add_argument("name", help="a folder here with a recipe.yaml")
    parser.add_argument("--variants", nargs="*", type=int, default=[0], help="their numbers (0); none: all of them")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--forest", action="store_true",
                        help="a row also for decision trees on the texture of the first variant's tiles")  # fmt: skip
    parser.add_argument("--folder", type=Path, help="where everything is made (results/recipes/NAME)")
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        raise OrbitileError(f"{arguments.data}: no such folder of data; name it, as in DATA=../shared/data")
    folder = (arguments.folder or ROOT / "results" / "recipes" / arguments.name).resolve()
    recipe = Recipe.read(arguments.name, arguments.data.resolve(), folder)
    folder.mkdir(parents=True, exist_ok=True)
    titles = list(recipe.variants)
    if not all(0 <= number < len(titles) for number in arguments.variants):
        raise OrbitileError(f"--variants: {recipe.name} has those from 0 to {len(titles) - 1}")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    recipe.prepare_data()
    figures: dict[str, list[dict]] = {}
    chosen = [titles[number] for number in arguments.variants] or titles
    for seed in arguments.seeds:
        trials = {title: Trial(recipe, recipe.variants[title], seed) for title in chosen}
        rows = [(FOREST, trials[chosen[0]].forest_figures)] if arguments.forest else []
        for title, judged in rows + [(title, trial.figures) for title, trial in trials.items()]:
            figures.setdefault(title, []).append(judged())
            write_json(folder / "figures.json", figures)
            write_text(folder / "figures.md", table(figures) + "\n")
    print(table(figures))


if __name__ == "__main__":
    try:
        main()
    except OrbitileError as error:
        sys.exit(str(error))
