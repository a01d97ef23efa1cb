"""Small runs for a project of QGIS: two scenes with bright discs side by side at 180 degrees, a catalogue or a map."""

import json
from collections.abc import Sequence
from pathlib import Path

import geopandas
import numpy as np
import rasterio
import shapely
from affine import Affine
from disc_scenes import drawn_disc
from plan_rows import plan_row
from pyproj import CRS
from small_catalogues import write_small_catalogue

from orbitile.base.files import write_json
from orbitile.features.shapes.detection_shapes import VectorStyle
from orbitile.gis.layer_styles import class_renderer, crater_styles, style_text, write_style_file
from orbitile.space.bodies import find_body
from orbitile.space.ground import Ground
from orbitile.stages.completeness import SearchedTables, completeness
from orbitile.stages.judging import write_judging_layer
from orbitile.stages.qgis_project import ProjectInputs, qgis_project
from orbitile.tables.plan import PlanGroup, PlanOrigin, write_plan
from orbitile.tables.rasters import RasterRow, write_rasters
from orbitile.tables.standalone_files import write_single_files
from orbitile.tables.vector_writers import VectorLayer
from orbitile.tables.vectors import write_vectors

MOON = find_body("Moon")
CRS_180 = CRS("IAU_2015:30115")
SIDE, GSD_M = 300, 1000.0
DISCS = np.array([(60.0, 60.0, 30.0), (240.5, 80.25, 41.0), (300.0, 200.0, 60.0), (420.75, 90.0, 20.0)])
"""Columns, rows and diameters in pixels, in both scenes together; the third lies on 180 degrees."""


def write_catalogue_run(folder: Path, exclusions: Sequence[dict] = (), **options) -> Path:
    """Write a run with DISCS as its catalogue and the project of it; returns the project's path.

    `options` are further inputs of the project.
    """
    rasters, plan = _write_scenes(folder)
    lon, lat = Ground(CRS_180.to_wkt(), MOON.radius_m).lonlat(*_places())
    craters = list(zip(lon.tolist(), lat.tolist(), (DISCS[:, 2] * GSD_M / 1000).tolist(), strict=True))
    manifest = Path(write_small_catalogue(folder / "catalogue", craters))
    _write_polygons(manifest)
    described = json.loads(manifest.read_text())
    files = [dict(path=f"craters.{suffix}") for suffix in ("gpkg", "shp")]
    write_json(manifest, described | dict(run=folder.name, exclusions=list(exclusions), errors=None, files=files))
    searched = str(folder / "catalogue" / "completeness.json")
    completeness(SearchedTables([rasters], []), str(manifest), MOON, ["gpkg", "shp"], searched)
    judging = str(folder / "judging" / "judging.json")
    write_judging_layer(str(manifest), 10, 0, VectorStyle("ellipse", 128), judging)
    return _write_project(folder, ProjectInputs(str(manifest), plan, [rasters], searched, judging=judging, **options))


def write_map_run(folder: Path) -> Path:
    """Write a run with DISCS as a map of two classes, and the project of it; returns the project's path."""
    rasters, plan = _write_scenes(folder)
    stitched = str(folder / "stitched.parquet")
    write_rasters([_write_raster(folder, name, number, 2) for number, name in enumerate("ab")], stitched)
    (folder / "map").mkdir(exist_ok=True)
    boxes = shapely.box(-179.5, [1, 3], -179, [2, 4])
    shapes = dict(polygons=("Polygon", boxes), lines=("LineString", shapely.boundary(boxes)))
    for kind, (geometry_type, geometry) in shapes.items():
        frame = geopandas.GeoDataFrame({"class": ["pit", "ridge"], "lon": 0.0}, geometry=geometry, crs=MOON.crs)
        styles = dict(classes=style_text(class_renderer(kind, ["pit", "ridge"])))
        layer = VectorLayer(str(folder / "map" / kind), geometry_type, MOON.crs, {}, styles)
        write_single_files([frame], layer, ["gpkg", "shp"])
        write_style_file(layer.stem, styles)
    manifest = folder / "map" / "polygons.json"
    files = [dict(path=f"{kind}.gpkg") for kind in shapes]
    write_json(manifest, dict(run=folder.name, exclusions=[], files=files, parts=[]))
    return _write_project(folder, ProjectInputs(str(manifest), plan, [rasters], None, [stitched]))


def _write_project(folder: Path, inputs: ProjectInputs) -> Path:
    project = folder / f"{folder.name}.qgz"
    qgis_project(inputs, MOON, str(project), str(folder / "scenes.gpkg"))
    return project


def _places() -> tuple[np.ndarray, np.ndarray]:
    """The centres of DISCS on the map, metres: the scenes meet at 0 m, the upper side lies at 0 m."""
    return (DISCS[:, 0] - SIDE) * GSD_M, -DISCS[:, 1] * GSD_M


def _write_scenes(folder: Path) -> tuple[str, str]:
    """Write the scenes, their table and the plan; returns the paths of both."""
    (folder / "catalogue").mkdir(parents=True, exist_ok=True)
    write_rasters([_write_raster(folder, name, number, 1) for number, name in enumerate("ab")], folder / "a.parquet")
    ground = Ground(CRS_180.to_wkt(), MOON.radius_m)
    rows = []
    for number, name in enumerate("ab"):
        left = (number - 1) * SIDE * GSD_M
        sides = np.array([left, left + SIDE * GSD_M])[[0, 1, 1, 0]]
        lon, lat = ground.lonlat(sides, np.array([0, 0, -1, -1]) * SIDE * GSD_M)
        rows.append(plan_row(name, f"group of {name}", outline_lon=lon.tolist(), outline_lat=lat.tolist()))
    groups = [PlanGroup(f"group of {name}", [], [], "version", 1.0) for name in "ab"]
    write_plan(rows, groups, [], PlanOrigin("", "", ""), folder / "plan.parquet")
    return str(folder / "a.parquet"), str(folder / "plan.parquet")


def _write_raster(folder: Path, name: str, number: int, bands: int) -> RasterRow:
    """The scene of a number with all discs, bright on dark; a raster of two bands is one of probabilities."""
    share = np.zeros((SIDE, 2 * SIDE))
    for disc in DISCS:
        share = np.maximum(share, drawn_disc(share.shape, *disc))
    pixels = np.rint(60 + 150 * share).astype(np.uint8)[:, number * SIDE : (number + 1) * SIDE]
    transform = Affine(GSD_M, 0, (number - 1) * SIDE * GSD_M, 0, -GSD_M, 0)
    path = folder / f"{name}-{bands}.tif"
    profile = dict(driver="GTiff", width=SIDE, height=SIDE, dtype="uint8", crs=CRS_180.to_wkt(), transform=transform)
    with rasterio.open(path, "w", count=bands, **profile) as sink:
        sink.write(np.stack([pixels] * bands))
        sink.descriptions = ("pit", "ridge")[:bands]
    placed = (CRS_180.to_wkt(), list(transform)[:6], SIDE, SIDE, 1.0, [0.0] * bands, [255.0] * bands)
    return RasterRow(name, GSD_M, str(path), *placed, "projected")


def _write_polygons(manifest: Path) -> None:
    """Write the rings of a catalogue's craters beside it."""
    import orbitile.catalogue

    frame = orbitile.catalogue.open(manifest).geodataframe(VectorStyle("ellipse", 128).shape)
    styles = crater_styles((10, 100))
    layer = VectorLayer(str(manifest.with_suffix("")), "Polygon", MOON.crs, {}, styles)
    write_vectors(frame, layer.stem, kind="Polygon", formats=["gpkg", "shp"], styles=styles)
    write_style_file(layer.stem, styles)
