"""georeference: every scene of a group as a cloud-optimised GeoTIFF on the run's map and finest scale."""

import json
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import rasterio

from orbitile.errors import OrbitileError
from orbitile.files import key, write_json
from orbitile.jobs.pieces import Piece, Work
from orbitile.mosaicking.merge import MergeOptions, merge_strips
from orbitile.mosaicking.order import Strip
from orbitile.rasters.histogram import EXACT_TYPES, Histogram
from orbitile.rasters.read import grid_of, opened
from orbitile.rasters.resample import as_it_is
from orbitile.rasters.write import Block, write_cog
from orbitile.space.grids import Grid
from orbitile.tables.plan import OF_IMAGE, OF_MOSAIC, images_of
from orbitile.tables.rasters import RasterRow, write_rasters
from orbitile.tables.ways import ISIS, PROJECTED
from orbitile.ways.placed import Placing, about, placed, strip_placing

log = logging.getLogger(__name__)

RECIPE = 3
"""Changes with how rasters are made, so that they are made anew."""


@dataclass(frozen=True)
class Target:
    """What georeferenced scenes look like: their map and scale, their stretch, and how strips become one scene.

    The stretch goes by each scene's percentiles, or by the same values for all.
    """

    placing: Placing
    stretch_percentiles: tuple[float, float]
    stretch_values: tuple[float, float] | None = None
    merging: MergeOptions = field(default_factory=MergeOptions)


def georeference(scenes: list[dict], target: Target, folder: str, out: str, work: Work) -> None:
    """Georeference a group's scenes (rows of the plan) into `folder`; write their table to `out`.

    Finished scenes, and the strips of mosaics, stay in `folder` under a key of their input and target, and are not done
    again.
    """
    all_made = [Made(scene, target, Path(folder)) for scene in scenes]
    steps = {piece: make for one in all_made for piece, make in one.steps()}
    whole = set(work.each(list(steps), lambda piece: steps[piece](piece.path)))
    write_rasters([one.row() for one in all_made if one.piece in whole], out, work.account)


@dataclass(frozen=True)
class Made:
    """A scene (a row of the plan) and what is to be made of it."""

    scene: dict
    target: Target
    folder: Path

    @property
    def piece(self) -> Piece:
        """The finished scene: the file that describes its raster, and lies beside it."""
        return Piece(self.name, self._named(self._version(self.scene)))

    @property
    def name(self) -> str:
        """The scene's name."""
        return self.scene["scene"]

    def steps(self) -> Iterator[tuple[Piece, Callable[[Path], None]]]:
        """The pieces to be made, one after another: the strips of a mosaic, and the scene."""
        for strip in self.scene["strips"]:
            yield self._strip_piece(strip), lambda path, strip=strip: self._place(strip, path)
        yield self.piece, self._merge if self.scene["strips"] else self._make

    def row(self) -> RasterRow:
        """The row of the finished scene; what lies beside it may have changed since it was made."""
        return RasterRow(**json.loads(self.piece.path.read_text()) | {name: self.scene[name] for name in OF_MOSAIC})

    def _version(self, image: dict) -> str:
        """A key of all that a raster depends on; how images without a map are treated does not touch others."""
        target = self.target
        parts = dict(
            image={name: image[name] for name in OF_IMAGE if name in image}, recipe=RECIPE, crs=self._placing.crs,
            gsd_m=target.placing.gsd_m, stretch=[target.stretch_percentiles, target.stretch_values],
        )  # fmt: skip
        images = images_of([image])
        if any(one["way"] != PROJECTED for one in images):
            parts["corrected"] = target.placing.corrected
        if any(one["way"] == ISIS for one in images):
            parts["cubes"] = [target.placing.cubes.get(one["scene"]) for one in images]
        if image.get("strips"):
            parts["merging"] = asdict(target.merging)
        return key(**parts)

    def _named(self, name: str) -> Path:
        return self.folder / self.name / f"{self.target.placing.gsd_m:g}m-{name}.json"

    def _strip_piece(self, strip: dict) -> Piece:
        path = self._named(f"{strip['scene']}-{self._version(strip)}").with_suffix(".tif")
        return Piece(self.name, path, strip["scene"], size=0)

    def _make(self, description: Path) -> None:
        """Write the scene's raster and, once that is whole, its description."""
        path = description.with_suffix(".tif")
        self._place(self.scene, path)
        write_json(description, asdict(self._describe(path)))

    @property
    def _placing(self) -> Placing:
        placing = self.target.placing
        return strip_placing(placing, self.scene["crs_wkt"]) if self.scene["strips"] else placing

    def _place(self, image: dict, path: Path) -> None:
        with placed(image, self._placing) as found:
            write_cog(path, found.grid, found.type, found.blocks, found.tags)
        log.info(
            "scene %s: %d x %d px at %.2f m/px", image["scene"], found.grid.width, found.grid.height, found.grid.gsd_m
        )

    def _merge(self, description: Path) -> None:
        """Write the mosaic of the strips and, once that is whole, its description."""
        found = merge_strips(
            [self._strip(strip) for strip in self.scene["strips"]], description.with_suffix(".tif"),
            self.target.merging, about(self.scene),
        )  # fmt: skip
        row = asdict(self._describe(found.path))
        write_json(description, row | dict(seams=str(found.seams_path), sources=str(found.sources_path)))
        log.info("scene %s: of strips %s, the first on top", self.name, ", ".join(found.order))

    def _strip(self, strip: dict) -> Strip:
        path = self._strip_piece(strip).path
        if not path.is_file():
            raise OrbitileError(f"{strip['path']}: strip {strip['scene']} of it could not be made")
        with opened(str(path)) as source:
            grid = grid_of(source)
        return Strip(strip["scene"], str(path), grid, strip["image_gsd_m"], strip["incidence_deg"])

    def _describe(self, path: Path) -> RasterRow:
        """The table row of a georeferenced scene, with the percentiles of its valid pixels."""
        target = self.target
        with opened(str(path)) as source:
            grid = grid_of(source)
            histogram = _histogram(source, grid)
        low, high = target.stretch_values or map(histogram.percentile, target.stretch_percentiles)
        share = histogram.count / (grid.width * grid.height)
        return RasterRow(
            self.name, target.placing.gsd_m, str(path), grid.crs_wkt, list(grid.transform)[:6], grid.width, grid.height,
            share, low, high, self.scene["way"], error_m=self.scene["error_m"],
        )  # fmt: skip


def _histogram(source: rasterio.DatasetReader, grid: Grid) -> Histogram:
    """Count an image's valid pixels; types wider than 16 bit take one more pass for their bounds."""
    dtype = source.dtypes[0]
    histogram = Histogram(dtype) if dtype in EXACT_TYPES else Histogram(dtype, *_bounds(as_it_is(source, grid)))
    for _, pixels, valid in as_it_is(source, grid):
        histogram.feed(pixels, valid)
    return histogram


def _bounds(blocks: Iterable[Block]) -> tuple[float, float]:
    extremes = [(float(p[v].min()), float(p[v].max())) for _, p, v in blocks if v.any()]
    return (min(low for low, _ in extremes), max(high for _, high in extremes)) if extremes else (0.0, 1.0)
