import hashlib
import struct

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orbitile.tables.content_hash import MODULUS, ContentHash, content_hash
from orbitile.tables.detections import DETECTIONS

SCHEMA = pa.schema([("scene", pa.string()), ("lon", pa.float64()), ("score", pa.float32()), ("tile", pa.int64()),
                    ("truncated", pa.bool_()), ("class", pa.string())])  # fmt: skip
ROWS = [("a", 1.5, 0.25, 7, True, "crater"), ("ä", -0.0, 0.5, -1, False, "crater"), ("a", 1.5, 0.25, 7, True, "cone")]


def table(rows, schema=SCHEMA):
    return pa.table([list(column) for column in zip(*rows, strict=True)], schema=schema)


def by_definition(rows):
    """The sum of the digests of all rows, one by one."""
    total = 0
    for scene, lon, score, tile, truncated, name in rows:
        row = struct.pack("<dfqB", lon, score, tile, truncated)
        for text in (scene, name):
            row += struct.pack("<I", len(text.encode())) + text.encode()
        total += int.from_bytes(hashlib.sha256(row).digest(), "little")
    return f"{total % 2**256:064x}"


def test_the_definition():
    assert content_hash(table(ROWS), SCHEMA).text == by_definition(ROWS)
    assert len(by_definition(ROWS)) == 64


def test_no_rows():
    assert content_hash(SCHEMA.empty_table(), SCHEMA) == 0
    assert ContentHash.joined([]).text == 64 * "0"


@settings(max_examples=30)
@given(st.lists(st.sampled_from(ROWS), max_size=8), st.integers(0, 8), st.randoms())
def test_order_and_partition_do_not_matter_but_numbers_of_rows_do(rows, cut, random):
    expected = content_hash(table(rows or ROWS), SCHEMA)
    rows = list(rows or ROWS)
    random.shuffle(rows)
    parts = [content_hash(table(part), SCHEMA) for part in (rows[:cut], rows[cut:]) if part]
    assert ContentHash.joined(parts) == expected
    assert ContentHash.joined([*parts, content_hash(table(rows[:1]), SCHEMA)]) != expected


@pytest.mark.parametrize("name", DETECTIONS.names)
def test_every_column_counts(detections, name):
    frame = detections([0, 1], 0, 5000, [0.9, 0.8])
    other = frame.copy()
    value = other[name][0]
    other[name] = [f"{value}x" if isinstance(value, str) else not value if isinstance(value, np.bool_) else value + 1,
                   other[name][1]]  # fmt: skip
    first, second = (
        content_hash(pa.Table.from_pandas(rows[DETECTIONS.names], DETECTIONS, preserve_index=False), DETECTIONS)
        for rows in (frame, other)
    )
    assert first != second


def test_dictionaries_are_texts():
    coded = table(ROWS).set_column(0, "scene", table(ROWS)["scene"].dictionary_encode())
    assert content_hash(coded, SCHEMA) == content_hash(table(ROWS), SCHEMA)


def test_sums_stay_below_the_modulus():
    assert ContentHash.joined([MODULUS - 1, 2]) == 1
    assert ContentHash.of_digests([b"\xff" * 32, b"\x02" + b"\0" * 31]) == 1
