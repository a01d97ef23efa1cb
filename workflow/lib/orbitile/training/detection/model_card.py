"""The curves and the model card of a detector's training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import matplotlib.pyplot as plt
import pandas as pd

from orbitile.base.files import sha256
from orbitile.pictures.save_figure import save_figure
from orbitile.training.bands import pixels_text, read_band_labels
from orbitile.training.card_texts import calibration_lines, purpose_text, recipe_text, training_course
from orbitile.training.detection.labelled_scenes import LabelledScene
from orbitile.training.detection.recipe import DetectorRecipe
from orbitile.training.detection.sizes import size_correction
from orbitile.training.split import SPLITS


@dataclass(frozen=True)
class TrainingFacts:
    """What is to be said about a training: recipe, scenes by split and scale, figures, size of the network."""

    recipe: DetectorRecipe
    scenes: pd.DataFrame
    pixels: str
    figures: Mapping[str, Any]
    parameters: int

    @classmethod
    def of(
        cls, recipe: DetectorRecipe, scenes: Sequence[LabelledScene], figures: Mapping[str, Any], parameters: int
    ) -> Self:
        """Those of labelled scenes and the figures of a training (see progress.EpochProgress)."""
        bands = read_band_labels(scenes[0].row.path) if scenes[0].bands > 1 else ("",)
        return cls(recipe, _count_scenes(scenes), pixels_text(bands, recipe.purpose), figures, parameters)


def _count_scenes(scenes: Sequence[LabelledScene]) -> pd.DataFrame:
    """Scenes and labelled craters by split and scale."""
    rows = [
        dict(split=split, scale_m=scene.row.scale_m, scene=scene.row.scene, craters=int(labelled.sum()))
        for scene in scenes
        for split, labelled in zip(SPLITS, (~scene.judges(scene.boxes), scene.judges(scene.boxes)), strict=True)
        if scene.split.whole in (None, split)
    ]
    return pd.DataFrame(rows).groupby(["split", "scale_m"], as_index=False).agg(
        scenes=("scene", "nunique"), craters=("craters", "sum")
    )  # fmt: skip


def plot_detector_curves(history: Sequence[Mapping[str, Any]], path: str) -> None:
    """Draw the losses, and the measures on validation scenes, epoch by epoch, as PNG."""
    epochs = pd.DataFrame(history)
    figure, (losses, measures) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for name, label in dict(box_loss="boxes", class_loss="scores", edge_loss="edges").items():
        losses.plot(epochs["epoch"], epochs[name], label=label)
    for name, label in dict(precision="precision", recall="recall", f1="F1").items():
        measures.plot(epochs["epoch"], epochs[name], label=label)
    for axes, title in ((losses, "Loss on training tiles"), (measures, "Validation scenes, at the best score")):
        axes.set(xlabel="epoch", title=title)
        axes.legend()
    save_figure(figure, path)


def detector_card(facts: TrainingFacts, weights: Path) -> str:
    """A model card in Markdown: what the weights are, from what they were trained, how good they are."""
    recipe, best = facts.recipe, facts.figures["best_epoch"]
    return "\n".join([
        f"# {weights.name}", "",
        f"Finds craters. Trained from {Path(recipe.start_from).name}, {facts.parameters / 1e6:.1f} million numbers, "
        f"tiles of {recipe.tile_px} px, {facts.pixels}.{purpose_text(recipe.purpose)} SHA-256:", "",
        f"    {sha256(weights)}", "",
        "| split | m/px | scenes | labelled craters |", "|---|---|---|---|",
        *(f"| {row.split} | {row.scale_m:g} | {row.scenes} | {row.craters} |"
          for row in facts.scenes.itertuples()), "",
        training_course(facts.figures, recipe.max_hours), "",
        f"On the validation scenes, after tiles, scales and suppression, at IoU {recipe.iou_threshold:g} and a score "
        f"of {best['score_threshold']:.2f}, which is best there: F1 {best['f1']:.3f}, precision "
        f"{best['precision']:.3f}, recall {best['recall']:.3f}, {best['n_truth']} true craters. The epoch and the "
        "score were chosen by these scenes: other scenes will do worse, not better.", "",
        *_size_table(best["by_size"]), "", _corrections(best["by_size"]), "",
        *calibration_lines(weights), f"Recipe: {recipe_text(recipe)}.", "",
    ])  # fmt: skip


def _size_table(by_size: Sequence[Mapping[str, Any]]) -> list[str]:
    """Markdown lines: recall, sizes and places by size."""
    head = "| true diameter (px) | craters | recall | diameter, detected / true | centre off by (px) |"
    lines = [
        f"| {row['from_px']:g} to {'more' if row['to_px'] is None else format(row['to_px'], 'g')} | {row['n_truth']} | "
        f"{row['recall']:.3f} | {_number(row, 'diameter_ratio', '.3f')} | {_number(row, 'offset_px', '.2f')} |"
        for row in by_size
    ]
    return [head, "|---|---|---|---|---|", *lines]


def _corrections(by_size: Sequence[Mapping[str, Any]]) -> str:
    points = size_correction(by_size)
    if not points:
        return "Diameters are used as they are detected."
    listed = ", ".join(f"{size:g} px by {factor:g}" for size, factor in points)
    return f"By this table, runs correct diameters, as the weights state: {listed}, and between them evenly."


def _number(row: Mapping[str, Any], name: str, text_format: str) -> str:
    return format(row[name], text_format) if name in row else "-"
