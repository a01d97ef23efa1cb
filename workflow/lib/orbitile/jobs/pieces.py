"""The pieces of a job's work: made one after another, kept when whole, recorded when they fail."""

import json
import logging
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from orbitile.errors import OrbitileError, reason_of
from orbitile.tables.parquet import read_metadata

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Piece:
    """One piece of a job's work: a scene, or some tiles of it.

    It is finished when `path` exists, whose name holds a key of all that the piece depends on.
    `size` counts what the job is measured in: scenes, or tiles.
    """

    scene: str
    path: Path
    detail: str = ""
    size: int = 1

    def __str__(self) -> str:
        return _where(self.scene, self.detail)


@dataclass(frozen=True)
class Failure:
    """A piece, or a job as a whole, that could not be made: why in one line, and the whole traceback."""

    scene: str
    detail: str
    reason: str
    traceback: str

    @classmethod
    def of(cls, error: Exception, scene: str = "", detail: str = "") -> Self:
        """What an error tells about a piece; about the job as a whole where no scene is named."""
        return cls(scene, detail, reason_of(error), "".join(traceback.format_exception(error)))

    def __str__(self) -> str:
        return _where(self.scene, self.detail)


def _where(scene: str, detail: str) -> str:
    return f"scene {scene}, {detail}" if detail else f"scene {scene}"


class StopError(Exception):
    """The job was told to end (SIGTERM); finished pieces are kept."""


@dataclass
class Progress:
    """How far a job is, in pieces and in what they are measured in; `figures` are the stage's own, by name and unit."""

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
class Work:
    """A job's work on its pieces; `tell` is called with the progress after each of them."""

    allow_failures: bool = False
    tell: Callable[[Progress], None] = lambda progress: None
    progress: Progress = field(default_factory=Progress)
    failures: list[Failure] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)
    stopping: bool = False
    inside_a_piece: bool = False

    def each(self, pieces: Sequence[Piece], make: Callable[[Piece], None], unit: str = "scenes") -> list[Piece]:
        """Make the pieces that are not there yet, and return those that are there in the end.

        A piece that fails is recorded and the others are made; OrbitileError at the end where
        failures are not allowed. StopError after the current piece if the job was told to end.
        """
        missing = [piece for piece in pieces if not piece.path.is_file()]
        sizes = [sum(piece.size for piece in some) for some in (pieces, missing)]
        self.begin(
            Progress(unit, len(pieces), len(pieces) - len(missing), size=sizes[0], size_before=sizes[0] - sizes[1])
        )
        for piece in missing:
            self._attempt(piece, make)
            if piece is not missing[-1]:
                self.go_on()
        failed = {(failure.scene, failure.detail) for failure in self.failures}
        self.finish([piece for piece in pieces if (piece.scene, piece.detail) not in failed])
        return self.pieces

    def begin(self, progress: Progress) -> None:
        """Say what is to be done, and what of it is done already."""
        self.progress = progress
        if progress.pieces_before:
            of_them = f" ({progress.size_before} of {progress.size} {progress.unit})"
            log.info(
                "%d of %d pieces already done%s", progress.pieces_before, progress.pieces,
                of_them if progress.size != progress.pieces else "",
            )  # fmt: skip
        self.tell(progress)

    def made(self, size: int, pieces: int = 1) -> None:
        """Count pieces that are there; none for a part of one."""
        self.progress.pieces_done += pieces
        self.progress.size_done += size
        self.tell(self.progress)

    def failed(self, failure: Failure, error: Exception) -> None:
        """Record a piece that could not be made."""
        self.failures.append(failure)
        self.progress.pieces_failed += 1
        log.error("%s failed: %s", failure, failure.reason)
        if not isinstance(error, OrbitileError):
            log.debug("%s", failure.traceback)
        self.tell(self.progress)

    def go_on(self) -> None:
        """StopError if the job was told to end."""
        if self.stopping:
            raise StopError(f"{self.progress.pieces_done} of {self.progress.pieces_missing} pieces made, and kept")

    def finish(self, pieces: list[Piece]) -> None:
        """Keep which pieces there are in the end; OrbitileError where some failed and may not."""
        if self.failures and not self.allow_failures:
            raise OrbitileError(self._explain())
        self.pieces = pieces

    @property
    def account(self) -> dict[str, str]:
        """The metadata of the job's table: which pieces it is made of, and which were left out."""
        excluded = [dict(scene=f.scene, detail=f.detail, reason=f.reason) for f in self.failures]
        return {"pieces": json.dumps([str(piece.path) for piece in self.pieces]), "exclusions": json.dumps(excluded)}

    def stop(self) -> None:
        """End after the current piece, or at once between pieces. At its time limit Slurm says so twice."""
        if self.stopping:
            return
        self.stopping = True
        if not self.inside_a_piece:
            raise StopError("nothing of it is left half done")

    def _attempt(self, piece: Piece, make: Callable[[Piece], None]) -> None:
        try:
            with self.inside():
                make(piece)
        except StopError:
            raise
        except Exception as error:
            self.failed(Failure.of(error, piece.scene, piece.detail), error)
        else:
            self.made(piece.size)

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Inside a piece: a job told to stop goes on until `go_on` is asked."""
        self.inside_a_piece = True
        try:
            yield
        finally:
            self.inside_a_piece = False

    def _explain(self) -> str:
        first, count = self.failures[0], f"{len(self.failures)} of {self.progress.pieces} pieces"
        return f"{count} failed, the others are kept; first: scene {first.scene}: {first.reason}"


def exclusions(tables: Sequence[str | Path]) -> list[dict[str, str]]:
    """What jobs left out of their tables, as dicts of scene, detail and reason, sorted."""
    found = [one for path in tables for one in json.loads(read_metadata(path).get("exclusions", "[]"))]
    return sorted(found, key=lambda one: (one["scene"], one["detail"]))


def pieces_of(table: str | Path) -> list[str]:
    """The pieces a table is made of."""
    return json.loads(read_metadata(table).get("pieces", "[]"))
