"""What does each part of a recipe bring? Trains variants of a network with several seeds, and judges them.

    .venv/bin/python models/ablate.py DATA NAME [--variants N ...] [--seeds 0 1 2]

The variants stand in models/ablations.yaml. Judged are the validation images, which choose epoch and score, and
held-out ones at that score. Writes results/ablations/NAME.md and NAME.json; what is trained already stays. Two calls
for other variants may run side by side with another --folder each.
"""

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from xml.etree import ElementTree

import yaml
from compared_networks import ROOT, Network, run_name
from evaluate import Comparison
from held_out_runs import HeldOut, placed, snakemake_words
from train import read_recipe, training_settings

from orbitile.base.errors import OrbitileError
from orbitile.base.files import write_json, write_text
from orbitile.inference.models.zoo_card import markdown_table

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Ablation:
    """Variants of a recipe: their titles, and what each changes in the recipe's training."""

    name: str
    held_out: str
    training: dict
    variants: dict[str, dict]

    @classmethod
    def read(cls, name: str, numbers: Sequence[int] | None) -> Self:
        """Of a network, all variants or those of some numbers (from 0); OrbitileError for unknown ones."""
        entry = read_recipe(name, HERE / "ablations.yaml")
        variants = list(entry["variants"].items())
        if numbers and not all(0 <= number < len(variants) for number in numbers):
            raise OrbitileError(f"--variants: {name} has those from 0 to {len(variants) - 1}")
        chosen = dict(variants[number] for number in numbers) if numbers else dict(variants)
        return cls(name, entry["held_out"], entry["training"], chosen)

    def train(self, title: str, seed: int, data: Path, folder: Path) -> Path:
        """Train a variant with a seed; the folder of its weights."""
        run = run_name(f"{title}-{seed}")
        settings = training_settings(self.name, data, folder)
        changes = self.training | self.variants[title] | dict(seed=seed)
        if (least := changes.pop("least_share", None)) is not None:
            labels = sure_labels(Path(settings["training"]["craters"]), least, folder / f"labels-{least:g}")
            changes |= dict(craters=str(labels))
        if "start_from" in changes and "/" in changes["start_from"]:
            changes |= dict(start_from=str(placed(changes["start_from"], data)))
        config = folder / f"{run}.yaml"
        training = settings["training"] | changes
        write_text(config, yaml.safe_dump(settings | dict(run=run, training=training), sort_keys=False))
        if subprocess.run(snakemake_words(folder, config, "train_detector")).returncode:
            raise OrbitileError(f"{title}, seed {seed}: its training failed; see above")
        return folder / "results" / run / "training"


def sure_labels(labels: Path, least_share: float, out: Path) -> Path:
    """A copy of Pascal VOC labels without what a smaller share of the annotators marked, and without their number."""
    trees = {path.name: ElementTree.parse(path) for path in sorted(labels.glob("*.xml"))}
    most = max(int(number.text or 0) for tree in trees.values() for number in tree.iter("confidence"))
    out.mkdir(parents=True, exist_ok=True)
    for name, tree in trees.items():
        root = tree.getroot()
        for crater in root.findall("object"):
            number = crater.find("confidence")
            if number is None or int(number.text or 0) < least_share * most:
                root.remove(crater)
            else:
                crater.remove(number)
        write_text(out / name, ElementTree.tostring(root, encoding="unicode"))
    return out


def judge(trained: Path, comparison: Comparison) -> dict:
    """F1 on the validation images, and on the held-out ones at the score that was best there; hours of training."""
    metrics = json.loads((trained / "metrics.json").read_text())
    best = metrics["best_epoch"]
    (result,) = comparison.results()
    point = min(result["by_score"], key=lambda row: abs(row["score"] - best["score_threshold"]))
    return dict(validation=best["f1"], held_out=point["f1"], score=point["score"], hours=metrics["hours"],
                sha256=result["sha256"])  # fmt: skip


def table(figures: dict[str, list[dict]]) -> str:
    """Means over seeds, the largest distance of a seed from them, and the difference to the first variant."""
    base = _mean(next(iter(figures.values())), "held_out")
    rows = [
        [title, *(f"{_mean(seeds, key):.3f} ± {_spread(seeds, key):.3f}" for key in ("validation", "held_out")),
         f"{_mean(seeds, 'held_out') - base:+.3f}", f"{_mean(seeds, 'hours'):.2f}"]
        for title, seeds in figures.items()
    ]  # fmt: skip
    return markdown_table(["variant", "F1, validation", "F1, held out", "difference", "hours"], rows)


def _mean(seeds: Sequence[dict], key: str) -> float:
    return statistics.fmean(row[key] for row in seeds)


def _spread(seeds: Sequence[dict], key: str) -> float:
    return max(abs(row[key] - _mean(seeds, key)) for row in seeds)


def main() -> None:
    """Train and judge, seed by seed; the table is written after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the data")
    parser.add_argument("name", help="a network of models/ablations.yaml")
    parser.add_argument("--variants", nargs="+", type=int, help="their numbers, from 0; all if left out")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--folder", type=Path, default=ROOT / "results" / "ablations")
    arguments = parser.parse_args()
    folder, data = arguments.folder.resolve(), arguments.data.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    ablation = Ablation.read(arguments.name, arguments.variants)
    (held_out,) = HeldOut.read(HERE / "held_out.yaml", data, [ablation.held_out])
    figures: dict[str, list[dict]] = {}
    for seed in arguments.seeds:
        for title in ablation.variants:
            trained = ablation.train(title, seed, data, folder)
            network = Network(run_name(f"{title}-{seed}"), str(trained / "model.safetensors"))
            figures.setdefault(title, []).append(judge(trained, Comparison(folder, [held_out], [network])))
            write_json(folder / f"{arguments.name}.json", figures)
            write_text(folder / f"{arguments.name}.md", table(figures) + "\n")
    print(table(figures))


if __name__ == "__main__":
    try:
        main()
    except OrbitileError as error:
        sys.exit(str(error))
