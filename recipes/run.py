"""Train the network of a recipe and judge it on images that it never saw, or compare variants of it.

    .venv/bin/python recipes/run.py DATA NAME [--variants N ...] [--seeds 0 1 2] [--folder FOLDER]

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
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import chdir
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import yaml

from orbitile.base.errors import OrbitileError
from orbitile.base.files import cache_key, sha256, write_json, write_text
from orbitile.inference.models.zoo_card import markdown_table
from orbitile.settings import Settings, check_settings
from orbitile.training.segmentation.evaluate import EvaluationRun, evaluate_weights
from orbitile.training.segmentation.recipe import SegmenterRecipe
from orbitile.training.segmentation.train import train_segmenter

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
TILES = Path("training/segmentation/tiles.parquet")
OUTPUTS = dict(weights="model.safetensors", metrics="metrics.json", curves="curves.png", card="model_card.md",
               examples="examples.png")  # fmt: skip
FIGURES = ("validation loss", "balanced accuracy", "mean IoU", "without background", "F1", "hours")
"""The columns of the table; all but the first and the last are of held-out tiles."""


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
        """Run the commands that prepare data, unless they have run."""
        mark, key = self.folder / "prepared.json", cache_key(commands=self.prepare)
        if mark.is_file() and json.loads(mark.read_text()) == key:
            return
        for words in self.prepare:
            if subprocess.run([sys.executable, *words]).returncode:
                raise OrbitileError(f"{self.name}: its data cannot be prepared; see above, and say where they are")
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
        whole = judged["of_all_classes"]
        values = (metrics["best_epoch"]["validation_loss"], whole["balanced_accuracy"], whole["mean_iou"],
                  whole["mean_iou_without_background"], judged["pooled"]["f1"], metrics["hours"])  # fmt: skip
        return dict(zip(FIGURES, values, strict=True))

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


OF_LEARNING = {field.name for field in fields(SegmenterRecipe)} - {"classes", "seed"} | {"points_weight"}
"""Keys of segmentation_training that change what is learnt of the tiles, but not the tiles."""


def table(figures: Mapping[str, Sequence[Mapping[str, float]]]) -> str:
    """A row for each variant: the mean of each figure over its seeds, and the largest distance of a seed from it."""
    rows = [[title, str(len(seeds)), *(_spread([seed[name] for seed in seeds]) for name in FIGURES)]
            for title, seeds in figures.items()]  # fmt: skip
    return markdown_table(["variant", "seeds", *FIGURES], rows)


def _spread(values: Sequence[float]) -> str:
    mean = statistics.fmean(values)
    return f"{mean:.3f}" + (f" ± {max(abs(value - mean) for value in values):.3f}" if len(values) > 1 else "")


def _merged(settings: dict, changes: Mapping) -> dict:
    """Settings with some changed, section by section."""
    merged = dict(settings)
    for key, value in changes.items():
        is_section = isinstance(value, Mapping) and isinstance(settings.get(key), Mapping)
        merged[key] = _merged(settings[key], value) if is_section else value
    return merged


def _with_places(value: Any, places: Mapping[str, str]) -> Any:  # noqa: ANN401
    """A value read from YAML, in whose texts the names of folders at their beginning are replaced by their paths."""
    if isinstance(value, dict):
        return {key: _with_places(each, places) for key, each in value.items()}
    if isinstance(value, list):
        return [_with_places(each, places) for each in value]
    name, slash, rest = str(value).partition("/")
    return places[name] + slash + rest if isinstance(value, str) and name in places else value


def main() -> None:
    """Train and judge what the command line asks for, seed by seed; the table is written after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the data")
    parser.add_argument("name", help="a folder here with a recipe.yaml")
    parser.add_argument("--variants", nargs="*", type=int, default=[0], help="their numbers (0); none: all of them")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--folder", type=Path, help="where everything is made (results/recipes/NAME)")
    arguments = parser.parse_args()
    folder = (arguments.folder or ROOT / "results" / "recipes" / arguments.name).resolve()
    recipe = Recipe.read(arguments.name, arguments.data.resolve(), folder)
    folder.mkdir(parents=True, exist_ok=True)
    titles = list(recipe.variants)
    if not all(0 <= number < len(titles) for number in arguments.variants):
        raise OrbitileError(f"--variants: {recipe.name} has those from 0 to {len(titles) - 1}")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    recipe.prepare_data()
    figures: dict[str, list[dict]] = {}
    for seed in arguments.seeds:
        for title in [titles[number] for number in arguments.variants] or titles:
            figures.setdefault(title, []).append(Trial(recipe, recipe.variants[title], seed).figures())
            write_json(folder / "figures.json", figures)
            write_text(folder / "figures.md", table(figures) + "\n")
    print(table(figures))


if __name__ == "__main__":
    try:
        main()
    except OrbitileError as error:
        sys.exit(str(error))
