"""Runs of the real workflow, in folders of their own, on small cuts of the demo's scenes."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import chdir
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import rasterio
import yaml
from affine import Affine
from rasterio.windows import Window

from orbitile.base.files import sha256
from orbitile.tables.rasters import RasterRow, read_rasters

ROOT = Path(__file__).parents[1]
DEMO = yaml.safe_load((ROOT / "demo" / "demo.yaml").read_text())
WEIGHTS = ROOT / "models" / f"{DEMO['model']}.safetensors"
SCALES = [
    dict(gsd_m=474, tile_px=512, overlap_px=128, min_object_px=8, max_object_px=120), dict(gsd_m=948, min_object_px=12)
]  # fmt: skip
"""The two finer ones of the demo's network."""
SUPPRESSION = dict(iou_threshold=0.4, score_threshold=0.3)
SCENE = ROOT / "demo" / "scenes" / "moon_180E_30S.tif"
FRACTURES = yaml.safe_load((ROOT / "demo" / "fractures" / "fractures.yaml").read_text())
SIDE = 640
FRACTURED = str(ROOT / "demo" / "fractures" / "fractured_B_{}.tif")
FRACTURED_BORDER = 1573
"""Where the eastern one of the demo's fractured scenes begins: as many columns has the western one."""
FRACTURED_ROW = 768
"""In whose 640 rows the most fractures, eleven, cross the border."""
ABUTTING = dict(west=dict(col=-SIDE), east=dict(col=0))


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

    def rasters(self, group: str) -> dict[str, RasterRow]:
        """The georeferenced scenes of a group by their names, with complete paths."""
        with chdir(self.folder):
            rows = read_rasters(self.result(f"georeferenced/{group}.parquet"))
        files = ("path", "seams", "sources")
        return {
            row.scene: replace(row, **{name: str(self.folder / file) for name in files if (file := getattr(row, name))})
            for row in rows
        }

    @property
    def catalogue(self) -> pd.DataFrame:
        return pd.read_parquet(self.result("catalogue/craters.parquet"))

    @property
    def mapped(self) -> str:
        """What a map says of itself whatever parts it is in, the hash of all its polygons and lines included."""
        manifest = json.loads(self.result("map/polygons.json").read_text())
        return json.dumps({name: value for name, value in manifest.items() if name not in ("parts", "files")})


def made(project: Project, *targets: str) -> Project:
    """A project whose targets are made."""
    done = project.run(*targets)
    assert done.returncode == 0, done.stderr
    return project


def refused(project: Project, *words: str, options: tuple[str, ...] = ("--dry-run",), target: str = "all") -> None:
    """Assert that a run fails with one line that holds all the words, and without a traceback of ours."""
    done = project.run(target, options=options)
    output = done.stdout + done.stderr
    assert done.returncode != 0
    assert any(all(word in line for word in words) for line in output.splitlines()), output
    assert "Traceback" not in output


def environment() -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1"}


def cut(path: Path, col: int, row: int = 600, **profile: object) -> None:
    """Cut a square out of a demo scene; `profile` changes what is written."""
    window = Window(col, row, SIDE, SIDE)
    with rasterio.open(SCENE) as source:
        options = dict(source.profile, transform=source.window_transform(window)) | profile
        write_image(path, source.read(1, window=window), options)


def write_image(path: Path, pixels: np.ndarray, profile: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(path, "w", **profile | dict(width=pixels.shape[1], height=pixels.shape[0])) as sink:
        sink.write(pixels.astype(profile["dtype"]), 1)


def write_scenes(folder: Path, rows: list[dict]) -> None:
    pd.DataFrame(rows).to_csv(folder / "scenes.csv", index=False)


def demo_settings(folder: Path) -> dict:
    """The demo's settings with two scales, for scenes in a folder, and its network by its weights."""
    model = dict(weights=str(WEIGHTS), sha256=sha256(WEIGHTS))
    evaluation = dict(DEMO["evaluation"], truth=str(ROOT / DEMO["evaluation"]["truth"]))
    small = dict(run="small", scenes=str(folder / "scenes.csv"), scales=SCALES, suppression=SUPPRESSION,
                 scenes_per_group=1)  # fmt: skip
    return DEMO | small | dict(model=model, evaluation=evaluation)


def make_project(folder: Path) -> Project:
    """Two abutting scenes cut from the demo, and the demo's settings."""
    for name, col in (("west", 0), ("east", SIDE)):
        cut(folder / "images" / f"{name}.tif", col)
    write_scenes(folder, [dict(scene=name, path=f"images/{name}.tif") for name in ("west", "east")])
    return Project(folder, demo_settings(folder))


@cache
def fractured() -> tuple[np.ndarray, dict]:
    """The fracture demo's two scenes as one image, and how it is written."""
    with rasterio.open(FRACTURED.format("west")) as west, rasterio.open(FRACTURED.format("east")) as east:
        return np.hstack([west.read(1), east.read(1)]), dict(west.profile)


def cut_fractures(path: Path, col: int, row: int = FRACTURED_ROW, side: int = SIDE, width: int | None = None) -> None:
    """Cut a square, or a rectangle of a width, out of the fracture demo; `col` counts from its scenes' border."""
    pixels, profile = fractured()
    first = FRACTURED_BORDER + col
    position = dict(transform=profile["transform"] @ Affine.translation(first, row))
    write_image(path, pixels[row : row + side, first : first + (width or side)], profile | position)


def fracture_settings(folder: Path, tile_px: int = 256, overlap_px: int = 64) -> dict:
    """The settings of the fracture demo with small tiles, for scenes in a folder."""
    model = dict(FRACTURES["model"], weights=str(ROOT / FRACTURES["model"]["weights"]))
    evaluation = dict(FRACTURES["evaluation"], truth=str(ROOT / FRACTURES["evaluation"]["truth"]))
    scales = [FRACTURES["scales"][0] | dict(tile_px=tile_px, overlap_px=overlap_px)]
    small = dict(run="small", scenes=str(folder / "scenes.csv"), scales=scales, scenes_per_group=1)
    return FRACTURES | small | dict(model=model, evaluation=evaluation)


def make_fracture_project(folder: Path, cuts: Mapping[str, dict] = ABUTTING, **settings: object) -> Project:
    """Scenes cut from the fracture demo (see `cut_fractures`), by default two that abut at its border; its settings."""
    for name, place in cuts.items():
        cut_fractures(folder / "images" / f"{name}.tif", **place)
    write_scenes(folder, [dict(scene=name, path=f"images/{name}.tif") for name in cuts])
    return Project(folder, fracture_settings(folder) | settings)


def make_demo(folder: Path, scenes: int = 9, **settings: object) -> Project:
    """The demo, or the first of its scenes, in a folder of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    table = pd.read_csv(ROOT / "demo" / "scenes.csv").head(scenes)
    write_scenes(folder, [dict(scene=row.scene, path=str(ROOT / "demo" / row.path)) for row in table.itertuples()])
    demo = demo_settings(folder) | dict(run="demo", model=DEMO["model"])
    demo = {name: value for name, value in demo.items() if name not in ("scales", "suppression")}  # the network's
    return Project(folder, demo | settings)


def make_whole_demo(folder: Path, path: str, **settings: object) -> Project:
    """A demo as its settings (a path below demo/) have it, in a folder of its own."""
    demo = yaml.safe_load((ROOT / "demo" / path).read_text())
    demo |= dict(scenes=str(ROOT / demo["scenes"]))
    if "evaluation" in demo:
        demo |= dict(evaluation=demo["evaluation"] | dict(truth=str(ROOT / demo["evaluation"]["truth"])))
    if "weights" in demo["model"]:
        demo |= dict(model=demo["model"] | dict(weights=str(ROOT / demo["model"]["weights"])))
    return Project(folder, demo | settings)
