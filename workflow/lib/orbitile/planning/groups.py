"""Grouping: blocks of neighbouring scenes, named by their position and by which scenes they hold."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from orbitile.base.files import cache_key
from orbitile.space.ground import lonlat_of_points


class SceneCentre(NamedTuple):
    """A scene, the group that the scene table names (None: none), and its centre as a unit vector (3)."""

    scene: str
    group: str | None
    centre: np.ndarray


def compact_blocks(points: np.ndarray, max_size: int) -> list[np.ndarray]:
    """Split points (n, 3) into compact blocks of at most `max_size`: arrays of indices.

    The points are halved across their longest side until the blocks are small enough (a k-d tree), in proportions
    that leave ceil(n / max_size) blocks of nearly the same size. Equal coordinates are told apart by their index, so
    that the order of the input decides nothing else.
    """
    return _split(points, np.arange(len(points)), -(-len(points) // max_size))


def assign_groups(scenes: Sequence[SceneCentre], max_size: int, frozen: Mapping[str, str]) -> dict[str, str]:
    """Give every scene a group: the one that it names, or one of at most `max_size` scenes.

    `frozen` are the groups of an earlier plan, by scene. A frozen group whose scenes all still exist is not changed;
    scenes that are new, or whose group lost a member, form new groups.
    """
    ungrouped = sorted((scene for scene in scenes if scene.group is None), key=lambda scene: scene.scene)
    groups = {scene.scene: scene.group for scene in scenes if scene.group is not None}
    groups |= _unbroken_groups({scene.scene for scene in ungrouped}, frozen)
    new = [scene for scene in ungrouped if scene.scene not in groups]
    if max_size == 1:
        return groups | {scene.scene: scene.scene for scene in new}
    points = np.array([scene.centre for scene in new]).reshape(-1, 3)
    for block in compact_blocks(points, max_size):
        members = [new[i].scene for i in block]
        groups |= dict.fromkeys(members, block_name(members, points[block]))
    return groups


def block_name(scenes: Sequence[str], points: np.ndarray) -> str:
    """Name a block by its middle (degrees east of -180..180, and north) and a hash of its scenes.

    `points` (n, 3) are the centres of its scenes. Another partition has other scenes in its blocks and therefore other
    names, whatever the order.
    """
    lon, lat = (round(float(degrees)) for degrees in lonlat_of_points(points.sum(axis=0)))
    position = f"{abs(lat):02d}{'S' if lat < 0 else 'N'}{abs(lon):03d}{'W' if lon < 0 else 'E'}"
    return f"{position}-{cache_key(scenes=sorted(scenes))[:8]}"


def _split(points: np.ndarray, indices: np.ndarray, parts: int) -> list[np.ndarray]:
    """Cut the points of some indices into parts of nearly the same size; none for no points."""
    if parts <= 1:
        return [indices] if len(indices) else []
    coordinates = points[indices]
    longest = np.argmax(np.ptp(coordinates, axis=0))
    order = indices[np.lexsort([indices, coordinates[:, longest]])]
    first_parts = parts // 2
    boundary = len(indices) * first_parts // parts
    return _split(points, order[:boundary], first_parts) + _split(points, order[boundary:], parts - first_parts)


def _unbroken_groups(scenes: set[str], frozen: Mapping[str, str]) -> dict[str, str]:
    """The frozen groups of which every scene still exists."""
    broken = {group for scene, group in frozen.items() if scene not in scenes}
    return {scene: group for scene, group in frozen.items() if group not in broken}
