"""The pieces of a job's work: made one after another, kept when whole, recorded when they fail."""

import json
import logging
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pyarrow.parquet as pq

from orbitile.errors import OrbitileError, reason_of

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
        return f"scene {self.scene}" + (f", {self.detail}" if self.detail else "")


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


class StopError(Exception):
    """The job was told to end (SIGTERM); finished pieces are kept."""


@dataclass
class Progress:
    """How far a job is, in pieces and in what they are measured in."""

    unit: str = ""
    pieces: int = 0
    pieces_before: int = 0
    pieces_done: int = 0
    pieces_failed: int = 0
    size: int = 0
    size_before: int = 0
    size_done: int = 0


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
        missing = self._count(pieces, unit)
        for piece in missing:
            if self.stopping:
                raise StopError(f"{self.progress.pieces_done} of {len(missing)} pieces made, and kept")
            self._attempt(piece, make)
            self.tell(self.progress)
        if self.failures and not self.allow_failures:
            raise OrbitileError(self._explain(len(pieces)))
        failed = {(failure.scene, failure.detail) for failure in self.failures}
        self.pieces = [piece for piece in pieces if (piece.scene, piece.detail) not in failed]
        return self.pieces

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

    def _count(self, pieces: Sequence[Piece], unit: str) -> list[Piece]:
        """Say what is already done, and return the rest."""
        missing = [piece for piece in pieces if not piece.path.is_file()]
        sizes = [sum(piece.size for piece in some) for some in (pieces, missing)]
        before = len(pieces) - len(missing)
        self.progress = Progress(unit, len(pieces), before, size=sizes[0], size_before=sizes[0] - sizes[1])
        if before:
            of_them = f" ({sizes[0] - sizes[1]} of {sizes[0]} {unit})" if sizes[0] != len(pieces) else ""
            log.info("%d of %d pieces already done%s", before, len(pieces), of_them)
        self.tell(self.progress)
        return missing

    def _attempt(self, piece: Piece, make: Callable[[Piece], None]) -> None:
        try:
            with self._inside():
                make(piece)
            self.progress.pieces_done += 1
            self.progress.size_done += piece.size
        except StopError:
            raise
        except Exception as error:
            failure = Failure.of(error, piece.scene, piece.detail)
            self.failures.append(failure)
            self.progress.pieces_failed += 1
            log.error("%s failed: %s", piece, failure.reason)
            if not isinstance(error, OrbitileError):
                log.debug("%s", failure.traceback)

    @contextmanager
    def _inside(self) -> Iterator[None]:
        self.inside_a_piece = True
        try:
            yield
        finally:
            self.inside_a_piece = False

    def _explain(self, pieces: int) -> str:
        first = self.failures[0]
        return (
            f"{len(self.failures)} of {pieces} pieces failed, the others are kept; first: scene {first.scene}: "
            f"{first.reason}"
        )


def exclusions(tables: Sequence[str | Path]) -> list[dict[str, str]]:
    """What jobs left out of their tables, as dicts of scene, detail and reason, sorted."""
    found = [one for path in tables for one in json.loads(_metadata(path, "exclusions"))]
    return sorted(found, key=lambda one: (one["scene"], one["detail"]))


def pieces_of(table: str | Path) -> list[str]:
    """The pieces a table is made of."""
    return json.loads(_metadata(table, "pieces"))


def _metadata(path: str | Path, name: str) -> str:
    return (pq.read_schema(path).metadata or {}).get(name.encode(), b"[]").decode()
