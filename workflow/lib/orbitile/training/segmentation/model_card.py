"""The curves and the model card of a training."""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from orbitile.base.files import sha256
from orbitile.features.metrics import MEASURES
from orbitile.pictures.save_figure import save_figure
from orbitile.training.bands import pixels_text, read_band_labels
from orbitile.training.card_texts import calibration_lines, purpose_text, recipe_text, training_course
from orbitile.training.segmentation.losses import loss_text
from orbitile.training.segmentation.recipe import SegmenterRecipe


def plot_curves(history: list[dict[str, float]], loss: str, path: str) -> None:
    """Draw the loss, whose name is `loss`, and the measures of the validation tiles, epoch by epoch, as PNG."""
    epochs = pd.DataFrame(history)
    figure, (losses, measures) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    losses.plot(epochs["epoch"], epochs["loss"], label="training")
    losses.plot(epochs["epoch"], epochs["validation_loss"], "--", label="validation")
    for name, label in dict(precision="precision", recall="recall", f1="F1", iou="IoU").items():
        measures.plot(epochs["epoch"], epochs[name], label=label)
    measures.plot(epochs["epoch"], epochs["tile_f1"], ":", label="F1 averaged over tiles")
    for axes, title in ((losses, f"Loss ({loss})"), (measures, "Validation tiles, threshold 0.5")):
        axes.set(xlabel="epoch", title=title)
        axes.legend()
    save_figure(figure, path)


def model_card(recipe: SegmenterRecipe, figures: dict, table: pd.DataFrame, weights: Path) -> str:
    """A model card in Markdown: what the weights are, from what they were trained, how good they are."""
    return "\n".join(
        [
            f"# {weights.name}", "",
            f"Maps {', '.join(recipe.classes)} pixel by pixel. Network {recipe.network}, "
            f"{figures['parameters'] / 1e6:.1f} million parameters, tiles of {recipe.tile_px} px, "
            f"{pixels_text(read_band_labels(table['path'].iloc[0]), recipe.purpose)}.{purpose_text(recipe.purpose)} "
            "SHA-256:", "",
            f"    {sha256(weights)}", "",
            *_tiles_table(table), "", training_course(figures, recipe.max_hours), "", *_measures_table(figures), "",
            _best_epoch(figures, recipe), "",
            *calibration_lines(weights), f"Recipe: {recipe_text(recipe)}.", "",
        ]
    )  # fmt: skip


def _best_epoch(figures_of_run: dict, recipe: SegmenterRecipe) -> str:
    """What the best epoch came to on the validation tiles, background counted as a class, and how it was chosen."""
    figures = figures_of_run["best_epoch"]
    return (
        f"In the best epoch, by {recipe.best_by.replace('_', ' ')}, the validation tiles had a loss "
        f"({loss_text(recipe.loss)}) of {figures['validation_loss']:.4f}, a balanced accuracy of "
        f"{figures['balanced_accuracy']:.3f}, and a mean IoU of {figures['mean_iou']:.3f}, "
        f"{figures['mean_iou_without_background']:.3f} without the background."
        + _weights_text(figures_of_run.get("class_weights"))
    )


def _weights_text(weights: dict[str, float] | None) -> str:
    return (
        f" Class weights: {', '.join(f'{name} {weight:.4g}' for name, weight in weights.items())}." if weights else ""
    )


def _tiles_table(table: pd.DataFrame) -> list[str]:
    """Markdown lines: tiles by split and scale."""
    pixels = table["width"] * table["height"] * table["valid_share"]
    counted = table.assign(filled=table["positive_px"] > 0, px=pixels)
    groups = counted.groupby(["split", "scale_m"], as_index=False).agg(
        scenes=("scene", "nunique"), tiles=("filled", "size"), filled=("filled", "sum"),
        positive=("positive_px", "sum"), px=("px", "sum"),
    )  # fmt: skip
    lines = [
        f"| {row.split} | {row.scale_m:g} | {row.scenes:g} | {row.tiles:g} | {row.filled:g} | {row.share:.2%} |"
        for row in groups.assign(share=groups["positive"] / groups["px"]).itertuples()
    ]
    head = "| split | m/px | scenes | tiles | with features | share of pixels |"
    return [head, "|---|---|---|---|---|---|", *lines]


def _measures_table(figures: dict) -> list[str]:
    """Markdown lines: measures of the validation tiles."""
    cases = [("0.5", figures["at_half"])]
    if figures["threshold"] is not None:
        cases.append((f"{figures['threshold']:.2f}, best on these tiles", figures["at_threshold"]))
    lines = [_measures_line(threshold, kind, measures[field]) for threshold, measures in cases
             for kind, field in (("all pixels", "pooled"), ("mean over tiles", "tile_averaged"))]  # fmt: skip
    if len(figures["at_half"]["classes"]) > 1:
        lines += [_measures_line("the likeliest", f"all pixels, {name}", measures["pooled"])
                  for name, measures in figures["at_half"]["classes"].items()]  # fmt: skip
    head = "| threshold | validation tiles | precision | recall | F1 | IoU |"
    return [head, "|---|---|---|---|---|---|", *lines]


def _measures_line(threshold: str, kind: str, measures: dict[str, float | None]) -> str:
    """A row; a dash where a measure is not defined."""
    values = ("-" if measures[name] is None else f"{measures[name]:.3f}" for name in MEASURES)
    return f"| {threshold} | {kind} | {' | '.join(values)} |"
