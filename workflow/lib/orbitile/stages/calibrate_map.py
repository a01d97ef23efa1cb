"""calibrate_map: what the probabilities of a network's pixels are worth, by ground with known truth."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from orbitile.base.errors import OrbitileError
from orbitile.base.files import write_json
from orbitile.calibration.map_sample import judge_pixels
from orbitile.calibration.pixel_calibration import PixelCalibration
from orbitile.calibration.pixel_figures import with_pixel_figures
from orbitile.features.labels.judged import mapped_classes, read_map_truth
from orbitile.pictures.calibration_picture import draw_pixel_calibration
from orbitile.space.bodies import Body
from orbitile.tables.rasters import read_rasters_of_groups

log = logging.getLogger(__name__)


class MapCalibrationOutputs(NamedTuple):
    """Where the calibration (JSON) and its picture (PNG) go."""

    calibration: str
    picture: str


def calibrate_map(
    stitched: Sequence[str], truth: str, body: Body, label_fields: Mapping, model_sha256: str,
    outputs: MapCalibrationOutputs, unmapped_scenes: int = 0,
) -> None:  # fmt: skip
    """Judge the pixels of all groups by true lines and polygons, and write what their probabilities are worth.

    `stitched` are the groups' tables of probabilities, by weights with the hash `model_sha256`; `label_fields` are the
    settings' section `labels`. OrbitileError where there are no probabilities, or no pixel of a scene is true.
    """
    rasters = read_rasters_of_groups(stitched)
    classes = mapped_classes(rasters)
    if not classes:
        raise OrbitileError("calibrate: no scene of the run has probabilities; calibration needs scenes with data")
    labels = read_map_truth(truth, body, label_fields, classes, unmapped_scenes)
    sample = judge_pixels(rasters, labels, label_fields["buffers_px"], unmapped_scenes)
    true = {name: sample.of_class(name).truth for name in classes}
    if not any(true.values()):
        raise OrbitileError(f"{truth}: none of its lines and polygons lies on valid pixels of a scene of the run; "
                            "calibration needs true ones")  # fmt: skip
    text = f"{sum(true.values()):,} true pixels of {Path(truth).name}"
    stated = with_pixel_figures(PixelCalibration(sample, text, model_sha256))
    write_json(outputs.calibration, stated)
    draw_pixel_calibration(stated["figures"], outputs.picture)
    for name, figures in stated["figures"]["classes"].items():
        log.info("%s: expected calibration error %s", name, _errors_text(figures["calibration_error"]))


def _errors_text(errors: Mapping[str, Any]) -> str:
    """Those of the network's probabilities and of calibrated ones."""
    before, after = (
        "unknown" if errors[name] is None else f"{errors[name]['value']:.4f}" for name in ("before", "after")
    )
    return f"{before}, of calibrated probabilities {after}"
