"""Grouping: blocks of neighbouring scenes, named by their place and by which scenes they hold."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from orbitile.files import key
from orbitile.space.ground import places


def blocks(points: np.ndarray, most: int) -> list[np.ndarray]:
    """Split points (n, 3) into compact blocks of at most `most`: arrays of indices.

    The points are halved across their longest side until the blocks are small enough (a k-d
    tree), in proportions that leave ceil(n / most) blocks of nearly the same size. Equal
    coordinates are told apart by their index, so the order of input decides nothing else.
    """
    return _split(points, np.arange(len(points)), -(-len(points) // most))


def assign(scenes: pd.DataFrame, most: int, frozen: Mapping[str, str]) -> dict[str, str]:
    """Give every scene a group of at most `most` scenes.

    `scenes` has the columns scene, group (None: ours to choose) and centre (a unit vector);
    `frozen` are the groups of an earlier plan. A frozen group whose scenes are all still there
    stays as it was; scenes that are new, or whose group lost a member, make new groups.
    """
    chosen = scenes[scenes["group"].isna()].sort_values("scene", ignore_index=True)
    own = scenes.dropna(subset="group")
    groups = dict(zip(own["scene"], own["group"], strict=True)) | _kept(chosen["scene"], frozen)
    new = chosen[~chosen["scene"].isin(groups)].reset_index(drop=True)
    if most == 1:
        return groups | {scene: scene for scene in new["scene"]}
    points = np.stack(new["centre"]) if len(new) else np.empty((0, 3))
    for block in blocks(points, most):
        members = list(new["scene"].iloc[block])
        groups |= dict.fromkeys(members, name_of(members, points[block]))
    return groups


def name_of(scenes: list[str], points: np.ndarray) -> str:
    """Name a block by its middle (degrees east of -180..180, and north) and a hash of its scenes.

    Another partition has other scenes in its blocks and therefore other names, whatever the order.
    """
    lon, lat = map(round, places(points.sum(axis=0)))
    place = f"{abs(lat):02d}{'S' if lat < 0 else 'N'}{abs(lon):03d}{'W' if lon < 0 else 'E'}"
    return f"{place}-{key(scenes=sorted(scenes))[:8]}"


def _split(points: np.ndarray, chosen: np.ndarray, parts: int) -> list[np.ndarray]:
    """Cut the chosen points into parts of nearly the same size; none for no points."""
    if parts <= 1:
        return [chosen] if len(chosen) else []
    here = points[chosen]
    longest = np.argmax(np.ptp(here, axis=0))
    order = chosen[np.lexsort([chosen, here[:, longest]])]
    left = parts // 2
    cut = len(chosen) * left // parts
    return _split(points, order[:cut], left) + _split(points, order[cut:], parts - left)


def _kept(scenes: pd.Series, frozen: Mapping[str, str]) -> dict[str, str]:
    """The frozen groups of which every scene is still here."""
    here = set(scenes)
    broken = {group for scene, group in frozen.items() if scene not in here}
    return {scene: group for scene, group in frozen.items() if group not in broken}
