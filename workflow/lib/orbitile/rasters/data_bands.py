"""The data bands of an image: their numbers, names and data types."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import rasterio
from rasterio.enums import ColorInterp

UNDEFINED = "undefined"
NOT_A_COLOUR = (UNDEFINED, "gray", "palette")
"""Colour interpretations that name no band: nearly every image of one band has one of them."""


@dataclass(frozen=True)
class DataBand:
    """A band of an image: its number from 1, its data type (NumPy's name) and nodata value.

    `description` is what the file calls it, `role` GDAL's colour interpretation in small letters: red, gray, nir,
    undefined ...
    """

    number: int
    dtype: str
    nodata: float | None
    description: str = ""
    role: str = UNDEFINED

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
    properties = zip(source.dtypes, source.nodatavals, source.descriptions, source.colorinterp, strict=True)
    return tuple(
        DataBand(number, dtype, nodata, (description or "").strip(), role.name.lower())
        for number, (dtype, nodata, description, role) in enumerate(properties, start=1)
        if role != ColorInterp.alpha
    )


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
