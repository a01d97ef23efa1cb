"""A small run for the page: craters as bright discs at 60 N, across 180 degrees and around both poles of the Moon."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from plan_rows import plan_row
from pyproj import CRS
from small_catalogues import write_small_catalogue

from orbitile.base.files import write_json
from orbitile.base.manifests import read_manifest
from orbitile.detections.matching import MatchCriteria
from orbitile.space.bodies import find_body
from orbitile.space.footprints import grid_outline
from orbitile.space.grids import Grid
from orbitile.space.ground import Ground, distance
from orbitile.stages.completeness import SearchedTables, completeness
from orbitile.stages.page import PageInputs, page
from orbitile.tables.craters import CraterTable
from orbitile.tables.enlarged_rasters import NOT_ENLARGED
from orbitile.tables.plan import PlanGroup, PlanOrigin, write_plan
from orbitile.tables.rasters import RasterRow, write_rasters
from orbitile.web.run_page import PageChoice

MOON = find_body("Moon")
RADIUS_M = MOON.radius_m
SIDE, GSD_M = 200, 1000.0
DARK, BRIGHT = 60, 210
CHOICE = PageChoice(most_tiles=4000, review_rows=10, review_seed=0)


CRITERIA = MatchCriteria(0.3, 0.0, RADIUS_M)


@dataclass(frozen=True)
class PlacedScene:
    """A scene around a place, on a map of its own."""

    crs: str
    lon: float
    lat: float


SCENES = dict(
    sixty=PlacedScene("+proj=eqc +R=1737400 +lat_ts=60", 40, 60), border=PlacedScene("IAU_2015:30115", 180, 0),
    north=PlacedScene("IAU_2015:30130", 0, 90), south=PlacedScene("IAU_2015:30135", 0, -90),
)  # fmt: skip
CRATERS = dict(
    sixty=[(40.0, 60.0, 60.0), (43.0, 61.5, 20.0)], border=[(180.0, 0.5, 50.0), (-179.0, -1.0, 30.0)],
    north=[(70.0, 89.5, 55.0), (-100.0, 88.5, 25.0)], south=[(-20.0, -89.7, 60.0), (150.0, -88.4, 25.0)],
)  # fmt: skip
"""Longitudes and latitudes in degrees, diameters in km, by scenes."""
TRUE_CRATERS = [CRATERS["sixty"][0], CRATERS["border"][0], (37.5, 59.0, 15.0)]
"""Two that are in the catalogue, and one that is missed."""


def write_world_run(folder: Path, choice: PageChoice = CHOICE, mark: str = "") -> Path:
    """Write the run, without its network's part, and its page; returns the path of the page.

    The catalogue's names of scenes end with `mark`.
    """
    names = [f"{name}{mark}" for name, craters in CRATERS.items() for _ in craters]
    rows = write_scenes(folder)
    manifest = write_small_catalogue(folder / "catalogue", [c for craters in CRATERS.values() for c in craters], names)
    truth = folder / "truth.csv"
    truth.write_text("lon,lat,diameter_km\n" + "".join(f"{lon},{lat},{size}\n" for lon, lat, size in TRUE_CRATERS))
    return write_page(folder, rows, manifest, choice, CraterTable.of(truth, {}))


def write_page(
    folder: Path, rows: list[RasterRow], manifest: str, choice: PageChoice, truth: CraterTable | None = None,
    name: str | None = None, exclusions: Sequence[dict] = (), enlarged: Mapping[float, int] = NOT_ENLARGED,
) -> Path:  # fmt: skip
    """Write the tables that lie around a catalogue of rasters, and its page; a table of a `name` is no truth."""
    rasters, plan = str(folder / "rasters.parquet"), folder / "plan.parquet"
    write_rasters(rows, rasters)
    outlines = {row.scene: grid_outline(row.grid, Ground(row.crs_wkt, RADIUS_M)) for row in rows}
    planned = [
        plan_row(name, "all", outline_lon=lon.tolist(), outline_lat=lat.tolist())
        for name, (lon, lat) in outlines.items()
    ]
    write_plan(planned, [PlanGroup("all", [], [], "version", 1.0)], [], PlanOrigin("", "", ""), plan)
    write_json(
        Path(manifest), read_manifest(Path(manifest)) | dict(run=folder.name, exclusions=list(exclusions), errors=None)
    )
    searched = str(folder / "catalogue" / "completeness.json")
    completeness(SearchedTables([rasters], [], enlarged), manifest, MOON, ["parquet"], searched)
    index = folder / "page" / "index.html"
    inputs = PageInputs(manifest, str(plan), [rasters], searched, truth, name, enlarged)
    page(inputs, CRITERIA, MOON, choice, str(index))
    return index


def write_scenes(folder: Path) -> list[RasterRow]:
    """Write the scenes with their discs, bright on dark."""
    folder.mkdir(parents=True, exist_ok=True)
    return [_write_scene(folder / f"{name}.tif", name, scene) for name, scene in SCENES.items()]


def _write_scene(path: Path, name: str, scene: PlacedScene) -> RasterRow:
    wkt = CRS(scene.crs).to_wkt()
    x, y = Ground(wkt, RADIUS_M).xy(np.array([scene.lon]), np.array([scene.lat]), 0.0, 0.0)
    half = SIDE / 2 * GSD_M
    transform = Affine(GSD_M, 0, float(x[0]) - half, 0, -GSD_M, float(y[0]) + half)
    pixels = np.full((SIDE, SIDE), DARK, np.uint8)
    columns, lines = np.meshgrid(np.arange(SIDE) + 0.5, np.arange(SIDE) + 0.5)
    lon, lat = Ground(wkt, RADIUS_M).lonlat(*Grid(wkt, transform, SIDE, SIDE).to_map(columns, lines))
    for crater_lon, crater_lat, diameter_km in CRATERS[name]:
        pixels[distance(lon, lat, crater_lon, crater_lat) * RADIUS_M <= diameter_km * 500] = BRIGHT
    with rasterio.open(path, "w", driver="GTiff", width=SIDE, height=SIDE, count=1, dtype="uint8", crs=wkt,
                       transform=transform) as sink:  # fmt: skip
        sink.write(pixels, 1)
    return RasterRow(name, GSD_M, str(path), wkt, list(transform)[:6], SIDE, SIDE, 1.0, [0.0], [255.0], "projected")
