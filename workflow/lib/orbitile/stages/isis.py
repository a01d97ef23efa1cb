"""isis: raw images of a group calibrated and projected onto the run's map by USGS ISIS."""

import logging
import re
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa

from orbitile.base.errors import OrbitileError
from orbitile.base.files import cache_key, make_folder, publish
from orbitile.base.versions import file_version, unchanged_files
from orbitile.georeferencing.instruments.registry import find_instrument
from orbitile.georeferencing.isis.map_file import map_text
from orbitile.georeferencing.isis.programs import check_programs, isis_version
from orbitile.georeferencing.isis.run import run_sequence
from orbitile.georeferencing.isis.sequences import MAP_FILE, SHAPE_FILE, SpiceChoice, program_sequence
from orbitile.jobs.pieces import JobWork, Piece
from orbitile.pipeline import code_version
from orbitile.tables.cubes import CUBES
from orbitile.tables.georef_methods import ISIS
from orbitile.tables.parquet import write_arrow
from orbitile.tables.plan import ImageRow, SceneRow

log = logging.getLogger(__name__)

_LITERAL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*", re.ASCII)
"""File names in which ISIS interprets no character."""


def project_with_isis(
    scenes: Sequence[SceneRow], gsd_m: float, spice: SpiceChoice, folder: str, out: str, work: JobWork
) -> None:
    """Project those of a group's images (scenes and strips) that the plan assigns to ISIS, to `gsd_m` metres per pixel.

    Writes map-projected cubes into `folder`, and their table (see CUBES) to `out`. Cubes stay in `folder` under a key
    of everything that they depend on, and are not made again. OrbitileError if ISIS is not installed, or the shape
    model is not an ISIS cube.
    """
    _check_shape(spice)
    version = isis_version()
    images = [
        IsisProjectedImage(image, scene.scene, gsd_m, spice, version)
        for scene in scenes
        for image in scene.images
        if image.georef_method == ISIS
    ]
    by_path = {image.path(Path(folder)): image for image in images}
    pieces = [Piece(image.scene, path, image.strip) for path, image in by_path.items()]
    complete = work.make_pieces(pieces, lambda piece: by_path[piece.path].make(piece.path, work))
    rows = [by_path[piece.path].row(piece.path) for piece in complete]
    write_arrow(pa.Table.from_pylist(rows, CUBES), out, work.table_metadata)


@dataclass(frozen=True)
class IsisProjectedImage:
    """An image to be projected: its row and its scene's name (a mosaic's, of a strip), pixel size (m), kernels."""

    image: ImageRow
    scene: str
    gsd_m: float
    spice: SpiceChoice
    version: str

    @property
    def strip(self) -> str:
        """The image's name if it is a strip of a mosaic, else nothing."""
        return "" if self.image.scene == self.scene else self.image.scene

    @property
    def instrument(self) -> str:
        """The instrument that took it."""
        if self.image.instrument is None:
            raise OrbitileError(f"{self.image.path}: is not a raw image, and only those go through ISIS")
        return self.image.instrument

    @property
    def map(self) -> str:
        """The map to project to, as a template of ISIS."""
        return map_text(self.image.crs_wkt, self.gsd_m)

    def path(self, folder: Path) -> Path:
        """Where its cube belongs, under a name made of all that it depends on."""
        source, shape = self.image.path, self.spice.isis_shape
        name = cache_key(
            source=source, version=self.image.fingerprint, instrument=self.instrument, map=self.map,
            spice=asdict(self.spice), shape=shape and file_version(shape), isis=self.version,
            recipe=code_version("isis"),
        )  # fmt: skip
        strip = f"{self.strip}-" if self.strip else ""
        return folder / self.scene / f"{self.gsd_m:g}m-{strip}{name}.cub"

    def row(self, path: Path) -> dict[str, str]:
        """Its row of the table."""
        columns = dict(scene=self.image.scene, instrument=self.instrument)
        return columns | dict(path=str(path), isis_version=self.version)

    def make(self, path: Path, work: JobWork) -> None:
        """Run ISIS in a temporary folder, and move its last cube to `path`; StopError if the job is stopped."""
        source, instrument = Path(self.image.path), find_instrument(self.instrument)
        check_programs(instrument.name, instrument.isis.names)
        name = _literal_name(source)
        steps = program_sequence(instrument.isis.names_for(source), name, self.spice)
        with _work_folder(path) as folder:
            (folder / name).symlink_to(source.absolute())
            if self.spice.isis_shape:
                (folder / SHAPE_FILE).symlink_to(Path(self.spice.isis_shape).absolute())
            (folder / MAP_FILE).write_text(self.map)
            with unchanged_files(self.image.inputs, self.image.fingerprint):
                cube = run_sequence(self.image.path, steps, folder, work.check_stop)
            make_folder(path.parent)
            publish({cube: path})
        log.info("scene %s: projected by ISIS %s", self.image.scene, self.version)


def _literal_name(source: Path) -> str:
    """A name for an image that ISIS takes literally: the file's, if it has no special characters."""
    return source.name if _LITERAL_NAME.fullmatch(source.name) else "raw.img"


@contextmanager
def _work_folder(path: Path) -> Iterator[Path]:
    """A folder for the programs' files on the way to `path`, on the same disk; removed with everything in it.

    What a killed job leaves there counts as stale (see orbitile.jobs.stale).
    """
    folder = path.parent.parent / f".{path.parent.name}-{uuid.uuid4().hex[:8]}"
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _check_shape(spice: SpiceChoice) -> None:
    shape = spice.isis_shape
    if shape and not (Path(shape).is_file() and Path(shape).suffix.lower() == ".cub"):
        raise OrbitileError(
            f"shape model {shape}: not an ISIS cube (.cub) of radii; make one from a GeoTIFF of heights with ISIS's "
            "gdal2isis, algebra (heights to radii) and demprep"
        )
