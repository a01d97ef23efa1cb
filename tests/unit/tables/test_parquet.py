import errno

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from orbitile.base.errors import OrbitileError
from orbitile.tables.parquet import read_arrow, read_metadata, write_arrow

TABLE = pa.table(dict(number=list(range(1000)), text=[f"text {number}" for number in range(1000)]))


@pytest.fixture
def path(tmp_path):
    write_arrow(TABLE, tmp_path / "a.parquet", dict(key="value"))
    return tmp_path / "a.parquet"


def test_what_is_written_is_read(path):
    assert read_arrow(path).equals(TABLE)
    assert read_metadata(path) == dict(key="value")


@pytest.mark.parametrize("content", [b"", b"PAR1", b"x" * 100, bytes(5000)])
@pytest.mark.parametrize("read", [read_arrow, read_metadata])
def test_a_damaged_table_counts_as_missing(path, content, read):
    path.write_bytes(content)
    with pytest.raises(OrbitileError, match=r"a\.parquet: not a readable table .*; it was removed, run again"):
        read(path)
    assert not path.exists()


def test_every_flipped_byte_of_the_columns_is_noticed(path):
    content = path.read_bytes()
    metadata = pq.read_metadata(path)
    columns = [metadata.row_group(0).column(number) for number in range(2)]
    for column in columns:
        start = column.dictionary_page_offset or column.data_page_offset
        for place in range(start, start + column.total_compressed_size, 97):
            damaged = bytearray(content)
            damaged[place] ^= 0x10
            path.write_bytes(damaged)
            try:
                table = read_arrow(path)
            except OrbitileError:
                continue
            assert table.equals(TABLE), place  # some bytes of a page's header mean nothing


def test_a_table_stays_where_the_disk_is_at_fault(path, monkeypatch):
    def fail(*_, **__):
        raise OSError(errno.ESTALE, "Stale file handle")

    monkeypatch.setattr(pq, "ParquetFile", fail)
    with pytest.raises(OrbitileError, match="Stale file handle"):
        read_arrow(path)
    assert path.exists()
