"""Which scenes are kept for validation as a whole: made-up names."""

import logging
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import GroupKFold

from orbitile.base.errors import OrbitileError
from orbitile.tables.scenes import SceneOrigin
from orbitile.training.scene_deal import SceneDeal, deal_folds

SIZES = st.dictionaries(st.text("abcdefgh", min_size=1, max_size=4), st.integers(1, 50), min_size=2, max_size=15)


def origins(**cells):
    """Places by the names of scenes, or place and split."""
    return {
        scene: SceneOrigin(*cell) if isinstance(cell, tuple) else SceneOrigin(cell) for scene, cell in cells.items()
    }


def kept(splits):
    return sorted(scene for scene, split in splits.items() if split == "val")


FOUR = origins(a="x", b="x", c="y", d="z")


@pytest.mark.parametrize(
    ("deal", "scenes", "expected"),
    [
        (dict(validation_scenes=["b"]), FOUR, ["b"]),
        (dict(folds=2), FOUR, ["a", "b"]),
        (dict(folds=2, fold=1), FOUR, ["c", "d"]),
        ({}, origins(a=("x", "train"), b=("x", "val"), c=("y", "test")), ["b"]),
        (dict(validation_scenes=["a"]), origins(a=("x", "train"), b=("x", "val")), ["a"]),
    ],
)
def test_what_is_kept(deal, scenes, expected):
    splits = SceneDeal(**deal).split_by_scene(scenes, is_mapped=True)
    assert kept(splits) == expected


def test_scenes_for_tests_take_no_part():
    splits = SceneDeal().split_by_scene(origins(a=(None, "train"), b=(None, "val"), c=(None, "test")), is_mapped=False)
    assert splits == dict(a="train", b="val")


@pytest.mark.parametrize(
    ("deal", "expected"),
    [
        (dict(folds=2), "abd"), (dict(validation_scenes=["b"]), "abd"), ({}, "abd"),
        (dict(validation_scenes=["c"]), "abcd"),  # who names it for validation wants it there
    ],
)  # fmt: skip
def test_scenes_for_tests_take_no_part_however_others_are_dealt(deal, expected):
    scenes = origins(a=(None, "train"), b=(None, "val"), c=(None, "test"), d=(None, "train"))
    splits = SceneDeal(**deal).split_by_scene(scenes, is_mapped=False)
    assert set(splits) == set(expected)
    assert set(splits.values()) == {"train", "val"}


@pytest.mark.parametrize("is_mapped", [True, False])
def test_scenes_for_tests_are_none_of_the_participants(is_mapped):
    """Also where squares decide, which know no scenes."""
    scenes = origins(a=(None, None), b=(None, "test"))
    deal = SceneDeal()
    assert deal.split_by_scene(scenes, is_mapped) is None
    assert set(deal.participants(scenes)) == {"a"}
    with pytest.raises(OrbitileError, match="all scenes with labels are for tests in the column split"):
        deal.participants(origins(b=(None, "test")))


def test_a_place_of_scenes_that_are_named_may_be_in_both_splits_too(caplog):
    with caplog.at_level(logging.WARNING):
        SceneDeal(validation_scenes=["a"]).split_by_scene(FOUR, is_mapped=False)
    assert "scenes of x are both learnt from and kept for validation" in caplog.text


@pytest.mark.parametrize(("scenes", "is_mapped"), [(FOUR, True), (origins(a=None), False)])
def test_squares_decide_where_nothing_is_named(scenes, is_mapped):
    assert SceneDeal().split_by_scene(scenes, is_mapped) is None


@given(SIZES, st.floats(0, 1), st.integers(0, 99))
def test_places_are_drawn_as_a_whole(sizes, share, seed):
    scenes = {f"{place}{number}": SceneOrigin(place) for place, count in sizes.items() for number in range(count)}
    splits = SceneDeal(validation_share=share, seed=seed).split_by_scene(scenes, is_mapped=False)
    shuffled = dict(sorted(scenes.items(), key=lambda item: item[0][::-1]))
    assert splits == SceneDeal(validation_share=share, seed=seed).split_by_scene(shuffled, is_mapped=False)
    places = {
        scenes[scene].place: {splits[other] for other in scenes if scenes[other] == scenes[scene]} for scene in scenes
    }
    assert all(len(names) == 1 for names in places.values())
    assert sum("val" in names for names in places.values()) == min(max(1, round(share * len(sizes))), len(sizes) - 1)


@given(SIZES, st.integers(2, 6), st.integers(0, 9))
def test_folds_are_as_large_as_those_of_scikit_learn(sizes, folds, seed):
    if len(sizes) < folds:
        with pytest.raises(OrbitileError, match=r"segmentation_training\.folds"):
            deal_folds(sizes, folds, seed)
        return
    dealt = deal_folds(sizes, folds, seed)
    assert set(dealt) == set(sizes)
    filled = Counter()
    for place, fold in dealt.items():
        filled[fold] += sizes[place]
    groups = np.repeat(list(sizes), list(sizes.values()))
    expected = [len(test) for _, test in GroupKFold(folds).split(groups, groups=groups)]
    assert sorted(filled.values()) == sorted(expected)


def test_another_seed_deals_places_of_a_size_otherwise():
    sizes = {f"place{number}": 1 for number in range(20)}
    assert len({tuple(sorted(deal_folds(sizes, 4, seed).items())) for seed in range(5)}) == 5


def test_every_scene_is_kept_in_a_single_fold():
    scenes = {f"{number:02d}": SceneOrigin(None) for number in range(11)}
    folds = [kept(SceneDeal(folds=3, fold=fold).split_by_scene(scenes, is_mapped=False)) for fold in range(3)]
    assert sorted(scene for fold in folds for scene in fold) == sorted(scenes)
    assert sorted(map(len, folds)) == [3, 4, 4]


@pytest.mark.parametrize(
    ("deal", "scenes", "reason"),
    [
        (dict(validation_scenes=["e"]), FOUR, r"segmentation_training\.validation_scenes: e is no scene of this run"),
        (dict(validation_scenes=["a", "b", "c", "d"]), FOUR, "names all scenes"),
        (dict(folds=4), FOUR, r"segmentation_training\.folds: 4, but there are only 3 places or scenes"),
        (dict(folds=2), origins(a="x", b=None), "scene b has no place in the scene table, but others have"),
        ({}, origins(a=("x", "train"), b=("x", None)), "scene b has an empty cell in the column split"),
        ({}, origins(a=("x", "train"), b=("x", "test")), "no scene with labels has val in the column split"),
        ({}, origins(a="x", b="x"), "segmentation_training: the only place cannot be kept for validation"),
    ],
)
def test_what_cannot_be_dealt(deal, scenes, reason):
    with pytest.raises(OrbitileError, match=reason):
        SceneDeal(**deal).split_by_scene(scenes, is_mapped=False)


def test_a_place_in_both_splits_is_worth_a_warning(caplog):
    with caplog.at_level(logging.WARNING):
        SceneDeal().split_by_scene(origins(a=("x", "train"), b=("x", "val")), is_mapped=False)
    assert "scenes of x are both learnt from and kept for validation" in caplog.text
