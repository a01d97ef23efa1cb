"""Crater tables of any origin: positions and diameters, under the usual column names."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from orbitile.base.errors import OrbitileError, first_line
from orbitile.space.ground import wrap_longitude

LON = ("lon", "lon_deg", "lon_deg_e", "lon_deg_e360", "longitude", "x_lon")
LAT = ("lat", "lat_deg", "lat_deg_n", "latitude", "y_lat")
DIAMETER = {"diameter_km": 1000.0, "diam_km": 1000.0, "diameter_m": 1.0, "diam_m": 1.0}


@dataclass(frozen=True)
class Craters:
    """Craters as arrays (n): degrees east (-180..180), degrees north (planetocentric), metres."""

    lon: np.ndarray
    lat: np.ndarray
    diameter_m: np.ndarray

    def __len__(self) -> int:
        return len(self.lon)

    def select(self, chosen: np.ndarray) -> "Craters":
        """The craters that a boolean or index array selects."""
        return Craters(self.lon[chosen], self.lat[chosen], self.diameter_m[chosen])


def read_craters(path: str | Path) -> Craters:
    """Read a crater table: CSV, Parquet, or any vector file with the same columns.

    Longitude, latitude and diameter are recognised by their usual names (`lon`, `lon_deg_e`, ..., `diameter_km`,
    `diam_m`, ...), in upper or lower case. OrbitileError names the column that is missing, or the first row that
    holds no number.
    """
    path = Path(path)
    table = _load(path)
    lon, lat = (_numbers(table, _column_name(table, names, path), path) for names in (LON, LAT))
    column = _column_name(table, tuple(DIAMETER), path)
    diameter = _numbers(table, column, path) * DIAMETER[column]
    return Craters(wrap_longitude(lon), lat, diameter)


def _load(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise OrbitileError(f"no crater table at {path}")
    try:
        if path.suffix == ".parquet":
            table = pd.read_parquet(path)
        elif path.suffix in (".csv", ".txt"):
            table = pd.read_csv(path, comment="#")
        else:
            import pyogrio

            table = pyogrio.read_dataframe(path, read_geometry=False)
    except (ValueError, OSError, RuntimeError) as error:
        raise OrbitileError(f"{path}: not a readable crater table ({first_line(error)})") from error
    return table.rename(columns=str.lower)


def _column_name(table: pd.DataFrame, names: tuple[str, ...], path: Path) -> str:
    column = next((name for name in names if name in table), None)
    if column is None:
        raise OrbitileError(f"{path}: no column named {' or '.join(names)}; it has {', '.join(table.columns)}")
    return column


def _numbers(table: pd.DataFrame, column: str, path: Path) -> np.ndarray:
    values = pd.to_numeric(table[column], errors="coerce").to_numpy(float)
    invalid = np.flatnonzero(~np.isfinite(values))
    if invalid.size:
        raise OrbitileError(
            f"{path}: row {invalid[0] + 1}: {column} is {_value_text(table[column].iloc[invalid[0]])}, not a number"
        )
    return values


def _value_text(value: object) -> str:
    return repr(value) if isinstance(value, str) else str(value)
