"""Work folders some of whose files are damaged, as by a power cut, a bad disk or an interrupted copy.

`check` makes a finished run of two scenes, damages files of it and runs it again as a workflow would: jobs whose table
is missing, and those after them. It ends in the same bytes, or in one line that names a file and tells to run again;
every attempt mends some of it.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import rasterio
from affine import Affine
from images import planned_row

from orbitile.base.errors import OrbitileError
from orbitile.base.seals import SUFFIX
from orbitile.detections.tiling import TileSize
from orbitile.georeferencing.project_image import TargetGrid
from orbitile.inference.fragments import Fragments
from orbitile.jobs.pieces import JobWork, Piece
from orbitile.rasters.read import opened_raster, read_window
from orbitile.space.bodies import find_body
from orbitile.stages.downsample import downsample
from orbitile.stages.georeference import GeoreferenceTarget, georeference
from orbitile.stages.tile import tile_scenes
from orbitile.tables.detections import TILE_DETECTIONS
from orbitile.tables.parquet import read_table, write_arrow
from orbitile.tables.plan import PlanRow
from orbitile.tables.rasters import RasterTables, Surroundings
from orbitile.tables.tiles import windows_of

HEIGHT, WIDTH, GSD_M = 64, 96, 100.0
CRS = "+proj=eqc +R=1737400 +units=m +no_defs"
SIZES = {GSD_M: TileSize(64, 32), 2 * GSD_M: TileSize(32, 0)}
STAGES = ("georeferenced", "scaled", "tiles", "predictions")
"""The folders of the tables, in the order in which they are made."""

MOST_DAMAGES = 4

Damage = Callable[[Random, Path, list[Path]], bytes]


def check(random: Random, folder: Path) -> str:
    """Damage some files of a finished run: "accepted" where it mends itself, "refused" where a line is needed."""
    run = SmallRun(folder)
    run.finish()
    expected = run.contents()
    damage_files(random, run.results)
    remove_tables(random, run.results)
    endings = []
    for table in (None, *(run.table(stage) for stage in STAGES)):  # in the end, all pieces are looked at
        if table is not None:
            table.unlink(missing_ok=True)
        endings.append(_attempt(run))
    results = run.contents()
    different = sorted(str(path) for path in expected | results if expected.get(path) != results.get(path))
    assert not different, f"not as before: {different}"
    return "refused" if "refused" in endings else "accepted"


def _attempt(run: "SmallRun") -> str:
    """Finish a run, in further attempts where one ends in a line: each damage may need another."""
    for attempt in range(MOST_DAMAGES + 1):
        try:
            run.finish()
        except OrbitileError as refusal:
            assert "\n" not in str(refusal), str(refusal)
            assert str(run.results) in str(refusal), str(refusal)
            assert "run again" in str(refusal), str(refusal)
        else:
            return "refused" if attempt else "accepted"
    raise AssertionError(f"not mended in {MOST_DAMAGES + 1} attempts")


class SmallRun:
    """Two made-up scenes up to their predictions, with a search in place of a network; all files below a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.results = folder, folder / "results" / "small"
        self._scenes = [_scene(folder, name, seed) for seed, name in enumerate("ab")]

    def table(self, stage: str) -> Path:
        return self.results / stage / "g.parquet"

    def finish(self) -> None:
        """Make what is missing, and what depends on it."""
        steps = dict(zip(STAGES, (self._georeference, self._downsample, self._tile, self._search), strict=True))
        is_new = False
        for stage, step in steps.items():
            is_new = is_new or not self.table(stage).is_file()
            if is_new:
                self.table(stage).unlink(missing_ok=True)
                self.table(stage).parent.mkdir(parents=True, exist_ok=True)
                step(str(self.table(stage)))

    def contents(self) -> dict[Path, bytes]:
        """The content of all files of the run; of seals without the blanks at their ends, which say nothing."""
        contents = {path: path.read_bytes() for path in run_files(self.results)}
        return {path: content.strip() if path.suffix == SUFFIX else content for path, content in contents.items()}

    def _georeference(self, out: str) -> None:
        target = GeoreferenceTarget(TargetGrid(find_body("Moon"), None, GSD_M), (0.5, 99.5))
        georeference(self._scenes, target, str(self.results / "rasters"), out, JobWork())

    def _downsample(self, out: str) -> None:
        tables = RasterTables(str(self.table("georeferenced")))
        downsample(tables, {GSD_M: 1, 2 * GSD_M: 2}, str(self.results / "rasters"), out, JobWork())

    def _tile(self, out: str) -> None:
        tile_scenes(str(self.table("scaled")), SIZES, str(self.results / "work" / "tile"), out, JobWork())

    def _search(self, out: str) -> None:
        rows = {
            (row.scene, row.scale_m): row for row in Surroundings(RasterTables(str(self.table("scaled")))).group_rows
        }
        tables, work = [TILE_DETECTIONS.empty_table()], JobWork()
        for place, tiles in read_table(self.table("tiles")).groupby(["scene", "scale_m"], sort=True):
            fragments = Fragments(self.results / "work" / "infer", *place)
            with opened_raster(rows[place].path) as source:
                for tile, window in zip(tiles["tile"], windows_of(tiles), strict=True):
                    key = f"row-{tile}"
                    if not fragments.searched(key):
                        fragments.add({key: [tile]}, _detections(place, tile, read_window(source, window)[0]))
                    tables += fragments.read([key])
            work.pieces += [Piece("", fragment.path) for fragment in fragments.fragments]
        write_arrow(pa.concat_tables(tables), out, work.table_metadata)


def _scene(folder: Path, name: str, seed: int) -> PlanRow:
    """A made-up image, as the plan has it; it is the same whenever it is made."""
    path = folder / f"{name}.tif"
    if not path.is_file():
        pixels = np.random.default_rng(seed).integers(1, 255, (HEIGHT, WIDTH), np.uint8)
        profile = dict(driver="GTiff", width=WIDTH, height=HEIGHT, count=1, dtype="uint8", crs=CRS, nodata=0)
        transform = Affine(GSD_M, 0, seed * 50_000, 0, -GSD_M, 10_000)
        with rasterio.open(path, "w", transform=transform, **profile) as sink:
            sink.write(pixels, 1)
    return planned_row(str(path), scene=name)


def _detections(place: tuple[str, float], tile: int, pixels: np.ndarray) -> pa.Table:
    """A detection whose score is the mean of the pixels."""
    box = dict(left=1.0, top=1.0, right=9.0, bottom=9.0, truncated=False)
    row = dict(scene=place[0], scale_m=place[1], tile=tile, score=float(pixels.mean()) / 255) | box
    return pa.Table.from_pylist([row | {"class": "crater"}], TILE_DETECTIONS)


def run_files(results: Path) -> Iterator[Path]:
    """All files of a run but temporary ones and those that tell of its jobs."""
    tells = ("logs", "jobs", "benchmarks", "failures")
    for path in sorted(results.rglob("*")):
        parts = path.relative_to(results).parts
        if path.is_file() and parts[0] not in tells and not any(part.startswith(".") for part in parts):
            yield path


def damage_files(random: Random, results: Path, most: int = MOST_DAMAGES) -> list[str]:
    """Damage up to so many files of a finished run, seals and tables among them; what was done to each."""
    files = list(run_files(results))
    damaged = []
    for path in random.sample(files, random.randint(1, min(most, len(files)))):
        damage = random.choice(DAMAGES)
        path.write_bytes(damage(random, path, files))
        damaged.append(f"{path.relative_to(results)}: {damage.__name__}")
    return damaged


def remove_tables(random: Random, results: Path) -> None:
    """Remove some of a run's tables, so that there is something to be done; a later job may be the only one."""
    for stage in random.sample(STAGES, random.randint(1, len(STAGES))):
        shutil.rmtree(results / stage)


def emptied(random: Random, path: Path, files: list[Path]) -> bytes:
    """Nothing: the name reached the disk, the content did not."""
    return b""


def truncated(random: Random, path: Path, files: list[Path]) -> bytes:
    """The first part."""
    return path.read_bytes()[: random.randrange(path.stat().st_size or 1)]


def truncated_at_a_block(random: Random, path: Path, files: list[Path]) -> bytes:
    """As many whole blocks as reached the disk."""
    block = random.choice((512, 4096))
    return path.read_bytes()[: random.randrange(path.stat().st_size // block + 1) * block]


def with_zero_tail(random: Random, path: Path, files: list[Path]) -> bytes:
    """Its length reached the disk, its last blocks did not."""
    content = path.read_bytes()
    start = random.randrange(len(content) or 1)
    return content[:start] + bytes(len(content) - start)


def with_flipped_bits(random: Random, path: Path, files: list[Path]) -> bytes:
    """Some bits in the middle are others."""
    content = bytearray(path.read_bytes())
    for _ in range(random.randint(1, 3)):
        if content:
            content[random.randrange(len(content))] ^= 1 << random.randrange(8)
    return bytes(content)


def with_garbage(random: Random, path: Path, files: list[Path]) -> bytes:
    """Another file's old blocks."""
    return random.randbytes(path.stat().st_size)


def of_another_file(random: Random, path: Path, files: list[Path]) -> bytes:
    """The content of another file of its kind."""
    return random.choice([file for file in files if file.suffix == path.suffix]).read_bytes()


DAMAGES: tuple[Damage, ...] = (
    emptied, truncated, truncated_at_a_block, with_zero_tail, with_flipped_bits, with_garbage, of_another_file,
)  # fmt: skip
