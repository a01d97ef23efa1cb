"""Bands of the rasters from which networks learn."""

from collections.abc import Mapping, Sequence
from typing import Any

from orbitile.base.errors import OrbitileError
from orbitile.rasters.read import Channels, band_names, opened_raster
from orbitile.tables.rasters import RasterRow


def band_channels(bands: int) -> Channels:
    """What to read of a raster of so many bands: 1 of one, so that pixels are (rows, columns), else 1, 2 ... of all."""
    return 1 if bands == 1 else range(1, bands + 1)


def common_bands(rows: Sequence[RasterRow]) -> int:
    """The number of bands that all rasters have; OrbitileError where they differ."""
    scenes = {row.bands: row.scene for row in rows}
    if len(scenes) > 1:
        counts = ", ".join(f"{scene} has {bands}" for bands, scene in sorted(scenes.items()))
        raise OrbitileError(
            f"training: all scenes must have the same number of bands, but {counts}; "
            "name as many for each in the scene table's column bands"
        )
    return next(iter(scenes), 1)


def read_band_labels(path: str) -> tuple[str, ...]:
    """The names of a raster's bands; the number, counted from 1, of one without a name."""
    with opened_raster(path) as source:
        return tuple(name or str(number) for number, name in enumerate(band_names(source), 1))


def bands_to_state(path: str) -> dict[str, list[str]]:
    """What weights state of the bands of the rasters that they learn from, by the path of one; {} without names."""
    with opened_raster(path) as source:
        names = band_names(source)
    is_named = len(names) > 1 and all(names) and len({name.casefold() for name in names}) == len(names)
    return dict(bands=list(names)) if is_named else {}


def pixels_text(names: Sequence[str], purpose: Mapping[str, Any]) -> str:
    """The pixels of tiles in words, for model cards, from the names of their bands and how they were stretched."""
    values = purpose.get("stretch_values")
    if len(names) == 1:
        return f"8-bit grey by the {'stretch of each scene' if values is None else f'stretch_values {_listed(values)}'}"
    how = "each by its stretch in each scene" if values is None else f"by the stretch_values {_listed(values)}"
    return f"{len(names)} bands ({', '.join(names)}) of 8 bit, {how}"


def _listed(values: Sequence) -> str:
    return "[" + ", ".join(_listed(v) if isinstance(v, list | tuple) else f"{v:g}" for v in values) + "]"
