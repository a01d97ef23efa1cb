"""Several strips to one scene: its pixels, the strip that each comes from, the seams between them."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from orbitile.errors import OrbitileError
from orbitile.mosaicking.compose import Composition, index_type, opened_strips
from orbitile.mosaicking.levels import Level
from orbitile.mosaicking.order import RELIEF_INCIDENCE_DEG, Order, Strip, ordered
from orbitile.mosaicking.seams import seams_of_raster, write_seams
from orbitile.rasters.write import PixelType, write_cog

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class MergeOptions:
    """How strips become one scene: which lies on top, and whether their levels are matched.

    `incidence_deg` is the incidence that is wanted where they are ordered by it.
    """

    order: Order = "resolution"
    incidence_deg: float = RELIEF_INCIDENCE_DEG
    match_levels: bool = True


@dataclass(frozen=True)
class MosaicResult:
    """What was written, the names of the strips from the topmost down, and the level of each."""

    path: Path
    sources_path: Path
    seams_path: Path
    order: tuple[str, ...]
    levels: tuple[Level, ...]


def merge_strips(
    strips: Sequence[Strip], path: str | Path, options: MergeOptions, tags: Mapping[str, str] | None = None
) -> MosaicResult:
    """Merge strips on one pixel grid to a scene at `path`, a cloud-optimised GeoTIFF of the grid around all of them.

    Each pixel is that of the first strip in order that is valid there. Beside it come `sources-<name>`, a raster of the
    strips' numbers, counted from 1 in their order (0: none), and `seams-<name>.parquet`, the lines between them. The
    scene is written last: where it is, the others are. Both rasters list the strips, with their levels, in the tag
    "strips" (JSON); further `tags` go into the scene. The order of `strips` does not matter. OrbitileError where they
    do not fit together.
    """
    path, strips = Path(path), _in_order(strips, path, options)
    sources_path, seams_path = path.with_name(f"sources-{path.name}"), path.with_name(f"seams-{path.stem}.parquet")
    names = tuple(strip.name for strip in strips)
    with opened_strips(strips) as composition:
        levels = _levels(composition, names, options)
        grid, about = composition.grid, dict(strips=_described(strips, levels))
        numbers = PixelType(index_type(len(strips)), 0, overviews="MODE")
        write_cog(sources_path, grid, numbers, composition.sources(composition.bands), about)
        write_seams(seams_of_raster(sources_path, grid), names, grid, seams_path)
        pixel_type = PixelType(composition.dtype.name, composition.nodata)
        blocks = composition.merged(dict(enumerate(levels)), composition.bands)
        write_cog(path, grid, pixel_type, blocks, {**(tags or {}), **about})
    return MosaicResult(path, sources_path, seams_path, names, levels)


def _in_order(strips: Sequence[Strip], path: Path, options: MergeOptions) -> list[Strip]:
    if not strips:
        raise OrbitileError(f"{path}: a mosaic of no strips; name at least one")
    return ordered(strips, options.order, options.incidence_deg)


def _levels(composition: Composition, names: Sequence[str], options: MergeOptions) -> tuple[Level, ...]:
    """The level of each strip; says what was found."""
    if not options.match_levels:
        return (Level(),) * len(names)
    found = composition.matched()
    levels = tuple(found[number] for number in range(len(names)))
    for name, level in zip(names[1:], levels[1:], strict=True):
        if level.pixels:
            log.info("strip %s: %g times its values %+g, from %d pixels", name, level.gain, level.offset, level.pixels)
        else:
            log.warning("strip %s: overlaps too little of the others; its level stays as it is", name)
    return levels


def _described(strips: Sequence[Strip], levels: Sequence[Level]) -> str:
    """Strips and their levels as JSON, in their order."""
    return json.dumps([
        dict(number=number, name=strip.name, gsd_m=strip.gsd_m, incidence_deg=strip.incidence_deg, **asdict(level))
        for number, (strip, level) in enumerate(zip(strips, levels, strict=True), start=1)
    ])  # fmt: skip
