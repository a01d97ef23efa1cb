"""The zoo: networks that have names, with what is known of each (docs/models.md).

A network is three files in a folder: NAME.safetensors, whose header says what it takes to run it, NAME.json, the facts
that are not in the weights, and NAME.md, its card, which is made of both. No fact is stated twice.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from orbitile.base.errors import OrbitileError
from orbitile.base.messages import shortened
from orbitile.base.names import is_plain_name
from orbitile.inference.models.families import FAMILIES
from orbitile.inference.models.weights_header import read_description

CHECKOUT_ZOO = Path(__file__).resolve().parents[5] / "models"
INSTALLED_ZOO = Path(__file__).resolve().parents[6] / "share" / "orbitile" / "models"
"""Where pip puts the networks: PREFIX/share, as it puts the library into PREFIX/lib/pythonX.Y/site-packages."""
ZOO = next(filter(Path.is_dir, (CHECKOUT_ZOO, INSTALLED_ZOO)), Path("models"))
"""The folder of the networks that come with the project."""
ADVISED = ("model", "suppression", "stretch_percentiles", "stretch_values")
"""Settings, beside `scales`, that a network may give defaults for."""
BY_FILE = "{weights: FILE, sha256: HASH}"
"""How settings name weights that have no name."""
DESCRIBED = ("name", "weights", "sha256", "family", "gsd_range_m", "body", "images")
"""Keys of the settings' section `model` that come from elsewhere in the facts, or from the weights."""


def _filled(text: str) -> str:
    if not text.strip() or "\n" in text:
        raise ValueError("allowed is a text of one line")
    return text


def _interval(limits: tuple[float, float]) -> tuple[float, float]:
    if not 0 < limits[0] <= limits[1]:
        raise ValueError("allowed are the least and the largest, above 0")
    return limits


Line = Annotated[str, AfterValidator(_filled)]
Lines = Annotated[tuple[Line, ...], Field(min_length=1)]
Metres = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]


class Facts(BaseModel):
    """Facts of JSON: immutable, and refusing unknown keys; they cost nothing until a network is read."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)


class AdvisedScale(Facts):
    """A scale to search: `factor` times the images' ground sample distance, by `enlarge`.

    Other fields are those of the settings' section `scales`.
    """

    factor: int = Field(ge=1)
    enlarge: int = Field(default=1, ge=1)
    tile_px: int
    overlap_px: int
    min_object_px: float
    max_object_px: float | None = None

    def gsd_m(self, finest_m: float) -> float:
        """Its metres per pixel, where images have `finest_m`."""
        return finest_m * self.factor / self.enlarge

    def settings(self, finest_m: float) -> dict[str, Any]:
        """An entry of the settings' `scales`, where images have `finest_m` metres per pixel."""
        return self.model_dump(exclude={"factor"}) | dict(gsd_m=self.gsd_m(finest_m))


class TrainingData(Facts):
    """Images and labels that a network learnt from, under which licence, and whose work they are."""

    name: Line
    licence: Line
    credit: Line
    url: Line | None = None


class AboutNetwork(Facts):
    """What the makers of a network say of it.

    `images` names the kind of images, `gsd_m` is the ground sample distance (m/px) that it is meant for, and
    `gsd_range_m` the least and the largest that it was tried on. `scales` are the ones to search, from fine to coarse;
    `settings` are other defaults, by section of the settings (ADVISED). `fails` tells where it fails, a line each.
    """

    title: Line
    body: Line
    images: Line
    gsd_m: Metres
    gsd_range_m: Annotated[tuple[Metres, Metres], AfterValidator(_interval)]
    scales: Annotated[tuple[AdvisedScale, ...], Field(min_length=1)]
    settings: dict[str, Any] = {}
    trained: Line
    training_data: Annotated[tuple[TrainingData, ...], Field(min_length=1)]
    licence: Line
    fails: Lines

    @model_validator(mode="after")
    def _defaults_are_of_settings(self) -> Self:
        if unknown := sorted(set(self.settings) - set(ADVISED)):
            raise ValueError(f"settings.{unknown[0]}: allowed are {', '.join(ADVISED)}")
        model = self.settings.get("model", {})
        if doubled := [key for key in DESCRIBED if key in model]:
            raise ValueError(
                f"settings.model.{doubled[0]}: is not stated here, but in the weights or beside `settings`"
            )
        if self.scales[0].factor != 1:
            raise ValueError("scales: the first one's factor is 1")
        if not self.gsd_range_m[0] <= self.gsd_m <= self.gsd_range_m[1]:
            raise ValueError("gsd_m: lies outside of gsd_range_m")
        return self


class ValidationFigures(Facts):
    """How good a network was on the validation scenes that its epoch, and the score in its weights, were chosen by."""

    f1: Fraction
    precision: Fraction
    recall: Fraction
    n_truth: int
    epoch: int
    epochs: int
    hours_on: dict[str, float]


class Estimate(Facts):
    """A measure, and its interval of 95 % where there is one."""

    value: Fraction
    interval: tuple[Fraction, Fraction] | None = None


class SizeFigures(Facts):
    """The figures of true craters from one diameter (pixels of the finest scale) up to another; None: no end."""

    from_px: float
    to_px: float | None = None
    n_truth: int
    recall: Estimate
    precision: Fraction
    f1: Fraction
    diameter_ratio: float | None = None


class HeldOutFigures(Facts):
    """How good a network is on images that it has not seen.

    `images` and `why` tell which these are, `units` what intervals were drawn from. Boxes match from an IoU of `iou`
    on; `diameter_ratio` and `offset_px` are medians: found over true diameter, pixels between the centres.
    """

    images: Line
    why: Line
    iou: Fraction
    score_threshold: Fraction
    n_truth: int
    units: Line
    f1: Estimate
    precision: Estimate
    recall: Estimate
    diameter_ratio: float | None = None
    offset_px: float | None = None
    by_size: tuple[SizeFigures, ...]


class NetworkFacts(Facts):
    """All that is known of a network beside its weights: what NAME.json holds."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    about: AboutNetwork
    validation: ValidationFigures | None = None
    held_out: tuple[HeldOutFigures, ...] = ()


@dataclass(frozen=True)
class ZooNetwork:
    """A network of a zoo: its name, its facts, its weights."""

    name: str
    facts: NetworkFacts
    weights: Path

    @cached_property
    def description(self) -> Mapping[str, object]:
        """What the header of the weights says of them; OrbitileError where they do not describe a known family."""
        if not self.weights.is_file():
            raise OrbitileError(f"model: {self.name} has no weights at {self.weights}; copy them there")
        description = read_description(self.weights)
        if description.get("family") not in FAMILIES:
            family = shortened(repr(description.get("family")))
            raise OrbitileError(f"{self.weights}: the header names the family {family}; allowed are "
                                f"{', '.join(FAMILIES)}; copy the file again")  # fmt: skip
        return description

    @property
    def family(self) -> str:
        """Its family (see orbitile.inference.models.families)."""
        return str(self.description["family"])

    @property
    def score_threshold(self) -> float | None:
        """The score from which on detections count: what the facts advise, else what the weights state."""
        advised = self.facts.about.settings.get("suppression", {}).get("score_threshold")
        stated = self.description.get("score_threshold") if advised is None else advised
        return float(stated) if isinstance(stated, int | float) else None


def zoo_names(zoo: Path = ZOO) -> list[str]:
    """The names of all networks in a folder, sorted."""
    return sorted(path.stem for path in zoo.glob("*.json") if is_plain_name(path.stem))


def read_network(name: str, zoo: Path = ZOO) -> ZooNetwork:
    """A network by its name; OrbitileError that lists the names where there is none, or for facts that are none."""
    path = zoo / f"{name}.json"
    if not zoo.is_dir():
        raise OrbitileError(f"model: there is no folder {zoo} of networks with names; work in a clone of the project, "
                            f"install it without --target, or give {BY_FILE}")  # fmt: skip
    if not is_plain_name(name) or not path.is_file():
        raise OrbitileError(f"model: there is no network {shortened(name)!r} in models/; {_choices(zoo_names(zoo))}")
    return ZooNetwork(name, parse_facts(NetworkFacts, path.read_bytes(), path), path.with_suffix(".safetensors"))


def parse_facts(kind: type[Facts], content: bytes | Mapping[str, Any], path: Path) -> Any:  # noqa: ANN401
    """Facts of a kind in a file's JSON, or in values by key; OrbitileError that names the file and the key."""
    try:
        return kind.model_validate(json.loads(content) if isinstance(content, bytes) else content)
    except ValidationError as error:
        fault = error.errors()[0]
        key = ".".join(map(str, fault["loc"]))
        reason = shortened(fault["msg"].removeprefix("Value error, "), 300)
        raise OrbitileError(f"{path}: {f'{key}: ' if key else ''}{reason}; docs/models.md lists the facts") from error
    except (ValueError, RecursionError) as error:
        raise OrbitileError(f"{path}: is no JSON ({shortened(str(error), 200)}); copy it again") from error


def _choices(names: list[str]) -> str:
    return f"allowed are {', '.join(names)}, or {BY_FILE}" if names else f"there is none yet; give {BY_FILE}"
