"""Which scenes are kept for validation as a whole: named, by a column of the scene table, in folds, or drawn."""

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from orbitile.base.errors import OrbitileError
from orbitile.base.messages import shortened
from orbitile.tables.scenes import SceneOrigin
from orbitile.training.split import SPLITS, split_by_draw, split_by_name

log = logging.getLogger(__name__)

SECTION = "segmentation_training"


@dataclass(frozen=True, kw_only=True)
class SceneDeal:
    """How scenes are dealt out; fields as in the settings' `section`.

    Scenes that the scene table sets aside for tests take no part, unless `validation_scenes` names them.
    """

    validation_scenes: tuple[str, ...] = ()
    folds: int | None = None
    fold: int = 0
    validation_share: float = 0.2
    seed: int = 0
    section: str = SECTION

    def participants(self, origins: Mapping[str, SceneOrigin]) -> dict[str, SceneOrigin]:
        """The scenes without those for tests; OrbitileError where none is left."""
        chosen = {
            scene: origin for scene, origin in origins.items()
            if not origin.is_for_tests or scene in self.validation_scenes
        }  # fmt: skip
        if origins and not chosen:
            raise OrbitileError("scenes: all scenes with labels are for tests in the column split; "
                                f"{self.section} needs others")  # fmt: skip
        return chosen

    def split_by_scene(self, origins: Mapping[str, SceneOrigin], is_mapped: bool) -> dict[str, str] | None:
        """The split of each scene that takes part, by the scenes' places and splits of the scene table.

        None where squares of longitude and latitude decide: nothing is named, and scenes have a map, or there is but
        one. OrbitileError where a split would be empty.
        """
        origins = self.participants(origins)
        if self.validation_scenes:
            splits = split_by_name(sorted(origins), self.validation_scenes, self.section)
            _warn_of_shared_places(origins, splits)
            return splits
        if self.folds:
            return self._by_fold(_places(origins), self.folds)
        if any(origin.split for origin in origins.values()):
            return _by_column(origins)
        if is_mapped or len(origins) < 2:
            return None
        places = _places(origins)
        noun = "scene" if set(places.values()) == set(origins) else "place"
        drawn = split_by_draw(sorted(set(places.values())), self.validation_share, self.seed, self.section, noun)
        return {scene: drawn[place] for scene, place in places.items()}

    def _by_fold(self, places: Mapping[str, str], folds: int) -> dict[str, str]:
        fold_of_place = deal_folds(Counter(places.values()), folds, self.seed)
        return {scene: SPLITS[int(fold_of_place[place] == self.fold)] for scene, place in places.items()}


def deal_folds(sizes: Mapping[str, int], folds: int, seed: int) -> dict[str, int]:
    """The fold, 0 .. `folds` - 1, of each place, by the numbers of their scenes.

    The largest place first, each goes to the fold with the fewest scenes so far, as in scikit-learn's GroupKFold; of
    places of a size the seed draws the order. OrbitileError where there are fewer places than folds.
    """
    if len(sizes) < folds:
        raise OrbitileError(f"{SECTION}.folds: {folds}, but there are only {len(sizes)} places or scenes to deal out")
    names = sorted(sizes)
    rank = dict(zip(names, np.random.default_rng(seed).permutation(len(names)).tolist(), strict=True))
    filled, fold_of_place = [0] * folds, {}
    for name in sorted(names, key=lambda name: (-sizes[name], rank[name])):
        fold_of_place[name] = fold = filled.index(min(filled))
        filled[fold] += sizes[name]
    return fold_of_place


def _places(origins: Mapping[str, SceneOrigin]) -> dict[str, str]:
    """The place of each scene, or its own name; OrbitileError where only part of them have a place."""
    without = sorted(scene for scene, origin in origins.items() if origin.place is None)
    if without and len(without) < len(origins):
        raise OrbitileError(f"scenes: scene {without[0]} has no place in the scene table, but others have; name a "
                            "place for all, or for none")  # fmt: skip
    return {scene: origin.place or scene for scene, origin in origins.items()}


def _by_column(origins: Mapping[str, SceneOrigin]) -> dict[str, str]:
    """The splits that the scene table names."""
    without = sorted(scene for scene, origin in origins.items() if origin.split is None)
    if without:
        raise OrbitileError(f"scenes: scene {without[0]} has an empty cell in the column split; write train, val or "
                            "test")  # fmt: skip
    splits = {scene: str(origin.split) for scene, origin in origins.items()}
    if missing := [split for split in SPLITS if split not in splits.values()]:
        raise OrbitileError(f"scenes: no scene with labels has {missing[0]} in the column split; name at least one")
    _warn_of_shared_places(origins, splits)
    return splits


def _warn_of_shared_places(origins: Mapping[str, SceneOrigin], splits: Mapping[str, str]) -> None:
    learnt, judged = ({origins[scene].place or "" for scene in splits if splits[scene] == split} for split in SPLITS)
    if shared := sorted((learnt & judged) - {""}):
        log.warning("scenes of %s are both learnt from and kept for validation", shortened(", ".join(shared)))
