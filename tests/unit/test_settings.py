import re
from itertools import pairwise
from pathlib import Path

import pytest
import torch
import yaml
from documented_examples import examples_of
from hypothesis import assume, given
from hypothesis import strategies as st

from orbitile.base.errors import OrbitileError
from orbitile.base.files import sha256
from orbitile.detections.matching import MatchCriteria
from orbitile.detections.nms.settings import NmsSettings
from orbitile.detections.tiling import SizeLimits, TileSize
from orbitile.features.labels.masks import MaskFolder
from orbitile.features.shapes import skeleton
from orbitile.inference.models.weights import save_tensors
from orbitile.settings import HALO_PX, SLACK_PX, Settings, check_settings, required_setting
from orbitile.training.detection.recipe import CropAugmentation, DetectorRecipe
from orbitile.training.scene_deal import SceneDeal
from orbitile.training.segmentation.augmentation import TileAugmentation
from orbitile.training.segmentation.recipe import SegmenterRecipe
from orbitile.training.segmentation.tiles import TrainingTileCut

ROOT = Path(__file__).parents[2]
MODEL = dict(weights=__file__, sha256="0" * 64)
MINIMAL = dict(run="r", body="Moon", scenes="scenes.csv", scales=[dict(gsd_m=100)], model=MODEL)
TRAINING = dict(craters="craters.csv")


def checked(**change):
    return check_settings(MINIMAL | change, ["config.yaml"])


@st.composite
def valid_scales(draw):
    finest = draw(st.floats(0.1, 1000))
    factors = sorted(draw(st.sets(st.integers(1, 40), min_size=1, max_size=4)) | {1})
    tile_px = 32 * draw(st.integers(1, 32))
    overlap_px = draw(st.integers(14, tile_px // 2))
    scale = dict(tile_px=tile_px, overlap_px=overlap_px)
    steps = [coarse / fine for fine, coarse in pairwise(factors)]
    # The smallest object of each but the finest: sizes measured 2 px off at both scales belong to one of them.
    smallest = [5, *((overlap_px - 10) / step - 2 for step in steps)]
    assume(all(0 <= least < overlap_px - 8 for least in smallest))
    scales = zip(factors, smallest, strict=True)
    return [scale | dict(gsd_m=finest * factor, min_object_px=0.99 * least) for factor, least in scales], factors


@given(valid_scales(), st.booleans())
def test_round_trip(scales_and_factors, trains):
    scales, factors = scales_and_factors
    settings = checked(scales=scales, training=TRAINING if trains else None)
    assert Settings.model_validate(settings.model_dump()) == settings
    assert Settings.model_validate_json(settings.model_dump_json()) == settings
    assert settings.factors == factors


def test_lines_see_as_far_as_they_look():
    assert skeleton.HALO_PX == HALO_PX
    segments = dict(weights=__file__, sha256="0" * 64, family="segmentation")
    small = dict(scales=[dict(gsd_m=10, tile_px=128, overlap_px=32)])
    assert (checked(**small).margin_m, checked(**small, model=segments).margin_m) == (1280, 1920)


SHIPPED = ["config/config.yaml", *(str(p.relative_to(ROOT)) for p in sorted((ROOT / "demo").glob("**/*.yaml")))]


@pytest.mark.parametrize("path", SHIPPED)
def test_shipped_settings_are_valid(path):
    assert Settings.model_validate(yaml.safe_load((ROOT / path).read_text())).run


def test_the_template_holds_no_choice_that_suits_the_demo_alone():
    template = Settings.model_validate(yaml.safe_load((ROOT / "config" / "config.yaml").read_text()))
    assert template.stretch_values is None
    assert template.evaluation.truth is None


@pytest.mark.parametrize(
    ("formats", "expected"),
    [([], ()), (["shp"], ("shp",)), (["parquet", "gpkg"], ("gpkg", "parquet")), (["shp", "shp"], ("shp",))],
)
def test_formats_of_vector_files_have_an_order(formats, expected):
    assert checked(vectors=dict(formats=formats)).vectors.formats == expected


@pytest.mark.parametrize(
    ("value", "name"),
    [("Moon", "Moon"), ("moon", "Moon"), (30100, "Moon"), ("IAU_2015:30115", "Moon"), (301, "Moon"), ("49900", "Mars")],
)
def test_a_body_goes_by_its_name(value, name):
    assert checked(body=value).body == checked(body=value).origin["body"] == name


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (dict(body="Mon"), ["config.yaml: body: 'Mon' is not a body", "allowed are names such as Moon"]),
        (dict(body=30200), ["config.yaml: body: '30200' is not a body"]),
        (dict(body=True), ["config.yaml: body: True given"]),
        (dict(body=301.5), ["config.yaml: body: 301.5 given"]),
        (dict(typo=1), ["typo: unknown key", "allowed are run, body, scenes"]),
        (dict(vectors=dict(shap="box")), ["vectors.shap: unknown key; allowed are shape, vertices"]),
        (dict(model=dict(weight="x")), ["model.weights: missing", "model.weight: unknown key", "sha256"]),
        (dict(training=TRAINING | dict(augmentation=dict(x=1))), ["training.augmentation.x: unknown key"]),
        (dict(scales=[]), ["scales", "at least 1"]),
        (dict(scales=[dict(tile_px=64)]), ["scales.0.gsd_m: missing"]),
        (dict(scales=[dict(gsd_m=0)]), ["scales.0.gsd_m: 0 given", "greater than 0"]),
        (dict(scales=[dict(gsd_m=float("inf"))]), ["scales.0.gsd_m", "finite"]),
        (dict(scales=[dict(gsd_m=1, tile_px=100)]), ["scales.0.tile_px: 100 given", "multiple of 8"]),
        (
            dict(scales=[dict(gsd_m=1, tile_px=48, overlap_px=16)]),
            ["scales.0.tile_px: 48 given; networks that detect objects need a multiple of 32"],
        ),
        (dict(scales=[dict(gsd_m=1, tile_px=64, overlap_px=33)]), ["overlap_px is 33", "at most half", "(32)"]),
        (dict(scales=[dict(gsd_m=1, max_object_px=121)]), ["max_object_px is 121", "(120)"]),
        (dict(scales=[dict(gsd_m=2), dict(gsd_m=1)]), ["1 follows 2", "from fine to coarse"]),
        (dict(scales=[dict(gsd_m=2), dict(gsd_m=2)]), ["2 follows 2"]),
        (dict(scales=[dict(gsd_m=2), dict(gsd_m=3)]), ["3 is no whole multiple (2, 3, ...) of the finest, 2"]),
        (
            dict(scales=[dict(gsd_m=100), dict(gsd_m=400, min_object_px=28)]),
            [
                "objects around 12000 m, the largest at 100 m/px, may be missed",
                "at 400 m/px is 28; allowed is at most 27.5",
            ],
        ),
        (
            dict(scales=[dict(gsd_m=1, max_object_px=20), dict(gsd_m=16)]),
            ["objects around 20 m", "min_object_px at 16 m/px is 5; allowed is at most 0"],
        ),
        (dict(margin="sometimes"), ["margin: 'sometimes' given", "'auto', 'never' or 'always'"]),
        (dict(stretch_values=[5, 5]), ["stretch_values is [5.0, 5.0]", "a lower and a higher value"]),
        (dict(stretch_values=[5]), ["stretch_values"]),
        (dict(stretch_values=[[0, 1], [3, 2]]), ["stretch_values is [3.0, 2.0]", "a lower and a higher value"]),
        (dict(stretch_values=[]), ["stretch_values"]),
        (dict(bands=0), ["bands.0: band 0 is not a band number; bands are counted from 1"]),
        (dict(bands=[1, ""]), ["bands.1: allowed are a band's number"]),
        (dict(bands=[True]), ["bands.0: allowed are a band's number"]),
        (dict(bands=[]), ["bands: [] given"]),
        (dict(stretch_values=[0, float("inf")]), ["stretch_values", "finite"]),
        (dict(suppression=dict(shape="star")), ["suppression.shape: 'star' given"]),
        (dict(suppression=dict(rings=0)), ["suppression.rings: 0 given"]),
        (dict(run="a b"), ["run: 'a b' given"]),
        (dict(run="../a"), ["run: '../a' given"]),
        (dict(stretch_percentiles=[99, 1]), ["stretch_percentiles is [99, 1]", "low < high"]),
        (dict(suppression=dict(iou_threshold=1.5)), ["suppression.iou_threshold: 1.5 given"]),
        (dict(vectors=dict(vertices=99)), ["vectors.vertices: 99 given"]),
        (dict(training=TRAINING | dict(device="gpu")), ["training.device: 'gpu' given"]),
        (dict(training=TRAINING | dict(tiles_per_scale={50: 1})), ["training.tiles_per_scale: unknown key"]),
        (dict(training=TRAINING | dict(tile_px=100)), ["training.tile_px: 100 given", "32"]),
        (dict(training=TRAINING | dict(averaging=1)), ["training.averaging: 1 given"]),
        (dict(training=TRAINING | dict(precision="int8")), ["training.precision: 'int8' given"]),
        (dict(training=TRAINING | dict(augmentation=dict(sun="west"))), ["training.augmentation.sun: 'west' given"]),
        (dict(training=TRAINING | dict(augmentation=dict(rotation_deg=5))), ["augmentation.rotation_deg: unknown"]),
        (dict(model=None), ["model: missing; give a network"]),
        (dict(evaluation=dict(truth="gone.csv")), ["evaluation.truth: no file at gone.csv"]),
        (dict(evaluation=dict(truth="{2012}.csv")), ["evaluation.truth: {2012}.csv", "braces", "rename the file"]),
        (dict(annotation=dict(craters="gone.csv")), ["annotation.craters: no file at gone.csv"]),
        (dict(model=dict(weights="gone.pt", sha256="0" * 64)), ["model.weights: no file at gone.pt"]),
        (dict(model=dict(weights="x", sha256="0" * 63)), ["model.sha256"]),
    ],
)
def test_faults_name_file_key_and_way_out(change, words):
    with pytest.raises(OrbitileError) as error:
        checked(**change)
    message = str(error.value)
    assert message.startswith("config.yaml: ")
    assert "\n" not in message
    assert [word for word in words if word not in message] == []


def leaves(schema, definitions, key=""):
    """The types at the ends of a JSON schema, each with its key and what limits it."""
    if "$ref" in schema:
        yield from leaves(definitions[schema["$ref"].rsplit("/", 1)[1]], definitions, key)
        return
    inner = [*schema.get("anyOf", ()), *schema.get("prefixItems", ())]
    inner += [schema[name] for name in ("items", "additionalProperties") if isinstance(schema.get(name), dict)]
    for part in inner:
        yield from leaves(part, definitions, key)
    for name, part in schema.get("properties", {}).items():
        yield from leaves(part, definitions, f"{key}.{name}" if key else name)
    if "type" in schema:
        yield key, schema


SCHEMA = Settings.model_json_schema()
LEAVES = list(leaves(SCHEMA, SCHEMA["$defs"]))


def test_every_number_has_a_lower_and_an_upper_bound():
    """But that of a band, which _bounded_band checks."""
    numbers = [(key, leaf) for key, leaf in LEAVES if leaf["type"] in ("integer", "number") and key != "bands"]
    assert len(numbers) > 50
    unbounded = [
        key
        for key, leaf in numbers
        if not leaf.keys() & {"minimum", "exclusiveMinimum"} or not leaf.keys() & {"maximum", "exclusiveMaximum"}
    ]
    assert unbounded == []


def test_every_list_and_every_text_has_a_longest_length():
    """Paths have theirs in FilePath."""
    limits = {"maxLength", "maxItems", "pattern", "enum", "const", "additionalProperties", "properties"}
    unbounded = [
        key
        for key, leaf in LEAVES
        if leaf["type"] in ("array", "string", "object") and not leaf.keys() & limits and leaf.get("format") != "path"
    ]
    assert set(unbounded) == {"bands"}


def test_a_number_without_a_bound_would_be_noticed():
    class Unbounded(Settings):
        fill: int = 3

    assert ("fill", {"default": 3, "title": "Fill", "type": "integer"}) in list(
        leaves(Unbounded.model_json_schema(), Unbounded.model_json_schema()["$defs"])
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (dict(suppression=dict(rings=10**12)), "suppression.rings: 1000000000000 given; Input should be less than"),
        (dict(suppression=dict(rings=True)), "suppression.rings: True given; true and false are"),
        (dict(stretch_percentiles=[True, 99]), "stretch_percentiles: [True, 99] given"),
        (dict(scales=[dict(gsd_m=1e-300)]), "scales.0.gsd_m: 1e-300 given"),
        (dict(scales=[dict(gsd_m=1e300)]), "scales.0.gsd_m: 1e+300 given"),
        (dict(scales=[dict(gsd_m=1, tile_px=2**40)]), "scales.0.tile_px: 1099511627776 given"),
        (dict(scales=[dict(gsd_m=1)] * 33), "scales: [{"),
        (dict(stretch_values=[0, 1e300]), "stretch_values.0.1: 1e+300 given"),
        (dict(bands=65_536), "bands.0: band 65536 given; allowed is at most 65535"),
        (dict(bands="x" * 1000), "bands.0: xxx"),
        (dict(run="r" * 101), "run: 'rrr"),
        (dict(model=MODEL | dict(batch=10**9)), "model.batch: 1000000000 given"),
        (dict(model=MODEL | dict(device="cuda:99999")), "model.device: 'cuda:99999' given"),
        (dict(model=MODEL | dict(std=[0.0])), "model.std.0: 0.0 given"),
        (dict(model=MODEL | dict(classes=["a\nb"])), "model.classes.0: 'a\\nb' given; allowed are at most 200"),
        (dict(scenes="a\nb"), "scenes: 'a\\nb' given; a path has"),
        (dict(scenes="a" * 5000), "scenes: aaa"),
        (dict(training=TRAINING | dict(tiles_per_epoch=10**12)), "training.tiles_per_epoch: 1000000000000"),
        (dict(training=TRAINING | dict(validation_scenes=["a\nb"])), "training.validation_scenes.0: 'a\\nb' given"),
        (dict(training=TRAINING | dict(max_hours=1e9)), "training.max_hours: 1000000000.0 given"),
        (dict(training=TRAINING | dict(seed=2**32)), "training.seed: 4294967296 given"),
        (dict(training=TRAINING | dict(block_deg=1e-9)), "training.block_deg: 1e-09 given"),
    ],
)
def test_huge_numbers_and_texts_are_refused_by_name_in_a_short_line(change, words):
    with pytest.raises(OrbitileError) as error:
        checked(**change)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 500


def test_a_message_names_the_first_faults_and_counts_the_others():
    with pytest.raises(OrbitileError, match=r"; and 92 faults more$") as error:
        checked(**{f"key_{number}": number for number in range(100)})
    assert str(error.value).count("unknown key") == 8


def test_all_faults_are_told_at_once():
    with pytest.raises(OrbitileError, match=r"run: .*; suppression\.class_aware: "):
        checked(run="", suppression=dict(class_aware="perhaps"))


def test_a_fault_in_a_scale_is_told_once():
    with pytest.raises(OrbitileError) as error:
        checked(scales=[dict(gsd_m=1, typo=1)])
    assert str(error.value).endswith("allowed are gsd_m, tile_px, overlap_px, min_object_px, max_object_px, enlarge")


def test_settings_without_a_file():
    with pytest.raises(OrbitileError, match=r"^settings: run: missing"):
        check_settings({}, [])


def test_settings_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        checked().run = "other"


@pytest.mark.parametrize(
    ("scale", "largest"),
    [
        (dict(), 120),
        (dict(max_object_px=60), 60),
        (dict(tile_px=64, overlap_px=32), 24),
    ],
)
def test_largest_object(scale, largest):
    assert checked(scales=[dict(gsd_m=1) | scale]).scales[0].largest_object_px == largest


def test_rounded_scales_are_whole_multiples():
    """Scales as they are quoted: 473.80 m/px is known as 474."""
    assert checked(scales=[dict(gsd_m=g) for g in (118.45, 474, 948)]).factors == [1, 4, 8]


def test_each_stage_accepts_its_part():
    settings = checked(scales=[dict(gsd_m=100), dict(gsd_m=200, min_object_px=8)], training=TRAINING)
    assert settings.finest_m == 100
    assert settings.tile_px == {100: 512, 200: 512}
    assert TileSize(**settings.tile_sizes[200]) == TileSize(512, 128)
    assert SizeLimits(**settings.size_limits[200]) == SizeLimits(SLACK_PX, 8, 120, is_coarsest=True)
    assert not SizeLimits(**settings.size_limits[100]).is_coarsest
    assert NmsSettings(**settings.nms_settings, radius_m=1) == NmsSettings(
        0.4, 0.25, True, "box", 2, False, reach_m=2 * 0.6 * 120 * 200, slack_m=(SLACK_PX + 1) * 200, radius_m=1
    )
    assert MatchCriteria(**settings.match_criteria, radius_m=1) == MatchCriteria(0.3, 1000, 1)
    assert settings.model_choice["weights"] == __file__
    assert settings.origin == dict(run="r", body="Moon", scales_m=[100, 200], model_sha256="0" * 64)


def test_the_recipe_of_a_detector():
    """Its defaults are those of the settings; what it is judged by is that of the run."""
    recipe = DetectorRecipe(**checked(training=TRAINING).detector_recipe)
    purpose = dict(body="Moon", gsd_range_m=[100, 100])
    assert recipe == DetectorRecipe(
        labelled_from_px=5, augmentation=vars(CropAugmentation()), validation_scenes=[], purpose=purpose
    )
    assert recipe.changes == CropAugmentation()
    changed = checked(
        training=TRAINING | dict(labelled_from_px=9.5, validation_scenes=["a"], augmentation=dict(sun="fixed")),
        evaluation=dict(iou_threshold=0.2), suppression=dict(iou_threshold=0.5),
    ).detector_recipe  # fmt: skip
    recipe = DetectorRecipe(**changed)
    assert (recipe.labelled_from_px, recipe.iou_threshold, recipe.suppression_iou) == (9.5, 0.2, 0.5)
    assert (list(recipe.validation_scenes), recipe.changes.sun) == (["a"], "fixed")


def test_weights_of_a_training_are_for_images_like_its_own():
    """Their range in metres per pixel is that of the scales."""
    scales = [dict(gsd_m=100), dict(gsd_m=300)]
    settings = checked(scales=scales, training=TRAINING | dict(images="CTX"))
    assert settings.detector_recipe["purpose"] == dict(body="Moon", images="CTX", gsd_range_m=[100, 300])


@pytest.mark.parametrize(
    "stretch", [dict(stretch_values=[0, 255]), dict(stretch_percentiles=[1, 99]),
                dict(bands=["a", "b"], stretch_values=[[0, 255], [-10, 20]])],
)  # fmt: skip
def test_weights_of_a_training_are_for_images_stretched_like_its_own(stretch, tmp_path):
    """Where a run that uses them says nothing else."""
    purpose = checked(training=TRAINING, **stretch).detector_recipe["purpose"]
    save_tensors(tmp_path / "w.safetensors", dict(weight=torch.zeros(1)), dict(family="yolo") | purpose)
    model = dict(weights=str(tmp_path / "w.safetensors"), sha256=sha256(tmp_path / "w.safetensors"))
    bands = dict(bands=stretch["bands"]) if "bands" in stretch else {}
    assert checked(model=model, **bands).stretch == checked(**stretch).stretch
    assert checked(model=model, **bands, stretch_percentiles=[2, 98]).stretch == dict(
        stretch_percentiles=(2, 98), stretch_values=None
    )


PIXEL_TRAINING = dict(model=None, pixel_coordinates=True)
LABELS, CLASSES = dict(labels=__file__), dict(classes=["sand", "rock"])


@pytest.mark.parametrize(
    ("training", "words"),
    [
        ({}, "labels: give either labels (vector files) or masks (a folder)"),
        (LABELS | dict(masks="masks"), "labels: give either labels"),
        (dict(masks="gone"), "segmentation_training.masks: no folder at gone"),
        (LABELS | dict(oversample=dict(rock=4)), "oversample: rock is no class; allowed are fracture"),
        (LABELS | dict(oversample=dict(fracture=0)), "oversample.fracture: 0 given"),
        (LABELS | dict(folds=3, validation_scenes=["a"]), "folds: given beside validation_scenes"),
        (LABELS | dict(folds=3, fold=3), "fold is 3; allowed is 0 to folds - 1 (2)"),
        (LABELS | dict(fold=1), "fold is 1; allowed is 0 to folds - 1 (0)"),
        (LABELS | dict(folds=1), "folds: 1 given"),
        (LABELS | dict(augmentation=dict(zoom_factor=0.5)), "augmentation.zoom_factor: 0.5 given"),
        (LABELS | dict(augmentation=dict(shear=1)), "augmentation.shear: unknown key"),
    ],
)
def test_training_of_pixels_that_cannot_be(training, words):
    with pytest.raises(OrbitileError) as error:
        checked(**PIXEL_TRAINING, segmentation_training=training)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("values", "words"),
    [(dict(sand=1, rock=1), "labels: mask_values is {'sand': 1, 'rock': 1}; allowed is each value once"),
     (dict(fracture=0), "labels.mask_values.fracture: 0 given")],
)  # fmt: skip
def test_values_of_masks_that_cannot_be(values, words):
    with pytest.raises(OrbitileError, match=re.escape(words)):
        checked(**PIXEL_TRAINING, labels=dict(mask_values=values))


def test_masks_need_images_without_a_map():
    with pytest.raises(OrbitileError, match=r"segmentation_training\.masks: .* set pixel_coordinates: true"):
        checked(model=None, segmentation_training=dict(masks="masks"))


def test_small_tiles_are_for_networks_that_map_pixels():
    scales = [dict(gsd_m=6, tile_px=48, overlap_px=16)]
    settings = checked(**PIXEL_TRAINING, scales=scales, segmentation_training=LABELS)
    assert settings.tile_sizes[6]["tile_px"] == settings.segmenter_recipe["tile_px"] == 48
    with pytest.raises(OrbitileError, match=r"scales\.0\.tile_px: 48 given; networks that detect objects"):
        checked(**PIXEL_TRAINING, scales=scales, segmentation_training=LABELS, training=TRAINING)


def test_the_parts_of_a_training_of_pixels(tmp_path):
    """Each stage accepts its part; the defaults of augmentation are those of the library."""
    training = dict(masks=tmp_path, folds=4, fold=1, oversample=dict(rock=4)) | CLASSES
    values = dict(mask_values=dict(sand=9, rock=255))
    settings = checked(**PIXEL_TRAINING, labels=values, segmentation_training=training)
    assert MaskFolder(**settings.mask_files).class_of_value == {0: 0, 255: 2, 9: 1}
    assert settings.label_rasterisation is None
    assert SceneDeal(**settings.scene_deal).fold == 1
    recipe = SegmenterRecipe(**settings.segmenter_recipe)
    assert recipe.oversample == dict(rock=4)
    assert TileAugmentation(**recipe.augmentation) == TileAugmentation(
        noise_sigma=[0.0075, 0.0125], perspective_scale=[0.1, 0.3], blur_sigma=[0.5, 1.5]
    )
    assert TrainingTileCut(**settings.training_tile_cut).class_count == 2


def test_the_example_of_image_sets_is_valid():
    (example,) = examples_of("image-sets.md", "yaml")
    settings = Settings.model_validate(yaml.safe_load(example))
    assert settings.mask_files == dict(folder=Path("my/set/masks"), classes=("crater",), values=None)


def test_without_training_there_is_no_recipe():
    assert checked().detector_recipe is None


def test_pixel_coordinates_keep_scenes_apart():
    assert checked(pixel_coordinates=True).nms_settings["scenes_apart"] is True


def test_needed():
    assert required_setting("model", 0) == 0
    with pytest.raises(OrbitileError, match=r"^model: missing"):
        required_setting("model", None)
    with pytest.raises(OrbitileError, match=r"^model: missing"):
        _ = checked(model=None, training=TRAINING).model_choice


@pytest.mark.parametrize("margin", ["auto", "never", "always"])
def test_margins(margin):
    assert checked(margin=margin).margin == margin


def test_fixed_values_may_replace_percentiles():
    assert checked().stretch_values is None
    assert checked(stretch_values=[-10, 10]).stretch_values == ((-10, 10),)
    assert checked(stretch_values=[-10, 10]).stretch["stretch_values"] == (-10, 10)
    both = checked(stretch_values=[[-10, 10], [0, 1]])
    assert both.stretch["stretch_values"] == ((-10, 10), (0, 1))


@pytest.mark.parametrize(
    ("bands", "expected"),
    [
        (None, None),
        (2, (2,)),
        ("2", (2,)),
        ("red", ("red",)),
        ([3, "2", " nir "], (3, 2, "nir")),
        (["radiance at 1 um"], ("radiance at 1 um",)),
    ],
)
def test_bands_are_a_number_a_name_or_a_list(bands, expected):
    assert checked(bands=bands).bands == expected


def test_neighbouring_scales_share_a_band_of_sizes():
    """12,000 m at 100 m/px, less 2 px of both scales, are 27.5 px at 400 m/px."""
    assert checked(scales=[dict(gsd_m=100), dict(gsd_m=400, min_object_px=27.5)]).factors == [1, 4]


@pytest.mark.parametrize(
    ("scales", "iou_threshold", "reach_m", "margin_m", "slack_m"),
    [
        ([dict(gsd_m=100)], 0.4, 14_400, 51_200, 500),
        ([dict(gsd_m=100)], 0.9, 2_400, 51_200, 500),
        ([dict(gsd_m=100), dict(gsd_m=200, max_object_px=50)], 0.5, 12_000, 102_400, 1000),
        ([dict(gsd_m=100), dict(gsd_m=200, tile_px=128, overlap_px=64)], 0.5, 12_000, 51_200, 1000),
    ],
)
def test_how_far_scenes_matter_to_each_other(scales, iou_threshold, reach_m, margin_m, slack_m):
    settings = checked(scales=scales, suppression=dict(iou_threshold=iou_threshold))
    assert (settings.reach_m, settings.margin_m, settings.slack_m) == pytest.approx((reach_m, margin_m, slack_m))
    assert NmsSettings(**settings.nms_settings, radius_m=1).reach_m == settings.reach_m


def test_truth_may_be_a_folder_of_labels_or_of_masks_but_weights_may_not(tmp_path):
    assert checked(evaluation=dict(truth=tmp_path), annotation=dict(craters=tmp_path)).evaluation.truth == tmp_path
    masks = checked(model=MODEL | dict(family="segmentation"), evaluation=dict(truth=tmp_path))
    assert masks.evaluation.truth == tmp_path
    with pytest.raises(OrbitileError, match=r"evaluation\.truth: no file at"):
        checked(model=MODEL | dict(family="segmentation"), evaluation=dict(truth=tmp_path / "lost"))
    with pytest.raises(OrbitileError, match=r"model\.weights: no file at"):
        checked(model=MODEL | dict(weights=tmp_path))


def test_least_agreement_reaches_the_matching():
    assert MatchCriteria(**checked().match_criteria, radius_m=1).least_agreement == 0.5
    settings = checked(evaluation=dict(least_agreement=0.3))
    assert MatchCriteria(**settings.match_criteria, radius_m=1).least_agreement == 0.3
