"""Runs of the real workflow, in folders of their own, on small cuts of the demo's scenes."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd
import rasterio
import yaml
from rasterio.windows import Window

ROOT = Path(__file__).parents[1]
DEMO = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
SCENE = ROOT / "demo" / "scenes" / "moon_180E_30S.tif"
SIDE = 640


@dataclass(frozen=True)
class Project:
    """A folder with settings and scenes in it, and the ways to run the workflow there.

    `profile` holds the profile's name and the options that go with it, `environment` what the
    workflow's processes find beside the tests' own environment.
    """

    folder: Path
    settings: dict
    profile: tuple[str, ...] = ("local",)
    environment: dict[str, str] = field(default_factory=dict)

    def command(self, *targets: str, options: tuple[str, ...] = ()) -> list[str]:
        (self.folder / "settings.yaml").write_text(yaml.safe_dump(self.settings))
        return [
            sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(self.folder),
            "--profile", str(ROOT / "profiles" / self.profile[0]), *self.profile[1:],
            "--configfile", str(self.folder / "settings.yaml"), *options, "--", *targets,
        ]  # fmt: skip

    def run(self, *targets: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess:
        return subprocess.run(
            self.command(*targets, options=options),
            capture_output=True,
            text=True,
            env=environment() | self.environment,
        )

    def start(self, *targets: str, options: tuple[str, ...] = ()) -> subprocess.Popen:
        """Run in the background; what it says goes to driver.log in the folder."""
        with open(self.folder / "driver.log", "ab") as log:
            return subprocess.Popen(
                self.command(*targets, options=options), env=environment() | self.environment, start_new_session=True,
                stdout=log, stderr=log,
            )  # fmt: skip

    def ask(self, question: str) -> subprocess.CompletedProcess:
        """Ask `python -m orbitile` about the run."""
        command = [sys.executable, "-m", "orbitile", question, f"results/{self.settings['run']}"]
        return subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, env=environment() | self.environment
        )

    def jobs(self, *targets: str) -> set[str]:
        """The rules that a dry run would run."""
        done = self.run(*targets, options=("--dry-run", "--quiet", "host", "reason"))
        assert done.returncode == 0, done.stderr
        lines = [line.split() for line in (done.stdout + done.stderr).splitlines()]
        return {line[0] for line in lines if len(line) == 2 and line[1].isdigit()} - {"total"}

    def result(self, path: str) -> Path:
        return self.folder / "results" / self.settings["run"] / path

    def change(self, **settings: object) -> "Project":
        return replace(self, settings=self.settings | settings)

    def copy(self, folder: Path) -> "Project":
        """The same project, with all that is done already, in another folder."""
        shutil.copytree(self.folder, folder, symlinks=True, copy_function=shutil.copy2)
        return replace(self, folder=folder)

    @property
    def catalogue(self) -> pd.DataFrame:
        return pd.read_parquet(self.result("catalogue/craters.parquet"))


def environment() -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1"}


def cut(path: Path, col: int, row: int = 600, **profile: object) -> None:
    """Cut a square out of a demo scene; `profile` changes what is written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    window = Window(col, row, SIDE, SIDE)
    with rasterio.open(SCENE) as source:
        options = dict(source.profile, width=SIDE, height=SIDE, transform=source.window_transform(window)) | profile
        with rasterio.open(path, "w", **options) as sink:
            sink.write(source.read(1, window=window).astype(options["dtype"]), 1)


def write_scenes(folder: Path, rows: list[dict]) -> None:
    pd.DataFrame(rows).to_csv(folder / "scenes.csv", index=False)


def demo_settings(folder: Path) -> dict:
    """The demo's settings with two scales, for scenes in a folder."""
    model = dict(DEMO["model"], weights=str(ROOT / DEMO["model"]["weights"]))
    evaluation = dict(DEMO["evaluation"], truth=str(ROOT / DEMO["evaluation"]["truth"]))
    own = dict(run="small", scenes=str(folder / "scenes.csv"), scales=DEMO["scales"][:2])
    return DEMO | own | dict(model=model, evaluation=evaluation)


def make_project(folder: Path) -> Project:
    """Two abutting scenes cut from the demo, and the demo's settings."""
    for name, col in (("west", 0), ("east", SIDE)):
        cut(folder / "images" / f"{name}.tif", col)
    write_scenes(folder, [dict(scene=name, path=f"images/{name}.tif") for name in ("west", "east")])
    return Project(folder, demo_settings(folder))


def make_demo(folder: Path, scenes: int = 9, **settings: object) -> Project:
    """The demo, or the first of its scenes, in a folder of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    table = pd.read_csv(ROOT / "demo" / "scenes.csv").head(scenes)
    write_scenes(folder, [dict(scene=row.scene, path=str(ROOT / "demo" / row.path)) for row in table.itertuples()])
    own = dict(run="demo", scales=DEMO["scales"])
    return Project(folder, demo_settings(folder) | own | settings)
