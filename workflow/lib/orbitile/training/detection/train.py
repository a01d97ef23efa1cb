"""train_detector: from labelled scenes to weights, with their curves, figures and model card."""

import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from orbitile.base.errors import OrbitileError
from orbitile.base.files import atomic, cache_key, sha256, write_json, write_text
from orbitile.calibration.figures import with_figures
from orbitile.calibration.network_calibration import CALIBRATION_KEY
from orbitile.detections.tiling import SizeLimits, TileSize
from orbitile.inference.models.weights import save_tensors
from orbitile.pictures.calibration_picture import draw_calibration
from orbitile.tables.craters import CraterTable, PixelPlaces, check_scene_names, read_craters_of_run
from orbitile.tables.rasters import read_sealed_rasters
from orbitile.tables.scenes import SceneOrigin
from orbitile.training.bands import bands_to_state, common_bands
from orbitile.training.detection.batches import DetectorBatches
from orbitile.training.detection.calibrate import calibrate_detector
from orbitile.training.detection.labelled_scenes import LabelledScene, SplitChoice, label_scenes
from orbitile.training.detection.model_card import TrainingFacts, detector_card, plot_detector_curves
from orbitile.training.detection.network import describe_detector
from orbitile.training.detection.recipe import DetectorRecipe
from orbitile.training.detection.sizes import size_correction
from orbitile.training.detection.threads import fastest_threads
from orbitile.training.detection.validation import SearchScale
from orbitile.training.fit import FitOptions, best_tensors, fit, has_fast_bfloat16
from orbitile.training.split import SPLITS

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingInputs:
    """The groups' tables of scaled scenes, the labels, and the number of scenes where these have no map.

    `origins` is what the scene table says of scenes for training, by their names.
    """

    rasters: Sequence[str]
    craters: CraterTable
    unmapped_scenes: int = 0
    origins: Mapping[str, SceneOrigin] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainingOutputs:
    """Where weights, metrics (JSON), curves, what scores are worth (PNG) and the model card go."""

    weights: str
    metrics: str
    curves: str
    calibration: str
    card: str


def train_detector(
    inputs: TrainingInputs, recipe: DetectorRecipe, scales: Mapping[float, SearchScale], radius_m: float,
    outputs: TrainingOutputs,
) -> None:  # fmt: skip
    """Train on labelled scenes and write weights, figures, curves and model card.

    `scales` tells for each scale in m/px how validation scenes are searched. An interrupted training with the same
    recipe, scenes and labels is resumed after its last finished epoch. The weights of every recipe stay in a folder of
    their own beside the outputs. OrbitileError where a table cannot be read or nothing can be learnt.
    """
    scenes = _read(inputs, recipe, radius_m)
    _check_labels(scenes, inputs)
    options = _options(recipe)
    data = DetectorBatches(scenes, recipe, scales, options)
    module = data.module()
    if not options.is_cuda and recipe.threads is None:
        options = replace(options, threads=fastest_threads(module.network, data))
    work = _work_folder(recipe, scenes, scales, Path(outputs.weights).parent)
    progress = fit(module, data, options, work)
    figures = progress.figures
    tensors = best_tensors(work, "average.module.")
    described = _described(figures, recipe) | bands_to_state(scenes[0].row.path)
    metadata = describe_detector(module.network, scenes[0].bands, described)
    weights = work / "model.safetensors"
    save_tensors(weights, tensors, metadata)
    calibration = with_figures(calibrate_detector(weights, data, recipe))
    save_tensors(weights, tensors, metadata | {CALIBRATION_KEY: calibration})
    draw_calibration(calibration["figures"], work / "calibration.png")
    facts = TrainingFacts.of(recipe, scenes, figures, sum(tensor.numel() for tensor in tensors.values()))
    _publish(work, outputs, facts, progress.history)


def _read(inputs: TrainingInputs, recipe: DetectorRecipe, radius_m: float) -> list[LabelledScene]:
    rows = [row for path in inputs.rasters for row in read_sealed_rasters(path)]
    if not rows:
        raise OrbitileError("training: no scene could be read")
    common_bands(rows)
    truth = read_craters_of_run(inputs.craters, PixelPlaces.of(rows, radius_m), inputs.unmapped_scenes)
    check_scene_names(truth, {row.scene for row in rows}, inputs.craters.path)
    return label_scenes(rows, truth, SplitChoice.of(vars(recipe), inputs.origins), radius_m, recipe.labelled_from_px)


def _check_labels(scenes: Sequence[LabelledScene], inputs: TrainingInputs) -> None:
    """OrbitileError where no crater is there to learn from, or to judge by."""
    finest = [scene for scene in scenes if scene.row.scale_m == scenes[0].row.scale_m]
    judged = [scene.judges(scene.boxes) for scene in finest]
    for split, count in zip(SPLITS, (sum((~mask).sum() for mask in judged), sum(mask.sum() for mask in judged)),
                            strict=True):  # fmt: skip
        log.info("%s: %d labelled craters", "to learn from" if split == SPLITS[0] else "for validation", count)
        if not count:
            raise OrbitileError(f"{inputs.craters.path}: no crater lies on what is kept for {split}; choose other "
                                "training.validation_scenes, or a smaller training.block_deg")  # fmt: skip


def _work_folder(
    recipe: DetectorRecipe, scenes: Sequence[LabelledScene], scales: Mapping[float, SearchScale], folder: Path
) -> Path:  # fmt: skip
    """The folder of an attempt, by all that its result depends on but the time limit and where it runs."""
    without = ("device", "max_hours", "threads", "purpose")
    fields = {name: value for name, value in vars(recipe).items() if name not in without}
    start = sha256(recipe.start_from) if Path(recipe.start_from).is_file() else None
    labels = [(scene.row.scene, scene.boxes.round(3).tobytes(), scene.agreement.tobytes()) for scene in scenes]
    pixels = [(sha256(scene.row.path), scene.row.low, scene.row.high) for scene in scenes]
    splits = {scene.row.scene: scene.split.whole for scene in scenes}
    key = cache_key(recipe=fields, start=start, labels=labels, pixels=pixels, scales=sorted(scales.items()),
                    splits=splits)  # fmt: skip
    work = folder / f"attempt-{key}"
    work.mkdir(parents=True, exist_ok=True)
    return work


def _options(recipe: DetectorRecipe) -> FitOptions:
    options = FitOptions(
        section="training", epochs=recipe.epochs, patience=recipe.patience, seed=recipe.seed, device=recipe.device,
        precision=recipe.precision, max_hours=recipe.max_hours, threads=recipe.threads, clip_norm=10.0,
    )  # fmt: skip
    if recipe.precision == "auto" and not options.is_cuda and has_fast_bfloat16():
        return replace(options, precision="bfloat16")
    return options


def search_scales(
    tile_sizes: Mapping[float, Mapping], size_limits: Mapping[float, Mapping]
) -> dict[float, SearchScale]:
    """How scenes are searched at each scale in m/px, from the settings' tile sizes and size limits."""
    return {
        scale_m: SearchScale(TileSize(**size), SizeLimits(**size_limits[scale_m]))
        for scale_m, size in tile_sizes.items()
    }


def _described(figures: Mapping, recipe: DetectorRecipe) -> dict:
    best = figures["best_epoch"]
    points = size_correction(best["by_size"])
    correction = dict(size_correction=points) if points else {}
    return dict(score_threshold=best["score_threshold"], tile_px=recipe.tile_px) | correction | recipe.purpose


def _publish(work: Path, outputs: TrainingOutputs, facts: TrainingFacts, history: Sequence[Mapping]) -> None:
    """Put the outputs in place; the attempt's folder keeps a copy of weights and card, and no checkpoints."""
    with atomic(outputs.weights) as temporary:
        shutil.copyfile(work / "model.safetensors", temporary)
    with atomic(outputs.calibration) as temporary:
        shutil.copyfile(work / "calibration.png", temporary)
    write_json(outputs.metrics, facts.figures)
    plot_detector_curves(history, outputs.curves)
    card = detector_card(facts, Path(outputs.weights))
    write_text(outputs.card, card)
    write_text(work / "model_card.md", card)
    for checkpoint in work.glob("*.ckpt"):
        checkpoint.unlink()
