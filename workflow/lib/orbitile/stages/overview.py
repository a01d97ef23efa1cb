"""overview: one picture of a run, its scenes and its catalogue of craters."""

import numpy as np
from matplotlib.collections import LineCollection

from orbitile import catalogue
from orbitile.pictures.density import DensityGrid, draw_density
from orbitile.pictures.rings import pixel_rings
from orbitile.pictures.scene_picture import Frame, RunPicture, searched_scenes_text
from orbitile.pictures.scene_sheet import SceneSheet, SheetCell
from orbitile.space.ground import Ground, ground_ellipses
from orbitile.tables.craters import Craters

COLUMNS = ["lon", "lat", "diameter_km"]
MOST_RINGS = 20_000
"""More rings than these would be a blot."""
MOST_SMALL_RINGS, SMALL_RING_PX = 2_000, 3
"""As would more than these of such a diameter, in the middle of all."""
LARGEST = 200
"""How many craters still have rings where the others are drawn as a density, or in each scene of a sheet."""
COLOUR = "#00e5ff"


def overview(manifest: str, rasters: list[str], radius_m: float, out: str, unmapped_scenes: int = 0) -> None:
    """Draw all scenes at their coarsest scale on a common map, and the craters over them, as a PNG.

    `manifest` is that of a catalogue. Craters are rings; where these could not be told apart, colours show how many
    there are where, and only the largest craters have rings. Several `unmapped_scenes` of a run in pixel coordinates
    lie side by side instead.
    """
    if unmapped_scenes > 1:
        return _draw_sheet(catalogue.open(manifest), SceneSheet.of(rasters), radius_m, out)
    picture, craters = RunPicture.of(rasters), catalogue.open(manifest)
    picture.add_map_frame(radius_m, graticule=not unmapped_scenes)
    grid, scenes = DensityGrid(picture.frame, radius_m), picture.searched_text(craters.metadata.get("exclusions", []))
    if _are_legible(craters, grid):
        rows = craters.table(COLUMNS).sort_by([(name, "ascending") for name in ("lat", "lon")])
        _draw_rings(picture, Craters.of_catalogue(rows), radius_m)
        heading = f"{len(craters):,} craters in {scenes}"
    else:
        largest = _count_craters(craters, grid)
        draw_density(picture, grid, "craters")
        _draw_rings(picture, largest, radius_m)
        heading = f"{len(craters):,} craters in {scenes}; rings: the {LARGEST} largest"
    return picture.save(heading, out)


def _draw_sheet(craters: catalogue.Catalogue, sheet: SceneSheet, radius_m: float, out: str) -> None:
    """Draw the largest craters of each scene on it."""
    members = Craters.of_catalogue(craters.select(scenes=sheet.cells).table([*COLUMNS, "scene"]))
    counts = [_outline_largest(cell, members.of_scene(scene), radius_m) for scene, cell in sheet.cells.items()]
    scenes = searched_scenes_text(sheet.names, craters.metadata.get("exclusions", []))
    caveat = f"; rings: at most the {LARGEST} largest of each" if max(counts, default=0) > LARGEST else ""
    sheet.save(f"{len(craters):,} craters in {scenes}{sheet.more_text}{caveat}", out)


def _outline_largest(cell: SheetCell, craters: Craters, radius_m: float) -> int:
    """Draw the largest craters of a scene; returns how many it has."""
    drawn = _largest([craters])
    place, size_m = (drawn.lon, drawn.lat), (drawn.diameter_m, drawn.diameter_m)
    cell.outline(list(pixel_rings(place, size_m, cell.raster.grid, radius_m)), COLOUR)
    return len(craters)


def _are_legible(craters: catalogue.Catalogue, grid: DensityGrid) -> bool:
    """Whether rings of all craters can be told apart."""
    if not MOST_SMALL_RINGS < len(craters) <= MOST_RINGS:
        return len(craters) <= MOST_SMALL_RINGS
    diameters_m = craters.table(["diameter_km"])["diameter_km"].to_numpy() * 1000
    return float(np.median(diameters_m)) >= SMALL_RING_PX * grid.pixel_m


def _count_craters(craters: catalogue.Catalogue, grid: DensityGrid) -> Craters:
    """Count all craters, batch by batch; returns the largest of them."""
    largest: list[Craters] = []
    for batch in craters.batches(COLUMNS):
        members = Craters.of_catalogue(batch)
        grid.add(members.lon, members.lat)
        largest = [_largest([*largest, members])]
    return largest[0]


def _largest(parts: list[Craters]) -> Craters:
    craters = Craters.joined(parts)
    return craters.select(np.argsort(-craters.diameter_m, kind="stable")[:LARGEST])


def _draw_rings(picture: RunPicture, craters: Craters, radius_m: float) -> None:
    rings = _rings(craters, picture.frame, radius_m)
    picture.axes.add_collection(LineCollection(rings, colors=COLOUR, linewidths=0.6))


def _rings(craters: Craters, frame: Frame, radius_m: float) -> list[np.ndarray]:
    """Outlines, each (n, 2: x, y), of craters on the frame's map."""
    if not len(craters):
        return []
    lon, lat = ground_ellipses(craters.lon, craters.lat, craters.diameter_m, craters.diameter_m, radius_m, vertices=48)
    rings = np.stack(Ground(frame.crs_wkt, radius_m).xy(lon, lat, *frame.middle), axis=-1)
    return list(np.concatenate([rings, rings[:, :1]], axis=1))
