"""QGIS and GDAL: those of this machine, and newer ones that see another folder as their root."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from pyproj import CRS

IN_QGIS = Path(__file__).with_name("in_qgis.py")
PROJECT_IN_QGIS = Path(__file__).with_name("project_in_qgis.py")
JUDGE_IN_QGIS = Path(__file__).with_name("judge_in_qgis.py")
PYTHON = "/usr/bin/python3"
"""The interpreter of Debian's packages; the one of the tests has no QGIS."""


@dataclass(frozen=True)
class Programs:
    """QGIS and GDAL of a machine, or of a release of Debian in a folder (`root`)."""

    root: Path = Path("/")

    def describe_layer(self, path: str | Path, crs: str = "+proj=eqc +R=1737400") -> dict:
        """What QGIS makes of a vector file (see in_qgis.py)."""
        with self.copied(path, IN_QGIS) as (layer, script):
            printed = self.run([PYTHON, script, layer, CRS(crs).to_wkt()])
        return json.loads(printed.splitlines()[-1])

    def open_project(self, project: str | Path) -> tuple[dict, np.ndarray]:
        """What QGIS makes of a project, in a moved copy of its folder, and its picture (rows, columns, 3)."""
        with tempfile.TemporaryDirectory(dir=self.root / "tmp") as folder:
            shutil.copytree(Path(project).parent, Path(folder, "moved"))
            shutil.copy(PROJECT_IN_QGIS, folder)
            here = Path("/tmp") / Path(folder).name
            arguments = [PROJECT_IN_QGIS.name, f"moved/{Path(project).name}", "picture.png"]
            printed = self.run([PYTHON, *(here / name for name in arguments)])
            with rasterio.open(Path(folder, "picture.png")) as source:
                return json.loads(printed.splitlines()[-1]), source.read([1, 2, 3]).transpose(1, 2, 0)

    def judge(self, layer: str | Path) -> tuple[dict, bytes]:
        """What the form of a layer offers (see judge_in_qgis.py), and the file once it was judged in."""
        with self.copied(layer, JUDGE_IN_QGIS) as (copy, script):
            printed = self.run([PYTHON, script, copy])
            return json.loads(printed.splitlines()[-1]), Path(self.root, copy.relative_to("/")).read_bytes()

    def run(self, command: Sequence[str], folder: str = "/tmp") -> str:
        """What a command prints; paths are those that it sees."""
        moved = ["chroot", str(self.root)] if self.root != Path("/") else []
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "QT_QPA_PLATFORM": "offscreen", "HOME": "/tmp"}
        begun = [*moved, "env", "--chdir", folder, *map(str, command)]
        done = subprocess.run(begun, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    @contextmanager
    def copied(self, *paths: str | Path):
        """Yield the paths under which the programs see copies of files, with what lies beside them."""
        with tempfile.TemporaryDirectory(dir=self.root / "tmp") as folder:
            for path in map(Path, paths):
                for neighbour in filter(Path.is_file, path.parent.iterdir()):
                    shutil.copy(neighbour, folder)
            yield [Path("/tmp") / Path(folder).name / Path(path).name for path in paths]
