"""Arrow tables on disk: written completely or not at all, read with one-line errors."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from orbitile.base.errors import OrbitileError, first_line
from orbitile.base.files import atomic


def write_table(
    frame: pd.DataFrame, schema: pa.Schema, path: str | Path, metadata: dict[str, str] | None = None
) -> None:
    """Write a data frame in a schema, with metadata of the table; other columns are left out."""
    write_arrow(pa.Table.from_pandas(frame[schema.names], schema, preserve_index=False), path, metadata)


def write_arrow(table: pa.Table, path: str | Path, metadata: dict[str, str] | None = None) -> None:
    """Write an Arrow table, with metadata of the table."""
    with atomic(path) as temporary:
        pq.write_table(table.replace_schema_metadata(metadata), temporary)


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a table as a data frame; OrbitileError for a file that is no readable table."""
    return read_arrow(path).to_pandas()


def read_arrow(path: str | Path) -> pa.Table:
    """Read a table as an Arrow table; OrbitileError for a file that is no readable table."""
    with _explained(path):
        return pq.read_table(path)


def read_metadata(path: str | Path) -> dict[str, str]:
    """Read the metadata of a table; OrbitileError for a file that is no readable table."""
    with _explained(path):
        metadata = pq.read_schema(path).metadata or {}
    return {name.decode(): value.decode() for name, value in metadata.items()}


@contextmanager
def _explained(path: str | Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise OrbitileError(f"{path}: not a readable table ({first_line(error)}); delete it and run again") from error


def read_pieces(paths: Sequence[str | Path], schema: pa.Schema) -> pd.DataFrame:
    """Read tables of one schema into one, in their order; without tables, an empty one."""
    return concat_tables([read_table(path) for path in paths], schema)


def concat_tables(frames: Sequence[pd.DataFrame], schema: pa.Schema) -> pd.DataFrame:
    """One frame of several of one schema, in their order; an empty one where they have no rows."""
    non_empty = [frame for frame in frames if len(frame)]
    return pd.concat(non_empty, ignore_index=True) if non_empty else schema.empty_table().to_pandas()
