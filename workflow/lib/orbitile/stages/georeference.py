"""georeference: every scene of a group as a cloud-optimised GeoTIFF on the run's map and finest scale."""

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from orbitile.base.errors import OrbitileError
from orbitile.base.files import cache_key, scratch, write_json
from orbitile.base.image_cache import ImageCache
from orbitile.base.remote_files import download, is_remote
from orbitile.base.seals import seal_path
from orbitile.base.versions import files_version, unchanged_files
from orbitile.georeferencing.mosaicking.merge import MergeOptions, merge_strips, mosaic_files
from orbitile.georeferencing.mosaicking.order import Strip
from orbitile.georeferencing.project_image import TargetGrid, project_image, provenance_tags, strip_target
from orbitile.jobs.pieces import JobWork, Piece
from orbitile.pipeline import code_version
from orbitile.rasters.histogram import BandCounts, Histogram, band_blocks, band_histograms
from orbitile.rasters.linked_files import LinkedFiles
from orbitile.rasters.links import hides_values, is_linkable, linked_image, write_link
from orbitile.rasters.read import opened_raster, raster_grid
from orbitile.rasters.resample import pixel_type
from orbitile.rasters.stretch import Stretch
from orbitile.rasters.stretch_check import CheckedBand, without_fill
from orbitile.rasters.write import write_cog
from orbitile.tables.georef_methods import ISIS, PROJECTED
from orbitile.tables.plan import OF_MOSAIC, ImageRow, SceneRow
from orbitile.tables.rasters import RasterRow, write_rasters

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class GeoreferenceTarget:
    """What georeferenced scenes look like: their map and scale, their stretch, and how strips become one scene.

    The stretch is given by percentiles of each scene's bands, or by the same values in all scenes: a pair for all bands
    or a pair per band. `in_place`: images that already are what would be made of them are not copied but linked to.
    """

    target_grid: TargetGrid
    stretch_percentiles: tuple[float, float]
    stretch_values: tuple[float, float] | tuple[tuple[float, float], ...] | None = None
    merge_options: MergeOptions = field(default_factory=MergeOptions)
    in_place: bool = False

    def stretch(self, brightness: Sequence[Histogram]) -> Stretch:
        """The stretch of a scene whose bands have these histograms; OrbitileError if it is set for other bands."""
        if self.stretch_values is None:
            pairs = [[band.percentile(percent) for percent in self.stretch_percentiles] for band in brightness]
        else:
            pairs = np.array(self.stretch_values, float).reshape(-1, 2).tolist()
        if len(pairs) not in (1, len(brightness)):
            raise OrbitileError(
                f"stretch_values lists {len(pairs)} pairs, but the scene has {len(brightness)} bands; give one pair "
                "for all bands, or one for each"
            )
        low, high = zip(*(pairs if len(pairs) > 1 else pairs * len(brightness)), strict=True)
        return Stretch(low, high)

    def warnings(self, histograms: Sequence[Histogram], brightness: Sequence[Histogram], stretch: Stretch) -> list[str]:
        """What the user should know of the stretch of a scene's bands, in one line each; without fill: `brightness`."""
        is_set, pairs = self.stretch_values is not None, zip(stretch.low, stretch.high, strict=True)
        bands = [
            CheckedBand(*band, self.stretch_percentiles, is_set)
            for band in zip(histograms, brightness, pairs, strict=True)
        ]
        names = [f"band {number}: " if len(bands) > 1 else "" for number in range(1, len(bands) + 1)]
        return [f"{name}{text}" for name, band in zip(names, bands, strict=True) for text in band.warnings]


def georeference(
    scenes: list[SceneRow],
    target: GeoreferenceTarget,
    folder: str,
    out: str,
    work: JobWork,
    cache: ImageCache | None = None,
) -> None:
    """Georeference a group's scenes (rows of the plan) into `folder`; write their table to `out`.

    Finished scenes, and the strips of mosaics, stay in `folder` under a key of their input and target, and are not made
    again. `cache` keeps images of servers for other runs.
    """
    georeferenced = [GeoreferencedScene(scene, target, Path(folder), cache) for scene in scenes]
    for made in georeferenced:
        made.forget_link_elsewhere()
    steps = {piece: make for scene in georeferenced for piece, make in scene.steps()}
    complete_pieces = set(work.make_pieces(list(steps), lambda piece: steps[piece](piece.path)))
    write_rasters([scene.row() for scene in georeferenced if scene.piece in complete_pieces], out, work.table_metadata)


class CountedRaster(NamedTuple):
    """A finished raster and the histogram of each of its bands."""

    path: Path
    histograms: list[Histogram]


@dataclass(frozen=True)
class GeoreferencedScene:
    """A scene of the plan, its target, the folder of its files, and what keeps images of servers."""

    scene: SceneRow
    target: GeoreferenceTarget
    folder: Path
    cache: ImageCache | None = None

    @property
    def piece(self) -> Piece:
        """The finished scene: the file that describes its raster, and lies beside it."""
        description = self._path(self._version(self.scene))
        raster, link = description.with_suffix(".tif"), description.with_suffix(".vrt")
        return Piece(self.name, description, others=(raster, *(mosaic_files(raster) if self.scene.strips else [link])))

    @property
    def name(self) -> str:
        """The scene's name."""
        return self.scene.scene

    def forget_link_elsewhere(self) -> None:
        """Let a finished raster count as missing that is linked to where the image was: their folder has moved."""
        description = self.piece.path
        link, image = description.with_suffix(".vrt"), str(Path(self.scene.path).absolute())
        if link.is_file() and linked_image(link) != image:
            log.info("scene %s: its image lies at %s now, and is linked to again", self.name, image)
            for file in (description, seal_path(description), link):
                file.unlink(missing_ok=True)

    def steps(self) -> Iterator[tuple[Piece, Callable[[Path], None]]]:
        """The pieces to be made, one after another: the strips of a mosaic, and the scene."""
        for strip in self.scene.strips:
            yield self._strip_piece(strip), partial(self._make_strip, strip)
        yield self.piece, self._merge if self.scene.strips else self._make

    def row(self) -> RasterRow:
        """The row of the finished scene; its neighbours may have changed since it was made."""
        described = json.loads(self.piece.path.read_text())
        return RasterRow(**described | {name: getattr(self.scene, name) for name in OF_MOSAIC})

    def _version(self, image: ImageRow) -> str:
        """A key of all that a raster depends on, without settings that do not concern the image."""
        target, target_grid = self.target, self.target.target_grid
        parts = dict(
            image=_raster_columns(image), recipe=code_version("georeference"), crs=self._target_grid.crs,
            gsd_m=target_grid.gsd_m, stretch=[target.stretch_percentiles, target.stretch_values],
        )  # fmt: skip
        if any(source.georef_method != PROJECTED for source in image.images):
            parts["corrected"] = target_grid.corrections
        if any(source.georef_method == ISIS for source in image.images):
            parts["cubes"] = [target_grid.cubes.get(source.scene) for source in image.images]
        if self._may_be_linked(image):
            parts["in_place"] = True
        if image is self.scene and self.scene.strips:
            parts["merging"] = asdict(target.merge_options)
        return cache_key(**parts)

    def _path(self, name: str) -> Path:
        return self.folder / self.name / f"{self.target.target_grid.gsd_m:g}m-{name}.json"

    def _strip_piece(self, strip: ImageRow) -> Piece:
        path = self._path(f"{strip.scene}-{self._version(strip)}").with_suffix(".tif")
        return Piece(self.name, path, strip.scene, size=0)

    def _make(self, description: Path) -> None:
        """Write the scene's raster and, once that is complete, its description."""
        raster = self._link(description.with_suffix(".vrt")) or self._copy(description.with_suffix(".tif"))
        write_json(description, asdict(self._describe(raster)))

    def _may_be_linked(self, image: ImageRow) -> bool:
        """Whether an image may be used where it lies, as far as the plan tells."""
        is_single = image is self.scene and not self.scene.strips
        fits = image.georef_method == PROJECTED and self._target_grid.fits(image.grid)
        return self.target.in_place and is_single and fits and not is_remote(image.path)

    def _link(self, path: Path) -> CountedRaster | None:
        """A raster that is linked to the scene's image and counted; None where only a copy is as good."""
        scene = self.scene
        if not self._may_be_linked(scene):
            return None
        with unchanged_files(scene.inputs, scene.fingerprint, path), opened_raster(scene.path) as source:
            if not is_linkable(source, scene.channels):
                return None
            kind = pixel_type(source, scene.channels, scene.band_names)
            files = LinkedFiles(tuple(str(Path(file).absolute()) for file in scene.inputs), scene.fingerprint)
            write_link(path, source, scene.grid, scene.channels, kind, files, provenance_tags(scene))
            try:
                histograms = self._count_linked(path)
            except Exception:
                path.unlink()  # of an image that cannot be read to its end
                raise
        if histograms is None:
            path.unlink()
            return None
        log.info("scene %s: used where it lies, %s", scene.scene, scene.path)
        return CountedRaster(path, histograms)

    def _count_linked(self, path: Path) -> list[Histogram] | None:
        """The histograms of the bands of a linked raster; None if there are values that only a copy can hide."""
        with opened_raster(str(path)) as source:
            counts = BandCounts(source.dtypes[0], source.count, self.target.stretch_percentiles)
            for pixels, valid in band_blocks(source, self.scene.grid):
                if hides_values(source, pixels):
                    return None
                counts.feed(pixels, valid)
            return counts.finish(source, self.scene.grid)

    def _copy(self, path: Path) -> CountedRaster:
        """The scene's raster, counted as it is written."""
        counts = self._write_raster(self.scene, path)
        with opened_raster(str(path)) as source:
            return CountedRaster(path, counts.finish(source, raster_grid(source)))

    @property
    def _target_grid(self) -> TargetGrid:
        target_grid = self.target.target_grid
        return strip_target(target_grid, self.scene.crs_wkt) if self.scene.strips else target_grid

    def _make_strip(self, strip: ImageRow, path: Path) -> None:
        """Write the raster of a strip; its values are counted in the mosaic."""
        self._write_raster(strip, path)

    def _write_raster(self, image: ImageRow, path: Path) -> BandCounts:
        """Write an image's raster; the counts of its values after a first pass."""
        with (
            _on_this_machine(image, path, self.cache) as local,
            unchanged_files(local.inputs, local.fingerprint, path),
            project_image(local, self._target_grid) as projected,
        ):
            kind, grid = projected.type, projected.grid
            counts = BandCounts(kind.dtype, len(kind.bands), self.target.stretch_percentiles)
            write_cog(path, grid, kind, projected.blocks, projected.tags, counts.feed)
        log.info("scene %s: %d x %d px at %.2f m/px", image.scene, grid.width, grid.height, grid.gsd_m)
        return counts

    def _merge(self, description: Path) -> None:
        """Write the mosaic of the strips and, once that is complete, its description."""
        mosaic = merge_strips(
            [self._strip(strip) for strip in self.scene.strips], description.with_suffix(".tif"),
            self.target.merge_options, provenance_tags(self.scene),
        )  # fmt: skip
        with opened_raster(str(mosaic.path)) as source:
            histograms = band_histograms(source, raster_grid(source), self.target.stretch_percentiles)
        row = asdict(self._describe(CountedRaster(mosaic.path, histograms)))
        write_json(description, row | dict(seams=str(mosaic.seams_path), sources=str(mosaic.sources_path)))
        log.info("scene %s: mosaic of strips %s, from the topmost down", self.name, ", ".join(mosaic.order))

    def _strip(self, strip: ImageRow) -> Strip:
        path = self._strip_piece(strip).path
        if not path.is_file():
            raise OrbitileError(f"{strip.path}: its strip {strip.scene} could not be made; see the failure above")
        with opened_raster(str(path)) as source:
            grid = raster_grid(source)
        return Strip(strip.scene, str(path), grid, strip.image_gsd_m, strip.incidence_deg)

    def _describe(self, raster: CountedRaster) -> RasterRow:
        """The table row of a georeferenced scene, with the stretch of its bands."""
        with opened_raster(str(raster.path)) as source:
            grid = raster_grid(source)
        histograms = raster.histograms
        valid_share = histograms[0].count / (grid.width * grid.height)
        brightness = [without_fill(histogram, self.target.stretch_percentiles) for histogram in histograms]
        stretch = self.target.stretch(brightness)
        warnings = self.target.warnings(histograms, brightness, stretch)
        for text in warnings:
            log.warning("scene %s: %s", self.name, text)
        return RasterRow(
            self.name, self.target.target_grid.gsd_m, str(raster.path), grid.crs_wkt, list(grid.transform)[:6],
            grid.width, grid.height, valid_share, list(stretch.low), list(stretch.high), self.scene.georef_method,
            error_m=self.scene.error_m, warnings=warnings,
        )  # fmt: skip


@contextmanager
def _on_this_machine(image: ImageRow, raster: Path, cache: ImageCache | None) -> Iterator[ImageRow]:
    """The image itself or, of one on a server, a copy beside its raster for as long as it is needed."""
    if not is_remote(image.path):
        yield image
        return
    with scratch(raster.with_name(f"{raster.stem}-download.tif")) as path:
        (cache.fetch if cache else download)(image.path, image.fingerprint, path)
        try:
            yield replace(image, path=str(path), inputs=[str(path)], fingerprint=files_version([path]))
        except OrbitileError as error:
            raise OrbitileError(str(error).replace(str(path), image.path)) from error


def _raster_columns(image: ImageRow) -> dict[str, Any]:
    """The columns of an image, and of its strips, that its raster depends on; no bands if it is the first, unnamed."""
    columns = image.image_columns
    return _without_default_bands(columns) | (
        dict(strips=[_without_default_bands(strip) for strip in columns["strips"]]) if "strips" in columns else {}
    )


def _without_default_bands(columns: dict[str, Any]) -> dict[str, Any]:
    is_default = (columns["bands"], columns["band_names"]) == ([1], [""])
    return {name: value for name, value in columns.items() if not (is_default and name in ("bands", "band_names"))}
