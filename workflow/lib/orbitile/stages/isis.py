"""isis: raw images of a group calibrated and brought onto the run's map by USGS ISIS."""

import logging
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa

from orbitile.errors import OrbitileError
from orbitile.files import key, version_of
from orbitile.isis.label import is_summed
from orbitile.isis.map_file import map_text
from orbitile.isis.programs import check, isis_version
from orbitile.isis.run import run_sequence
from orbitile.isis.sequences import MAP_FILE, SHAPE_FILE, SpiceChoice, sequence
from orbitile.jobs.pieces import Piece, Work
from orbitile.tables.cubes import CUBES
from orbitile.tables.parquet import write_arrow

log = logging.getLogger(__name__)

RECIPE = 1
"""Changes with the programs and parameters of orbitile.isis.sequences, so that cubes are made anew."""
_HARMLESS = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*", re.ASCII)


def isis(scenes: list[dict], spice: SpiceChoice, folder: str, out: str, work: Work) -> None:
    """Bring a group's raw images onto the map through ISIS, into `folder`; write their table (see CUBES) to `out`.

    Scenes are dicts of scene, path, instrument (of orbitile.isis.sequences.PROGRAMS), crs_wkt and gsd_m, which are
    the map and the pixel size to project to, in metres; strips of a mosaic also have `of`, its name. Cubes stay in
    `folder` under a key of all that they depend on, and are not made again. OrbitileError where ISIS is not installed
    or a shape model is none.
    """
    _check_shape(spice)
    version = isis_version()
    wanted = [Projected(scene, map_text(scene["crs_wkt"], scene["gsd_m"]), spice, version) for scene in scenes]
    by_path = {one.path(Path(folder)): one for one in wanted}
    pieces = [Piece(one.of, path, one.strip) for path, one in by_path.items()]
    whole = work.each(pieces, lambda piece: by_path[piece.path].make(piece.path, work))
    rows = [by_path[piece.path].row(piece.path) for piece in whole]
    write_arrow(pa.Table.from_pylist(rows, CUBES), out, work.account)


@dataclass(frozen=True)
class Projected:
    """A scene to be brought onto a map: its row, the map's template, its kernels, the version of ISIS."""

    scene: dict
    map: str
    spice: SpiceChoice
    version: str

    @property
    def of(self) -> str:
        """The plan's name for the scene: that of the mosaic, if it is a strip of one."""
        return self.scene.get("of", self.scene["scene"])

    @property
    def strip(self) -> str:
        """Its own name if it is a strip of a mosaic, else nothing."""
        return self.scene["scene"] if "of" in self.scene else ""

    def path(self, folder: Path) -> Path:
        """Where its cube belongs, under a name made of all that it depends on."""
        source, shape = self.scene["path"], self.spice.shape_model
        name = key(
            source=source, version=version_of(source), instrument=self.scene["instrument"], map=self.map,
            spice=asdict(self.spice), shape=shape and version_of(shape), isis=self.version, recipe=RECIPE,
        )  # fmt: skip
        strip = f"{self.strip}-" if self.strip else ""
        return folder / self.of / f"{self.scene['gsd_m']:g}m-{strip}{name}.cub"

    def row(self, path: Path) -> dict:
        """Its row of the table."""
        about = {name: self.scene[name] for name in ("scene", "instrument")}
        return about | dict(path=str(path), isis_version=self.version)

    def make(self, path: Path, work: Work) -> None:
        """Run ISIS in a folder beside, and move its last cube to `path`; stops when the job is told to."""
        source, instrument = self.scene["path"], self.scene["instrument"]
        check(instrument)
        name = _harmless(Path(source))
        steps = sequence(instrument, name, self.spice, is_summed(instrument, source))
        with _bench(path) as bench:
            (bench / name).symlink_to(Path(source).absolute())
            if self.spice.shape_model:
                (bench / SHAPE_FILE).symlink_to(Path(self.spice.shape_model).absolute())
            (bench / MAP_FILE).write_text(self.map)
            cube = run_sequence(source, steps, bench, work.go_on)
            path.parent.mkdir(parents=True, exist_ok=True)
            cube.replace(path)
        log.info("scene %s: projected by ISIS %s", self.scene["scene"], self.version)


def _harmless(source: Path) -> str:
    """A name for an image that ISIS takes literally: its own, unless there are other signs in it."""
    return source.name if _HARMLESS.fullmatch(source.name) else "raw.img"


@contextmanager
def _bench(path: Path) -> Iterator[Path]:
    """A folder for what programs write on their way to `path`, on the same disk; removed with all that is in it.

    What a killed job leaves there counts as stale (see orbitile.jobs.stale).
    """
    bench = path.parent.parent / f".{path.parent.name}-{uuid.uuid4().hex[:8]}"
    bench.mkdir(parents=True)
    try:
        yield bench
    finally:
        shutil.rmtree(bench, ignore_errors=True)


def _check_shape(spice: SpiceChoice) -> None:
    shape = spice.shape_model
    if shape and not (Path(shape).is_file() and Path(shape).suffix.lower() == ".cub"):
        raise OrbitileError(
            f"shape model {shape}: no ISIS cube of radii; ISIS takes no GeoTIFF of heights: make one of it with "
            "gdal2isis, algebra (heights to radii) and demprep"
        )
