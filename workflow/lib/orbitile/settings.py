"""The settings of a run (config/config.yaml), checked before any job runs."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from math import isclose
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from orbitile.base.errors import OrbitileError
from orbitile.base.messages import shortened
from orbitile.base.names import NAME_PATTERN, parse_band
from orbitile.inference.models.families import FAMILIES, outputs_masks
from orbitile.inference.models.weights_header import PURPOSE
from orbitile.inference.models.zoo import ZOO, read_network, zoo_names
from orbitile.inference.models.zoo_settings import (
    network_of_settings,
    short_path,
    with_network_defaults,
    with_stated_purpose,
)
from orbitile.pipeline import DETECTION, SEGMENTATION
from orbitile.space.bodies import find_body
from orbitile.space.scales import whole_factor

T = TypeVar("T")
Fault = Mapping[str, Any]
Margin = Literal["auto", "never", "always"]
Shape = Literal["box", "circle"]
VectorFormat = Literal["gpkg", "shp", "parquet"]
Precision = Literal["auto", "float32", "float16", "bfloat16"]

SELF_CHECKED = ("body", "bands")
"""Settings of several types, which say themselves what they allow."""
CRATERS_GIVEN = ("evaluation.truth", "annotation.craters")
"""Settings that name a file with craters or, where the network finds objects, a folder of labels."""
FAULTS_SHOWN = 8
"""Faults in a message."""
LARGEST_BAND = 65_535
"""Bands of an image that GDAL can open."""
LARGEST_CODE = 10_000_000
"""Codes of bodies: those of the IAU, and NAIF ids."""
LONGEST_TEXT, LONGEST_PATH = 200, 4096
"""Characters of names and of paths of files."""
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Characters that names, paths and messages of one line have no use for."""
BRACES = set("{}")
"""What no path of a file may hold that a rule reads by its name."""
READ_BY_PLANS = "georeferencing."
"""Of these files rules read the names in the plan."""


def _holds_truth_value(value: object) -> bool:
    """Tell whether a value, or one in a list of values, is true or false, which to Python are numbers."""
    if isinstance(value, list | tuple):
        return any(map(_holds_truth_value, value))
    return isinstance(value, bool)


def _bounded_band(value: object) -> int | str:
    band = parse_band(value)
    if isinstance(band, int) and band > LARGEST_BAND:
        raise ValueError(f"band {band} given; allowed is at most {LARGEST_BAND}")
    return band if isinstance(band, int) else _printable(band)


def _printable(text: str) -> str:
    if len(text) > LONGEST_TEXT or CONTROL.search(text):
        raise ValueError(f"{shortened(text)} given; allowed are at most {LONGEST_TEXT} printable characters")
    return text


def _printable_path(path: Path) -> Path:
    if len(str(path)) > LONGEST_PATH or CONTROL.search(str(path)):
        raise ValueError(f"{shortened(str(path))} given; a path has at most {LONGEST_PATH} printable characters")
    return path


def _or_single(schema: dict[str, Any]) -> None:
    """In the JSON schema of a list: a value by itself stands for a list of one."""
    lists = schema.pop("anyOf", None)
    if lists is None:
        limits = ("type", "items", "prefixItems", "minItems", "maxItems")
        lists = [{key: schema.pop(key) for key in limits if key in schema}]
    schema["anyOf"] = [lists[0]["items"], *lists]


def _as_list(value: object) -> object:
    """A file by itself is a list of one."""
    return [value] if isinstance(value, str | Path) else value


Share = Annotated[float, Field(ge=0, le=1)]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
MOST_SCENES_PER_GROUP = 100_000
GroupSize = Annotated[int, Field(ge=1, le=MOST_SCENES_PER_GROUP)]
Passes = Annotated[int, Field(ge=1, le=100_000)]
BatchSize = Annotated[int, Field(ge=1, le=4096)]
BlockSide = Annotated[float, Field(ge=0.001, le=90)]
LearningRate = Annotated[float, Field(gt=0, le=10)]
ChannelMean = Annotated[float, Field(ge=-1000, le=1000)]
ChannelDeviation = Annotated[float, Field(ge=1e-6, le=1000)]
BlurSigma = Annotated[float, Field(ge=0, le=100)]
MaskValue = Annotated[int, Field(ge=1, le=255)]
Repeats = Annotated[int, Field(ge=1, le=1000)]
PixelValue = Annotated[float, Field(ge=-1e38, le=1e38)]
Percentile = Annotated[float, Field(ge=0, le=100)]
GroundSampleDistance = Annotated[float, Field(gt=1e-4, le=1e6)]
DiameterKm = Annotated[float, Field(ge=1e-5, le=12_000)]
LengthKm = Annotated[float, Field(ge=1e-5, le=1e5)]
Text = Annotated[str, Field(max_length=LONGEST_TEXT), AfterValidator(_printable)]
ServerAddress = Annotated[str, Field(max_length=LONGEST_TEXT, pattern=r"^https?://[^\s/@?#]+(/[^\s?#]*)?$")]
FilePath = Annotated[Path, AfterValidator(_printable_path)]
FileList = Annotated[tuple[FilePath, ...], BeforeValidator(_as_list), Field(json_schema_extra=_or_single)]
Device = Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:[0-9]{1,3})?)$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
BandName = Annotated[int | str, BeforeValidator(_bounded_band)]


class Section(BaseModel):
    """A section of the settings: immutable, and refusing unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _truth_values_are_no_numbers(cls, value: object, info: ValidationInfo) -> object:
        annotation = cls.model_fields[info.field_name].annotation if info.field_name else None
        values = list(value.values()) if get_origin(annotation) is dict and isinstance(value, dict) else value
        is_truth_value = annotation is bool or bool in get_args(annotation)
        if not is_truth_value and info.field_name not in SELF_CHECKED and _holds_truth_value(values):
            raise ValueError(f"{shortened(repr(value))} given; true and false are no values of this key")
        return value


def _or_number(schema: dict[str, Any]) -> None:
    """In the JSON schema of a body: its code is a number."""
    codes = dict(type="integer", minimum=1, maximum=LARGEST_CODE)
    schema["anyOf"] = [{key: schema.pop(key) for key in ("type", "maxLength")}, codes]


def _or_name(schema: dict[str, Any]) -> None:
    """In the JSON schema of a network or null: the name of a network in models/."""
    schema["anyOf"].insert(0, dict(type="string", maxLength=LONGEST_TEXT))


def _named_or_by_weights(schema: dict[str, Any]) -> None:
    """In the JSON schema of a network: its name stands for what is required without one."""
    schema["anyOf"] = [dict(required=["name"]), dict(required=schema.pop("required"))]


def _or_loss_and_weights(schema: dict[str, Any]) -> None:
    """In the JSON schema of losses: the name of a single one, or a number for the weight of each."""
    weight = dict(type="number", minimum=0, maximum=1e6)
    terms = {name: {"anyOf": [weight, term]} for name, term in schema["properties"].items()}
    losses = schema | dict(properties=terms)
    schema.clear()
    schema["anyOf"] = [dict(type="string", enum=list(terms)), losses]


def _scales_of_network(schema: dict[str, Any]) -> None:
    """In the JSON schema of all settings: a network with a name brings scales."""
    schema["required"] = [key for key in schema["required"] if key != "scales"]


class ScaleSettings(Section):
    """One ground sample distance at which the network searches every scene."""

    gsd_m: GroundSampleDistance = Field(description="Ground sample distance in metres per pixel.")
    tile_px: int = Field(
        default=512,
        ge=16,
        le=8192,
        multiple_of=8,
        description="Side of a tile in pixels, a multiple of 32; of 8 for networks that map pixels.",
    )
    overlap_px: int = Field(default=128, ge=0, le=4096, description="Overlap of neighbouring tiles in pixels.")
    min_object_px: float = Field(
        default=5, ge=0, le=8192, description="Smaller detections (pixels across) are dropped."
    )
    max_object_px: float | None = Field(
        default=None,
        gt=0,
        le=8192,
        description="Larger detections (pixels across) are left to a coarser scale. Default: overlap_px - 8, "
        "the largest that is always complete in a tile.",
    )

    enlarge: int = Field(
        default=1,
        ge=1,
        le=4,
        description="Of the finest scale: how many pixels of gsd_m lie along one of the images, which are enlarged for "
        "objects of few pixels.",
    )

    @model_validator(mode="after")
    def _overlap_fits_tiles_and_objects(self) -> Self:
        if self.overlap_px > self.tile_px / 2:
            raise ValueError(
                f"overlap_px is {self.overlap_px}; allowed is at most half of tile_px ({self.tile_px // 2})"
            )
        if self.largest_object_px > max(self.overlap_px - 2 * SLACK_PX, 0):
            raise ValueError(
                f"max_object_px is {self.max_object_px:g}; allowed is at most overlap_px - {2 * SLACK_PX} "
                f"({self.overlap_px - 2 * SLACK_PX}), or objects at tile edges would be missed"
            )
        if self.largest_object_px <= self.min_object_px:
            raise ValueError(
                f"min_object_px is {self.min_object_px:g}; allowed is less than the largest object, "
                f"{self.largest_object_px:g} px with an overlap_px of {self.overlap_px}"
            )
        return self

    @property
    def largest_object_px(self) -> float:
        """The size in pixels up to which this scale is responsible for objects: `max_object_px` or its default."""
        return max(self.overlap_px - 2 * SLACK_PX, 0) if self.max_object_px is None else self.max_object_px


DETECTOR_STRIDE = 32
"""Sides of tiles are multiples of it for networks that detect objects."""
SLACK_PX = 4
"""The largest distance, in pixels, between the centres of one object in two tiles."""
AUTO: Literal["auto"] = "auto"
"""Leaves a choice to the workflow."""
LARGE_GROUP = 9
"""Scenes per group from which on suppression reads one ring of groups only."""
HALO_PX = 192
"""Pixels beyond a scene that centre lines are computed from (orbitile.features.shapes.skeleton.HALO_PX)."""
SIZE_SLACK_PX = 2
"""The largest error, in pixels, of a measured size."""


class GeoreferencingSettings(Section):
    """How images come to the run's map, above all those that are not map-projected."""

    in_place: bool = Field(
        default=True,
        description="Whether images that are on the run's map and scale already are used where they lie, not copied.",
    )

    kernels: FilePath | None = Field(
        default=None,
        description="Of scenes that name none: a meta-kernel, a folder of kernels, or a camera model (.json).",
    )
    elevation: FilePath | None = Field(
        default=None, description="GeoTIFF of heights over the body's sphere to project onto; null: the ellipsoid."
    )
    polar_latitude: float = Field(
        default=65, gt=0, le=90, description="Poleward of it maps are polar stereographic, where crs is null."
    )
    corrections: bool = Field(default=True, description="Whether raw images lose echo, odd-even columns and stripes.")
    isis: Literal["auto", "never"] = Field(
        default="auto", description="auto: ISIS, where its programs are on the PATH."
    )
    isis_web: bool = Field(default=False, description="Whether ISIS asks the web service of USGS for its kernels.")
    isis_shape: FilePath | None = Field(default=None, description="Shape model for ISIS: a cube of radii.")
    order: Literal["resolution", "incidence"] = Field(
        default="resolution", description="What decides which strip of a mosaic is on top."
    )
    incidence_deg: float = Field(
        default=68, ge=0, le=90, description="The best incidence angle, where order is incidence."
    )
    match_levels: bool = Field(
        default=True, description="Whether strips of a mosaic get the grey level of those above them."
    )


class TestTimeSettings(Section):
    """In which views besides itself every tile is searched; each costs as much time as the tile itself."""

    views: tuple[Literal["mirror", "flip", "turn_90", "turn_180", "turn_270", "transpose", "antitranspose"], ...] = (
        Field(default=(), max_length=7, description="mirror (left-right), flip (up-down), turn_90, turn_180 ...")
    )
    shifts_px: tuple[Annotated[int, Field(ge=1, le=31)], ...] = Field(
        default=(),
        max_length=8,
        description="Pixels to the right and down, for another phase of the network's strides.",
    )
    iou_threshold: float = Field(
        default=0.55, gt=0, lt=1, description="Boxes of views that overlap more are fused to one."
    )

    @model_validator(mode="after")
    def _each_view_once(self) -> Self:
        for key, values in (("views", self.views), ("shifts_px", self.shifts_px)):
            if len(set(values)) < len(values):
                raise ValueError(f"{key} is {list(values)}; allowed is each once")
        return self


MODEL_PURPOSE = set(PURPOSE)
"""Keys of the section `model` that say what images a network is for."""


class ModelSettings(Section):
    """The network that detects objects in tiles, or maps classes pixel by pixel."""

    model_config = ConfigDict(json_schema_extra=_named_or_by_weights)

    name: Text | None = Field(
        default=None, description="Of a network in models/, which brings weights, sha256, family and defaults."
    )
    weights: FilePath = Field(description="Weights: .safetensors of Orbitile, an ultralytics .pt, or a state dict.")
    sha256: Sha256 = Field(description="SHA-256 of the weights file; nothing is loaded unless it agrees.")
    family: Text = Field(default="yolo", description="yolo finds objects, segmentation maps pixels.")
    network: Text | None = Field(default=None, description="Of a state dict: deeplabv3_resnet50, unet:resnet18 ...")
    classes: tuple[Text, ...] | None = Field(
        default=None, min_length=1, max_length=1000, description="Of a state dict: names of its outputs."
    )
    mean: tuple[ChannelMean, ...] | None = Field(
        default=None, max_length=1000, description="Of a state dict: of each channel, of grey values 0..1."
    )
    std: tuple[ChannelDeviation, ...] | None = Field(
        default=None, max_length=1000, description="Of a state dict: as `mean`; values less mean, over std."
    )
    device: Device = Field(default="auto", description="auto, cpu, cuda or cuda:N.")
    precision: Precision = Field(
        default="auto", description="float32, float16 or bfloat16; auto: float32 on the CPU, else half."
    )
    compile: bool = Field(
        default=False, description="Whether torch.compile makes the network faster; it takes minutes first."
    )
    batch: BatchSize | None = Field(
        default=None, description="Tiles in a pass; null: 8 on the CPU, on a GPU what fits."
    )
    score_threshold: Share = Field(default=0.05, description="Detections of a lower score are not kept at all.")
    test_time: TestTimeSettings | None = Field(
        default=None, description="Of detectors: views of each tile besides itself, whose boxes are fused."
    )
    gsd_range_m: tuple[GroundSampleDistance, GroundSampleDistance] | None = Field(
        default=None, description="Least and largest m/px of images that it is for; others get a warning."
    )
    body: Text | None = Field(default=None, description="The body that it is for; scenes of another get a warning.")
    images: Text | None = Field(default=None, description="The kind of images that it is for.")

    @field_validator("family")
    @classmethod
    def _family_exists(cls, family: str) -> str:
        if family not in FAMILIES:
            raise ValueError(f"{family!r} given; allowed are {', '.join(FAMILIES)}")
        return family


class BoundedSettings(Section):
    """The errors that a result may have, with which confidence and by which calibration; they choose its threshold."""

    threshold_key: ClassVar[str]
    """The key of the threshold that they choose."""

    max_fdr: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        default=None,
        description="Largest share of what is false in the result: rows, or pixels; chooses the threshold.",
    )
    min_recall: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        default=None, description="Least share of what is true that is in the result; chooses the threshold."
    )
    confidence: float = Field(default=0.9, ge=0.5, le=0.999, description="With which max_fdr and min_recall hold.")
    calibration: FilePath | None = Field(
        default=None, description="Of the target calibrate: what scores are worth; null: what the weights state."
    )

    @property
    def is_bounded(self) -> bool:
        """Whether an error chooses the threshold."""
        return self.max_fdr is not None or self.min_recall is not None

    @property
    def accepted_errors(self) -> dict:
        """The errors (see orbitile.calibration.bounded_threshold.AcceptedErrors)."""
        return self.model_dump(include={"max_fdr", "min_recall", "confidence"})

    @model_validator(mode="after")
    def _a_threshold_or_an_error(self) -> Self:
        key = self.threshold_key
        if self.is_bounded and key in self.model_fields_set and getattr(self, key) is not None:
            raise ValueError(f"{key} is given beside max_fdr or min_recall, which choose it; leave either out")
        return self


class SuppressionSettings(BoundedSettings):
    """How duplicate detections are removed, in tiles, scenes and across neighbouring scenes."""

    threshold_key: ClassVar[str] = "score_threshold"

    iou_threshold: Share = Field(
        default=0.4, description="Of two boxes that overlap more than this, the lower score goes."
    )
    score_threshold: Share = Field(default=0.25, description="Detections of a lower score do not reach the catalogue.")
    class_aware: bool = Field(default=True, description="Whether only boxes of one class suppress each other.")
    shape: Shape = Field(default="box", description="box or circle: the shapes whose overlap is computed.")
    rings: int | None = Field(
        default=None, ge=1, le=16, description="Rings of neighbouring groups that the suppression of a group may read."
    )


class ForegroundSettings(Section):
    """A second segmentation network, of a single class, that has a say of what is background."""

    weights: FilePath = Field(description="Its weights: .safetensors of Orbitile.")
    sha256: Sha256 = Field(description="SHA-256 of that file; nothing is loaded unless it agrees.")
    share: float = Field(default=0.5, gt=0, le=1, description="How much its probability counts; 1: it decides alone.")


class MappingSettings(BoundedSettings):
    """How the masks of a segmentation network become polygons and centre lines."""

    threshold_key: ClassVar[str] = "threshold"

    decision: Literal["threshold", "argmax"] = Field(
        default="threshold",
        description="threshold: each class by itself; argmax: every pixel is of its likeliest class, or background.",
    )
    threshold: Annotated[float, Field(gt=0, le=1)] | None = Field(
        default=None, description="Probability from which on a pixel counts; null: what the weights state, else 0.5."
    )
    smoothing_px: float = Field(
        default=0, ge=0, le=16, description="With argmax: standard deviation of a Gaussian over probabilities; 0: none."
    )
    smallest_region_px: dict[Text, Annotated[int, Field(ge=0, le=1000)]] = Field(
        default={}, description="With argmax, by class: regions of fewer pixels get the class around them."
    )
    foreground: ForegroundSettings | None = Field(
        default=None, description="With argmax: a second network, which has a say of what is background."
    )
    min_area_m2: float = Field(
        default=150, ge=0, le=1e15, description="Smaller polygons are dropped: square metres on the ground."
    )
    spur_px: float = Field(
        default=8, ge=0, le=40, description="Side branches of centre lines shorter than this are pruned."
    )
    centre_lines: bool | None = Field(
        default=None, description="Whether polygons get centre lines; null: with threshold yes, with argmax no."
    )
    inside: FilePath | None = Field(
        default=None, description="Polygons (any vector file): features outside them are dropped."
    )
    outside: FilePath | None = Field(
        default=None, description="Polygons (any vector file): features inside them are dropped."
    )
    seams: FilePath | None = Field(
        default=None, description="Seams of the mosaic (lines or polygons): features along them are dropped."
    )
    edge_px: float = Field(
        default=3, ge=0, le=64, description="Features so close to seams or nodata are dropped; 0: none."
    )

    @property
    def classes_exclude_each_other(self) -> bool:
        """Whether every pixel is of exactly one class."""
        return self.decision == "argmax"

    @model_validator(mode="after")
    def _the_likeliest_class_needs_no_threshold(self) -> Self:
        for key in ("threshold", "max_fdr", "min_recall", "calibration"):
            if self.classes_exclude_each_other and getattr(self, key) is not None:
                raise ValueError(f"{key} is given beside decision argmax, which maps the likeliest class; leave it out")
        for key in ("smoothing_px", "smallest_region_px", "foreground"):
            if not self.classes_exclude_each_other and getattr(self, key):
                raise ValueError(f"{key} is given, but is for decision argmax only; leave it out")
        return self


class LabelSettings(Section):
    """How vector files of labels are read, for training and for evaluation."""

    width_field: Text = Field(
        default="width", description="Column of lines: tiny, small, medium, large, huge, or pixels."
    )
    class_field: Text | None = Field(
        default=None, description="Column that names the class; null where there is only one."
    )
    buffers_px: dict[Literal["tiny", "small", "medium", "large", "huge"], Annotated[float, Field(gt=0, le=1000)]] = (
        Field(
            default={}, description="Half the width in pixels that lines of a width class get, instead of the defaults."
        )
    )
    mask_values: dict[Text, MaskValue] | None = Field(
        default=None,
        max_length=255,
        description="The value of each class in masks; null: 1 to K in the order of classes, and 255 is unknown.",
    )

    @model_validator(mode="after")
    def _each_mask_value_once(self) -> Self:
        if self.mask_values is not None and len(set(self.mask_values.values())) < len(self.mask_values):
            raise ValueError(f"mask_values is {self.mask_values}; allowed is each value once")
        return self


class VectorSettings(Section):
    """How the detections of the catalogue become shapes, and in which files."""

    shape: Literal["ellipse", "circle", "box"] = Field(
        default="ellipse", description="ellipse, circle or box on the ground."
    )
    vertices: int = Field(default=128, ge=100, le=1000, description="Vertices of a circle or an ellipse.")
    formats: tuple[VectorFormat, ...] = Field(
        default=("gpkg", "shp", "parquet"),
        max_length=3,
        description="Which files stand beside the dataset: GeoPackage, Shapefile, GeoParquet; [] for none.",
    )
    rows_per_file: int = Field(
        default=500_000,
        ge=100,
        le=100_000_000,
        description="Rows of a file. A catalogue with more of them is written as points, in parts.",
    )

    @field_validator("formats")
    @classmethod
    def _each_once_in_order(cls, formats: tuple[str, ...]) -> tuple[str, ...]:
        """Jobs do not run again for another order."""
        return tuple(suffix for suffix in get_args(VectorFormat) if suffix in formats)


class CraterColumnSettings(Section):
    """Which columns of a crater table hold what, where they have none of the usual names."""

    lon: Text | None = Field(default=None, description="Column of longitudes: degrees east.")
    lat: Text | None = Field(default=None, description="Column of latitudes: degrees north.")
    diameter_km: Text | None = Field(default=None, description="Column of diameters in kilometres.")
    diameter_m: Text | None = Field(default=None, description="Column of diameters in metres, instead.")
    scene: Text | None = Field(default=None, description="Column that names the scene of each crater.")


class EvaluationSettings(Section):
    """How the catalogue or map is compared with the truth."""

    truth: FilePath | None = Field(
        default=None,
        description="Table of true craters or labels of boxes; of maps a vector file of true lines or polygons, or a "
        "folder of masks.",
    )
    columns: CraterColumnSettings = CraterColumnSettings()
    iou_threshold: Share = Field(default=0.3, description="Least IoU of a found and a true crater that match.")
    min_diameter_px: float = Field(
        default=10, ge=0, le=100_000, description="Smallest diameter judged, in pixels of the finest scale."
    )
    least_agreement: Share = Field(
        default=0.5, description="Craters that a smaller share of annotators marked are neither true nor false."
    )
    tolerance_m: float | None = Field(
        default=None,
        gt=0,
        le=1e6,
        description="Largest distance, in metres, of matching lines; null: 3 px of the finest scale.",
    )


class CountingSettings(Section):
    """Only for the target `count`: in which areas craters are counted by size, and how."""

    areas: FilePath | None = Field(default=None, description="Vector file of the areas: named polygons.")
    name_column: Text | None = Field(
        default=None, description="Its column of names; null: name where there is one, else areas are numbered."
    )
    excluded: FilePath | None = Field(
        default=None, description="Vector file of polygons in which nobody could see a crater, such as shadows."
    )
    reference: FilePath | None = Field(
        default=None, description="Table of craters that are counted and drawn beside those of the catalogue."
    )
    least_px: float = Field(
        default=10, ge=0, le=8192, description="Smallest diameter that counts as searched, in pixels of a scale."
    )
    method: Literal["centre", "buffered", "non_sparseness"] = Field(
        default="centre",
        description="centre: craters count by their centres; buffered: also those that reach the area, which is "
        "widened for them; non_sparseness: without the ground that larger craters cover.",
    )
    buffer_radii: float = Field(
        default=1, gt=0, le=10, description="Of buffered: how far a crater reaches from its centre, in its radii."
    )
    ejecta_radii: float = Field(
        default=1,
        ge=0,
        le=10,
        description="Of non_sparseness: how far ejecta cover the ground beyond the rim, in radii.",
    )
    binning: Literal["pseudo_log", "10_per_decade", "20_per_decade", "root_2", "fourth_root_2", "none"] = Field(
        default="pseudo_log", description="Bins of diameters, as Craterstats has them; none: every crater by itself."
    )
    completeness: Literal["limit", "correct", "none"] = Field(
        default="correct",
        description="What is done about missed craters, by the calibration: limit counts from the diameter on from "
        "which few are missed, correct also makes up for those, none does nothing.",
    )
    least_completeness: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        default=None, description="Completeness from which on craters count; null: 0.9 for limit, 0.5 for correct."
    )
    probabilities: bool = Field(
        default=True, description="Whether craters count by their probability of being true, where a calibration tells."
    )
    size_error: float = Field(
        default=0.06, ge=0, le=1, description="Relative error of diameters (one sigma) in the draws."
    )
    draws: int = Field(
        default=100, ge=0, le=10_000, description="How often the count is drawn with the network's errors."
    )
    seed: Seed = Field(default=0, description="Seed of the draws.")


class CraterShapeSettings(Section):
    """From which elevation models the target `shapes` measures craters, and how exact they are."""

    elevation: FileList = Field(
        min_length=1,
        max_length=1000,
        description="Rasters of heights in metres on any map of the body; the first that has data counts.",
    )
    error_m: float = Field(default=0, ge=0, le=10_000, description="Standard error of their heights in metres.")
    resolution_m: float | None = Field(
        default=None, gt=0, le=1e6, description="Their resolution on the ground in metres; null: a pixel."
    )
    min_diameter_px: float = Field(
        default=20, ge=8, le=10_000, description="Smaller craters, in pixels of the elevation, are not measured."
    )
    position_error: float = Field(
        default=0.03, ge=0, le=0.1, description="Standard error of the catalogue's centres, a share of the diameter."
    )
    diameter_error: float = Field(
        default=0.05, ge=0, le=0.1, description="Standard error of the catalogue's diameters, a share of them."
    )
    max_tilt_deg: float = Field(
        default=10, gt=0, le=45, description="Craters on steeper ground are not measured: degrees."
    )


class DatingSettings(Section):
    """Only for the target `date`: how old the counted areas are."""

    chronology_system: Text | None = Field(
        default=None, description="By Craterstats' names, or an abbreviation; null: the usual one of the body."
    )
    fits: tuple[Literal["poisson", "cumulative"], ...] = Field(
        default=("poisson", "cumulative"),
        min_length=1,
        max_length=2,
        description="Poisson timing analysis, and fits to cumulative frequencies.",
    )
    range_km: tuple[DiameterKm | None, DiameterKm | None] = Field(
        default=(None, None),
        description="Least and largest diameter that date; null: where the count begins, and where it ends.",
    )
    epochs: Text | None = Field(default=None, description="Epochs in the plots, by Craterstats' names.")
    equilibrium: Text | None = Field(
        default=None, description="Equilibrium function in the plots, by Craterstats' names."
    )
    program: FilePath = Field(
        default=Path(".craterstats/bin/python"), description="The Python of Craterstats' environment."
    )

    @model_validator(mode="after")
    def _fits_and_range_make_sense(self) -> Self:
        if len(set(self.fits)) < len(self.fits):
            raise ValueError(f"fits: {', '.join(self.fits)} given; each may stand there once")
        least, most = self.range_km
        if least is not None and most is not None and least >= most:
            raise ValueError(f"range_km: {least:g} to {most:g} given; the least diameter is not below the largest")
        return self


class ComparedCraterSettings(Section):
    """Craters that the page shows beside the catalogue, in place of the truth."""

    craters: FilePath | None = Field(
        default=None, description="A table of craters, such as another catalogue; null: evaluation.truth."
    )
    columns: CraterColumnSettings = CraterColumnSettings()


class PageSettings(Section):
    """The page to look at the run in a browser and to judge its craters (the target `page`)."""

    most_tiles: int = Field(
        default=4000, ge=1, le=1_000_000, description="Image tiles of 512 px at most: with more, images are coarser."
    )
    most_chips: int = Field(
        default=2000,
        ge=0,
        le=1_000_000,
        description="Craters at full resolution where image tiles are coarser, at most.",
    )
    compared_with: ComparedCraterSettings = ComparedCraterSettings()


class AccessSettings(Section):
    """Which files images may refer to, which servers may be asked for images, and where these are kept."""

    folders: tuple[FilePath, ...] = Field(
        default=(),
        max_length=1000,
        description="Folders, besides an image's own, with files that images refer to: sources of virtual rasters, "
        "links, labels.",
    )
    servers: tuple[ServerAddress, ...] = Field(
        default=(),
        max_length=1000,
        description="Servers, or folders on them (https://HOST/FOLDER), that are asked for images of the scene table.",
    )
    cache: FilePath | None = Field(
        default=None, description="A folder that keeps images of servers for further runs; null keeps none."
    )
    cache_gb: float = Field(
        default=100.0, ge=0.001, le=1e6, description="The most that `cache` holds, in GB; least recently used go first."
    )


class AnnotationSettings(Section):
    """What pictures of scenes show."""

    craters: FilePath | None = Field(
        default=None, description="Craters to draw: a table or labels of boxes; null draws this run's catalogue."
    )
    columns: CraterColumnSettings = CraterColumnSettings()


IMAGES_LEARNT = "The kind of images, in words; weights, card and catalogues name it."


class CropAugmentationSettings(Section):
    """Random changes of the tiles that a detector learns from (see orbitile.training.detection.recipe)."""

    sun: Literal["any", "mirrored", "fixed"] = Field(
        default="any",
        description="Where light may come from in tiles: any turns them by quarters; mirrored keeps its axis.",
    )
    turn_deg: float = Field(default=10, ge=0, le=180, description="Largest rotation either way, beside the quarters.")
    zoom: float = Field(default=0.3, ge=0, le=1, description="Largest logarithm of the change of size either way.")
    tone: Share = Field(default=0.5, description="Probability of another contrast and brightness.")
    contrast: float = Field(default=0.4, ge=0, le=2, description="Largest logarithm of the change of contrast.")
    brightness: Share = Field(default=0.14, description="Largest change of brightness, of grey 0..1.")
    gamma: Share = Field(default=0.3, description="Probability of a gamma correction.")
    blur: Share = Field(default=0.25, description="Probability of a blur.")
    noise: Share = Field(default=0.3, description="Probability of Gaussian noise.")
    noise_sigma: Share = Field(default=0.055, description="Largest sigma of noise, of grey 0..1.")


class DetectorTrainingSettings(Section):
    """How `train_detector` makes weights from the run's scenes and a crater table."""

    craters: FilePath = Field(description="Craters to learn: a table (lon, lat, diameter), or labels of boxes.")
    columns: CraterColumnSettings = CraterColumnSettings()
    start_from: Annotated[str, Field(max_length=LONGEST_PATH)] = Field(
        default="yolo11n.yaml",
        description="An ultralytics network (.yaml), or weights to go on from (.pt, .safetensors, a name in models/).",
    )
    images: Text | None = Field(default=None, description=IMAGES_LEARNT)
    labelled_from_px: float | None = Field(
        default=None,
        ge=0,
        le=100_000,
        description="Size, in pixels of the finest scale, from which labels are complete; null: its min_object_px.",
    )
    validation_scenes: tuple[Text, ...] = Field(
        default=(), max_length=10_000, description="Scenes kept for validation; none: squares, or scenes, are drawn."
    )
    block_deg: BlockSide = Field(default=30, description="Side of the squares dealt out to training and validation.")
    validation_share: Share = Field(default=0.15, description="Share of the squares, or scenes, kept for validation.")
    tile_px: int = Field(default=320, ge=64, le=4096, multiple_of=32, description="Side of training tiles in pixels.")
    tiles_per_epoch: int = Field(default=1000, ge=1, le=10_000_000, description="Tiles drawn for each epoch.")
    epochs: Passes = Field(default=30, description="Epochs, at most.")
    patience: Passes = Field(default=10, description="Epochs without a better F1 after which training ends.")
    max_hours: float | None = Field(
        default=None, gt=0, le=10_000, description="Hours after which training ends; the best epoch counts."
    )
    batch: BatchSize = Field(default=16, description="Tiles per step.")
    learning_rate: LearningRate = Field(default=0.001, description="Highest learning rate; it falls along a cosine.")
    averaging: float = Field(
        default=0.998, ge=0, lt=1, description="Share that each step keeps of the average of the weights."
    )
    precision: Precision = Field(
        default="auto", description="float32, bfloat16 or float16; auto: bfloat16 on a GPU and on CPUs with AMX."
    )
    device: Device = Field(default="auto", description="auto, cpu, cuda or cuda:N.")
    threads: int | None = Field(
        default=None, ge=1, le=1024, description="Threads on a CPU; null: as many as a trial shows to be fastest."
    )
    seed: Seed = Field(default=0, description="Seed of the validation split, of tile drawing and of training.")
    augmentation: CropAugmentationSettings = CropAugmentationSettings()

    @property
    def start_weights(self) -> Path | None:
        """The file of weights that training starts from; None for random numbers."""
        path = Path(self.start_from)
        if path.suffix in (".safetensors", ".pt"):
            return path
        return Path(short_path(read_network(self.start_from).weights)) if self.start_from in zoo_names() else None


class PixelAugmentationSettings(Section):
    """Random changes of the tiles that a segmentation network learns from, each with a probability of its own."""

    clahe: Share = Field(default=0.5, description="Probability of contrast-limited adaptive histogram equalisation.")
    noise: Share = Field(default=0.5, description="Probability of Gaussian noise.")
    noise_sigma: tuple[Share, Share] = Field(
        default=(0.0075, 0.0125), description="Least and largest sigma, of grey 0..1."
    )
    perspective: Share = Field(default=0.5, description="Probability of a perspective distortion.")
    perspective_scale: tuple[Share, Share] = Field(
        default=(0.1, 0.3), description="Least and largest distortion scale."
    )
    quarter_turns: bool = Field(default=True, description="Whether tiles with features come in all four orientations.")
    rotation: Share = Field(default=0, description="Probability of a rotation by any angle.")
    rotation_deg: float = Field(default=20, ge=0, le=180, description="Largest rotation either way.")
    zoom: Share = Field(default=0, description="Probability of a change of size.")
    zoom_factor: float = Field(default=1.3, ge=1, le=4, description="Largest change of size, either way.")
    flip: Share = Field(default=0, description="Probability that left and right change places; also of up and down.")
    tone: Share = Field(default=0, description="Probability of another contrast and brightness.")
    contrast: float = Field(default=0.4, ge=0, le=2, description="Largest logarithm of the change of contrast.")
    brightness: Share = Field(default=0.14, description="Largest change of brightness, of grey 0..1.")
    blur: Share = Field(default=0, description="Probability of a Gaussian blur.")
    blur_sigma: tuple[BlurSigma, BlurSigma] = Field(default=(0.5, 1.5), description="Least and largest sigma, in px.")


class LossTerm(Section):
    """A loss in a sum of losses."""

    weight: float = Field(default=1, ge=0, le=1e6, description="Its weight in the sum.")


class FocalLossTerm(LossTerm):
    """The focal loss of Lin et al. 2017."""

    gamma: float | None = Field(default=None, ge=0, le=10, description="How much easy pixels count less; null: 2.")
    alpha: float | None = Field(
        default=None, ge=0, le=1, description="Weight of the classes, 1 - alpha that of the background; null: 1, both."
    )


class TverskyLossTerm(LossTerm):
    """The Tversky loss of Salehi et al. 2017."""

    alpha: float | None = Field(default=None, ge=0, le=10, description="Weight of false positives; null: 0.3.")
    beta: float | None = Field(default=None, ge=0, le=10, description="Weight of false negatives; null: 0.7.")


class FocalTverskyLossTerm(LossTerm):
    """The focal Tversky loss of Abraham and Khan 2019, whose alpha and beta have changed places."""

    alpha: float | None = Field(default=None, ge=0, le=10, description="Weight of false negatives; null: 0.7.")
    beta: float | None = Field(default=None, ge=0, le=10, description="Weight of false positives; null: 0.3.")
    gamma: float | None = Field(
        default=None, ge=0.1, le=10, description="The loss is to the power 1 / gamma; null: 4/3."
    )


class LossSettings(Section):
    """Losses whose weighted sum is learnt by: the name of a single loss, or names with a weight or parameters."""

    model_config = ConfigDict(json_schema_extra=_or_loss_and_weights)

    cross_entropy: LossTerm | None = Field(
        default=None, description="Of a class against the rest, or of all by softmax."
    )
    one_against_all: LossTerm | None = Field(default=None, description="Binary cross-entropy of each class, their sum.")
    focal: FocalLossTerm | None = None
    dice: LossTerm | None = Field(default=None, description="1 - Dice coefficient of each class, their mean.")
    tversky: TverskyLossTerm | None = None
    focal_tversky: FocalTverskyLossTerm | None = None
    lovasz: LossTerm | None = Field(default=None, description="The Lovasz extension of 1 - IoU.")

    @model_validator(mode="before")
    @classmethod
    def _a_name_is_a_sum_of_one(cls, value: object) -> object:
        if isinstance(value, dict):
            return {name: dict(weight=term) if _is_number(term) else term for name, term in value.items()}
        return {value: {}} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _some_loss_counts(self) -> Self:
        terms = [term for _, term in self if term is not None]
        if not any(term.weight > 0 for term in terms):
            raise ValueError("no loss has a weight above 0; name at least one, such as cross_entropy")
        return self


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


class PointLabelSettings(Section):
    """Labels known at single places, beside lines and polygons."""

    labels: FileList = Field(
        min_length=1,
        max_length=1000,
        description="Points with a column of classes: one vector file or more.",
    )
    weight: float = Field(default=1, gt=0, le=1e6, description="Weight of the cross-entropy at these pixels.")
    radius_px: float = Field(default=2, ge=1, le=1000, description="Radius of the disc of pixels of a point.")


class SegmenterTrainingSettings(Section):
    """How `train_segmenter` makes weights from the run's scenes and vector files of labels, or masks."""

    labels: FileList = Field(
        default=(),
        max_length=1000,
        description="Lines with widths, polygons: one vector file or more.",
    )
    masks: FilePath | None = Field(
        default=None, description="Instead of labels, of images without a map: a folder with a mask for each scene."
    )
    classes: tuple[Text, ...] = Field(
        default=("fracture",), min_length=1, max_length=255, description="Names of the classes to learn."
    )
    points: PointLabelSettings | None = Field(default=None, description="Labels known at single places; null: none.")
    uncertain_px: float = Field(
        default=0, ge=0, le=1000, description="Pixels so close beyond a label teach nothing: labels are no more exact."
    )
    network: Text = Field(
        default="deeplabv3_resnet50", description="deeplabv3_resnet50, unet:resnet18, fpn:resnet34 ..."
    )
    start_from: Literal["imagenet"] | FilePath | None = Field(
        default=None, description="Weights (.safetensors) to go on from, or imagenet: those of the encoder."
    )
    images: Text | None = Field(default=None, description=IMAGES_LEARNT)
    overlap_share: float = Field(default=0.1, ge=0, le=0.5, description="Overlap of neighbouring tiles, of their side.")
    block_deg: BlockSide = Field(default=1, description="Side of the squares dealt out to training and validation.")
    validation_share: Share = Field(default=0.2, description="Share of the squares, or scenes, kept for validation.")
    validation_scenes: tuple[Text, ...] = Field(
        default=(), max_length=100_000, description="Scenes kept for validation, instead of squares or a share."
    )
    folds: int | None = Field(
        default=None, ge=2, le=1000, description="Into how many parts scenes are dealt, places as a whole."
    )
    fold: int = Field(default=0, ge=0, le=999, description="Of these, from 0, the one kept for validation.")
    oversample: dict[Text, Repeats] = Field(
        default={}, max_length=255, description="How often tiles with a class are there in an epoch."
    )
    epochs: Passes = Field(default=100, description="Passes over the tiles, at most.")
    patience: Passes = Field(default=20, description="Epochs without a better one after which training ends.")
    best_by: Literal[
        "f1", "iou", "precision", "recall", "mean_iou", "mean_iou_without_background", "balanced_accuracy",
        "validation_loss",
    ] = Field(default="f1", description="Figure of the validation tiles that decides which epoch is best.")  # fmt: skip
    loss: LossSettings = Field(
        default=LossSettings(cross_entropy=LossTerm()), description="A loss, or a sum of losses."
    )
    class_weights: Literal["inverse_frequency"] | dict[Text, Annotated[float, Field(ge=0, le=1e6)]] | None = Field(
        default=None, description="How much classes count in the loss: inverse_frequency, or a weight of each."
    )
    max_hours: float | None = Field(
        default=None, gt=0, le=10_000, description="Hours after which training ends; the best epoch counts."
    )
    batch: BatchSize = Field(default=16, description="Tiles per step.")
    optimizer: Literal["adam", "adamw", "sgd"] = Field(default="adam", description="adam, adamw or sgd.")
    learning_rate: LearningRate = Field(default=0.0001, description="The highest.")
    weight_decay: float = Field(default=0, ge=0, le=10, description="Decay of the weights.")
    momentum: float = Field(default=0.9, ge=0, lt=1, description="Of sgd.")
    schedule: Literal["constant", "cosine", "plateau"] = Field(
        default="constant", description="Course of the learning rate: constant, cosine or plateau."
    )
    warmup_epochs: int = Field(default=0, ge=0, le=100_000, description="Epochs over which the learning rate rises.")
    plateau_factor: float = Field(
        default=0.5, gt=0, lt=1, description="Of plateau: what the learning rate is multiplied by."
    )
    plateau_patience: int = Field(
        default=5, ge=0, le=100_000, description="Of plateau: epochs without a better one that pass before that."
    )
    precision: Precision = Field(default="auto", description="float32, bfloat16 or float16; auto: mixed on a GPU.")
    device: Device = Field(default="auto", description="auto, cpu, cuda or cuda:N.")
    threads: int | None = Field(default=None, ge=1, le=1024, description="Threads on a CPU; null: all cores.")
    seed: Seed = Field(default=0, description="Seed of the split and of training.")
    augmentation: PixelAugmentationSettings = PixelAugmentationSettings()

    @property
    def start_weights(self) -> Path | None:
        """The file of weights that training starts from; None for random numbers and weights of a package."""
        return self.start_from if isinstance(self.start_from, Path) else None

    @field_validator("class_weights", mode="before")
    @classmethod
    def _truth_values_are_no_weights(cls, value: object) -> object:
        if isinstance(value, dict) and _holds_truth_value(list(value.values())):
            raise ValueError(f"{shortened(repr(value))} given; true and false are no weights")
        return value

    @model_validator(mode="after")
    def _weights_are_those_of_the_classes(self) -> Self:
        if not isinstance(self.class_weights, dict):
            return self
        names = ("background", *self.classes)
        if set(self.class_weights) != set(names):
            raise ValueError(
                f"class_weights are those of {', '.join(self.class_weights) or 'no class'}; give those of "
                f"{', '.join(names)}"
            )
        if not any(self.class_weights.values()):
            raise ValueError("class_weights are all 0; give at least one class a weight above 0")
        return self

    @model_validator(mode="after")
    def _learning_rate_rises_before_the_end(self) -> Self:
        if self.warmup_epochs >= self.epochs:
            raise ValueError(f"warmup_epochs is {self.warmup_epochs}; allowed is less than epochs ({self.epochs})")
        return self

    @model_validator(mode="after")
    def _labels_or_masks(self) -> Self:
        if bool(self.labels) == (self.masks is not None):
            raise ValueError("labels: give either labels (vector files) or masks (a folder), to learn from")
        return self

    @model_validator(mode="after")
    def _classes_of_oversample_exist(self) -> Self:
        if unknown := sorted(set(self.oversample) - set(self.classes)):
            raise ValueError(f"oversample: {shortened(unknown[0])} is no class; allowed are {', '.join(self.classes)}")
        return self

    @model_validator(mode="after")
    def _validation_is_chosen_in_one_way(self) -> Self:
        if self.validation_scenes and self.folds:
            raise ValueError("folds: given beside validation_scenes, which choose what is kept; leave either out")
        if self.fold >= (self.folds or 1):
            raise ValueError(f"fold is {self.fold}; allowed is 0 to folds - 1 ({(self.folds or 1) - 1})")
        return self


class DensitySettings(Section):
    """How many craters there are per area, where (the target `density`)."""

    diameters_km: tuple[DiameterKm, ...] | None = Field(
        default=None,
        min_length=1,
        max_length=8,
        description="Craters of each of these diameters and more are counted; null: those that enough craters have.",
    )
    cell_km: LengthKm | None = Field(
        default=None, description="Side of the cells; null: some 10 craters of the smallest diameter lie in each."
    )
    bandwidth_km: LengthKm | None = Field(
        default=None, description="Standard deviation of the kernel; null: 1.5 sides of the cells."
    )
    least_searched: Share = Field(
        default=0.25, description="Cells of which a smaller share was searched are left empty."
    )


class ReviewSettings(Section):
    """What people judge of the catalogue, and the files in which they did."""

    judgements: FileList = Field(
        default=(),
        max_length=1000,
        description="Files of judgements: CSV, or the layer judge of QGIS; one per reviewer.",
    )
    rows: int = Field(default=200, ge=10, le=100_000, description="Rows of the random sample that is to be judged.")
    seed: Seed = Field(default=0, description="Of the sample: another one draws other rows.")
    decides: Text | None = Field(
        default=None,
        description="The reviewer whose verdict counts where several disagree; null: such rows are unsure.",
    )
    searched: FilePath | None = Field(
        default=None, description="Vector file of polygons in which all that the catalogue lacks was added."
    )
    confidence: float = Field(default=0.95, ge=0.5, le=0.9999, description="Confidence of intervals.")


class PrimarySettings(Section):
    """A crater around which rays of secondaries are looked for."""

    lon: float = Field(ge=-360, le=360, description="Longitude of its centre: degrees east.")
    lat: float = Field(ge=-90, le=90, description="Planetocentric latitude of its centre: degrees north.")
    diameter_km: DiameterKm = Field(description="Its diameter.")
    range_radii: tuple[Annotated[float, Field(gt=0, le=10_000)], Annotated[float, Field(gt=0, le=10_000)]] = Field(
        default=(2, 40), description="From where to where craters are counted, in radii of the primary."
    )
    sectors: int = Field(default=36, ge=8, le=360, description="Sectors of azimuth.")
    rings: int = Field(default=6, ge=1, le=100, description="Rings of range.")
    largest_share: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.05, description="Craters larger than this part of the primary are no secondaries."
    )

    @model_validator(mode="after")
    def _the_range_ascends(self) -> Self:
        if self.range_radii[0] >= self.range_radii[1]:
            raise ValueError(f"range_radii is {list(self.range_radii)}; give the nearer limit first")
        return self


class SecondarySettings(Section):
    """Which craters lie in clusters, and rays around a primary (the target `secondaries`)."""

    least_diameter_km: DiameterKm | None = Field(
        default=None, description="Smaller craters are left out; null: none are."
    )
    diameters_km: tuple[DiameterKm, ...] | None = Field(
        default=None,
        min_length=1,
        max_length=64,
        description="Edges of the ranges of diameters that are tested as a whole; null: powers of two.",
    )
    neighbours: int = Field(
        default=5, ge=1, le=1000, description="Which neighbour's distance tells of each crater: the k-th."
    )
    size_factor: float = Field(
        default=2, gt=1, le=1000, description="Neighbours are craters up to so many times smaller or larger."
    )
    false_discovery: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.05, description="Largest share of false ones among the craters that are flagged."
    )
    fields: int = Field(default=199, ge=19, le=100_000, description="Random fields for the tests as a whole.")
    background_km: LengthKm | None = Field(
        default=None,
        description="Bandwidth of the density that random fields follow; null: the same density everywhere.",
    )
    seed: Seed = Field(default=0, description="Of the random fields.")
    primary: PrimarySettings | None = Field(default=None, description="A crater around which rays are looked for.")


class Settings(Section):
    """All settings of a run."""

    model_config = ConfigDict(json_schema_extra=_scales_of_network)

    run: str = Field(pattern=NAME_PATTERN, max_length=100, description="Name of the run; results go to results/<run>/.")
    body: Text = Field(
        description="The body, by its IAU name (Moon, Mars ...), its IAU code (30100) or NAIF id (301).",
        json_schema_extra=_or_number,
    )
    scenes: FilePath = Field(
        description="The scene table (CSV or Parquet): scene, path, optional body and group. Or a folder of images."
    )
    scenes_per_group: GroupSize | Literal["auto"] = Field(
        default=AUTO,
        description="Neighbouring scenes that one job works through; auto: by their pixels and the machine, when the "
        "run is first planned.",
    )
    allow_failures: bool = Field(
        default=False, description="Whether scenes that fail are left out, by name, of the catalogue."
    )
    crs: str | None = Field(
        default=None,
        max_length=20_000,
        description="Map of the whole run (IAU_2015:30110, WKT ...); null keeps each scene's.",
    )
    pixel_coordinates: bool = Field(
        default=False, description="Images without georeferencing: one pixel is scales[0].gsd_m metres."
    )
    georeferencing: GeoreferencingSettings = GeoreferencingSettings()
    bands: tuple[BandName, ...] | None = Field(
        default=None,
        min_length=1,
        max_length=1000,
        description="Bands of the images to use: a number (from 1), a colour (red, nir ...) or a description, or a "
        "list of them; null: the only band, or all where the network takes as many.",
        json_schema_extra=_or_single,
    )
    margin: Margin = Field(
        default="auto", description="auto, never or always: whether tiles reach into abutting scenes."
    )
    stretch_percentiles: tuple[Percentile, Percentile] = Field(
        default=(0.5, 99.5), description="Percentiles of a scene's valid pixels that become black and white."
    )
    stretch_values: tuple[tuple[PixelValue, PixelValue], ...] | None = Field(
        default=None,
        min_length=1,
        max_length=1000,
        description="Pixel values that become black and white in all scenes, instead of percentiles of each: a pair "
        "for all bands, or a list of pairs, one for each band.",
        json_schema_extra=_or_single,
    )
    gsd_m: GroundSampleDistance | None = Field(
        default=None, description="The finest m/px, where `scales` are left to the network; null: the network's."
    )
    scales: tuple[ScaleSettings, ...] = Field(
        min_length=1, max_length=32, description="From fine to coarse; each a multiple of the first."
    )
    model: ModelSettings | None = Field(
        default=None,
        description="The network: its name in models/, or a section; only training can do without.",
        json_schema_extra=_or_name,
    )
    suppression: SuppressionSettings = SuppressionSettings()
    vectors: VectorSettings = VectorSettings()
    mapping: MappingSettings = MappingSettings()
    labels: LabelSettings = LabelSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    counting: CountingSettings = CountingSettings()
    dating: DatingSettings = DatingSettings()
    annotation: AnnotationSettings = AnnotationSettings()
    access: AccessSettings = AccessSettings()
    page: PageSettings = PageSettings()
    crater_shapes: CraterShapeSettings | None = Field(default=None, description="Only for the target `shapes`.")
    density: DensitySettings = DensitySettings()
    secondaries: SecondarySettings = SecondarySettings()
    review: ReviewSettings = ReviewSettings()
    training: DetectorTrainingSettings | None = Field(default=None, description="Only for the target `train_detector`.")
    segmentation_training: SegmenterTrainingSettings | None = Field(
        default=None, description="Only for the target `train_segmenter`."
    )

    @model_validator(mode="wrap")
    @classmethod
    def _a_named_network_brings_defaults(
        cls, config: object, handler: ModelWrapValidatorHandler["Settings"], info: ValidationInfo
    ) -> "Settings":
        """The context's `zoo` may name another folder than models/."""
        if not isinstance(config, Mapping):
            return handler(config)
        try:
            zoo = (info.context or {}).get("zoo", ZOO)
            network = network_of_settings(config, zoo)
            filled = with_network_defaults(config, network) if network else with_stated_purpose(config, zoo)
        except OrbitileError as error:
            raise ValueError(str(error)) from error
        settings = handler(filled)
        if config.get("scales") is None:
            settings.model_fields_set.discard("scales")
        return settings

    @field_validator("scenes_per_group", mode="before")
    @classmethod
    def _groups_hold_a_number_of_scenes(cls, value: object) -> object:
        is_number = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_SCENES_PER_GROUP
        if value != AUTO and not is_number:
            raise ValueError(
                f"{shortened(repr(value))} given; allowed are whole numbers from 1 to {MOST_SCENES_PER_GROUP}, or auto"
            )
        return value

    @field_validator("bands", mode="before")
    @classmethod
    def _a_band_is_a_list_of_one(cls, value: object) -> object:
        return value if value is None or isinstance(value, list | tuple) else [value]

    @field_validator("stretch_values", mode="before")
    @classmethod
    def _a_pair_is_a_list_of_one(cls, value: object) -> object:
        is_pair = isinstance(value, list | tuple) and value and not any(isinstance(v, list | tuple) for v in value)
        return [value] if is_pair else value

    @field_validator("body", mode="before")
    @classmethod
    def _body_by_its_name(cls, value: object) -> object:
        """The IAU name of a body that may be given by a code: jobs do not run again for another word."""
        if not isinstance(value, str | int) or isinstance(value, bool):
            return value
        try:
            return find_body(value).name
        except OrbitileError as error:
            raise ValueError(str(error).removeprefix("body: ")) from error

    @model_validator(mode="after")
    def _scales_are_multiples(self) -> Self:
        finest = self.finest_m
        for before, scale in pairwise(self.scales):
            if scale.enlarge > 1:
                raise ValueError(f"scales: enlarge is {scale.enlarge} at {scale.gsd_m:g} m/px; only the finest may")
            if scale.gsd_m == finest and self.scales[0].enlarge > 1:
                continue
            if scale.gsd_m <= before.gsd_m:
                raise ValueError(
                    f"scales: gsd_m {scale.gsd_m:g} follows {before.gsd_m:g}; allowed is from fine to coarse"
                )
            if (whole_factor(finest, scale.gsd_m) or 1) == 1:
                raise ValueError(
                    f"scales: gsd_m {scale.gsd_m:g} is no whole multiple (2, 3, ...) of the finest, {finest:g}"
                )
        return self

    @model_validator(mode="after")
    def _one_finest_scale_is_named(self) -> Self:
        if self.gsd_m is not None and not isclose(self.gsd_m, self.finest_m):
            raise ValueError(
                f"gsd_m: {self.gsd_m:g} given, but {self.finest_key} is {self.finest_m:g}; leave either out"
            )
        return self

    @model_validator(mode="after")
    def _every_size_belongs_to_a_scale(self) -> Self:
        """Neighbouring scales must share a range of sizes at least as wide as the error of their measurements."""
        for fine, coarse in pairwise(self.scales):
            least_m = fine.largest_object_px * fine.gsd_m - SIZE_SLACK_PX * (fine.gsd_m + coarse.gsd_m)
            if coarse.min_object_px * coarse.gsd_m > least_m:
                largest_m = fine.largest_object_px * fine.gsd_m
                raise ValueError(
                    f"scales: objects around {largest_m:g} m, the largest at {fine.gsd_m:g} m/px, "
                    f"may be missed: min_object_px at {coarse.gsd_m:g} m/px is {coarse.min_object_px:g}; allowed is at "
                    f"most {max(least_m / coarse.gsd_m, 0):.4g}"
                )
        return self

    @model_validator(mode="after")
    def _percentiles_ascend(self) -> Self:
        low, high = self.stretch_percentiles
        if not 0 <= low < high <= 100:
            raise ValueError(f"stretch_percentiles is [{low:g}, {high:g}]; allowed is 0 <= low < high <= 100")
        for black, white in self.stretch_values or ():
            if black >= white:
                raise ValueError(f"stretch_values is {[black, white]}; allowed is a lower and a higher value")
        return self

    @model_validator(mode="after")
    def _has_a_network_or_trains_one(self) -> Self:
        if self.model is None and self.training is None and self.segmentation_training is None:
            raise ValueError(
                "model: missing; give a network, or a section training or segmentation_training to train one"
            )
        return self

    @model_validator(mode="after")
    def _one_scale_is_learnt(self) -> Self:
        if self.segmentation_training and len(self.scales) > 1:
            raise ValueError("segmentation_training: networks learn one scale at a time; give only one under scales")
        return self

    @model_validator(mode="after")
    def _tiles_suit_detectors(self) -> Self:
        for number, scale in enumerate(self.scales):
            if scale.tile_px % DETECTOR_STRIDE and (self.chain == DETECTION or self.training):
                raise ValueError(f"scales.{number}.tile_px: {scale.tile_px} given; networks that detect objects need a "
                                 f"multiple of {DETECTOR_STRIDE}")  # fmt: skip
        return self

    @model_validator(mode="after")
    def _masks_are_of_images_without_a_map(self) -> Self:
        if self.segmentation_training and self.segmentation_training.masks and not self.pixel_coordinates:
            raise ValueError("segmentation_training.masks: masks are of images without a map; set pixel_coordinates: "
                             "true, or give labels")  # fmt: skip
        return self

    @model_validator(mode="after")
    def _shapes_are_on_a_map(self) -> Self:
        if self.crater_shapes and self.pixel_coordinates:
            raise ValueError("crater_shapes: images without a map have no elevation; leave it out")
        return self

    @model_validator(mode="after")
    def _searched_ground_is_on_a_map(self) -> Self:
        if self.review.searched and self.pixel_coordinates:
            raise ValueError("review.searched: images without a map have no polygons on the ground; leave it out")
        return self

    @model_validator(mode="after")
    def _only_boxes_are_fused(self) -> Self:
        if self.model and self.model.test_time and outputs_masks(self.model.family):
            raise ValueError(f"model.test_time: of no use to the family {self.model.family}; leave it out")
        return self

    @model_validator(mode="after")
    def _errors_are_those_of_the_chain(self) -> Self:
        sections: dict[str, BoundedSettings] = dict(suppression=self.suppression, mapping=self.mapping)
        idle, other, does = ("mapping", "suppression", "detect objects")
        if self.chain == SEGMENTATION:
            idle, other, does = ("suppression", "mapping", "map pixels")
        for key in ("max_fdr", "min_recall", "calibration"):
            if getattr(sections[idle], key) is not None:
                raise ValueError(
                    f"{idle}.{key}: of no use to networks that {does}; leave it out, or give {other}.{key}"
                )
        return self

    @model_validator(mode="after")
    def _only_searches_enlarge(self) -> Self:
        learns = self.training is not None or self.segmentation_training is not None
        if self.scales[0].enlarge > 1 and (learns or self.chain == SEGMENTATION):
            raise ValueError(
                "scales: enlarge is for searching objects; networks learn, and map, at the scale of the images"
            )
        return self

    @property
    def chain(self) -> str:
        """Whether the run detects objects or maps pixels (see orbitile.pipeline.CHAINS)."""
        maps = outputs_masks(self.model.family) if self.model else self.segmentation_training is not None
        return SEGMENTATION if maps else DETECTION

    @property
    def finest_key(self) -> str:
        """The key that says what the finest scale is."""
        enlarged = " x enlarge" if self.scales[0].enlarge > 1 else ""
        return f"scales.0.gsd_m{enlarged}" if "scales" in self.model_fields_set else "gsd_m"

    @property
    def assumed_gsd_m(self) -> float | None:
        """The finest m/px, where it is the network's and the settings do not say it; else None."""
        return self.finest_m if self.gsd_m is None and "scales" not in self.model_fields_set else None

    @property
    def target_grid(self) -> dict:
        """The map that images are projected onto (see orbitile.georeferencing.project_image.TargetGrid)."""
        return dict(crs=self.crs, gsd_m=self.finest_m, corrections=self.georeferencing.corrections)

    @property
    def stretch(self) -> dict:
        """How pixel values become grey values (see orbitile.stages.georeference.GeoreferenceTarget)."""
        pairs = self.stretch_values
        values = pairs[0] if pairs and len(pairs) == 1 else pairs
        return dict(stretch_percentiles=self.stretch_percentiles, stretch_values=values)

    @property
    def merge_options(self) -> dict:
        """How the strips of a mosaic are merged (see orbitile.georeferencing.mosaicking.merge.MergeOptions)."""
        return self.georeferencing.model_dump(include={"order", "incidence_deg", "match_levels"})

    @property
    def spice_choice(self) -> dict:
        """The source of ISIS's kernels and its shape model (see orbitile.georeferencing.isis.sequences.SpiceChoice)."""
        shape = self.georeferencing.isis_shape
        return dict(isis_web=self.georeferencing.isis_web, isis_shape=shape and str(shape))

    @property
    def finest_m(self) -> float:
        """The finest ground sample distance of rasters in metres per pixel: the first scale's, or what it enlarges."""
        return self.scales[0].gsd_m * self.scales[0].enlarge

    @property
    def enlarged(self) -> dict[float, int]:
        """The scales in m/px that are searched in enlarged pixels, with their factors."""
        return {scale.gsd_m: scale.enlarge for scale in self.scales if scale.enlarge > 1}

    @property
    def slack_m(self) -> float:
        """The largest distance (metres) of detections outside their scenes: coarse pixels reach over a border, too."""
        return (SLACK_PX + 1) * self.scales[-1].gsd_m

    @property
    def reach_m(self) -> float:
        """The largest distance, in metres, between the centres of two overlapping detections.

        Twice that on a map without distortion.
        """
        largest_m = max(scale.largest_object_px * scale.gsd_m for scale in self.scales)
        return 2 * (1 - self.suppression.iou_threshold) * largest_m

    @property
    def rings(self) -> int:
        """Rings of neighbouring groups that the suppression of a group may read.

        By default one around large groups, which no chain of overlaps crosses: each ring makes planning slower.
        """
        size = self.scenes_per_group
        return self.suppression.rings or (1 if isinstance(size, int) and size >= LARGE_GROUP else 2)

    def in_groups_of(self, scenes: int) -> "Settings":
        """The same settings with so many scenes per group, as a plan has chosen."""
        return self.model_copy(update=dict(scenes_per_group=scenes))

    @property
    def margin_m(self) -> float:
        """The distance beyond a scene (metres of its map) to which its tiles or centre lines use pixels of others."""
        least_px = HALO_PX if self.chain == SEGMENTATION else 0
        return max(max(scale.tile_px, least_px) * scale.gsd_m for scale in self.scales)

    @property
    def factors(self) -> list[int]:
        """The number of finest pixels along the side of a pixel of each scale."""
        return [whole_factor(self.finest_m, scale.gsd_m) or 1 for scale in self.scales]

    @property
    def tile_px(self) -> dict[float, int]:
        """Side of tiles in pixels, for each scale in m/px."""
        return {scale.gsd_m: scale.tile_px for scale in self.scales}

    @property
    def tile_sizes(self) -> dict[float, dict]:
        """Side and overlap of tiles, for each scale in m/px (see orbitile.detections.tiling.TileSize)."""
        blended = self.chain == SEGMENTATION
        return {s.gsd_m: dict(tile_px=s.tile_px, overlap_px=s.overlap_px, blended=blended) for s in self.scales}

    @property
    def size_limits(self) -> dict[float, dict]:
        """The sizes of objects that each scale in m/px reports (see orbitile.detections.tiling.SizeLimits)."""
        return {
            s.gsd_m: dict(
                slack_px=SLACK_PX,
                min_object_px=s.min_object_px,
                max_object_px=s.largest_object_px,
                is_coarsest=s is self.scales[-1],
            )
            for s in self.scales
        }

    @property
    def model_weights(self) -> dict | None:
        """The weights, which may state corrections of boxes and calibrations, and their hash."""
        return dict(weights=str(self.model.weights), sha256=self.model.sha256) if self.model else None

    @property
    def model_choice(self) -> dict:
        """The network to load (see orbitile.inference.models.network.ModelChoice)."""
        model = required_setting("model", self.model)
        test_time = model.test_time and model.test_time.model_dump()
        if test_time and not (test_time["views"] or test_time["shifts_px"]):
            test_time = None
        choice = model.model_dump(exclude={"name", *MODEL_PURPOSE, "test_time"}) | dict(weights=str(model.weights))
        second = self.mapping.foreground if self.chain == SEGMENTATION else None
        foreground = second and second.model_dump(mode="json")
        return choice | {key: value for key, value in dict(test_time=test_time, foreground=foreground).items() if value}

    @property
    def network_files(self) -> list[Path]:
        """The files of weights that the run's network is loaded from."""
        second = self.mapping.foreground
        return ([self.model.weights] if self.model else []) + ([second.weights] if second else [])

    @property
    def label_fields(self) -> dict:
        """The columns of files of labels (see orbitile.features.labels.read.LabelFields), and buffers in pixels."""
        return self.labels.model_dump(exclude={"mask_values"})

    @property
    def outline_settings(self) -> dict:
        """How masks become shapes (see orbitile.stages.outline.OutlineSettings); weights may state the threshold.

        OrbitileError where an error cannot be bounded.
        """
        mapping = self.mapping
        shapes = mapping.model_dump(include={"threshold", "spur_px", "edge_px"})
        shapes |= dict(threshold=self.pixel_threshold, model=self.model_weights)
        has_lines = not mapping.classes_exclude_each_other if mapping.centre_lines is None else mapping.centre_lines
        lines = {} if has_lines else dict(centre_lines=False)  # jobs of before do not run again for new keys
        likeliest = dict(decision=mapping.decision) if mapping.classes_exclude_each_other else {}
        return shapes | lines | likeliest

    @property
    def class_choice(self) -> dict:
        """How pixels get one class (see orbitile.stages.classify.ClassifySettings), and the weights.

        `classes` are those that the settings name for weights that do not name them.
        """
        classes = self.model.classes if self.model else None
        regions = self.mapping.model_dump(include={"smoothing_px", "smallest_region_px"}, exclude_defaults=True)
        return dict(model=self.model_weights, classes=list(classes) if classes else None, **regions)

    @property
    def pixel_threshold(self) -> float | dict[str, float] | None:
        """The probability from which on pixels count, of each class where errors choose it; None: the weights say it.

        OrbitileError where an error cannot be bounded.
        """
        if not self.mapping.is_bounded:
            return self.mapping.threshold
        from orbitile.calibration.bounded_threshold import bounded_class_thresholds  # few runs need it, and SciPy

        source = required_setting("mapping.calibration", self.pixel_calibration)
        errors = self.mapping.accepted_errors
        return bounded_class_thresholds(source["path"], **errors, model_sha256=source["model_sha256"])

    @property
    def pixel_calibration(self) -> dict | None:
        """Where it stands what pixels are worth (see orbitile.calibration.pixel_calibration.read_pixel_calibration).

        None where no file is named and weights are of a kind that states nothing.
        """
        if self.model is None or not (self.mapping.calibration or self.model.weights.suffix == ".safetensors"):
            return None
        return dict(path=str(self.mapping.calibration or self.model.weights), model_sha256=self.model.sha256)

    @property
    def polygon_filters(self) -> dict:
        """Which polygons are dropped (see orbitile.features.filter.PolygonFilters)."""
        areas = {name: path and str(path) for name, path in self.mapping if name in ("inside", "outside", "seams")}
        return self.mapping.model_dump(include={"min_area_m2", "edge_px"}) | areas

    @property
    def map_comparison(self) -> dict:
        """How a map is compared with the truth (see orbitile.stages.evaluate_map.MapComparison)."""
        tolerance_m = self.evaluation.tolerance_m or 3 * self.finest_m
        masks = dict(mask_values=self.labels.mask_values) if self.labels.mask_values else {}
        return dict(tolerance_m=tolerance_m, labels=self.label_fields | masks, outline_settings=self.outline_settings)

    @property
    def label_rasterisation(self) -> dict | None:
        """How training labels become rasters (see orbitile.stages.rasterise_labels.LabelRasterisation)."""
        training = self.segmentation_training
        if training is None or training.masks:
            return None
        uncertain = dict(uncertain_px=training.uncertain_px)
        return dict(classes=list(training.classes), **self.label_fields, **uncertain)

    @property
    def mask_files(self) -> dict | None:
        """The masks to learn from, and the values of classes (see orbitile.features.labels.masks.MaskFolder)."""
        training = self.segmentation_training
        if training is None or training.masks is None:
            return None
        return dict(folder=training.masks, classes=training.classes, values=self.labels.mask_values)

    @property
    def scene_deal(self) -> dict | None:
        """Which scenes are kept for validation (see orbitile.training.scene_deal.SceneDeal)."""
        if self.segmentation_training is None:
            return None
        keys = {"validation_scenes", "folds", "fold", "validation_share", "seed"}
        return self.segmentation_training.model_dump(include=keys, mode="json")

    @property
    def point_files(self) -> list[str]:
        """Files of labels that are known at single places."""
        points = self.segmentation_training and self.segmentation_training.points
        return [str(path) for path in points.labels] if points else []

    @property
    def point_rasterisation(self) -> dict | None:
        """How they become rasters (see orbitile.stages.rasterise_labels.PointSource); None where there are none."""
        training = self.segmentation_training
        if training is None or training.points is None:
            return None
        return dict(
            classes=list(training.classes), radius_px=training.points.radius_px,
            width_field=self.labels.width_field, class_field=self.labels.class_field,
        )  # fmt: skip

    @property
    def training_tile_cut(self) -> dict | None:
        """How tiles to learn from are cut (see orbitile.training.segmentation.tiles.TrainingTileCut)."""
        training = self.segmentation_training
        if training is None:
            return None
        keys = {"overlap_share", "block_deg", "validation_share", "seed"}
        return training.model_dump(include=keys) | dict(
            tile_px=self.scales[0].tile_px, class_count=len(training.classes)
        )

    @property
    def segmenter_recipe(self) -> dict | None:
        """How weights are made of labelled tiles (see orbitile.training.segmentation.recipe.SegmenterRecipe)."""
        if self.segmentation_training is None:
            return None
        keys_of_tiles = {
            "labels", "masks", "uncertain_px", "overlap_share", "block_deg", "validation_share",
            "validation_scenes", "folds", "fold", "images",
        }  # fmt: skip
        training = self.segmentation_training
        recipe = training.model_dump(exclude=keys_of_tiles | {"points", "loss"}, mode="json")
        points_weight = training.points.weight if training.points else None
        loss = training.loss.model_dump(exclude_none=True)
        return recipe | dict(
            tile_px=self.scales[0].tile_px, loss=loss, points_weight=points_weight, purpose=self._purpose(training)
        )  # fmt: skip

    @property
    def nms_settings(self) -> dict:
        """When detections suppress each other (see orbitile.detections.nms.settings.NmsSettings)."""
        criteria = self.suppression.model_dump(include={"iou_threshold", "class_aware", "shape"})
        return criteria | dict(
            score_threshold=self.score_threshold,
            scenes_apart=self.pixel_coordinates,
            reach_m=self.reach_m,
            slack_m=self.slack_m,
            rings=self.rings,
        )

    @property
    def calibration_nms_settings(self) -> dict:
        """As `nms_settings`, for all that inference keeps."""
        return self.nms_settings | dict(score_threshold=required_setting("model", self.model).score_threshold)

    @property
    def score_threshold(self) -> float:
        """The score from which on detections reach the catalogue; OrbitileError where an error cannot be bounded."""
        chosen = self.suppression
        if not chosen.is_bounded:
            return chosen.score_threshold
        from orbitile.calibration.bounded_threshold import bounded_threshold  # few runs need it, and SciPy with it

        source = required_setting("suppression.calibration", self.row_confidence)
        score = bounded_threshold(
            source["path"], chosen.max_fdr, chosen.min_recall, chosen.confidence, source["model_sha256"]
        )
        least = required_setting("model", self.model).score_threshold
        if score < least:
            raise OrbitileError(f"model.score_threshold: {least:g} keeps less than the score of {score:g} that "
                                "suppression.max_fdr and min_recall choose; lower it")  # fmt: skip
        return score

    @property
    def row_confidence(self) -> dict | None:
        """What tells how sure rows are (see orbitile.calibration.row_confidence.RowConfidence.read)."""
        if self.model is None:
            return None
        path, confidence = self.suppression.calibration or self.model.weights, self.suppression.confidence
        return dict(path=str(path), model_sha256=self.model.sha256, confidence=confidence, finest_m=self.finest_m)

    @property
    def score_choice(self) -> dict:
        """The least score that rows have, and how it was chosen (see orbitile.calibration.statement.ScoreChoice)."""
        least = max(self.score_threshold, self.model.score_threshold if self.model else 0.0)
        return self.suppression.model_dump(include={"max_fdr", "min_recall"}) | dict(score_threshold=least)

    @property
    def shape_limits(self) -> dict | None:
        """Which craters are measured, and how (see orbitile.counting.crater_shapes.ShapeLimits)."""
        return self.crater_shapes.model_dump(exclude={"elevation"}) if self.crater_shapes else None

    @property
    def match_criteria(self) -> dict:
        """When a crater of the catalogue matches a true one (see orbitile.detections.matching.MatchCriteria)."""
        min_diameter_m = self.evaluation.min_diameter_px * self.finest_m
        limits = self.evaluation.model_dump(include={"iou_threshold", "least_agreement"})
        return limits | dict(min_diameter_m=min_diameter_m)

    @property
    def review_choice(self) -> dict:
        """How judgements become figures (see orbitile.stages.review.ReviewChoice)."""
        criteria = self.match_criteria
        return self.review.model_dump(exclude={"judgements", "searched"}) | dict(
            iou_threshold=criteria["iou_threshold"],
            min_diameter_m=criteria["min_diameter_m"],
            scenes_apart=self.pixel_coordinates,
        )

    @property
    def counted_sizes(self) -> dict[float, tuple[float, float]]:
        """The least and the largest diameter in kilometres that craters count with, for each scale in m/px."""
        return {
            scale.gsd_m: (
                max(scale.min_object_px, self.counting.least_px) * scale.gsd_m / 1000,
                scale.largest_object_px * scale.gsd_m / 1000,
            )
            for scale in self.scales
        }

    @property
    def dating_choice(self) -> dict:
        """How areas are dated (see orbitile.counting.ages.DatingChoice)."""
        return self.dating.model_dump(exclude={"program"})

    @property
    def truth_columns(self) -> dict:
        """The columns of the table of true craters (see orbitile.tables.crater_columns.CraterColumns)."""
        return self.evaluation.columns.model_dump()

    @property
    def page_comparison(self) -> dict | None:
        """The table that the page compares the catalogue with, its columns, and its name unless it is the truth."""
        other = self.page.compared_with
        if other.craters:
            return dict(craters=str(other.craters), columns=other.columns.model_dump(), name=other.craters.name)
        truth = self.evaluation.truth
        return dict(craters=str(truth), columns=self.truth_columns, name=None) if truth else None

    @property
    def annotation_columns(self) -> dict:
        """The columns of the table of craters to draw (see orbitile.tables.crater_columns.CraterColumns)."""
        columns = self.annotation.columns if self.annotation.craters else CraterColumnSettings()
        return columns.model_dump()

    @property
    def label_columns(self) -> dict | None:
        """The columns of the table of craters to learn (see orbitile.tables.crater_columns.CraterColumns)."""
        return self.training.columns.model_dump() if self.training else None

    @property
    def search_limits(self) -> dict[str, float]:
        """What the finest scale reports (see orbitile.stages.density.SearchLimits)."""
        finest = self.scales[0]
        return dict(diameter_km=finest.min_object_px * finest.gsd_m / 1000, pixel_km=finest.gsd_m / 1000)

    @property
    def origin(self) -> dict:
        """What a catalogue was made from, for its metadata."""
        model = self.model.sha256 if self.model else None
        named: dict[str, object] = dict(model=self.model.name) if self.model and self.model.name else {}
        purpose = self.model.model_dump(include=MODEL_PURPOSE, exclude_none=True) if self.model else {}
        named |= dict(model_is_for=purpose) if purpose else {}
        second = self.mapping.foreground
        named |= dict(foreground=second.model_dump(include={"sha256", "share"})) if second else {}
        return dict(run=self.run, body=self.body, scales_m=[s.gsd_m for s in self.scales], model_sha256=model) | named

    @property
    def detector_recipe(self) -> dict | None:
        """How a detector's weights are made (see orbitile.training.detection.recipe.DetectorRecipe)."""
        training = self.training
        if training is None:
            return None
        least_px = self.scales[0].min_object_px if training.labelled_from_px is None else training.labelled_from_px
        return training.model_dump(exclude={"craters", "columns", "images"}, mode="json") | dict(
            start_from=str(training.start_weights or training.start_from),
            labelled_from_px=least_px,
            iou_threshold=self.evaluation.iou_threshold,
            suppression_iou=self.suppression.iou_threshold,
            purpose=self._purpose(training),
        )

    def _purpose(self, training: DetectorTrainingSettings | SegmenterTrainingSettings) -> dict[str, object]:
        """What weights of this training state that they are for (see weights_header.PURPOSE and STRETCHES)."""
        kind = dict(images=training.images) if training.images else {}
        stretch = {key: value for key, value in self.stretch.items() if key in self.model_fields_set}
        return dict(body=self.body, **kind, gsd_range_m=[self.finest_m, self.scales[-1].gsd_m], **stretch)


def check_settings(config: dict, sources: Iterable[str | Path], zoo: Path = ZOO) -> Settings:
    """Validate a configuration; OrbitileError with every fault in one line, naming file and key.

    `zoo` is the folder of networks with names.
    """
    source = " + ".join(str(path) for path in sources) or "settings"
    try:
        settings = Settings.model_validate(config, context=dict(zoo=zoo))
    except ValidationError as error:
        faults = [_explain(fault) for fault in _innermost(error.errors())]
        more = [f"and {len(faults) - FAULTS_SHOWN} faults more"] if len(faults) > FAULTS_SHOWN else []
        raise OrbitileError(f"{source}: {'; '.join(faults[:FAULTS_SHOWN] + more)}") from error
    for key, path in _files(settings).items():
        if path is not None and not key.startswith(READ_BY_PLANS) and BRACES & set(str(path)):
            raise OrbitileError(
                f"{source}: {key}: {shortened(str(path), 200)}: braces in a path would stand for the name of a group; "
                "rename the file or the folder"
            )
        may_be_folder = key in CRATERS_GIVEN and (settings.chain == DETECTION or key == "evaluation.truth")
        if path is not None and not path.is_file() and not (may_be_folder and path.is_dir()):
            raise OrbitileError(f"{source}: {key}: no file at {shortened(str(path), 200)}")
    masks = settings.segmentation_training and settings.segmentation_training.masks
    if masks and not masks.is_dir():
        raise OrbitileError(f"{source}: segmentation_training.masks: no folder at {shortened(str(masks), 200)}")
    _check_errors(settings, source)
    return settings


def _check_errors(settings: Settings, source: str) -> None:
    """OrbitileError where no threshold keeps to the errors that the settings name."""
    try:
        _ = settings.pixel_threshold if settings.chain == SEGMENTATION else settings.score_threshold
    except OrbitileError as error:
        raise OrbitileError(f"{source}: {error}") from error


def _files(settings: Settings) -> dict[str, Path | None]:
    """The files that settings name, by key."""
    mapping, training = settings.mapping, settings.segmentation_training
    files = {"model.weights": settings.model.weights if settings.model else None,
             "training.start_from": settings.training.start_weights if settings.training else None,
             "segmentation_training.start_from": training.start_weights if training else None,
             "suppression.calibration": settings.suppression.calibration,
             "mapping.calibration": settings.mapping.calibration,
             "mapping.foreground.weights": mapping.foreground.weights if mapping.foreground else None,
             "evaluation.truth": settings.evaluation.truth, "annotation.craters": settings.annotation.craters,
             "page.compared_with.craters": settings.page.compared_with.craters,
             **{f"counting.{name}": getattr(settings.counting, name) for name in ("areas", "excluded", "reference")},
             "mapping.inside": mapping.inside, "mapping.outside": mapping.outside, "mapping.seams": mapping.seams,
             "review.searched": settings.review.searched,
             "georeferencing.elevation": settings.georeferencing.elevation,
             "georeferencing.isis_shape": settings.georeferencing.isis_shape}  # fmt: skip
    labels = training.labels if training else ()
    points = training.points.labels if training and training.points else ()
    elevation = settings.crater_shapes.elevation if settings.crater_shapes else ()
    lists = {"segmentation_training.labels": labels, "segmentation_training.points.labels": points,
             "crater_shapes.elevation": elevation, "review.judgements": settings.review.judgements}  # fmt: skip
    return files | {f"{key}.{number}": path for key, paths in lists.items() for number, path in enumerate(paths)}


def required_setting(key: str, value: T | None) -> T:
    """The value of a setting that the target needs; OrbitileError where it is None."""
    if value is None:
        raise OrbitileError(f"{key}: missing, but the requested target needs it; config/config.yaml explains the key")
    return value


def _innermost(faults: Sequence[Fault]) -> list[Fault]:
    """The faults without those of sections in which another fault lies."""
    locations = [fault["loc"] for fault in faults]
    return [fault for fault in faults if not any(_is_inside(location, fault["loc"]) for location in locations)]


def _is_inside(location: tuple, section: tuple) -> bool:
    """Tell whether a location lies inside a section; the settings as a whole are none."""
    return bool(section) and location != section and location[: len(section)] == section


def _explain(fault: Fault) -> str:
    """One fault as: key, given value, allowed values."""
    key = ".".join(shortened(str(part)) for part in fault["loc"]) or "settings"
    if fault["type"] == "extra_forbidden":
        return f"{key}: unknown key; allowed are {', '.join(_allowed_keys(fault['loc'][:-1]))}"
    if fault["type"] == "missing":
        return f"{key}: missing"
    message = shortened(fault["msg"].removeprefix("Value error, "), 400)
    if fault["type"] == "value_error":
        return message if key == "settings" else f"{key}: {message}"
    return f"{key}: {shortened(repr(fault['input']))} given; {message}"


def _allowed_keys(location: tuple) -> list[str]:
    """The keys allowed in the section at a location inside the settings."""
    section: type[BaseModel] = Settings
    for part in location:
        if isinstance(part, str):
            section = _section_of(section.model_fields[part].annotation)
    return list(section.model_fields)


def _section_of(annotation: object) -> type[BaseModel]:
    """The section in a field's annotation, also where it is optional or one of many."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    candidates = [_section_of(a) for a in getattr(annotation, "__args__", ()) if a not in (type(None), ...)]
    return candidates[0]
