"""Hashes of what tables hold: the same for the same rows, whatever their order, partition and file format."""

import hashlib
import itertools
from collections.abc import Iterable, Sequence
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

DIGEST_BYTES = 32
MODULUS = 2 ** (8 * DIGEST_BYTES)
WORDS_PER_DIGEST = 8
TEXT_LENGTH = "<u4"


class ContentHash(int):
    """The sum, modulo 2^256, of the SHA-256 of every row: a hash of a set of rows that may hold rows several times.

    It tells accidents, not forgeries: whoever may choose many rows can find others with the same sum (Bellare and
    Micciancio, 1997).
    """

    @classmethod
    def of_digests(cls, digests: Sequence[bytes]) -> Self:
        """The sum of digests of 32 bytes."""
        words = np.frombuffer(b"".join(digests), "<u4").reshape(-1, WORDS_PER_DIGEST).sum(axis=0, dtype=np.uint64)
        return cls(sum(int(word) << (32 * place) for place, word in enumerate(words)) % MODULUS)

    @classmethod
    def joined(cls, hashes: Iterable[int]) -> Self:
        """The hash of all rows of several tables."""
        return cls(sum(hashes) % MODULUS)

    @property
    def text(self) -> str:
        """64 hexadecimal digits."""
        return f"{int(self):064x}"


def content_hash(table: pa.Table, schema: pa.Schema) -> ContentHash:
    """The hash of a table's rows, of the columns of a schema: numbers, truth values, texts and shapes without nulls.

    A row's bytes are its numbers in the order of the schema, little-endian, truth values as a byte; then its texts in
    UTF-8, each after its length in bytes (four of them); then its binary values, which are the shapes.
    """
    rows, suffixes, shapes = _numbers(table, schema), _texts(table, schema), _binary_values(table, schema)
    return ContentHash.of_digests(
        [hashlib.sha256(b"".join(parts)).digest() for parts in zip(rows, suffixes, shapes, strict=True)]
    )


def _numbers(table: pa.Table, schema: pa.Schema) -> list[bytes]:
    """The numbers of each row (n), as bytes."""
    fields = [field for field in schema if not pa.types.is_string(field.type) and not pa.types.is_binary(field.type)]
    layout = np.dtype([(field.name, _number_type(field.type)) for field in fields])
    records = np.zeros(len(table), layout)
    for field in fields:
        records[field.name] = table[field.name].to_numpy()
    return records.view(f"V{layout.itemsize}").tolist()


def _number_type(arrow_type: pa.DataType) -> np.dtype:
    return np.dtype(np.uint8) if pa.types.is_boolean(arrow_type) else np.dtype(arrow_type.to_pandas_dtype())


def _texts(table: pa.Table, schema: pa.Schema) -> list[bytes]:
    """The texts of each row (n), as bytes: few different ones, each put together once."""
    names = [field.name for field in schema if pa.types.is_string(field.type)]
    codes, suffixes = np.zeros(len(table), np.int64), [b""]
    for name in names:
        column = pc.dictionary_encode(table[name].cast(pa.string())).combine_chunks()
        texts = [_with_length(text) for text in column.dictionary.to_pylist()]
        codes = codes * len(texts) + column.indices.to_numpy()
        suffixes = [before + text for before in suffixes for text in texts]
    return [suffixes[code] for code in codes.tolist()]


def _binary_values(table: pa.Table, schema: pa.Schema) -> Iterable[bytes]:
    """The binary values of each row (n), without their lengths: those of shapes follow from their first bytes."""
    names = [field.name for field in schema if pa.types.is_binary(field.type)]
    if not names:
        return itertools.repeat(b"", len(table))
    return map(b"".join, zip(*(table[name].to_pylist() for name in names), strict=True))


def _with_length(text: str) -> bytes:
    encoded = text.encode()
    return np.array(len(encoded), TEXT_LENGTH).tobytes() + encoded
