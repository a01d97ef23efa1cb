"""The pieces that tables name are there and as they were finished, or the tables count as missing."""

from collections.abc import Iterable
from pathlib import Path

from orbitile.base.errors import OrbitileError
from orbitile.base.seals import find_damage, seal_path
from orbitile.pipeline import TABLE_FOLDERS, WORK_FOLDERS


def check_pieces(table: str | Path, pieces: Iterable[str | Path]) -> None:
    """OrbitileError where a piece that a table of a group names is missing, or no longer as it was sealed.

    The tables of the group that name it are removed then, so that the next run makes the piece and them again.
    """
    for piece in map(Path, pieces):
        damage = f"{piece} is missing" if not piece.is_file() else seal_path(piece).is_file() and find_damage(piece)
        if damage:
            for path in {Path(table), *_tables_of(piece, Path(table))}:
                path.unlink(missing_ok=True)
            raise OrbitileError(f"{table}: its file {damage}; the table was removed, run again to have both made again")


def _tables_of(piece: Path, table: Path) -> list[Path]:
    """The group's tables of the rules whose work folder a piece lies in; it lies in a folder of its scene there."""
    results, work_folder = table.parent.parent, piece.parent.parent.name
    rules = [rule for rule, folder in WORK_FOLDERS.items() if Path(folder).name == work_folder]
    return [results / TABLE_FOLDERS[rule] / table.name for rule in rules]
