"""True craters on the ground that is judged: which count, which block each lies in, what is detected beside them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import pandas as pd
import shapely

from orbitile.detections.blocks import LEAST_BLOCKS, Blocks
from orbitile.detections.matching import DetectedCraters, MatchCriteria
from orbitile.tables.coverage import Coverage
from orbitile.tables.craters import Craters, CraterTable, PixelPlaces, check_scene_names, read_craters_of_run
from orbitile.tables.enlarged_rasters import NOT_ENLARGED, rasters_at_all_scales
from orbitile.tables.failed_windows import failed_on_maps
from orbitile.tables.rasters import RasterRow, coarsest, read_rasters_of_groups

NOTHING = np.zeros(0, int)


@dataclass(frozen=True)
class JudgedGround:
    """Where craters count: on searched pixels of any scene of a map, or of their own scene in pixel coordinates.

    `coverages` are those of the scenes by name, or a single one of all scenes.
    """

    coverages: dict[str, Coverage]

    @classmethod
    def of(
        cls, scenes: list[RasterRow], radius_m: float, unmapped: bool,
        failed: Mapping[str, shapely.Geometry] | None = None,
    ) -> Self:  # fmt: skip
        """That of scenes with a map, or of `unmapped` ones, without where they failed (shapes on the maps, by name)."""
        parts = {scene.scene: [scene] for scene in scenes} if unmapped else {"map": scenes}
        return cls({name: Coverage.of(part, radius_m, failed) for name, part in sorted(parts.items())})

    def split(self, craters: Craters) -> Iterator[tuple[str, np.ndarray]]:
        """The indices of the craters that count, by the coverage that they lie on."""
        for name, members in self._members(craters).items():
            on_data = self.coverages[name].holds(craters.lon[members], craters.lat[members])
            yield name, members[on_data]

    def _members(self, craters: Craters) -> dict[str, np.ndarray]:
        if craters.scene is None:  # all on a map, or on the only scene
            return {name: np.arange(len(craters)) for name in self.coverages}
        members = pd.Series(craters.scene).groupby(craters.scene).indices
        return {str(name): np.asarray(indices) for name, indices in members.items() if name in self.coverages}


class SearchedScenes(NamedTuple):
    """The groups' tables of rasters, the exclusions of the run, and the factors of scales in enlarged pixels."""

    rasters: Sequence[str]
    failed: Sequence[Mapping[str, str]] = ()
    enlarged: Mapping[float, int] = NOT_ENLARGED


class DetectedOnGround(NamedTuple):
    """Detected craters of a ground, and the indices of the true ones there."""

    detected: DetectedCraters
    candidates: np.ndarray


@dataclass(frozen=True)
class TruthOnGround:
    """True craters (n): indices of those on each ground, which of them are judged (bool), and the block of each."""

    true: Craters
    ground: JudgedGround
    criteria: MatchCriteria
    on_ground: dict[str, np.ndarray]
    is_judged: np.ndarray
    blocks: Blocks
    block: np.ndarray

    @classmethod
    def of(cls, true: Craters, ground: JudgedGround, criteria: MatchCriteria, least_blocks: int = LEAST_BLOCKS) -> Self:
        """Blocks hold equally many judged craters; there are `least_blocks` of them or more, if these suffice."""
        on_ground = dict.fromkeys(ground.coverages, NOTHING) | dict(ground.split(true))
        is_judged = criteria.are_judged(true)
        judged = {name: members[is_judged[members]] for name, members in on_ground.items()}
        blocks = Blocks.of({name: true.select(members) for name, members in judged.items()}, least_blocks)
        block = np.zeros(len(true), np.int32)
        for name, members in judged.items():
            block[members] = blocks.numbers(name, true.select(members))
        return cls(true, ground, criteria, on_ground, is_judged, blocks, block)

    @classmethod
    def read(
        cls, table: CraterTable, scenes: SearchedScenes, criteria: MatchCriteria, unmapped_scenes: int = 0,
        least_blocks: int = LEAST_BLOCKS,
    ) -> tuple[Self, float]:  # fmt: skip
        """A table of true craters on the scenes of a run, and the finest m/px of these.

        Only craters whose centre lies on valid pixels of a scene are there, and not where it failed at any scale, for
        there not all sizes were searched. The `unmapped_scenes` of a run in pixel coordinates are grounds of their own.
        OrbitileError where a table lacks a column or one of its numbers.
        """
        rows = read_rasters_of_groups(scenes.rasters)
        true = read_craters_of_run(table, PixelPlaces.of(rows, criteria.radius_m), unmapped_scenes)
        check_scene_names(true, {row.scene for row in rows}, table.path)
        failed = failed_on_maps(scenes.failed, rasters_at_all_scales(rows, scenes.enlarged))
        ground = JudgedGround.of(coarsest(rows), criteria.radius_m, unmapped_scenes > 0, failed)
        return cls.of(true, ground, criteria, least_blocks), min((row.scale_m for row in rows), default=1.0)

    @property
    def judged(self) -> np.ndarray:
        """The indices of the craters on the ground that are judged."""
        return np.concatenate([*(members[self.is_judged[members]] for members in self.on_ground.values()), NOTHING])

    def detected(self, craters: Craters, score: np.ndarray) -> Iterator[DetectedOnGround]:
        """Detected craters with scores (n), ground by ground; what lies on none is left out."""
        for name, members in self.ground.split(craters):
            part = craters.select(members)
            detected = DetectedCraters(part, score[members], self.blocks.numbers(name, part))
            yield DetectedOnGround(detected, self.on_ground[name])
