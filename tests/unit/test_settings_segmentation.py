"""Settings of the training of segmentation networks."""

import pytest

from orbitile.base.errors import OrbitileError
from orbitile.settings import check_settings
from orbitile.training.segmentation.losses import SegmentationLoss
from orbitile.training.segmentation.module import FIGURES
from orbitile.training.segmentation.optimiser import OptimiserPlan
from orbitile.training.segmentation.recipe import SegmenterRecipe

SHORTEST = dict(run="small", body="Moon", scenes=__file__, scales=[dict(gsd_m=1)])


def checked(**training):
    return check_settings(
        SHORTEST | dict(segmentation_training=dict(labels=__file__, classes=["rock"]) | training), ["config.yaml"]
    )


def recipe(**training):
    return SegmenterRecipe(**checked(**training).segmenter_recipe)


def test_defaults_are_those_of_the_recipe():
    made, default = recipe(), SegmenterRecipe(network="unet:resnet18", classes=("rock",))
    keys = {"loss", "class_weights", "points_weight", "best_by", "optimizer", "schedule", "weight_decay", "momentum",
            "warmup_epochs", "plateau_factor", "plateau_patience"}  # fmt: skip
    assert {key: getattr(made, key) for key in keys} == {key: getattr(default, key) for key in keys}
    plan = OptimiserPlan()
    assert {getattr(made, key) == getattr(plan, key) for key in keys & set(vars(plan))} == {True}


@pytest.mark.parametrize(
    ("loss", "terms"),
    [
        ("dice", dict(dice=dict(weight=1))), (dict(dice=2), dict(dice=dict(weight=2))),
        (
            dict(cross_entropy=1, focal_tversky=dict(alpha=0.2, beta=0.8, gamma=1)),
            dict(cross_entropy=dict(weight=1), focal_tversky=dict(weight=1, alpha=0.2, beta=0.8, gamma=1)),
        ),
        (dict(focal=dict(gamma=1), lovasz=0.5), dict(focal=dict(weight=1, gamma=1), lovasz=dict(weight=0.5))),
    ],
)  # fmt: skip
def test_losses_by_name_or_in_a_sum(loss, terms):
    made = recipe(loss=loss).loss
    assert made == terms
    SegmentationLoss(made, 3)


def test_every_loss_can_be_set():
    for name in ("cross_entropy", "one_against_all", "focal", "dice", "tversky", "focal_tversky", "lovasz"):
        SegmentationLoss(recipe(loss=name).loss, 1)
    for figure in FIGURES:
        assert recipe(best_by=figure).best_by == figure


def test_points_belong_to_the_tiles_but_their_weight_to_the_recipe():
    settings = checked(points=dict(labels=__file__, weight=0.5, radius_px=3))
    assert settings.point_files == [__file__]
    assert settings.point_rasterisation["radius_px"] == 3
    assert settings.segmenter_recipe["points_weight"] == 0.5
    assert "points" not in settings.segmenter_recipe
    without = checked()
    assert (without.point_files, without.segmenter_recipe["points_weight"]) == ([], None)
    assert without.point_rasterisation is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (dict(loss="hinge"), "segmentation_training.loss.hinge: unknown key; allowed are cross_entropy, one_"),
        (dict(loss=dict(dice=dict(gamma=2))), "loss.dice.gamma: unknown key; allowed are weight"),
        (dict(loss=dict(tversky=dict(gamma=2))), "loss.tversky.gamma: unknown key; allowed are weight, alpha, beta"),
        (dict(loss=dict(dice=0)), "loss: no loss has a weight above 0"),
        (dict(loss={}), "loss: no loss has a weight above 0"),
        (dict(loss=dict(dice=-1)), "loss.dice.weight: -1 given"),
        (dict(loss=dict(dice=True)), "loss.dice: True given"),
        (dict(loss=3), "loss: 3 given"),
        (dict(loss=dict(focal=dict(alpha=2))), "loss.focal.alpha: 2 given"),
        (dict(class_weights=dict(rock=1)), "class_weights are those of rock; give those of background, rock"),
        (dict(class_weights=dict(background=0, rock=0)), "class_weights are all 0"),
        (dict(class_weights=dict(background=1, rock=True)), "class_weights"),
        (dict(class_weights="frequency"), "class_weights"),
        (dict(optimizer="lion"), "optimizer: 'lion' given"), (dict(schedule="step"), "schedule: 'step' given"),
        (dict(best_by="loss"), "best_by: 'loss' given"),
        (dict(warmup_epochs=9, epochs=9), "warmup_epochs is 9; allowed is less than epochs (9)"),
        (dict(points=dict(labels="nowhere.gpkg")), "segmentation_training.points.labels.0: no file at nowhere.gpkg"),
        (dict(points=dict(labels=__file__, radius_px=0.5)), "points.radius_px: 0.5 given"),
        (dict(points=dict(weight=1)), "points.labels: missing"),
    ],
)  # fmt: skip
def test_other_settings_are_refused_in_a_line(change, words):
    with pytest.raises(OrbitileError) as error:
        checked(**change)
    assert words in str(error.value)
    assert str(error.value).startswith("config.yaml: segmentation_training")
    assert "\n" not in str(error.value)
