"""The networks to compare, and the settings of their runs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import yaml

from orbitile.base.errors import OrbitileError
from orbitile.base.files import sha256

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Network:
    """Weights (a path) or a network of the zoo (its name), and what its runs differ in from those of a set of images.

    `sets` are the sets it is made for, empty for all. `factors` are the scales to search, as multiples of the finest;
    `settings` replace entire sections.
    """

    name: str
    weights: str
    sets: tuple[str, ...] = ()
    factors: tuple[int, ...] = ()
    settings: dict = field(default_factory=dict)

    @classmethod
    def parse(cls, words: str) -> Self:
        """From [SET,SET=]WEIGHTS[@1,2,4], as on the command line."""
        sets, _, network = words.rpartition("=")
        weights, _, factors = network.partition("@")
        try:
            numbers = tuple(int(factor) for factor in factors.split(",") if factor)
        except ValueError as error:
            raise OrbitileError(f"{words}: write scales as whole multiples of the finest: weights@1,2,4") from error
        return cls(_name_of(weights), weights, tuple(sets.split(",")) if sets else (), numbers)

    @classmethod
    def read_list(cls, path: Path) -> list[Self]:
        """Networks of a YAML list of name, weights, sets, factors, settings."""
        rows = yaml.safe_load(path.read_text()) or []
        if not isinstance(rows, list) or not all(isinstance(row, dict) and "weights" in row for row in rows):
            raise OrbitileError(f"{path}: write a list of networks, each with `weights` (a path, or a name of the zoo)")
        return [
            cls(
                row.get("name") or _name_of(row["weights"]),
                str(row["weights"]),
                tuple(row.get("sets", ())),
                tuple(row.get("factors", ())),
                row.get("settings", {}),
            )
            for row in rows
        ]

    def fits(self, held_out: str) -> bool:
        """Whether it is made for a set of images."""
        return not self.sets or held_out in self.sets

    def settings_for(self, settings: dict) -> dict:
        """The settings of a set of images with this network.

        A network of the zoo brings its scales, as multiples of the finest of the set, and its thresholds.
        """
        model = self._model()
        changed = settings | dict(model=model)
        if isinstance(model, str):
            changed = {key: value for key, value in changed.items() if key not in ("scales", "suppression")}
            changed |= dict(gsd_m=settings["scales"][0]["gsd_m"])
        if self.factors:
            first = settings["scales"][0]
            least_px = first.get("min_object_px", 8)
            finer = [dict(gsd_m=first["gsd_m"] * factor, min_object_px=least_px) for factor in self.factors]
            changed |= dict(scales=[first | finer[0], *finer[1:]])
            changed.pop("gsd_m", None)
        return changed | self.settings

    def _model(self) -> dict | str:
        path = ROOT / self.weights
        if path.is_file():
            return dict(weights=str(path), sha256=sha256(path))
        if path.suffix in (".safetensors", ".pt"):
            raise OrbitileError(f"{self.weights}: there are no such weights")
        return self.weights


def networks_to_compare(words: Sequence[str], listed: Path) -> list[Network]:
    """Those of the command line, or else those of a list; OrbitileError where two have the same name."""
    networks = [Network.parse(word) for word in words] or Network.read_list(listed)
    names = [network.name for network in networks]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise OrbitileError(f"networks: the name {doubled[0]} stands for two; give them names in {listed.name}")
    return networks


def _name_of(weights: str) -> str:
    """The name of a file, or of its folder, as the name of a run."""
    path = Path(weights)
    return run_name(path.stem if path.stem not in ("model", "best", "last") else path.parent.name)


def run_name(words: str) -> str:
    """Words as letters that a run's name may have."""
    return "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in words)
