"""The data bands of an image: their numbers, names and data types."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import rasterio
from rasterio.enums import ColorInterp

from orbitile.rasters.encodings import band_encoding

UNDEFINED = "undefined"
NOT_A_COLOUR = (UNDEFINED, "gray", "palette")
"""Colour interpretations that name no band: nearly every image of one band has one of them."""


@dataclass(frozen=True)
class DataBand:
    """A band of an image: its number from 1, the data type of its brightness (NumPy's name) and its nodata value.

    `description` is what the file calls it, `role` GDAL's colour interpretation in small letters: red, gray, nir,
    undefined ... A band whose values may mean several things has a `fault`: what is unclear, and the way out.
    """

    number: int
    dtype: str
    nodata: float | None
    description: str = ""
    role: str = UNDEFINED
    fault: str = ""

    @property
    def name(self) -> str:
        """Its description, else its colour, else nothing."""
        return self.description or ("" if self.role in NOT_A_COLOUR else self.role)

    @property
    def keywords(self) -> set[str]:
        """The words, in small letters, by which it may be chosen."""
        return {self.description.casefold(), self.role} - {"", UNDEFINED}

    def __str__(self) -> str:
        word = self.description or (self.role if self.role != UNDEFINED else "")
        return f"{self.number} {word}".rstrip()


def data_bands(source: rasterio.DatasetReader) -> tuple[DataBand, ...]:
    """The bands of an image that hold data: all but alpha bands."""
    roles = enumerate(source.colorinterp, start=1)
    return tuple(_data_band(source, number) for number, role in roles if role != ColorInterp.alpha)


def _data_band(source: rasterio.DatasetReader, number: int) -> DataBand:
    place, encoding = number - 1, band_encoding(source, number)
    nodata = source.nodatavals[place] if encoding.is_plain else None
    description, role = (source.descriptions[place] or "").strip(), source.colorinterp[place].name.lower()
    return DataBand(number, encoding.dtype, nodata, description, role, encoding.fault)


def joint_dtype(bands: Sequence[DataBand]) -> str:
    """The data type of all bands; of several types, the smallest that holds the values of all."""
    return join_types(band.dtype for band in bands)


def joint_nodata(bands: Sequence[DataBand]) -> float | None:
    """The nodata value that all bands share; None where they have none, or different ones."""
    return join_nodata(band.nodata for band in bands)


def join_types(names: Iterable[str]) -> str:
    """The smallest data type (NumPy's name) that holds the values of all types named."""
    distinct = sorted(set(names))
    return distinct[0] if len(distinct) == 1 else np.result_type(*distinct).name


def join_nodata(values: Iterable[float | None]) -> float | None:
    """The nodata value, if all are the same (NaN, too); else None."""
    first, *further = [None if value is None else float(value) for value in values]
    return first if {repr(value) for value in further} <= {repr(first)} else None
