"""What one would do otherwise with the survivors of all groups: everything into one GeoPackage."""

import json
import os
import subprocess
import time
from pathlib import Path

import machine
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
from pyproj import CRS

OGRMERGE = ["/usr/bin/ogrmerge.py", "-single", "-f", "GPKG", "-nln", "craters"]
"""GDAL's own program for many files to one layer; Debian's, because wheels of GDAL for Python have none."""
VERTICES = 128
LAYERS = "points"
"""Folder of a world with a GeoPackage of points for each group, which a workflow without a dataset would leave."""


def concat_polygons(parts: list[Path], out: Path) -> int:
    """Every group's table into one frame, a polygon for every row, one `to_file`; the number of rows."""
    import geopandas
    import pandas
    import shapely

    from orbitile.space.ground import ground_ellipses

    rows = pandas.concat([geopandas.read_parquet(part) for part in parts], ignore_index=True)
    radius_m = rows.crs.ellipsoid.semi_major_metre
    sides = (rows[name].to_numpy(float) for name in ("lon", "lat", "width_m", "height_m"))
    lon, lat = ground_ellipses(*sides, radius_m, VERTICES)
    polygons = [shapely.Polygon(zip(*ring, strict=True)) for ring in zip(lon, lat, strict=True)]
    rows.drop(columns="bbox", errors="ignore").set_geometry(polygons, crs=rows.crs).to_file(out, driver="GPKG")
    return len(rows)


def write_points(part: Path, out: Path) -> None:
    """A group's survivors as a GeoPackage of points: what `ogrmerge` begins with, made before the clock runs."""
    out.parent.mkdir(exist_ok=True)
    table = pq.read_table(part).drop_columns("bbox")
    crs = json.loads(table.schema.metadata[b"geo"])["columns"]["geometry"]["crs"]
    names = pa.schema([field.with_type(pa.string()) if pa.types.is_dictionary(field.type) else field
                       for field in table.schema])  # fmt: skip
    pyogrio.write_arrow(
        table.cast(names), out, driver="GPKG", layer="craters", geometry_name="geometry", geometry_type="Point",
        crs=CRS.from_json_dict(crs).to_wkt(), dataset_options={"VERSION": "1.2"},  # which GDAL 3.6 knows
    )  # fmt: skip


def why_no_ogrmerge() -> str | None:
    """Why GDAL's ogrmerge cannot run here; None if it can."""
    if not Path(OGRMERGE[0]).is_file():
        return "no ogrmerge.py here (Debian's package gdal-bin)"
    done = subprocess.run(["/usr/bin/python3", "-c", "import osgeo"], capture_output=True, env=_plain_environment())
    return "ogrmerge.py needs the package python3-gdal" if done.returncode else None


def ogrmerge(layers: list[Path], out: Path, limit: float) -> machine.Record:
    """Merge GeoPackages into one layer by GDAL's ogrmerge: seconds, CPU seconds, peak memory; or why not."""
    start = time.perf_counter()
    words = [*OGRMERGE, "-o", str(out), *map(str, layers)]
    log = out.with_suffix(".log")
    with log.open("w") as messages:  # a pipe that nobody reads would fill up
        child = subprocess.Popen(words, stderr=messages, stdout=messages, env=_plain_environment())
    peak = 0.0
    while child.poll() is None:
        peak = max(peak, _peak_of(child.pid))
        if time.perf_counter() - start > limit:
            child.kill()
            child.wait()
            return dict(seconds=None, reason=f"stopped after {limit:g} s")
        time.sleep(0.02)
    if child.returncode:
        return dict(seconds=None, reason=f"failed: {log.read_text().splitlines()[-1:]}")
    log.unlink()
    usage = os.times()
    seconds = time.perf_counter() - start
    return dict(
        seconds=round(seconds, 3), cpu_seconds=round(usage.children_user + usage.children_system, 3),
        peak_mb=round(peak, 1), total_mb=round(peak, 1),
    )  # fmt: skip


def _plain_environment() -> dict[str, str]:
    """Without variables that lead another Python to this one's packages, or GDAL to another PROJ."""
    names = ("PYTHON", "GDAL", "PROJ", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if not name.startswith(names)}


def _peak_of(process: int) -> float:
    """The peak memory of a process so far in 10^6 bytes; 0 of one that has ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM:")), 0.0)
