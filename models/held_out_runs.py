"""Sets of held-out images, and runs of the workflow over them."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pandas as pd
import yaml
from compared_networks import ROOT, Network

import orbitile.catalogue
from orbitile.base.errors import OrbitileError
from orbitile.base.files import cache_key, write_text
from orbitile.tables.image_folders import images_of_folder
from orbitile.tables.parquet import read_arrow
from orbitile.tables.rasters import RasterRow

ALL_AT_ONCE = 1000
"""Scenes in a group: one process infers them all, so that its start counts once."""


@dataclass(frozen=True)
class HeldOut:
    """A set of held-out images: paths by scene, their truth (file or folder), and settings of runs over them."""

    name: str
    title: str
    why: str
    scenes: dict[str, Path]
    truth: Path
    settings: dict

    @classmethod
    def read(cls, path: Path, data: Path, names: Sequence[str] | None = None) -> list[Self]:
        """The sets of a YAML file, or those of some names, with paths of a folder of data."""
        entries = yaml.safe_load(path.read_text())
        unknown = sorted(set(names or ()) - set(entries))
        if unknown:
            raise OrbitileError(f"{path}: has no set {unknown[0]}, but {', '.join(entries)}")
        return [cls._of(name, entries[name], data) for name in names or entries]

    @classmethod
    def _of(cls, name: str, entry: dict, data: Path) -> Self:
        scenes, truth = (placed(entry[key], data) for key in ("scenes", "truth"))
        images = image_paths(scenes)
        names = entry.get("names", list(images))
        missing = [scene for scene in names if scene not in images]
        if missing or not names or not truth.exists():
            raise OrbitileError(f"{name}: {missing[0] if missing else truth} is not there; say where with DATA=FOLDER")
        chosen = {scene: images[scene] for scene in names}
        return cls(name, entry["title"], " ".join(entry["why"].split()), chosen, truth, entry["settings"])

    @property
    def in_pixels(self) -> bool:
        """Whether the images have no map."""
        return self.settings.get("pixel_coordinates", False)


@dataclass(frozen=True)
class Run:
    """A run of the workflow in a folder, with its settings."""

    folder: Path
    name: str
    settings: dict

    @classmethod
    def of(cls, folder: Path, held_out: HeldOut, network: Network, change: str = "") -> Self:
        """That of a network over a set of images, perhaps changed ones."""
        name = "-".join(filter(None, [held_out.name, network.name, change]))
        return cls(folder, name, network.settings_for(held_out.settings))

    @property
    def results(self) -> Path:
        """The folder of its results."""
        return self.folder / "results" / self.name

    def make(self, scenes: dict[str, Path], truth: Path) -> Self:
        """Run the workflow over images, as a user would; OrbitileError with its last lines where it fails."""
        table = write_scene_table(self.folder / f"{self.name}-scenes.csv", scenes)
        evaluation = self.settings.get("evaluation", {}) | dict(truth=str(truth))
        changes = dict(run=self.name, scenes=str(table), scenes_per_group=ALL_AT_ONCE, evaluation=evaluation)
        config = self.folder / f"{self.name}.yaml"
        write_text(config, yaml.safe_dump(self.settings | changes | dict(vectors=dict(formats=[])), sort_keys=False))
        words = snakemake_words(self.folder, config, f"results/{self.name}/evaluation/metrics.json")
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode:
            raise OrbitileError(f"run {self.name}: it failed; {(done.stdout + done.stderr)[-2000:]}")
        return self

    @property
    def rasters(self) -> list[RasterRow]:
        """The scenes at the finest scale; their paths count from the run's folder."""
        tables = [read_arrow(path).to_pylist() for path in sorted((self.results / "scaled").glob("*.parquet"))]
        rows = [RasterRow(**row) for table in tables for row in table]
        finest = min(row.scale_m for row in rows)
        return [row for row in rows if row.scale_m == finest]

    @property
    def catalogue(self) -> pd.DataFrame:
        """The rows of the catalogue: scene, and boxes on the map."""
        columns = ["scene", "xmin", "ymin", "xmax", "ymax"]
        return orbitile.catalogue.open(self.results / "catalogue").table(columns).to_pandas()

    def key(self, truth: Path) -> str:
        """A short name for its settings, its catalogue and the files of the truth as they are now."""
        files = sorted(truth.iterdir()) if truth.is_dir() else [truth]
        stamps = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files]
        return cache_key(settings=self.settings, catalogue=self.manifest["sha256"], truth=stamps)

    @property
    def manifest(self) -> dict:
        """What the catalogue's manifest says of it."""
        return orbitile.catalogue.open(self.results / "catalogue").metadata

    @property
    def infer_s(self) -> float:
        """Seconds that inference took, from the start of its processes to their end."""
        tables = [pd.read_csv(path, sep="\t") for path in (self.results / "benchmarks" / "infer").glob("*.tsv")]
        return float(sum(table["s"].sum() for table in tables))


def snakemake_words(folder: Path, config: Path, target: str) -> list[str]:
    """The command that makes a target in a folder, by settings in a file."""
    words = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", folder,
             "--profile", ROOT / "profiles" / "local", "--configfile", config, "--", target]  # fmt: skip
    return list(map(str, words))


def placed(path: str, data: Path) -> Path:
    """A path of the demo in the project, any other in the folder of the data."""
    return (ROOT if path.startswith("demo/") else data.resolve()) / path


def image_paths(place: Path) -> dict[str, Path]:
    """Images by the names of scenes: of a folder, or of a scene table."""
    if place.is_dir():
        return images_of_folder(place)
    if not place.is_file():
        raise OrbitileError(f"{place}: there is neither a folder of images nor a scene table; say where with DATA=")
    table = pd.read_csv(place)
    return {row.scene: place.parent / row.path for row in table.itertuples()}


def write_scene_table(path: Path, scenes: dict[str, Path]) -> Path:
    """Write a scene table; a file that is the same stays as it is, so that no run is made again."""
    text = pd.DataFrame(dict(scene=list(scenes), path=list(map(str, scenes.values())))).to_csv(index=False)
    if not path.is_file() or path.read_text() != text:
        write_text(path, text)
    return path
