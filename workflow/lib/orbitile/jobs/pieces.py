"""The pieces of a job's work: made one after another, kept when complete, recorded when they fail."""

import json
import logging
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from orbitile.base.errors import OrbitileError, reason_of
from orbitile.base.seals import find_damage, seal_path, write_seal
from orbitile.tables.parquet import read_metadata

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Piece:
    """One piece of a job's work: a scene, or some tiles of it.

    It is finished when `path`, whose name holds a key of everything that the piece depends on, is as it was sealed,
    and so are those of the `others` that are made with it. `size` counts it in the unit of the job's progress: scenes,
    or tiles.
    """

    scene: str
    path: Path
    detail: str = ""
    size: int = 1
    others: tuple[Path, ...] = ()

    def __str__(self) -> str:
        return _scene_part(self.scene, self.detail)

    @property
    def is_finished(self) -> bool:
        """Whether all its files are as they were finished; a line in the log where they were, but are no longer."""
        damage = find_damage(self.path)
        if damage and (self.path.exists() or seal_path(self.path).exists()):
            log.warning("%s: %s; it counts as missing and is made again", self, damage)
        return damage is None

    def seal(self) -> None:
        """Seal its files: it counts as finished from now on."""
        write_seal(self.path, [file for file in self.others if file.is_file()])


@dataclass(frozen=True)
class Failure:
    """A piece that failed, or a job as a whole: the reason in one line, and the traceback."""

    scene: str
    detail: str
    reason: str
    traceback: str

    @classmethod
    def of(cls, error: Exception, scene: str = "", detail: str = "") -> Self:
        """The failure of a piece by an error; of the job as a whole where no scene is named."""
        return cls(scene, detail, reason_of(error), "".join(traceback.format_exception(error)))

    def __str__(self) -> str:
        return _scene_part(self.scene, self.detail)


def _scene_part(scene: str, detail: str) -> str:
    return f"scene {scene}, {detail}" if detail else f"scene {scene}"


class StopError(Exception):
    """The job was stopped by SIGTERM; its finished pieces are kept."""


@dataclass
class JobProgress:
    """How far a job is: in pieces, and as their size in a unit (scenes or tiles).

    `pieces_before` and `size_before` were finished before this attempt. `figures` are the stage's, by name and unit.
    """

    unit: str = ""
    pieces: int = 0
    pieces_before: int = 0
    pieces_done: int = 0
    pieces_failed: int = 0
    size: int = 0
    size_before: int = 0
    size_done: int = 0
    figures: dict[str, float] = field(default_factory=dict)

    @property
    def pieces_missing(self) -> int:
        """How many pieces were to be made when the attempt began."""
        return self.pieces - self.pieces_before


@dataclass
class JobWork:
    """A job's work on its pieces; `report_progress` is called with the progress after each of them."""

    allow_failures: bool = False
    report_progress: Callable[[JobProgress], None] = lambda progress: None
    progress: JobProgress = field(default_factory=JobProgress)
    failures: list[Failure] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)
    is_stopping: bool = False
    is_inside_piece: bool = False

    def make_pieces(self, pieces: Sequence[Piece], make: Callable[[Piece], None], unit: str = "scenes") -> list[Piece]:
        """Make the pieces that do not exist yet, and return all that exist in the end.

        A piece that fails is recorded and the others are made; OrbitileError at the end where
        failures are not allowed. StopError after the current piece if the job was stopped.
        """
        missing = [piece for piece in pieces if not piece.is_finished]
        size = sum(piece.size for piece in pieces)
        size_before = size - sum(piece.size for piece in missing)
        self.begin(JobProgress(unit, len(pieces), len(pieces) - len(missing), size=size, size_before=size_before))
        for piece in missing:
            self._attempt(piece, make)
            if piece is not missing[-1]:
                self.check_stop()
        failed = {(failure.scene, failure.detail) for failure in self.failures}
        self.finish([piece for piece in pieces if (piece.scene, piece.detail) not in failed])
        return self.pieces

    def begin(self, progress: JobProgress) -> None:
        """Set how much is to be done, and how much was finished before."""
        self.progress = progress
        if progress.pieces_before:
            in_units = f" ({progress.size_before} of {progress.size} {progress.unit})"
            log.info(
                "%d of %d pieces already done%s", progress.pieces_before, progress.pieces,
                in_units if progress.size != progress.pieces else "",
            )  # fmt: skip
        self.report_progress(progress)

    def record_made(self, size: int, pieces: int = 1) -> None:
        """Count finished pieces and their size; `pieces` is 0 for a part of a piece."""
        self.progress.pieces_done += pieces
        self.progress.size_done += size
        self.report_progress(self.progress)

    def record_failure(self, failure: Failure, error: Exception) -> None:
        """Record a piece that failed."""
        self.failures.append(failure)
        self.progress.pieces_failed += 1
        log.error("%s failed: %s", failure, failure.reason)
        if not isinstance(error, OrbitileError):
            log.debug("%s", failure.traceback)
        self.report_progress(self.progress)

    def check_stop(self) -> None:
        """StopError if the job was stopped."""
        if self.is_stopping:
            raise StopError(f"{self.progress.pieces_done} of {self.progress.pieces_missing} pieces finished and kept")

    def finish(self, pieces: list[Piece]) -> None:
        """Set the pieces that exist in the end; OrbitileError where a piece failed and failures are not allowed."""
        if self.failures and not self.allow_failures:
            raise OrbitileError(self._explain())
        self.pieces = pieces

    @property
    def table_metadata(self) -> dict[str, str]:
        """The metadata of the job's table, as JSON: which pieces it is made of, and which were left out."""
        excluded = [dict(scene=f.scene, detail=f.detail, reason=f.reason) for f in self.failures]
        return {"pieces": json.dumps([str(piece.path) for piece in self.pieces]), "exclusions": json.dumps(excluded)}

    def stop(self) -> None:
        """End after the current piece, or at once between pieces. At the time limit Slurm sends SIGTERM twice."""
        if self.is_stopping:
            return
        self.is_stopping = True
        if not self.is_inside_piece:
            raise StopError("no piece was in progress")

    def _attempt(self, piece: Piece, make: Callable[[Piece], None]) -> None:
        try:
            with self.inside_piece():
                make(piece)
                piece.seal()
        except StopError:
            raise
        except Exception as error:
            self.record_failure(Failure.of(error, piece.scene, piece.detail), error)
        else:
            self.record_made(piece.size)

    @contextmanager
    def inside_piece(self) -> Iterator[None]:
        """Mark that a piece is being made: SIGTERM does not interrupt it; `check_stop` does."""
        self.is_inside_piece = True
        try:
            yield
        finally:
            self.is_inside_piece = False

    def _explain(self) -> str:
        first, count = self.failures[0], f"{len(self.failures)} of {self.progress.pieces} pieces"
        return f"{count} failed, the others are kept; first: scene {first.scene}: {first.reason}"


def read_exclusions(tables: Sequence[str | Path]) -> list[dict[str, str]]:
    """What jobs left out of their tables, as dicts of scene, detail and reason, sorted."""
    excluded = [piece for path in tables for piece in json.loads(read_metadata(path).get("exclusions", "[]"))]
    return sorted(excluded, key=lambda piece: (piece["scene"], piece["detail"]))


def table_pieces(table: str | Path) -> list[str]:
    """The paths of the pieces that a table is made of."""
    return json.loads(read_metadata(table).get("pieces", "[]"))
