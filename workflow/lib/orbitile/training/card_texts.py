"""Sentences of the model cards of all trainings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orbitile.calibration.network_calibration import CALIBRATION_KEY
from orbitile.inference.models.weights_header import read_description
from orbitile.inference.models.zoo_card import calibration_text, course_text
from orbitile.training.detection.recipe import DetectorRecipe
from orbitile.training.segmentation.recipe import SegmenterRecipe


def training_course(figures: Mapping[str, Any], max_hours: float | None) -> str:
    """The best epoch, the number of epochs and the time, from the figures of a training (progress.EpochProgress)."""
    text = course_text(figures["epoch"], figures["epochs"], figures["hours_on"])
    return f"{text} It was ended by its limit of {max_hours:g} h." if figures["is_cut_short"] else text


def calibration_lines(weights: Path) -> list[str]:
    """Markdown lines: what the weights state of their scores or probabilities; none where they state nothing."""
    text = calibration_text(read_description(weights).get(CALIBRATION_KEY))
    return [text, ""] if text else []


def recipe_text(recipe: DetectorRecipe | SegmenterRecipe) -> str:
    """All fields but the purpose; of the weights that training started from, the file's name alone."""
    fields = {name: value for name, value in vars(recipe).items() if name != "purpose"}
    fields |= dict(start_from=recipe.start_from and Path(recipe.start_from).name)
    return ", ".join(f"{name} {value}" for name, value in fields.items())


def purpose_text(purpose: Mapping[str, Any]) -> str:
    """What images weights are for (weights_header.PURPOSE), a sentence that begins with a space; "" for no purpose."""
    if not purpose:
        return ""
    least, largest = purpose["gsd_range_m"]
    range_text = f"{least:g} m/px" if least == largest else f"{least:g} to {largest:g} m/px"
    words = [purpose.get("images"), purpose["body"], range_text]
    return f" Learnt from: {', '.join(filter(None, words))}; runs on another body or far from it get a warning."
