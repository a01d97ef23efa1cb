"""Several strips to one scene: its pixels, the strip that each comes from, the seams between them."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.mosaicking.compose import Composition, index_type, opened_strips
from orbitile.georeferencing.mosaicking.levels import BandLevels, unchanged_levels
from orbitile.georeferencing.mosaicking.order import RELIEF_INCIDENCE_DEG, Order, Strip, order_strips
from orbitile.rasters.write import PixelType, write_cog

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class MergeOptions:
    """How strips become one scene: which lies on top, and whether their levels are matched.

    `incidence_deg` is the preferred incidence angle where they are ordered by incidence.
    """

    order: Order = "resolution"
    incidence_deg: float = RELIEF_INCIDENCE_DEG
    match_levels: bool = True


@dataclass(frozen=True)
class MosaicResult:
    """The files written, the names of the strips from the topmost down, and the levels of each."""

    path: Path
    sources_path: Path
    seams_path: Path
    order: tuple[str, ...]
    levels: tuple[BandLevels, ...]


def merge_strips(
    strips: Sequence[Strip], path: str | Path, options: MergeOptions, tags: Mapping[str, str] | None = None
) -> MosaicResult:
    """Merge strips on one pixel grid to a scene at `path`, a cloud-optimised GeoTIFF of the grid around all of them.

    Each pixel is that of the first strip in order that is valid in all bands. Beside the scene are written
    `sources-<name>`, a raster of the strips' numbers, counted from 1 in their order (0: none), and
    `seams-<name>.parquet`, the lines between them; both hold for all bands. Levels are matched band by band. The scene
    is written last: if it exists, so do the others. Both rasters list the strips, with their levels, in the tag
    "strips" (JSON); further `tags` go into the scene. The order of `strips` does not matter. OrbitileError where they
    do not fit together.
    """
    from orbitile.georeferencing.mosaicking.seams import seams_of_raster, write_seams  # with GeoPandas

    path, strips = Path(path), _in_order(strips, path, options)
    sources_path, seams_path = mosaic_files(path)
    names = tuple(strip.name for strip in strips)
    with opened_strips(strips) as composition:
        levels = _levels(composition, names, options)
        grid, strip_tags = composition.grid, dict(strips=_describe_strips(strips, levels))
        numbers = PixelType(index_type(len(strips)), 0, overviews="MODE")
        write_cog(sources_path, grid, numbers, composition.source_blocks(composition.row_windows), strip_tags)
        write_seams(seams_of_raster(sources_path, grid), names, grid, seams_path)
        blocks = composition.merged_blocks(dict(enumerate(levels)), composition.row_windows)
        write_cog(path, grid, composition.pixel_type, blocks, {**(tags or {}), **strip_tags})
    return MosaicResult(path, sources_path, seams_path, names, levels)


def mosaic_files(path: Path) -> tuple[Path, Path]:
    """The files beside a mosaic: the raster of its strips' numbers, and the seams between them."""
    return path.with_name(f"sources-{path.name}"), path.with_name(f"seams-{path.stem}.parquet")


def _in_order(strips: Sequence[Strip], path: Path, options: MergeOptions) -> list[Strip]:
    if not strips:
        raise OrbitileError(f"{path}: the mosaic has no strips; name at least one")
    return order_strips(strips, options.order, options.incidence_deg)


def _levels(composition: Composition, names: Sequence[str], options: MergeOptions) -> tuple[BandLevels, ...]:
    """The levels of each strip; logs them."""
    if not options.match_levels:
        return (unchanged_levels(composition.bands),) * len(names)
    by_strip = composition.match_levels()
    levels = tuple(by_strip[number] for number in range(len(names)))
    for name, strip_levels in zip(names[1:], levels[1:], strict=True):
        _log_levels(name, strip_levels)
    return levels


def _log_levels(name: str, levels: BandLevels) -> None:
    if not levels[0].pixels:
        log.warning("strip %s: too little overlap with the other strips; its level stays unchanged", name)
        return
    for band, level in enumerate(levels, start=1):
        band_name = f"{name}, band {band}" if len(levels) > 1 else name
        log.info(
            "strip %s: level matched: %g times its values %+g, from %d pixels",
            band_name, level.gain, level.offset, level.pixels,
        )  # fmt: skip


def _describe_strips(strips: Sequence[Strip], levels: Sequence[BandLevels]) -> str:
    """Strips and their levels as JSON, in their order."""
    return json.dumps([
        dict(number=number, name=strip.name, gsd_m=strip.gsd_m, incidence_deg=strip.incidence_deg)
        | _describe_levels(strip_levels)
        for number, (strip, strip_levels) in enumerate(zip(strips, levels, strict=True), start=1)
    ])  # fmt: skip


def _describe_levels(levels: BandLevels) -> dict[str, object]:
    """Gain, offset, pixels and scatter: numbers for one band, else lists of them."""
    columns = [asdict(level) for level in levels]
    return columns[0] if len(columns) == 1 else {name: [level[name] for level in columns] for name in columns[0]}
