"""Pictures of the scenes of a group, the pieces of a job, and the list of them, a manifest."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from orbitile.base.files import write_json
from orbitile.base.manifests import listed_files
from orbitile.jobs.pieces import JobWork, Piece
from orbitile.pictures.scene_picture import picture_key


class SceneDrawing(Protocol):
    """What is drawn of a scene."""

    @property
    def key(self) -> str:
        """Changes with all that the picture depends on."""

    def draw(self, out: Path) -> None:
        """Write it as a PNG that holds its key."""


@dataclass(frozen=True)
class PicturePiece(Piece):
    """A picture, which is finished when it holds its key: what people look at has no seals beside it."""

    key: str = ""

    @property
    def is_finished(self) -> bool:
        """Whether the picture is there, drawn by the same as now."""
        return picture_key(self.path) == self.key

    def seal(self) -> None:
        """The picture holds its key already."""


def draw_scenes(drawings: Mapping[str, SceneDrawing], out: str, work: JobWork) -> None:
    """Draw scenes, by their names, as PNGs beside their list `out`, which is a manifest (see orbitile.base.manifests).

    A scene that fails is recorded, and the others are drawn; OrbitileError in the end.
    """
    folder = Path(out).parent
    pieces = [PicturePiece(scene, folder / f"{scene}.png", key=drawing.key) for scene, drawing in drawings.items()]
    work.make_pieces(pieces, lambda piece: drawings[piece.scene].draw(piece.path))
    write_json(out, dict(files=listed_files(folder, [piece.path.name for piece in work.pieces])))
