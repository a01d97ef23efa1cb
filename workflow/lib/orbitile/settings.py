"""The settings of a run: what config/config.yaml may say, checked before anything runs."""

import re
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from orbitile.errors import OrbitileError
from orbitile.jobs.place import DETECTION, SEGMENTATION
from orbitile.space.bodies import body
from orbitile.space.scales import factor_between

T = TypeVar("T")
Margin = Literal["auto", "never", "always"]
Shape = Literal["box", "circle"]
Precision = Literal["auto", "float32", "float16", "bfloat16"]

NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"
"""Names that become file names and wildcards: no spaces, slashes or quotes, no leading dot."""

Share = Annotated[float, Field(ge=0, le=1)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def is_plain_name(text: str) -> bool:
    """Tell whether a text can name a file and a wildcard safely."""
    return re.fullmatch(NAME, text) is not None and ".." not in text


class Section(BaseModel):
    """A part of the settings: immutable, and without room for unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Scale(Section):
    """One ground sample distance at which the model looks at every scene."""

    gsd_m: float = Field(gt=0, description="Ground sample distance in metres per pixel.")
    tile_px: int = Field(512, ge=32, description="Side of a tile in pixels, a multiple of 32.", multiple_of=32)
    overlap_px: int = Field(128, ge=0, description="Overlap of neighbouring tiles in pixels.")
    min_object_px: float = Field(5, ge=0, description="Smaller detections (pixels across) are dropped.")
    max_object_px: float | None = Field(
        None,
        gt=0,
        description="Larger detections (pixels across) are left to a coarser scale. Default: overlap_px - 8, "
        "the largest that some tile sees whole.",
    )

    @model_validator(mode="after")
    def _tiles_advance_and_see_objects_whole(self) -> Self:
        if self.overlap_px > self.tile_px / 2:
            raise ValueError(
                f"overlap_px is {self.overlap_px}; allowed is at most half of tile_px ({self.tile_px // 2})"
            )
        if self.largest_px > max(self.overlap_px - 2 * SLACK_PX, 0):
            raise ValueError(
                f"max_object_px is {self.max_object_px:g}; allowed is at most overlap_px - {2 * SLACK_PX} "
                f"({self.overlap_px - 2 * SLACK_PX}), or objects at tile edges would be lost"
            )
        if self.largest_px <= self.min_object_px:
            raise ValueError(
                f"min_object_px is {self.min_object_px:g}; allowed is less than the largest object, "
                f"{self.largest_px:g} px with an overlap_px of {self.overlap_px}"
            )
        return self

    @property
    def largest_px(self) -> float:
        """The size in pixels up to which this scale answers for objects."""
        return max(self.overlap_px - 2 * SLACK_PX, 0) if self.max_object_px is None else self.max_object_px


SLACK_PX = 4
"""How far, in pixels, two tiles may disagree on the place of one object's centre."""
LARGE_GROUP = 9
"""Scenes per group from which on suppression looks at one ring of groups only."""
HALO_PX = 192
"""How far, in pixels, finding centre lines looks beyond a scene (orbitile.shapes.skeleton.HALO_PX)."""
SIZE_SLACK_PX = 2
"""How far, in pixels, a measured size may be off."""


class Georeferencing(Section):
    """How images without a map come onto one."""

    kernels: Path | None = Field(
        None, description="Of scenes that name none: a meta-kernel, a folder of kernels, or a camera model (.json)."
    )
    elevation: Path | None = Field(
        None, description="GeoTIFF of heights over the body's sphere to project onto; null: the ellipsoid."
    )
    polar_latitude: float = Field(65, gt=0, le=90, description="Beyond it maps are polar, where crs names none.")
    corrections: bool = Field(True, description="Whether raw images lose echo, odd-even columns and stripes.")
    isis: Literal["auto", "never"] = Field("auto", description="auto: ISIS, where its programs are on the PATH.")
    isis_web: bool = Field(False, description="Whether ISIS asks the web service of USGS for its kernels.")
    isis_shape: Path | None = Field(None, description="Shape model for ISIS: a cube of radii.")
    order: Literal["resolution", "incidence"] = Field(
        "resolution", description="What decides which strip of a mosaic lies on top."
    )
    incidence_deg: float = Field(68, ge=0, le=90, description="The incidence that is best, where order goes by it.")
    match_levels: bool = Field(True, description="Whether strips of a mosaic get the grey level of those above them.")


class Model(Section):
    """The network that finds objects in tiles, or maps classes pixel by pixel."""

    weights: Path = Field(description="Weights: .safetensors of `train`, an ultralytics .pt, or a state dict.")
    sha256: Sha256 = Field(description="SHA-256 of the weights file; nothing is loaded unless it agrees.")
    family: Literal["yolo", "segmentation"] = Field("yolo", description="yolo finds objects, segmentation maps pixels.")
    network: str | None = Field(None, description="Of a state dict: deeplabv3_resnet50, unet:resnet18 ...")
    classes: tuple[str, ...] | None = Field(None, min_length=1, description="Of a state dict: names of its outputs.")
    mean: tuple[float, ...] | None = Field(None, description="Of a state dict: of each channel, of grey values 0..1.")
    std: tuple[float, ...] | None = Field(None, description="Of a state dict: as `mean`; values less mean, over std.")
    device: str = Field("auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$", description="auto, cpu, cuda or cuda:N.")
    precision: Precision = Field(
        "auto", description="float32, float16 or bfloat16; auto: float32 on the CPU, else half."
    )
    compile: bool = Field(False, description="Whether torch.compile makes the network faster; it takes minutes first.")
    batch: int | None = Field(None, ge=1, description="Tiles in a pass; null: 8 on the CPU, on a GPU what fits.")
    score_threshold: Share = Field(0.05, description="Detections of a lower score are not kept at all.")


class Suppression(Section):
    """How duplicates are removed, inside tiles, scenes and across neighbours."""

    iou_threshold: Share = Field(0.4, description="Of two boxes that overlap more than this, the lower score goes.")
    score_threshold: Share = Field(0.25, description="Detections of a lower score do not reach the catalogue.")
    class_aware: bool = Field(True, description="Whether only boxes of one class suppress each other.")
    shape: Shape = Field("box", description="box or circle: what the overlap of two detections is taken of.")
    rings: int | None = Field(None, ge=1, description="Rings of groups around one that its suppression may look at.")


class Mapping(Section):
    """How the masks of a segmentation network become polygons and centre lines."""

    threshold: Annotated[float, Field(gt=0, le=1)] | None = Field(
        None, description="Probability from which on a pixel counts; null: what the weights state, else 0.5."
    )
    min_area_m2: float = Field(150, ge=0, description="Smaller polygons are dropped: square metres on the ground.")
    spur_px: float = Field(8, ge=0, le=40, description="Side branches of centre lines shorter than this are pruned.")
    inside: Path | None = Field(None, description="Polygons (any vector file): what lies outside them is dropped.")
    outside: Path | None = Field(None, description="Polygons (any vector file): what lies in them is dropped.")
    seams: Path | None = Field(None, description="Seams of the mosaic (lines or polygons): what lies along is dropped.")
    edge_px: float = Field(3, ge=0, le=64, description="What lies so close to seams or nodata is dropped; 0: nothing.")


class Labels(Section):
    """How vector files of labels are read, for training and for evaluation."""

    width_field: str = Field("width", description="Column of lines: tiny, small, medium, large, huge, or pixels.")
    class_field: str | None = Field(None, description="Column that names the class; null where there is only one.")
    buffers_px: dict[Literal["tiny", "small", "medium", "large", "huge"], Annotated[float, Field(gt=0)]] = Field(
        {}, description="Half the width in pixels that lines of a width class get, instead of the defaults."
    )


class Vectors(Section):
    """How survivors become shapes."""

    shape: Literal["ellipse", "circle", "box"] = Field("ellipse", description="ellipse, circle or box on the ground.")
    vertices: int = Field(128, ge=100, le=1000, description="Vertices of a circle or an ellipse.")


class Evaluation(Section):
    """What the catalogue is compared with."""

    truth: Path | None = Field(None, description="Table of true craters, or vector file of true lines or polygons.")
    iou_threshold: Share = Field(0.3, description="Least IoU of a found and a true crater that match.")
    min_diameter_px: float = Field(10, ge=0, description="Smallest diameter judged, in pixels of the finest scale.")
    tolerance_m: float | None = Field(
        None, gt=0, description="How far off, in metres, lines still count as found; null: 3 px of the scale."
    )


class Annotation(Section):
    """What pictures of scenes show."""

    craters: Path | None = Field(None, description="Crater table to draw; null draws this run's catalogue.")


class Augmentation(Section):
    """Random changes of the training tiles, each within the given bounds."""

    rotation_deg: float = Field(10, ge=0, le=180, description="Largest rotation either way.")
    shear_deg: float = Field(2, ge=0, lt=45, description="Largest shear either way.")
    scaling: Share = Field(0.15, description="Largest relative change of size either way.")
    translation: Share = Field(0.05, description="Largest shift either way, as a share of the tile.")
    flip_left_right: Share = Field(0.5, description="Probability of a mirrored tile.")
    flip_up_down: Share = Field(0.5, description="Probability of an upside-down tile.")
    brightness: Share = Field(0.2, description="Largest relative change of brightness either way.")


class Training(Section):
    """How `train` makes weights from the run's scenes and a crater table."""

    craters: Path = Field(description="Table of craters to learn (CSV or Parquet): lon, lat, diameter.")
    start_from: str = Field("yolo11n.yaml", description="An ultralytics network (.yaml), or weights to go on from.")
    tiles_per_scale: dict[float, int] = Field(description="How many tiles to draw at each gsd_m of `scales`.")
    min_visible: Share = Field(0.6, description="A cut crater is labelled if this share of its box is in the tile.")
    block_deg: float = Field(30, gt=0, le=90, description="Side of the squares dealt out to training and validation.")
    validation_share: Share = Field(0.15, description="Share of the squares kept for validation.")
    epochs: int = Field(100, ge=1, description="Passes over the tiles.")
    batch: int = Field(16, ge=1, description="Tiles per step.")
    learning_rate: float = Field(0.002, gt=0, description="Highest learning rate; it falls along a cosine.")
    optimizer: Literal["AdamW", "SGD", "MuSGD"] = Field("AdamW", description="Optimiser of ultralytics.")
    device: str = Field("auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$", description="auto, cpu, cuda or cuda:N.")
    seed: int = Field(0, ge=0, description="Seed of tile drawing and of training.")
    augmentation: Augmentation = Augmentation()


class PixelAugmentation(Section):
    """Random changes of the tiles a segmentation network learns from, each with a probability of its own."""

    clahe: Share = Field(0.5, description="Probability of contrast-limited adaptive histogram equalisation.")
    noise: Share = Field(0.5, description="Probability of Gaussian noise.")
    noise_sigma: tuple[float, float] = Field((0.0075, 0.0125), description="Least and largest sigma, of grey 0..1.")
    perspective: Share = Field(0.5, description="Probability of a perspective distortion.")
    perspective_scale: tuple[float, float] = Field((0.1, 0.3), description="Least and largest distortion scale.")


class SegmentationTraining(Section):
    """How `train_segmentation` makes weights from the run's scenes and a vector file of labels."""

    labels: tuple[Path, ...] = Field(min_length=1, description="Lines with widths, polygons: one vector file or more.")
    classes: tuple[str, ...] = Field(("fracture",), min_length=1, description="Names of the classes to learn.")
    network: str = Field("deeplabv3_resnet50", description="deeplabv3_resnet50, unet:resnet18, fpn:resnet34 ...")
    start_from: Path | None = Field(None, description="Weights (.safetensors) to go on from.")
    overlap_share: float = Field(0.1, ge=0, le=0.5, description="Overlap of neighbouring tiles, of their side.")
    block_deg: float = Field(1, gt=0, le=90, description="Side of the squares dealt out to training and validation.")
    validation_share: Share = Field(0.2, description="Share of the squares kept for validation.")
    epochs: int = Field(100, ge=1, description="Passes over the tiles, at most.")
    patience: int = Field(20, ge=1, description="Epochs without a better F1 after which training ends.")
    max_hours: float | None = Field(None, gt=0, description="Hours after which training ends; the best epoch counts.")
    batch: int = Field(16, ge=1, description="Tiles per step.")
    learning_rate: float = Field(0.0001, gt=0, description="Of Adam.")
    precision: Precision = Field("auto", description="float32, bfloat16 or float16; auto: mixed on a GPU.")
    device: str = Field("auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$", description="auto, cpu, cuda or cuda:N.")
    seed: int = Field(0, ge=0, description="Seed of the split and of training.")
    augmentation: PixelAugmentation = PixelAugmentation()

    @field_validator("labels", mode="before")
    @classmethod
    def _one_file_will_do(cls, given: object) -> object:
        return [given] if isinstance(given, str | Path) else given


class Settings(Section):
    """Everything a run is made of."""

    run: str = Field(pattern=NAME, description="Name of the run; results go to results/<run>/.")
    body: str = Field(description="The body, by its IAU name (Moon, Mars ...), its IAU code (30100) or NAIF id (301).")
    scenes: Path = Field(description="The scene table (CSV or Parquet): scene, path, optional body and group.")
    scenes_per_group: int = Field(1, ge=1, description="Neighbouring scenes that one job works through.")
    allow_failures: bool = Field(False, description="Whether scenes that fail are left out, by name, of the catalogue.")
    crs: str | None = Field(
        None, description="Map of the whole run (IAU_2015:30110, WKT ...); null keeps each scene's."
    )
    pixel_coordinates: bool = Field(
        False, description="Images without georeferencing: one pixel is scales[0].gsd_m metres."
    )
    georeferencing: Georeferencing = Georeferencing()
    margin: Margin = Field("auto", description="auto, never or always: whether tiles look into abutting scenes.")
    stretch_percentiles: tuple[float, float] = Field(
        (0.5, 99.5), description="Percentiles of a scene's valid pixels that become black and white."
    )
    stretch_values: tuple[float, float] | None = Field(
        None, description="Pixel values that become black and white in all scenes, instead of percentiles of each."
    )
    scales: tuple[Scale, ...] = Field(min_length=1, description="From fine to coarse; each a multiple of the first.")
    model: Model | None = Field(None, description="The network; only `train` can do without.")
    suppression: Suppression = Suppression()
    vectors: Vectors = Vectors()
    mapping: Mapping = Mapping()
    labels: Labels = Labels()
    evaluation: Evaluation = Evaluation()
    annotation: Annotation = Annotation()
    training: Training | None = Field(None, description="Only for the target `train`.")
    segmentation_training: SegmentationTraining | None = Field(
        None, description="Only for the target `train_segmentation`."
    )

    @field_validator("body", mode="before")
    @classmethod
    def _body_goes_by_its_name(cls, given: object) -> object:
        """A body's own name, whatever it was called: another word for it makes no other run."""
        if not isinstance(given, str | int) or isinstance(given, bool):
            return given
        try:
            return body(given).name
        except OrbitileError as error:
            raise ValueError(str(error).removeprefix("body: ")) from error

    @model_validator(mode="after")
    def _scales_are_multiples(self) -> Self:
        finest = self.scales[0].gsd_m
        for before, scale in pairwise(self.scales):
            if scale.gsd_m <= before.gsd_m:
                raise ValueError(
                    f"scales: gsd_m {scale.gsd_m:g} follows {before.gsd_m:g}; allowed is from fine to coarse"
                )
            if (factor_between(finest, scale.gsd_m) or 1) == 1:
                raise ValueError(
                    f"scales: gsd_m {scale.gsd_m:g} is no whole multiple (2, 3, ...) of the finest, {finest:g}"
                )
        return self

    @model_validator(mode="after")
    def _every_size_belongs_to_a_scale(self) -> Self:
        """Neighbouring scales must share a band of sizes at least as wide as their measurements may differ."""
        for fine, coarse in pairwise(self.scales):
            least_m = fine.largest_px * fine.gsd_m - SIZE_SLACK_PX * (fine.gsd_m + coarse.gsd_m)
            if coarse.min_object_px * coarse.gsd_m > least_m:
                raise ValueError(
                    f"scales: objects around {fine.largest_px * fine.gsd_m:g} m, the largest at {fine.gsd_m:g} m/px, "
                    f"may be lost: min_object_px at {coarse.gsd_m:g} m/px is {coarse.min_object_px:g}; allowed is at "
                    f"most {max(least_m / coarse.gsd_m, 0):.4g}"
                )
        return self

    @model_validator(mode="after")
    def _percentiles_ascend(self) -> Self:
        low, high = self.stretch_percentiles
        if not 0 <= low < high <= 100:
            raise ValueError(f"stretch_percentiles is [{low:g}, {high:g}]; allowed is 0 <= low < high <= 100")
        if self.stretch_values and self.stretch_values[0] >= self.stretch_values[1]:
            raise ValueError(f"stretch_values is {list(self.stretch_values)}; allowed is a lower and a higher value")
        return self

    @model_validator(mode="after")
    def _something_to_do(self) -> Self:
        if self.model is None and self.training is None and self.segmentation_training is None:
            raise ValueError(
                "model: missing; give a network, or a section training or segmentation_training to make one"
            )
        return self

    @model_validator(mode="after")
    def _one_scale_is_learnt(self) -> Self:
        if self.segmentation_training and len(self.scales) > 1:
            raise ValueError("segmentation_training: one scale is learnt at a time; name only one under scales")
        return self

    @model_validator(mode="after")
    def _tiles_are_drawn_at_scales(self) -> Self:
        known = {scale.gsd_m for scale in self.scales}
        odd = set(self.training.tiles_per_scale) - known if self.training else set()
        if odd:
            raise ValueError(f"training.tiles_per_scale: {odd} given; allowed are the gsd_m of scales, {known}")
        return self

    @property
    def chain(self) -> str:
        """Whether objects are found or pixels are mapped (see orbitile.jobs.place.CHAINS)."""
        maps = self.model.family == "segmentation" if self.model else self.segmentation_training is not None
        return SEGMENTATION if maps else DETECTION

    @property
    def placing(self) -> dict:
        """Where images go (see orbitile.ways.placed.Placing)."""
        return dict(crs=self.crs, gsd_m=self.finest_m, corrected=self.georeferencing.corrections)

    @property
    def stretch(self) -> dict:
        """How grey values are made of pixels (see orbitile.stages.georeference.Target)."""
        return self.model_dump(include={"stretch_percentiles", "stretch_values"})

    @property
    def merging(self) -> dict:
        """How strips become one scene (see orbitile.mosaicking.merge.MergeOptions)."""
        return self.georeferencing.model_dump(include={"order", "incidence_deg", "match_levels"})

    @property
    def isis_choice(self) -> dict:
        """Where ISIS has its kernels and its ground from (see orbitile.isis.sequences.SpiceChoice)."""
        shape = self.georeferencing.isis_shape
        return dict(web=self.georeferencing.isis_web, shape_model=shape and str(shape))

    @property
    def finest_m(self) -> float:
        """The finest ground sample distance in metres per pixel."""
        return self.scales[0].gsd_m

    @property
    def slack_m(self) -> float:
        """How far, in metres, detections may lie outside their scenes: coarse pixels reach over a border, too."""
        return (SLACK_PX + 1) * self.scales[-1].gsd_m

    @property
    def reach_m(self) -> float:
        """How far apart, in metres, the centres of two overlapping detections can be.

        Twice what it is on a map without distortion.
        """
        largest_m = max(scale.largest_px * scale.gsd_m for scale in self.scales)
        return 2 * (1 - self.suppression.iou_threshold) * largest_m

    @property
    def rings(self) -> int:
        """Rings of groups around one that its suppression may look at.

        By default one around large groups, which no chain of overlaps crosses: each ring costs Snakemake some time.
        """
        return self.suppression.rings or (1 if self.scenes_per_group >= LARGE_GROUP else 2)

    @property
    def margin_m(self) -> float:
        """How far beyond a scene, in metres of its map, tiles look that are aligned to the map, or centre lines do."""
        least_px = HALO_PX if self.chain == SEGMENTATION else 0
        return max(max(scale.tile_px, least_px) * scale.gsd_m for scale in self.scales)

    @property
    def factors(self) -> list[int]:
        """How many finest pixels make a pixel of each scale."""
        return [factor_between(self.finest_m, scale.gsd_m) for scale in self.scales]

    @property
    def tile_px(self) -> dict[float, int]:
        """Side of tiles in pixels, for each scale in m/px."""
        return {scale.gsd_m: scale.tile_px for scale in self.scales}

    @property
    def tile_sizes(self) -> dict[float, dict]:
        """Side and overlap of tiles, for each scale in m/px (see orbitile.tiling.TileSize)."""
        blended = self.chain == SEGMENTATION
        return {s.gsd_m: dict(tile_px=s.tile_px, overlap_px=s.overlap_px, blended=blended) for s in self.scales}

    @property
    def duties(self) -> dict[float, dict]:
        """What each scale in m/px answers for (see orbitile.tiling.Responsibility)."""
        return {
            s.gsd_m: dict(
                slack_px=SLACK_PX,
                smallest_px=s.min_object_px,
                largest_px=s.largest_px,
                is_coarsest=s is self.scales[-1],
            )
            for s in self.scales
        }

    @property
    def model_choice(self) -> dict:
        """Which network to load (see orbitile.models.adapter.ModelChoice)."""
        chosen = needed("model", self.model).model_dump()
        return chosen | dict(weights=str(self.model.weights))

    @property
    def label_fields(self) -> dict:
        """How columns of vector files of labels are called (see orbitile.labels.read.LabelFields), and buffers."""
        return self.labels.model_dump()

    @property
    def tracing(self) -> dict:
        """How masks become shapes (see orbitile.stages.outline.Tracing); the weights may state the threshold."""
        model = self.model and dict(weights=str(self.model.weights), sha256=self.model.sha256)
        return self.mapping.model_dump(include={"threshold", "spur_px", "edge_px"}) | dict(model=model)

    @property
    def filters(self) -> dict:
        """Which polygons are dropped (see orbitile.stages.unite.Filters)."""
        areas = {name: path and str(path) for name, path in self.mapping if name in ("inside", "outside", "seams")}
        return self.mapping.model_dump(include={"min_area_m2", "edge_px"}) | areas

    @property
    def comparison(self) -> dict:
        """How a map is compared with the truth (see orbitile.stages.compare.Comparison)."""
        metres = self.evaluation.tolerance_m or 3 * self.finest_m
        return dict(tolerance_m=metres, labels=self.label_fields, tracing=self.tracing)

    @property
    def training_labels(self) -> dict | None:
        """What segmentation networks learn (see orbitile.labels)."""
        learning = self.segmentation_training
        return learning and dict(classes=list(learning.classes), **self.label_fields)

    @property
    def tile_cut(self) -> dict | None:
        """How tiles to learn from are cut (see orbitile.training.segmentation.tiles.TileCut)."""
        if self.segmentation_training is None:
            return None
        chosen = {"overlap_share", "block_deg", "validation_share", "seed"}
        learning = self.segmentation_training
        return learning.model_dump(include=chosen) | dict(tile_px=self.scales[0].tile_px, classes=len(learning.classes))

    @property
    def segmentation_recipe(self) -> dict | None:
        """How weights are made of labelled tiles (see orbitile.training.segmentation.train.SegmentationRecipe)."""
        if self.segmentation_training is None:
            return None
        of_tiles = {"labels", "overlap_share", "block_deg", "validation_share"}
        recipe = self.segmentation_training.model_dump(exclude=of_tiles, mode="json")
        return recipe | dict(tile_px=self.scales[0].tile_px)

    @property
    def suppression_rules(self) -> dict:
        """When detections suppress each other (see orbitile.stages.suppress.Rules)."""
        place = dict(scenes_apart=self.pixel_coordinates, reach_m=self.reach_m, slack_m=self.slack_m, rings=self.rings)
        return self.suppression.model_dump() | place

    @property
    def yardstick(self) -> dict:
        """How found and true craters are compared (see orbitile.stages.evaluate.Yardstick)."""
        least_m = self.evaluation.min_diameter_px * self.finest_m
        return dict(iou_threshold=self.evaluation.iou_threshold, min_diameter_m=least_m)

    @property
    def origin(self) -> dict:
        """What a catalogue was made from, for its metadata."""
        model = self.model.sha256 if self.model else None
        return dict(run=self.run, body=self.body, scales_m=[s.gsd_m for s in self.scales], model_sha256=model)

    @property
    def drawing(self) -> dict | None:
        """How training tiles are drawn (see orbitile.training.dataset.Drawing)."""
        if self.training is None:
            return None
        chosen = {"tiles_per_scale", "min_visible", "block_deg", "validation_share", "seed"}
        return self.training.model_dump(include=chosen) | dict(
            tile_px=self.tile_px,
            min_object_px={scale.gsd_m: scale.min_object_px for scale in self.scales},
        )

    @property
    def recipe(self) -> dict | None:
        """How weights are made of training tiles (see orbitile.training.train.Recipe)."""
        if self.training is None:
            return None
        chosen = {"start_from", "epochs", "batch", "learning_rate", "optimizer", "device", "seed", "augmentation"}
        return self.training.model_dump(include=chosen) | dict(tile_px=self.scales[0].tile_px)


def check_settings(config: dict, sources: Iterable[str | Path]) -> Settings:
    """Validate a configuration; OrbitileError with every fault in one line, naming file and key."""
    source = " + ".join(str(path) for path in sources) or "settings"
    try:
        settings = Settings.model_validate(config)
    except ValidationError as error:
        faults = "; ".join(_explain(fault) for fault in _innermost(error.errors()))
        raise OrbitileError(f"{source}: {faults}") from error
    mapping, learning = settings.mapping, settings.segmentation_training
    files = {"model.weights": settings.model and settings.model.weights, "evaluation.truth": settings.evaluation.truth,
             "annotation.craters": settings.annotation.craters, "mapping.inside": mapping.inside,
             "mapping.outside": mapping.outside, "mapping.seams": mapping.seams,
             "georeferencing.elevation": settings.georeferencing.elevation,
             "georeferencing.isis_shape": settings.georeferencing.isis_shape}  # fmt: skip
    for number, path in enumerate(learning.labels if learning else ()):
        files[f"segmentation_training.labels.{number}"] = path
    for name, path in files.items():
        if path is not None and not path.is_file():
            raise OrbitileError(f"{source}: {name}: no file at {path}")
    return settings


def needed(key: str, value: T | None) -> T:
    """The value of a setting that the target asked for cannot do without."""
    if value is None:
        raise OrbitileError(f"{key}: missing, but needed for what was asked; config/config.yaml explains it")
    return value


def _innermost(faults: list[dict]) -> list[dict]:
    """The faults without those that only say that something inside them is at fault."""
    places = [fault["loc"] for fault in faults]
    return [f for f in faults if not any(p != f["loc"] and p[: len(f["loc"])] == f["loc"] for p in places if f["loc"])]


def _explain(fault: dict) -> str:
    """One fault as: key, what was given, what is allowed."""
    where = ".".join(str(part) for part in fault["loc"]) or "settings"
    if fault["type"] == "extra_forbidden":
        return f"{where}: unknown key; allowed are {', '.join(_known_keys(fault['loc'][:-1]))}"
    if fault["type"] == "missing":
        return f"{where}: missing"
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "value_error":
        return message if where == "settings" else f"{where}: {message}"
    return f"{where}: {fault['input']!r} given; {message}"


def _known_keys(location: tuple) -> list[str]:
    """The keys allowed in the section at a location inside the settings."""
    section: type[BaseModel] = Settings
    for part in location:
        if isinstance(part, str):
            section = _section_of(section.model_fields[part].annotation)
    return list(section.model_fields)


def _section_of(annotation: object) -> type[BaseModel]:
    """The section a field's annotation holds, be it optional or one of many."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    candidates = [_section_of(a) for a in getattr(annotation, "__args__", ()) if a not in (type(None), ...)]
    return candidates[0]
