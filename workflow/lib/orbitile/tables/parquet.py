"""Arrow tables on disk: written completely or not at all, read with one-line errors."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from orbitile.base.errors import OrbitileError, first_line
from orbitile.base.files import atomic

if TYPE_CHECKING:
    import pandas as pd


def write_table(
    frame: "pd.DataFrame", schema: pa.Schema, path: str | Path, metadata: dict[str, str] | None = None
) -> None:
    """Write a data frame in a schema, with metadata of the table; other columns are left out."""
    write_arrow(pa.Table.from_pandas(frame[schema.names], schema, preserve_index=False), path, metadata)


def write_arrow(table: pa.Table, path: str | Path, metadata: dict[str, str] | None = None) -> None:
    """Write an Arrow table, with metadata of the table."""
    with atomic(path) as temporary:
        pq.write_table(table.replace_schema_metadata(metadata), temporary, write_page_checksum=True)


def read_table(path: str | Path) -> "pd.DataFrame":
    """Read a table as a data frame; OrbitileError for a file that is no readable table."""
    return read_arrow(path).to_pandas()


def read_arrow(path: str | Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a table, or columns of it, as an Arrow table; OrbitileError for a file that is no readable table."""
    with explained_damage(path), pq.ParquetFile(path, page_checksum_verification=True) as file:
        return file.read(columns)  # in half of the time of pq.read_table


def read_metadata(path: str | Path) -> dict[str, str]:
    """Read the metadata of a table; OrbitileError for a file that is no readable table."""
    with explained_damage(path):
        metadata = pq.read_schema(path).metadata or {}
    return {name.decode(): value.decode() for name, value in metadata.items()}


def count_rows(path: str | Path) -> int:
    """The number of rows of a table, from its metadata; OrbitileError for a file that is no readable table."""
    with explained_damage(path):
        return pq.read_metadata(path).num_rows


@contextmanager
def explained_damage(path: str | Path) -> Iterator[None]:
    """Explain errors on reading a table of the run. A damaged one is removed: it counts as missing from now on."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        if getattr(error, "errno", None):  # the disk or the network is at fault, not what is on it
            raise OrbitileError(f"{path}: not a readable table ({first_line(error)}); run again") from error
        Path(path).unlink(missing_ok=True)
        raise OrbitileError(
            f"{path}: not a readable table ({first_line(error)}); it was removed, run again to have it made again"
        ) from error


def read_pieces(paths: Sequence[str | Path], schema: pa.Schema) -> "pd.DataFrame":
    """Read tables of one schema into one, in their order; without tables, an empty one."""
    return concat_tables([read_table(path) for path in paths], schema)


def concat_tables(frames: "Sequence[pd.DataFrame]", schema: pa.Schema) -> "pd.DataFrame":
    """One frame of several of one schema, in their order; an empty one where they have no rows."""
    import pandas as pd

    non_empty = [frame for frame in frames if len(frame)]
    return pd.concat(non_empty, ignore_index=True) if non_empty else schema.empty_table().to_pandas()
