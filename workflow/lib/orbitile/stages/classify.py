"""classify: rasters of classes that exclude each other, and the areas of the classes, scene by scene."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Self

from orbitile.base.errors import OrbitileError
from orbitile.base.files import cache_key, write_json
from orbitile.features.class_areas import ClassTally, PixelAreas
from orbitile.inference.class_decision import MOST_EXCLUSIVE_CLASSES, ClassDecision, knows_background
from orbitile.inference.models.weights_header import BACKGROUND
from orbitile.jobs.pieces import JobWork, Piece
from orbitile.pictures.class_colours import colour_table
from orbitile.pipeline import code_version
from orbitile.rasters.categories import write_categories
from orbitile.rasters.mosaic import RasterPart, opened_mosaic, opened_validity
from orbitile.rasters.read import opened_raster, read_window, row_windows
from orbitile.rasters.write import Block, PixelType, write_cog
from orbitile.space.bodies import Body
from orbitile.tables.class_rasters import ClassRaster, write_class_rasters
from orbitile.tables.rasters import RasterRow, RasterTables, Surroundings

log = logging.getLogger(__name__)

CLASS_NODATA = 255


@dataclass(frozen=True)
class ClassifySettings:
    """How classes are decided, the radius of the body in metres, and the smallest region of classes by their names."""

    decision: ClassDecision
    radius_m: float
    smallest_region_px: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(
        cls, body: Body, model: Mapping | None, classes: Sequence[str] | None, smoothing_px: float = 0,
        smallest_region_px: Mapping[str, int] | None = None,
    ) -> Self:  # fmt: skip
        """For the weights of a `model`, and the classes of weights that do not name them."""
        decision = ClassDecision(knows_background(model, classes), smoothing_px)
        return cls(decision, body.radius_m, smallest_region_px or {})

    def decision_for(self, names: Sequence[str]) -> ClassDecision:
        """That for a network's classes, the background first; OrbitileError for names that it does not have."""
        if not self.smallest_region_px:
            return self.decision
        if unknown := sorted(set(self.smallest_region_px) - set(names)):
            raise OrbitileError(f"mapping.smallest_region_px: the network has no class {', '.join(unknown)}; it has "
                                f"{', '.join(names)}")  # fmt: skip
        smallest = tuple(self.smallest_region_px.get(name, 0) for name in names)
        return replace(self.decision, smallest_region_px=smallest)


def classify(tables: RasterTables, settings: ClassifySettings, folder: str, out: str, work: JobWork) -> None:
    """Write the likeliest class of each pixel of a group's scenes as rasters of class numbers, 0 for the background.

    Where scenes of a mosaic overlap, all of them have the classes of the same one, the first by name. OrbitileError for
    more classes than fit into 8 bits.
    """
    surroundings = Surroundings(tables)
    scenes = [ClassifiedScene(row, surroundings, settings) for row in surroundings.group_rows]
    by_path = {scene.path(Path(folder)): scene for scene in scenes}
    pieces = [scene.piece(path) for path, scene in by_path.items()]
    complete_pieces = work.make_pieces(pieces, lambda piece: by_path[piece.path].write(piece.path), unit="rasters")
    write_class_rasters([ClassRaster.read(piece.path) for piece in complete_pieces], out, work.table_metadata)


@dataclass(frozen=True)
class ClassifiedScene:
    """A scene's raster of probabilities, with those around it, to be classified."""

    raster: RasterRow
    surroundings: Surroundings
    settings: ClassifySettings

    @cached_property
    def _parts(self) -> list[tuple[str, RasterPart]]:
        """The scene itself and its neighbours, in the order in which outlines take their pixels (by name)."""
        window = self.raster.grid.window.grown(self._decision.halo_px)
        return sorted(self.surroundings.named_parts(self.raster, window), key=lambda part: part[0])

    def path(self, folder: Path) -> Path:
        """The path of its description, under a name made of all that it and the raster beside it depend on."""
        parts = [(scene, asdict(part)) for scene, part in self._parts]
        key = cache_key(
            parts=parts, raster=self.raster.path, settings=asdict(self.settings), version=code_version("classify")
        )
        return folder / self.raster.scene / f"{self.raster.scale_m:g}m-{key}.json"

    def piece(self, path: Path) -> Piece:
        """The piece of work: description and raster. Other programs may add statistics to the names beside them."""
        return Piece(self.raster.scene, path, f"{self.raster.scale_m:g} m/px", others=(path.with_suffix(".tif"),))

    def write(self, description: Path) -> None:
        """Write the raster, the names of its classes, and what the table says of it."""
        path, row = description.with_suffix(".tif"), self.raster
        names = self._names
        tally, colours = ClassTally(len(names)), colour_table(len(names) - 1)
        pixels = PixelType("uint8", CLASS_NODATA, "MODE", ("class",), colours)
        tags = {f"class_{number}": name for number, name in enumerate(names)}
        write_cog(path, row.grid, pixels, self._blocks(tally), tags)
        write_categories(path, names, colours)
        columns = dict(pixels=tally.pixels.tolist(), area_m2=tally.area_m2.tolist(), single_m2=tally.single_m2.tolist())
        write_json(description, asdict(ClassRaster(
            row.scene, row.scale_m, str(path), row.crs_wkt, row.transform, row.width, row.height, names, **columns
        )))  # fmt: skip
        log.info("scene %s: %s at %g m/px", row.scene, _shares_text(names, tally), row.scale_m)

    @cached_property
    def _decision(self) -> ClassDecision:
        return self.settings.decision_for(self._names)

    @cached_property
    def _names(self) -> list[str]:
        with opened_raster(self.raster.path) as source:
            classes = source.descriptions
        if len(classes) > MOST_EXCLUSIVE_CLASSES:
            raise OrbitileError(f"mapping.decision: argmax maps at most {MOST_EXCLUSIVE_CLASSES} classes, but the "
                                f"network has {len(classes)}; use threshold")  # fmt: skip
        return [BACKGROUND, *classes]

    def _blocks(self, tally: ClassTally) -> Iterator[Block]:
        """The classes of the scene's valid pixels, window by window, which are added to a tally."""
        areas, channels = PixelAreas(self.raster.grid, self.settings.radius_m), range(1, tally.classes)
        earlier = [part for scene, part in self._parts if scene < self.raster.scene]
        with (
            opened_raster(self.raster.path) as source,
            opened_mosaic([part for _, part in self._parts]) as mosaic,
            opened_validity(earlier) as is_earlier,
        ):
            for window in row_windows(self.raster.grid):
                _, valid = read_window(source, window)
                around = window.grown(self._decision.halo_px)
                numbers = self._decision.numbers(*mosaic.read(around, channels))[window.slices_within(around)]
                tally.add(numbers, areas.of_window(window, valid), valid, valid & ~is_earlier(window))
                yield window, numbers, valid


def _shares_text(names: list[str], tally: ClassTally) -> str:
    total = tally.area_m2.sum()
    shares = zip(names, tally.area_m2 / total if total else tally.area_m2, strict=True)
    return ", ".join(f"{name} {share:.1%}" for name, share in shares)
