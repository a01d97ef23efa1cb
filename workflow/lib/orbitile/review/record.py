"""The files of a review: what was drawn of which catalogue, and the sheet that a person writes verdicts into."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from orbitile.base.errors import OrbitileError
from orbitile.base.file_access import real_path
from orbitile.base.files import write_json, write_text
from orbitile.base.provenance import provenance
from orbitile.catalogue import Catalogue
from orbitile.review.strata import Stratum
from orbitile.tables.csv_text import csv_text

SHEET, RECORD = "review.csv", "review.json"
DECIMALS = dict(lon=6, lat=6, diameter_km=6, score=6, probability=4)
"""Of the numbers of a sheet."""
REPEATED = ("number", "stratum", "scene", *DECIMALS)
"""Columns of a sheet that are in the record, too."""
SHEET_COLUMNS = ("number", "verdict", "scene", "lon", "lat", "diameter_km", "stratum", "score", "probability")
"""Verdicts stand beside numbers, scores at the end: whoever judges should not see them."""


@dataclass(frozen=True)
class ReviewRecord:
    """What was drawn: the manifest and hash of the catalogue, the seed, the strata, the rows (columns REPEATED)."""

    manifest: str
    sha256: str | None
    seed: int
    strata: tuple[Stratum, ...]
    rows: pd.DataFrame

    @classmethod
    def of(cls, catalogue: Catalogue, seed: int, strata: tuple[Stratum, ...], rows: pd.DataFrame) -> Self:
        """Of rows of a catalogue; their numbers are rounded as in the sheet."""
        rounded = rows[list(REPEATED)].round(DECIMALS)
        return cls(str(real_path(catalogue.manifest)), catalogue.metadata.get("sha256"), seed, strata, rounded)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """That of a review's folder; OrbitileError where it is none, or the record cannot be read."""
        path = folder / RECORD
        try:
            record = cls._from_json(json.loads(path.read_text()))
        except (FileNotFoundError, NotADirectoryError):
            raise OrbitileError(
                f"{path}: there is no such file, so this is no folder of a review; make one: python -m orbitile review "
                f"draw results/<run>/catalogue {folder}"
            ) from None
        except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            raise OrbitileError(f"{path}: not a readable record of a review ({error}); draw it again") from error
        return record

    @classmethod
    def _from_json(cls, value: Mapping[str, Any]) -> Self:
        rows = pd.DataFrame(value["rows"], columns=list(REPEATED)).astype(dict.fromkeys(DECIMALS, float))
        strata = tuple(map(Stratum.from_json, value["strata"]))
        if set(rows["stratum"]) != {stratum.stratum for stratum in strata}:
            raise ValueError("its rows do not belong to its strata")
        return cls(str(value["catalogue"]), value["sha256"], int(value["seed"]), strata, rows)

    def write(self, folder: Path) -> None:
        """Write record and sheet into a folder."""
        write_json(folder / RECORD, self._to_json())
        write_text(folder / SHEET, self._sheet())

    def check_catalogue(self) -> None:
        """OrbitileError where the catalogue is there and no longer the one that rows were drawn from."""
        try:
            current = json.loads(Path(self.manifest).read_text())["sha256"]
        except (OSError, ValueError, KeyError, TypeError):
            return  # moved away, or being made again: the verdicts still tell of the one that was drawn from
        if current != self.sha256:
            raise OrbitileError(
                f"{self.manifest}: the catalogue is not the one that rows were drawn from (sha256 {current} instead of "
                f"{self.sha256}), so that verdicts do not tell of it; draw rows of the new one into another folder"
            )

    def _to_json(self) -> dict[str, Any]:
        rows = self.rows.astype(object).where(self.rows.notna(), None)
        return dict(
            catalogue=self.manifest, sha256=self.sha256, seed=self.seed, **provenance(),
            strata=[stratum.to_json() for stratum in self.strata], columns=list(REPEATED),
            rows=rows.to_numpy().tolist(),
        )  # fmt: skip

    def _sheet(self) -> str:
        names = [name for name in SHEET_COLUMNS if name != "probability" or self.rows[name].notna().any()]
        rows = self.rows.assign(verdict="").to_dict("records")
        return csv_text(names, ({name: _cell(name, row[name]) for name in names} for row in rows))


def _cell(name: str, value: float | str) -> str:
    if name not in DECIMALS or isinstance(value, str):
        return str(value)
    return "" if np.isnan(value) else f"{value:.{DECIMALS[name]}f}"
